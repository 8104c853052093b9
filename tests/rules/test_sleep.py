"""Tests of pure rooms never sleep: time is an argument there."""

from collections.abc import Iterable, Iterator

from tests.rules._exceptions import check
from tests.rules._floors import PURE
from tests.rules._scan import Finding, Module, parse, read, references, report

SLEEPS = frozenset({"anyio.sleep", "asyncio.sleep", "time.sleep"})


def findings(tests: Iterable[Module]) -> Iterator[Finding]:
    for test in tests:
        for line, name in references(test):
            if test.room in PURE and name in SLEEPS:
                sentence = f"a test of a pure room may not use {name}: pass the time in"
                yield Finding(test.path, line, name, sentence)


def test_tests_of_pure_rooms_never_sleep() -> None:
    check("sleep", findings(read("tests")))


def test_sleeps_are_caught() -> None:
    text = "\n".join(
        [
            "import asyncio, time as clock",
            "from anyio import sleep as nap",
            "async def test(time):",
            "    clock.sleep(0.1)",
            "    await asyncio.sleep(0)",
            "    await nap(1)",
            "    time.sleep(1)",
        ]
    )
    tests = [parse(path, text) for path in ("tests/turns/test_core.py", "tests/link/test_driver.py")]
    assert report(findings(tests)) == [
        f"tests/turns/test_core.py:{line}: a test of a pure room may not use {name}: pass the time in"
        for line, name in [(4, "time.sleep"), (5, "asyncio.sleep"), (6, "anyio.sleep")]
    ]
