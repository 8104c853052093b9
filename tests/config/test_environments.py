"""What an environment says is laid over what the file says for all, and stays where it is written."""

from typing import Any

import pytest

from pinecall_run.config.environments import declared, is_environment_name, layers, stacked
from pinecall_run.config.values import Reading, Shape
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.document import Document

UNDECLARED = "declare it under `environments`, or in a file of its own: pinecall.prod.yaml"


def parsed(text: str, file: str = "pinecall.yaml") -> Document:
    document, found = Document.parse(text, file)
    assert found == []
    return document


def stack(text: str, environment: str | None, overlay: str | None = None) -> tuple[Document, list[Diagnostic]]:
    """The document of a project in an environment, and every finding."""
    over = parsed(overlay, f"pinecall.{environment}.yaml") if overlay is not None else None
    elsewhere = [environment] if overlay is not None and environment is not None else []
    found, diagnostics = layers(parsed(text), over, environment, elsewhere)
    document, more = stacked(found)
    return document, diagnostics + more


def values(document: Document) -> Any:
    assert document.root is not None
    return Reading(None).value(document.root, Shape([{}], {}))


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("{a: 1, b: 2}", "{b: 3}", {"a": 1, "b": 3}),
        ("{a: 1}", "{b: 3}", {"a": 1, "b": 3}),
        ("{a: {b: {c: 1, d: 2}}}", "{a: {b: {c: 3}}}", {"a": {"b": {"c": 3, "d": 2}}}),
        ("{a: [1, 2]}", "{a: [3]}", {"a": [3]}),
        ("{a: {b: 1}}", "{a: text}", {"a": "text"}),
        ("{a: text}", "{a: {b: 1}}", {"a": {"b": 1}}),
        ("{a: 1, b: 2}", "{a: null}", {"b": 2}),
        ("{a: 1, b: 2}", "{a: }", {"b": 2}),
        ("{a: 1, b: 2}", "{a: ~}", {"b": 2}),
        ("{a: 1}", "{a: 'null'}", {"a": "null"}),
        ("{a: 1}", "{b: null}", {"a": 1}),
        ("{a: 1}", "{}", {"a": 1}),
        ("{v: {provider: x, o: 1}}", "{v: {provider: y, p: 2}}", {"v": {"provider": "y", "p": 2}}),
        ("{v: {provider: x, o: 1}}", "{v: {provider: x, p: 2}}", {"v": {"provider": "x", "o": 1, "p": 2}}),
        ("{v: {provider: x, o: 1}}", "{v: {p: 2}}", {"v": {"provider": "x", "o": 1, "p": 2}}),
        ("{a: &s {b: 1, c: 1}, d: {<<: *s, c: 2}}", "{d: {b: 3}}", {"a": {"b": 1, "c": 1}, "d": {"b": 3, "c": 2}}),
        ("{a: &s {b: 1}, d: {<<: *s}}", "{d: {b: null, e: 1}}", {"a": {"b": 1}, "d": {"e": 1}}),
        ("{a: {b: 1}}", "{x-s: &s {b: 2, c: 3}, a: {<<: *s, c: 4}}", {"a": {"b": 2, "c": 4}, "x-s": {"b": 2, "c": 3}}),
    ],
)
def test_laying_over(base: str, over: str, expected: Any) -> None:
    document, diagnostics = stack(base, "prod", over)
    assert diagnostics == []
    found = values(document)
    assert found == {key: value for key, value in expected.items() if not key.startswith("x-")}


def test_the_file_of_an_environment_has_the_last_word() -> None:
    text = "environments: {prod: {a: 2, b: 2}}\na: 1\nb: 1\nc: 1\n"
    assert values(stack(text, None)[0]) == {"a": 1, "b": 1, "c": 1}
    assert values(stack(text, "prod")[0]) == {"a": 2, "b": 2, "c": 1}
    assert values(stack(text, "prod", "b: 3\n")[0]) == {"a": 2, "b": 3, "c": 1}


def test_what_comes_from_another_file_is_found_there() -> None:
    base = "agents:\n  desk:\n    prompt: one\n    voice: {provider: x}\n"
    document, _ = stack(base, "prod", "\nagents:\n  desk:\n    prompt: |\n      two\n      {{ three }}\n")
    prompt = ("agents", "desk", "prompt")
    assert document.value_span(prompt)[:2] == ("pinecall.prod.yaml", 4)
    assert document.key_span(prompt)[:2] == ("pinecall.prod.yaml", 4)
    text = document.text_at(prompt)
    assert (text.file, text.at(2, 4)[:3]) == ("pinecall.prod.yaml", ("pinecall.prod.yaml", 6, 10))
    assert document.written(document.key_span(prompt)) == "prompt"
    put_together = ("agents", "desk")
    assert document.key_span(put_together)[:2] == ("pinecall.yaml", 2), "it was begun there"
    assert document.value_span((*put_together, "voice"))[:2] == ("pinecall.yaml", 4)


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("environments: {prod: {}, dev: {}}", "prdo", [("PCR205", 1, "did you mean `prod`?")]),
        ("environments: {prod: {}}", "elsewhere", [("PCR205", 1, "there are prod")]),
        ("version: 1", "prod", [("PCR205", 1, UNDECLARED)]),
        ("environments: 3", None, [("PCR103", 1, "for example: environments: {dev: {server: embedded}}")]),
        ("environments: {prod: {}, dev: [1]}", "prod", [("PCR103", 1, None)]),
        ("environments: {Prod: {}}", None, [("PCR104", 1, None)]),
        ("environments:\n  dev:\n    environments: {}", "dev", [("PCR101", 3, "move them to pinecall.yaml")]),
        ("agents: {desk: {}}\nenvironments: {a: {agents: {dekc: {}}}}", "a", [("PCR206", 2, "did you mean `desk`?")]),
        ("agents: {desk: {}}\nenvironments:\n  a:\n    agents: {new: {prompt: x}, old: null}", "a", []),
        ("environments:", None, []),
        ("environments: {dev: }", "dev", []),
        ("environments: {dev: }", None, []),
    ],
)  # fmt: skip
def test_what_is_wrong_with_how_they_are_declared(
    text: str, environment: str | None, expected: list[tuple[str, int, str | None]]
) -> None:
    _, found = stack(text, environment)
    assert [(d.code, d.span.line, d.help) for d in found] == expected


def test_an_agent_that_was_meant_to_be_another_changes_nothing() -> None:
    document, _ = stack("agents: {desk: {prompt: x}}", "prod", "agents: {dekc: {language: es}, desk: {language: pt}}")
    assert values(document) == {"agents": {"desk": {"prompt": "x", "language": "pt"}}}


def test_a_file_that_is_no_mapping_has_no_layers() -> None:
    assert layers(parsed("[1, 2]"), None, "prod") == ([], [])


def test_names() -> None:
    assert declared(parsed("environments: {b: {}, a: {}}")) == ["b", "a"]
    assert declared(parsed("environments: 3")) == declared(parsed("a: 1")) == []
    assert [is_environment_name(name) for name in ("dev", "eu-west_1", "Dev", "", "../x", "a.b")] == [True] * 2 + [
        False
    ] * 4
