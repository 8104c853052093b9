"""Both laws of the telephone against the tables of the recommendation, and against libav's."""

from collections.abc import Callable

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audio._tones import rms, tone

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.g711 import a_law_decode, a_law_encode, mu_law_decode, mu_law_encode

Encode, Decode = Callable[[Samples], bytes], Callable[[bytes], Samples]
MU, A = (mu_law_encode, mu_law_decode), (a_law_encode, a_law_decode)
LAWS = pytest.mark.parametrize(("encode", "decode"), [MU, A], ids=["mu", "a"])
EVERY_CODE, EVERY_SAMPLE = bytes(range(256)), np.arange(-32_768, 32_768).astype(np.int16)


@pytest.mark.parametrize(
    ("decode", "codes", "values"),
    [
        # G.711 table 2: the greatest, the ends of the first segments, and both zeros; 14 bits, here 16.
        (mu_law_decode, "80 8f 90 9f a0 ef f0 fe ff", [8031, 4191, 3999, 2079, 1983, 33, 30, 2, 0]),
        (mu_law_decode, "00 0f 10 7e 7f", [-8031, -4191, -3999, -2, 0]),
        # G.711 table 1: 13 bits, here 16.
        (a_law_decode, "aa a5 ba 85 9a d5", [4032, 2112, 2016, 528, 504, 1]),
        (a_law_decode, "2a 25 55", [-4032, -2112, -1]),
    ],
)
def test_values_are_those_of_the_tables(decode: Decode, codes: str, values: list[int]) -> None:
    step = 4 if decode is mu_law_decode else 8
    assert decode(bytes.fromhex(codes)).tolist() == [value * step for value in values]


@pytest.mark.parametrize(
    ("encode", "step", "edges"),
    [
        # Decision values: the sample on one has the next code, the one below it has not.
        (mu_law_encode, 4, {1: "fe", 3: "fd", 31: "ef", 35: "ee", 95: "df", 103: "de", 4063: "8f", 7903: "80"}),
        (a_law_encode, 8, {2: "d4", 4: "d7", 64: "f5", 68: "f4", 2048: "a5", 3968: "aa"}),
    ],
)
def test_steps_begin_at_the_decision_values(encode: Encode, step: int, edges: dict[int, str]) -> None:
    for edge, code in edges.items():
        below, on = encode(np.array([edge * step - 1, edge * step], np.int16)).hex(" ").split()
        assert (on, below != on) == (code, True)
        minus = encode(np.array([-edge * step, -edge * step - 1], np.int16))
        assert [code ^ 0x80 for code in minus] == [int(below, 16), int(on, 16)]


@pytest.mark.parametrize(
    ("decode", "period", "overload_db"),
    [(mu_law_decode, "1e 0b 0b 1e 9e 8b 8b 9e", 3.17), (a_law_decode, "34 21 21 34 b4 a1 a1 b4", 3.14)],
)
def test_the_digital_milliwatt_sounds_as_it_is_defined(decode: Decode, period: str, overload_db: float) -> None:
    """G.711 tables 5 and 6: 1 kHz at 0 dBm0, so far below a sine that just does not overload."""
    milliwatt = decode(bytes.fromhex(period) * 100)
    assert 20 * np.log10(32_768 / 2**0.5 / rms(milliwatt)) == pytest.approx(overload_db, abs=0.15)


@LAWS
def test_every_code_comes_back(encode: Encode, decode: Decode) -> None:
    back = bytearray(encode(decode(EVERY_CODE)))
    if decode is mu_law_decode:
        assert back[0x7F] == 0xFF  # mu-law has two zeros
        back[0x7F] = 0x7F
    assert bytes(back) == EVERY_CODE


@LAWS
def test_no_sample_moves_by_more_than_half_a_step(encode: Encode, decode: Decode) -> None:
    said = EVERY_SAMPLE.astype(int)
    heard = decode(encode(EVERY_SAMPLE)).astype(int)
    assert (np.diff(heard) >= 0).all()
    is_held = abs(said) <= heard.max()  # beyond, the law overloads
    assert (abs(heard - said) <= abs(said) / 32 + 8)[is_held].all()
    assert set(heard[~is_held]) == {heard.min(), heard.max()}


@LAWS
def test_libav_agrees(encode: Encode, decode: Decode) -> None:
    name = "pcm_mulaw" if encode is mu_law_encode else "pcm_alaw"
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = 8_000, "mono"
    (frame,) = context.decode(av.Packet(EVERY_CODE))
    assert (frame.to_ndarray()[0] == decode(EVERY_CODE)).all()


@LAWS
@given(st.binary(max_size=400))
def test_any_bytes_are_sound(encode: Encode, decode: Decode, data: bytes) -> None:
    samples = decode(data)
    assert (samples.dtype, samples.shape) == (np.int16, (len(data),))
    assert (decode(encode(samples)) == samples).all()


@LAWS
def test_a_tone_is_heard_over_its_quantisation(encode: Encode, decode: Decode) -> None:
    said = tone(440, 8_000)
    assert 20 * np.log10(rms(said) / rms(decode(encode(said)).astype(float) - said)) > 35  # G.712 asks for 33 dB
