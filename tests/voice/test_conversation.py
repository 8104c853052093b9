"""The model is shown the prompt with its variables, the person's screen, and messages in OpenAI's order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice.conversation import (
    SCREEN_CHARACTERS,
    SCREEN_KEYS,
    Conversation,
    ToolOutcome,
    built_in_variables,
    change_history,
    fill,
)
from pinecall_run.wire import commands
from pinecall_run.wire.events import ToolCall

NOW = datetime(2026, 11, 22, 9, 5, 7, tzinfo=UTC)


def outcome(name: str, result: Any, *, ephemeral: bool = False) -> ToolOutcome:
    return ToolOutcome(ToolCall(id=f"c_{name}", name=name, arguments='{"a":1}'), result, ephemeral)


def shape(conversation: Conversation) -> list[Any]:
    """What each message is: a text, or the names of the calls, or the call that it answers."""
    return [
        [call["function"]["name"] for call in m["tool_calls"]]
        if m.get("tool_calls")
        else m.get("tool_call_id") or m["content"]
        for m in conversation.messages
    ]


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hello {{name}} of {{ company }}", "Hello Ana of Acme"),
        ("{{unknown}} and {{ also_unknown }}", "{{unknown}} and {{ also_unknown }}"),
        ("{{sly}}", "{{name}}"),  # a value is text, not a template
        ("{{ none }} {{ list }} {{ yes }} {{ n }}", 'null ["a","ñ"] true 3'),
        ("{{name}", "{{name}"),
        ("{{na me}} {{}} {{1x}}", "{{na me}} {{}} {{1x}}"),
    ],
)
def test_placeholders_with_a_value_are_filled_and_all_else_stays(template: str, filled: str) -> None:
    variables = {
        "name": "Ana", "company": "Acme", "sly": "{{name}}", "none": None, "list": ["a", "ñ"], "yes": True, "n": 3,
    }  # fmt: skip
    assert fill(template, variables) == filled


@given(st.text())
def test_without_variables_every_text_stays_as_it_is(template: str) -> None:
    assert fill(template, {}) == template


def test_date_variables_are_of_the_zone_and_moment_given() -> None:
    madrid = NOW.astimezone(ZoneInfo("Europe/Madrid"))
    assert built_in_variables(madrid) == {
        "date": "2026-11-22",
        "time": "10:05",
        "day": "Sunday",
        "datetime": "2026-11-22T10:05:07+01:00",
        "timestamp": "1795338307000",
        "date_block": "Today is Sunday, 22 November 2026. The time is 10:05 (CET).",
    }


def test_the_request_is_prompt_notes_and_screen_and_then_the_messages() -> None:
    talk = Conversation("It is {{time}}, {{name}}.", {"name": "Ana", "time": "late"})
    talk.notes.append("A note with {{name}}.")
    talk.set_screen("cart", {"items": 2})
    talk.set_screen("page", "checkout")
    talk.user_said("hi {{name}}")
    assert talk.request(NOW) == [
        {
            "role": "system",
            "content": "It is late, Ana.\n\nA note with {{name}}.\n\n"
            '# UI Context\n## cart\n{"items":2}\n## page\ncheckout',
        },
        {"role": "user", "content": "hi {{name}}"},
    ]
    talk.set_screen("cart", None)
    talk.set_screen("page", None)
    talk.set_screen("never", None)
    assert "UI Context" not in talk.request(NOW)[0]["content"]


def test_without_a_prompt_there_is_no_system_message() -> None:
    talk = Conversation("")
    talk.user_said("hi")
    assert [message["role"] for message in talk.request(NOW)] == ["user"]


def test_a_page_cannot_fill_the_memory() -> None:
    talk = Conversation("")
    for number in range(SCREEN_KEYS + 5):
        talk.set_screen(f"key{number}", number)
    assert list(talk.screen) == [f"key{number}" for number in range(5, SCREEN_KEYS + 5)]
    talk.set_screen("large", "x" * (SCREEN_CHARACTERS - 20))
    assert len(talk.screen) < 8
    assert list(talk.screen)[-2:] == [f"key{SCREEN_KEYS + 4}", "large"]
    talk.set_screen("too large", "x" * SCREEN_CHARACTERS)
    assert talk.screen == {}


def test_a_key_is_a_heading_and_no_more() -> None:
    talk = Conversation("")
    talk.set_screen("cart\n# Rules\n", "empty")
    assert talk.request(NOW)[0]["content"] == "# UI Context\n## cart # Rules\nempty"


def test_a_copy_is_changed_apart() -> None:
    talk = Conversation("")
    talk.user_said("look")
    talk.tools_answered("", [ToolOutcome(ToolCall(id="1", name="look", arguments="{}"), 7, ephemeral=True)])
    copy = talk.copy()
    copy.answer_is_over()
    copy.user_said("more")
    assert [len(each.messages) for each in (talk, copy)] == [3, 2]
    talk.answer_is_over()
    assert len(talk.messages) == 1


def test_a_tool_round_is_one_request_and_its_answers_in_order() -> None:
    talk = Conversation("")
    talk.tools_answered("Let me see.", [outcome("one", {"ok": True}), outcome("two", "plain ñ")])
    assert talk.messages == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "c_one", "type": "function", "function": {"name": "one", "arguments": '{"a":1}'}},
                {"id": "c_two", "type": "function", "function": {"name": "two", "arguments": '{"a":1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c_one", "content": '{"ok":true}'},
        {"role": "tool", "tool_call_id": "c_two", "content": "plain ñ"},
    ]
    talk.tools_answered("", [outcome("three", None)])
    assert talk.messages[3]["content"] is None
    assert talk.messages[4]["content"] == "null"


def test_ephemeral_results_serve_one_answer_and_leave_with_their_calls() -> None:
    talk = Conversation("")
    talk.user_said("q")
    talk.tools_answered("", [outcome("secret", 1, ephemeral=True)])
    talk.tools_answered("hm", [outcome("kept", 2), outcome("gone", 3, ephemeral=True)])
    talk.agent_said("while it thinks")
    assert shape(talk) == ["q", ["secret"], "c_secret", ["kept", "gone"], "c_kept", "c_gone", "while it thinks"]
    talk.answer_is_over()
    assert shape(talk) == ["q", ["kept"], "c_kept", "while it thinks"]
    assert talk.messages[1]["content"] == "hm"
    talk.answer_is_over()
    assert shape(talk) == ["q", ["kept"], "c_kept", "while it thinks"]


def test_a_history_replaced_meanwhile_keeps_nothing_ephemeral_alive() -> None:
    talk = Conversation("")
    talk.tools_answered("", [outcome("secret", 1, ephemeral=True)])
    change_history(talk, commands.HistorySet(call_id="c", messages=[{"role": "user", "content": "new"}]))
    talk.answer_is_over()
    assert shape(talk) == ["new"]


def test_history_commands() -> None:
    talk = Conversation("old", {"a": 1, "b": 1})
    for command in (
        commands.HistoryAdd(call_id="c", messages=[{"role": "user", "content": "added"}]),
        commands.HistorySetInstructions(call_id="c", prompt="{{a}}{{b}}"),
        commands.HistorySetVars(call_id="c", vars={"b": 2}),
        commands.HistoryAddContext(call_id="c", text="first"),
        commands.HistoryAddContext(call_id="c", text="second"),
    ):
        change_history(talk, command)
    assert talk.request(NOW) == [
        {"role": "system", "content": "12\n\nfirst\n\nsecond"},
        {"role": "user", "content": "added"},
    ]
    change_history(talk, commands.HistoryClear(call_id="c"))
    assert talk.messages == []


def test_a_history_that_was_set_is_not_the_clients_own_list() -> None:
    command = commands.HistorySet(call_id="c", messages=[{"role": "user", "content": "x"}])
    talk = Conversation("")
    change_history(talk, command)
    talk.user_said("y")
    assert len(command.messages) == 1
