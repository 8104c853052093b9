"""No line that is shown holds a secret, wherever it is written, and whether or not the file can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.secrets import shown_lines
from pinecall_run.source.document import Document

CANARY = "sk-canary"


def shown(text: str) -> str:
    document, _ = Document.parse(text, "pinecall.yaml")
    return "\n".join(shown_lines(document))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key: sk-canary # c", "api_key: ********* # c"),
        ("{api_key: 'sk-canary', url: x}", "{api_key: '*********', url: x}"),
        ("access_token: |\n  sk-canary\n  two\nurl: x", "access_token: |\n  *********\n  ***\nurl: x"),
        ("x: &k sk-canary\ntoken: *k", "x: ** *********\ntoken: *k"),
        ("app_secret: [sk-canary, {a: b}]", "app_secret: [*********, {a: *}]"),
        ("[{token: sk-canary}, {x: y, secret: sk-canary}]", "[{token: *********}, {x: y, secret: *********}]"),
        ("apikey: sk-canary", "apikey: *********"),
        ("my-acces-token: sk-canary", "my-acces-token: *********"),
        ("api_key: ${A:-sk-canary}${B}", "api_key: *{************}${B}"),
        ("api_key: ${A} ${A:?say} ${A:-}", "api_key: ${A} ${A:?say} ${A:-}"),
        ("max_tokens: 400\ntokenizer: x", "max_tokens: 400\ntokenizer: x"),
        # not YAML
        ("api_key: sk-canary\na: [", "api_key: *********\na: ["),
        ("a: [{api_key: sk-canary, url: x", "a: [{api_key: *********, url: x"),
        ("token:\n    sk-canary\n\n    x\na: [", "token:\n    *********\n\n    *\na: ["),
        ("'app_secret' : ${A}, b: [", "'app_secret' : ${A}, b: ["),
    ],
)
def test_secrets_are_covered(text: str, expected: str) -> None:
    assert shown(text) == expected


PIECES = st.sampled_from(["api_key: ", CANARY, "\n", "  ", "{", "}", "'", '"', ": ", "- ", "|", "a", "&x ", "😀"])


@given(st.lists(PIECES))
def test_covering_keeps_every_column_and_never_raises(pieces: list[str]) -> None:
    document, _ = Document.parse("".join(pieces), "pinecall.yaml")
    assert [len(line) for line in shown_lines(document)] == [len(line) for line in document.lines]


@pytest.mark.parametrize("piece", ["token", "a, ", "${x?", "api_key: ", "'", " ", "${", "a" * 50 + "token"])
def test_a_long_line_is_covered_without_going_over_it_again_and_again(piece: str) -> None:
    line = f"token: [{piece * 20_000}"  # what looks at every pair of places in this would take an hour
    (found,) = shown_lines(Document("pinecall.yaml", line, None))
    assert len(found) == len(line)
