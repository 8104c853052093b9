"""Sound through G.722 and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.transports._peers import share, tone

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE
from pinecall_run.transports.g722 import Decoder, Encoder


def test_a_chunk_is_160_bytes_and_comes_back_with_its_treble() -> None:
    said = tone(1_900, 2)
    encoder, decoder = Encoder(), Decoder()
    sent = [encoder.encode(chunk) for chunk in said.reshape(-1, CHUNK_SAMPLES)]
    assert {len(payload) for payload in sent} == {160}
    heard = [decoder.decode(payload) for payload in sent]
    assert {len(piece) for piece in heard} == {CHUNK_SAMPLES}
    got = np.concatenate(heard)[-RATE:]
    assert share(got, 1_900) > 0.97
    treble = np.abs(np.fft.rfft(got * np.hanning(len(got))))[5_650:5_750].max()
    assert treble > 0.2 * np.abs(np.fft.rfft(got * np.hanning(len(got)))).max(), "5700 Hz, which G.711 has not"


def test_silence_is_silent() -> None:
    encoder, decoder = Encoder(), Decoder()
    heard = np.concatenate([decoder.decode(encoder.encode(SILENCE)) for _ in range(50)])
    assert np.abs(heard[RATE // 4 :]).max() < 10


@given(st.binary(min_size=1, max_size=1_400))
def test_any_bytes_are_sound(payload: bytes) -> None:
    assert len(Decoder().decode(payload)) == 2 * len(payload)
