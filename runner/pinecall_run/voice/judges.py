"""Who says whether callers have finished: a model for each file that is named, loaded when a call wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pinecall_run.voice.failure import described
from pinecall_run.voice.smart_turn import SmartTurn, SmartTurnError

if TYPE_CHECKING:
    from pinecall_run.voice.caller_side import Judge

_LOG = logging.getLogger("pinecall_run.voice")


@dataclass(eq=False, slots=True)
class _Shared:
    """The model of a file as it was at one time; ``None`` where it cannot be used."""

    changed: int
    model: asyncio.Future[SmartTurn | None]
    waiting: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether no call has it, or waits for it."""
        if self.waiting or not self.model.done():
            return False
        model = self.model.result()
        return model is None or not model.calls

    async def close(self) -> None:
        model = await self.model
        if model is not None:
            await model.close()


class Judges:
    """What the calls of a server share. ``load`` may block, and runs in a thread."""

    def __init__(self, load: Callable[[str], SmartTurn] = SmartTurn) -> None:
        self._load = load
        self._models: dict[str, _Shared] = {}
        self._replaced: list[_Shared] = []

    async def open(self, model_file: str, on_verdict: Callable[[float], None]) -> Judge | None:
        """Who judges one call, see :meth:`SmartTurn.open`; ``None``, and one line of the log for the file, where the
        model cannot be used. A file that was changed is another model, for the calls from now on."""
        await self._let_go()
        shared = self._shared(model_file)
        shared.waiting += 1
        try:
            # A call may end while it waits; others may wait, too.
            model = await asyncio.shield(shared.model)
            return None if model is None else model.open(on_verdict)
        finally:
            shared.waiting -= 1

    async def close(self) -> None:
        """Let go of all models. To be called when the calls are over."""
        await asyncio.gather(*(shared.close() for shared in (*self._replaced, *self._models.values())))

    async def _let_go(self) -> None:
        """Close the models of files as they were, where the calls that began with them are over."""
        idle = [shared for shared in self._replaced if shared.is_idle]
        self._replaced = [shared for shared in self._replaced if shared not in idle]
        await asyncio.gather(*(shared.close() for shared in idle))

    def _shared(self, file: str) -> _Shared:
        shared, changed = self._models.get(file), _changed(file)
        if shared is None or shared.changed != changed:
            if shared is not None:
                self._replaced.append(shared)
            loaded = asyncio.get_running_loop().run_in_executor(None, self._loaded, file)
            shared = self._models[file] = _Shared(changed, loaded)
        return shared

    def _loaded(self, file: str) -> SmartTurn | None:
        try:
            return self._load(file)
        except SmartTurnError as error:
            _LOG.error("turns end by silence: %s", error)
        except Exception as error:  # noqa: BLE001 - calls do without it
            _LOG.error("turns end by silence, the turn model failed: %s", described(error))
        return None


def _changed(file: str) -> int:
    try:
        return Path(file).stat().st_mtime_ns
    except OSError:
        return 0
