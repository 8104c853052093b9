"""Broken files made from whole ones: the same seed always makes the same file."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pinecall_run.resources import schema


def _names(part: Any) -> Iterator[str]:
    """Every key and allowed word of a schema."""
    if isinstance(part, dict):
        yield from part.get("properties", {})
        yield from (str(word) for word in part.get("enum", []))
        for inner in part.values():
            yield from _names(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _names(inner)


KEYS = sorted({*_names(schema("pinecall")), *_names(schema("script"))})
YAML = [
    "\n", "  ", "\t", ": ", "- ", ", ", "[", "]", "{", "}", "&a ", "*a", "<<: *a", "<<: ", "? ", "|\n", ">-\n", "|2-\n",
    "'", '"', "#", " # pinecall: ignore[PCR101]", "# pinecall: ignore", "!!int ", "!x ", "!!binary ", "---\n", "...\n",
    "%YAML 1.1\n", "~", "null", "true", "no", "1:30", "0x1F", "1e999", "-0", ".nan", "+13186330963", "2026-11-22", "=",
    "${X}", "${GONE}", "${X:-}", "${X:?no}", "${", "$$", "${${X}}", "../", "/etc/hostname", "\\", '"\\ud800"',
]  # fmt: skip
JINJA = [
    "{{", "}}", "{%", "%}", "{#", "#}", "{{ x", "{{ company }}", "{{ date|upper }}", "{% include 'a' %}", "{{ x.y.z }}",
    "{% if x %}", "{% endif %}", "{% for a in b %}", "{% endfor %}", "{{ ''.__class__ }}", "{{ 1/0 }}", "{{ x|nope }}",
    "{% include x %}", "{% extends 'a' %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% raw %}", "{{ (((",
    "{% include 'prompts/desk.md.j2' %}", "{{ 9**9 }}", "{{ 'x'|center(99) }}", "{{ 'a'.format_map }}",
]  # fmt: skip
PYTHON = [
    "def ", "async def ", "class ", "lookup_order", "(", ")", ":", "\n    ", "lambda: ", "import ", "from . import *\n",
    "yield", "await ", "*args, **kwargs", "=None", "@", "\\\n", '"""', "f'{", "\x0c", "globals()", "9" * 5000,
]  # fmt: skip
REGEX = ["(", ")", "[", "]", "(?P<", "(?P<a>", "*", "++", "{9,1}", "\\", "(?i)", "(?<=a*)", "|", "{99999}"]
STRANGE = [
    "\x00", "\x07", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u200b", "\u202e", "\ufeff", "😀", "e\u0301", "\r", "\r\n",
    "\xa0", "\ufffe", "x" * 400, "9" * 400, "\n" * 30, " " * 120, "[" * 120, "- " * 120, "{a: " * 60,
]  # fmt: skip
WORDS = [*YAML, *YAML, *KEYS, *JINJA, *PYTHON, *REGEX, *STRANGE]
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbb\xbf", b"\xc0\x80", b"\x00", b"\xfe\xff"]

Operation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _flip(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"x")
    for _step in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _truncate(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))]


def _splice(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice([0, 0, 1, 3, 12]))
    return data[:start] + chance.choice(WORDS).encode("utf-8", "surrogatepass") + data[end:]


def _bytes(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice([*BYTES, chance.randbytes(chance.randint(1, 9))]) + data[at:]


def _lines(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at, other = chance.randrange(len(lines)), chance.choice(chance.choice(others).split(b"\n"))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at] = b" " * chance.randint(0, 9) + lines[at].lstrip()
        case 3:
            lines.insert(at, other)
        case 4:
            lines[at] = other
        case _:
            to = chance.randrange(len(lines))
            lines[at], lines[to] = lines[to], lines[at]
    return b"\n".join(lines)


def _value(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Another value for a key, or another key for a value: what keeps the YAML whole and its meaning not."""
    lines = data.split(b"\n")
    places = [index for index, line in enumerate(lines) if b":" in line]
    if not places:
        return data
    at = chance.choice(places)
    key, _colon, value = lines[at].partition(b":")
    if chance.random() < 0.6:
        word = chance.choice(
            [*YAML, *KEYS, *JINJA, *REGEX, "[]", "{}", "''", "a.b", "-1", "0", "chat", "x.y.z", "12:61"]
        )
        lines[at] = key + b": " + word.encode()
    else:
        indent = key[: len(key) - len(key.lstrip(b" -"))]
        slip = bytearray(key.strip(b" -") or b"x")
        slip[chance.randrange(len(slip))] = chance.choice(b"aeiou_XYZ1")
        lines[at] = indent + chance.choice([bytes(slip), chance.choice(KEYS).encode()]) + b":" + value
    return b"\n".join(lines)


def _whole(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """The whole file in other bytes."""
    text = data.decode("utf-8", "replace")
    return chance.choice(
        [
            lambda: b"\xef\xbb\xbf" + data,
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-32-le"),
            lambda: text.replace("\n", "\r\n").encode(),
            lambda: text.replace("\n", "\r").encode(),
            lambda: text.replace("  ", "\t").encode(),
            lambda: data * chance.randint(2, 4),
            lambda: chance.randbytes(chance.randint(0, 200)),
            lambda: b"",
        ]
    )()


def _bomb(chance: random.Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Aliases of aliases, merges of merges, and nesting, in front of the file."""
    wide, high = chance.randint(1, 12), chance.randint(1, 12)
    aliases = "".join(f"x-{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else 'a'] * wide)}]\n" for n in range(high))
    merges = "".join(
        f"x-{n}: &m{n} {{<<: [{', '.join([f'*m{max(n - 1, 0)}'] * wide)}], k{n}: 1}}\n" for n in range(1, high)
    )
    deep = "x-d: " + chance.choice(["[", "{a: ", "- ", "? "]) * chance.choice([9, 99, 101, 5000]) + "\n"
    made = [
        aliases,
        f"x-0: &m0 {{a: 1}}\n{merges}",
        deep,
        "x-r: &r [*r]\n",
        "x-r: &r {<<: *r}\n",
        "x-r: &a {<<: [*a]}\n",
    ]
    used = data.replace(b"channels: [chat]", chance.choice([b"channels: *b3", b"<<: *m3", b"voice: *b2"]))
    return chance.choice(made).encode() + used


_OPERATIONS: list[Operation] = [_value] * 6 + [_splice] * 5 + [_lines] * 5 + [_flip, _truncate, _bytes, _whole, _bomb]


def mutated(seed: int, originals: Sequence[bytes]) -> bytes:
    """The broken file of a seed. Most are broken in one or two places, so that what reads them gets far."""
    chance = random.Random(seed)
    data = chance.choice(originals)
    for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5, 8])):
        data = chance.choice(_OPERATIONS)(chance, data, originals)
    return data
