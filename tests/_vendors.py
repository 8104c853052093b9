"""The part of pinecall.yaml's schema that says which options a vendor has, made from the table of vendors."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pinecall_run.vendors import mapping
from pinecall_run.vendors.facts import STAGES, Provider, Stage
from pinecall_run.vendors.table import PROVIDERS

Table = Mapping[Stage, Mapping[str, Provider]]

_DEFAULT = "openai"
"""Whose a model is of which nothing is said."""


def with_vendors(schema: Mapping[str, Any], table: Table = PROVIDERS) -> dict[str, Any]:
    """The schema with its parts of vendors made anew."""
    result = copy.deepcopy(dict(schema))
    for stage in STAGES:
        options = result["$defs"][f"{stage}_options"]
        old = {case["then"]["$ref"] for case in options.pop("allOf", ())}
        names = sorted(table[stage], key=lambda name: (not table[stage][name].is_served, name))
        options["properties"]["provider"]["examples"] = names
        found = [one for one in table[stage].values() if mapping.has_options(one)]
        cases = [case for one in found for case in _cases(one)]
        if cases:
            options["allOf"] = cases
        made = {mapping.definition(one): _definition(one, options) for one in found}
        result["$defs"] = _replaced(result["$defs"], old, f"{stage}_options", made)
    return result


def _cases(provider: Provider) -> Iterator[dict[str, Any]]:
    then = {"$ref": f"#/$defs/{mapping.definition(provider)}"}
    yield {"if": {"properties": {"provider": {"const": provider.name}}, "required": ["provider"]}, "then": then}
    if provider.stage == "model" and provider.name == _DEFAULT:
        yield {"if": {"not": {"required": ["provider"]}}, "then": then}


def _definition(provider: Provider, options: Mapping[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(mapping.schema(provider))
    if provider.stage == "model":  # that a function has no vendor is for a rule to say
        made["properties"]["function"] = options["properties"]["function"]
    return made


def _replaced(definitions: dict[str, Any], old: set[str], place: str, made: dict[str, Any]) -> dict[str, Any]:
    """The definitions without ``old`` ones, and with ``made`` after the one that is called ``place``."""
    kept = {name: part for name, part in definitions.items() if f"#/$defs/{name}" not in old and name not in made}
    after = list(kept).index(place) + 1
    return dict([*list(kept.items())[:after], *made.items(), *list(kept.items())[after:]])
