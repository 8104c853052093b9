"""What every test shares."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings
from tests._packages import packages  # noqa: F401 - a fixture

# A machine with other work on it makes any example late once: time is asserted where it matters, not by each property.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

REAL_TIME = (
    "tests/cli/test_say.py",
    "tests/cli/test_talk.py",
    "tests/providers/test_trial.py",
    "tests/stories/test_bad_line.py",
    "tests/stories/test_baresip.py",
    "tests/stories/test_crowd.py",
    "tests/stories/test_every_door.py",
    "tests/stories/test_faults.py",
    "tests/stories/test_live.py",
    "tests/stories/test_run.py",
    "tests/stories/test_sip_flood.py",
    "tests/stories/test_sip_encrypted.py::test_baresip_asks_and_hears",
    "tests/stories/test_sipp_sound.py",
    "tests/stories/test_spoken.py",
    "tests/stories/test_vendors.py",
    "tests/voice/test_duplex_side.py",
)
"""Those in which people speak, or time is taken: `make test` runs nothing beside them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(REAL_TIME):
            item.add_marker("real_time")


def pytest_collection_finish() -> None:
    """Ten thousand tests are no longer looked at by the collector, which else stops everything for a second or more
    each time, and whatever is spoken or waited for meanwhile is late."""
    gc.collect()
    gc.freeze()


os.environ["AWS_EC2_METADATA_DISABLED"] = "true"  # a test without keys asks nobody for some
