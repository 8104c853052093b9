"""A configuration is read in every form the wire has, and nothing in it can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.turns.rules import TurnRules, rules_of


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({}, TurnRules()),
        ({"interruption": False}, TurnRules(has_interruption=False)),
        ({"interruption": True}, TurnRules()),
        (
            {"interruption": {"min_words": 3, "min_duration_ms": 500, "confidence": 0.8, "backchannel_filter": False}},
            TurnRules(
                interruption_min_words=3,
                interruption_min_seconds=0.5,
                interruption_confidence=0.8,
                has_backchannel_filter=False,
            ),
        ),
        ({"interruption": {"min_volume": 0}}, TurnRules(interruption_min_volume=0.0, resume_min_volume=0.0)),
        ({"interruption": {"energy_threshold_db": -30}}, TurnRules(interruption_min_volume=0.5, resume_min_volume=0.5)),
        ({"interruption": {"energy_threshold_db": -90}}, TurnRules()),
        ({"config": {"interruption": {"enabled": False}}}, TurnRules(has_interruption=False)),
        (
            {"config": {"interruption": {"enabled": False, "min_words": 4}}, "interruption": {"min_words": 1}},
            TurnRules(has_interruption=False, interruption_min_words=1),
        ),
        (
            {"vad": {"threshold": 0.6, "min_speech_ms": 100, "min_silence_ms": 500, "speech_end_delay_ms": 400}},
            TurnRules(threshold=0.6, min_speech_seconds=0.1, min_silence_seconds=0.5, silence_seconds=0.4),
        ),
        (
            {"config": {"vad": {"resume_min_ms": 300, "resume_min_volume": 0.1}}},
            TurnRules(resume_min_seconds=0.3, resume_min_volume=0.1),
        ),
        (
            {"turnDetection": {"maxSilenceSeconds": 2, "smartTurnThreshold": 0.7}},
            TurnRules(max_silence_seconds=2.0, smart_turn_threshold=0.7),
        ),
        (
            {"sessionLimits": {"maxDurationSeconds": 0, "idleTimeoutSeconds": 30}},
            TurnRules(max_duration_seconds=0.0, idle_timeout_seconds=30.0),
        ),
        (
            {"session_limits": {"idle_warning_seconds": 5, "idle_grace_seconds": 0}},
            TurnRules(idle_warning_seconds=5.0, idle_grace_seconds=0.0),
        ),
    ],
)
def test_what_a_configuration_says(configuration: dict[str, Any], expected: TurnRules) -> None:
    assert rules_of(configuration, has_native_turns=False, has_smart_turn=False) == expected


@pytest.mark.parametrize(
    ("asked", "has_native", "has_model", "expected"),
    [
        (None, True, True, "native"),
        (None, False, True, "smart_turn"),
        (None, False, False, "silence"),
        ("silence", True, True, "silence"),
        ("native", True, True, "native"),
        ("native", False, True, "smart_turn"),
        ("native", False, False, "silence"),
        ("smart_turn", True, True, "smart_turn"),
        ("smart_turn", True, False, "silence"),
        ("nonsense", True, False, "native"),
    ],
)
def test_who_decides(asked: str | None, has_native: bool, has_model: bool, expected: str) -> None:
    for configuration in (
        {"turn_detection": asked},
        {"config": {"turn_detection": {"mode": asked}}},
        {"turnDetection": asked},
        {"stt": {"provider": "soniox", "turn": asked}},
    ):
        assert rules_of(configuration, has_native, has_model).mode == expected


JUNK = st.sampled_from([None, True, -1, 0, 0.5, 3, 1e12, 10**400, float("inf"), float("nan"), "", "x", [], ["x"], {}])
KEYS = [
    "mode", "threshold", "min_speech_ms", "min_silence_ms", "resume_min_ms", "resume_min_volume", "max_silence_seconds",
    "smart_turn_threshold", "speech_end_delay_ms", "enabled", "min_duration_ms", "energy_threshold_db", "confidence",
    "min_volume", "min_words", "backchannel_filter", "max_duration_seconds", "idle_timeout_seconds", "turn",
]  # fmt: skip
PARTS = ["turn_detection", "turnDetection", "vad", "interruption", "session_limits", "sessionLimits", "stt"]
PART = JUNK | st.dictionaries(st.sampled_from(KEYS), JUNK)


@given(
    st.dictionaries(st.sampled_from([*PARTS, "config"]), PART | st.dictionaries(st.sampled_from(PARTS), PART)),
    st.booleans(),
    st.booleans(),
)
def test_any_configuration_gives_rules_that_can_be_kept(
    configuration: dict[str, Any], has_native: bool, has_model: bool
) -> None:
    rules = rules_of(configuration, has_native, has_model)
    assert rules.mode in ("silence", "native", "smart_turn")
    assert 0 <= rules.threshold <= 1
    assert 0 <= rules.interruption_min_volume <= 1
    assert 0 <= rules.min_silence_seconds < float("inf")
    assert rules.max_silence_seconds >= 0.2
    assert isinstance(rules.interruption_min_words, int)


def test_while_somebody_else_talks_a_silent_caller_is_in_no_hurry() -> None:
    rules = TurnRules(idle_timeout_seconds=30.0, max_duration_seconds=90.0)
    assert rules.patient() == TurnRules(idle_timeout_seconds=0.0, max_duration_seconds=90.0)
