"""Prompts: rendered in a sandbox, every error on the line of the file that holds it."""

from collections.abc import Mapping
from typing import Any

import pytest

from pinecall_run.prompts.prompt import compile_prompt, compile_syntax
from pinecall_run.source.diagnostic import Diagnostic
from pinecall_run.source.document import Document, Text


def rendered(
    text: str | Text, variables: Mapping[str, Any] | None = None, files: Mapping[str, str] | None = None
) -> tuple[str | None, list[Diagnostic]]:
    """A prompt of a file compiled and rendered, with other files that it may include."""
    found = {name: Text(content, name) for name, content in (files or {}).items()}
    whole = Text(text, "desk.j2") if isinstance(text, str) else text
    prompt, diagnostics = compile_prompt(whole, variables or {}, found.get)
    return prompt.render() if prompt is not None else (None, diagnostics)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You are {{ name }}.", "You are Ann."),
        ("{% if vip %}\nDear {{ name }}\n{% endif %}\nbye\n", "Dear Ann\nbye"),
        ("  {% for x in list %}\n{{ x }}\n  {% endfor %}", "1\n2"),
        ("<b>{{ html }}</b>", "<b><i></b>"),
        ("{{ date }} at {{ time }}", "{{date}} at {{time}}"),
        ("{{ 'It is ' ~ day }}, {{ [date, time]|join(' ') }}", "It is {{day}}, {{date}} {{time}}"),
        ("{{ gone|default('x') }}{% if gone is defined %}{{ gone }}{% endif %}", "x"),
        ("{% set x = 1 %}{{ x }}{% macro m(y) %}[{{ y }}]{% endmacro %}{{ m(2) }}", "1[2]"),
        ("{% include 'style.j2' %}end", "Be brief, Ann.\nend"),
        ("\n\n  indented\n\n", "  indented"),
        ("costs $5 and ${X}", "costs $5 and ${X}"),
    ],
)
def test_rendering(text: str, expected: str) -> None:
    variables = {"name": "Ann", "vip": True, "list": [1, 2], "html": "<i>"}
    result, diagnostics = rendered(text, variables, {"style.j2": "Be brief, {{ name }}.\n"})
    assert diagnostics == []
    assert result == expected


def test_extra_variables_win_over_those_of_the_configuration_and_those_over_ours() -> None:
    prompt, _ = compile_prompt(Text("{{ a }} {{ date }} {{ day }}", "desk.j2"), {"a": 1, "date": "today"})
    assert prompt is not None
    assert prompt.render({"a": 2}) == ("2 today {{day}}", [])


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "length", "words"),
    [
        ("one\n  {{ two }\n", "PCR301", 2, 3, 8, "unexpected '}'"),
        ("one\n{% if x %}\ntwo", "PCR301", 3, 1, 3, "unexpected end of template"),
        ("\n{% nope %}", "PCR301", 2, 1, 10, "unknown tag 'nope'"),
        ("\n{{ 1|nope }}", "PCR301", 2, 1, 12, "no filter named 'nope'"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "PCR301", 1, 1, 10_007, "nests too deep"),
        ("{% for x in [1] %}" * 30 + "{% endfor %}" * 30, "PCR301", 1, 1, 900, "nested blocks"),
        ("one\ntwo {{ three }}", "PCR302", 2, 8, 5, "`three` is not defined"),
        ("{{ nam }}", "PCR302", 1, 4, 3, "`nam` is not defined"),
        ("a\n{{ name.first }}", "PCR302", 2, 1, 16, "no attribute 'first'"),
        ("a\n  {{ 1 / 0 }}", "PCR303", 2, 3, 11, "ZeroDivisionError"),
        ("a\n{% include 'gone.j2' %}", "PCR303", 2, 13, 7, "`gone.j2` does not exist in the project"),
        ("{% include ['one.j2', 'two.j2'] %}", "PCR303", 1, 24, 6, "`two.j2` does not exist"),
        ("a\n{% if date > 3 %}{% endif %}", "PCR303", 2, 7, 4, "`date` is known only when"),
        ("a\n{{ date.year }}", "PCR303", 2, 4, 4, "`date` is known only when"),
        ("a\nb {{ time|upper }}", "PCR303", 2, 6, 4, "`time` is known only when"),
        ("{% filter upper %}\n{{ day }}{% endfilter %}", "PCR303", 2, 4, 3, "`day` is known only when"),
    ],
)
def test_an_error_lies_on_its_line(text: str, code: str, line: int, column: int, length: int, words: str) -> None:
    result, (found,) = rendered(text, {"name": "Ann"})
    assert result is None
    assert (found.code, found.span.line, found.span.column) == (code, line, column)
    assert found.span.end_column - found.span.column == length
    assert words in found.message
    assert not found.message.endswith(".")


