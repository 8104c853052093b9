"""Revisions of a project's modules: loaded whole or not at all, each seen by its own functions alone."""

from __future__ import annotations

import gettext
import importlib
import os
import sys
import textwrap
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pinecall_run.live.code import Code
from pinecall_run.live.project import Project


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "meta_path", [each for each in sys.meta_path if not is_ours(each)])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def is_ours(finder: object) -> bool:
    return type(finder).__module__ == "pinecall_run.live.code"


def put(root: Path, **modules: str) -> None:
    """Write modules; ``codetools__db`` is codetools/db.py."""
    for name, text in modules.items():
        file = root / f"{name.replace('__', '/', 1)}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))
    importlib.invalidate_caches()


def load(code: Code, *names: str) -> Any:
    """The last of the modules, all loaded in a revision that is kept."""
    with code.attempt() as attempt:
        modules = [importlib.import_module(name) for name in names]
        attempt.keep()
    return modules[-1]


PACKAGE = {
    "codetools____init__": "WORD = '{0}'\n",
    "codetools__db": "import codetools.tool\nWORD = '{0}'\nclass Row: pass\n",
    "codetools__tool": """
        from __future__ import annotations
        from dataclasses import dataclass
        from codetools import WORD, db
        from .db import Row

        @dataclass
        class Order:
            row: Row

        def bound(): return WORD, db.WORD
        def plain():
            import codetools.db
            return codetools.db.WORD
        def renamed():
            import codetools.db as other
            return other.WORD
        def taken():
            from codetools import db
            return db.WORD
        def relative():
            from . import db
            from .db import WORD
            assert WORD == db.WORD
            return WORD
        def late():
            from codetools import late
            return late.WORD, late.row, late.late
        def typed(order: Order) -> Row: ...
    """,
    "codetools__late": "from codetools.db import WORD, Row\nrow, late = Row, '{0}'\n",
}
IMPORTS = ("plain", "renamed", "taken", "relative")


def write(root: Path, word: str) -> None:
    put(root, **{name: text.replace("{0}", word) for name, text in PACKAGE.items()})


def test_functions_of_each_revision_see_their_own_modules_only(tmp_path: Path) -> None:
    revisions = []
    for word in ("one", "two", "six"):
        write(tmp_path, word)
        revisions.append((word, load(Code(Project.at(tmp_path)), "codetools.tool")))
    for word, tool in revisions:
        assert tool.bound() == (word, word)
        assert [getattr(tool, name)() for name in IMPORTS] == [word] * 4
        assert tool.late() == (word, tool.Row, word)  # its first import, long after others were loaded
        assert typing.get_type_hints(tool.typed)["return"] is tool.Row
    assert sys.modules["codetools.tool"] is revisions[-1][1]
    assert sys.modules["codetools.db"].WORD == "six"


def test_old_functions_import_what_is_not_the_projects_as_ever(tmp_path: Path) -> None:
    source = "def f():\n    import json, xml.dom\n    from os import path\n    return json, xml.dom, path\n"
    put(tmp_path, codetools=source)
    old = load(Code(Project.at(tmp_path)), "codetools")
    put(tmp_path, codetools="x = 1\n")
    load(Code(Project.at(tmp_path)), "codetools")
    assert old.f() == (sys.modules["json"], sys.modules["xml.dom"], os.path)
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        exec("import nowhere_at_all", vars(old))


@pytest.mark.parametrize(
    "broken",
    ["def f(:\n", "import codetools.db\nraise ValueError\n", "import codetools.nowhere\n", "raise SystemExit\n", "\0"],
)
def test_what_cannot_be_loaded_leaves_everything_as_it_was(tmp_path: Path, broken: str) -> None:
    write(tmp_path, "one")
    code = Code(Project.at(tmp_path))
    tool = load(code, "codetools.tool")
    before = {name: module for name, module in sys.modules.items() if name.startswith("codetools")}
    write(tmp_path, "two")
    put(tmp_path, codetools__tool=broken)
    with pytest.raises(BaseException), Code(Project.at(tmp_path)).attempt() as attempt:  # noqa: B017, PT011 - any
        importlib.import_module("codetools.tool")
    assert {name: module for name, module in sys.modules.items() if name.startswith("codetools")} == before
    assert tool.plain() == "one"
    assert tmp_path / "codetools" / "tool.py" in attempt.files
    assert (tmp_path / "codetools" / "nowhere.py" in attempt.files) == ("nowhere" in broken)


def test_a_module_more_that_cannot_be_loaded_is_not_half_there(tmp_path: Path) -> None:
    write(tmp_path, "one")
    put(tmp_path, codetools__more="import codetools.late\nraise ValueError('half')\n")
    code = Code(Project.at(tmp_path))
    load(code, "codetools.tool")
    files, digest = dict(code.files), code.digest
    with pytest.raises(ValueError, match="half"), code.attempt():
        importlib.import_module("codetools.more")
    assert (code.files, code.digest) == (files, digest)
    assert not hasattr(sys.modules["codetools"], "late")
    assert "codetools.late" not in sys.modules


