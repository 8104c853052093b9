"""Holds a provider to what :mod:`pinecall_run.providers.contracts` promises (docs/providers/writing.md).

A case has the facts of one provider; each check is a plain function that takes one, is named for its promise, and
raises AssertionError with what came instead. What a case has no facts for is skipped.
"""

from __future__ import annotations

from pinecall_run.testing._cases import ready
from pinecall_run.testing._ear_checks import EAR_CHECKS, EarCase
from pinecall_run.testing._model_checks import MODEL_CHECKS, ModelCase
from pinecall_run.testing._voice_checks import VOICE_CHECKS, VoiceCase

__all__ = ["EAR_CHECKS", "MODEL_CHECKS", "VOICE_CHECKS", "EarCase", "ModelCase", "VoiceCase", "ready"]
