"""A template may do what templates do, and comes to an end whatever it tries; what is too much is refused at once."""

import time
import tracemalloc
from typing import Any

import jinja2
import pytest

from pinecall_run.templates.budget import TooMuchError
from pinecall_run.templates.sandbox import render, sandbox


def rendered(text: str, **variables: Any) -> str:
    return render(sandbox(undefined=jinja2.StrictUndefined).from_string(text), variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ 1 + 2 * 3 ** 2 // 4 - 1 }} {{ 7 % 4 }} {{ 3 / 2 }}", "4 3 1.5"),
        ("{{ 'a' * 3 ~ 'b' ~ 1 }}", "aaab1"),
        ("{{ '%s-%05.1f' % ('x', 2.5) }} {{ '%s%%'|format(5) }} {{ '{:>4}|{a!r}'.format(7, a='b') }}",
         "x-002.5 5%    7|'b'"),
        ("{{ 1 < 2 < 3 }} {{ 3 > 2 == 2 }} {{ 'a' in 'cat' }} {{ 4 not in [1, 4] }} {{ 1 != 1.0 }}",
         "True True True False False"),
        ("{{ {'a': 1, 1 + 1: 2}[2] }} {{ [1, 2, 3][1:] }} {{ xs[-1] }} {{ 'abc'[::-1] }}", "2 [2, 3] 3 cba"),
        ("{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}no{% endfor %}",
         "1/2:2 2/2:3 "),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for x in tree recursive %}{{ x.n }}{{ loop(x.kids) if x.kids }}{% endfor %}", "123"),
        ("{% macro m(a, b='y') %}{{ a }}{{ b }}{{ caller() if caller is defined }}{% endmacro %}{{ m('x') }}"
         "{% call m(1, 2) %}!{% endcall %}", "xy12!"),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x|upper }}{% filter lower %}A{% endfilter %}", "A1a"),
        ("{{ xs|map('string')|join('-') }} {{ xs|select('odd')|list }} {{ xs|sum }} {{ xs|batch(2, 0)|list }}",
         "1-2-3 [1, 3] 6 [[1, 2], [3, 0]]"),
        ("{{ tree|map(attribute='n')|list }} {{ tree|selectattr('n', 'eq', 1)|list|length }}", "[1, 3] 1"),
        ("{{ tree[1]|tojson(indent=1) }}", '{\n "kids": [],\n "n": 3\n}'),
        ("{{ 'one two three'|wordwrap(5) }} {{ 'x'|center(5) }}|{{ 'a b'|title }}", "one\ntwo\nthree   x  |A B"),
        ("{{ gone|default('d') }} {{ gone is defined }} {{ ''|default('e', true) }}", "d False e"),
        ("{% set ns = namespace(n=0) %}{% for x in xs %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}", "6"),
        ("{% autoescape true %}{{ '<' }}{{ '<' ~ '>' }}{{ '<b>'|safe }}{% endautoescape %}{{ '<' ~ 1 }}",
         "&lt;&lt;&gt;<b><1"),
        ("{{ 'a,b'.split(',') }} {{ ', '.join(xs|map('string')) }} {{ 'ab'.replace('b', 'c').upper() }}",
         "['a', 'b'] 1, 2, 3 AC"),
    ],
)  # fmt: skip
def test_what_templates_do(text: str, expected: str) -> None:
    tree: list[Any] = [{"n": 1, "kids": [{"n": 2, "kids": []}]}, {"n": 3, "kids": []}]
    assert rendered(text, xs=[1, 2, 3], tree=tree) == expected


def test_what_is_large_and_no_larger_than_a_prompt_is_fine() -> None:
    products = [{"name": f"product {n}", "price": n, "tags": ["a", "b"]} for n in range(1000)]
    text = (
        "{% for p in products %}{{ loop.index }} of {{ products|length }}: {{ p.name|upper }} {{ p.tags|join(', ') }} "
        "{% if p.price > 500 and 'a' in p.tags %}{{ '%.2f' % p.price }}{% endif %}\n{% endfor %}{{ products|tojson }}"
    )
    assert len(rendered(text, products=products)) > 90_000
    assert len(rendered("{{ long }}{{ long|trim|indent }}", long="x y\n" * 50_000)) > 400_000
    assert "'product 999'" in rendered("{{ products|pprint }}", products=products)
    assert rendered("{% for i in range(100000) %}{{ i }}{% endfor %}").endswith("99999")


LIST = "{% set xs = range(100000)|list %}"
NEST = "{% set ns = namespace(x=(1,)) %}{% for i in range(100) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"
GROW = "{% set ns = namespace(x=START) %}{% for i in range(100) %}{% set ns.x = NEXT %}{% endfor %}"
TEXT = "{% set x = 'x' * 10000 %}"


