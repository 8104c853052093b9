"""The generated part of docs/turns.md: the table of the states of a turn."""

import re

from tests.rules._scan import ROOT

from pinecall_run.turns.transitions import as_markdown

PAGE = ROOT / "docs/turns.md"

_TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)


def rewritten(page: str) -> str:
    """The page with the table as it is."""
    return _TABLE.sub(lambda _: as_markdown(), page)
