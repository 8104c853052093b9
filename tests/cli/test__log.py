"""A log is lines for people or objects for machines, secrets masked in both."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from pinecall_run.cli._console import Console
from pinecall_run.cli._log import Log, LogHandler
from pinecall_run.live import notices

SECRET = "sk-4711-do-not-tell"


@pytest.fixture(autouse=True)
def _a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", SECRET)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("pinecall_run.test_log")
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def test_an_object_a_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    Log("json").write("info", "said", "two\nlines \x1b[31m \udcff ñ", {"deep": [{"key": f"with {SECRET}"}], "n": 1})
    (entry,) = entries(capsys)
    assert list(entry) == ["time", "level", "event", "message", "deep", "n"]
    assert entry["time"].endswith("Z")
    assert len(entry["time"]) == len("2026-01-01T00:00:00.000Z")
    assert entry["message"] == "two\nlines \x1b[31m \udcff ñ"
    assert entry["deep"] == [{"key": "with ***"}]


def test_text_has_time_and_sentence_and_what_else_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    Log().write("error", "e", f"it is {SECRET}", {"n": 1}, f"more of {SECRET}")
    assert capsys.readouterr().out[len("00:00:00") :] == " it is ***\nmore of ***\n"


def test_why_a_program_ends_is_an_event_too(capsys: pytest.CaptureFixture[str]) -> None:
    Log("json").sentence("refused", "no such key")
    assert entries(capsys)[0]["event"] == "refused"
    Log().sentence("refused", "no such key")
    assert capsys.readouterr().err == "pinecall-run: no such key\n"


def test_a_record_is_told_without_the_words_of_its_exception(
    capsys: pytest.CaptureFixture[str], logger: logging.Logger
) -> None:
    logger.addHandler(LogHandler(Log("json")))
    logger.info("nobody is told")
    try:
        raise LookupError("my card is 4111")
    except LookupError:
        logger.exception("a tool %s", "broke")
    (entry,) = entries(capsys)
    assert (entry["event"], entry["level"], entry["logger"]) == ("log", "error", "pinecall_run.test_log")
    assert entry["message"].startswith("pinecall_run.test_log: a tool broke (LookupError")
    assert entry["failure"]["kind"] == "LookupError"
    assert "4111" not in json.dumps(entry)


def test_every_line_says_its_revision(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(Log("json"), revision="r1")
    for notice in (
        notices.AgentUp("desk"),
        notices.Reloaded("r2", [], {"r1": 1}),
        notices.AgentUp("desk"),
        notices.CallOver("desk", "c1", "hangup", 1.0, "r1"),
        notices.Trouble("quota", "desk", "c9"),
    ):
        console(notice)
    assert [entry.get("revision") for entry in entries(capsys)] == ["r1", "r2", "r2", "r1", None]


def test_a_person_is_not_told_what_the_banner_says(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(Log())
    console(notices.Connected(1))
    console(notices.AgentUp("desk"))
    console(notices.Connected(2))
    assert capsys.readouterr().out.count("\n") == 1
