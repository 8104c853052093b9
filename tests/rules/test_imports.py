"""Imports follow the floor table; folders are at most two deep and named for what they hold."""

import sys
from collections.abc import Iterator, Sequence

from tests.rules._exceptions import EXCEPTIONS, check
from tests.rules._floors import EMPTY_NAMES, FLOORS, FORBIDDEN, ONLY_FROM
from tests.rules._scan import PACKAGE, SOURCE, Finding, Import, Module, imports, package, read, report

FREE = frozenset(sys.stdlib_module_names)


def findings(modules: Sequence[Module]) -> Iterator[Finding]:
    known = {module.name for module in modules} | {f"{PACKAGE}.{room}" for room in FLOORS}
    for module in modules:
        yield from _placed(module)
        if module.room not in FLOORS:
            continue
        for found in imports(module):
            target = found.dotted if found.dotted in known else found.module
            if target.split(".")[0] == PACKAGE:
                yield from _ours(module, found.line, target)
                yield from _private(module, found.line, target)
            else:
                yield from _third_party(module, found)


def _placed(module: Module) -> Iterator[Finding]:
    below = module.parts[1:]
    if len(below) > 3:
        yield Finding(module.path, 1, "depth", "lies more than two folders deep: move it up")
    for name in below:
        if name.strip("_") in EMPTY_NAMES:
            yield Finding(module.path, 1, name, f"{name} says nothing: name it for what it holds")
    if module.room not in FLOORS:
        sentence = f"room {module.room} is not in the floor table: add a row to tests/rules/_floors.py"
        yield Finding(module.path, 1, module.room, sentence)


def _ours(module: Module, line: int, target: str) -> Iterator[Finding]:
    room = target.split(".")[1] if "." in target else "__init__"
    edge = (module.room, room)
    allowed = FLOORS[module.room].ours
    if reason := FORBIDDEN.get(edge):
        sentence = f"{module.room} may never import {target}: {reason}"
    elif room not in allowed | {module.room}:
        rooms = ", ".join(sorted(allowed)) or "no other room"
        sentence = f"{module.room} may not import {target}: it stands on {rooms}; move this, or pass the value in"
    elif edge in ONLY_FROM and module.path != f"{SOURCE}/{ONLY_FROM[edge]}":
        sentence = f"only {ONLY_FROM[edge]} may import {target}: call it through there"
    else:
        return
    yield Finding(module.path, line, target, sentence)


def _private(module: Module, line: int, target: str) -> Iterator[Finding]:
    parts = target.split(".")
    for at, part in enumerate(parts):
        if not part.startswith("_") or part.startswith("__"):
            continue
        folder, inside = ".".join(parts[:at]), ".".join(parts[: at + 1])
        if module.package != folder and not f"{module.package}.".startswith(f"{inside}."):
            sentence = f"{target} is private to its folder: import what {folder} makes public, or rename it"
            yield Finding(module.path, line, target, sentence)


def _third_party(module: Module, found: Import) -> Iterator[Finding]:
    top = found.module.split(".")[0]
    allowed = FLOORS[module.room].third_party
    if top not in FREE | allowed:
        names = ", ".join(sorted(allowed)) or "nothing"
        sentence = f"{module.room} may not import {top}: of third parties it takes {names}; do this in another room"
        yield Finding(module.path, found.line, top, sentence)


def test_imports_follow_the_floor_table() -> None:
    check("imports", findings(read(SOURCE)))


def test_the_table_names_only_rooms_and_allows_nothing_forbidden() -> None:
    edges = {(room, other) for room, floor in FLOORS.items() for other in floor.ours}
    assert {other for _, other in edges} <= FLOORS.keys()
    assert edges & FORBIDDEN.keys() == set()


def test_no_exception_allows_what_is_forbidden_outright() -> None:
    excused = {
        (exempt.where.removeprefix(f"{SOURCE}/").split("/")[0], target.split(".")[1])
        for exempt in EXCEPTIONS
        for target in exempt.what.split()
        if exempt.rule == "imports" and target.startswith(f"{PACKAGE}.")
    }
    assert excused & FORBIDDEN.keys() == set()


