"""A thread is gone on with by whom it belongs to, once at a time, and is forgotten in time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.voice import threads
from pinecall_run.voice.threads import LIFETIME_SECONDS, RESUMED, Earlier, Thread, Threads
from pinecall_run.wire.codec import to_json


def said(*texts: str) -> list[dict[str, Any]]:
    """A person and an agent in turns, the person first."""
    return [{"role": role, "content": text} for role, text in zip(itertools.cycle(("user", "assistant")), texts)]


class Talk:
    """A conversation that remembers what it is told to."""

    def __init__(self, earlier: Earlier) -> None:
        self.earlier = earlier
        self.reasons: list[str] = []

    def end(self, reason: str) -> None:
        self.reasons.append(reason)

    def remembered(self) -> Earlier:
        return self.earlier


class Server:
    def __init__(self) -> None:
        self.now = 1000.0
        numbers = itertools.count(1)
        self.threads = Threads(lambda: f"id{next(numbers)}", lambda: self.now)

    def visit(self, asked: str = "", agent: str = "front", **metadata: Any) -> tuple[Thread, list[str]]:
        """A whole conversation, in which "hello" is said and "hi" answered; what was said before it."""
        thread = self.threads.find(agent, metadata, asked)
        earlier = self.threads.take(thread)
        before = list(earlier.messages) if earlier else []
        talk = Talk(Earlier([*before, *said("hello", "hi")]))
        self.threads.hold(thread, talk)
        self.threads.leave(thread, talk)
        return thread, [message["content"] for message in before]


def test_what_was_said_is_back_for_who_has_the_id() -> None:
    server = Server()
    thread, before = server.visit()
    assert (thread.id, before) == ("id1", [])
    assert server.visit(thread.id) == (thread, ["hello", "hi"])
    assert server.visit(thread.id) == (thread, ["hello", "hi"] * 2)
    assert server.visit()[1] == []


@pytest.mark.parametrize(
    ("asked", "agent", "metadata"),
    [
        ("id2", "front", {}),
        ("", "front", {}),
        ("mine", "front", {}),
        ("id1", "back", {}),
        ("id1", "front", {"userId": "8"}),
        ("id1", "front", {"contactId": "7"}),
        ("id1", "front", {"threadId": "id1", "userId": "7"}),
        ("id1", "front", {}),
    ],
)
def test_for_nobody_else(asked: str, agent: str, metadata: dict[str, Any]) -> None:
    server = Server()
    thread, _ = server.visit(userId="7")
    assert thread.id == "id1"
    other, before = server.visit(asked, agent, **metadata)
    assert before == []
    assert other.key != thread.key
    assert server.visit("id1", userId="7")[1] == ["hello", "hi"]


def test_an_id_of_the_pages_own_choice_is_never_taken() -> None:
    server = Server()
    thread, _ = server.visit("user-42")
    assert thread.id != "user-42"
    assert server.visit("user-42")[1] == []


@pytest.mark.parametrize("sealed", ["7", 7, 0])
def test_a_sealed_id_wins_and_is_its_projects_whoever_asks(sealed: str | int) -> None:
    server = Server()
    anonymous, _ = server.visit()
    assert server.visit(anonymous.id, threadId=sealed, userId="a")[1] == []
    thread, before = server.visit("anything", threadId=sealed, userId="b")
    assert (thread.id, before) == (str(sealed), ["hello", "hi"])
    assert server.visit(str(sealed))[1] == [], "what is sealed is not to be had by asking"
    assert server.visit(threadId=sealed, agent="back")[1] == []


@pytest.mark.parametrize("sealed", ["", None, True, ["7"], {"id": 7}, 1.5])
def test_what_is_no_id_seals_nothing(sealed: Any) -> None:
    server = Server()
    assert server.visit(threadId=sealed)[0].is_sealed is False
    assert server.visit(threadId=sealed)[1] == []


def test_the_latest_connection_has_it_and_the_one_before_leaves_nothing() -> None:
    server = Server()
    thread = server.threads.find("front", {}, "")
    first, second = Talk(Earlier(said("one", "1"), "two", ["three"])), Talk(Earlier(said("other", "words")))
    server.threads.hold(thread, first)
    assert server.threads.find("front", {}, thread.id) is thread
    assert server.threads.take(thread) == Earlier(said("one", "1"), "two", ["three"])
    assert first.reasons == [RESUMED]
    server.threads.hold(thread, second)
    first.earlier = Earlier(said("late"))
    server.threads.leave(thread, first)
    server.threads.leave(thread, second)
    assert server.visit(thread.id)[1] == ["other", "words"]


def test_where_the_person_said_nothing_there_is_nothing_to_go_on_with() -> None:
    server = Server()
    thread = server.threads.find("front", {}, "")
    for messages in ([], [{"role": "assistant", "content": "Hello, how can I help?"}]):
        talk = Talk(Earlier(messages))
        server.threads.hold(thread, talk)
        server.threads.leave(thread, talk)
        assert server.threads.take(thread) is None
        assert server.threads.find("front", {}, thread.id) is not thread
    waiting = Talk(Earlier([], waiting=["hello?"]))
    server.threads.hold(thread, waiting)
    server.threads.leave(thread, waiting)
    assert server.threads.take(thread) == Earlier([], None, ["hello?"])


def test_it_is_forgotten_in_time() -> None:
    server = Server()
    early, _ = server.visit()
    server.now += 10
    late, _ = server.visit()
    server.now += LIFETIME_SECONDS - 10
    server.threads.sweep()
    assert (early.kept, bool(late.kept)) == (b"", True)
    assert server.visit(early.id)[1] == []
    assert server.visit(late.id)[1] == ["hello", "hi"]
    server.now += LIFETIME_SECONDS
    assert server.visit(late.id)[1] == [], "without a sweep too"


def test_one_that_goes_on_is_not_forgotten() -> None:
    server = Server()
    thread = server.threads.find("front", {}, "")
    server.threads.hold(thread, Talk(Earlier(said("one", "1"))))
    server.now += 10 * LIFETIME_SECONDS
    server.threads.sweep()
    assert server.visit(thread.id)[1] == ["one", "1"]


def test_threads_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_THREADS", 3)
    server = Server()
    made = [server.visit()[0].id for _ in range(4)]
    assert [server.visit(id)[1] for id in made[1:]] == [["hello", "hi"]] * 3
    assert server.visit(made[0])[1] == []


def test_and_in_size_together(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    first, _ = server.visit()
    monkeypatch.setattr(threads, "MAX_BYTES", 2 * len(first.kept))
    second, third = server.visit()[0], server.visit()[0]
    assert server.visit(first.id)[1] == []  # which is a third, so that the second goes
    assert [bool(thread.kept) for thread in (second, third)] == [False, True]
    assert server.threads._bytes == sum(len(thread.kept) for thread in server.threads._left.values())


TOOLS: list[dict[str, Any]] = [
    {"role": "user", "content": "look"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    {"role": "tool", "tool_call_id": "1", "content": "x" * 100},
    {"role": "assistant", "content": "here"},
]


@given(st.lists(st.sampled_from([TOOLS, said("a", "b"), said("c")]), min_size=1), st.integers(100, 700))
def test_of_a_long_one_the_latest_turns_are_kept_whole(turns: list[list[dict[str, Any]]], room: int) -> None:
    messages = [{"role": "assistant", "content": "hello"}, *itertools.chain(*turns)]
    server = Server()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "THREAD_BYTES", room)
        thread, talk = server.threads.find("front", {}, ""), Talk(Earlier(messages))
        server.threads.hold(thread, talk)
        server.threads.leave(thread, talk)
        kept = (server.threads.take(thread) or Earlier(())).messages
    sizes = [len(to_json(message)) for message in messages]
    if sum(sizes) <= room:
        assert kept == messages
        return
    assert kept == messages[len(messages) - len(kept) :]
    assert sum(sizes[len(messages) - len(kept) :]) <= room
    assert not kept or kept[0]["role"] == "user"
    starts = [place for place, message in enumerate(messages) if message["role"] == "user"]
    fitting = [place for place in starts if sum(sizes[place:]) <= room]
    assert len(messages) - len(kept) == (fitting[0] if fitting else len(messages))


def test_a_page_is_shown_what_was_said_and_nothing_of_tools() -> None:
    assert Earlier(TOOLS, waiting=["and now?"]).shown == [*said("look", "here"), *said("and now?")]
    begun = [said("book it")[0], {"role": "assistant", "content": "Wait.", "tool_calls": []}, TOOLS[2]]
    assert Earlier(begun, "book it").shown == said("book it")
    odd = [{"role": "user", "content": [{"type": "image"}]}, {"role": "system", "content": "secret"}, {}]
    assert Earlier(odd).shown == []
