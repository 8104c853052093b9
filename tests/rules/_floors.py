"""The floor table: what each room may import, and whether it may touch the world."""

from typing import NamedTuple

from tests.rules._scan import ROOT


class Floor(NamedTuple):
    ours: frozenset[str]
    third_party: frozenset[str]
    io: bool


def _floor(ours: str, third_party: str, *, io: bool) -> Floor:
    return Floor(frozenset(ours.split()), frozenset(third_party.split()), io)


def read_table(text: str) -> dict[str, Floor]:
    """The floors of the table in docs/architecture.md: floor, room, holds, ours, third party, I/O."""
    floors = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[5] in ("yes", "no"):
            _, room, _, ours, third_party, io = cells
            floors[room.strip("`")] = _floor(ours, third_party, io=io == "yes")
    return floors


FLOORS = read_table((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))

PURE = frozenset(room for room, floor in FLOORS.items() if not floor.io)

# Edges that one module alone may draw.
ONLY_FROM = {("cli", "voice"): "cli/serve.py", ("cli", "providers"): "cli/doctor.py"}

# Edges that no row of the table and no exception may ever allow, and why.
FORBIDDEN = {
    ("link", "voice"): "they meet on the wire",
    ("voice", "link"): "they meet on the wire",
    ("live", "voice"): "they meet on the wire",
    ("voice", "live"): "they meet on the wire",
    ("turns", "audio"): "turns sees numbers and text",
    ("turns", "providers"): "turns sees numbers and text",
    ("config", "providers"): "known names are passed in",
} | {(room, "cli"): "cli is the top, nothing stands on it" for room in FLOORS if room not in ("cli", "__main__")}

# Words that say nothing about what a folder or module holds.
EMPTY_NAMES = frozenset({"utils", "base", "manager", "helpers", "common"})
