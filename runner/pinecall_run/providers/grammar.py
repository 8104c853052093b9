"""Grammars of the sentences that callers may say, in JSGF (https://www.w3.org/TR/jsgf/)."""

from __future__ import annotations

import re
from typing import Any

from pinecall_run.providers.contracts import ProviderError

_HEAD = "#JSGF V1.0;"
_HINT = "write JSGF that begins with #JSGF, or a list of sentences such as `where is order <number>`"
_NUMBERS = """\
<digit> = zero | oh | <unit>;
<unit> = one | two | three | four | five | six | seven | eight | nine;
<teen> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
<below_hundred> = <unit> | <teen> | <tens> [<unit>];
<below_thousand> = <below_hundred> | <unit> hundred [[and] <below_hundred>];
<thousands> = (a | <below_thousand>) thousand;
<cardinal> = <below_thousand> | <thousands> [[and] <below_thousand>] | a hundred [[and] <below_hundred>];
<pairs> = (<teen> | <tens> [<unit>]) (oh <unit> | <teen> | <tens> [<unit>]);
<number> = <cardinal> | <pairs> | <digit> <digit>+;
"""
_PUNCTUATION = re.compile(r"[.,?!¿¡:\"“”]")
_RULE = re.compile(r"<([^<>\s]+)>")
_DEFINED = re.compile(r"<([^<>\s]+)>\s*=")
_SKIPPED = re.compile(
    r"/\*.*?\*/|//[^\n]*|\{[^}]*\}|/[\d.]+/|<[^<>]*>|^\s*#JSGF[^;]*;|\bgrammar\s+[\w.]+\s*;", re.DOTALL
)
_WORD = re.compile(r"[^\W\d_][\w'.-]*")
_RESERVED = frozenset(("public", "import"))


def jsgf(written: Any) -> str:
    """The grammar that the option ``grammar`` means: JSGF as it is, or one of a list of sentences. These may hold
    ``<number>`` and JSGF's own ``( | )``, ``[ ]``, ``*`` and ``+``. Empty where nothing is written.

    Raises:
        ProviderError: it is neither, or uses a rule that it does not define.
    """
    if not written:
        return ""
    if isinstance(written, str) and written.lstrip().startswith("#JSGF"):
        rules = written.strip() + "\n"
    elif isinstance(written, list) and all(isinstance(sentence, str) for sentence in written):
        rules = _of_sentences(written)
    else:
        raise ProviderError("`grammar` is neither JSGF nor a list of sentences", _HINT)
    missing = set(_RULE.findall(rules)) - set(_DEFINED.findall(rules)) - {"NULL", "VOID"}
    if missing:
        raise ProviderError(f"the grammar has no rule <{'>, <'.join(sorted(missing))}>", _HINT)
    return rules


def _of_sentences(sentences: list[str]) -> str:
    plain = [" ".join(_PUNCTUATION.sub(" ", sentence).lower().split()) for sentence in sentences]
    if not any(plain):
        raise ProviderError("the sentences of the grammar hold no words", _HINT)
    said = "(" + " | ".join(f"({sentence})" for sentence in plain if sentence) + ")"
    if any(character.isdigit() for character in said):
        raise ProviderError("a sentence of the grammar holds digits", "write the number as words, or <number>")
    return f"{_HEAD}\ngrammar said;\npublic <said> = {said} [please];\n{_NUMBERS}"


def words(rules: str) -> list[str]:
    """The words of a grammar, each once."""
    return sorted(set(_WORD.findall(_SKIPPED.sub(" ", rules))) - _RESERVED)


def plain_words(text: str) -> list[str]:
    """The words of a term, as a dictionary has them."""
    return [word.lower() for word in _WORD.findall(text)]
