"""What the mapping of one vendor may hold in pinecall.yaml: a JSON Schema of it, and an example to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pinecall_run.vendors.facts import Provider, Schema, Stage, text

NAME: Mapping[Stage, str] = {"stt": "model", "voice": "voice_id", "model": "model"}
"""The key by which a model or a voice of a vendor is chosen."""

_NAMES: Mapping[Stage, str] = {
    "stt": "The vendor's name of the model that listens.",
    "voice": "The vendor's name of the voice.",
    "model": "The vendor's name of the model.",
}
_LANGUAGES: Mapping[Stage, str] = {
    "stt": "The language to listen for, where it is not the agent's.",
    "voice": "The language to speak, where it is not the agent's.",
}
_SHOWN = 8
"""Names of models and voices that an editor offers."""
_INVENTED: Mapping[str, Any] = {"string": "…", "integer": 1, "number": 1, "boolean": True, "array": ["…"], "object": {}}


def has_options(provider: Provider) -> bool:
    """Whether it is known which options a vendor has. All are taken of the others."""
    return bool(provider.options)


def definition(provider: Provider) -> str:
    """What the schema of pinecall.yaml calls the mapping of a vendor."""
    return f"{provider.name}_{provider.stage}"


def keys(provider: Provider) -> dict[str, Schema]:
    """What a vendor's mapping may hold, key by key."""
    found: dict[str, Schema] = {"provider": {"description": f"{provider.summary}.", "type": "string"}}
    if provider.names or provider.stage != "stt":
        examples = {"examples": list(provider.names[:_SHOWN])} if provider.names else {}
        name = dict(text(_NAMES[provider.stage], **examples))
        if provider.stage == "model":
            del name["minLength"]  # a model without a name is a finding of its own
        found[NAME[provider.stage]] = name
    if provider.stage in _LANGUAGES:
        found["language"] = text(_LANGUAGES[provider.stage], examples=["en"])
    return {**found, **{name: _in_words_of_ours(option, provider) for name, option in provider.options.items()}}


def _in_words_of_ours(option: Schema, provider: Provider) -> Schema:
    """The option, with a sentence for people wherever a pattern asks for something."""
    says = {"x-says": f"what {provider.name} takes: {option['description'][:1].lower()}{option['description'][1:-1]}"}
    found = says | dict(option) if "pattern" in option else dict(option)
    items = option.get("items")
    return {**found, "items": says | dict(items)} if isinstance(items, Mapping) and "pattern" in items else found


def schema(provider: Provider) -> dict[str, Any]:
    """The JSON Schema of a vendor's mapping: no other key than those."""
    return {"type": "object", "additionalProperties": False, "properties": keys(provider)}


def example(provider: Provider) -> dict[str, Any]:
    """A vendor's mapping in which options have a value: their defaults, or one that they could have. Options of which
    none is known are left out."""
    written: dict[str, Any] = {"provider": provider.name}
    if provider.names or provider.stage != "stt":
        written[NAME[provider.stage]] = provider.names[0] if provider.names else "NAME"
    samples = {name: sample(option) for name, option in provider.options.items()}
    return written | {name: value for name, value in samples.items() if value is not None}


def sample(option: Schema) -> Any:
    """A value that an option takes; ``None`` where none is known."""
    for given in ("default", "const"):
        if given in option:
            return option[given]
    for several in ("examples", "enum"):
        if option.get(several):
            return option[several][0]
    if "anyOf" in option:
        return sample(option["anyOf"][0])
    if "pattern" in option:
        return None
    kind = _kinds(option)[0]
    if kind == "array" and "items" in option:
        item = sample(option["items"])
        return None if item is None else [item] * max(1, option.get("minItems", 0))
    low = option.get("minimum", option.get("maximum"))
    return low if kind in ("integer", "number") and low is not None else _INVENTED[kind]


def values(option: Schema) -> str:
    """Which values an option takes, in words: ``a number from 0.5 to 2``."""
    if "anyOf" in option:
        return " or ".join(values(each) for each in option["anyOf"])
    if "enum" in option:
        return " or ".join(str(each) for each in option["enum"])
    return " or ".join(_in_words(kind, option) for kind in _kinds(option))


def _kinds(option: Schema) -> list[str]:
    kind = option.get("type", "string")
    return [kind] if isinstance(kind, str) else list(kind)


_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _in_words(kind: str, option: Schema) -> str:
    if kind in ("integer", "number"):
        low, high = option.get("minimum"), option.get("maximum")
        ends = (f" from {low:g}" if low is not None else "") + (f" to {high:g}" if high is not None else "")
        return _WORDS[kind] + ends
    if kind == "array":
        inner = option.get("items", {})
        of = f" of {values(inner)}" if "enum" in inner else ""
        most = f", at most {option['maxItems']}" if "maxItems" in option else ""
        return f"a list{of}{most}"
    return _WORDS[kind]
