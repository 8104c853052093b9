"""When a silence ends the caller's turn: by what was said, by what a model thinks of it, and in any case in the end."""

from __future__ import annotations

from pinecall_run.turns.rules import TurnRules
from pinecall_run.turns.said import Said
from pinecall_run.turns.turn import Speech
from pinecall_run.turns.words import look

HUSH = 0.15
"""Seconds of silence after which the final text is asked for: it comes while the rest of the silence is waited out."""

ASK = 0.28
"""Seconds of silence after which the model is asked (protocol 7.1)."""

PATIENCE = 0.8
"""Seconds of silence after which neither a final text nor the model's answer is waited for, where there is a text."""


def is_settled(speech: Speech, said: Said) -> bool:
    """Whether no other text is to be expected of what was heard."""
    return speech.is_read and not said.has_partial


def end_at(rules: TurnRules, speech: Speech, said: Said, *, language: str, is_paused: bool) -> float:
    """When the turn ends unless more is said, counted from when the voice was last heard.

    Args:
        language: of the text, a BCP-47 tag.
        is_paused: whether the model has said that it is unfinished.
    """
    if not said.text and is_settled(speech, said):
        return speech.last
    if rules.mode == "native" and said.text and speech.verdict is not None:
        return speech.last
    if not said.text or is_paused or rules.mode == "native":
        return speech.last + rules.max_silence_seconds
    wait = 0.0 if is_settled(speech, said) else PATIENCE
    if rules.mode == "silence":
        wait = max(wait, rules.silence_seconds * look(said.text, language).patience)
    elif speech.verdict is None:
        wait = PATIENCE
    return speech.last + min(wait, rules.max_silence_seconds)
