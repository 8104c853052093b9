"""What a terminal reads of a conversation, each frame with both of its ids."""

from __future__ import annotations

from tests.voice._fakes import Model, Talk

from pinecall_run.voice.terminal import TerminalOutlet
from pinecall_run.wire import events
from pinecall_run.wire.codec import object_from_json, to_json


async def test_every_output_is_a_frame_of_the_requesters_family() -> None:
    sent: list[events.Event] = []
    outlet = TerminalOutlet(lambda event: bool(sent.append(event)) or True, "front", "s1")
    async with Talk(Model()) as talk:
        outlet.post("nobody is there yet")
        outlet.begin(talk.session, is_owner=False)
        outlet.token("Hi")
        outlet.done("Hi")
        outlet.tool_calls([events.ToolCall(id="c", name="look", arguments="{}")])
        outlet.tool_results([
            events.NamedResult(tool_call_id="c", name="look", result=None),
            events.NamedResult(tool_call_id="d", name="look", result=[1]),
        ])  # fmt: skip
        outlet.error("no")
        assert not outlet.is_over
        outlet.ended("disconnected")
        assert outlet.is_over
        frames = [object_from_json(to_json(event)) or {} for event in sent]
        assert all((f["agent_id"], f["call_id"], f["session_id"]) == ("front", "s1", "s1") for f in frames)
        ids = ("agent_id", "call_id", "session_id")
        assert [{key: value for key, value in frame.items() if key not in ids} for frame in frames] == [
            {"event": "llm.chat.started", "model": ""},
            {"event": "llm.chat.token", "token": "Hi", "text": "Hi"},
            {"event": "llm.chat.done", "text": "Hi"},
            {"event": "llm.chat.tool_call", "tool_calls": [{"id": "c", "name": "look", "arguments": "{}"}]},
            {"event": "llm.chat.tool_result", "tool_call_id": "c", "name": "look", "result": None},
            {"event": "llm.chat.tool_result", "tool_call_id": "d", "name": "look", "result": [1]},
            {"event": "llm.chat.error", "error": "no"},
        ]


async def test_a_terminal_that_leaves_ends_its_conversation() -> None:
    talk = Talk(Model())
    outlet = TerminalOutlet(lambda event: False, "front", "s1")
    outlet.leave()
    async with talk:
        outlet.begin(talk.session, is_owner=True)
        outlet.leave()
        await talk.task
    assert talk.owner.last(events.ChatEnded).reason == "chat_completed"
