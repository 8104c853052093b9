"""The offline ear, with callers that are not the agent's voice, and with processes that die."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pocketsphinx")

from tests.providers._callers import chunks, errors, needs_flite, resampled, said

from pinecall_run.audio.chunk import RATE, SILENCE, Samples
from pinecall_run.providers import _decoders, local_ear
from pinecall_run.providers.contracts import Audio, Heard, HearingStream, ProviderError, SpeechSpec, Transcript
from pinecall_run.providers.local_ear import LocalEar, close, open_stt

GRAMMAR = ["where is order <number>", "my order number is <number>", "i want to return a broken lamp", "thank you"]
WAIT = 30


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await close()


def ear(**options: Any) -> LocalEar:
    opened = open_stt(SpeechSpec("local", "", "en", options), {})
    assert isinstance(opened, LocalEar)
    return opened


def pid(stream: HearingStream) -> int:
    process: asyncio.subprocess.Process = stream._decoder._process  # type: ignore[attr-defined]
    return process.pid


async def all_of(stream: HearingStream) -> list[Heard]:
    return [heard async for heard in stream.heard()]


async def understood(stream: HearingStream, samples: Samples, before: float = 0.3) -> list[Transcript]:
    """What was heard of a sentence, up to what is final."""
    for chunk in chunks(samples, before):
        stream.hear(chunk)
        await asyncio.sleep(0)
    stream.finish()
    heard = []
    async with asyncio.timeout(WAIT):
        async for transcript in stream.heard():
            assert isinstance(transcript, Transcript)
            heard.append(transcript)
            if transcript.is_final:
                break
    return heard


@needs_flite
async def test_a_caller_is_understood_word_by_word_and_then_for_good() -> None:
    assert not ear().has_turns
    stream = await ear().open()
    heard = await understood(stream, said("can you check the status of my order"))
    assert errors("can you check the status of my order", heard[-1].text) <= 1
    assert [transcript.is_final for transcript in heard] == [*[False] * (len(heard) - 1), True]
    texts = [transcript.text for transcript in heard[:-1]]
    assert 3 <= len(texts) <= 15
    assert all(one != other for one, other in pairwise(texts))
    assert 0.1 < heard[-1].confidence <= 1
    heard = await understood(stream, said("the package has not arrived yet"), before=4)
    assert errors("the package has not arrived yet", heard[-1].text) <= 1
    await stream.close()


@needs_flite
@pytest.mark.parametrize("caller", ["kal", "slt", "rms", "awb"])
async def test_with_a_grammar_numbers_come_as_digits(caller: str) -> None:
    stream = await ear(grammar=GRAMMAR).open()
    assert (await understood(stream, said("where is order one thousand and one", caller)))[-1].text == (
        "where is order 1001"
    )
    heard = await understood(stream, said("my order number is one thousand and two", caller))
    assert heard[-1].text == "my order number is 1002"
    assert heard[-1].confidence > 0.7
    await stream.close()


async def test_the_offline_ear_mostly_understands_a_sentence_of_the_grammar_in_the_offline_voice() -> None:
    """That voice is never twice the same: it trembles. It is at the edge of what this ear takes for the grammar's."""
    pytest.importorskip("espeakng_loader")
    from pinecall_run.providers import local_voice

    voice = local_voice.open_tts(SpeechSpec("local", language="en"), {})
    stream = await ear(grammar=GRAMMAR).open()
    texts = []
    for _ in range(5):
        spoken = [piece async for piece in voice.speak("I want to return a broken lamp.", "a")]
        sound = np.concatenate([piece.samples for piece in spoken if isinstance(piece, Audio)])
        texts.append((await understood(stream, resampled(sound, voice.rate)))[-1].text)
    await local_voice.close()
    await stream.close()
    assert texts.count("i want to return a broken lamp") >= 3, texts


@needs_flite
async def test_what_the_grammar_does_not_hold_is_heard_without_it() -> None:
    stream = await ear(grammar=["where is order <number>", "i want to return a broken lamp"]).open()
    heard = await understood(stream, said("the package has not arrived yet"))
    assert errors("the package has not arrived yet", heard[-1].text) <= 1
    heard = await understood(stream, said("where is order twenty five"))
    assert heard[-1].text == "where is order 25"
    await stream.close()


@needs_flite
async def test_keyterms_are_learnt() -> None:
    pytest.importorskip("espeakng_loader")
    stream = await ear(keyterms=["Portero", "Acme"]).open()
    assert "portero" in (await understood(stream, said("please call the portero")))[-1].text
    await stream.close()


