"""Did-you-mean finds what was meant, and says nothing rather than nonsense."""

import pytest

from pinecall_run.source.suggest import closest, listed

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
