"""What a server is told of how calls listen and sound: the raw ``config`` of the wire (protocol: config keys), with our
extensions for a server that shares the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pinecall_run.config.model import Agent, Options, Prices
from pinecall_run.config.vendors import speaks_itself

RECORDINGS = "recordings"
"""The folder for recordings of a project that names none."""

VOLUME = 0.2
"""How loud a background is of which nothing is said."""


def session_config(agent: Agent, folder: str | None, prices: Prices | None = None) -> dict[str, Any]:
    """The ``config`` of an agent, empty where nothing is to be said.

    ``folder`` is what the names of files are relative to; ``None`` leaves out what needs files of this machine.
    ``prices`` are the project's own.
    """
    found: dict[str, Any] = {
        "turn_detection": _turn_detection(agent.turn_detection, folder),
        "vad": agent.vad,
        "apology": agent.apology,
        "limits": agent.limits,
        "analysis": _analysis(agent.analysis),
        "realtime": _realtime(agent.model),
        "prices": prices or None,
    }
    if folder is not None:
        found |= {
            "recording_dir": _recording_dir(agent.recording, folder),
            "background": _background(agent.background, folder),
            "hold_music": _path(folder, agent.hold_music) if agent.hold_music else None,
        }
    return {key: value for key, value in found.items() if value is not None}


def media(agent: Agent) -> dict[str, Any]:
    """The ``media`` of an agent: whether its calls are recorded, and whether people may listen to them."""
    return {**({"recording": True} if agent.recording else {}), **({"live": True} if agent.live else {})}


def _path(folder: str, name: str) -> str:
    return str(PurePath(folder, name))


def _turn_detection(written: str | Options | None, folder: str | None) -> str | Options | None:
    if not isinstance(written, Mapping) or "smart_turn_model" not in written:
        return written
    options = {key: value for key, value in written.items() if key != "smart_turn_model"}
    return options if folder is None else {**options, "smart_turn_model": _path(folder, written["smart_turn_model"])}


def _analysis(written: Options | None) -> dict[str, Any] | None:
    if written is None:
        return None
    names = {"audio_metrics": "send_audio_metrics"}
    return {names.get(key, key): value for key, value in written.items()}


def _realtime(written: str | Options | Sequence[str | Options]) -> dict[str, Any] | None:
    """The voice of a model that hears and speaks itself; of several the first one's."""
    models = [written] if isinstance(written, str | Mapping) else written
    voices = [one["voice"] for one in models if isinstance(one, Mapping) and "voice" in one and speaks_itself(one)]
    return {"voice": voices[0]} if voices else None


def _recording_dir(written: bool | Options | None, folder: str) -> str | None:
    if not written:
        return None
    return _path(folder, written["dir"] if isinstance(written, Mapping) else RECORDINGS)


def _background(written: str | Options | None, folder: str) -> dict[str, Any] | None:
    if written is None:
        return None
    options = {"file": written} if isinstance(written, str) else written
    return {"volume": VOLUME, **options, "file": _path(folder, options["file"])}
