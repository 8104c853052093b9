"""One broken file put through everything that reads it; what it may do is give findings."""

from __future__ import annotations

import json
import shutil
import signal
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from tests.golden._cases import BAD, HERE, OK

from pinecall_run.config.variables import substitute
from pinecall_run.live.everywhere import check_everywhere
from pinecall_run.live.formatting import format_project
from pinecall_run.live.load import Checked
from pinecall_run.live.mend import mend_project
from pinecall_run.live.project import Project
from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import MAX_MESSAGE, Diagnostic, has_errors
from pinecall_run.source.formats import FORMATS, Report, render
from pinecall_run.source.ignores import without_ignored

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10
"""What one file may take, through all of it."""
ENVIRON = {"X": "x\n{{ y", "NUMBER": "3", "EMPTY": "", "OPENAI_API_KEY": "canary-canary"}
TOOL = """\
def lookup_order(number: str) -> str:
    '''Find an order.

    Args:
        number: The order's number.
    '''
    return number
"""
WHOLE = {
    "prompts/fuzz.j2": b"Hello from {{ company }}. {{ x }}\n",
    "fuzz.script.yaml": b"rules:\n  - {when: 'a(?P<n>.)', reply: '{{ n }}'}\notherwise: Hello.\n",
    "tool_under_test.py": TOOL.encode(),
}
PROJECT = """\
version: 1
agents:
  desk:
    prompt: {file: prompts/fuzz.j2, vars: {company: Acme, x: [1, {y: z}]}}
    model: scripted:fuzz.script.yaml
    channels: [chat]
    tools: {look: tool_under_test.lookup_order}
"""


class Kind(NamedTuple):
    """A kind of file: where it lies in a project, and whole ones to begin with."""

    file: str
    originals: list[bytes]


def _kinds() -> dict[str, Kind]:
    template = ROOT / "runner" / "pinecall_run" / "cli" / "template"
    golden = [file.read_bytes() for file in [*OK, *BAD]]
    configs = [*golden, (ROOT / "pinecall.yaml").read_bytes(), (template / "pinecall.yaml").read_bytes()]
    prompts = [*(HERE / "files").rglob("*.j2"), *(ROOT / "prompts").rglob("*.j2"), *template.rglob("*.j2")]
    scripts = [
        *(HERE / "files" / "scripts").iterdir(),
        *template.rglob("*.script.yaml"),
        *ROOT.glob("examples/*/*.yaml"),
    ]
    modules = [HERE / "files" / "shop.py", *template.rglob("*.py"), *ROOT.glob("examples/*/*.py")]
    return {
        "config": Kind("pinecall.yaml", configs),
        "prompt": Kind("prompts/fuzz.j2", _read(prompts)),
        "script": Kind("fuzz.script.yaml", _read(scripts)),
        "module": Kind("tool_under_test.py", _read(modules)),
    }


def _read(files: list[Path]) -> list[bytes]:
    return [file.read_bytes() for file in sorted(files) if file.is_file()]


KINDS = _kinds()


class TooSlowError(Exception):
    """A file took longer than it may."""


@contextmanager
def project(folder: Path) -> Iterator[Path]:
    """A project in a folder, in which one file at a time is broken; the folder is the current one meanwhile."""
    shutil.copytree(HERE / "files", folder, dirs_exist_ok=True)
    (folder / "pinecall.yaml").write_text(PROJECT)
    for kind in KINDS.values():
        if kind.file != "pinecall.yaml":
            (folder / kind.file).write_bytes(WHOLE[kind.file])
    with chdir(folder):
        yield folder


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise TooSlowError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def probe(folder: Path, kind: str, data: bytes) -> set[str]:
    """The codes of the findings for a project with ``data`` in place of one of its files.

    Raises whatever was raised, ``AssertionError`` for what must always hold, and :class:`TooSlowError`.
    """
    file = folder / KINDS[kind].file
    before = file.read_bytes()
    file.write_bytes(data)
    try:
        with _time_limit():
            checked = check_everywhere(Project(Path("pinecall.yaml")), ENVIRON)
            found = _check_findings(checked)
            _render(checked)
            _mend()
            if kind == "config":
                _format(data)
            substitute(data.decode("utf-8", "replace"), ENVIRON)
            return {finding.code for finding in found}
    finally:
        file.write_bytes(before)


def _check_findings(checked: Checked) -> list[Diagnostic]:
    everywhere = [finding for finding in checked.diagnostics if "(in the environment" not in finding.message]
    assert (checked.config is None) == has_errors(everywhere)
    lines = checked.lines
    for finding in checked.diagnostics:
        assert finding.code in CODES
        assert len(finding.message) <= MAX_MESSAGE
        for span in (finding.span, *(label.span for label in finding.labels)):
            start, end = (span.line, span.column), (span.end_line, span.end_column)
            assert (1, 1) <= start <= end, span
            assert span.file not in lines or span.line <= len(lines[span.file]), span
    document = checked.document
    return checked.diagnostics if document is None else without_ignored(checked.diagnostics, document)


def _render(checked: Checked) -> None:
    content = Report(["pinecall.yaml"], checked.diagnostics, checked.lines, "1", secrets=checked.secrets)
    made = {shape: render(shape, content).encode("utf-8", "replace") for shape in FORMATS}
    for shape in ("json", "sarif", "gitlab"):
        json.loads(made[shape])
    for line in made["jsonl"].splitlines():
        json.loads(line)
    xml.fromstring(made["junit"])
    assert len(made["concise"].split(b"\n")) == max(len(set(checked.diagnostics)), 1)
    assert all(ENVIRON["OPENAI_API_KEY"].encode() not in text for text in made.values())


def _mend() -> None:
    """Mending leaves a project that mending leaves alone. Nothing is written."""
    mended = mend_project(Project(Path("pinecall.yaml")), ENVIRON)
    for change in mended.changes:
        change.diff()
        assert change.before != change.after


def _format(data: bytes) -> None:
    change, _ = format_project(Project(Path("pinecall.yaml")), data, "pinecall.yaml")
    if change is not None:
        again, _ = format_project(Project(Path("pinecall.yaml")), change.after, "pinecall.yaml")
        assert again is not None, "fmt made a file that cannot be read"
        assert again.after == change.after, "fmt is not done after one go"
