"""Each format held to what its readers publish: schemas where there are some, the documents' own rules elsewhere."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from pinecall_run.source.diagnostic import Diagnostic, Label, Severity, Span
from pinecall_run.source.formats import FORMATS, Report, render

PUBLISHED = os.environ.get("PUBLISHED_SCHEMAS", "")
"""A folder with `sarif-2.1.0.schema.json` and `junit.xsd`, which `.ci/published_schemas.py` fetches and `.ci/run`
names. They are other people's, so they are not kept here."""


def _published(name: str) -> Path:
    file = Path(PUBLISHED) / name
    if not PUBLISHED or not file.is_file():
        pytest.skip(f"PUBLISHED_SCHEMAS names no folder with {name}")
    return file


NASTY = "a<b>&\"c' %0A::x|`d|e` \\ \x1b[31m\r\n,]]> é 😀 \udcff \x00"
FOUND = [
    Diagnostic("PCR101", "`agents.a` has no key `voise`", Span.at("a.yaml", 3, 5, 5), help="did you mean `voice`?",
               route=("agents", "a", "voise")),
    Diagnostic("PCR501", "claimed twice", Span.at("a.yaml", 4, 1), labels=(Label(Span.at("b.yaml", 9, 2), "here"),)),
    Diagnostic("PCR503", "nobody can reach `a`", Span("b c.yaml", 2, 3, 6, 1), Severity.WARNING),
    Diagnostic("PCR302", NASTY, Span.at("/elsewhere/ñ:#%.j2"), Severity.INFO, help=NASTY),
]  # fmt: skip
FILES = ["a.yaml", "b c.yaml", "clean.yaml"]


def _render(shape: str, found: list[Diagnostic] = FOUND, files: list[str] = FILES) -> str:
    return render(shape, Report(files, found, {"a.yaml": ["", "", "    voise: x", "x"]}, "1.2.3"))


@pytest.mark.parametrize("shape", FORMATS)
def test_every_finding_is_in_every_format_and_none_is_no_trouble(shape: str) -> None:
    text = _render(shape)
    assert all(finding.code in text for finding in FOUND)
    assert not text.endswith("\n")
    _render(shape, [], [])


def test_the_order_in_which_things_are_found_does_not_matter() -> None:
    for shape in FORMATS:
        assert _render(shape) == _render(shape, FOUND[::-1])


def test_full_and_concise_are_for_people() -> None:
    assert "  3 |     voise: x\n    |     ^^^^^\n  help: did you mean `voice`?" in _render("full")
    assert _render("concise").splitlines()[1] == "a.yaml:3:5: PCR101 `agents.a` has no key `voise`"
    assert _render("full", []) == _render("concise", []) == ""


def test_json_is_one_document_with_everything_in_it() -> None:
    document = json.loads(_render("json"))
    assert document["tool"] == {"name": "pinecall-run", "version": "1.2.3"}
    assert document["files"] == FILES
    assert document["summary"] == {"error": 2, "warning": 1, "info": 1}
    assert document["diagnostics"][1] == {
        "code": "PCR101", "title": "unknown key", "severity": "error",
        "message": "`agents.a` has no key `voise`", "help": "did you mean `voice`?",
        "file": "a.yaml", "line": 3, "column": 5, "end_line": 3, "end_column": 10,
        "route": ["agents", "a", "voise"], "labels": [],
    }  # fmt: skip
    assert (
        document["diagnostics"][2]["labels"][0] | {"line": 9, "message": "here"}
        == (document["diagnostics"][2]["labels"][0])
    )
    assert json.loads(_render("json", []))["diagnostics"] == []


def test_jsonl_is_an_object_a_line() -> None:
    objects = [json.loads(line) for line in _render("jsonl").split("\n")]
    assert objects == json.loads(_render("json"))["diagnostics"]
    assert _render("jsonl", []) == ""


