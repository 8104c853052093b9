"""Did-you-mean finds what was meant, and says nothing rather than nonsense."""

import pytest

from pinecall_run.source.suggest import closest, listed, surely

KEYS = ["voice", "language", "greeting", "greeting_in_chat", "stt"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("voise", "voice"),
        ("VOICE", "voice"),
        ("langauge", "language"),
        ("greeting_chat", "greeting_in_chat"),
        ("x", None),
        ("", None),
        ("v" * 10_000, None),
    ],
)
def test_closest(word: str, meant: str | None) -> None:
    assert closest(word, KEYS) == meant
    assert closest(word, []) is None


def test_lists_are_sorted_and_cut() -> None:
    assert listed(["b", "a"]) == "a, b"
    assert listed([]) == ""
    assert listed(f"k{number:02}" for number in range(20)).endswith("k15 and 4 more")


@pytest.mark.parametrize(
    ("word", "ours", "theirs"),
    [
        ("langage", "language", "language"),
        ("languagge", "language", "language"),
        ("langauge", "language", "language"),
        ("LANGUAGE", "language", "language"),
        ("greeting-in-chat", "greeting_in_chat", "greeting_in_chat"),
        ("voise", "voice", None),  # one wrong letter
        ("vioces", None, None),  # two slips
        ("st", None, None),  # too short to tell
        ("stt2", None, None),  # a digit makes another thing
        ("lang", None, None),
        ("voice", None, None),  # nothing to change
        ("", None, None),
    ],
)
def test_only_one_slip_is_sure(word: str, ours: str | None, theirs: str | None) -> None:
    assert surely(word, KEYS) == ours
    assert surely(word, KEYS, is_ours=False) == theirs


def test_of_two_that_are_near_neither_is_sure() -> None:
    assert surely("det_order", ["get_order", "set_order"]) is None
    assert surely("get_ordr", ["get_order", "set_order"]) == "get_order"
