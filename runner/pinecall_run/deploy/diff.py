"""From what is registered to what should be: an ordered plan of commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import (
    ONLY_ADDED,
    AgentConfigure,
    AgentRemove,
    ChannelAdd,
    ChannelConfigure,
    ChannelRemove,
    Command,
)
from pinecall_run.wire.registration import Registration

Registrations = Mapping[str, Registration]


@dataclass(frozen=True, slots=True)
class Action:
    """One step, and the agent that it is about."""

    command: Command
    agent: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps from one set of registrations to another, in order: what is freed comes before what is claimed."""

    before: Registrations
    after: Registrations
    actions: tuple[Action, ...]

    def flipped(self) -> Plan:
        """The way back."""
        return plan(self.after, self.before)


def plan(before: Registrations, after: Registrations) -> Plan:
    """The actions that lead from ``before`` to ``after``."""
    actions = [*_removals(before, after), *_channel_removals(before, after), *_additions(before, after)]
    return Plan(before, after, tuple(actions))


def _removals(before: Registrations, after: Registrations) -> Iterator[Action]:
    for name in before:
        if name in after:
            continue
        for channel in before[name].channels:  # for servers that do not know agent.remove
            yield _channel_removal(name, channel)
        yield Action(AgentRemove(agent_id=name), name)


def _channel_removals(before: Registrations, after: Registrations) -> Iterator[Action]:
    for name, had in before.items():
        if name not in after:
            continue
        kept = {_key(channel) for channel in after[name].channels}
        for channel in had.channels:
            if _key(channel) not in kept:
                yield _channel_removal(name, channel)


def _additions(before: Registrations, after: Registrations) -> Iterator[Action]:
    for name, wanted in after.items():
        had = before.get(name)
        if had is None:
            yield Action(wanted.create, name)
            continue
        changes = _changes(had.create.configuration(), wanted.create.configuration())
        if changes:
            yield Action(AgentConfigure(agent_id=name, **changes), name)
        yield from _channel_changes(name, had, wanted)


def _channel_changes(name: str, had: Registration, wanted: Registration) -> Iterator[Action]:
    known = {_key(channel): channel for channel in had.channels}
    for channel in wanted.channels:
        old = known.get(_key(channel))
        if old is None:
            yield Action(channel, name)
        elif old != channel:
            changes = _changes(old.configuration(), channel.configuration())
            must_be_added = _only_added(old) != _only_added(channel)
            command: Command = (
                channel if must_be_added else ChannelConfigure(agent_id=name, ref=_shown(channel), **changes)
            )
            yield Action(command, name)


def _channel_removal(name: str, channel: ChannelAdd) -> Action:
    command = ChannelRemove(agent_id=name, ref=_shown(channel), type=channel.type)
    return Action(command, name)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    gone = {key: None for key in old if key not in new}
    return {**gone, **{key: value for key, value in new.items() if old.get(key) != value}}


def _key(channel: ChannelAdd) -> tuple[str, Any]:
    return channel.type, None if channel.ref is UNSET else channel.ref


def _only_added(channel: ChannelAdd) -> tuple[Any, ...]:
    """What ``channel.configure`` cannot change."""
    return tuple(getattr(channel, name) for name in ONLY_ADDED)


def _shown(channel: ChannelAdd) -> str:
    """The address, or the type of what has none: also how commands name a channel."""
    return channel.ref if isinstance(channel.ref, str) else channel.type
