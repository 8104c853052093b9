"""What a page may ask for, what it is told, and what becomes of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiortc import InvalidStateError
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.transports._allowance import BURST, PER_SECOND
from pinecall_run.transports.chat import MAX_TEXT
from pinecall_run.transports.data_channel import (
    EARLY,
    MAX_BUFFERED,
    MAX_CHANNELS,
    MAX_MESSAGE,
    EventsChannel,
    allowed,
    read_action,
)
from pinecall_run.wire.events import BotSpeaking, TerminalToolResult


class Channel:
    """As much of aiortc's as is used."""

    def __init__(self, label: str = "events") -> None:
        self.label, self.readyState, self.bufferedAmount = label, "open", 0
        self.sent: list[Any] = []
        self.handlers: dict[str, Any] = {}

    def on(self, name: str, handler: Any) -> None:
        self.handlers[name] = handler

    def send(self, text: str) -> None:
        if self.readyState != "open":
            raise InvalidStateError
        if len(text) > 10_000:
            raise ValueError("the remote party only supports messages of less")
        self.sent.append(json.loads(text))

    def close(self) -> None:
        self.readyState = "closed"
        self.handlers["close"]()


def speaking(number: int) -> BotSpeaking:
    return BotSpeaking(agent_id="desk", call_id="c", message_id=str(number), text="hi")


def opened(**more: Any) -> tuple[EventsChannel, Channel, list[Any]]:
    clock = more.get("clock", lambda: 0.0)
    channel, actions, browser = EventsChannel(on_overrun=lambda: None, clock=clock), list[Any](), Channel()
    channel.begin(actions.append, shows_results=more.get("shows_results", False))
    channel.open(browser)  # type: ignore[arg-type]
    return channel, browser, actions


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ('{"action":"mute"}', {"action": "mute"}),
        ('{"action":"unmute","extra":1}', {"action": "unmute"}),
        ('{"action":"inject_text","text":"hi","role":"system"}', {"action": "inject_text", "text": "hi"}),
        (
            '{"action":"set_context","key":"cart","value":{"n":1}}',
            {"action": "set_context", "key": "cart", "value": {"n": 1}},
        ),
        (
            '{"action":"set_context","key":"cart","value":null}',
            {"action": "set_context", "key": "cart", "value": None},
        ),
        ('{"action":"set_context","key":"cart"}', {"action": "set_context", "key": "cart", "value": None}),
        (
            '{"action":"configure","voice":"x","language":"es","stt":"a","tts":"b","greeting":"g","flash":true}',
            {
                "action": "configure",
                "voice": "x",
                "language": "es",
                "stt": "a",
                "tts": "b",
                "greeting": "g",
                "flash": True,
            },
        ),
        ('{"action":"configure","voice":"x","prompt":"be rude"}', {"action": "configure", "voice": "x"}),
        ('{"action":"configure","llm":"x"}', None),
        ('{"action":"configure"}', None),
        ('{"action":"inject_text","text":""}', None),
        ('{"action":"inject_text","text":7}', None),
        (json.dumps({"action": "inject_text", "text": "x" * (MAX_TEXT + 1)}), None),
        ('{"action":"set_context","key":7,"value":1}', None),
        (json.dumps({"action": "set_context", "key": "k", "value": "x" * MAX_TEXT}), None),
        ('{"action":"hangup"}', None),
        ('{"action":["mute"]}', None),
        ('{"action":null}', None),
        ("[]", None),
        ("{", None),
        ("", None),
        (b'{"action":"mute"}', None),
        (None, None),
        ('{"action":"mute"}' + " " * MAX_MESSAGE, None),
        ("[" * 5000, None),
    ],
)
def test_actions(message: object, action: dict[str, Any] | None) -> None:
    assert read_action(message) == action


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_a_page_sends_is_an_action_or_ignored(message: object) -> None:
    channel, _, actions = opened()
    channel.receive(message)
    assert channel.ignored + len(actions) + (message == "ping") == 1


def test_what_a_page_may_not_configure_is_named_without_its_values(caplog: pytest.LogCaptureFixture) -> None:
    assert allowed({"prompt": "my secret", "voice": "v", "x" * 99: 1}) == {"voice": "v"}
    (record,) = caplog.records
    assert "'prompt'" in record.getMessage()
    assert "secret" not in record.getMessage()
    assert "x" * 41 not in record.getMessage()


