"""The offline ear: pocketsphinx with its English model, demo grade (docs/offline-voice.md has the numbers).

It comes with the extra ``pinecall-run[local]``. Each conversation is heard by a process of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pinecall_run.providers import grammar, number_words
from pinecall_run.providers._decoder import FINISH, PREPARE, SOUND
from pinecall_run.providers._decoders import Decoder, Pool
from pinecall_run.providers.contracts import (
    Heard,
    HearingStream,
    ProviderError,
    SpeechSpec,
    SpeechToText,
    Transcript,
)

if TYPE_CHECKING:
    from pinecall_run.audio.chunk import Samples

_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()
"""Their pipes belong to an event loop."""


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter. Options: ``grammar`` (JSGF, or a list of sentences in which ``<number>`` stands for a number) and
    ``keyterms``, of which it learns the words that its dictionary lacks.

    Raises:
        ProviderError: pocketsphinx is not installed, the language is not English, or an option cannot be used.
    """
    if find_spec("pocketsphinx") is None:  # it is imported in the processes only
        raise ModuleNotFoundError("No module named 'pocketsphinx'", name="pocketsphinx")
    if spec.language and spec.language.partition("-")[0].lower() != "en":
        message = f"the local ear hears English only, not `{spec.language}`"
        raise ProviderError(message, "choose a vendor for it", kind="request")
    rules = grammar.jsgf(spec.options.get("grammar"))
    keyterms = spec.options.get("keyterms") or []
    if not isinstance(keyterms, list) or not all(isinstance(term, str) for term in keyterms):
        raise ProviderError("`keyterms` is no list of texts", "write keyterms: [Acme, portero]")
    return LocalEar(rules, keyterms)


async def close() -> None:
    """End the processes of this event loop."""
    pool = _POOLS.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.close()


class LocalEar:
    """Hears English, with a grammar or without one."""

    has_turns = False

    def __init__(self, rules: str, keyterms: list[str]) -> None:
        words = {word for term in keyterms for word in grammar.plain_words(term)}
        self._asked = {"grammar": rules, "words": sorted(words.union(grammar.words(rules)))}

    async def open(self) -> HearingStream:
        """See :class:`SpeechToText`. Takes a second where no warm process is at hand."""
        pool = _POOLS.setdefault(asyncio.get_running_loop(), Pool())
        decoder = await pool.take()
        try:
            await self._prepare(decoder)
        except BaseException:
            await pool.give_back(decoder)
            raise
        return LocalHearing(pool, decoder)

    async def _prepare(self, decoder: Decoder) -> None:
        decoder.send(PREPARE, json.dumps(self._asked).encode())
        answer = await decoder.answer()
        if answer is None:
            raise ProviderError("the local ear's process ended over the grammar", "check `grammar`")
        if unknown := answer["unknown"]:
            names = "`, `".join(unknown)
            raise ProviderError(
                f"the local ear cannot pronounce `{names}`", "write other words in `grammar` and `keyterms`"
            )


class LocalHearing:
    """One person's sound on its way to text."""

    def __init__(self, pool: Pool, decoder: Decoder) -> None:
        self._pool = pool
        self._decoder = decoder
        self._is_closed = False

    def hear(self, chunk: Samples) -> None:
        """See :class:`HearingStream`."""
        self._decoder.send(SOUND, chunk.astype("<i2", copy=False).tobytes())

    def finish(self) -> None:
        """See :class:`HearingStream`."""
        self._decoder.send(FINISH)

    async def heard(self) -> AsyncIterator[Heard]:
        """See :class:`HearingStream`. Numbers come as digits: "order 1001"."""
        while (answer := await self._decoder.answer()) is not None:
            text = number_words.with_digits(answer["text"])
            yield Transcript(text, answer["is_final"], answer.get("confidence", 1.0), "en")
        if not self._is_closed:
            raise ProviderError("the local ear's process ended in the middle of a conversation")

    async def close(self) -> None:
        """See :class:`HearingStream`."""
        self._is_closed = True
        await self._pool.give_back(self._decoder)
