"""The real Smart Turn model, where somebody has it, and Pipecat, which made it, as an independent party."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pinecall_run.audio.chunk import Samples

_VENV = Path(__file__).parents[2] / ".peers" / "pipecat"


@cache
def model_file() -> str:
    """Where the model is; empty where it is not."""
    named = os.environ.get("SMART_TURN_MODEL", "")
    found = sorted(_VENV.glob("lib/python*/site-packages/pipecat/audio/turn/smart_turn/data/smart-turn-v3*.onnx"))
    return named or (str(found[0]) if found else "")


def _peer() -> Path | None:
    """The Python of the environment that the model, or what it links to, lies in."""
    pythons = (folder / "bin" / "python" for folder in Path(model_file()).resolve().parents)
    return next((python for python in pythons if python.parent.parent.joinpath("pyvenv.cfg").is_file()), None)


needs_model = pytest.mark.skipif(
    not model_file(), reason="there is no Smart Turn model (SMART_TURN_MODEL names one, make bench-peers brings one)"
)
needs_peer = pytest.mark.skipif(
    not (model_file() and _peer()), reason="there is no Pipecat with a Smart Turn model (make bench-peers installs it)"
)

_ASK = """
import sys
import numpy as np
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features
model, sounds, answers = sys.argv[1:]
analyzer = LocalSmartTurnAnalyzerV3(smart_turn_model_path=model, sample_rate=16000)
found = {}
for name, sound in np.load(sounds).items():
    level = sound.astype(np.float32) / 32768
    found["p" + name] = analyzer._predict_endpoint(level)["probability"]
    whole = np.pad(level, (max(0, 128000 - len(level)), 0))[-128000:]
    found["f" + name] = compute_whisper_log_mel_features(whole, do_normalize=True)
np.savez(answers, **found)
"""


def peers_answers(sounds: Sequence[Samples]) -> list[tuple[float, npt.NDArray[np.float32]]]:
    """What Pipecat thinks of each sound, and the features that it looked at."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "sounds.npz"), Path(folder, "answers.npz")
        np.savez(asked, **{str(at): sound for at, sound in enumerate(sounds)})  # type: ignore[arg-type]
        command = [str(_peer()), "-c", _ASK, model_file(), str(asked), str(answered)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run(command, check=True, timeout=120, env=environment, capture_output=True)
        found = np.load(answered)
        return [(float(found[f"p{at}"]), found[f"f{at}"]) for at in range(len(sounds))]
