"""The voice model is found and run, and what is missing is named with its remedy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pinecall_run.voice import silero
from pinecall_run.voice.silero import CONTEXT, WINDOW, DetectorError, Silero


def test_a_batch_is_what_its_calls_are_alone() -> None:
    model, chance = Silero(), np.random.default_rng(1)
    sound = chance.normal(0, 0.2, (5, CONTEXT + WINDOW)).astype(np.float32)
    state = chance.normal(0, 0.2, (2, 5, 128)).astype(np.float32)
    probabilities, after = model.run(sound, state)
    assert probabilities.shape == (5,)
    assert after.shape == state.shape
    for call in range(5):
        alone, after_alone = model.run(sound[call : call + 1], state[:, call : call + 1].copy())
        assert alone[0] == pytest.approx(probabilities[call], abs=1e-5)
        assert np.abs(after_alone[:, 0] - after[:, call]).max() < 1e-4


def test_nothing_is_kept_for_the_vendor_of_the_runtime(tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    program = "from pinecall_run.voice.silero import Silero; Silero()"
    subprocess.run([sys.executable, "-c", program], env={**clean, **home}, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == [], "a device id and a queue of reports"


def test_a_missing_model_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    with pytest.raises(DetectorError, match=r"not installed: pip install 'pinecall-run\[voice\]'"):
        Silero()


def test_a_missing_runtime_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DetectorError, match=r"onnxruntime.* is not installed.*: pip install 'pinecall-run\[voice\]'"):
        Silero()


def test_a_broken_model_is_told_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    monkeypatch.setattr(silero, "_model", lambda: broken)
    with pytest.raises(DetectorError, match=r"broken\.onnx cannot be loaded"):
        Silero()
