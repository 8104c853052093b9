"""Every code of a finding is used, and documented with a bad and a good example; none is made up."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from tests.docs._examples import PAGE, sections
from tests.rules._exceptions import check
from tests.rules._scan import ROOT, SOURCE, Finding, Module, package, read, report

from pinecall_run.source.codes import CODES

TABLE = f"{SOURCE}/source/codes.py"
DOCS = PAGE.relative_to(ROOT).as_posix()


def findings(modules: Iterable[Module], codes: Mapping[str, str], page: str) -> Iterator[Finding]:
    used: set[str] = set()
    for module in modules:
        if module.path == TABLE:
            continue
        for line, code in _codes(module.tree):
            used.add(code)
            if code not in codes:
                yield Finding(module.path, line, code, f"{code} is not in {TABLE}: add it there, with a title")
    for code in codes.keys() - used:
        yield Finding(TABLE, 1, code, f"{code} is used nowhere: take it out, and never use it for anything else")
    yield from _documented(codes, page)


def _codes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if re.fullmatch(r"PCR\d{3}", text):
                yield node.lineno, text


def _documented(codes: Mapping[str, str], page: str) -> Iterator[Finding]:
    found = {section.code: section for section in sections(page)}
    for code, title in codes.items():
        section = found.get(code)
        if section is None or section.title != title:
            yield Finding(DOCS, 1, code, f"{code} is not explained: add the section `## {code} {title}`")
            continue
        for part in ("bad", "good"):
            if not section.has(part):
                yield Finding(DOCS, 1, code, f"{code} has no {part} example: add one after a line `{part.title()}:`")
    for code in found.keys() - codes.keys():
        yield Finding(DOCS, 1, code, f"{code} is not in {TABLE}: take its section out")
    if list(found) != sorted(found):
        yield Finding(DOCS, 1, "order", "the sections are not in the order of their codes")


def test_codes_are_used_and_explained() -> None:
    check("diagnostics", findings(read(SOURCE), CODES, PAGE.read_text(encoding="utf-8")))


def test_a_code_that_is_missing_somewhere_is_caught() -> None:
    tree = {
        "source/codes.py": "CODES = {'PCR001': 'one', 'PCR002': 'two', 'PCR003': 'three', 'PCR004': 'four'}",
        "config/rules.py": """
            yield Diagnostic("PCR001", "wrong")
            found = "PCR002" if x else "PCR009"
            refuse(code="PCR004")
            "see PCR008 and PCR0033"
        """,
    }
    codes = {"PCR001": "one", "PCR002": "two", "PCR003": "three", "PCR004": "four"}
    example = "```yaml\na: 1\n```\n"
    both = f"Bad:\n{example}Good:\n{example}"
    page = f"## PCR002 too\n## PCR001 one\nGood:\n{example}## PCR003 three\n{both}## PCR005 five\n"
    assert report(findings(package(tree), codes, page)) == [
        f"{DOCS}:1: PCR001 has no bad example: add one after a line `Bad:`",
        f"{DOCS}:1: PCR002 is not explained: add the section `## PCR002 two`",
        f"{DOCS}:1: PCR004 is not explained: add the section `## PCR004 four`",
        f"{DOCS}:1: PCR005 is not in {TABLE}: take its section out",
        f"{DOCS}:1: the sections are not in the order of their codes",
        f"{SOURCE}/config/rules.py:2: PCR009 is not in {TABLE}: add it there, with a title",
        f"{TABLE}:1: PCR003 is used nowhere: take it out, and never use it for anything else",
    ]
