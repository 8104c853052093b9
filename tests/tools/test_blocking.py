"""A call that waits is found where it is sure to be made, and nowhere else."""

import ast

import pytest

from pinecall_run.tools.blocking import waits
from pinecall_run.tools.module import Module, parse_module

HEAD = "import asyncio, time, requests, sqlite3\nimport urllib.request\nfrom subprocess import run\n"


def found(body: str, head: str = HEAD) -> tuple[str, int] | None:
    source = f"{head}def f(given):\n    {body}"
    module = parse_module("shop", "shop.py", source)
    assert isinstance(module, Module)
    function = ast.parse(source).body[-1]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    wait = waits(function, module)
    return (wait.function, wait.node.lineno - head.count("\n") - 1) if wait else None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("time.sleep(1)", ("time.sleep", 1)),
        ("return [requests.get(u) for u in given]", ("requests.get", 1)),
        ("if given:\n        with urllib.request.urlopen('x') as x: pass", ("urllib.request.urlopen", 2)),
        ("run(['x'])\n    time.sleep(1)", ("subprocess.run", 1)),
        ("from time import sleep as nap\n    nap(1)", ("time.sleep", 2)),
        ("import urllib.request\n    urllib.request.urlopen('x')", ("urllib.request.urlopen", 2)),
        ("import requests as http\n    return http.post('x')", ("requests.post", 2)),
        ("return sqlite3.connect('x').execute('y')", ("sqlite3.connect", 1)),
        ("input()", ("builtins.input", 1)),
        # handed on, not called
        ("return asyncio.to_thread(requests.get, given)", None),
        ("return loop.run_in_executor(None, lambda: requests.get(given))", None),
        ("def inner(): time.sleep(1)\n    return asyncio.to_thread(inner)", None),
        # something else of that name
        ("time = given\n    time.sleep(1)", None),
        ("return given.sleep(1)", None),
        ("requests = Session()\n    requests.get(given)", None),
        ("for run in given: run(['x'])", None),
        ("from mine import run\n    run(['x'])", None),
        ("return sleep(1)", None),
        ("return asyncio.sleep(1)", None),
    ],
)
def test_calls_that_wait(body: str, expected: tuple[str, int] | None) -> None:
    assert found(body) == expected


def test_a_parameter_hides_a_module() -> None:
    assert found("given.get('x')", "import requests as given\n") is None
    assert found("given.get('x')", "") is None
