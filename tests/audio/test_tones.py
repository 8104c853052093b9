"""The tones of keys, by their frequencies and lengths."""

from __future__ import annotations

import numpy as np
import pytest

from pinecall_run.audio.chunk import RATE
from pinecall_run.audio.tones import PAUSE_SECONDS, TONE_SECONDS, WAIT_SECONDS, keys_as_sound

# ITU-T Q.23
ROWS = {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}
COLUMNS = {1209: "147*", 1336: "2580", 1477: "369#", 1633: "ABCD"}


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_a_key_is_its_two_tones(key: str) -> None:
    sound = keys_as_sound(key)
    tone = sound[round(PAUSE_SECONDS * RATE) :][: round(TONE_SECONDS * RATE)].astype(float)
    spectrum, hertz = np.abs(np.fft.rfft(tone)), np.fft.rfftfreq(len(tone), 1 / RATE)
    for group, band in ((ROWS, hertz < 1050), (COLUMNS, hertz > 1050)):
        wanted = next(tone for tone, keys in group.items() if key in keys)
        assert abs(float(hertz[np.argmax(spectrum * band)]) - wanted) <= 10
    assert np.abs(tone).max() < 11_000


def test_keys_have_pauses_and_waits_between_them() -> None:
    pair, waited = keys_as_sound("12"), keys_as_sound("1w2")
    assert len(pair) == round((3 * PAUSE_SECONDS + 2 * TONE_SECONDS) * RATE)
    assert len(waited) - len(pair) == round(WAIT_SECONDS * RATE)
    assert not keys_as_sound("ww").any()


def test_what_is_no_key_is_refused() -> None:
    with pytest.raises(KeyError):
        keys_as_sound("x")
