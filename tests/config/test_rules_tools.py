"""Options of tools that contradict each other are found, and a journal that nothing is written to."""

import pytest
from tests.config._world import agent_yaml, checked, codes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("effect: write, retries: 1", ["PCR415"]),
        ("retries: 1", ["PCR415"]),
        ("effect: read, retries: 1", []),
        ("effect: write, retries: 0", []),
        ("effect: writes, retries: 1", ["PCR104"]),
        ("effect: write, cancel_on_interruption: true", ["PCR416"]),
        ("effect: write, cancel_on_interruption: false", []),
        ("effect: read, cancel_on_interruption: true", []),
        ("cancel_on_interruption: true", []),
        ("effect: write, retries: 1, cancel_on_interruption: true", ["PCR415", "PCR416"]),
    ],
)
def test_options_that_contradict_each_other(options: str, expected: list[str]) -> None:
    assert [code for code, _, _ in codes(agent_yaml(f"tools: {{t: {{function: a.b, {options}}}}}"))] == expected


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        ("tools: {t: {function: a.b, effect: write}}", []),
        ("tools: {t: {function: a.b, effect: read}}", ["PCR417"]),
        ("tools: {t: a.b}", ["PCR417"]),
        ("channels: [chat]", ["PCR417"]),
        ("tools: {t: {function: a.b, effect: writes}}", ["PCR104"]),  # it may have been meant to be the one
    ],
)
def test_a_journal_is_for_writes(tools: str, expected: list[str]) -> None:
    assert [code for code, _, _ in codes(f"journal: w.journal\n{agent_yaml(tools)}")] == expected


def test_a_journal_is_a_file_name() -> None:
    config, _ = checked(f"journal: /var/w.journal\n{agent_yaml('tools: {t: {function: a.b, effect: write}}')}")
    assert config is not None
    assert config.journal == "/var/w.journal"
