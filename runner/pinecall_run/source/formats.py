"""Findings for machines and for other people's pages: one function for each format, looked up by name."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from pinecall_run.source.codes import CODES
from pinecall_run.source.diagnostic import Diagnostic, Severity, Span, in_order
from pinecall_run.source.render import concise, report
from pinecall_run.source.secrets import NONE, Secrets

TOOL = "pinecall-run"


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and what was found. ``lines`` holds the lines of files by the name that spans use; what is in
    ``secrets`` is masked in every format."""

    files: Sequence[str]
    diagnostics: Sequence[Diagnostic]
    lines: Mapping[str, list[str]]
    version: str
    colour: bool = False
    secrets: Secrets = NONE


def render(name: str, content: Report) -> str:
    """The report in a format of :data:`FORMATS`, without a final line break; empty when there is nothing to say.

    Columns are code points from 1 and ends are exclusive, unless a format's own rules say otherwise.

    Raises:
        KeyError: there is no such format.
    """
    return FORMATS[name](replace(content, diagnostics=content.secrets.hide_in(content.diagnostics)))


def _full(content: Report) -> str:
    return report(content.diagnostics, content.lines, colour=content.colour, secrets=content.secrets)


def _concise(content: Report) -> str:
    return "\n".join(concise(finding) for finding in in_order(content.diagnostics))


def _json(content: Report) -> str:
    found = in_order(content.diagnostics)
    counts = {severity.value: sum(d.severity is severity for d in found) for severity in Severity}
    document = {
        "version": 1,
        "tool": {"name": TOOL, "version": content.version},
        "files": list(content.files),
        "diagnostics": [finding_object(finding) for finding in found],
        "summary": counts,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _jsonl(content: Report) -> str:
    return "\n".join(
        json.dumps(finding_object(finding), ensure_ascii=False) for finding in in_order(content.diagnostics)
    )


def finding_object(finding: Diagnostic) -> dict[str, Any]:
    """A finding as plain values."""
    return {
        "code": finding.code,
        "title": CODES[finding.code],
        "severity": finding.severity.value,
        "message": finding.message,
        "help": finding.help,
        **_place(finding.span),
        "route": list(finding.route),
        "labels": [{"message": label.text, **_place(label.span)} for label in finding.labels],
    }


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def _sarif(content: Report) -> str:
    """SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html)."""
    found = list(_fingerprinted(content.diagnostics))
    codes = sorted({finding.code for finding, _ in found})
    driver = {"name": TOOL, "version": content.version, "rules": [_sarif_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(name)}} for name in dict.fromkeys(content.files)],
        "results": [_sarif_result(finding, codes.index(finding.code), mark) for finding, mark in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _sarif_rule(code: str) -> dict[str, Any]:
    name = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", CODES[code]))  # 3.49.7 asks for Pascal
    return {"id": code, "name": name, "shortDescription": {"text": CODES[code]}}


def _sarif_result(finding: Diagnostic, rule: int, mark: str) -> dict[str, Any]:
    result = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": _sarif_place(finding.span)}],
        "partialFingerprints": {"pinecallFinding/v1": mark},
    }
    if finding.labels:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _sarif_place(label.span), "message": {"text": label.text}}
            for number, label in enumerate(finding.labels)
        ]
    return result


def _sarif_place(span: Span) -> dict[str, Any]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"artifactLocation": {"uri": _uri(span.file)}, "region": region}


def _uri(file: str) -> str:
    """A relative reference for a relative name, so that a viewer resolves it in its own checkout."""
    name = PurePath(file)
    written = quote(name.as_posix(), errors="surrogateescape")
    return f"file://{written}" if name.is_absolute() else written


_GITHUB_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def _github(content: Report) -> str:
    """Workflow commands that become annotations
    (https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands)."""
    return "\n".join(_github_line(finding) for finding in in_order(content.diagnostics))


def _github_line(finding: Diagnostic) -> str:
    span = finding.span
    properties = {"file": PurePath(span.file).as_posix(), "line": span.line, "endLine": _last_line(span)}
    if span.line == span.end_line:  # columns are refused for a range of lines
        properties |= {"col": span.column, "endColumn": span.end_column}
    properties["title"] = f"{finding.code} {CODES[finding.code]}"
    written = ",".join(f"{key}={_github_property(str(value))}" for key, value in properties.items())
    return f"::{_GITHUB_COMMANDS[finding.severity]} {written}::{_github_data(_sentence(finding))}"


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


_GITLAB_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def _gitlab(content: Report) -> str:
    """A Code Quality report (https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format)."""
    entries = [
        {
            "description": _sentence(finding),
            "check_name": finding.code,
            "fingerprint": mark,
            "severity": _GITLAB_SEVERITIES[finding.severity],
            "location": {
                "path": PurePath(finding.span.file).as_posix(),
                "lines": {"begin": finding.span.line, "end": _last_line(finding.span)},
            },
        }
        for finding, mark in _fingerprinted(content.diagnostics)
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False)