@pytest.fixture(scope="module")
def sarif() -> Draft7Validator:
    schema = json.loads(_published("sarif-2.1.0.schema.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("found", [FOUND, []])
def test_sarif_is_accepted_by_its_schema(sarif: Draft7Validator, found: list[Diagnostic]) -> None:
    assert [error.message for error in sarif.iter_errors(json.loads(_render("sarif", found)))] == []


def test_the_schema_of_sarif_can_refuse(sarif: Draft7Validator) -> None:
    document = json.loads(_render("sarif"))
    document["runs"][0]["results"][0]["level"] = "fatal"
    del document["runs"][0]["tool"]["driver"]["name"]
    assert len(list(sarif.iter_errors(document))) == 2


def test_sarif_says_what_the_schema_cannot_check() -> None:
    run = json.loads(_render("sarif"))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == [result["ruleId"] for result in run["results"]]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    uris = [place["artifactLocation"]["uri"] for place in places]
    assert uris == ["file:///elsewhere/%C3%B1%3A%23%25.j2", "a.yaml", "a.yaml", "b%20c.yaml"]
    assert places[1]["region"] == {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 10}
    assert run["columnKind"] == "unicodeCodePoints"
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == ["a.yaml", "b%20c.yaml", "clean.yaml"]
    assert run["results"][2]["relatedLocations"][0]["message"] == {"text": "here"}
    assert json.loads(_render("sarif", []))["runs"][0]["results"] == []


_GITHUB = re.compile(r"::(error|warning|notice) ([^:\r\n]*)::([^\r\n]*)")


def _github(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Workflow commands as GitHub's runner reads them: unescaped in this order."""
    for line in text.split("\n"):
        command = _GITHUB.fullmatch(line)
        assert command is not None, line
        properties = dict(pair.split("=", 1) for pair in command[2].split(","))
        unescaped = {key: _unescaped(value, "%3A:", "%2C,") for key, value in properties.items()}
        yield command[1], unescaped, _unescaped(command[3])


def _unescaped(text: str, *more: str) -> str:
    for escape in ("%0D\r", "%0A\n", *more, "%25%"):
        text = text.replace(escape[:3], escape[3:])
    return text


def test_github_reads_back_what_was_meant() -> None:
    info, unknown, _, block = _github(_render("github"))
    assert info[0] == "notice"
    assert info[1]["file"] == "/elsewhere/ñ:#%.j2"
    assert info[2] == f"{NASTY}; {NASTY}"
    assert unknown == (
        "error",
        {"file": "a.yaml", "line": "3", "endLine": "3", "col": "5", "endColumn": "10", "title": "PCR101 unknown key"},
        "`agents.a` has no key `voise`; did you mean `voice`?",
    )
    assert block[:2] == (
        "warning",
        {"file": "b c.yaml", "line": "2", "endLine": "5", "title": "PCR503 agent nobody can reach"},
    )


def test_gitlab_has_what_its_document_requires() -> None:
    entries = json.loads(_render("gitlab"))
    assert len(entries) == len(FOUND)
    for entry in entries:
        assert set(entry) >= {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert isinstance(entry["location"]["lines"]["begin"], int)
        assert not entry["location"]["path"].startswith("./")
    assert entries[3]["location"] == {"path": "b c.yaml", "lines": {"begin": 2, "end": 5}}
    assert json.loads(_render("gitlab", [])) == []


def _marks(found: list[Diagnostic]) -> list[str]:
    return [entry["fingerprint"] for entry in json.loads(_render("gitlab", found))]


def test_a_fingerprint_is_unique_and_does_not_move_with_lines() -> None:
    twins = [Diagnostic("PCR004", "twice", Span.at("a.yaml", line)) for line in (1, 5)]
    assert len({*_marks(twins), *_marks(FOUND)}) == 2 + len(FOUND)
    moved = [Diagnostic("PCR004", "twice", Span.at("a.yaml", line)) for line in (11, 15)]
    assert _marks(twins) == _marks(moved)


_XS = "{http://www.w3.org/2001/XMLSchema}"


def _xsd_errors(element: xml.Element, types: dict[str, xml.Element]) -> Iterator[str]:
    """What an XSD of references, sequences and attributes, as the published one is, says against an element."""
    declared = types.get(element.tag)
    if declared is None:
        yield f"<{element.tag}> is not declared"
        return
    attributes = {found.get("name"): found for found in declared.iter(f"{_XS}attribute")}
    yield from (f"<{element.tag}> has no attribute {name}" for name in element.attrib if name not in attributes)
    for name, found in attributes.items():
        if found.get("use") == "required" and name not in element.attrib:
            yield f"<{element.tag}> lacks {name}"
    left = [child.tag for child in element]
    for part in declared.iter(f"{_XS}element"):
        name, most = part.get("ref"), part.get("maxOccurs", "1")
        if name is None:
            continue  # the declaration itself
        count = next((index for index, tag in enumerate(left) if tag != name), len(left))
        if not int(part.get("minOccurs", "1")) <= count <= (count if most == "unbounded" else int(most)):
            yield f"<{element.tag}> has {count} <{name}>"
        left = left[count:]
    if left:
        yield f"<{element.tag}> may not hold <{left[0]}> here"
    complex = declared.find(f"{_XS}complexType")
    has_text = complex is None or complex.get("mixed") == "true"
    texts = [element.text, *(child.tail for child in element)]
    if not has_text and any(text and text.strip() for text in texts):
        yield f"<{element.tag}> holds text"
    for child in element:
        yield from _xsd_errors(child, types)


@pytest.fixture(scope="module")
def junit() -> dict[str, xml.Element]:
    schema = xml.parse(_published("junit.xsd")).getroot()
    return {str(found.get("name")): found for found in schema.findall(f"{_XS}element")}


@pytest.mark.parametrize("found", [FOUND, []])
def test_junit_is_accepted_by_its_schema(junit: dict[str, xml.Element], found: list[Diagnostic]) -> None:
    assert list(_xsd_errors(xml.fromstring(_render("junit", found).encode("utf-8", "replace")), junit)) == []


def test_the_schema_of_junit_can_refuse(junit: dict[str, xml.Element]) -> None:
    text = '<testsuites><testsuite name="a" kind="x"><testcase name="b"><system-out/><failure/>t</testcase>'
    found = list(_xsd_errors(xml.fromstring(text + "<wrong/></testsuite></testsuites>"), junit))
    assert found == [
        "<testsuite> has no attribute kind",
        "<testsuite> lacks tests",
        "<testsuite> may not hold <wrong> here",
        "<testcase> may not hold <failure> here",
        "<testcase> holds text",
        "<wrong> is not declared",
    ]


def test_junit_counts_and_keeps_the_text() -> None:
    root = xml.fromstring(_render("junit").encode())
    assert (root.get("tests"), root.get("failures")) == ("5", "2")
    assert [suite.get("name") for suite in root] == [*FILES, "/elsewhere/ñ:#%.j2"]
    cases = list(root.iter("testcase"))
    assert [case.get("name") for case in cases if case.get("classname") == "clean.yaml"] == ["no findings"]
    info = cases[-1].findtext("system-out")
    assert info is not None
    assert "a<b>&\"c' %0A::x|`d|e` \\ �[31m�\n,]]> é 😀 � �" in info
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "`agents.a` has no key `voise`"


def _cells(row: str) -> list[str]:
    """The cells of a row as GitHub splits it (https://github.github.com/gfm/#tables-extension-)."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("no key `voise`", "no key `voise`"),
        ("`a|b` | c", r"`a\|b` &#124; c"),
        ("a <img src=x> & [x](y)", r"a &lt;img src=x&gt; & \[x\](y)".replace(" & ", " &amp; ")),
        ("`<b>`", "`<b>`"),
        ("*a* _b_ ~c~ #1", r"\*a\* \_b\_ \~c\~ \#1"),
        ("an odd ` one", r"an odd \` one"),
        ("``a` <b>", r"\`\`a\` &lt;b&gt;"),
        ("`a\\` <b> `c`", r"a\\ &lt;b&gt; `c`"),
        ("`a\\|b`", r"a\\&#124;b"),
        ("line\r\nbreak", "line  break"),
    ],
)
def test_a_message_cannot_leave_its_cell(message: str, shown: str) -> None:
    row = _render("markdown", [Diagnostic("PCR101", message, Span.at("a|b.yaml"))]).splitlines()[2]
    assert _cells(row) == ["error", r"`a\|b.yaml:1:1`", "PCR101", shown]


def test_markdown_has_a_row_a_finding() -> None:
    assert len(_render("markdown").splitlines()) == 2 + len(FOUND)
    assert _render("markdown", []) == "**pinecall-run**: no findings in 3 files"
    assert _render("markdown", [], ["a"]) == "**pinecall-run**: no findings in 1 file"


def test_a_format_that_is_not_there_is_a_mistake_of_ours() -> None:
    unknown: Any = "xml"
    with pytest.raises(KeyError):
        _render(unknown)
