"""The stable codes of all findings, by area: 0 text, 1 shape, 2 variables, 3 prompts, 4 tools, 5 meaning,
6 scripts."""

from __future__ import annotations

CODES: dict[str, str] = {
    "PCR001": "file cannot be read",
    "PCR002": "not valid UTF-8",
    "PCR003": "not valid YAML",
    "PCR004": "duplicate key",
    "PCR005": "unsupported YAML",
    "PCR006": "unused ignore",
    "PCR101": "unknown key",
    "PCR102": "missing key",
    "PCR103": "wrong type",
    "PCR104": "value not allowed",
    "PCR201": "variable is not set",
    "PCR202": "malformed variable",
    "PCR203": "secret in plain text",
    "PCR204": "line break from a variable",
    "PCR205": "unknown environment",
    "PCR206": "environment changes an agent that is not there",
    "PCR301": "template syntax error",
    "PCR302": "undefined prompt variable",
    "PCR303": "template cannot be rendered",
    "PCR304": "unused prompt variable",
    "PCR305": "variable hides a built-in one",
    "PCR306": "tool named in a prompt is not the agent's",
    "PCR307": "tool left out of a prompt",
    "PCR401": "malformed tool path",
    "PCR402": "tool module not found",
    "PCR403": "tool function not found",
    "PCR404": "tool cannot be imported",
    "PCR405": "tool signature cannot be used",
    "PCR406": "tool parameter without a type",
    "PCR407": "tool parameter without a description",
    "PCR408": "tool without a docstring",
    "PCR409": "tool parameter with a type that tells nothing",
    "PCR410": "private tool",
    "PCR411": "async tool that blocks",
    "PCR412": "tool that holds a thread",
    "PCR413": "one function as two tools",
    "PCR414": "tool names that differ in case only",
    "PCR415": "retries of a tool that may write",
    "PCR416": "write that is cut off",
    "PCR417": "journal without writes",
    "PCR501": "number claimed twice",
    "PCR502": "not a channel",
    "PCR503": "agent nobody can reach",
    "PCR504": "idle warning is not before the time-out",
    "PCR505": "unknown time zone",
    "PCR506": "provider not available",
    "PCR507": "provider form not understood",
    "PCR508": "language not heard",
    "PCR509": "keyterms not taken",
    "PCR510": "key without effect on a channel",
    "PCR511": "WhatsApp without app_secret",
    "PCR512": "WhatsApp without access_token",
    "PCR513": "every origin is allowed",
    "PCR514": "idle warning without a time-out",
    "PCR515": "prompt looks like a file name",
    "PCR516": "agent names that are too much alike",
    "PCR517": "no effect beside a model function",
    "PCR601": "script is not usable",
}
"""Code to title. A code is never used again for something else; docs/diagnostics.md has an example of each."""

AREAS = {
    "0": "text",
    "1": "shape",
    "2": "variables",
    "3": "prompts",
    "4": "tools",
    "5": "meaning",
    "6": "scripts",
}
"""The first digit of a code to what it is about."""


def area(code: str) -> str:
    """What a code is about: ``PCR101`` is about the shape."""
    return AREAS[code[3]]
