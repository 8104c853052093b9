"""Telephone calls, whoever carries them: for whom they are, whether they are taken, and those that we place."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pinecall_run.protocol.dials import NEVER_BEGAN
from pinecall_run.protocol.registry import Agent, Registry, normal_ref
from pinecall_run.transports.contract import AudioOutlet, Caller, PhoneSession
from pinecall_run.voice.sip_settings import is_address
from pinecall_run.wire import call_commands, commands, events, speech_events
from pinecall_run.wire.absent import UNSET

if TYPE_CHECKING:  # it needs this module's hub
    from pinecall_run.voice.call_reception import CallReception
    from pinecall_run.voice.capacity import Capacity

PHONE = "phone"

RINGING_SECONDS = 5.0
"""How long a runner may think about a call that rings; then it is taken (protocol 1.3)."""

BUSY, SERVER_FULL = "busy", "server full"

GAVE_UP = "hangup"
"""Why a call that rang is over, where the caller had enough of waiting."""

FAILED = "failed"
"""Why a call that we placed never began, where nothing better is known."""

_OWN = frozenset((*commands.CONFIGURATION_KEYS, "turn_detection", "vad"))

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_FORMATTING = re.compile(r"[\s().-]")

Verdict = str | call_commands.CallForward
"""What becomes of a call that rings: it is taken (empty), turned away with a reason, or handed on."""

NO_CARRIER = "this voice server places no calls: nothing here carries them (docs/channels/twilio.md)"


Decision = call_commands.CallAccept | call_commands.CallReject | call_commands.CallForward
"""What a runner answers."""


class Carrier(Protocol):
    """Somebody who carries calls to and from telephones."""

    def serves(self, ref: str) -> bool:
        """Whether an address is of the kind that it can have."""
        ...

    def missing(self) -> str:
        """What it lacks to carry calls, in one sentence; empty where it can."""
        ...

    def notes(self, ref: str) -> list[str]:
        """What does not work of calls to and from an address that it has, a sentence each."""
        ...

    def dial(self, agent: Agent, command: call_commands.CallDial) -> None:
        """Place a call; what comes of it is told to the agent's runner."""

    def cancel(self, connection: str, call_id: str) -> None:
        """Take a call back that is being placed for a runner's agent; nothing where there is no such call."""
        ...


