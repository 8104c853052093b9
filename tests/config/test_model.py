"""Which file of rules stands in for an agent's language model."""

from typing import Any

import pytest

from pinecall_run.config.model import Agent, PromptSource


@pytest.mark.parametrize(
    ("model", "file"),
    [
        ("scripted:desk.yaml", "desk.yaml"),
        ("scripted:", ""),
        ("gpt-4.1-mini", None),
        ("openai:scripted:x", None),
        ({"provider": "scripted", "model": "desk.yaml"}, "desk.yaml"),
        ({"provider": "openai", "model": "scripted:x"}, None),
        ({"model": "x"}, None),
    ],
)
def test_the_script_of_an_agent(model: Any, file: str | None) -> None:
    assert Agent("desk", PromptSource(text="x"), model=model).script_file == file
