"""Merge keys: what is written wins, then the earlier merge; a merge of merges stays small."""

import pytest
from tests._work import work

from pinecall_run.source.nodes import Mapping, Scalar, merged_entries
from pinecall_run.source.reader import read


def merged(text: str) -> dict[str, str]:
    root, diagnostics = read(text, "a.yaml")
    assert not diagnostics
    assert isinstance(root, Mapping)
    top = {key.text: value for key, value in root.entries}
    target = top["it"]
    assert isinstance(target, Mapping)
    return {key.text: value.text for key, value in merged_entries(target) if isinstance(value, Scalar)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {x: 1}\nit: {<<: *a, x: 2}", {"x": "2"}),
        ("a: &a {x: 1}\nit: {x: 2, <<: *a}", {"x": "2"}),
        ("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nit: {<<: [*a, *b]}", {"x": "1", "y": "1", "z": "2"}),
        ("a: &a {x: 1}\nb: &b {x: 2}\nit:\n  <<: *a\n  <<: *b\n", {"x": "1"}),
        ("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nit: {<<: *b, z: 3}", {"z": "3", "y": "2", "x": "1"}),
        ('it: {"<<": 1}', {"<<": "1"}),
    ],
)
def test_merge_keys(text: str, expected: dict[str, str]) -> None:
    assert merged(text) == expected


def test_a_merge_of_merges_is_not_gone_through_twice() -> None:
    sources = ["m0: &m0 {k: v}"]
    for level in range(1, 5):
        sources.append(f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 20)}]}}")
    root, _ = read("\n".join(sources), "a.yaml")
    assert isinstance(root, Mapping)
    last = root.entries[-1][1]
    assert isinstance(last, Mapping)
    assert [key.text for key, _ in merged_entries(last)] == ["k"]
    assert work(lambda: merged_entries(last)) < 1000


def test_an_inherited_key_keeps_the_place_where_it_is_written() -> None:
    root, _ = read("a: &a {x: 1}\nit: {<<: *a}", "a.yaml")
    assert isinstance(root, Mapping)
    target = root.entries[1][1]
    assert isinstance(target, Mapping)
    ((key, _),) = merged_entries(target)
    assert (key.span.line, key.span.column) == (1, 8)