def _junit(content: Report) -> str:
    """JUnit XML: a suite for each file, a failed case for each error, a passed one for a file without findings."""
    by_file: dict[str, list[Diagnostic]] = {name: [] for name in content.files}
    for finding in in_order(content.diagnostics):
        by_file.setdefault(finding.span.file, []).append(finding)
    suites = [_junit_suite(name, found) for name, found in by_file.items()]
    tests = sum(max(len(found), 1) for found in by_file.values())
    failures = sum(d.severity is Severity.ERROR for found in by_file.values() for d in found)
    head = f'<testsuites name="{TOOL}" tests="{tests}" failures="{failures}" errors="0" time="0">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"])


def _junit_suite(name: str, found: Sequence[Diagnostic]) -> str:
    failures = sum(d.severity is Severity.ERROR for d in found)
    attributes = f'tests="{max(len(found), 1)}" failures="{failures}" errors="0" skipped="0" time="0"'
    cases = [_junit_case(name, finding) for finding in found] or [
        f'    <testcase classname="{_xml(name)}" name="no findings" time="0"/>'
    ]
    return "\n".join([f'  <testsuite name="{_xml(name)}" {attributes}>', *cases, "  </testsuite>"])


def _junit_case(name: str, finding: Diagnostic) -> str:
    span = finding.span
    start = f'    <testcase classname="{_xml(name)}" name="{finding.code} at {span.line}:{span.column}" time="0"'
    sentence = f"{span.file}:{span.line}:{span.column}: {_sentence(finding)}"
    if finding.severity is not Severity.ERROR:
        return f"{start}><system-out>{_xml(f'{finding.severity}: {sentence}')}</system-out></testcase>"
    attributes = f'message="{_xml(finding.message)}" type="{finding.code}"'
    return f"{start}><failure {attributes}>{_xml(sentence)}</failure></testcase>"


_NOT_XML = re.compile("[\0-\x08\x0b-\x1f]|[\ud800-\udfff\ufffe\uffff]")  # one large set takes 9 ms to compile
"""What XML 1.0 cannot hold, even escaped (https://www.w3.org/TR/xml/#charsets), and the carriage return it changes."""
_XML_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def _xml(text: str) -> str:
    """``text`` for an element or a quoted attribute. Not the standard library's: that one imports its web client."""
    return _NOT_XML.sub("�", text).translate(_XML_ENTITIES)


def _markdown(content: Report) -> str:
    """A table of GitHub's Markdown (https://github.github.com/gfm/#tables-extension-)."""
    found = in_order(content.diagnostics)
    if not found:
        return f"**{TOOL}**: no findings in {len(content.files)} file{'s' * (len(content.files) != 1)}"
    rows = [
        f"| {d.severity} | {_code(f'{d.span.file}:{d.span.line}:{d.span.column}')} | {d.code} | {_cell(_sentence(d))} |"
        for d in found
    ]
    return "\n".join(["| severity | where | code | finding |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    """A sentence whose words in backticks stay code, and in which nothing else means anything."""
    if "``" in text:  # longer runs of backticks pair up by rules of their own
        return _plain(text)
    pieces = re.split(r"`([^`]+)`", text)
    return "".join(_code(piece) if index % 2 else _plain(piece) for index, piece in enumerate(pieces))


def _code(text: str) -> str:
    """A code span, in which nothing can be escaped but ``|``."""
    text = _one_line(text)
    if "`" in text or "\\|" in text or text.endswith("\\") or not text.strip():
        return _plain(text)
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`"


_MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"} | {char: f"\\{char}" for char in "\\`*_[]~#!"}
)


def _plain(text: str) -> str:
    return _one_line(text).translate(_MARKDOWN)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _sentence(finding: Diagnostic) -> str:
    return f"{finding.message}; {finding.help}" if finding.help else finding.message


def _last_line(span: Span) -> int:
    """The last line of which a span holds anything: the end of a block is the beginning of the line after."""
    return span.end_line - 1 if span.end_column == 1 and span.end_line > span.line else span.end_line


def _fingerprinted(diagnostics: Sequence[Diagnostic]) -> Iterator[tuple[Diagnostic, str]]:
    """Every finding with a mark of its own that stays the same when lines move: what was found at which route, not
    where in the file."""
    seen: Counter[str] = Counter()
    for finding in in_order(diagnostics):
        route = "/".join(map(str, finding.route))
        identity = "\0".join([finding.span.file, finding.code, route, finding.message])
        seen[identity] += 1
        counted = f"{identity}\0{seen[identity]}"
        yield finding, hashlib.sha256(counted.encode("utf-8", "surrogatepass")).hexdigest()[:32]


FORMATS: dict[str, Callable[[Report], str]] = {
    "full": _full,
    "concise": _concise,
    "json": _json,
    "jsonl": _jsonl,
    "sarif": _sarif,
    "github": _github,
    "gitlab": _gitlab,
    "junit": _junit,
    "markdown": _markdown,
}
"""Name to renderer. Documents for machines are complete even when nothing was found."""
