"""Sessions of onnxruntime that keep to the thread that asks them."""

from __future__ import annotations

import os
from typing import Any

_NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
"""Wheels of onnxruntime from 1.29 on report each process and session to their vendor unless this is set before they are
loaded (its docs/Privacy.md). Nothing of a call leaves the machine unasked."""


def open_session(file: str, *, has_fixed_shape: bool) -> Any:
    """A session with the model of a file; ``has_fixed_shape`` where it is always asked about as much.

    Raises:
        ImportError: onnxruntime is not installed.
        Exception: the model cannot be loaded; the runtime does not publish its classes.
    """
    os.environ.update(_NO_TELEMETRY)
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    # One thread, the caller's: other threads are for other work, and for small models take longer to wake.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = has_fixed_shape
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
