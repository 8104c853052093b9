"""What every test shares."""

from __future__ import annotations

from hypothesis import settings

# A machine with other work on it makes any example late once: time is asserted where it matters, not by each property.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")
