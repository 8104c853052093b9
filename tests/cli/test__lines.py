"""Every notice has one event and one sentence, and what people and tools said is in neither."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from tests.live.test_notices import KINDS

from pinecall_run.cli._lines import LINES, fields
from pinecall_run.deploy.changes import Change
from pinecall_run.live import notices
from pinecall_run.live.load import Checked
from pinecall_run.live.notices import Notice
from pinecall_run.live.project import Project
from pinecall_run.source.diagnostic import Diagnostic, Span
from pinecall_run.tools.invoke import Failure
from pinecall_run.tools.usage import Usage, Used

SAID = "my card is 4111"
FAILURE = Failure("LookupError", f"no order for {SAID}", "/srv/orders.py", 7)

HEARD = Used("stt", "acme", "big", {"seconds": 30.25}, 0.004211)

EXAMPLES: list[tuple[Notice, str]] = [
    (notices.Connected(1), "connected; agents are being registered"),
    (notices.Connected(2), "connected again; agents are being registered"),
    (notices.Disconnected("gone", 1.26), "gone; trying again in 1.3 s"),
    (notices.AgentUp("desk"), "desk is registered"),
    (notices.AgentUp("desk", took_over=True), "desk took over: new calls are answered here"),
    (notices.StandingBy("desk"), "desk stands by: another process answers, and this one takes over when it leaves"),
    (notices.AgentRefused("desk", "held", 5.0), "desk was refused: held; trying again in 5 s"),
    (notices.AgentRefused("desk", "held", None), "desk was refused: held"),
    (notices.ChannelUp("desk", "chat", "", True), "desk: chat is registered"),
    (notices.ChannelUp("desk", "webrtc", "", True, ("calls are heard offline",)),
     "desk: webrtc is registered; calls are heard offline"),
    (notices.ChannelUp("desk", "webrtc", "", False, ("elevenlabs is not served here",)),
     "desk: webrtc is registered, but not served; elevenlabs is not served here"),
    (notices.ChannelUp("desk", "phone", "+1555", False),
     "desk: +1555 is registered, for which this server has no transport"),
    (notices.ChannelRefused("desk", "+1555", "taken", None), "desk: +1555 was refused: taken"),
    (notices.CallBegan("desk", "chat-0123456789ab", "chat", "f00dcafe"), "desk chat-012345678@f00dca began (chat)"),
    (notices.Said("desk", "c1", "person", SAID, "f00dcafe"), ""),
    (notices.TurnAnswered("desk", "c1", {"decided": 300.4, "first_token": 410.0, "heard": 640.0}, "f00dcafe"),
     "desk c1@f00dca answered; ms since the caller's last sound: decided 300, first token 410, heard 640"),
    (notices.ProviderFailed("desk", "c1", "stt", "gladia", "it ended the stream", "local", "f00dcafe"),
     "desk c1@f00dca stt gladia failed: it ended the stream; local goes on"),
    (notices.ProviderFailed("desk", "c1", "stt", "gladia", "it ended the stream", ""),
     "desk c1 stt gladia failed: it ended the stream"),
    (notices.ToolBegan("desk", "c1", "look", "t1", "f00dcafe"), "desk c1@f00dca tool look began"),
    (notices.ToolRan("desk", "c1", "look", 3.4, None, SAID, "f00dcafe"), "desk c1@f00dca tool look(…) ok, 3 ms, pid N"),
    (notices.ToolRan("desk", "c1", "look", 3.4, FAILURE, SAID, "f00dcafe"),
     "desk c1@f00dca tool look(…) failed with LookupError at PLACE:7, 3 ms, pid N"),
    (notices.ToolRan("desk", "c1", "look", 3.4, None, SAID, "f00dcafe", tries=2, is_repeated=True),
     "desk c1@f00dca tool look(…) ok, not run again, as the journal says, 2 tries, 3 ms, pid N"),
    (notices.ToolRetried("desk", "c1", "look", 1, FAILURE, 0.5, "f00dcafe"),
     "desk c1@f00dca tool look(…) failed with LookupError at PLACE:7; trying again in 0.5 s"),
    (notices.FunctionFailed("desk", "c1", "on call.started", "shop.greet", FAILURE, "f00dcafe"),
     "desk c1@f00dca on call.started shop.greet failed with LookupError at PLACE:7"),
    (notices.CallOver("desk", "c1", "hangup", 12.3, "f00dcafe"), "desk c1@f00dca ended (hangup, 12 s)"),
    (notices.CallOver("desk", "c1", "hangup", 31, "", Usage((), 0.0, True)), "desk c1 ended (hangup, 31 s)"),
    (notices.CallOver("desk", "c1", "hangup", 31, "", Usage((HEARD,), 0.0042, True)),
     "desk c1 ended (hangup, 31 s, $0.0042)"),
    (notices.CallOver("desk", "c1", "hangup", 31, "", Usage((HEARD,), 1.256, False)),
     "desk c1 ended (hangup, 31 s, $1.26 and what has no price)"),
    (notices.Trouble("quota", "desk", "c1", "f00dcafe"), "desk c1@f00dca error: quota"),
    (notices.Trouble("quota"), "error: quota"),
    (notices.FrameIgnored("memory.ops", "unknown event", "", True),
     "the server sends memory.ops, which this version does not know: ignored, and not said again"),
    (notices.FrameIgnored("memory.ops", "unknown event", "", False), ""),
    (notices.FrameIgnored("", "malformed", "Input data was truncated", True),
     "the server sends a message, which cannot be read (Input data was truncated): ignored, and not said again"),
    (notices.FrameIgnored("turn.end", "unknown agent", "", True),
     "the server sends turn.end, for an agent that is not ours: ignored, and not said again"),
    (notices.FrameIgnored("turn.end", "unknown call", "", True),
     "the server sends turn.end, for a call that is over, or never was: ignored, and not said again"),
    (notices.Reloaded("f00dcafe", [Change("a", "agent removed", "re-register")], {"abc": 2, "def": 1}),
     "reloaded: revision f00dcafe, 2 live calls stay on abc, 1 live call stays on def"),
    (notices.Reloaded("f00dcafe", [], {}, is_postponed=True),
     "reloaded: revision f00dcafe, no live calls on an older one; there is no connection, so the server hears of it "
     "with the next one"),
    (notices.ReloadFailed("no database"), "not reloaded: no database; what ran before goes on"),
    (notices.ReloadRejected([("desk", "no such model")]),
     "not reloaded: the server did not take it, and what ran before goes on"),
    (notices.ReloadRefused(Checked(Project.at(Path()))), "not reloaded; what ran before goes on"),
    (notices.LoopBlocked("/srv/orders.py", 7, 1.26),
     "PLACE:7 kept everything waiting for 1.3 s; make it a plain function, which gets a thread"),
    (notices.Draining(0, 0, 45.0), "no new calls; nothing is going on"),
    (notices.Draining(1, 2, 45.0),
     "no new calls; waiting up to 45 s for 1 live call and 2 tools; a second signal ends it now"),
    (notices.Stopped("the key was refused"), "stopped: the key was refused"),
    (notices.Missed(3), "3 events were dropped"),
]  # fmt: skip


def test_every_notice_has_a_line_with_an_event_of_its_own_and_an_example() -> None:
    assert set(LINES) == set(KINDS)
    assert {type(notice) for notice, _ in EXAMPLES} == set(KINDS)
    events = [line.event for line in LINES.values()]
    assert len(set(events)) == len(events)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", event) for event in events)


@pytest.mark.parametrize(("notice", "sentence"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_notice_is_one_sentence(notice: Notice, sentence: str) -> None:
    said = LINES[type(notice)].say(notice, False)
    assert re.sub(r"pid \d+", "pid N", re.sub(r"[./\w]*srv/orders\.py", "PLACE", said)) == sentence


@pytest.mark.parametrize(("notice", "sentence"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_content_is_told_on_request_only(notice: Notice, sentence: str) -> None:
    line = LINES[type(notice)]
    told = json.dumps([line.say(notice, False), fields(notice, shown=False), line.detail(notice, False)])
    assert "4111" not in told
    has_content = "4111" in repr([getattr(notice, "content", ""), getattr(notice, "failure", "")])
    assert ("4111" in line.say(notice, True)) is has_content
    assert ("4111" in json.dumps(fields(notice, shown=True))) is has_content


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_field_takes_the_place_of_what_every_line_has(kind: type[Notice]) -> None:
    assert not {field.name for field in dataclasses.fields(kind)} & {"time", "level", "event", "message"}


def test_fields_are_plain() -> None:
    ran = fields(notices.ToolRan("desk", "c1", "look", 3.44444, FAILURE, SAID, "r1"), shown=False)
    assert ran == {
        "agent": "desk", "call": "c1", "tool": "look", "milliseconds": 3.444,
        "failure": {"kind": "LookupError", "file": "/srv/orders.py", "line": 7},
        "revision": "r1", "tries": 1, "is_repeated": False,
    }  # fmt: skip
    change = Change("a", "agent removed", "re-register")
    assert fields(notices.Reloaded("r2", [change], {"r1": 2}, ["server"]), shown=False) == {
        "revision": "r2",
        "changes": [{"agent": "a", "what": "agent removed", "effect": "re-register"}],
        "older": {"r1": 2},
        "restart_for": ["server"],
        "is_postponed": False,
    }
    checked = Checked(Project.at(Path()), diagnostics=[Diagnostic("PCR101", "no key `x`", Span.at("pinecall.yaml", 3))])
    (finding,) = fields(notices.ReloadRefused(checked), shown=False)["findings"]
    assert (finding["code"], finding["file"], finding["line"]) == ("PCR101", "pinecall.yaml", 3)


def test_what_is_not_about_an_agent_says_nothing_of_one() -> None:
    assert fields(notices.Trouble("quota"), shown=False) == {"reason": "quota"}


def test_what_a_call_used_is_whole_for_machines() -> None:
    told = fields(
        notices.CallOver("desk", "c1", "hangup", 31.0, "f00dcafe", Usage((HEARD,), 0.004211, False)), shown=False
    )
    assert json.loads(json.dumps(told))["usage"] == {
        "vendors": [{"stage": "stt", "provider": "acme", "model": "big", "seconds": 30.25, "cost_usd": 0.004211}],
        "cost_usd": 0.004211,
        "is_cost_complete": False,
    }
