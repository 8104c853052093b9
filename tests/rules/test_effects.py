"""The pure rooms import nothing that touches the world, and call nothing that does."""

import ast
from collections.abc import Iterable, Iterator

from tests.rules._exceptions import check
from tests.rules._floors import PURE
from tests.rules._scan import (
    SOURCE,
    Finding,
    Module,
    imports,
    package,
    parents,
    prefixes,
    read,
    references,
    report,
)

MODULES = frozenset({
    "asyncio", "concurrent", "http", "importlib", "inspect", "io", "logging", "multiprocessing", "os",
    "pathlib", "queue", "random", "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess",
    "sys", "tempfile", "threading", "time", "urllib.request",
})  # fmt: skip
HARMLESS = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath"})
USES = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "uuid.uuid1",
        "uuid.uuid4",
    }
)
BUILTINS = frozenset({"__import__", "input", "open", "print"})


def findings(modules: Iterable[Module]) -> Iterator[Finding]:
    for module in modules:
        if module.room not in PURE:
            continue
        for found in imports(module):
            for effect in MODULES.intersection(prefixes(found.dotted)):
                if found.dotted not in HARMLESS:
                    yield _finding(module, found.line, effect, f"import {effect}")
        for line, name in references(module):
            if name in USES:
                yield _finding(module, line, name, f"use {name}")
        for line, name in _builtin_calls(module.tree):
            yield _finding(module, line, name, f"call {name}()")


def _finding(module: Module, line: int, what: str, deed: str) -> Finding:
    sentence = f"{module.room} is pure and may not {deed}: take the value as an argument, or do this in a driver"
    return Finding(module.path, line, what, sentence)


def _builtin_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Calls of the builtins above, unless the module has a variable or function of that name."""
    above = parents(tree)
    bound = set()
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.alias(name=name):
                bound.add(node.asname or name)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not isinstance(above[node], ast.ClassDef):
                bound.add(node.name)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in BUILTINS - bound:
                yield node.lineno, name


def test_pure_rooms_have_no_effects() -> None:
    check("effects", findings(read(SOURCE)))


def test_effectful_imports_are_caught() -> None:
    tree = {
        "turns/clock.py": """
            import time
            from pathlib import Path, PurePosixPath
            import os.path as p
            from urllib import parse, request
            def f():
                from asyncio.queues import Queue
                __import__("socket")
        """,
        "turns/innocent.py": """
            from pathlib import PurePath
            from urllib.parse import quote
            from .time import now
            import datetime
        """,
        "link/driver.py": "import asyncio, time",
    }
    advice = "take the value as an argument, or do this in a driver"
    assert report(findings(package(tree))) == [
        f"runner/pinecall_run/turns/clock.py:{line}: turns is pure and may not {deed}: {advice}"
        for line, deed in [
            (1, "import time"),
            (2, "import pathlib"),
            (3, "import os"),
            (4, "import urllib.request"),
            (6, "import asyncio"),
            (7, "call __import__()"),
            (7, "import socket"),
        ]
    ]


def test_effectful_calls_are_caught() -> None:
    tree = {
        "config/load.py": """
            import datetime as dt
            from datetime import date, datetime
            from uuid import uuid4 as fresh
            a = dt.datetime.now(dt.UTC)
            b = field(default_factory=datetime.utcnow)
            c = date.today()
            d = field(default_factory=fresh)
            def f(self):
                print(open("x").read())
        """,
        "config/innocent.py": """
            from datetime import datetime
            class Door:
                def open(self, input): return input(1)
            def f(door, today): door.open(today.now()); return datetime(2026, 1, 1)
        """,
        "cli/show.py": "print(open('x'))",
    }
    advice = "take the value as an argument, or do this in a driver"
    assert report(findings(package(tree))) == [
        f"runner/pinecall_run/config/load.py:{line}: config is pure and may not {deed}: {advice}"
        for line, deed in [
            (4, "use datetime.datetime.now"),
            (5, "use datetime.datetime.utcnow"),
            (6, "use datetime.date.today"),
            (7, "use uuid.uuid4"),
            (9, "call open()"),
            (9, "call print()"),
        ]
    ]


def test_a_method_does_not_hide_a_builtin() -> None:
    tree = {"turns/door.py": "class Door:\n    def open(self): return open('x')"}
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/turns/door.py:2: turns is pure and may not call open(): "
        "take the value as an argument, or do this in a driver"
    ]
