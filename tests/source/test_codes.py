"""The table of codes: their form, their areas, and that each is used."""

from __future__ import annotations

import re

from tests.stories._stage import ROOT

from pinecall_run.source.codes import AREAS, CODES, area


def test_codes_are_in_order_and_of_one_form() -> None:
    assert list(CODES) == sorted(CODES)
    assert all(re.fullmatch(r"PCR\d{3}", code) for code in CODES)
    assert len(set(CODES.values())) == len(CODES)


def test_every_area_has_codes() -> None:
    assert {area(code) for code in CODES} == set(AREAS.values())
    assert area("PCR101") == "shape"


def test_every_code_is_made_somewhere() -> None:
    sources = [path for path in (ROOT / "runner").rglob("*.py") if path.name != "codes.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert [code for code in CODES if f'"{code}"' not in text] == []
