"""Writes the generated parts of the documentation and of the golden tests again: `python -m tests.write_docs`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests._partial import overlay_schema, with_environments, written
from tests._vendors import with_vendors
from tests.docs import _providers as providers
from tests.docs import _turns as turns
from tests.docs._examples import PAGE, rewritten, sections
from tests.golden._cases import BAD, expected, run
from tests.rules._scan import ROOT

SCHEMA = ROOT / "schemas/pinecall.schema.json"
OVERLAY = ROOT / "schemas/pinecall.environment.schema.json"


def main() -> None:
    """Write every file whose content has changed, and name it."""
    whole = with_environments(with_vendors(json.loads(SCHEMA.read_text(encoding="utf-8"))))
    _write(SCHEMA, written(whole) + "\n")
    _write(OVERLAY, written(overlay_schema(whole)) + "\n")
    for case in BAD:
        with TemporaryDirectory() as folder:
            _write(expected(case), run(case, Path(folder)).report + "\n")
    page, outputs = PAGE.read_text(encoding="utf-8"), {}
    for section in sections(page):
        with TemporaryDirectory() as folder:
            outputs[section.code] = section.run("bad", Path(folder)).report + "\n"
    _write(PAGE, rewritten(page, outputs))
    for file, text in providers.pages().items():
        file.parent.mkdir(exist_ok=True)
        _write(file, text)
    _write(turns.PAGE, turns.rewritten(turns.PAGE.read_text(encoding="utf-8")))


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file}")


if __name__ == "__main__":
    main()
