"""docs/diagnostics.md is true: its bad projects are said to be wrong in just these words, its good ones are not."""

from pathlib import Path

import pytest
from tests.docs._examples import PAGE, Section, rewritten, sections

PAGE_OF_TWO = """\
# Page
```yaml
no: section
```
## PCR101 unknown key
Words.

Bad:

```yaml
a: 1
```

`b.py`, saved as Latin-1:

```python
b = 'é'
```
```text
old
```
Good:

```yaml
c: 1
```
## PCR102 missing key
None.
"""

SECTIONS = list(sections(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_a_bad_project_is_reported_in_these_words(section: Section, tmp_path: Path) -> None:
    found = section.run("bad", tmp_path)
    assert section.output is not None
    assert found.report + "\n" == section.output.content
    assert set(found.codes) == {section.code}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_a_good_project_has_no_findings(section: Section, tmp_path: Path) -> None:
    assert section.run("good", tmp_path).report == ""


def test_a_page_is_taken_apart_and_put_together() -> None:
    first, second = sections(PAGE_OF_TWO)
    assert [(block.part, block.name, block.encoding, block.content) for block in first.blocks] == [
        ("bad", "pinecall.yaml", "utf-8", "a: 1\n"),
        ("bad", "b.py", "latin-1", "b = 'é'\n"),
        ("bad", "pinecall.yaml", "utf-8", "old\n"),
        ("good", "pinecall.yaml", "utf-8", "c: 1\n"),
    ]
    assert (first.has("bad"), first.has("good"), second.has("bad"), second.output) == (True, True, False, None)
    assert rewritten(PAGE_OF_TWO, {"PCR101": "new\nlines\n"}) == PAGE_OF_TWO.replace("old\n", "new\nlines\n")