class PhoneDesk:
    """Where carriers and runners meet. ``tell`` sends an event to a connection."""

    def __init__(
        self,
        registry: Registry,
        calls: CallReception,
        tell: Callable[[str, events.Event], bool],
        capacity: Capacity,
    ) -> None:
        self.carriers: list[Carrier] = []
        self._registry = registry
        self._calls = calls
        self._tell = tell
        self._capacity = capacity
        self._ringing: dict[str, tuple[str, asyncio.Future[Verdict]]] = {}

    # calls that come in

    def answering(self, to: str, from_: str) -> Agent | None:
        """Who answers a call."""
        return self._registry.answering(PHONE, to, from_)

    async def screen(self, agent: Agent, call_id: str, *, from_: str, to: str) -> Verdict:
        """What becomes of a call that rings. It is turned away where its number calls too often, or there is no room
        and nothing to say of it; else the runner decides, who is asked where the channel says so."""
        if not self._capacity.may_call(agent, from_):
            return BUSY
        full = self._capacity.full(agent, (PHONE, to), is_spoken=True)
        if full is not None and not full.words:
            self._capacity.turned_away(agent, full)
            return SERVER_FULL if full.whose == "server" else BUSY
        channel = agent.channels.get((PHONE, normal_ref(PHONE, to)))
        if channel is None or channel.options.get("ringing") is not True or call_id in self._ringing:
            return ""
        decided: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._ringing[call_id] = agent.agent_id, decided
        ids = {"agent_id": agent.agent_id, "call_id": call_id}
        self._tell(agent.connection, speech_events.CallRinging(**ids, from_=from_, to=to))
        try:
            async with asyncio.timeout(RINGING_SECONDS):
                verdict = await decided
        except TimeoutError:
            return ""
        finally:
            del self._ringing[call_id]
        if verdict and isinstance(verdict, str):
            self._tell(agent.connection, speech_events.CallRejected(**ids, reason=verdict))
        return verdict

    def decide(self, connection: str, command: Decision) -> None:
        """A runner's answer; the first one counts."""
        agent_id, _ = self._ringing.get(command.call_id, ("", None))
        agent = self._registry.agents.get(agent_id)
        if agent is None or agent.connection != connection:
            return
        match command:
            case call_commands.CallForward():
                self._hand_on(agent_id, command)
            case call_commands.CallReject(reason=reason):
                self._settle(command.call_id, reason)
            case _:
                self._settle(command.call_id, "")

    def _hand_on(self, agent_id: str, command: call_commands.CallForward) -> None:
        if _is_callable(dialable(command.to)):
            self._settle(command.call_id, command)
        else:
            self.not_forwarded(agent_id, f"{command.to} is no number: write it as +15551234567, or as a SIP address")

    def forwarded(self, agent_id: str, command: call_commands.CallForward) -> None:
        """A call that rang was handed on."""
        ids = {"agent_id": agent_id, "call_id": command.call_id}
        self.tell(agent_id, speech_events.CallForwarded(**ids, to=command.to))

    def not_forwarded(self, agent_id: str, why: str) -> None:
        """A call could not be handed on; it stays as it is."""
        # Without the agent's name: an error that has it is about its registration.
        sentence = f"the call could not be forwarded: {why}"
        self.tell(agent_id, events.Error(code="FORWARD_FAILED", error=sentence))

    def gave_up(self, call_id: str) -> None:
        """The caller is gone; if it rang, it does no longer."""
        self._settle(call_id, GAVE_UP)

    def _settle(self, call_id: str, verdict: Verdict) -> None:
        _, decided = self._ringing.get(call_id, ("", None))
        if decided is not None and not decided.done():
            decided.set_result(verdict)

    def no_room(self, agent: Agent, to: str) -> str:
        """What a caller is to be told by their carrier, because there is no room and the agent has no voice here to
        say it; empty where a conversation can begin, or the agent speaks."""
        full = self._capacity.full(agent, (PHONE, to), is_spoken=True)
        if full is None or self._calls.can_speak(agent, (PHONE, to)):
            return ""
        self._capacity.turned_away(agent, full)
        return full.words

    def begin(self, agent: Agent, call_id: str, outlet: AudioOutlet, caller: Caller) -> PhoneSession:
        """The conversation of a call that was taken.

        Raises:
            BusyError: there is no room, and nothing can be said of it.
            NotAdmittedError: the agent cannot hear or speak.
        """
        return self._calls.begin(agent, call_id, outlet, caller)

    # calls that go out

    def missing(self, ref: str) -> str:
        """What calls to and from an address lack here, in one sentence; empty where they are carried."""
        wanting = [carrier.missing() for carrier in self.carriers if carrier.serves(ref)]
        return "" if "" in wanting else next(iter(wanting), "this voice server does not carry calls of SIP addresses")

    def notes(self, ref: str) -> list[str]:
        """What does not work of calls to and from an address that are carried."""
        able = (carrier for carrier in self.carriers if carrier.serves(ref) and not carrier.missing())
        return next((carrier.notes(ref) for carrier in able), [])

    def dial(self, connection: str, command: call_commands.CallDial) -> None:
        """Place a call for a runner."""
        agent = self._registry.agents.get(command.agent_id)
        to = dialable(command.to)
        carrier = next((each for each in self.carriers if each.serves(command.from_) and not each.missing()), None)
        if agent is None or agent.connection != connection:
            error = f"{command.agent_id} is not registered on this connection", "AGENT_NOT_REGISTERED"
        elif carrier is None:
            error = self.missing(command.from_) or NO_CARRIER, "NO_TRANSPORT"
        elif not _is_callable(to):
            error = f"{command.to} is no number that can be called: write it as +15551234567", "INVALID_NUMBER"
        elif (error := self._capacity.may_dial(agent, (PHONE, command.from_), to)) == ("", ""):
            carrier.dial(agent, command)
            return
        told = {"agent_id": command.agent_id, "to": command.to, "error": error[0], "code": error[1]}
        self._tell(connection, speech_events.CallError(**told))

    def hang_up(self, connection: str, call_id: str) -> None:
        """Take a call back that is being placed; nothing where a runner has none of this id."""
        for carrier in self.carriers:
            carrier.cancel(connection, call_id)

    def dialing(self, command: call_commands.CallDial, call_id: str) -> None:
        """A call is on its way to the other side, and has a name by which it can be taken back."""
        ids = {"agent_id": command.agent_id, "call_id": call_id}
        self.tell(command.agent_id, speech_events.CallDialing(**ids, to=command.to, from_=command.from_))

    def not_placed(self, command: call_commands.CallDial, error: str, code: str, call_id: str | None = None) -> None:
        """A call could not be placed, or failed in a way that needs words."""
        agent_id, call = command.agent_id, UNSET if call_id is None else call_id
        self._capacity.dial_is_over(agent_id, (PHONE, command.from_))
        about = speech_events.CallError(agent_id=agent_id, to=command.to, error=error, code=code, call_id=call)
        self.tell(agent_id, about)

    def not_taken(self, command: call_commands.CallDial, call_id: str, reason: str) -> None:
        """Nobody took a call that was placed."""
        agent_id, why = command.agent_id, reason if reason in NEVER_BEGAN else FAILED
        self._capacity.dial_is_over(agent_id, (PHONE, command.from_))
        self.tell(agent_id, events.CallEnded(agent_id=agent_id, call_id=call_id, session_id=call_id, reason=why))

    def is_of(self, agent_id: str, connection: str) -> bool:
        """Whether a connection holds an agent."""
        agent = self._registry.agents.get(agent_id)
        return agent is not None and agent.connection == connection

    # agents

    def agent(self, agent_id: str) -> Agent | None:
        """An agent that is registered."""
        return self._registry.agents.get(agent_id)

    def tell(self, agent_id: str, event: events.Event) -> None:
        """An event for whoever holds an agent now."""
        agent = self._registry.agents.get(agent_id)
        if agent is not None:
            self._tell(agent.connection, event)


def _is_callable(address: str) -> bool:
    return _NUMBER.fullmatch(address) is not None or is_address(address)


def dialable(address: str) -> str:
    """A number without what people write between its digits; of a SIP address the scheme in lower case."""
    if not is_address(address):
        return _FORMATTING.sub("", address)
    scheme, _, rest = address.partition(":")
    return f"{scheme.lower()}:{rest}"


def placed(command: call_commands.CallDial, **known: Any) -> dict[str, Any]:
    """What is known of the other side of a call that we placed: fields of :class:`Caller`. ``known`` goes into its
    metadata."""
    metadata = dict(command.metadata) if isinstance(command.metadata, dict) else {}
    return {
        "config": configured(command),
        "metadata": {**metadata, **known},
        "from_": command.from_,
        "to": command.to,
        "channel": (PHONE, command.from_),
        "direction": "outbound",
        "greets_later": command.detect_turn_end,
    }


def configured(command: call_commands.CallDial) -> dict[str, Any]:
    """What a call that we place overrides of its agent's configuration."""
    own = command.config if isinstance(command.config, dict) else {}
    known = {key: value for key, value in own.items() if key in _OWN}
    return known if command.greeting is UNSET else {**known, "greeting": command.greeting}