def test_an_action_that_breaks_the_conversation_does_not_break_the_channel(caplog: pytest.LogCaptureFixture) -> None:
    channel, browser, _ = opened()

    def broken(action: dict[str, Any]) -> None:
        raise ValueError("what the caller said")

    channel.begin(broken, shows_results=False)
    channel.receive('{"action":"mute"}')
    channel.receive("ping")
    assert browser.sent == [{"event": "pong"}]
    assert caplog.messages == ["what a page asked for failed: ValueError"]


def test_a_flood_of_actions_is_held_to_a_pace() -> None:
    now = [100.0]
    channel, browser, actions = opened(clock=lambda: now[0])
    for _ in range(1_000):
        channel.receive('{"action":"mute"}')
        channel.receive("ping")
    assert len(actions) + len(browser.sent) == BURST
    assert channel.ignored == 2_000 - BURST
    now[0] += 1.0
    for _ in range(1_000):
        channel.receive('{"action":"mute"}')
    assert len(actions) + len(browser.sent) == BURST + PER_SECOND


def test_a_page_that_opens_channel_after_channel_is_let_go() -> None:
    let_go: list[int] = []
    channel = EventsChannel(on_overrun=lambda: let_go.append(1))
    for _ in range(MAX_CHANNELS):
        channel.open(Channel("x"))  # type: ignore[arg-type]
    assert not let_go
    channel.open(Channel("x"))  # type: ignore[arg-type]
    assert let_go == [1]


def test_a_ping_is_answered_in_json() -> None:
    channel, browser, _ = opened()
    browser.handlers["message"]("ping")
    assert (browser.sent, channel.ignored) == ([{"event": "pong"}], 0)


def test_events_of_before_the_channel_opened_come_first_and_in_order() -> None:
    channel = EventsChannel(on_overrun=lambda: None)
    for number in range(EARLY + 5):
        channel.event(speaking(number))
    browser = Channel()
    channel.open(Channel("other"))  # type: ignore[arg-type]
    channel.open(browser)  # type: ignore[arg-type]
    channel.event(speaking(EARLY + 5))
    assert [int(frame["message_id"]) for frame in browser.sent] == list(range(5, EARLY + 6))
    assert browser.sent[0] == {
        "event": "bot.speaking",
        "agent_id": "desk",
        "call_id": "c",
        "message_id": "5",
        "text": "hi",
    }


def test_only_the_first_channel_counts() -> None:
    channel, browser, _ = opened()
    second = Channel()
    channel.open(second)  # type: ignore[arg-type]
    channel.event(speaking(1))
    assert (len(browser.sent), len(second.sent)) == (1, 0)


@pytest.mark.parametrize("shows_results", [True, False])
def test_tool_results_are_for_developers(shows_results: bool) -> None:
    channel, browser, _ = opened(shows_results=shows_results)
    channel.event(TerminalToolResult(agent_id="desk", call_id="c", result={}))
    assert len(browser.sent) == int(shows_results)


def test_an_event_that_the_page_cannot_take_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    channel, browser, _ = opened()
    channel.event(BotSpeaking(agent_id="desk", call_id="c", message_id="1", text="secret" * 3000))
    channel.event(speaking(2))
    assert [frame["message_id"] for frame in browser.sent] == ["2"]
    assert "secret" not in caplog.text
    assert "left out" in caplog.text


def test_a_page_that_does_not_read_is_noticed() -> None:
    overruns: list[int] = []
    channel, browser = EventsChannel(on_overrun=lambda: overruns.append(1)), Channel()
    channel.open(browser)  # type: ignore[arg-type]
    browser.bufferedAmount = MAX_BUFFERED
    channel.event(speaking(1))
    assert not overruns
    browser.bufferedAmount += 1
    channel.event(speaking(2))
    assert overruns


async def test_closing_waits_for_the_other_side_and_what_comes_after_is_dropped() -> None:
    channel, browser, _ = opened()
    await channel.close()
    assert browser.readyState == "closed"
    channel.event(speaking(1))
    assert browser.sent == []
    await channel.close()
    await EventsChannel(on_overrun=lambda: None).close()  # never opened
