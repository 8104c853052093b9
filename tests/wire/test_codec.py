"""Whatever arrives becomes a frame, something unknown or something malformed, and what we send can be read again."""

import json
import types
import typing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.wire import commands, events
from pinecall_run.wire.codec import (
    COMMAND_DECODER,
    COMMANDS,
    EVENT_DECODER,
    EVENTS,
    Decoder,
    Malformed,
    Unknown,
    encode,
    object_from_json,
    to_json,
)

DECODERS: tuple[Decoder[Any], ...] = (COMMAND_DECODER, EVENT_DECODER)


@pytest.mark.parametrize(
    "text",
    ["", "null", "5", '"ping"', "[]", '["ping"]', "{", "{}", '{"event":5}', '{"event":null}', "\ufeff{}", "\ud800",
     '{"event":"ping', '{"event":"\\ud800"}', "[" * 100_000, '{"event":"x","a":' + "[" * 100_000],
)  # fmt: skip
def test_what_is_no_frame_is_malformed(text: str) -> None:
    for decoder in DECODERS:
        frame = decoder.decode(text)
        assert isinstance(frame, Malformed)
        assert (frame.event, frame.agent_id) == ("", "")


@pytest.mark.parametrize("name", ["", "memory.ops", "call.route", "agent.createx", "AGENT.CREATE"])
def test_a_frame_of_a_name_we_do_not_know_is_unknown(name: str) -> None:
    text = json.dumps({"event": name, "agent_id": 5, "call_id": None})
    assert [decoder.decode(text) for decoder in DECODERS] == [Unknown(name), Unknown(name)]


def test_each_side_knows_only_its_own_names() -> None:
    assert COMMAND_DECODER.decode('{"event":"connected"}') == Unknown("connected")
    assert EVENT_DECODER.decode('{"event":"connect","api_key":"k"}') == Unknown("connect")
    assert isinstance(COMMAND_DECODER.decode('{"event":"ping"}'), commands.Ping)
    assert isinstance(EVENT_DECODER.decode('{"event":"ping"}'), events.ServerPing)


@pytest.mark.parametrize(
    ("decoder", "text", "agent_id", "key"),
    [
        (COMMAND_DECODER, '{"event":"connect"}', "", "api_key"),
        (COMMAND_DECODER, '{"event":"connect","api_key":null}', "", "api_key"),
        (COMMAND_DECODER, '{"event":"agent.create","agent_id":7}', "", "agent_id"),
        (COMMAND_DECODER, '{"event":"agent.create","agent_id":"a","tools":"x"}', "a", "tools"),
        (COMMAND_DECODER, '{"event":"bot.reply","call_id":"c","message_id":"m","text":"t"}', "", "in_reply_to"),
        (COMMAND_DECODER, '{"event":"llm.tool_result","call_id":"c","msg_id":"m","results":[{}]}', "", "results"),
        (EVENT_DECODER, '{"event":"call.started","agent_id":"a"}', "a", "call_id"),
        (EVENT_DECODER, '{"event":"call.started","agent_id":"a","call_id":null}', "a", "call_id"),
        (EVENT_DECODER, '{"event":"call.ended","call_id":"c","reason":5,"messages":null}', "", "reason"),
        (EVENT_DECODER, '{"event":"pong","timestamp":1e999}', "", "timestamp"),
        (
            EVENT_DECODER,
            """{"event":"llm.tool_call","agent_id":"a","call_id":"c","msg_id":"m",
                "tool_calls":[{"id":"t","name":"n","arguments":{}}]}""",
            "a",
            "arguments",
        ),
    ],
)
def test_a_known_frame_with_wrong_fields_says_what_is_wrong(
    decoder: Decoder[Any], text: str, agent_id: str, key: str
) -> None:
    found = decoder.decode(text)
    assert isinstance(found, Malformed)
    assert (found.event, found.agent_id) == (json.loads(text)["event"], agent_id)
    assert key in found.reason


def test_a_null_that_a_command_cannot_mean_is_not_overlooked() -> None:
    """Dropping it would drop ``voice: null`` too, which takes the voice away."""
    text = '{"event":"agent.configure","agent_id":"a","voice":null,"tools":5}'
    assert isinstance(COMMAND_DECODER.decode(text), Malformed)


def test_texts_that_utf8_cannot_hold_are_sent_all_the_same() -> None:
    result = commands.ToolResult(tool_call_id="t", result={"half \ud83d": ["\ude00", "whole \ud83d\ude00", 5, None]})
    sent = encode(commands.LlmToolResult(call_id="c", msg_id="m", results=[result]))
    assert json.loads(sent)["results"][0]["result"] == {"half \ufffd": ["\ufffd", "whole 😀", 5, None]}
    assert to_json("ñ 日本 😀").decode() == '"ñ 日本 😀"'


@pytest.mark.parametrize("text", ["[]", "{", "\ud800", b"\xff", "{" * 100_000])
def test_text_that_is_no_json_object_is_none(text: str | bytes) -> None:
    assert object_from_json(text) is None
    assert object_from_json('{"a":[1]}') == {"a": [1]}


# properties

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = [frame.__struct_config__.tag for frame in (*COMMANDS, *EVENTS)]
keys = sorted({name for frame in (*COMMANDS, *EVENTS) for name in frame.__struct_encode_fields__})


@given(st.binary() | st.text(st.characters()))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_a_decoder_raise(message: str | bytes) -> None:
    for decoder in DECODERS:
        decoder.decode(message)
    object_from_json(message)


@given(st.sampled_from(names), st.dictionaries(st.sampled_from(keys), json_values, max_size=8))
@settings(max_examples=100, deadline=None)
def test_no_json_makes_a_decoder_raise_and_what_is_read_can_be_sent_on(name: str, fields: dict[str, Any]) -> None:
    text = json.dumps({**fields, "event": name})
    for decoder in DECODERS:
        frame = decoder.decode(text)
        if not isinstance(frame, Malformed | Unknown):
            assert decoder.decode(encode(frame)) == frame


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        Any: json_values, str: st.text(), bool: st.booleans(), int: st.integers(), type(None): st.none(),
        float: st.floats(allow_nan=False, allow_infinity=False), msgspec.UnsetType: st.just(msgspec.UNSET),
    }  # fmt: skip
    if hint in simple:
        return simple[hint]
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_values(argument) for argument in arguments])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(_values(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{name: _values(hints[name]) for name in hint.__struct_fields__})


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_again(data: st.DataObject) -> None:
    decoder, kinds = data.draw(st.sampled_from([(COMMAND_DECODER, COMMANDS), (EVENT_DECODER, EVENTS)]), label="side")
    frame = data.draw(st.sampled_from(kinds).flatmap(_values), label="frame")
    decoded = typing.cast(Decoder[Any], decoder).decode(encode(frame))
    assert type(decoded) is type(frame)
    assert decoded == frame
