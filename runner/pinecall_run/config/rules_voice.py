"""Rules about how a call listens and sounds: turn taking that is at odds with itself, and files that only a server on
this machine can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pinecall_run.config.model import Config, VoiceFile
from pinecall_run.config.rule_context import RuleContext, Subject
from pinecall_run.config.rules_vendors import each
from pinecall_run.config.vendors import hearing, named
from pinecall_run.source.diagnostic import Label, Route

Value = tuple[Any, Route]
"""What is written for a key, and where; ``None`` with the place where it could be."""

_LISTENING = ("turn_detection", "vad", "stt")
_NO_TURNS = frozenset(("chat", "whatsapp"))
_MAX_SILENCE, _MIN_SILENCE = 3.0, 350
"""The schema's defaults for `max_silence_seconds` and `min_silence_ms`."""


def _listening(subject: Subject) -> Iterator[tuple[frozenset[str], dict[str, Value]]]:
    """How the agent listens, then how each channel of speech does that differs; and which keys are the place's own."""
    values: dict[str, Value] = {key: (getattr(subject.agent, key), (*subject.route, key)) for key in _LISTENING}
    yield frozenset(_LISTENING), values
    for placed in subject.channels:
        own = {key: (value, (*placed.route, key)) for key, value in placed.channel.overrides.items()}
        if placed.channel.ref.kind not in _NO_TURNS and not own.keys().isdisjoint(_LISTENING):
            yield frozenset(own), {**values, **{key: own[key] for key in _LISTENING if key in own}}


def _check_turns(subject: Subject, context: RuleContext) -> None:
    for own, values in _listening(subject):
        turns, vad, stt = (values[key] for key in _LISTENING)
        if "turn_detection" in own:
            _check_model(turns, context)
        if {"turn_detection", "stt"} & own:
            _check_native(turns, stt, context)
        if {"turn_detection", "vad"} & own:
            _check_silences(turns, vad, own, context)


def _mode(written: Any) -> str | None:
    return written.get("mode") if isinstance(written, Mapping) else written


def _check_model(turns: Value, context: RuleContext) -> None:
    written, route = turns
    mode, options = _mode(written), written if isinstance(written, Mapping) else {}
    at = (*route, "mode") if options else route
    if mode == "smart_turn" and "smart_turn_model" not in options and context.is_embedded:
        is_broken = context.document.node((*route, "smart_turn_model")) is not None
        if not is_broken:  # what is wrong with it is a finding already
            help = "give it Smart Turn's ONNX file as smart_turn_model; silence and native need none"
            context.find("PCR519", "`smart_turn` has no model to ask", at, help)
    for key in options if mode not in (None, "smart_turn") else ():
        if key.startswith("smart_turn_"):
            label = Label(context.document.value_span(at), "decided here")
            context.warn_at_key(
                "PCR519", f"`{key}` has no effect: `{mode}` decides", (*route, key), "take it out", label
            )


def _check_native(turns: Value, stt: Value, context: RuleContext) -> None:
    if _mode(turns[0]) != "native":
        return
    if not stt[0] or any(_may_have_turns(one) for one, _ in each(*stt)):
        return
    label = Label(context.document.value_span(stt[1]), "it is chosen here")
    message = "`native` leaves it to a speech to text that does not say when a caller has finished"
    at = (*turns[1], "mode") if isinstance(turns[0], Mapping) else turns[1]
    context.warn("PCR519", message, at, "write silence, or choose one that does: deepgram-flux, soniox", label)


def _may_have_turns(stt: str | Mapping[str, Any]) -> bool:
    found = named("stt", stt)
    is_asked = isinstance(stt, Mapping) and bool(stt.get("use_native_vad"))
    return is_asked or found is None or hearing(found).has_turns is not False


def _check_silences(turns: Value, vad: Value, own: frozenset[str], context: RuleContext) -> None:
    options = turns[0] if isinstance(turns[0], Mapping) else {}
    longest = options.get("max_silence_seconds", _MAX_SILENCE)
    quiet = (vad[0] or {}).get("min_silence_ms", _MIN_SILENCE)
    if quiet <= longest * 1000:
        return
    is_of_turns = "max_silence_seconds" in options and ("vad" not in own or "min_silence_ms" not in (vad[0] or {}))
    at = (*turns[1], "max_silence_seconds") if is_of_turns else (*vad[1], "min_silence_ms")
    message = f"a turn ends after {longest:g} s of silence, and quiet counts as silence only after {quiet / 1000:g} s"
    context.find("PCR519", message, at, "make min_silence_ms smaller than max_silence_seconds")


def voice_files(subject: Subject) -> Iterator[VoiceFile]:
    """The files of an agent that the embedded server reads, and where they are named."""
    agent, route = subject.agent, subject.route
    if agent.hold_music is not None:
        yield VoiceFile((*route, "hold_music"), agent.hold_music)
    if isinstance(agent.background, str):
        yield VoiceFile((*route, "background"), agent.background)
    elif agent.background is not None:
        yield VoiceFile((*route, "background", "file"), agent.background["file"])
    for own, values in _listening(subject):
        turns, at = values["turn_detection"]
        if "turn_detection" in own and isinstance(turns, Mapping) and "smart_turn_model" in turns:
            yield VoiceFile((*at, "smart_turn_model"), turns["smart_turn_model"], is_sound=False)


def _check_elsewhere(subject: Subject, context: RuleContext) -> None:
    if context.is_embedded:
        return
    routes = [file.route for file in voice_files(subject)]
    if isinstance(subject.agent.recording, Mapping):
        routes.append((*subject.route, "recording", "dir"))
    for route in routes:
        message = f"`{route[-1]}` has no effect: a server elsewhere neither reads nor writes files here"
        context.warn_at_key("PCR520", message, route, "take it out, or keep it where the server is the embedded one")


def check_server(config: Config, context: RuleContext) -> None:
    """Whether what is for the embedded server is told to it, and say what TURN asks for."""
    route: Route = ("server", "ice_servers")
    for key in ("ice_servers", "public_url", "sip"):
        if config.server.url is not None and getattr(config.server, key):
            message = f"`{key}` has no effect: a server elsewhere has its own"
            advice = "take it out; with null where an environment names the server"
            context.warn_at_key("PCR520", message, ("server", key), advice)
    for index, server in enumerate(config.server.ice_servers):
        if any(url.startswith("turn") for url in server.urls):
            for key in ("username", "credential"):
                if context.document.node((*route, index, key)) is None:
                    message = f"a TURN server needs the key `{key}`"
                    context.find("PCR102", message, (*route, index, "urls"), f"add `{key}`")


VOICE_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (_check_turns, _check_elsewhere)