@needs_flite
async def test_silence_says_nothing_and_costs_nothing() -> None:
    stream = await ear().open()
    for _ in range(3):
        heard = await understood(stream, np.zeros(10 * RATE, np.int16))
        assert [transcript.text for transcript in heard] == [""], "whoever asked is told that there was nothing"
    assert "thank" in (await understood(stream, said("thank you very much")))[-1].text
    await stream.close()


async def test_a_process_that_dies_is_an_error_of_its_own_stream_only() -> None:
    one, other = await asyncio.gather(ear().open(), ear().open())
    os.kill(pid(one), signal.SIGKILL)
    with pytest.raises(ProviderError, match="ended in the middle"):
        await asyncio.wait_for(all_of(one), WAIT)
    for _ in range(50):
        one.hear(SILENCE)
    one.finish()
    other.hear(SILENCE)
    os.kill(pid(other), 0)
    await one.close()
    await other.close()


async def test_closing_ends_the_process_and_whoever_listens() -> None:
    stream = await ear().open()
    listening = asyncio.create_task(all_of(stream))
    await asyncio.sleep(0.05)
    await asyncio.gather(stream.close(), stream.close())
    async with asyncio.timeout(WAIT):
        assert await listening == []
    await stream.close()
    stream.hear(SILENCE)
    stream.finish()
    with pytest.raises(ProcessLookupError):
        os.kill(pid(stream), 0)


async def test_a_process_is_warm_for_the_next_and_gone_after_closing() -> None:
    first = await ear().open()
    pool = local_ear._POOLS[asyncio.get_running_loop()]
    assert pool._spare is not None
    spare = await pool._spare
    second = await ear().open()
    assert pid(second) == spare._process.pid
    os.kill(spare._process.pid, signal.SIGKILL)
    await close()
    for stream in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid(stream), 0)


async def test_a_spare_that_died_is_replaced() -> None:
    await (await ear().open()).close()
    pool = local_ear._POOLS[asyncio.get_running_loop()]
    assert pool._spare is not None
    spare = await pool._spare
    os.kill(spare._process.pid, signal.SIGKILL)
    await spare._process.wait()
    stream = await ear().open()
    assert pid(stream) != spare._process.pid
    await stream.close()


async def test_there_are_no_more_processes_than_the_machine_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decoders, "MOST", 1)
    stream = await ear().open()
    with pytest.raises(ProviderError, match="already hears 1 people"):
        await ear().open()
    await stream.close()
    await (await ear().open()).close()


async def test_a_process_that_does_not_keep_up_loses_the_oldest_sound_and_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = await ear().open()
    decoder = stream._decoder  # type: ignore[attr-defined]
    os.kill(pid(stream), signal.SIGSTOP)
    for number in range(3_000):
        stream.hear(np.full(320, number, np.int16))
        if number == 1_500:
            stream.finish()
    assert len(decoder._unsent) == 500
    kinds = [kind for kind, _ in decoder._unsent]
    assert kinds.count(b"f") == 1
    assert decoder._unsent[-1][1] == np.full(320, 2_999, np.int16).tobytes()
    await stream.close()


@pytest.mark.parametrize(
    ("language", "options", "message"),
    [
        ("es", {}, "hears English only, not `es`"),
        ("en", {"keyterms": "Acme"}, "`keyterms` is no list"),
        ("en", {"keyterms": [5]}, "`keyterms` is no list"),
        ("en", {"grammar": "hello"}, "neither JSGF nor a list"),
    ],
)
def test_what_it_cannot_do_is_refused(language: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        open_stt(SpeechSpec("local", "", language, options), {})


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("#JSGF V1.0; grammar a; public <a> = hello (;", "the local ear failed: .*JSGF"),
        ("#JSGF V1.0;\nrubbish", "the local ear failed: .*JSGF"),
    ],
)
async def test_a_grammar_that_cannot_be_read_is_an_error_of_opening(grammar: str, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        await ear(grammar=grammar).open()
    assert not local_ear._POOLS[asyncio.get_running_loop()]._taken


SERVER = """
import asyncio
from pinecall_run.providers.contracts import SpeechSpec
from pinecall_run.providers.local_ear import _POOLS, open_stt

async def main():
    stream = await open_stt(SpeechSpec("local", language="en"), {}).open()
    spare = await _POOLS[asyncio.get_running_loop()]._spare
    print(stream._decoder._process.pid, spare._process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_its_processes_end_with_the_server_however_it_ends() -> None:
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    async with asyncio.timeout(WAIT):
        pids = [int(word) for word in (await server.stdout.readline()).split()]
    assert len(pids) == 2
    server.kill()
    await server.wait()
    async with asyncio.timeout(WAIT):
        while any(map(is_running, pids)):  # noqa: ASYNC110 - nobody tells of the end of a stranger's child
            await asyncio.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether it runs; one whose parent has not been told of its end does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
