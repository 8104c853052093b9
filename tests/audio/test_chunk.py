"""Samples in chunks of 20 ms."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.audio.chunk import CHUNK_SAMPLES, Chunker, from_bytes


def test_bytes_are_samples() -> None:
    assert from_bytes(b"\x01\x00\xff\x7f\x00\x80\x55").tolist() == [1, 32767, -32768]


@given(st.lists(st.integers(0, 1000), max_size=20))
def test_nothing_is_lost_or_added_however_it_arrives(lengths: list[int]) -> None:
    whole = np.arange(sum(lengths), dtype=np.int16)
    chunker, chunks, at = Chunker(), [], 0
    for length in lengths:
        chunks += chunker.feed(whole[at : at + length])
        at += length
    rest = chunker.flush()
    chunks += [] if rest is None else [rest]
    assert all(len(chunk) == CHUNK_SAMPLES for chunk in chunks)
    joined = np.concatenate([*chunks, whole[:0]])
    assert (joined[: len(whole)] == whole).all()
    assert not joined[len(whole) :].any()
    assert chunker.flush() is None