def test_every_kind_of_import_is_an_edge() -> None:
    tree = {
        "wire/__init__.py": "",
        "wire/codec.py": "",
        "turns/plain.py": "import pinecall_run.wire.codec",
        "turns/taken.py": "from pinecall_run.wire import codec",
        "turns/room.py": "from pinecall_run import wire",
        "turns/relative.py": "from ..wire.codec import decode",
        "turns/__init__.py": "from ..wire import codec",
        "turns/lazy.py": "def f():\n    import pinecall_run.wire",
        "turns/typed.py": "if TYPE_CHECKING:\n    from pinecall_run.wire import (\n        codec,\n    )",
        "turns/loaded.py": "import importlib\nimportlib.import_module('pinecall_run.wire')",
        "turns/near.py": "import importlib\nimportlib.import_module('..wire.codec', __package__)",
    }
    advice = "it stands on no other room; move this, or pass the value in"
    assert report(findings(package(tree))) == [
        f"runner/pinecall_run/turns/{where}: turns may not import {target}: {advice}"
        for where, target in [
            ("__init__.py:1", "pinecall_run.wire.codec"),
            ("lazy.py:2", "pinecall_run.wire"),
            ("loaded.py:2", "pinecall_run.wire"),
            ("near.py:2", "pinecall_run.wire.codec"),
            ("plain.py:1", "pinecall_run.wire.codec"),
            ("relative.py:1", "pinecall_run.wire.codec"),
            ("room.py:1", "pinecall_run.wire"),
            ("taken.py:1", "pinecall_run.wire.codec"),
            ("typed.py:3", "pinecall_run.wire.codec"),
        ]
    ]


def test_forbidden_edges_are_caught_with_their_reason() -> None:
    tree = {
        "link/driver.py": "from pinecall_run.voice.server import serve",
        "voice/server.py": "def f():\n    from pinecall_run.live import apply",
        "live/load.py": "import pinecall_run.cli",
        "turns/core.py": "from pinecall_run import audio",
        "config/names.py": "from pinecall_run.providers import catalogue",
    }
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/config/names.py:1: config may never import pinecall_run.providers: "
        "known names are passed in",
        "runner/pinecall_run/link/driver.py:1: link may never import pinecall_run.voice.server: they meet on the wire",
        "runner/pinecall_run/live/load.py:1: live may never import pinecall_run.cli: "
        "cli is the top, nothing stands on it",
        "runner/pinecall_run/turns/core.py:1: turns may never import pinecall_run.audio: turns sees numbers and text",
        "runner/pinecall_run/voice/server.py:2: voice may never import pinecall_run.live: they meet on the wire",
    ]


def test_the_top_of_the_package_is_caught() -> None:
    tree = {
        "link/driver.py": "from pinecall_run import tool",
        "link/files.py": "from pinecall_run import resources",
        "live/files.py": "from pinecall_run import resources",
        "__main__.py": "from pinecall_run.cli.main import main",
    }
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/link/driver.py:1: link may not import pinecall_run: "
        "it stands on protocol, wire; move this, or pass the value in",
        "runner/pinecall_run/link/files.py:1: link may not import pinecall_run.resources: "
        "it stands on protocol, wire; move this, or pass the value in",
    ]


def test_only_serve_reaches_the_voice_server() -> None:
    line = "from pinecall_run.voice.server import run"
    assert report(findings(package({"cli/serve.py": line, "cli/check.py": line}))) == [
        "runner/pinecall_run/cli/check.py:1: only cli/serve.py may import pinecall_run.voice.server: "
        "call it through there"
    ]


def test_a_third_party_of_another_room_is_caught() -> None:
    tree = {
        "config/load.py": "import json, yaml\nimport jsonschema.validators",
        "turns/core.py": "import numpy",
    }
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/config/load.py:1: config may not import yaml: "
        "of third parties it takes jsonschema; do this in another room",
        "runner/pinecall_run/turns/core.py:1: turns may not import numpy: "
        "of third parties it takes nothing; do this in another room",
    ]


def test_a_private_module_is_caught_outside_its_folder() -> None:
    tree = {
        "wire/_shape.py": "",
        "wire/codec.py": "from pinecall_run.wire import _shape\nfrom ._shape import Shape",
        "link/driver.py": "from pinecall_run.wire import _shape",
    }
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/link/driver.py:1: pinecall_run.wire._shape is private to its folder: "
        "import what pinecall_run.wire makes public, or rename it"
    ]


def test_deep_folders_empty_names_and_unknown_rooms_are_caught() -> None:
    tree = {"providers/stt/vendors/one.py": "", "link/_utils.py": "", "common/text.py": "import numpy"}
    assert report(findings(package(tree))) == [
        "runner/pinecall_run/common/text.py:1: common says nothing: name it for what it holds",
        "runner/pinecall_run/common/text.py:1: room common is not in the floor table: "
        "add a row to tests/rules/_floors.py",
        "runner/pinecall_run/link/_utils.py:1: _utils says nothing: name it for what it holds",
        "runner/pinecall_run/providers/stt/vendors/one.py:1: lies more than two folders deep: move it up",
    ]
