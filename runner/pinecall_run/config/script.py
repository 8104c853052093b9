"""Scripts: rules in a YAML file that stand in for a language model."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from pinecall_run.config.check import read_values
from pinecall_run.source.diagnostic import Diagnostic, Route
from pinecall_run.source.document import Document

Script = Mapping[str, Any]
"""The shape of schemas/script.schema.json."""


MAX_PATTERN = 10_000
"""Characters of a regular expression; compiling takes hundreds of times the memory of what is written."""


def check_script(document: Document, schema: Mapping[str, Any]) -> tuple[Script | None, list[Diagnostic]]:
    """The script of a document. Its ``$`` are regular expressions', so variables are not replaced."""
    values, diagnostics = read_values(document, schema, environ=None)
    if values is None:
        return None, diagnostics
    for index, rule in enumerate(values["rules"]):
        route: Route = ("rules", index, "when")
        if len(rule["when"]) > MAX_PATTERN:
            message = f"`when` has {len(rule['when']):,} characters, more than {MAX_PATTERN:,}"
            help = "make several rules of it"
            diagnostics.append(Diagnostic("PCR601", message, document.value_span(route), help=help, route=route))
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(rule["when"])
        except (re.error, OverflowError, RecursionError) as error:
            place = getattr(error, "lineno", None) or 1, getattr(error, "colno", None) or 1
            message = f"`when` is not a regular expression: {getattr(error, 'msg', error)}"
            diagnostics.append(Diagnostic("PCR601", message, document.text_at(route).at(*place), route=route))
    return (None if diagnostics else values), diagnostics
