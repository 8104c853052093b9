"""What is different between two deployments, for people: of which agent, and from when on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.deploy.deployment import Deployment
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import ONLY_ADDED, ChannelAdd
from pinecall_run.wire.digest import digest, parts
from pinecall_run.wire.registration import Registration

NEXT_CALL, REGISTER = "next call", "re-register"

CREDENTIALS, CODE = "credentials", "code"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``effect`` is one of :data:`pinecall_run.config.reloads.WORDS`."""

    agent: str
    what: str
    effect: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What an agent is made of: values, or hashes of them, by the names that people know them by."""

    keys: Mapping[str, Any]
    channels: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """By type and address."""


def shapes(deployment: Deployment) -> dict[str, Shape]:
    """The agents of a deployment, with what of them is known to the runner alone."""
    found = {}
    for name, agent in deployment.agents.items():
        shape, unseen = shape_of(agent.described()), agent.unseen()
        if unseen:  # it has functions of the project
            unseen |= {CODE: deployment.code, "lifespan": deployment.config.lifespan}
        found[name] = Shape({**shape.keys, **unseen}, shape.channels)
    return found


def shape_of(registration: Registration) -> Shape:
    """What the server is told of an agent."""
    keys = {_known_as(key): value for key, value in parts(registration.create.configuration()).items()}
    return Shape(keys, {_key(channel): _options(channel) for channel in registration.channels})


def served_shapes(deployment: Deployment) -> dict[str, Shape]:
    """What a server would be told of each agent, as hashes: compares with :func:`listed_shape`."""
    return {name: _hashed(shape_of(registration)) for name, registration in deployment.registrations.items()}


def listed_shape(config: Any) -> Shape | None:
    """What a server says of an agent (``GET /api/sdk/agents?include_config=1``), if it says it."""
    match config:
        case {"keys": dict(keys), "channels": list(channels)}:
            return Shape(
                {_known_as(key): value for key, value in keys.items()},
                {
                    (each["type"], each.get("ref") or ""): {
                        _known_as(key): value for key, value in each["keys"].items()
                    }
                    for each in channels
                },
            )
    return None


def _known_as(key: str) -> str:
    """What people call a key of the wire."""
    return _NAMES.get(key, key.removeprefix("config.").removeprefix("media."))


_NAMES = {
    "llm": "model",
    "preparing": "prompt of each call",
    "config.recording_dir": "folder of recordings",
}


def _hashed(shape: Shape) -> Shape:
    channels = {key: {name: digest(value) for name, value in of.items()} for key, of in shape.channels.items()}
    return Shape({key: digest(value) for key, value in shape.keys.items()}, channels)


def changes(before: Mapping[str, Shape], after: Mapping[str, Shape], effects: Mapping[str, str]) -> list[Change]:
    """The differences, agent by agent; ``effects`` says of an agent's keys when a change of them takes effect."""
    found = [Change(name, "agent removed", REGISTER) for name in before if name not in after]
    for name, wanted in after.items():
        had = before.get(name)
        if had is None:
            found.append(Change(name, "agent added", REGISTER))
            had = Shape({}, {})
        else:
            found += _of_keys(name, had, wanted, effects)
        found += _of_channels(name, had, wanted)
    return found


def _of_keys(name: str, had: Shape, wanted: Shape, effects: Mapping[str, str]) -> Iterator[Change]:
    by_effect: dict[str, list[str]] = {}
    for key in _different(had.keys, wanted.keys):
        by_effect.setdefault(effects.get(key, NEXT_CALL), []).append(key)
    for effect, keys in by_effect.items():
        yield Change(name, ", ".join(keys), effect)


def _of_channels(name: str, had: Shape, wanted: Shape) -> Iterator[Change]:
    for key in had.channels:
        if key not in wanted.channels:
            yield Change(name, f"{_shown(key)} removed", REGISTER)
    for key, options in wanted.channels.items():
        if key not in had.channels:
            yield Change(name, f"{_shown(key)} added", REGISTER)
        elif keys := _different(had.channels[key], options):
            yield Change(name, f"{_shown(key)}: {', '.join(keys)}", NEXT_CALL)


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in {**new, **old} if key not in old or key not in new or old[key] != new[key]]


def _key(channel: ChannelAdd) -> tuple[str, str]:
    return channel.type, channel.ref if isinstance(channel.ref, str) else ""


def _options(channel: ChannelAdd) -> dict[str, Any]:
    given = {name: value for name in ONLY_ADDED if (value := getattr(channel, name)) is not UNSET}
    keys = {_known_as(key): value for key, value in parts(channel.configuration()).items()}
    return {**keys, **({CREDENTIALS: given} if given else {})}


def _shown(key: tuple[str, str]) -> str:
    """The address, or the type of what has none."""
    return key[1] or key[0]
