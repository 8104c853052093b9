"""The one list of exceptions to the rules, a reason each; one that no longer applies fails its rule."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest
from tests.rules._scan import ROOT, SOURCE, Finding, report


class Exempt(NamedTuple):
    rule: str  # test_<rule>.py
    where: str  # the file, from the root of the repository
    what: str  # which findings there: their `what`, separated by spaces
    why: str


EXCEPTIONS = [
    Exempt(
        "effects",
        f"{SOURCE}/tools/invoke.py",
        "asyncio concurrent importlib inspect",
        "it calls the user's functions, which block or are coroutines",
    ),
    Exempt(
        "effects",
        f"{SOURCE}/tools/binding.py",
        "asyncio concurrent importlib inspect",
        "it imports the user's modules and looks at the functions in them",
    ),
    Exempt(
        "effects",
        f"{SOURCE}/tools/hook.py",
        "inspect",
        "it looks at functions of the user's modules",
    ),
    Exempt(
        "mirror",
        f"{SOURCE}/cli/template/functions.py",
        "untested",
        "it is what `init` copies; tests/stories/test_wheel.py runs it",
    ),
    Exempt(
        "repository",
        "tests/rules/test_repository.py",
        "machine-path registry secret",
        "it holds the texts that the rule must catch",
    ),
]


def check(rule: str, findings: Iterable[Finding]) -> None:
    """Fails the running test with every finding that no exception covers, and every exception in vain."""
    if lines := report(judge(rule, findings, EXCEPTIONS)):
        pytest.fail("\n".join(["", *lines]), pytrace=False)


def judge(rule: str, findings: Iterable[Finding], exceptions: Iterable[Exempt]) -> list[Finding]:
    """What is left of the findings, and a finding for each exception of the rule that covers none."""
    found = list(findings)
    left = set(found)
    for exempt in exceptions:
        if exempt.rule != rule:
            continue
        covered = {f for f in found if f.where == exempt.where and f.what in exempt.what.split()}
        left -= covered
        # A room that is not written yet may have its exceptions waiting.
        if not covered and any((ROOT / exempt.where).parent.glob("*.py")):
            sentence = (
                f"the {rule} exception for {exempt.what} no longer applies: delete it from tests/rules/_exceptions.py"
            )
            left.add(Finding(exempt.where, 1, exempt.what, sentence))
    return sorted(left)
