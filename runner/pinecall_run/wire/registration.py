"""What a runner wants to have registered of one agent."""

from __future__ import annotations

from dataclasses import dataclass

from pinecall_run.wire.commands import AgentCreate, ChannelAdd


@dataclass(frozen=True, slots=True)
class Registration:
    """An agent and its channels, as frames."""

    create: AgentCreate
    channels: tuple[ChannelAdd, ...] = ()
