"""Brings samples from one rate to another as they come, by libswresample, with at most 2 ms of delay."""

from __future__ import annotations

from typing import cast

import numpy as np
from av.audio.frame import AudioFrame
from av.error import BlockingIOError as NothingYetError
from av.error import EOFError as NothingLeftError
from av.filter import Graph

from pinecall_run.audio.chunk import Samples

_NONE: Samples = np.zeros(0, np.int16)
_NONE.flags.writeable = False


class Resampler:
    """A stream of mono samples at another rate. Equal rates pass untouched.

    What comes out lags by half the filter: 1 ms of sound, 2 ms where the source has 8 kHz; ``flush`` gives the rest.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._rates = (source_rate, target_rate)
        self._open()

    def feed(self, samples: Samples) -> Samples:
        """What is ready after these; may be empty, and at equal rates the very same array."""
        if self._is_idle or not len(samples):
            return samples
        if len(samples) != len(self._input):
            self._fit(len(samples))
        self._input[:] = samples
        # The frame's memory is not counted by libav, so that the graph copies it: it may be filled again at once.
        self._source.push(self._frame)
        return self._pull()

    def flush(self) -> Samples:
        """What the filter still holds; the next samples begin a new stream."""
        if self._is_idle or not len(self._input):
            return _NONE
        self._source.push(None)
        rest = self._pull()
        self._open()
        return rest

    def _open(self) -> None:
        source, target = self._rates
        self._is_idle = source == target
        self._input: Samples = _NONE
        if self._is_idle:
            return
        # av.AudioResampler would do, at twice the cost: it builds a filter more, searches its ends anew for each frame,
        # and asks for a second frame, which never comes, by an exception.
        graph = Graph()
        graph.threads = 1  # or each graph keeps as many threads as there are cores
        clock = f"1/{source}"
        self._source = graph.add(
            "abuffer", sample_rate=str(source), sample_fmt="s16", channel_layout="mono", time_base=clock
        )
        resampler = graph.add("aresample", sample_rate=str(target))
        self._sink = graph.add("abuffersink")
        self._source.link_to(resampler)
        resampler.link_to(self._sink)
        graph.configure()
        self._graph = graph  # its ends do not keep it alive

    def _fit(self, length: int) -> None:
        """Make the frame that the samples travel in as long as they are."""
        self._frame = AudioFrame("s16", "mono", length)
        self._frame.sample_rate = self._rates[0]
        self._input = _samples(self._frame)

    def _pull(self) -> Samples:
        """The one frame that the filter makes of one, if it has made it."""
        try:
            frame = cast(AudioFrame, self._sink.pull())
        except (NothingYetError, NothingLeftError):
            return _NONE
        return _samples(frame)


def _samples(frame: AudioFrame) -> Samples:
    """The frame's own memory."""
    return np.frombuffer(cast("memoryview[int]", frame.planes[0]), np.int16, frame.samples)
