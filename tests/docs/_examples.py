"""The examples of docs/diagnostics.md: for each code what is wrong, what is said of it, and what is right."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests._projects import Looked, look
from tests.rules._scan import ROOT

PAGE = ROOT / "docs/diagnostics.md"

_HEADING = re.compile(r"## (?P<code>PCR\d{3}) (?P<title>.+)")
_FILE = re.compile(r"`(?P<name>[^`]+)`(?P<encoding>, saved as Latin-1)?:")
_PART = re.compile(r"(?P<part>Bad|Good)(, with `--env (?P<environment>\w+)`)?:")


@dataclass
class Block:
    """A fenced block: its content, and where that lies in the page (lines from 0, the end exclusive)."""

    part: str
    language: str
    name: str
    encoding: str
    start: int
    content: str = ""
    end: int = 0


@dataclass
class Section:
    """One code of the page."""

    code: str
    title: str
    environment: str | None = None
    blocks: list[Block] = field(default_factory=list)

    @property
    def output(self) -> Block | None:
        """What the page shows as said of the bad project."""
        return next((block for block in self.blocks if (block.part, block.language) == ("bad", "text")), None)

    def has(self, part: str) -> bool:
        """Whether there is a bad, or a good, project."""
        return any(block.part == part and block.language != "text" for block in self.blocks)

    def run(self, part: str, folder: Path) -> Looked:
        """Look at the bad or the good project; the good one has the files of the bad one but for those it changes."""
        wanted = ("bad",) if part == "bad" else ("bad", "good")
        blocks = [block for block in self.blocks if block.part in wanted and block.language != "text"]
        files = {block.name: block.content.encode(block.encoding) for block in blocks}
        return look(folder, files, environment=self.environment if part == "bad" else None)


def sections(page: str) -> Iterator[Section]:
    """The sections of the page."""
    section: Section | None = None
    block: Block | None = None
    part, name, encoding = "", "pinecall.yaml", "utf-8"
    for number, line in enumerate(page.splitlines(keepends=True)):
        written = line.rstrip("\n")
        if block is not None:
            if written == "```":
                block.end, block = number, None
            else:
                block.content += line
        elif heading := _HEADING.fullmatch(written):
            if section is not None:
                yield section
            section, part = Section(**heading.groupdict()), ""
        elif found := _PART.fullmatch(written):
            part = found["part"].lower()
            if section is not None and part == "bad":
                section.environment = found["environment"]
        elif file := _FILE.fullmatch(written):
            name, encoding = file["name"], "latin-1" if file["encoding"] else "utf-8"
        elif written.startswith("```") and section is not None:
            block = Block(part, written[3:], name, encoding, number + 1)
            section.blocks.append(block)
            name, encoding = "pinecall.yaml", "utf-8"
    if section is not None:
        yield section


def rewritten(page: str, outputs: dict[str, str]) -> str:
    """The page with other outputs, by code."""
    lines = page.splitlines(keepends=True)
    for section in reversed(list(sections(page))):
        if section.output is not None and section.code in outputs:
            lines[section.output.start : section.output.end] = outputs[section.code].splitlines(keepends=True)
    return "".join(lines)
