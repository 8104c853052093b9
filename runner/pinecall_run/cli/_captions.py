"""What is said in a call as captions, from the events of the wire, and captions as text. No effects here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What a terminal would obey, in what callers, models and tools say."""

MARGIN = " " * 8
"""What stands below a time."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Something worth a line: when it began, in seconds of the call, and what it is."""

    time: float
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Utterance:
    """What the agent is saying."""

    since: float
    text: str
    words: list[str] = field(default_factory=list)


class Captions:
    """Follows the events of one call. An utterance has its caption once it is known how much of it was heard."""

    def __init__(self) -> None:
        self._open: dict[str, _Utterance] = {}
        self._voice_since: float | None = None
        self._heard: dict[str, str] = {}

    def event(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        """The captions that an event completes."""
        handler = _HANDLERS.get(str(frame.get("event")))
        return handler(self, frame, now) if handler is not None else []

    def close(self) -> list[Caption]:
        """What was being said when the call ended."""
        return [caption for id in list(self._open) for caption in self._said(id)]

    def _speaking(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        self._open[_id(frame)] = _Utterance(now, str(frame.get("text") or ""))
        return []

    def _word(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        self._open.setdefault(_id(frame), _Utterance(now, "")).words.append(str(frame.get("word", "")))
        return []

    def _confirmed(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return self._said(_id(frame), str(frame.get("text") or ""))

    def _finished(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        utterance = self._open.get(_id(frame))
        return self._said(_id(frame), utterance.text if utterance else "")

    def _interrupted(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        utterance, count = self._open.get(_id(frame)), int(frame.get("words_spoken") or 0)
        text = ""
        if utterance is not None and not utterance.words:  # a server may not tell words
            text = " ".join(utterance.text.split()[:count])
        return self._said(_id(frame), text, interrupted=float(frame.get("played_ms") or 0) / 1000)

    def _aborted(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return self._said(_id(frame), interrupted=0.0)

    def _said(self, id: str, text: str = "", **more: Any) -> list[Caption]:
        """An utterance is over, with what was heard of it: ``text``, or the words that were played."""
        utterance = self._open.pop(id, None)
        if utterance is None:
            return []
        heard = text or " ".join(utterance.words)
        return [Caption(utterance.since, "agent", {"text": heard, **more})] if heard or more else []

    def _voice(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        self._voice_since = now if self._voice_since is None else self._voice_since
        return []

    def _message(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        text, id = str(frame.get("text") or ""), _id(frame)
        if not text or (id and self._heard.get(id) == text):  # some servers send one a second time
            return []
        self._heard[id] = text
        since, self._voice_since = self._voice_since, None
        return [Caption(now if since is None else since, "caller", {"text": text})]

    def _tool_call(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return [
            Caption(now, "tool_call", {"name": call.get("name", ""), "arguments": call.get("arguments", "")})
            for call in frame.get("tool_calls") or []
        ]

    def _tool_result(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return [Caption(now, "tool_result", {"result": each.get("result")}) for each in frame.get("results") or []]

    def _failed(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return [Caption(now, "error", {"text": str(frame.get("error") or "")})]

    def _idle(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return [Caption(now, "idle_warning", {"remaining_seconds": frame.get("remaining_seconds", 0)})]

    def _ended(self, frame: Mapping[str, Any], now: float) -> list[Caption]:
        return [*self.close(), Caption(now, "ended", {"reason": str(frame.get("reason") or "")})]


_HANDLERS: dict[str, Callable[[Captions, Mapping[str, Any], float], list[Caption]]] = {
    "bot.speaking": Captions._speaking,
    "bot.word": Captions._word,
    "message.confirmed": Captions._confirmed,
    "bot.finished": Captions._finished,
    "bot.interrupted": Captions._interrupted,
    "message.aborted": Captions._aborted,
    "speech.started": Captions._voice,
    "user.message": Captions._message,
    "llm.tool_call": Captions._tool_call,
    "llm.tool_result": Captions._tool_result,
    "llm.error": Captions._failed,
    "session.idle_warning": Captions._idle,
    "call.ended": Captions._ended,
}


def as_text(caption: Caption, width: int | None = None) -> str:
    """A caption as a line for people; what a tool answered is cut to ``width`` columns."""
    return _CONTROL.sub("\ufffd", _LINES[caption.kind](caption, width))


def as_json(caption: Caption) -> str:
    """A caption as one JSON object."""
    entry = {"time": round(caption.time, 2), "kind": caption.kind, **caption.fields}
    return json.dumps(entry, ensure_ascii=False)


def tool_call(call: Mapping[str, Any]) -> str:
    """A tool call as an arrow and a call in Python's manner."""
    return f"→ {call['name']}({_arguments(call['arguments'])})"


def tool_result(result: Any, width: int | None = None) -> str:
    """What a tool answered, cut to ``width`` columns."""
    text = f"← {json.dumps(result, ensure_ascii=False)}"
    return text if width is None or len(text) <= width else text[: width - 1] + "…"


def _arguments(written: str) -> str:
    try:
        given = json.loads(written or "{}")
        return ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items())
    except (ValueError, AttributeError):
        return written


def _agent(caption: Caption, width: int | None) -> str:
    seconds = caption.fields.get("interrupted")
    mark = "" if seconds is None else f" — (interrupted after {seconds:.2f} s)"
    return _line(caption, "agent", caption.fields["text"] + mark)


def _latency(caption: Caption, width: int | None) -> str:
    seconds = caption.fields["seconds"]
    if not seconds:
        return "no turn was answered"
    each = ", ".join(f"{each:.2f}" for each in seconds)
    turns = "1 turn" if len(seconds) == 1 else f"{len(seconds)} turns"
    return f"{turns} answered after {each} s; median {caption.fields['median']:.2f} s"


def _line(caption: Caption, who: str, text: str) -> str:
    return f"{caption.time:6.2f}  {who:<6}  {' '.join(text.split())}"


_LINES: dict[str, Callable[[Caption, int | None], str]] = {
    "agent": _agent,
    "caller": lambda caption, _: _line(caption, "caller", caption.fields["text"]),
    "tool_call": lambda caption, _: MARGIN + tool_call(caption.fields),
    "tool_result": lambda caption, width: (
        MARGIN + tool_result(caption.fields["result"], None if width is None else width - len(MARGIN))
    ),
    "error": lambda caption, _: _line(caption, "agent", f"has no answer: {caption.fields['text']}"),
    "idle_warning": lambda caption, _: _line(
        caption, "idle", f"the call ends in {caption.fields['remaining_seconds']:g} s"
    ),
    "ended": lambda caption, _: _line(caption, "ended", caption.fields["reason"]),
    "latency": _latency,
}


def _id(frame: Mapping[str, Any]) -> str:
    return str(frame.get("message_id") or "")
