"""When a server has answered everything that a runner wants to have registered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pinecall_run.deploy.deployment import Deployment
from pinecall_run.live import notices

SETTLE_SECONDS = 5.0
"""How long to wait for a server to answer every registration before going on without."""


class Settling:
    """Knows from a runner's notices when every agent and channel was answered."""

    def __init__(self, deployment: Deployment, then: Callable[[notices.Notice], None]) -> None:
        self.unserved: dict[str, list[str]] = {}
        self.notes: dict[str, list[str]] = {}
        """By agent, what the server says of how its calls will be heard and spoken; each sentence once."""
        self.refused: list[str] = []
        self.done = asyncio.Event()
        self._then = then
        self._channels = {name: len(r.channels) for name, r in deployment.registrations.items()}

    def __call__(self, notice: notices.Notice) -> None:
        """Take note, and pass it on."""
        match notice:
            case notices.ChannelUp(agent, type, ref, served, notes):
                self._channels[agent] = self._channels.get(agent, 0) - 1
                known = self.notes.setdefault(agent, [])
                known += [note for note in notes if note not in known]
                if not served:
                    self.unserved.setdefault(agent, []).append(ref or type)
            case notices.ChannelRefused(agent):
                self._channels[agent] = self._channels.get(agent, 0) - 1
            case notices.AgentRefused(agent, _, None):
                self.refused.append(agent)
                self._channels[agent] = 0
            case notices.StandingBy(agent):
                self._channels[agent] = 0  # they come with the agent, whenever that is
        if all(left <= 0 for left in self._channels.values()):
            self.done.set()
        self._then(notice)

    async def wait(self) -> None:
        """Until everything was answered, or long enough."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self.done.wait()
        except TimeoutError:
            return
