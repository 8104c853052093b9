"""The vendor's conversation is made the call's, item by item, whatever happened to either."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.providers.contracts import SpokenItem
from pinecall_run.providers.realtime_items import Items

Messages = list[dict[str, Any]]


class Server:
    """Holds items as the vendor does."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.truncated: dict[str, int] = {}

    def take(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            ids = [item["id"] for item in self.items]
            match event["type"]:
                case "conversation.item.create":
                    after = event.get("previous_item_id")
                    place = len(ids) if after is None else 0 if after == "root" else ids.index(after) + 1
                    self.items.insert(place, event["item"])
                case "conversation.item.delete":
                    del self.items[ids.index(event["item_id"])]
                case "conversation.item.truncate":
                    assert event["item_id"] in ids
                    self.truncated[event["item_id"]] = event["audio_end_ms"]

    @property
    def texts(self) -> list[str]:
        return [
            item["content"][0]["text"] if item["type"] == "message" else item.get("name") or item["output"]
            for item in self.items
        ]


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def spoke(items: Items, server: Server, id: str, role: str, text: str) -> SpokenItem:
    """Somebody said something aloud."""
    item = {"id": id, "type": "message", "role": role, "content": [{"type": "audio", "text": text}]}
    if role == "user":
        spoken = SpokenItem(id)
        items.committed(spoken)
    items.added(item, server.items[-1]["id"] if server.items else None)
    server.items.append(item)
    return items.spoken(id)


def test_nothing_known_is_created_whole_and_once() -> None:
    items, server = Items(), Server()
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        said("system", "a note"), said("user", "where?"), {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"}, said("assistant", "Seven."),
    ]  # fmt: skip
    events = items.brought_to(messages)
    server.take(events)
    assert server.texts == ["a note", "where?", "look", "7", "Seven."]
    assert [item.get("content", [{}])[0].get("type") for item in server.items] == [
        "input_text", "input_text", None, None, "output_text",
    ]  # fmt: skip
    assert server.items[2]["call_id"] == server.items[3]["call_id"] == "c1"
    assert not any("previous_item_id" in event for event in events)
    assert items.brought_to(messages) == []


def test_what_was_said_aloud_is_known_by_its_message() -> None:
    items, server = Items(), Server()
    question, answer = said("user", ""), said("assistant", "It is here.")
    spoke(items, server, "u1", "user", "where?").message = question
    spoke(items, server, "a1", "assistant", "It is here.").message = answer
    assert items.brought_to([question, answer]) == [], "though there are no words of it yet"
    assert items.brought_to([question]) == [{"type": "conversation.item.delete", "item_id": "a1"}]


def test_what_nobody_wanted_to_hear_is_deleted_and_what_the_caller_says_now_is_not() -> None:
    items, server = Items(), Server()
    spoke(items, server, "a1", "assistant", "I")
    spoke(items, server, "u1", "user", "wait")
    assert [event["item_id"] for event in items.brought_to([])] == ["a1"]


def test_of_what_was_cut_short_is_kept_what_was_heard() -> None:
    items, server = Items(), Server()
    kept = {}
    for id, heard, made in (("a1", 0.5, 900.0), ("a2", 2.0, 900.0), ("a3", None, 900.0)):
        spoken = spoke(items, server, id, "assistant", "x")
        items.sounded(id, made)
        kept[id] = spoken.message = said("assistant", id)
        spoken.heard_seconds = heard
    server.take(items.brought_to(list(kept.values())))
    assert server.truncated == {"a1": 500}
    assert items.brought_to(list(kept.values())) == []


def test_results_that_come_late_stand_where_they_belong() -> None:
    items, server = Items(), Server()
    question, then = said("user", "look"), said("user", "and now?")
    spoke(items, server, "u1", "user", "look").message = question
    call_item = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look"}
    items.added(call_item, "u1")
    server.items.append(call_item)
    spoke(items, server, "u2", "user", "and now?").message = then
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        question, {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"}, then,
    ]  # fmt: skip
    events = items.brought_to(messages)
    server.take(events)
    assert [event["previous_item_id"] for event in events] == ["f1"]
    assert server.texts == ["look", "look", "7", "and now?"]
    ephemeral = [question, then]
    server.take(items.brought_to(ephemeral))
    assert server.texts == ["look", "and now?"], "a call goes with its result"


def test_parts_of_a_message_are_its_text_and_what_says_nothing_is_no_item() -> None:
    items = Items()
    parts = [{"type": "text", "text": "two"}, {"type": "image_url", "image_url": {}}, {"type": "text", "text": "shoes"}]
    events = items.brought_to([{"role": "user", "content": parts}, said("assistant", "")])
    assert [event["item"]["content"][0]["text"] for event in events] == ["two\nshoes"]


@given(st.data())
def test_whatever_the_history_becomes_the_vendor_has_it_in_its_order(data: st.DataObject) -> None:
    items, server = Items(), Server()
    pool = [said(data.draw(st.sampled_from(["user", "assistant", "system"])), f"m{number}") for number in range(8)]
    for _ in range(4):
        kept = [message for message in pool if data.draw(st.booleans())]
        server.take(items.brought_to(kept))
        assert server.texts == [message["content"] for message in kept]
