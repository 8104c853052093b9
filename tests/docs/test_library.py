"""docs/library.md: what it names is there, and its code can at least be read."""

import ast
import inspect
import re
import textwrap

from tests.rules._scan import ROOT

import pinecall_run
from pinecall_run import Runner

PAGE = (ROOT / "docs/library.md").read_text(encoding="utf-8")


def test_every_argument_and_every_attribute_is_there_and_every_public_one_is_told() -> None:
    arguments = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE))
    told = {name for cell in arguments for name in re.findall(r"\w+", cell)}
    taken = set(inspect.signature(Runner).parameters) - {"opener", "clock"}  # for tests: docs/testing.md
    assert told == taken
    public = {name for name in vars(Runner) if not name.startswith("_")} - {"load"}
    assert public | {"is_connected", "url"} == set(re.findall(r"runner\.(\w+)", PAGE)) | {"agents"}


def test_every_error_and_notice_is_there() -> None:
    for name in set(re.findall(r"`(\w+Error)`", PAGE)):
        assert issubclass(getattr(pinecall_run, name), Exception)
    for name in ("CallBegan", "ToolRan", "Reloaded", "Stopped", "Missed"):
        assert f"`{name}" in PAGE
        assert hasattr(pinecall_run.notices, name)


def test_its_code_is_python() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        ast.parse("async def page():\n" + textwrap.indent(block, "    "))
