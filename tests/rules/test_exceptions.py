"""The list of exceptions is sound: known rules, a reason each, no doubles, and it cannot rot."""

from tests.rules._exceptions import EXCEPTIONS, Exempt, judge
from tests.rules._scan import ROOT, Finding, report

EXEMPT = Exempt("tasks", "tests/rules/a.py", "one two", "a reason")


def test_every_exception_names_a_rule_and_a_reason() -> None:
    rules = {path.stem.removeprefix("test_") for path in (ROOT / "tests/rules").glob("test_*.py")}
    assert [exempt for exempt in EXCEPTIONS if exempt.rule not in rules or not exempt.why] == []


def test_no_exception_stands_twice() -> None:
    keys = [(exempt.rule, exempt.where) for exempt in EXCEPTIONS]
    assert sorted(set(keys)) == sorted(keys)


def test_an_exception_covers_its_findings_and_no_others() -> None:
    covered = Finding("tests/rules/a.py", 3, "one", "wrong")
    others = [
        Finding("tests/rules/a.py", 4, "three", "wrong"),
        Finding("tests/rules/b.py", 3, "one", "wrong"),
    ]
    assert judge("tasks", [covered, *others], [EXEMPT]) == others


def test_an_exception_in_vain_is_a_finding() -> None:
    assert report(judge("tasks", [], [EXEMPT])) == [
        "tests/rules/a.py:1: the tasks exception for one two no longer applies: "
        "delete it from tests/rules/_exceptions.py"
    ]


def test_an_exception_of_another_rule_is_left_alone() -> None:
    assert judge("sleep", [], [EXEMPT]) == []


def test_an_exception_waits_for_its_room() -> None:
    assert judge("tasks", [], [EXEMPT._replace(where="tests/nowhere/a.py")]) == []
