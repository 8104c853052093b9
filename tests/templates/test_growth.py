"""What an operation is said to make is never less than what it makes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinecall_run.templates import growth
from pinecall_run.templates.budget import MAX_STEPS, TooMuchError, budget, spend
from pinecall_run.templates.sandbox import sandbox

ENVIRONMENT = sandbox()
TEXT = st.text(st.sampled_from("ab \n\t<%"), max_size=12)
WIDTH = st.integers(0, 200)


def _holds(made: Any, value: Any, estimate: int, *given: Any) -> None:
    """What is made is no larger than what was given and the estimate, but for a factor and a few characters."""
    size = sum(len(str(part)) for part in (value, *given))
    assert len(str(made)) <= estimate + 12 * (size + 4)


@given(text=TEXT, old=TEXT, new=TEXT, width=WIDTH)
def test_methods(text: str, old: str, new: str, width: int) -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("center", (width,)), ("ljust", (width,)), ("rjust", (width,)), ("zfill", (width,)), ("expandtabs", (width,)),
        ("replace", (old, new)), ("join", ([old, new] * 9,)), ("translate", ({97: new, 98: old},)),
    ]  # fmt: skip
    with budget():
        for name, arguments in calls:
            _holds(getattr(text, name)(*arguments), text, growth.METHODS[name](text, *arguments), *arguments)


@settings(max_examples=100, deadline=None)
@given(text=TEXT, old=TEXT, new=TEXT, width=st.integers(1, 200))
def test_filters(text: str, old: str, new: str, width: int) -> None:
    calls: list[tuple[str, Any, tuple[Any, ...]]] = [
        ("center", text, (width,)), ("indent", text, (width, True, True)), ("indent", text, (new, True, True)),
        ("replace", text, (old, new)), ("join", [text] * 9, (new,)), ("wordwrap", text, (1, True, new)),
        ("batch", [text], (width, new)), ("slice", [text], (width,)), ("xmlattr", {"a": text}, ()),
        ("tojson", {"a": [text, {"b": 1}]}, (width,)), ("pprint", {new * 9: [[text] * 9] * 3}, ()),
        ("urlize", text, ()), ("striptags", text, ()), ("sum", [[text]] * 9, (None, [])),
    ]  # fmt: skip
    for name, value, arguments in calls:
        with budget() as steps:
            spend(growth.FILTERS[name](value, *arguments))
            spent = MAX_STEPS - steps.left
            result = ENVIRONMENT.call_filter(name, value, arguments, context=_context(), eval_ctx=None)
            shown = list(result) if name in ("batch", "slice") else result
        items = len(new) + 12 if name in ("batch", "slice") else 1  # of which many are made
        _holds(shown, value, spent * items, *arguments)


def _context() -> Any:
    return ENVIRONMENT.from_string("").new_context()


@given(width=WIDTH, precision=st.integers(0, 60), value=st.integers(-9, 9), after=TEXT)
def test_directives(width: int, precision: int, value: int, after: str) -> None:
    after = after.replace("%", "%%")
    cases: list[tuple[str, Any]] = [
        (f"%{width}d{after}", value), (f"%-{width}.{precision}d", value), ("%*d", (width, value)),
        (f"%(a b)0{width}d", {"a b": value}), (f"%%{width}%{precision}s", value),
    ]  # fmt: skip
    with budget():
        for written, given in cases:
            _holds(written % given, written, growth.percent(written, given), given)


def test_a_directive_cannot_hide_its_width_behind_brackets() -> None:
    with budget(), pytest.raises(TooMuchError):
        growth.percent("%((a))99999999999d", {"(a)": 1})


@pytest.mark.parametrize(
    ("estimate", "left", "right"),
    [(growth.times, 10**4000, 10**4000), (growth.power, 10, 10**9), (growth.power, -2, 10**9)],
)
def test_numbers_that_would_be_too_long(estimate: Any, left: int, right: int) -> None:
    with pytest.raises(TooMuchError):
        estimate(left, right)


@pytest.mark.parametrize(("left", "right"), [(1, 10**9), (-1, 10**9), (2.0, 10**9), (2, -(10**9)), (10, 3000)])
def test_powers_that_are_short(left: Any, right: Any) -> None:
    assert growth.power(left, right) == 0


@given(left=st.sampled_from(["ab", [1, 2], (1,), b"abc"]), count=st.integers(-3, 50))
def test_a_series_times_a_number(left: Any, count: int) -> None:
    assert growth.times(left, count) == growth.times(count, left) >= (len(left * count) or -100)
