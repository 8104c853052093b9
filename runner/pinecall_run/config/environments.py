"""One project in several environments: what one of them says, laid over what the file says for all.

A mapping laid over a mapping merges key by key, however deep; anything else replaces what is below it, lists too.
``null`` takes a key away. A mapping that names another ``provider`` replaces the whole: the options of one vendor mean
nothing to another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pinecall_run.config.values import is_null
from pinecall_run.source.diagnostic import Diagnostic, Route, Span
from pinecall_run.source.document import Document
from pinecall_run.source.nodes import Mapping, Node, Scalar, merged_entries
from pinecall_run.source.suggest import closest, listed

KEY = "environments"
"""The key of a pinecall.yaml under which environments are declared."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REPLACING = "provider"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says of a project: a whole file, or one entry of its ``environments``."""

    document: Document
    root: Mapping


def is_environment_name(name: str) -> bool:
    """Whether a name can be that of an environment; it is also part of a file's name."""
    return _NAME.fullmatch(name) is not None


def declared(document: Document) -> list[str]:
    """The environments that a pinecall.yaml declares, in the order written."""
    node = document.node((KEY,))
    return [key.text for key, _ in merged_entries(node)] if isinstance(node, Mapping) else []


def layers(
    document: Document, overlay: Document | None, environment: str | None, elsewhere: Collection[str] = ()
) -> tuple[list[Layer], list[Diagnostic]]:
    """What makes up a project in an environment (``None``: in none), the lowest layer first, and what is wrong with
    how environments are declared.

    ``overlay`` is the file of that environment, ``elsewhere`` names all that have a file.
    """
    if not isinstance(document.root, Mapping):
        return [], []
    stack, diagnostics = [Layer(document, _without(document.root, KEY))], _misdeclared(document)
    if environment is None:
        return stack, diagnostics
    known = {*declared(document), *elsewhere}
    if environment not in known:
        diagnostics.append(_unknown(document, environment, known))
    here = document.node((KEY, environment))
    if isinstance(here, Mapping):
        stack.append(Layer(document, _without(here, KEY)))
    if overlay is not None and isinstance(overlay.root, Mapping):
        stack.append(Layer(overlay, _without(overlay.root, KEY)))
        diagnostics += _nested(overlay.root)
    return stack, diagnostics


def stacked(stack: Sequence[Layer]) -> tuple[Document, list[Diagnostic]]:
    """The layers as one document, and a finding for each agent that an environment changes and nobody declares."""
    base, *others = stack
    root: Mapping = base.root
    diagnostics: list[Diagnostic] = []
    for layer in others:
        over, found = _without_strangers(root, layer.root)
        diagnostics += found
        root = _merged_mapping(root, over)
    files = {layer.document.file: layer.document for layer in others if layer.document is not base.document}
    return Document(base.document.file, base.document.text, root, files), diagnostics


def _merged(base: Node, over: Node) -> Node:
    if isinstance(base, Mapping) and isinstance(over, Mapping) and not _is_another(base, over):
        return _merged_mapping(base, over)
    return over


def _merged_mapping(base: Mapping, over: Mapping) -> Mapping:
    entries = {key.text: (key, value) for key, value in merged_entries(base)}
    for key, value in merged_entries(over):
        below = entries.get(key.text)
        if is_null(value):
            entries.pop(key.text, None)
        elif below is None:
            entries[key.text] = key, value
        else:
            merged = _merged(below[1], value)
            # What was put together is found where it was begun; what was replaced, where it is written.
            entries[key.text] = (key if merged is value else below[0]), merged
    return Mapping(base.span, list(entries.values()))


def _is_another(base: Mapping, over: Mapping) -> bool:
    both = ((base, over), (over, base))
    if any(_entry(one, "function") and (_entry(other, _REPLACING) or _entry(other, "model")) for one, other in both):
        return True  # a model of one's own, and a vendor's
    names = [_entry(mapping, _REPLACING) for mapping in (base, over)]
    one, other = (node.text if isinstance(node, Scalar) else None for node in names)
    return one is not None and other is not None and one != other


def _entry(mapping: Node | None, name: str) -> Node | None:
    if not isinstance(mapping, Mapping):
        return None
    return next((value for key, value in merged_entries(mapping) if key.text == name), None)


def _without(mapping: Mapping, *names: str) -> Mapping:
    entries = merged_entries(mapping)
    if len(entries) == len(mapping.entries) and not any(key.text in names for key, _ in entries):
        return mapping
    return Mapping(mapping.span, [(key, value) for key, value in entries if key.text not in names])


def _without_strangers(base: Mapping, over: Mapping) -> tuple[Mapping, list[Diagnostic]]:
    """What an environment says, without agents that are not in ``base`` and have no prompt: they were meant to be
    others."""
    known = {key.text for key, _ in _entries(_entry(base, "agents"))}
    strangers = [
        key
        for key, value in _entries(_entry(over, "agents"))
        if key.text not in known and isinstance(value, Mapping) and _entry(value, "prompt") is None
    ]
    if not strangers:
        return over, []
    agents = _without(_as_mapping(_entry(over, "agents")), *(key.text for key in strangers))
    entries = [(key, agents if key.text == "agents" else value) for key, value in merged_entries(over)]
    return Mapping(over.span, entries), [_stranger(key, known) for key in strangers]


def _as_mapping(node: Node | None) -> Mapping:
    assert isinstance(node, Mapping)
    return node


def _entries(node: Node | None) -> Iterable[tuple[Scalar, Node]]:
    return merged_entries(node) if isinstance(node, Mapping) else ()


def _stranger(key: Scalar, known: Collection[str]) -> Diagnostic:
    meant = closest(key.text, known)
    help = f"did you mean `{meant}`?" if meant else "give it a prompt, or name one of the agents declared for all"
    route: Route = ("agents", key.text)
    return Diagnostic("PCR206", f"there is no agent `{key.text}` to change", key.span, help=help, route=route)


def _unknown(document: Document, environment: str, known: Collection[str]) -> Diagnostic:
    meant = closest(environment, known)
    if meant is not None:
        help = f"did you mean `{meant}`?"
    elif known:
        help = f"there are {listed(known)}"
    else:
        help = f"declare it under `{KEY}`, or in a file of its own: pinecall.{environment}.yaml"
    span = document.key_span((KEY,)) if document.node((KEY,)) is not None else Span.at(document.file)
    return Diagnostic("PCR205", f"there is no environment `{environment}`", span, help=help)


def _misdeclared(document: Document) -> list[Diagnostic]:
    node = document.node((KEY,))
    if node is None or is_null(node):
        return []
    if not isinstance(node, Mapping):
        help = f"for example: {KEY}: {{dev: {{server: embedded}}}}"
        return [Diagnostic("PCR103", f"`{KEY}` must be a mapping of names to what they change", node.span, help=help)]
    found: list[Diagnostic] = []
    for key, value in merged_entries(node):
        if not is_environment_name(key.text):
            message = f"`{key.text}` is not an environment's name: small letters, digits, - or _"
            found.append(Diagnostic("PCR104", message, key.span))
        if isinstance(value, Mapping):
            found += _nested(value)
        elif not is_null(value):
            message = f"the environment `{key.text}` must be a mapping of what it changes"
            found.append(Diagnostic("PCR103", message, value.span))
    return found


def _nested(root: Mapping) -> list[Diagnostic]:
    message = f"an environment has no `{KEY}` of its own"
    help = "move them to pinecall.yaml"
    return [Diagnostic("PCR101", message, key.span, help=help) for key, _ in merged_entries(root) if key.text == KEY]
