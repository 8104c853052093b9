"""The names that one project has, and a schema that knows them: what an editor offers while a file is written."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.source import nodes
from pinecall_run.source.document import Document

_SCRIPTED = "scripted:"
_VARIABLE: dict[str, Any] = {"type": "string", "pattern": r"\$\{"}
"""A value that the environment decides."""


@dataclass(frozen=True, slots=True)
class Names:
    """Agents by name, functions by dotted path, files relative to the project; sorted, each once."""

    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()

    def with_names(self, other: Names) -> Names:
        """The names of both."""
        return Names(
            _sorted(self.agents, other.agents),
            _sorted(self.tools, other.tools),
            _sorted(self.prompts, other.prompts),
            _sorted(self.scripts, other.scripts),
        )


def _sorted(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for part in names for name in part}))


def written_names(document: Document) -> Names:
    """The names that a pinecall.yaml uses, whatever else is wrong with it; those with variables left out."""
    agents = dict(_entries(document.root, "agents"))
    paths = [node for agent in agents.values() for key in ("tools", "on") for _, node in _entries(agent, key)]
    named = [_at(document.root, "lifespan"), *(_at(agent, "context") for agent in agents.values())]
    named += [*paths, *(_at(agent, "model", "function") for agent in agents.values())]
    tools = [text for node in named for text in (*_text(node), *_text(_at(node, "function")))]
    prompts = [text for agent in agents.values() for text in _text(_at(agent, "prompt", "file"))]
    models = [text for agent in agents.values() for node in _each(_at(agent, "model")) for text in _text(node)]
    scripts = [model.removeprefix(_SCRIPTED) for model in models if model.startswith(_SCRIPTED)]
    return Names(_sorted(agents), _sorted(tools), _sorted(prompts), _sorted(scripts))


def _entries(node: nodes.Node | None, key: str) -> Iterator[tuple[str, nodes.Node]]:
    found = _at(node, key)
    if isinstance(found, nodes.Mapping):
        yield from ((name.text, value) for name, value in nodes.merged_entries(found))


def _at(node: nodes.Node | None, *keys: str) -> nodes.Node | None:
    for key in keys:
        if not isinstance(node, nodes.Mapping):
            return None
        node = {name.text: value for name, value in nodes.merged_entries(node)}.get(key)
    return node


def _each(node: nodes.Node | None) -> list[nodes.Node]:
    return list(node.items) if isinstance(node, nodes.Sequence) else [node] if node is not None else []


def _text(node: nodes.Node | None) -> list[str]:
    return [node.text] if isinstance(node, nodes.Scalar) and node.text and "$" not in node.text else []


def narrowed(schema: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The schema of pinecall.yaml with what ``names`` holds in place of any text.

    Where a project has no name of a kind, any text stays allowed; so does a variable. Agents are offered, and
    others may be added.
    """
    result = copy.deepcopy(dict(schema))
    result["$id"] = f"{result['$id']}:project"
    result["description"] = f"{result['description']} With the names of one project."
    definitions = result["$defs"]
    agents = result["properties"]["agents"]
    agents["properties"] = dict.fromkeys(names.agents, agents["additionalProperties"])
    if names.tools:
        pattern = {"type": "string", "pattern": _colon_forms(names.tools)}
        definitions["tool_function"] = _one_of(definitions["tool_function"], names.tools, pattern)
    if names.prompts:
        source = definitions["prompt_source"]["properties"]
        source["file"] = _one_of(source["file"], names.prompts)
        source["file"]["examples"] = list(names.prompts[:1])
    if names.scripts:
        scripted = [f"{_SCRIPTED}{name}" for name in names.scripts]
        for models in (definitions["model"], definitions["one_model"]):
            models["anyOf"] = [
                {"anyOf": [{"enum": scripted}, {**branch, "not": {"pattern": rf"^{_SCRIPTED}[^$]*$"}}]}
                if branch.get("type") == "string"
                else branch
                for branch in models["anyOf"]
            ]
    return result


def _one_of(described: Mapping[str, Any], allowed: Iterable[str], *more: Mapping[str, Any]) -> dict[str, Any]:
    """What ``described`` says of a text, which must be one of ``allowed``, fit ``more`` or hold a variable."""
    kept = {key: value for key, value in described.items() if key not in ("type", "minLength", "pattern")}
    return {**kept, "anyOf": [{"enum": list(allowed)}, *more, dict(_VARIABLE)]}


def _colon_forms(paths: Iterable[str]) -> str:
    """A pattern of ``package.module:function`` for every ``package.module.function``."""
    modules: dict[str, list[str]] = {}
    for path in paths:
        *module, function = path.replace(":", ".").split(".")
        if all(part.isidentifier() for part in (*module, function)):
            modules.setdefault("\\.".join(module), []).append(function)
    forms = (f"{module}:({'|'.join(functions)})" for module, functions in modules.items())
    return f"^({'|'.join(forms)})$"
