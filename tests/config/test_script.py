"""Scripts: their shape, and the regular expressions in them."""

import pytest

from pinecall_run.config.script import check_script
from pinecall_run.resources import schema
from pinecall_run.source.document import Document


def found(text: str) -> tuple[bool, list[tuple[str, int, int]]]:
    """Whether the script can be used, and what is wrong with it where."""
    document, unreadable = Document.parse(text, "desk.yaml")
    script, diagnostics = check_script(document, schema("script"))
    return script is not None, [(d.code, d.span.line, d.span.column) for d in unreadable + diagnostics]


def script(when: str) -> str:
    return f"rules:\n  - when: {when}\n    reply: hello\notherwise: what?\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (script("hello"), []),
        (script(r"'\b(?P<n>\d+)\b$ ${X}'"), []),  # a dollar sign is the regular expression's
        (script("no"), []),
        (script("'[[a]'"), []),  # Python only wonders about it
        (script("'a(b'"), [("PCR601", 2, 13)]),
        (script("'*'"), [("PCR601", 2, 12)]),
        (script('"\\t("'), [("PCR601", 2, 11)]),
        (script("'x{99999999999999999999}'"), [("PCR601", 2, 12)]),
        (script("'" + "(" * 5000 + ")" * 5000 + "'"), [("PCR601", 2, 12)]),
        (script("'" + "(a)|" * 2_501 + "'"), [("PCR601", 2, 11)]),
        (script("''"), [("PCR104", 2, 11)]),
        (script("{}"), [("PCR103", 2, 11)]),
        ("rules: []\notherwise: x", [("PCR104", 1, 8)]),
        ("rules: [{wen: a, reply: b}]\notherwise: x", [("PCR101", 1, 10)]),
        ("otherwise: x", [("PCR102", 1, 1)]),
        ("", [("PCR003", 1, 1)]),
        ("rules: [", [("PCR003", 1, 9)]),
    ],
)
def test_scripts(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert found(text) == (not expected, expected)