@pytest.mark.parametrize(
    "text",
    [
        # what repeats
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for x in [1, 2] recursive %}{{ loop([1, 2]) if loop.depth < 60 }}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% set x %}{% for i in range(100000) %}" + "y" * 999 + "{% endfor %}{% endset %}",
        "{% block a %}{% for i in range(90000) %}{{ self.b() }}{% endfor %}{% endblock %}"
        "{% block b %}" + "y" * 999 + "{% endblock %}",
        "{% for i in range(99999) %}{{ 'x'|center(1000) }}{% endfor %}",
        LIST + "{% for x in xs %}{{ 'a' in xs }}{% endfor %}",
        LIST + "{% for x in xs %}{% set y = xs[:] %}{% endfor %}",
        LIST + "{% for x in xs %}{% set y = xs == xs[1:] %}{% endfor %}",
        LIST + "{% for x in xs %}{% set y = xs|reverse|list %}{% endfor %}",
        LIST + "{% for x in xs %}{% set y = xs.count('a') %}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
        "{{ ('x' * 100000)|wordwrap(1) }}",
        "{{ ('x' * 100000).encode('punycode') }}",
        # operators
        "{{ 'x' * 10 ** 9 }}",
        "{{ 10 ** 9 * [1] }}",
        "{{ 10 ** (10 ** 9) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%(a)1000000000d' % {'a': 1} }}",
        "{{ '%.1000000000d' % 1 }}",
        TEXT + "{{ '%(x)s' * 1000 % {'x': x} }}",
        GROW.replace("START", "'a'").replace("NEXT", "ns.x ~ ns.x"),
        GROW.replace("START", "[1]").replace("NEXT", "ns.x + ns.x"),
        GROW.replace("START", "2").replace("NEXT", "ns.x * ns.x"),
        "{{ ('f' * 1000000)|int(base=16) * 2 }}",
        # what is small and writes large
        NEST + "{{ ns.x }}",
        NEST + "{{ ns }}",
        NEST + "{{ ns.x == (ns.x,) }}",
        NEST + "{{ {ns.x: 1} }}",
        NEST + "{{ {}[ns.x] }}",
        NEST + "{{ ns.x in {} }}",
        NEST + "{{ ns.x|string|length }}",
        NEST + "{{ '{!r}'.format(ns.x) }}",
        NEST + "{{ '' ~ ns.x }}",
        NEST + "{{ {}.get(ns.x) }}",
        # filters and methods
        "{{ 'a'|center(1000000000) }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a'.ljust(width) }}".replace("width", "1000000000"),
        "{{ ['a']|map('center', 1000000000)|list }}",
        "{% filter center(1000000000) %}x{% endfilter %}",
        "{% autoescape 'x'|center(1000000000) %}{% endautoescape %}",
        "{{ '\\t'.expandtabs(1000000000) }}",
        TEXT + "{{ x.replace('x', x) }}",
        TEXT + "{{ x|replace('x', x) }}",
        TEXT + "{{ x.join(x) }}",
        TEXT + "{{ range(100000)|map('string')|join(x) }}",
        TEXT + "{{ x.join(range(100000)|map('string')) }}",
        TEXT + "{{ x.translate({120: x}) }}",
        TEXT + "{{ {}.fromkeys(range(100000), x) }}",
        TEXT + "{{ '{0}' * 10000 }}{{ ('{0}' * 10000).format(x) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 1000000000) }}",
        "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
        "{{ (1).to_bytes(1000000000, 'big') }}",
        "{{ 'a'|indent(1000000000) }}",
        "{{ 'a'|wordwrap(1, wrapstring='y' * 1000000000) }}",
        "{{ [1]|batch(1000000000, 'x')|list }}",
        "{{ [1]|slice(1000000000)|list }}",
        "{{ {'a': [1]}|tojson(indent=1000000000) }}",
        "{{ 1|round(1000000000, 'floor') }}",
        "{{ [['x'] * 1000] * 1000 }}{{ ([['x'] * 100] * 1000)|sum(start=[]) }}",
        "{{ ('<!---->' * 100000)|striptags }}",
        # the way around
        "{{ [-1000000000]|map(' spend')|list }}{{ 'x' * 10 ** 8 }}",
    ],
)  # fmt: skip
def test_what_is_too_much_is_refused(text: str) -> None:
    template = sandbox(undefined=jinja2.StrictUndefined).from_string(text)
    with pytest.raises(TooMuchError):
        render(template, {})


@pytest.mark.parametrize("text", [NEST + "{{ ns.x }}", TEXT + "{{ range(100000)|join(x) }}", "{{ 10 ** 9 * [1] }}"])
def test_what_is_refused_was_never_made(text: str) -> None:
    template = sandbox().from_string(text)
    tracemalloc.start()
    try:
        with pytest.raises(TooMuchError):
            render(template, {})
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_what_is_included_is_counted_with_the_rest() -> None:
    files = {f"{n}": f"{{% include '{n + 1}' %}}" * 2 for n in range(60)} | {"60": "x"}
    template = sandbox(loader=jinja2.DictLoader(files)).get_template("0")
    with pytest.raises(TooMuchError):
        render(template, {})


def test_it_ends_at_the_same_place_every_time() -> None:
    template = sandbox().from_string("{% for i in range(100000) %}{{ seen.append(i) or i ~ 'x' * 100 }}{% endfor %}")

    class Seen:
        def __init__(self) -> None:
            self.last = 0

        def append(self, value: int) -> None:
            self.last = value

    lasts = set()
    for _ in range(3):
        seen = Seen()
        with pytest.raises(TooMuchError):
            render(template, {"seen": seen})
        lasts.add(seen.last)
    assert len(lasts) == 1


def test_nothing_is_computed_while_a_template_is_compiled() -> None:
    began = time.process_time()
    for text in (
        "{{ 'x' * 10 ** 10 }}",
        "{{ 'x'|center(10000000000) }}",
        "{% if 'x'|center(10000000000) %}{% endif %}",
    ):
        sandbox().from_string(text)
    assert time.process_time() - began < 5  # a second a gigabyte


def test_there_is_no_text_of_chance() -> None:
    with pytest.raises(jinja2.UndefinedError):
        rendered("{{ lipsum() }}")
