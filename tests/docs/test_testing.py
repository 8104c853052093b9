"""docs/testing.md: its tests pass as they stand, with plain pytest; what it says of failures is what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.rules._scan import ROOT

PAGE = (ROOT / "docs/testing.md").read_text(encoding="utf-8")


def _write(folder: Path) -> None:
    yaml = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert yaml is not None
    (folder / "pinecall.yaml").write_text(yaml[1])
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).write_text(text)


def _pytest(folder: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if name not in ("OPENAI_API_KEY", "PINECALL_ENV")}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    result = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    return result.stdout


def test_the_tests_of_the_page_pass_without_a_plugin(tmp_path: Path) -> None:
    _write(tmp_path)
    assert "4 passed" in _pytest(tmp_path)


def test_one_that_fails_says_what_came(tmp_path: Path) -> None:
    _write(tmp_path)
    tests = tmp_path / "test_desk.py"
    tests.write_text(
        tests.read_text().replace('> llm.tool_result {"msg_id": "m1"', '> llm.tool_result {"msg_id": "m2"')
    )
    printed = _pytest(tmp_path)
    assert "1 failed, 3 passed" in printed
    assert 'msg_id is "m1", not "m2", in llm.tool_result {"call_id": "CA1"' in printed
