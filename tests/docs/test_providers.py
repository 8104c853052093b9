"""The pages about vendors are those that their options come to, and what they show is sound."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from tests.config._world import agent_yaml, checked
from tests.docs._providers import FOLDER, INDEX, pages

from pinecall_run.source.document import Document

PAGES = pages()
BLOCKS = [
    (page.stem, block) for page, text in PAGES.items() for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_up_to_date(page: Path) -> None:
    assert page.is_file(), "run `make docs`"
    assert page.read_text(encoding="utf-8") == PAGES[page], "run `make docs`"


def test_every_page_is_in_the_index() -> None:
    names = set(re.findall(r"\]\((\w[\w-]*)\.md\)", PAGES[INDEX]))
    assert names == {page.stem for page in PAGES if page != INDEX}
    assert all((FOLDER / f"{name}.md").is_file() for name in names)


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{block.partition(':')[0]}" for page, block in BLOCKS])
def test_what_a_page_shows_is_sound(page: str, block: str) -> None:
    """With what it has in comments, too."""
    for shown in (block, block.replace("  # ", "  ")):
        _, found = checked(agent_yaml(textwrap.dedent(shown)))
        assert [each.message for each in found if each.code not in ("PCR503", "PCR508", "PCR509")] == [], shown


def test_a_page_shows_every_option() -> None:
    for page, block in BLOCKS:
        document, _ = Document.parse(block.replace("  # ", "  "), "page.yaml")
        (stage,) = document.keys(())
        keys = {str(key) for key in document.keys((stage,))} - {"provider"}
        rows = set(re.findall(r"^\| `(\w+)` \|", PAGES[FOLDER / f"{page}.md"], re.MULTILINE))
        assert keys <= rows, page
