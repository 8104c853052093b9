"""What people read of a change: each agent, each channel, and from when on."""

from __future__ import annotations

from tests.deploy.test_diff import WHATSAPP, agent, by_name, channel

from pinecall_run.config.reloads import effects
from pinecall_run.deploy.changes import Change, Shape, changes, shape_of
from pinecall_run.resources import schema

EFFECTS = effects(schema("pinecall"))


def test_changes_are_told_by_agent_and_by_when_they_take_effect() -> None:
    before = by_name(
        agent("old", channel("chat")),
        agent("same", channel("chat")),
        agent("a", channel("chat", voice="v"), channel("whatsapp", **WHATSAPP), llm="x", prompt="p", greeting="Hi"),
    )
    after = by_name(
        agent("same", channel("chat")),
        agent(
            "a",
            channel("chat"),
            channel("whatsapp", **{**WHATSAPP, "access_token": "u"}),
            channel("phone", ref="+1555"),
            llm="y",
            prompt="q",
            allowed_origins=["*"],
        ),
        agent("new", channel("chat")),
    )
    had, wanted = ({name: shape_of(one) for name, one in each.items()} for each in (before, after))
    assert changes(had, wanted, EFFECTS) == [
        Change("old", "agent removed", "re-register"),
        Change("a", "model, prompt, greeting", "next call"),
        Change("a", "allowed_origins", "live"),
        Change("a", "chat: voice", "next call"),
        Change("a", "106: credentials", "next call"),
        Change("a", "+1555 added", "re-register"),
        Change("new", "agent added", "re-register"),
        Change("new", "chat added", "re-register"),
    ]
    assert changes(wanted, wanted, EFFECTS) == []


def test_what_the_server_is_not_told_takes_effect_with_the_next_call() -> None:
    before, after = ({"a": Shape({"tools": [1], "code": code})} for code in ("x", "y"))
    assert changes(before, after, EFFECTS) == [Change("a", "code", "next call")]
