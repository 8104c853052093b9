"""Whether a parameter is described is the same whether it is asked of the source or of the bound function."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tools._modules import Write, bound
from tests.tools.test_static import found

from pinecall_run.tools.docstring import read_docstring, undescribed

DOCSTRINGS = [
    "Do.\n\nArgs:\n    a: A.\n    b: B.",
    "Do.\n\nArgs:\n    a: A.\n        And more.\n    b (int): B.\n\nReturns:\n    it",
    "Do.\n\nArguments:\n    a: A.",
    "Do.\n\nParams:\n  a: A.\n  b: B.",
    "Args:\n    a: A.\n    b: B.",
    "Do.\nArgs:\n    a: A.\n    b: B.",
    "Do.\n\nArgs:\n    a:\n    b: B.",
    "Do.\n\nArgs:\n    a: A.\n\n    b: B.",
    "Do.\n\nArgs:\n    ab: A.\n    x a: B.",
    "Do.\n\nArgs: a: A, b: B",
    "Do.\n\nReturns:\n    a: A.\n    b: B.",
    "Do.\n\nParameters\n----------\na : int\n    A.\nb\n    B.\n",
    "Do.\n\nParameters\n----------\na : int\n\nReturns\n-------\nb : int\n    B.",
    "Do.\n\n:param a: A.\n:param int b: B.",
    "Do.\n\n:param a:\n:type b: int",
    "Do a: this.\n    b: not this.",
    "    a: A.",
    "Do.\n\nArgs:\n    a: `b: B.`\n    *b: B.",
    "Do.\n\nNote:\n    a: A.\n\nArgs:\n    b: B.",
    "Do.\n\nArgs:\n    a: A.\n\nArgs:\n    b: B.",
    "Do.\n\nExample:\n\n    Args:\n        a: A.\n        b: B.",
    "Do.\n\n```\n\nArgs:\n    a: A.\n    b: B.\n```",
]


@pytest.mark.parametrize("written", DOCSTRINGS)
def test_the_source_and_the_bound_function_agree(write: Write, written: str) -> None:
    source = f"def tool(a: int, b: int):\n    {written!r}\n"
    properties = bound(write, source).parameters["properties"]
    missing = {name for name, schema in properties.items() if not schema.get("description")}
    findings = [finding for finding in found(source, "tool") if finding.code == "PCR407"]
    said = {label.span.column for finding in findings for label in finding.labels}
    assert said == {{"a": 10, "b": 18}[name] for name in missing}


LINES = st.sampled_from(
    ["Do.", "", "Args:", "Arguments:", "    a: A.", "    b: B.", "        more", "    a:", "  a: A.", "Returns:", "```",
     ":param a: A.", "a : int", "Parameters", "----------", "    a (int): A.", "a: A."]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(LINES, max_size=10))
def test_a_glance_never_sees_what_the_parser_does_not(lines: list[str]) -> None:
    written = "\n".join(lines).strip()
    described = read_docstring(written)[1]
    assert undescribed(written, ["a", "b"]) == [name for name in ("a", "b") if not described.get(name)]


def test_where_all_is_plain_no_parser_is_imported() -> None:
    program = (
        "import sys; from pinecall_run.tools.docstring import undescribed\n"
        "print(undescribed('Do.\\n\\nArgs:\\n    a: A.', ['a']), 'griffe' in sys.modules)\n"
        "print(undescribed('Do.', []), 'griffe' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[] False\n[] False\n"
