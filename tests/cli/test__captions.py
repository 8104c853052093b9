"""Captions from events, and as text and JSON: golden texts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.cli._captions import Caption, Captions, as_json, as_text, tool_call, tool_result


def _played(script: str) -> str:
    """What a script of lines ``time event {fields}`` is shown as."""
    captions, shown = Captions(), []
    for line in script.strip().splitlines():
        time, event, *fields = line.split(maxsplit=2)
        frame = {"event": event, **json.loads(fields[0] if fields else "{}")}
        shown += captions.event(frame, float(time))
    shown += captions.close()
    return "\n".join(as_text(each) for each in shown)


def test_a_whole_call() -> None:
    assert _played(
        """
        0    call.started
        0    bot.speaking {"message_id": "g", "text": ""}
        0.1  bot.word {"message_id": "g", "word": "Acme", "word_index": 0}
        0.9  message.confirmed {"message_id": "g", "text": "Acme support, hello. How can I help?"}
        0.9  bot.finished {"message_id": "g"}
        3.42 speech.started {"turn_id": 1}
        3.9  user.speaking {"text": "where is"}
        4.4  speech.started {"turn_id": 1}
        5.1  speech.ended {"turn_id": 1}
        5.3  user.message {"message_id": "u", "text": "where is order\\none thousand and one"}
        5.3  user.message {"message_id": "u", "text": "where is order\\none thousand and one"}
        5.3  turn.end
        5.4  llm.tool_call {"msg_id": "m", "tool_calls": [
             """.rstrip()
        + """{"id": "t", "name": "lookup_order", "arguments": "{\\"order_id\\": \\"ORD-1001\\"}"}]}
        5.5  llm.tool_result {"msg_id": "m", "results": [{"tool_call_id": "t", "result": {"status": "shipped"}}]}
        6    bot.speaking {"message_id": "r", "text": "It is shipped and should arrive on Tuesday."}
        6.1  bot.word {"message_id": "r", "word": "It"}
        6.3  bot.word {"message_id": "r", "word": "is"}
        6.5  bot.word {"message_id": "r", "word": "shipped"}
        6.8  speech.started
        7.1  bot.interrupted {"message_id": "r", "played_ms": 1100, "last_word": "shipped", "reason": "user_spoke"}
        7.1  message.confirmed {"message_id": "r", "text": "It is shipped"}
        8    speech.ended
        8.2  user.message {"message_id": "v", "text": "and the kettle"}
        8.9  llm.error {"error": "the model did not answer within 30 s"}
        66   session.idle_warning {"remaining_seconds": 15.0}
        81   session.timeout {"reason": "idle_timeout"}
        181  call.ended {"reason": "idle_timeout"}
    """
    ) == (
        "  0.00  agent   Acme support, hello. How can I help?\n"
        "  3.42  caller  where is order one thousand and one\n"
        '        → lookup_order(order_id="ORD-1001")\n'
        '        ← {"status": "shipped"}\n'
        "  6.00  agent   It is shipped — (interrupted after 1.10 s)\n"
        "  6.80  caller  and the kettle\n"
        "  8.90  agent   has no answer: the model did not answer within 30 s\n"
        " 66.00  idle    the call ends in 15 s\n"
        "181.00  ended   idle_timeout"
    )


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("1 bot.speaking {}\n2 bot.finished {}", ""),
        ('1 bot.speaking {"text": "All of it."}\n2 bot.finished {}', "  1.00  agent   All of it."),
        ('1 bot.speaking {}\n1 bot.word {"word": "Two"}\n2 bot.finished {}', "  1.00  agent   Two"),
        ('1 bot.word {"message_id": "x", "word": "Early"}', "  1.00  agent   Early"),
        (
            '1 bot.speaking {"text": "one two three"}\n2 bot.interrupted {"played_ms": 600, "words_spoken": 2}',
            "  1.00  agent   one two — (interrupted after 0.60 s)",
        ),
        ('1 bot.speaking {"text": "x"}\n1 message.aborted {}', "  1.00  agent   — (interrupted after 0.00 s)"),
        ('1 message.confirmed {"text": "never begun"}', ""),
        ('1 user.message {"text": "no voice before"}', "  1.00  caller  no voice before"),
        (
            '1 user.message {"message_id": "u", "text": "a"}\n2 user.message {"message_id": "u", "text": "a b"}',
            "  1.00  caller  a\n  2.00  caller  a b",
        ),
        ('1 bot.speaking {}\n1 bot.word {"word": "Half"}\n2 call.ended {"reason": "hangup"}',
         "  1.00  agent   Half\n  2.00  ended   hangup"),
        ("1 skill.loaded {}", ""),
    ],
)  # fmt: skip
def test_edges(script: str, shown: str) -> None:
    assert _played(script) == shown


def test_latencies() -> None:
    def text(*seconds: float, median: float | None = None) -> str:
        return as_text(Caption(9, "latency", {"seconds": list(seconds), "median": median}))

    assert text() == "no turn was answered"
    assert text(0.64, median=0.64) == "1 turn answered after 0.64 s; median 0.64 s"
    assert text(0.64, 0.7, median=0.67) == "2 turns answered after 0.64, 0.70 s; median 0.67 s"


def test_json_is_one_object_a_line() -> None:
    caption = Caption(1.23456, "caller", {"text": "¿qué\nhay?"})
    assert as_json(caption) == '{"time": 1.23, "kind": "caller", "text": "¿qué\\nhay?"}'


def test_tools() -> None:
    assert tool_call({"name": "f", "arguments": '{"a": "é", "b": [1]}'}) == '→ f(a="é", b=[1])'
    assert tool_call({"name": "f", "arguments": ""}) == "→ f()"
    assert tool_call({"name": "f", "arguments": "[1]"}) == "→ f([1])"
    assert tool_call({"name": "f", "arguments": "{broken"}) == "→ f({broken)"
    assert tool_result({"a": "x" * 50}, 20) == '← {"a": "xxxxxxxxxx…'
    assert len(as_text(Caption(0, "tool_result", {"result": "x" * 90}), 60)) == 60


_VALUES = st.none() | st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["bot.speaking", "bot.word", "bot.finished", "message.aborted", "user.message", "x"]),
            st.dictionaries(st.sampled_from(["message_id", "text", "word"]), _VALUES),
        )
    )
)
def test_events_that_lack_something_break_nothing(events: list[tuple[str, dict[str, Any]]]) -> None:
    captions = Captions()
    for number, (event, fields) in enumerate(events):
        for caption in captions.event({"event": event, **fields}, float(number)):
            assert "\n" not in as_text(caption)
            json.loads(as_json(caption))
    assert captions.close() is not None
    assert captions.close() == []


@pytest.mark.parametrize("kind", ["agent", "caller"])
def test_nothing_that_is_said_steers_the_terminal(kind: str) -> None:
    line = as_text(Caption(1.0, kind, {"text": "hi \x1b]0;owned\x07\x9b2J \r\nthere"}))
    assert line.endswith("hi �]0;owned��2J there")
