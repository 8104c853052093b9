"""Speech through each codec of a telephone, as another decoder hears it, and what is made up for what is lost."""

from __future__ import annotations

import random
import shutil
import subprocess

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from tests.transports._peers import share, tone
from tests.voice._speech import needs_flite, said

from pinecall_run.audio.chunk import CHUNK_SAMPLES, RATE, SILENCE, Samples
from pinecall_run.sip.media import CODECS, G722, OPUS, PCMA, PCMU, Codec
from pinecall_run.transports.telephone_codecs import CODINGS, TAIL

TEXT = "The quick brown fox jumps over the lazy dog, she sells sea shells by the sea shore."


def payloads(samples: Samples, codec: Codec) -> list[bytes]:
    encoder = CODINGS[codec].encoder()
    return [encoder.encode(chunk) for chunk in samples[: len(samples) // 320 * 320].reshape(-1, CHUNK_SAMPLES)]


def decoded(sent: list[bytes], codec: Codec, lost: set[int] | None = None) -> Samples:
    decoder = CODINGS[codec].decoder()
    pieces = [decoder.conceal() if n in (lost or ()) else decoder.decode(each) for n, each in enumerate(sent)]
    return np.concatenate(pieces)


def likeness(said: Samples, heard: Samples) -> float:
    """The correlation of two sounds, one of which may be up to 40 ms later."""
    length = min(len(said), len(heard)) - 640
    whole, late = said[:length].astype(float), heard[: length + 640].astype(float)
    size = 2 * len(late)
    lag = int(np.argmax(np.fft.irfft(np.fft.rfft(late, size) * np.conj(np.fft.rfft(whole, size)))[:640]))
    return float(np.corrcoef(whole, late[lag : lag + length])[0, 1])


def elsewhere(sent: list[bytes], name: str, rate: int) -> Samples:
    """What FFmpeg's own decoder makes of it."""
    codec = av.CodecContext.create(name, "r")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout = rate, "mono"
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    frames = [frame for each in sent for frame in codec.decode(av.Packet(each))]
    return np.concatenate([piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)])


@needs_flite
@pytest.mark.parametrize(
    ("codec", "name", "rate", "least"),
    [
        (PCMU, "pcm_mulaw", 8_000, 0.99),
        (PCMA, "pcm_alaw", 8_000, 0.99),
        (G722, "g722", 16_000, 0.999),
        (OPUS, "opus", 48_000, 0.99),
    ],
)
def test_speech_is_heard_elsewhere(codec: Codec, name: str, rate: int, least: float) -> None:
    """Opus is read by FFmpeg's own decoder here, which is not libopus."""
    speech = said(TEXT)
    sent = payloads(speech, codec)
    assert likeness(speech, elsewhere(sent, name, rate)) > least
    assert likeness(speech, decoded(sent, codec)) > least


@needs_flite
@pytest.mark.skipif(shutil.which("sox") is None, reason="sox is not installed (apt-get install sox)")
def test_sox_hears_mu_law() -> None:
    speech = said(TEXT)
    sent = b"".join(payloads(speech, PCMU))
    words = ["sox", "-t", "ul", "-r", "8000", "-c", "1", "-", "-t", "s16", "-r", "16000", "-"]
    heard = subprocess.run(words, input=sent, capture_output=True, check=True, timeout=30).stdout
    assert likeness(speech, np.frombuffer(heard, np.int16)) > 0.97


@needs_flite
@pytest.mark.parametrize(("codec", "least"), [(PCMU, 0.93), (PCMA, 0.93), (G722, 0.93), (OPUS, 0.95)])
def test_speech_with_holes_is_like_it_still(codec: Codec, least: float) -> None:
    chance, speech = random.Random(7), said(TEXT)
    sent = payloads(speech, codec)
    lost = {number for number in range(5, len(sent)) if chance.random() < 0.05}
    whole, holed = decoded(sent, codec), decoded(sent, codec, lost)
    assert len(holed) == len(whole)
    assert likeness(speech, holed) > least
    silent = decoded([each for n, each in enumerate(sent) if n not in lost], codec)
    assert likeness(speech, holed) > likeness(speech, silent)


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_made_up_fades(codec: Codec) -> None:
    decoder = CODINGS[codec].decoder()
    for payload in payloads(tone(400, 1), codec):
        last = decoder.decode(payload)
    made_up = [float(np.abs(decoder.conceal()).max()) for _ in range(8)]
    assert made_up[0] > 0.4 * np.abs(last).max()
    assert made_up[7] < 0.02 * np.abs(last).max()


@pytest.mark.parametrize("codec", CODECS)
def test_a_pause_is_silent_and_forgets(codec: Codec) -> None:
    decoder = CODINGS[codec].decoder()
    for payload in payloads(tone(400, 0.5), codec):
        decoder.decode(payload)
    decoder.pause(64)
    paused = decoder.pause(CHUNK_SAMPLES)
    assert CHUNK_SAMPLES - decoder.lag <= len(paused) <= CHUNK_SAMPLES
    assert not paused.any()
    if codec is not OPUS:
        assert not decoder.conceal().any()


@pytest.mark.parametrize("codec", CODECS)
def test_silence_then_sound_again(codec: Codec) -> None:
    encoder, decoder = CODINGS[codec].encoder(), CODINGS[codec].decoder()
    wave = tone(400, 1)
    chunks: list[Samples | None] = [*wave.reshape(-1, 320), *[None] * 50, *wave.reshape(-1, 320)]
    sent = [encoder.encode(chunk) for chunk in chunks]
    heard = np.concatenate([decoder.decode(payload) for payload in sent])
    assert np.abs(heard[int(1.5 * RATE) : int(1.9 * RATE)]).max() < 20
    assert share(heard[-RATE // 2 :], 400) > 0.97
    # Opus is not asked again for silence that it has made
    assert (len(set(sent[50 + TAIL : 100])) == 1) is (codec is not G722)


def test_durations_are_in_the_codecs_own_clock() -> None:
    for codec in CODECS:
        encoder = CODINGS[codec].encoder()
        assert CODINGS[codec].duration(encoder.encode(SILENCE)) == codec.clock_rate // 50
