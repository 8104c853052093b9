"""Numbers that callers say become numbers that tools can look up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.providers.number_words import with_digits

ONES = ["", *"one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()]  # noqa: SIM905
ONES += ["seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("where is order one thousand and one", "where is order 1001"),
        ("order ten oh one", "order 1001"),
        ("one zero zero one please", "1001 please"),
        ("one oh two", "102"),
        ("nineteen eighty four", "1984"),
        ("a hundred and two", "102"),
        ("a thousand", "1000"),
        ("twelve hundred and six", "1206"),
        ("two hundred thousand three hundred and twelve", "200312"),
        ("one million two thousand and three and four", "1002003 and four"),
        ("twenty one and five", "21 and five"),
        ("one hundred and twenty or thirty", "120 or 30"),
        ("i want one of the two", "i want one of the two"),
        ("seven hundred and a lamp", "700 and a lamp"),
        ("a thousand and a", "1000 and a"),
        ("hundred thousand oh and a", "hundred thousand oh and a"),
        ("", ""),
    ],
)
def test_numbers_in_words_become_digits(said: str, written: str) -> None:
    assert with_digits(said) == written


def words(number: int) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        return f"{TENS[number // 10]} {ONES[number % 10]}".strip()
    for scale, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = words(number % scale)
            return f"{words(number // scale)} {name} {'and ' if 0 < number % scale < 100 else ''}{rest}".strip()
    raise AssertionError


@given(st.integers(10, 99_999_999))
def test_every_number_is_read(number: int) -> None:
    assert with_digits(f"order {words(number)} please") == f"order {number} please"


@given(st.lists(st.sampled_from(["one", "twenty", "hundred", "thousand", "and", "oh", "a", "lamp", "zero"])))
def test_other_words_stay_in_their_order(said: list[str]) -> None:
    written = with_digits(" ".join(said)).split()
    assert [word for word in written if word == "lamp"] == [word for word in said if word == "lamp"]
    assert len(written) <= len(said)
