"""Per-request variables can be printed, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from pinecall_run.prompts.builtins import PER_REQUEST, PerRequest, PerRequestError, per_request_variables, placed


@pytest.mark.parametrize("name", PER_REQUEST)
def test_a_printed_variable_becomes_its_placeholder(name: str) -> None:
    assert placed(f"It is {per_request_variables()[name]}.") == f"It is {{{{{name}}}}}."


@pytest.mark.parametrize(
    "deed",
    [
        lambda it: it == "x",
        lambda it: ["x"].count(it),
        lambda it: it < 3,
        lambda it: it >= 3,
        bool,
        len,
        list,
        int,
        float,
        hash,
        lambda it: it + "x",
        lambda it: "x" + it,
        lambda it: it - 1,
        lambda it: 1 - it,
        lambda it: it * 2,
        lambda it: it % 2,
        lambda it: it[0],
        lambda it: "x" in it,
        lambda it: it(),
    ],
)
def test_anything_else_is_refused_by_name(deed: Callable[[Any], Any]) -> None:
    with pytest.raises(PerRequestError, match="`day`") as caught:
        deed(PerRequest("day"))
    assert caught.value.name == "day"


@pytest.mark.parametrize("change", [str.upper, str.title, lambda it: it[:-1], lambda it: it[1:], lambda it: it[:3]])
def test_a_changed_variable_is_refused(change: Callable[[str], str]) -> None:
    with pytest.raises(PerRequestError) as caught:
        placed(f"a {change(str(PerRequest('time')))} b")
    assert caught.value.name == "time"


def test_text_of_the_authors_own_is_left_alone() -> None:
    assert placed("{{date}} {{ x }}") == "{{date}} {{ x }}"
