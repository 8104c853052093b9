"""The numbers of turn taking, and how a client's configuration says them (protocol 6.4 to 6.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Mode = Literal["silence", "native", "smart_turn"]

QUIETEST_DB = -60.0
"""Volume is linear in dB: 0 here, 1 at full scale."""


@dataclass(frozen=True, slots=True)
class TurnRules:
    """How turns are taken in a call. Times are in seconds, probabilities and volumes in 0..1.

    Attributes:
        threshold: from which probability on a window is a voice.
        min_speech_seconds: voice that is shorter is none.
        min_silence_seconds: quiet that is shorter is part of what is said.
        resume_min_seconds: how long the voice of a caller who goes on after a pause has to last to count.
        resume_min_volume: how loud it has to be.
        mode: what decides that the caller has finished.
        smart_turn_threshold: from which probability of the model on a turn is over.
        max_silence_seconds: the silence that ends a turn whatever else is thought of it.
        silence_seconds: the silence that ends a turn whose text looks finished (mode ``silence``); others wait longer.
        has_eager: whether a turn that is probably over is told beforehand.
        has_interruption: whether the caller may cut the agent short.
        interruption_min_seconds: sustained voice that does.
        interruption_confidence: the probability that counts for it.
        interruption_min_volume: the volume that counts for it.
        interruption_min_words: decoded words that do.
        has_backchannel_filter: whether words such as "ok" or "uh-huh" alone do not.
        continuation_seconds: an utterance that was cut before it had played this long counts as not given.
        max_duration_seconds: the longest call; 0 is without end.
        idle_timeout_seconds: the longest silence of the caller; 0 is without end.
        idle_warning_seconds: how long before it a warning is given.
        idle_grace_seconds: how long after it the call still stays up.
    """

    threshold: float = 0.5
    min_speech_seconds: float = 0.25
    min_silence_seconds: float = 0.35
    resume_min_seconds: float = 0.2
    resume_min_volume: float = 0.35
    mode: Mode = "silence"
    smart_turn_threshold: float = 0.5
    max_silence_seconds: float = 3.0
    silence_seconds: float = 0.3
    has_eager: bool = True
    has_interruption: bool = True
    interruption_min_seconds: float = 0.3
    interruption_confidence: float = 0.7
    interruption_min_volume: float = 0.35
    interruption_min_words: int = 2
    has_backchannel_filter: bool = True
    continuation_seconds: float = 2.0
    max_duration_seconds: float = 600.0
    idle_timeout_seconds: float = 60.0
    idle_warning_seconds: float = 15.0
    idle_grace_seconds: float = 10.0

    def patient(self) -> TurnRules:
        """The same without an end to the caller's silence: somebody else talks to them."""
        return replace(self, idle_timeout_seconds=0.0)


DEFAULTS = TurnRules()
LARGEST = 1e9
"""Above all that is meant: seconds of thirty years."""


def rules_of(configuration: Mapping[str, Any], has_native_turns: bool, has_smart_turn: bool) -> TurnRules:
    """The rules of a session's configuration, in the wire's forms or in the raw ones of ``session.configure``.

    Args:
        configuration: as the client sent it; snake and camel case, top-level keys before those of ``config``. What is
            not understood counts as not said.
        has_native_turns: whether the speech to text decides about turns.
        has_smart_turn: whether there is a model that does.
    """
    keys = _snake(configuration)
    inner = _snake(keys.get("config"))
    turn = _part(keys, inner, "turn_detection", as_text="mode")
    if (chosen := _snake(keys.get("stt")).get("turn")) is not None:
        turn = {"mode": chosen, **turn}
    interruption = _part(keys, inner, "interruption", as_flag="enabled")
    rules = replace(
        DEFAULTS,
        mode=_mode(turn.get("mode"), has_native_turns, has_smart_turn),
        smart_turn_threshold=_fraction(turn.get("smart_turn_threshold"), DEFAULTS.smart_turn_threshold),
        max_silence_seconds=_number(turn.get("max_silence_seconds"), DEFAULTS.max_silence_seconds, least=0.2),
    )
    rules = _interrupted(rules, interruption)
    rules = _detected(rules, _part(keys, inner, "vad"))
    return _limited(rules, _part(keys, inner, "session_limits"))


