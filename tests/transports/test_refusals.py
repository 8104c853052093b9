"""One counter for each kind of refusal: names are fixed, and floods do not fill the log."""

from __future__ import annotations

import pytest

from pinecall_run.transports.refusals import KINDS, Refusals


def test_each_kind_is_there_from_the_beginning_and_counts_by_itself() -> None:
    refusals = Refusals()
    every = [(door, kind) for door, kinds in KINDS.items() for kind in kinds]
    assert [(door, kind) for door, kind, _ in refusals.all()] == every
    refusals.at("twilio")["signatures"] += 1
    refusals.at("sip").update(floods=2)
    assert [(door, kind, n) for door, kind, n in refusals.all() if n] == [
        ("twilio", "signatures", 1),
        ("sip", "floods", 2),
    ]
    assert refusals.told() == "twilio 1 signatures, sip 2 floods"
    assert Refusals().told() == ""


def test_a_name_that_is_none_is_no_counter() -> None:
    with pytest.raises(KeyError, match="signature"):
        Refusals().at("twilio")["signature"] += 1
    with pytest.raises(KeyError):
        Refusals().at("fax")


def test_the_log_is_told_of_the_first_the_tenth_the_hundredth(caplog: pytest.LogCaptureFixture) -> None:
    tally = Refusals().at("http")
    for _ in range(1_050):
        tally["rates"] += 1
    tally["keys"] += 0
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        f"http, {count} rates" for count in (1, 10, 100, 1000)
    ]
