"""What a template reads and says is seen where it can be, and only that."""

import pytest

from pinecall_run.prompts.usage import Word, left_out, strangers, usage
from pinecall_run.source.document import Text

FILES = {
    "a.j2": "{{ inner }} {% include 'b.j2' %}",
    "b.j2": "\n{{ innermost }} use look_up",
    "loop.j2": "{% include 'loop.j2' %}",
    "macros.j2": "{% macro m(x) %}{{ x }}{% endmacro %}",
    "broken.j2": "{{ x",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ name }} {% if vip %}{% for x in xs %}{{ x }}{% endfor %}{% endif %}", {"name", "vip", "xs", "x"}),
        ("{% set y = 1 %}{{ z|default(w) }}{{ v is defined }}", {"z", "w", "v"}),
        ("{# hidden #}{% raw %}{{ raw }}{% endraw %}", set()),
        ("{% include 'a.j2' %}", {"inner", "innermost"}),
        ("{% include ['a.j2', 'b.j2'] %}", {"inner", "innermost"}),
        ("{% include 'loop.j2' %}{{ a }}", {"a"}),
        ("{% import 'macros.j2' as m %}{{ m.m(b) }}", {"m", "b", "x"}),
        ("{% include which %}", None),
        ("{% include ['a.j2', which] %}", None),
        ("{% extends which or 'a.j2' %}", None),
        ("{% include 'gone.j2' ignore missing %}", None),
        ("{% include 'broken.j2' %}", None),
    ],
)
def test_variables(template: str, expected: set[str] | None) -> None:
    files = {name: Text(text, name) for name, text in FILES.items()}
    assert usage(Text(template, "desk.j2"), files.get).names == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Use look_up.\n\nThen store_it, or `transfer`.", [("look_up", 1), ("store_it", 3), ("transfer", 3)]),
        ("call `look_up(order_id)`; (find_one)", [("look_up", 1), ("find_one", 1)]),
        ("**look_up** and _look_up_ and 'look_up'", [("look_up", 1), ("look_up", 1)]),
        ("{{ a_b }}{% if c_d %}\n{# e_f #}x{% endif %}\ng_h", [("g_h", 3)]),
        ("{% raw %}\n{{ a_b }}{% endraw %}", [("a_b", 2)]),
        ("write to a_b@example.com, see https://x.y/a_b or c_d.html, prompts/e_f.j2", []),
        ("plain words, and camelCase", []),
    ],
)
def test_words(template: str, expected: list[tuple[str, int]]) -> None:
    words = [word for _, word in usage(Text(template, "desk.j2"), lambda _: None).words]
    assert words == [Word(*word) for word in expected]


def test_words_of_included_files_lie_there() -> None:
    files = {name: Text(text, name) for name, text in FILES.items()}
    ((text, word),) = usage(Text("{% include 'a.j2' %}", "desk.j2"), files.get).words
    assert (text.file, word) == ("b.j2", Word("look_up", 2))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("look_up", []),
        ("check_stock", [None]),
        ("look_upp", ["look_up"]),
        ("lookup", ["look_up"]),
        ("look-up", ["look_up"]),
        ("book_up", []),
        ("order_id", []),
        ("look_up_2", []),
    ],
)
def test_strangers(word: str, expected: list[str | None]) -> None:
    words = [(Text("", "desk.j2"), Word(word, 1))]
    assert [it.meant for it in strangers(words, {"look_up", "transfer"}, {"check_stock", "look_up"})] == expected


@pytest.mark.parametrize(
    ("prompt", "tools", "expected"),
    [
        ("Use one and two.", ["one", "two", "three"], "three"),
        ("Use one, two and three.", ["one", "two", "three"], None),
        ("Use one.", ["one", "two", "three"], None),
        ("Use one.", ["one", "two"], None),
        ("Be kind.", ["one", "two", "three"], None),
        ("Use one and two-three.", ["one", "two", "three"], None),
    ],
)
def test_a_tool_that_is_left_out(prompt: str, tools: list[str], expected: str | None) -> None:
    assert left_out(prompt, tools) == expected
