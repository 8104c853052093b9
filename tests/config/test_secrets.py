"""Secrets are found where the schema or a name says so, also in a text that cannot be read."""

from __future__ import annotations

import pytest
from tests.config._world import agent_yaml

from pinecall_run.config.secrets import find_secrets
from pinecall_run.resources import schema
from pinecall_run.source.document import Document

CANARY = "canary-4711"
ENVIRON = {"MARA": CANARY, "WORD": "no-secret-at-all"}
WHATSAPP = "channels:\n  - type: whatsapp\n    ref: '106540352242922'\n"


def hidden(text: str) -> tuple[str, frozenset[str]]:
    """A text with its secrets masked, and the values that are masked everywhere."""
    document, _ = Document.parse(text, "a.yaml")
    found = find_secrets(document, schema("pinecall"), ENVIRON)
    lines = enumerate(document.lines, 1)
    only_spans = type(found)(found.spans)
    return "\n".join(only_spans.hide_line("a.yaml", n, line, 0, 0)[0] for n, line in lines), found.values


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("server: {url: wss://a.b, api_key: canary-4711}\n", "server: {url: wss://a.b, api_key: ***}\n"),
        ("server:\n  api_key: |\n    canary-4711\n", "server:\n  api_key: ***\n    ***\n"),
        ("server:\n  api_key: [canary-4711, {a: canary-4711}]\n", "server:\n  api_key: [***, {a: ***}]\n"),
        ("server:\n  api_kye: canary-4711\n", "server:\n  api_kye: ***\n"),
        ("server:\n  api_key: ${GONE:-canary-4711}\n", "server:\n  api_key: ***\n"),
        ("x-k: &k canary-4711\nserver: {api_key: *k}\n", "x-k: ***\nserver: {api_key: *k}\n"),
        ("x-s: &s {api_key: canary-4711}\nserver: {<<: *s}\n", "x-s: &s {api_key: ***}\nserver: {<<: *s}\n"),
        (agent_yaml(f"{WHATSAPP}    app_secret: canary-4711"), agent_yaml(f"{WHATSAPP}    app_secret: ***")),
        (
            agent_yaml("voice: {provider: x, api_token: canary-4711}"),
            agent_yaml("voice: {provider: x, api_token: ***}"),
        ),
        # what cannot be read
        ("server: {api_key: canary-4711\n", "server: {api_key: ***\n"),
        ('server:\n  api_key: "canary-4711\n  more', "server:\n  api_key: ***\n  ***"),
        ("server: {api_key: !canary-4711 x}\n", "server: {api_key: ***}\n"),
        ("server: {api_key: *canary-4711}\n", "server: {api_key: ***\n"),
        (
            "a: [\nserver:\n  - api_key: >\n      canary-4711\n    b: c\n",
            "a: [\nserver:\n  - api_key: ***\n      ***\n    b: c\n",
        ),
        ("a: [\n'verify_token': @canary-4711", "a: [\n'verify_token': ***"),
    ],
)
def test_a_secret_written_out_is_masked(before: str, after: str) -> None:
    masked, values = hidden(before)
    assert masked == after
    assert any(CANARY in value for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "server: {url: wss://a.b, api_key: '${GONE}'}\n",
        "server: {api_key: '${GONE:?set it}'\n",
        agent_yaml("greeting: ${WORD}\nlanguage: en"),
        agent_yaml("model: {model: a, max_tokens: 400}"),
        "a: [\nmax_tokens: 400\n",
    ],
)
def test_the_name_of_a_variable_and_other_fields_are_shown(text: str) -> None:
    masked, values = hidden(text)
    assert masked == text
    assert values == set()


def test_the_value_of_a_variable_in_a_secret_field_is_a_secret_everywhere() -> None:
    _, values = hidden("server: {url: wss://a.b, api_key: 'Bearer ${MARA}'}\n")
    assert {CANARY, f"Bearer {CANARY}"} <= values


def test_a_bomb_of_aliases_is_searched_once() -> None:
    bomb = "".join(f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else 'a'] * 9)}]\n" for n in range(5))
    assert hidden(bomb)[1] == set()