def smart_turn_model_of(configuration: Mapping[str, Any], has_native_turns: bool) -> str:
    """The file of the model that is to decide about turns, an absolute path; empty where another is to, or none is
    named. The arguments are those of :func:`rules_of`."""
    if rules_of(configuration, has_native_turns, has_smart_turn=True).mode != "smart_turn":
        return ""
    keys = _snake(configuration)
    file = _part(keys, _snake(keys.get("config")), "turn_detection", as_text="mode").get("smart_turn_model")
    return file if isinstance(file, str) else ""


def _interrupted(rules: TurnRules, said: Mapping[str, Any]) -> TurnRules:
    volume = _fraction(said.get("min_volume"), rules.interruption_min_volume)
    floor = 1 + min(_number(said.get("energy_threshold_db"), QUIETEST_DB, least=QUIETEST_DB), 0.0) / -QUIETEST_DB
    return replace(
        rules,
        has_interruption=_flag(said.get("enabled"), True),
        interruption_min_seconds=_milliseconds(said.get("min_duration_ms"), rules.interruption_min_seconds),
        interruption_confidence=_fraction(said.get("confidence"), rules.interruption_confidence),
        interruption_min_volume=max(volume, floor),
        interruption_min_words=int(_number(said.get("min_words"), rules.interruption_min_words)),
        has_backchannel_filter=_flag(said.get("backchannel_filter"), True),
    )


def _detected(rules: TurnRules, said: Mapping[str, Any]) -> TurnRules:
    return replace(
        rules,
        threshold=_fraction(said.get("threshold"), rules.threshold),
        min_speech_seconds=_milliseconds(said.get("min_speech_ms"), rules.min_speech_seconds),
        min_silence_seconds=_milliseconds(said.get("min_silence_ms"), rules.min_silence_seconds),
        silence_seconds=_milliseconds(said.get("speech_end_delay_ms"), rules.silence_seconds),
        resume_min_seconds=_milliseconds(said.get("resume_min_ms"), rules.resume_min_seconds),
        resume_min_volume=_fraction(said.get("resume_min_volume"), rules.interruption_min_volume),
    )


def _limited(rules: TurnRules, said: Mapping[str, Any]) -> TurnRules:
    return replace(
        rules,
        max_duration_seconds=_number(said.get("max_duration_seconds"), rules.max_duration_seconds),
        idle_timeout_seconds=_number(said.get("idle_timeout_seconds"), rules.idle_timeout_seconds),
        idle_warning_seconds=_number(said.get("idle_warning_seconds"), rules.idle_warning_seconds),
        idle_grace_seconds=_number(said.get("idle_grace_seconds"), rules.idle_grace_seconds),
    )


def _mode(asked: Any, has_native_turns: bool, has_smart_turn: bool) -> Mode:
    """What was asked for where it is at hand, else the best that is."""
    if asked == "silence":
        return "silence"
    if has_smart_turn and (asked == "smart_turn" or not has_native_turns):
        return "smart_turn"
    return "native" if has_native_turns and asked != "smart_turn" else "silence"


def _part(
    keys: Mapping[str, Any], inner: Mapping[str, Any], name: str, *, as_text: str = "", as_flag: str = ""
) -> dict[str, Any]:
    """A mapping of the configuration, laid over that of ``config``; a text or a flag stands for one key of it."""
    merged: dict[str, Any] = {}
    for said in (inner.get(name), keys.get(name)):
        if as_text and isinstance(said, str):
            merged[as_text] = said
        elif as_flag and isinstance(said, bool):
            merged[as_flag] = said
        else:
            merged |= _snake(said)
    return merged


def _snake(said: Any) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        return {}
    return {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower(): value for key, value in said.items()}


def _number(said: Any, fallback: float, *, least: float = 0.0) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return fallback
    return float(said) if least <= said < LARGEST else fallback


def _milliseconds(said: Any, fallback: float) -> float:
    number = _number(said, -1.0)
    return number / 1000 if number >= 0 else fallback


def _fraction(said: Any, fallback: float) -> float:
    number = _number(said, fallback)
    return number if number <= 1 else fallback


def _flag(said: Any, fallback: bool) -> bool:
    return said if isinstance(said, bool) else fallback
