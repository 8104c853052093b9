"""Descriptions of sessions (RFC 8866), as much of them as one stream of sound needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MOST_CHARACTERS, MOST_LINES, MOST_SECTIONS = 32_768, 1_024, 32

_LINE = re.compile(r"([a-z])=(.*)")
_SOUGHT = re.compile(r"[A-Za-z0-9/.+-]+")
_ADDRESS = re.compile(r"IN IP[46] ([0-9A-Za-z.:_-]+)(?:/[0-9/]+)?")


class BadDescriptionError(Exception):
    """A text is no description of a session; the message says why."""


class Direction(StrEnum):
    """Which way sound goes, as whoever says it sees it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def can_send(self) -> bool:
        """Whether whoever says it sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def can_receive(self) -> bool:
        """Whether whoever says it wants to be sent to."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def reversed(self) -> Direction:
        """What the other side would call it."""
        return direction(sends=self.can_receive, receives=self.can_send)

    def within(self, other: Direction) -> Direction:
        """What of it the other allows."""
        return direction(
            sends=self.can_send and other.can_send,
            receives=self.can_receive and other.can_receive,
        )


def direction(*, sends: bool, receives: bool) -> Direction:
    """The name of two ways."""
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


Attribute = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """One stream: an m-line and what follows it. ``host`` is empty where nothing says it; port 0 refuses."""

    kind: str
    port: int
    protocol: str
    formats: Sequence[str]
    host: str = ""
    attributes: Sequence[Attribute] = field(default=(), repr=False)
    """May hold the keys of sound."""

    def all(self, name: str) -> list[str]:
        """The values of an attribute, in order."""
        return [value for found, value in self.attributes if found == name]

    def get(self, name: str) -> str:
        """The first value of an attribute; empty if there is none."""
        return next(iter(self.all(name)), "")

    def has(self, name: str) -> bool:
        """Whether there is an attribute of this name."""
        return any(found == name for found, _ in self.attributes)

    @property
    def direction(self) -> Direction:
        """Which way the stream goes, as its writer sees it; an address of zeros asks for silence (RFC 3264, 8.4)."""
        named = next((Direction(found) for found, _ in self.attributes if found in set(Direction)), Direction.SENDRECV)
        return named.within(Direction.SENDONLY) if not self.host.strip("0.:") else named


@dataclass(frozen=True, slots=True)
class Description:
    """A session. Attributes that it has for all sections stand in each, behind their own."""

    sections: Sequence[Section]


@dataclass(slots=True)
class _Draft:
    """A section, or the session, while it is read."""

    media: str = ""
    host: str = ""
    attributes: list[Attribute] = field(default_factory=list)


def read_description(text: str) -> Description:
    """The session that a text describes. Lines of other kinds than we need are not looked at.

    Raises:
        BadDescriptionError: it is none, or more than anybody needs.
    """
    lines = text.splitlines()
    if len(text) > MOST_CHARACTERS or len(lines) > MOST_LINES or not lines or lines[0].strip() != "v=0":
        raise BadDescriptionError("no description of version 0, or too long a one")
    session = _Draft()
    drafts = [session]
    for line in filter(None, map(str.strip, lines)):
        found = _LINE.fullmatch(line)
        if found is None:
            raise BadDescriptionError("a line has no kind")
        _take(found[1], found[2], drafts)
    if len(drafts) - 1 > MOST_SECTIONS:
        raise BadDescriptionError("too many sections")
    return Description([_section(draft, session) for draft in drafts[1:]])


def _take(kind: str, value: str, drafts: list[_Draft]) -> None:
    if kind == "m":
        drafts.append(_Draft(value))
    elif kind == "c":
        found = _ADDRESS.fullmatch(value.strip())
        if found is None:
            raise BadDescriptionError("a connection line has no address")
        drafts[-1].host = found[1]
    elif kind == "a":
        name, _, rest = value.partition(":")
        drafts[-1].attributes.append((name.strip(), rest.strip()))


def _section(draft: _Draft, session: _Draft) -> Section:
    words = draft.media.split()
    if len(words) < 4 or not all(_SOUGHT.fullmatch(word) for word in words):
        raise BadDescriptionError("an m-line has another form than kind, port, protocol and formats")
    port = words[1].partition("/")[0]
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise BadDescriptionError("an m-line has no port")
    attributes = [*draft.attributes, *session.attributes]
    return Section(words[0].lower(), int(port), words[2], words[3:], draft.host or session.host, attributes)


def write_description(sections: Sequence[Section], *, host: str, session: int, version: int) -> str:
    """The text of a session at an address."""
    address = f"IN {'IP6' if ':' in host else 'IP4'} {host}"
    lines = ["v=0", f"o=- {session} {version} {address}", "s=-", f"c={address}", "t=0 0"]
    for section in sections:
        lines.append(f"m={section.kind} {section.port} {section.protocol} {' '.join(section.formats)}")
        lines += [f"a={name}:{value}" if value else f"a={name}" for name, value in section.attributes]
    return "\r\n".join([*lines, ""])
