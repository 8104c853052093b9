"""A script answers by its first rule that matches, calls its tools round by round, and keeps no state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.providers.contracts import ModelPiece, ModelRequest, ModelSpec, ProviderError, Text, ToolRequest
from pinecall_run.providers.scripted_model import open_model

Messages = list[dict[str, Any]]


def rule(when: str, reply: str = "ok", **more: Any) -> dict[str, Any]:
    return {"when": when, "reply": reply, **more}


def script(*rules: dict[str, Any], otherwise: str = "What?") -> dict[str, Any]:
    return {"rules": list(rules), "otherwise": otherwise}


async def answer(written: Any, messages: Messages) -> list[ModelPiece]:
    model = open_model(ModelSpec("scripted", "desk.script.yaml", {"script": written}), {})
    return [piece async for piece in model.stream(ModelRequest([{"role": "system", "content": "p"}, *messages]))]


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def texts(pieces: list[ModelPiece]) -> str:
    assert all(isinstance(piece, Text) for piece in pieces)
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def requests(pieces: list[ModelPiece]) -> list[tuple[str, Any]]:
    assert all(isinstance(piece, ToolRequest) for piece in pieces)
    return [(piece.name, json.loads(piece.arguments)) for piece in pieces if isinstance(piece, ToolRequest)]


def answered(pieces: list[ModelPiece], *results: Any) -> Messages:
    """The messages that a round of tool calls leaves, as the voice server writes them."""
    asked = [piece for piece in pieces if isinstance(piece, ToolRequest)]
    wanted = [
        {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": piece.arguments}}
        for piece in asked
    ]
    told = [
        {"role": "tool", "tool_call_id": piece.id, "content": result if isinstance(result, str) else json.dumps(result)}
        for piece, result in zip(asked, results, strict=False)
    ]
    return [{"role": "assistant", "content": None, "tool_calls": wanted}, *told]


SHOP = script(
    rule(
        r"\border (?P<id>\d+)(?P<rest> please)?",
        "Order {{ id }}{{ rest }}: {{ lookup.status }}.",
        call={"lookup": {"order_id": "ORD-{{ id }}", "n": 5, "tags": ["{{ said }}", None]}},
    ),
    rule(r"hello", "Hello."),
    rule(r"hel", "never, a rule above matches"),
    otherwise="I did not get “{{ said }}”.",
)


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("HELLO there", "Hello."),
        ("help", "never, a rule above matches"),
        ("ñandú 😀 {{ id }}", "I did not get “ñandú 😀 {{ id }}”."),
        ("", "I did not get “”."),
    ],
)
async def test_the_first_rule_that_matches_answers(said: str, reply: str) -> None:
    assert texts(await answer(SHOP, [user("order 1"), {"role": "assistant", "content": "x"}, user(said)])) == reply


async def test_nobody_said_anything_yet() -> None:
    assert texts(await answer(SHOP, [])) == "I did not get “”."


async def test_groups_and_what_was_said_fill_arguments_and_results_fill_the_reply() -> None:
    asked = await answer(SHOP, [user("Where is order 42 please?")])
    said = "Where is order 42 please?"
    assert requests(asked) == [("lookup", {"order_id": "ORD-42", "n": 5, "tags": [said, None]})]
    messages = [user(said), *answered(asked, {"status": "shipped ñ"})]
    assert texts(await answer(SHOP, messages)) == "Order 42 please: shipped ñ."


async def test_a_group_that_did_not_take_part_is_empty() -> None:
    asked = await answer(SHOP, [user("order 7")])
    assert texts(await answer(SHOP, [user("order 7"), *answered(asked, {"status": "open"})])) == "Order 7: open."


ROUNDS = script(
    rule(
        "go",
        "{{ first }} {{ second.x }} {{ third }}",
        call=[{"first": {}, "second": {"a": "b"}}, {"third": {"of": "{{ first }}-{{ second.x }}"}}],
    )
)


async def test_rounds_follow_each_other_and_each_may_call_several_tools() -> None:
    messages = [user("go")]
    first = await answer(ROUNDS, messages)
    assert requests(first) == [("first", {}), ("second", {"a": "b"})]
    messages += answered(first, "one", {"x": 2})
    second = await answer(ROUNDS, messages)
    assert requests(second) == [("third", {"of": "one-2"})]
    messages += answered(second, [1, None])
    assert texts(await answer(ROUNDS, messages)) == "one 2 [1, None]"
    ids = [piece.id for piece in [*first, *second] if isinstance(piece, ToolRequest)]
    assert len(set(ids)) == 3
    messages += [{"role": "assistant", "content": "done"}, user("go")]
    assert requests(await answer(ROUNDS, messages)) == [("first", {}), ("second", {"a": "b"})]


async def test_a_caller_who_goes_on_has_the_tool_called_for_all_they_said() -> None:
    asked = await answer(SHOP, [user("order 10")])
    messages = [user("order 1001"), *answered(asked, {"status": "unknown"})]
    again = await answer(SHOP, messages)
    assert [arguments["order_id"] for _, arguments in requests(again)] == ["ORD-1001"]
    messages += answered(again, {"status": "shipped"})
    assert texts(await answer(SHOP, messages)) == "Order 1001: shipped."


async def test_ids_are_never_used_twice_in_a_conversation() -> None:
    messages: Messages = []
    seen: list[str] = []
    for _ in range(5):
        messages.append(user("go"))
        while True:
            pieces = await answer(ROUNDS, messages)
            wanted = [piece.id for piece in pieces if isinstance(piece, ToolRequest)]
            if not wanted:
                break
            seen += wanted
            messages += answered(pieces, *[{"x": 1}] * len(wanted))
        messages.append({"role": "assistant", "content": texts(pieces)})
    assert len(seen) == len(set(seen)) == 15


# what goes wrong


async def test_a_result_that_is_missing_is_empty_unless_the_reply_looks_into_it() -> None:
    written = script(rule("go", "[{{ look }}] {{ look.x }}", call={"look": {}}))
    asked = await answer(written, [user("go")])
    with pytest.raises(ProviderError, match=r"the script's rule /go/ fails: 'look' is undefined"):
        await answer(written, [user("go"), *answered(asked)])
    written = script(rule("go", "[{{ look }}] {% if look %}no{% else %}yes{% endif %}", call={"look": {}}))
    assert texts(await answer(written, [user("go"), *answered(asked)])) == "[] yes"


async def test_a_result_that_is_no_json_is_text() -> None:
    written = script(rule("go", "{{ look }}!", call={"look": {}}))
    asked = await answer(written, [user("go")])
    assert texts(await answer(written, [user("go"), *answered(asked, "not {json")])) == "not {json!"


async def test_what_a_caller_says_is_never_a_template() -> None:
    written = script(rule("(?P<all>.*)", "{{ all }}", call={"t": {"x": "{{ all }}"}}))
    said = "{{ 7 * 7 }} {% for x in [] %}"
    asked = await answer(written, [user(said)])
    assert requests(asked) == [("t", {"x": said})]
    assert texts(await answer(written, [user(said), *answered(asked, 1)])) == said


@pytest.mark.parametrize(
    ("written", "error"),
    [
        (rule("go", "{{ 1 / 0 }}"), "division by zero"),
        (rule("go", "{{ said.nothing.more }}"), "nothing"),
        (rule("go", "{{ said.__class__.__mro__ }}"), "unsafe"),
        (rule("go", "x", call={"t": {"a": "{{ 1 / 0 }}"}}), "division by zero"),
        (rule("go", "x", call={"t": {"a": "{{ broken"}}), "unexpected end"),
        (rule("go", "x", call=["no mapping"]), "items"),
    ],
)
async def test_a_rule_that_fails_is_named(written: dict[str, Any], error: str) -> None:
    with pytest.raises(ProviderError, match="the script's rule /go/ fails: ") as raised:
        await answer(script(written), [user("go")])
    assert error in str(raised.value)


@pytest.mark.parametrize(
    "written",
    [
        5,
        "text",
        [],
        {},
        {"rules": []},
        {"rules": 5, "otherwise": "x"},
        {"rules": ["x"], "otherwise": "x"},
        {"rules": [{"reply": "x"}], "otherwise": "x"},
        script(rule("(")),
        script(rule("a{99999999999}")),
        script(rule("x", "{{ broken")),
        script(rule("x", "{% nothing %}")),
        script(otherwise="{% if %}"),
        {"rules": [rule("x", 5)], "otherwise": None},  # type: ignore[arg-type]
    ],
)
def test_a_script_that_cannot_be_used_is_refused_when_the_agent_is_registered(written: Any) -> None:
    with pytest.raises(ProviderError, match=r"the script desk\.script\.yaml cannot be used: "):
        open_model(ModelSpec("scripted", "desk.script.yaml", {"script": written}), {})


def test_a_script_that_did_not_come_along_is_missing() -> None:
    with pytest.raises(ProviderError, match=r"the script desk\.script\.yaml is missing"):
        open_model(ModelSpec("scripted", "desk.script.yaml"), {})


async def test_messages_of_other_clients_may_hold_null() -> None:
    messages = [user("hello"), {"role": "assistant", "content": "x", "tool_calls": None}]
    assert texts(await answer(SHOP, messages)) == "Hello."


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=100, deadline=None)
async def test_the_pieces_are_the_reply(reply: str) -> None:
    pieces = await answer(script(otherwise="{{ said }}"), [user(reply)])
    assert texts(pieces) == reply.strip()
    assert all(piece.text for piece in pieces if isinstance(piece, Text))
    assert len(pieces) == len(reply.split())


async def test_a_reply_without_end_fails_like_any_other() -> None:
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(ProviderError, match="/count/ fails: the template does or makes too much"):
        await answer(script(rule("count", endless)), [user("count")])
