"""The two queues between the device's thread and the call."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pinecall_run.cli import _sound_card
from pinecall_run.cli._audio_client import SILENCE
from pinecall_run.cli._sound_card import HEAD_START, QUEUE, SoundCard


class _Stream:
    """A device that hears and plays when the test says so."""

    def __init__(self, callback: Any, **_: Any) -> None:
        self._callback = callback
        self.is_closed = False

    def tick(self, said: bytes = SILENCE) -> bytes:
        heard = bytearray(len(SILENCE))
        self._callback(memoryview(said), memoryview(heard), 320, None, None)
        return bytes(heard)

    def close(self) -> None:
        self.is_closed = True


def _chunk(number: int) -> bytes:
    return bytes([number]) * len(SILENCE)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(RawStream=_Stream))


async def test_what_is_said_comes_in_order_and_the_oldest_is_lost(card: None) -> None:
    with SoundCard() as sound:
        for number in range(QUEUE + 2):
            sound._stream.tick(_chunk(number))
        chunks = sound.chunks()
        got = [await anext(chunks) for _ in range(QUEUE)]
        assert got == [_chunk(number) for number in range(2, QUEUE + 2)]
        assert sound.lost == {"microphone": 2, "loudspeaker": 0}
        await chunks.aclose()
    assert sound._stream.is_closed


async def test_the_loudspeaker_begins_with_a_head_start_and_again_after_a_gap(card: None) -> None:
    with SoundCard() as sound:
        for number in range(1, HEAD_START + 1):
            assert sound._stream.tick() == SILENCE
            sound.play(_chunk(number))
        assert [sound._stream.tick()[0] for _ in range(HEAD_START + 1)] == [*range(1, HEAD_START + 1), 0]
        sound.play(_chunk(9))
        assert sound._stream.tick() == SILENCE
        for _ in range(HEAD_START):
            sound.play(_chunk(9))
        assert sound._stream.tick() == _chunk(9)


async def test_a_loudspeaker_that_is_late_loses_the_oldest(card: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sound_card, "QUEUE", 5)
    with SoundCard() as sound:
        for number in range(8):
            sound.play(_chunk(number))
        assert sound.lost["loudspeaker"] == 3
        assert sound._stream.tick() == _chunk(3)


async def test_a_device_that_outlives_the_loop_is_left_alone(card: None) -> None:
    with SoundCard() as sound:
        sound._loop = SimpleNamespace(call_soon_threadsafe=_closed)  # type: ignore[assignment]
        sound._stream.tick()


def _closed(*_: Any) -> None:
    raise RuntimeError("Event loop is closed")
