"""What every test shares."""

from __future__ import annotations

import os

from hypothesis import settings
from tests._packages import packages  # noqa: F401 - a fixture

# A machine with other work on it makes any example late once: time is asserted where it matters, not by each property.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # a test without keys asks nobody for some
