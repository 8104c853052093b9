"""What a template and those it includes are made of: the variables they read, and the words they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jinja2 import nodes

from pinecall_run.prompts.plain import plain_names
from pinecall_run.source.document import Text
from pinecall_run.source.suggest import surely
from pinecall_run.templates.sandbox import sandbox

_ENVIRONMENT = sandbox()


class Word(NamedTuple):
    """A word that may be the name of a tool, on a line of a text."""

    word: str
    line: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a template is made of. ``names`` is ``None`` when it includes what is known only when it is rendered."""

    names: frozenset[str] | None
    words: tuple[tuple[Text, Word], ...]


def usage(text: Text, load: Callable[[str], Text | None]) -> Usage:
    """Go through a template that can be compiled, and through those it includes."""
    names: set[str] = set()
    words: list[tuple[Text, Word]] = []
    is_whole = True
    seen, todo = {text.text}, [text]
    while todo:
        current = todo.pop()
        words += [(current, word) for word in _words(current.text)]
        plain = plain_names(current.text)
        if plain is not None:
            names |= plain
            continue
        try:
            tree = _ENVIRONMENT.parse(current.text)
        except Exception:  # noqa: BLE001 - of an included file: the rendering tells
            is_whole = False
            continue
        names.update(node.name for node in tree.find_all(nodes.Name) if node.ctx == "load")
        for name in _included(tree):
            found = load(name) if name is not None else None
            if found is None:
                is_whole = False
            elif found.text not in seen:
                seen.add(found.text)
                todo.append(found)
    return Usage(frozenset(names) if is_whole else None, tuple(words))


def _included(tree: nodes.Template) -> Iterator[str | None]:
    """The names of the templates that one includes, imports or extends; ``None`` for one that is computed."""
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        given: nodes.Expr = getattr(node, "template")  # noqa: B009 - all four have it, their base has not
        for name in given.items if isinstance(given, nodes.List | nodes.Tuple) else [given]:
            yield name.value if isinstance(name, nodes.Const) and isinstance(name.value, str) else None


_WORD = re.compile(
    r"""
    `(?P<quoted>[A-Za-z][\w-]*)(?:\([^`\n]*\))?`             # `transfer`, `find(name)`
    |(?<![\w./@-])(?P<plain>[A-Za-z]\w*_\w+)(?![\w/@-]|\.\w)  # lookup_order, and no part of a path or an address
    """,
    re.VERBOSE,
)


def _words(template: str) -> Iterator[Word]:
    """Words of the plain text of a template that look like names of tools."""
    if "_" not in template and "`" not in template:
        return
    for line, kind, value in _ENVIRONMENT.lex(template):
        if kind == "data":
            for match in _WORD.finditer(value):
                name = match["quoted"] or match["plain"]
                yield Word(name, line + value.count("\n", 0, match.start()))


class Stranger(NamedTuple):
    """A word that is no tool of the agent: one of another's, or ``meant`` as one of its own."""

    text: Text
    word: Word
    meant: str | None


def strangers(words: Iterable[tuple[Text, Word]], own: Collection[str], others: Collection[str]) -> Iterator[Stranger]:
    """Words that surely name a tool which the agent has not: a tool of another agent, or one slip away from its own."""
    for text, word in words:
        if word.word in own:
            continue
        meant = None if word.word in others else surely(word.word, own, is_ours=False)
        if meant is not None or word.word in others:
            yield Stranger(text, word, meant)


def left_out(prompt: str, tools: Collection[str]) -> str | None:
    """The one tool that a prompt does not name while it names all others, two at least."""
    unnamed = [name for name in tools if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", prompt)]
    return unnamed[0] if len(unnamed) == 1 and len(tools) > 2 else None