def test_every_undefined_variable_is_told_once() -> None:
    _, found = rendered("{{ one }} {{ nam }}\n{{ one }} {{ two }}", {"name": "Ann"})
    assert [(d.span.line, d.span.column) for d in found] == [(1, 4), (1, 14), (2, 14)]
    assert found[1].help == "did you mean `name`?"
    assert "add it under `vars`; known here: call, date," in (found[0].help or "")


@pytest.mark.parametrize(
    ("files", "code", "place", "words"),
    [
        ({"a.j2": "x\n{% if %}"}, "PCR301", ("a.j2", 2), "expected an expression"),
        ({"a.j2": "x\n{{ gone }}"}, "PCR302", ("a.j2", 2), "`gone` is not defined"),
        ({"a.j2": "x\n{% include 'b.j2' %}", "b.j2": "\n\n{{ 1 / 0 }}"}, "PCR303", ("b.j2", 3), "ZeroDivisionError"),
        ({"a.j2": "x\n{% include 'b.j2' %}"}, "PCR303", ("a.j2", 2), "`b.j2` does not exist"),
        ({"a.j2": "x\n{% include 'a.j2' %}"}, "PCR303", ("a.j2", 2), "itself without end"),
        ({"a.j2": "{% macro m() %}\n{{ m() }}\n{% endmacro %}{{ m() }}"}, "PCR303", ("a.j2", 2), "itself without end"),
    ],
)
def test_an_error_in_an_included_file_lies_there(
    files: dict[str, str], code: str, place: tuple[str, int], words: str
) -> None:
    _, (found,) = rendered("one\n{% include 'a.j2' %}", files=files)
    assert (found.code, (found.span.file, found.span.line)) == (code, place)
    assert words in found.message


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("prompt: |\n  one\n    {{ two }\n", ("PCR301", 3, 5)),
        ("prompt: |\n\n  one\n  {{ two }}\n", ("PCR302", 4, 6)),
        ("prompt: |-\r\n  one\r\n  {{ 1 / 0 }}\r\n", ("PCR303", 3, 3)),
        ("prompt: '😀 {{ two }}'\n", ("PCR302", 1, 15)),
        ("prompt: >\n  one\n  {{ two }}\n", ("PCR302", 1, 9)),
    ],
)
def test_an_error_in_a_yaml_value_lies_in_the_yaml_file(yaml: str, expected: tuple[str, int, int]) -> None:
    document, _ = Document.parse(yaml, "pinecall.yaml")
    _, (found,) = rendered(document.text_at(("prompt",)))
    assert (found.code, found.span.line, found.span.column) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''|attr('__class__') }}",
        "{{ ''['__class__'] }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ thing.secret.__globals__ }}",
        "{{ thing._hidden }}",
        "{{ list.append(1) }}",
        "{{ list.pop() }}",
        "{% set list.x = 1 %}",
        "{{ date._name }}",
        "{{ range(1000000000)|list }}",
        "{% include '../outside.j2' %}",
        "{% include '/etc/hostname' %}",
        "{% import 'os' as os %}",
        "{{ open('x') }}",
        "{{ ''.join.__self__ }}",
    ],
)
def test_the_sandbox(text: str) -> None:
    class Thing:
        _hidden = "hidden"

        def secret(self) -> str:
            return "secret"

    values: list[int] = [1]
    result, found = rendered(text, {"thing": Thing(), "list": values})
    assert result is None
    assert [d.code[:4] for d in found] == ["PCR3"]
    assert values == [1]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("{{ anything }} {{ order.id }}", []),
        ("{{ x", ["PCR301"]),
        ("{{ x|nope }}", ["PCR301"]),
        ("{% for x in [1] %}" * 30 + "{% endfor %}" * 30, ["PCR301"]),
    ],
)
def test_of_a_template_of_a_script_only_the_syntax_is_checked(text: str, codes: list[str]) -> None:
    assert [d.code for d in compile_syntax(Text(text, "desk.yaml"))] == codes
