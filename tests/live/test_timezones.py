"""A time zone is one of the machine's list, whether it is asked for alone or the list is read."""

from zoneinfo import available_timezones

import pytest

from pinecall_run.live.timezones import Timezones


def test_the_names_are_those_of_the_list() -> None:
    assert set(Timezones()) == available_timezones()
    assert len(Timezones()) == len(available_timezones())
    assert all(name in Timezones() for name in available_timezones())


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Base", "Europe", "europe madrid", "../Europe/Madrid", "/etc/hosts", "posixrules", "posix/UTC",
     "right/UTC", "zone.tab", "tzdata.zi", "a\0b", "é" * 5000, "CON", 7],
)  # fmt: skip
def test_what_is_no_zone(name: object) -> None:
    assert name not in Timezones()
