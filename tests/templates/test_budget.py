"""Going through a value is paid for before it is done, however large it is in the end."""

from typing import Any

import pytest
from jinja2.utils import Namespace

from pinecall_run.templates.budget import TooMuchError, budget, check_bits, glance, spend, weigh


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        ("abc", 4),
        (b"abc", 4),
        (None, 1),
        (2**300, 101),
        (["abc", "abc"], 1 + 2 + 4 + 4),
        ({"a": [1]}, 1 + 2 + 2 + 1 + 1 + 1),
        (range(100), 101),
        ({"a": 1}.values(), 1 + 1 + 1),
        (Namespace(a="abc"), 1 + 1 + 2 + 2 + 4),
    ],
)
def test_a_value_weighs_its_characters_and_items(value: Any, steps: int) -> None:
    with budget(steps):
        assert weigh(value) == steps
        with pytest.raises(TooMuchError):
            spend(1)


def test_a_value_in_itself_many_times_is_not_gone_through() -> None:
    value: list[Any] = []
    for _ in range(200):
        value = [value, value]
    with budget(), pytest.raises(TooMuchError, match="more than 2,000,000 steps"):
        weigh(value)


def test_nothing_is_won_back() -> None:
    with budget(10):
        spend(-100)
        spend(10)
        with pytest.raises(TooMuchError):
            spend(1)


def test_a_glance_looks_at_no_item() -> None:
    with budget(4):
        assert glance(["x" * 1000] * 3) == 4


def test_a_number_may_be_as_long_as_python_writes() -> None:
    check_bits((10**4299).bit_length())
    with pytest.raises(TooMuchError, match="4,300 digits"):
        check_bits((10**4301).bit_length())


def test_one_budget_does_not_touch_another() -> None:
    with budget(10):
        with budget(5):
            spend(5)
        spend(10)
    with pytest.raises(RuntimeError):
        spend(1)
