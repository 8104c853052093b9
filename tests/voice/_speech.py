"""Speech of callers: Debian's flite says it, a voice that no agent has."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from pinecall_run.audio.chunk import Samples
from pinecall_run.audio.wav import read_wav

needs_flite = pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed (apt-get install flite)")


@cache
def said(text: str, voice: str = "slt") -> Samples:
    """The sound of ``text``, with the little silence that the voice puts around it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "said.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(file)], check=True, timeout=60)
        return read_wav(file.read_bytes())