def test_a_change_within_the_same_second_and_of_the_same_size_is_loaded(tmp_path: Path) -> None:
    put(tmp_path, codetools="WORD = 'one'\n")
    code = Code(Project.at(tmp_path))
    assert load(code, "codetools").WORD == "one"
    assert not code.has_changed()
    before = (tmp_path / "codetools.py").stat()
    put(tmp_path, codetools="WORD = 'two'\n")
    os.utime(tmp_path / "codetools.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert code.has_changed()
    assert load(Code(Project.at(tmp_path)), "codetools").WORD == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["codetools.py"]  # and nothing was written


def test_the_digest_is_of_content_and_of_what_functions_may_import(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        sys.path.insert(0, str(tmp_path / folder))
        write(tmp_path / folder, "one")
    code, other = Code(Project.at(tmp_path / "b")), Code(Project.at(tmp_path / "a"))
    tool = load(code, "codetools.tool")
    digest = code.digest
    assert tmp_path / "b" / "codetools" / "late.py" in code.files  # before it is imported
    tool.late()
    assert code.digest == digest != Code(Project.at(tmp_path)).digest
    code.remove()
    sys.path.remove(str(tmp_path / "b"))
    load(other, "codetools.tool")
    assert other.digest == digest


def test_folders_without_init_are_revised_too(tmp_path: Path) -> None:
    put(
        tmp_path,
        codespace__tool="from codespace import db\ndef f():\n    import codespace.db as d\n    return d.WORD\n",
    )
    put(tmp_path, codespace__db="WORD = 'one'\n")
    old = load(Code(Project.at(tmp_path)), "codespace.tool")
    put(tmp_path, codespace__db="WORD = 'two'\n")
    new = load(Code(Project.at(tmp_path)), "codespace.tool")
    assert (old.f(), new.f()) == ("one", "two")
    assert old.db is not new.db


def test_what_others_loaded_or_installed_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, codehost="WORD = 'one'\n")
    host = importlib.import_module("codehost")
    packages = tmp_path / "venv" / "site-packages"
    packages.mkdir(parents=True)
    put(packages, codelib="word = object()\n")
    sys.path.append(str(packages))
    put(tmp_path, codetools="import codehost, codelib\n")
    code = Code(Project.at(tmp_path))
    tool = load(code, "codetools")
    lib = tool.codelib
    code.uses(host)
    assert set(code.files) == {tmp_path / "codetools.py"}
    put(tmp_path, codehost="WORD = 'two'\n", codetools="import codehost, codelib\nx = 1\n")
    assert code.changed_for_good() == [tmp_path / "codehost.py"]
    tool = load(Code(Project.at(tmp_path), code.fixed), "codetools")
    assert (tool.codehost, tool.codelib) == (host, lib)


def test_code_that_is_gone_is_let_go(tmp_path: Path) -> None:
    write(tmp_path, "one")
    code = Code(Project.at(tmp_path))
    load(code, "codetools.tool")
    code.remove()
    assert not any(name.startswith("codetools") for name in sys.modules)
    assert not any(map(is_ours, sys.meta_path))


def test_what_somebody_else_took_out_is_not_missed(tmp_path: Path) -> None:
    write(tmp_path, "one")
    code = Code(Project.at(tmp_path))
    tool = load(code, "codetools.tool")
    del sys.modules["codetools.db"]
    write(tmp_path, "two")
    assert load(Code(Project.at(tmp_path)), "codetools.tool").plain() == "two"
    assert tool.plain() == "one"


def test_names_that_a_module_adds_to_the_builtins_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins._", None, raising=False)
    put(tmp_path, codetools="import gettext\ngettext.install('x')\ndef f(): return _('hi')\n")
    assert load(Code(Project.at(tmp_path)), "codetools").f() == "hi"
    assert gettext.gettext("hi") == "hi"


def test_threads_that_a_module_starts_and_waits_for_may_import(tmp_path: Path) -> None:
    source = """
    import threading
    found = []
    def look():
        import codemore
        found.append(codemore.WORD)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join(5)
    """
    put(tmp_path, codemore="WORD = 'one'\n", codetools=source)
    assert load(Code(Project.at(tmp_path)), "codetools").found == ["one"]


def test_old_and_new_functions_import_at_the_same_time(tmp_path: Path) -> None:
    write(tmp_path, "one")
    tools = [("one", load(Code(Project.at(tmp_path)), "codetools.tool"))]
    wrong: list[Any] = []
    ended = threading.Event()

    def look(word: str, tool: Any) -> None:
        while not ended.is_set():
            wrong.extend(found for name in IMPORTS if (found := getattr(tool, name)()) != word)

    threads = [threading.Thread(target=look, args=tools[0]) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(50):
            write(tmp_path, str(number))
            tool = load(Code(Project.at(tmp_path)), "codetools.tool")
            assert tool.plain() == str(number)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert wrong == []
