"""The part of pinecall.yaml's schema that says what an environment may change, made from the rest of it."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "partial_"
WIDTH = 118
_OF_WHOLES = ("required", "minProperties", "oneOf", "default", "x-reload")
"""Keywords that ask of a mapping what a part of it need not have, or speak of a value left out."""
_SHOWN = ("description", "examples")
_LEADING = ("server", "journal", "prices", "agents")
"""The keys at the top that an environment may change, beside `version`."""


def with_environments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its parts of environments made anew."""
    result = copy.deepcopy(dict(schema))
    definitions = {name: part for name, part in result["$defs"].items() if not _is_made(name)}
    made: dict[str, Any] = {}
    top = {key: result["properties"][key] for key in _LEADING}
    environment = _partial({"type": "object", "additionalProperties": False, "properties": top}, definitions, made)
    environment["properties"] = {"version": result["properties"]["version"], **environment["properties"]}
    environment["description"] = "What is different in one environment, laid over what the file says for all."
    environment["patternProperties"] = result["patternProperties"]
    result["$defs"] = {**definitions, "environment": environment, **dict(sorted(made.items()))}
    return result


def overlay_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a file that says what is different in one environment."""
    definitions = schema["$defs"]
    needed: dict[str, Any] = {}
    todo = list(_references(definitions["environment"]))
    while todo:
        name = todo.pop()
        if name not in needed:
            needed[name] = definitions[name]
            todo += _references(definitions[name])
    return {
        "$schema": schema["$schema"],
        "$id": f"{schema['$id']}:environment",
        "title": "pinecall.ENV.yaml",
        **definitions["environment"],
        "$defs": dict(sorted(needed.items())),
    }


def _is_made(name: str) -> bool:
    return name.startswith(PREFIX) or name == "environment"


def _partial(schema: Any, definitions: Mapping[str, Any], made: dict[str, Any]) -> Any:
    """What fits a part of what fits ``schema``. Definitions that this needs are added to ``made``."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {**schema, "$ref": _referred(schema["$ref"], definitions, made)}
    result = {key: value for key, value in schema.items() if key not in _OF_WHOLES}
    if "oneOf" in schema:
        del result["x-says"]  # it speaks of the alternatives
    if "anyOf" in result:
        result["anyOf"] = [_partial(branch, definitions, made) for branch in result["anyOf"]]
    cases = [case for case in result.pop("allOf", ()) if "$ref" in case.get("then", ()) and "not" not in case["if"]]
    if cases:  # what a mapping is where a key has some value; a key that is not there may be so in another part
        result["allOf"] = [{**case, "then": _partial(case["then"], definitions, made)} for case in cases]
    if "properties" in result:
        result["properties"] = {key: _or_null(part, definitions, made) for key, part in result["properties"].items()}
    if isinstance(result.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _or_null(result["additionalProperties"], definitions, made)
    return result


def _or_null(schema: Any, definitions: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    target = schema
    while "$ref" in target:
        target = definitions[target["$ref"].rpartition("/")[2]]
    shown = {key: target[key] for key in _SHOWN if key in target}
    rest = {key: value for key, value in schema.items() if key not in _SHOWN}
    return {**shown, "anyOf": [_partial(rest, definitions, made), {"type": "null"}]}


def _referred(reference: str, definitions: Mapping[str, Any], made: dict[str, Any]) -> str:
    name = reference.rpartition("/")[2]
    if f"{PREFIX}{name}" not in made:
        made[f"{PREFIX}{name}"] = {}  # what refers to itself finds it
        made[f"{PREFIX}{name}"] = _partial(definitions[name], definitions, made)
    is_same = made[f"{PREFIX}{name}"] == definitions[name]
    if is_same:
        del made[f"{PREFIX}{name}"]
    return reference if is_same else f"#/$defs/{PREFIX}{name}"


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def written(value: Any, indent: int = 0, lead: int = 0) -> str:
    """JSON with what fits on a line on one line. ``lead`` is what stands before it on its first line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, dict | list) or indent + lead + len(flat) <= WIDTH:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, list):
        lines = [f"{inner}{written(item, indent + 2)}" for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{' ' * indent}]"
    keys = {json.dumps(key): item for key, item in value.items()}
    lines = [f"{inner}{key}: {written(item, indent + 2, len(key) + 2)}" for key, item in keys.items()]
    return "{\n" + ",\n".join(lines) + f"\n{' ' * indent}}}"
