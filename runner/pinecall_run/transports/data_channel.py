"""The data channel ``events`` of a browser call (protocol: data channel): what happens, and what the page asks for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aiortc import InvalidStateError, RTCDataChannel, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import DataChunk

from pinecall_run.transports._allowance import Allowance
from pinecall_run.transports.chat import MAX_TEXT
from pinecall_run.wire.codec import object_from_json, to_json
from pinecall_run.wire.events import CallEvent

_LOG = logging.getLogger("pinecall_run.transports")

LABEL = "events"

MAX_MESSAGE = 32_768
"""Characters of one message of a page."""

MAX_CHANNELS = 8
"""A page needs one."""

MAX_PIECES = 500
"""Packets of data that may wait for one before them, or for the rest of their message: aiortc keeps all that come, and
looks at each again whenever one does."""

EARLY = 1_000
"""Events kept until the page has opened the channel; the oldest are dropped."""

MAX_BUFFERED = 1_000_000
"""Bytes waiting for a page that does not read; beyond that its call ends."""

CLOSE_SECONDS = 1.5
"""Long enough for what was lost to be sent a second time (SCTP waits for a second at first)."""

MAY_CONFIGURE = frozenset({"voice", "language", "stt", "tts", "greeting", "flash"})
"""What a page may set, at the offer and later."""

RESULTS = frozenset({"llm.tool_result", "llm.chat.tool_result"})
"""Events for developers only."""

Action = dict[str, Any]


def allowed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a page's configuration that it may set; what is left out is logged by its keys."""
    dropped = sorted(config.keys() - MAY_CONFIGURE)
    if dropped:
        names = ", ".join(repr(key[:40]) for key in dropped[:10])
        _LOG.warning("a page may not configure %s: left out", names)
    return {key: value for key, value in config.items() if key in MAY_CONFIGURE}


def _bare(action: Action) -> Action | None:
    return {"action": action["action"]}


def _configure(action: Action) -> Action | None:
    config = allowed({key: value for key, value in action.items() if key != "action"})
    return {"action": "configure", **config} if config else None


def _inject_text(action: Action) -> Action | None:
    text = action.get("text")
    return {"action": "inject_text", "text": text} if isinstance(text, str) and 0 < len(text) <= MAX_TEXT else None


def _set_context(action: Action) -> Action | None:
    key, value = action.get("key"), action.get("value")
    if not isinstance(key, str) or len(key) + len(to_json(value)) > MAX_TEXT:
        return None
    return {"action": "set_context", "key": key, "value": value}


_ACTIONS: dict[str, Callable[[Action], Action | None]] = {
    "mute": _bare,
    "unmute": _bare,
    "configure": _configure,
    "inject_text": _inject_text,
    "set_context": _set_context,
}


def read_action(message: object) -> Action | None:
    """The action in a message, with its own fields only; ``None`` where there is none that we know."""
    if not isinstance(message, str) or len(message) > MAX_MESSAGE:
        return None
    action = object_from_json(message) or {}
    name = action.get("action")
    read = _ACTIONS.get(name) if isinstance(name, str) else None
    return read(action) if read else None


class BoundedSctp(RTCSctpTransport):
    """The association that channels are made of. ``on_overrun`` is called when the page sends pieces without end."""

    def __init__(self, transport: RTCDtlsTransport, on_overrun: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_overrun = on_overrun

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        is_known = chunk.stream_id in self._inbound_streams
        if (
            (not is_known and len(self._inbound_streams) >= MAX_CHANNELS)
            or (is_known and len(self._inbound_streams[chunk.stream_id].reassembly) >= MAX_PIECES)
            or len(self._sack_misordered) >= MAX_PIECES
        ):
            self._on_overrun()
        else:
            await super()._receive_data_chunk(chunk)


class EventsChannel:
    """One call's channel, from before the page opens it. ``on_overrun`` is called when the page reads too slowly or
    opens too many."""

    def __init__(self, on_overrun: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.ignored = 0
        self._opened = 0
        self._allowance = Allowance(clock)
        self._on_overrun = on_overrun
        self._act: Callable[[Action], None] = lambda action: None
        self._shows_results = False
        self._early: deque[str] = deque(maxlen=EARLY)
        self._channel: RTCDataChannel | None = None
        self._is_closed = asyncio.Event()

    def begin(self, act: Callable[[Action], None], *, shows_results: bool) -> None:
        """Who acts on what the page asks for, and whether it may see tools' results."""
        self._act = act
        self._shows_results = shows_results

    def open(self, channel: RTCDataChannel) -> None:
        """The page opened a channel; only the first of its name counts."""
        self._opened += 1
        if self._opened > MAX_CHANNELS:
            self._on_overrun()
        if channel.label != LABEL or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self.receive)
        channel.on("close", self._is_closed.set)
        while self._early:
            self._send(self._early.popleft())

    def event(self, event: CallEvent) -> None:
        """Something happened."""
        if self._shows_results or event.__struct_config__.tag not in RESULTS:
            self._send(to_json(event).decode())

    def receive(self, message: object) -> None:
        """The page sent something. A ``ping`` is answered by a frame, which a page that reads JSON can read too."""
        if not self._allowance.take():
            self.ignored += 1
            return
        if message == "ping":
            self._send('{"event":"pong"}')
            return
        action = read_action(message)
        if action is None:
            self.ignored += 1
            return
        try:
            self._act(action)
        except Exception as error:  # noqa: BLE001 - it would end the task that reads for the whole call
            _LOG.error("what a page asked for failed: %s", type(error).__name__)

    async def close(self) -> None:
        """Deliver what was sent, then close: the other side confirms that."""
        if self._channel is None or self._channel.readyState != "open":
            return
        self._channel.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._is_closed.wait()

    def _send(self, text: str) -> None:
        if self._channel is None:
            self._early.append(text)
            return
        try:
            self._channel.send(text)
        except InvalidStateError:
            return  # it is closing
        except ValueError:
            _LOG.warning("an event of %d characters is more than the page takes: left out", len(text))
        if self._channel.bufferedAmount > MAX_BUFFERED:
            self._on_overrun()
