"""What telephones carry of what people say."""

from __future__ import annotations

from tests.stories._callers import telephone
from tests.voice._speech import said

from pinecall_run.audio.g711 import mu_law_encode
from pinecall_run.audio.resample import Resampler


def spoken(text: str) -> bytes:
    """A sentence in mu-law."""
    sound = telephone(said(text))
    return mu_law_encode(Resampler(16_000, 8_000).feed(sound.clip(-32_768, 32_767).astype("int16")))
