"""A conversation by ``llm.chat`` from a terminal's own socket (protocol: chat, requester's events)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pinecall_run.transports.contract import TextSession
from pinecall_run.wire import events


class TerminalOutlet:
    """Writes a conversation to the socket that sent ``llm.chat``."""

    def __init__(self, tell: Callable[[events.Event], bool], agent_id: str, session_id: str) -> None:
        self._tell = tell
        self._agent_id = agent_id
        self._session_id = session_id
        self._session: TextSession | None = None
        self.is_over = False

    def begin(self, session: TextSession, *, is_owner: bool) -> None:
        """The conversation is there. The agent's own connection hears that from the conversation itself, once."""
        self._session = session
        if not is_owner:
            self._send(events.ChatStarted, model="")

    def post(self, text: str) -> None:
        """The person typed ``text``."""
        if self._session is not None:
            self._session.post(text)

    def leave(self) -> None:
        """The terminal's socket closed."""
        if self._session is not None:
            self._session.end("disconnected")

    def token(self, text: str) -> None:
        self._send(events.TerminalToken, token=text, text=text)

    def done(self, text: str, *, is_asked: bool = True) -> None:
        self._send(events.TerminalDone, text=text)

    def tool_calls(self, calls: Sequence[events.ToolCall]) -> None:
        self._send(events.TerminalToolCall, tool_calls=list(calls))

    def tool_results(self, results: Sequence[events.NamedResult]) -> None:
        for result in results:
            self._send(
                events.TerminalToolResult,
                result=result.result,
                tool_call_id=result.tool_call_id,
                name=result.name,
            )

    def error(self, sentence: str, *, is_refusal: bool = False) -> None:
        self._send(events.ChatError, error=sentence)

    def ended(self, reason: str) -> None:
        self.is_over = True

    def _send(self, kind: type[events.CallEvent], **fields: Any) -> None:
        self._tell(kind(agent_id=self._agent_id, call_id=self._session_id, session_id=self._session_id, **fields))
