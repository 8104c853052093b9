"""What agents say while their tools take a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pinecall_run.config.model import Phrase
from pinecall_run.live.calls import LiveCall


@dataclass(slots=True)
class _Wait:
    """The time in which tools of one call that have a phrase run, one or several of them."""

    tools: int = 0
    is_said: bool = False


class Phrases:
    """Says phrases in time, in a running loop: one in each wait of a call, however many tools it waits for."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    @contextmanager
    def during(self, live: LiveCall, phrase: Phrase | None) -> Iterator[None]:
        """While a tool runs; its phrase is not said after that."""
        if phrase is None:
            yield
            return
        wait = self._waits.setdefault(live.call.id, _Wait())
        wait.tools += 1
        timer = asyncio.get_running_loop().call_later(phrase.after_ms / 1000, self._say, live, phrase, wait)
        try:
            yield
        finally:
            timer.cancel()
            wait.tools -= 1
            if not wait.tools:
                del self._waits[live.call.id]

    def _say(self, live: LiveCall, phrase: Phrase, wait: _Wait) -> None:
        if wait.is_said or live.is_over:
            return
        wait.is_said = True
        live.call.say(phrase.text, add_to_history=False)  # the model has not said it, and need not answer for it
