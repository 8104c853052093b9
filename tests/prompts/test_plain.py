"""A template that only prints variables gives what Jinja gives; every other one is left to Jinja."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.nodes import Name

from pinecall_run.prompts.plain import plain_names, plain_template
from pinecall_run.templates.sandbox import render, sandbox

NAMES = ["name", "loop", "self", "not", "None", "true", "range", "class", "context", "environment", "_", "l_0_name"]
PIECES = [*NAMES, "{{", "}}", "{{ ", " }}", "{%", "%}", "{#", "#}", "{", "}", "-", " ", "\n", "\r\n", "\r", "\t", "é"]
VALUES: dict[str, Any] = {name: index for index, name in enumerate(NAMES)}
TAGS = st.sampled_from(NAMES).map(lambda name: f"{{{{ {name}\t}}}}")
TEMPLATES = st.lists(st.sampled_from(PIECES) | TAGS, max_size=8).map("".join)


def rendered(text: str, values: dict[str, Any]) -> str:
    """What Jinja gives, set as it is for prompts."""
    return render(sandbox(keep_trailing_newline=True).from_string(text), values)


@settings(max_examples=1000, deadline=None)
@given(TEMPLATES)
def test_it_gives_what_jinja_gives(text: str) -> None:
    template = plain_template(text, VALUES)
    if template is not None:
        assert template.render(VALUES) == rendered(text, VALUES)


@pytest.mark.parametrize("value", ["{{ name }}", "<b>", None, True, 1.0, [1, "a"], {"a": None}])
def test_values_are_printed_as_jinja_prints_them(value: Any) -> None:
    template = plain_template("a {{ name }}{{name}}\r\n", ["name"])
    assert template is not None
    assert template.render({"name": value}) == rendered("a {{ name }}{{name}}\r\n", {"name": value})


@pytest.mark.parametrize("text", ["", "no tags", "a } b }} { c", "{{ name }}", "{{name}}\n{{\tname }}", "{ {{ name }}"])
def test_these_are_plain(text: str) -> None:
    assert plain_template(text, ["name"]) is not None


@pytest.mark.parametrize(
    "text", ["{{ other }}", "{{ name.first }}", "{{- name }}", "{% if name %}", "{# a #}", "{{ name", "{{{ name }}}"]
)
def test_these_are_not(text: str) -> None:
    assert plain_template(text, ["name"]) is None


@settings(max_examples=300, deadline=None)
@given(TEMPLATES)
def test_its_names_are_those_that_jinja_finds(text: str) -> None:
    names = plain_names(text)
    if names is not None:
        tree = sandbox().parse(text)
        assert names == {node.name for node in tree.find_all(Name)}
