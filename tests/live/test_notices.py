"""What people and tools said is only in fields named so, which nothing prints by accident."""

from __future__ import annotations

import dataclasses

import pytest

from pinecall_run.live import notices
from pinecall_run.live.notices import Notice

KINDS = [
    kind
    for kind in vars(notices).values()
    if isinstance(kind, type) and issubclass(kind, Notice) and kind is not Notice
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_content_is_not_in_a_repr(kind: type[Notice]) -> None:
    shown = {field.name for field in dataclasses.fields(kind) if field.repr}
    assert "content" not in shown
    assert "checked" not in shown


def test_what_was_said_and_what_tools_were_given_is_content() -> None:
    said = notices.Said("desk", "call-1", "person", "my card is 4111")
    ran = notices.ToolRan("desk", "call-1", "look", 1.0, None, '{"card":"4111"}')
    assert "4111" not in repr(said) + repr(ran)
    assert "call-1" in repr(said)
