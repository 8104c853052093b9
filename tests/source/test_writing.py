"""Values written as YAML are the same values to whoever reads them."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.values import Reading, Shape
from pinecall_run.source.reader import read
from pinecall_run.source.writing import to_yaml

WORDS = st.sampled_from(
    ["no", "on", "~", "", "+13186330963", "17:45", "0123", "1.10", "1e3", "<<", "=", "- a", "a: b", "a #b", "&a", "*a"]
)
TEXTS = WORDS | st.text(st.characters(exclude_categories=["C"]), max_size=20) | st.just("one\ntwo\n") | st.just("a \nb")
VALUES = st.recursive(
    TEXTS | st.integers(-(10**6), 10**6) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(TEXTS, VALUES, max_size=3))
def test_both_versions_of_yaml_read_it_back(value: dict[str, Any]) -> None:
    written = to_yaml(value)
    assert yaml.safe_load(written) == value
    root, found = read(written, "a.yaml")
    assert found == []
    assert root is not None
    if not any(key.startswith("x-") for key in value):
        assert Reading(None).value(root, Shape([{}], {})) == value


def test_texts_of_several_lines_are_blocks_and_nothing_is_an_anchor() -> None:
    shared = ["chat"]
    assert to_yaml({"prompt": "One.\nTwo.\n", "a": shared, "b": shared}) == (
        "prompt: |\n  One.\n  Two.\na:\n  - chat\nb:\n  - chat\n"
    )
