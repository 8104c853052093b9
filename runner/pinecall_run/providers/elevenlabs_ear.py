"""ElevenLabs' Scribe: speech to text over a WebSocket, in pieces that are final when somebody commits them.

By default that is the call, when it takes the caller to have paused; Scribe's own detector waits longer. Written
against the wire (:mod:`pinecall_run.providers._elevenlabs` says why):
https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime and
https://elevenlabs.io/docs/eleven-api/guides/how-to/speech-to-text/realtime/transcripts-and-commit-strategies, read in
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from pinecall_run.audio.chunk import RATE, SILENCE
from pinecall_run.providers import _elevenlabs
from pinecall_run.providers.contracts import Heard, SpeechSpec, SpeechToText, Transcript
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor
from pinecall_run.providers.messages import read
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import Frame
from pinecall_run.vendors.elevenlabs import SCRIBE, VAD_OPTIONS
from pinecall_run.vendors.table import PROVIDERS

PIECE_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 5.0
"""Sound comes all the time; Scribe ends a session on which none came for long, and says no number."""

LEAST_COMMIT_BYTES = 2 * round(RATE * 0.32)
"""It ends the session for a commit of less than 0.3 s."""

_PROVIDER = PROVIDERS["stt"]["elevenlabs"]
_PARAMETERS = (
    *VAD_OPTIONS, "keyterms", "secondary_languages", "no_verbatim", "filter_background_audio", "enable_logging"
)  # fmt: skip


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter for one model; without a language it finds out by itself.

    Raises:
        ProviderError: there is no key, or an option is wrong.
    """
    options = spec.options
    check_options(_PROVIDER, options)
    strategy = options.get("commit_strategy", "manual")
    for name in VAD_OPTIONS:
        if name in options and strategy != "vad":
            raise refused(_PROVIDER, name, "is for commit_strategy vad only")
    account = _elevenlabs.account(_PROVIDER, environ)
    query = {
        "model_id": SCRIBE if spec.name in ("", "scribe") else spec.name,
        "language_code": _elevenlabs.language(spec.language) or None,
        "audio_format": f"pcm_{RATE}",
        "commit_strategy": strategy,
        **{name: options.get(name) for name in _PARAMETERS},
    }
    is_manual = strategy == "manual"
    return SocketEar(
        account.vendor,
        _elevenlabs.always(account.address("/v1/speech-to-text/realtime", query)),
        lambda: ScribeWire(account.vendor, is_manual=is_manual),
        answers_finish=is_manual,
        piece_seconds=PIECE_SECONDS,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
    )


class ScribeWire:
    """An :class:`EarWire`. ``is_manual``: nothing but a commit makes a text final."""

    def __init__(self, vendor: Vendor, *, is_manual: bool) -> None:
        self._vendor = vendor
        self._is_manual = is_manual
        self._uncommitted = 0
        """Bytes, rather too few: Scribe commits by itself after a while, and what came since then is not known."""

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        self._uncommitted += len(pcm)
        return _chunk(pcm)

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        if not self._is_manual:
            return []
        missing = max(LEAST_COMMIT_BYTES - self._uncommitted, 0)
        self._uncommitted = 0
        return [_chunk(bytes(missing), is_commit=True)]

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [self.audio(SILENCE.tobytes())]

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return []

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`. A committed text may come again with the times of its words: once is enough."""
        message = read(self._vendor, frame)
        kind = message.get("message_type")
        if message.get("error"):
            raise _elevenlabs.failure(self._vendor, kind, message["error"])
        if kind not in ("partial_transcript", "committed_transcript"):
            return []
        text, is_final = message.get("text"), kind == "committed_transcript"
        if not isinstance(text, str):
            raise self._vendor.of_garbage("a transcript without a text")
        if is_final:
            self._uncommitted = 0
        return [Transcript(text.strip(), is_final=is_final)] if text.strip() or is_final else []


class _Chunk(msgspec.Struct):
    """Sound, which is Base64 in JSON."""

    message_type: str
    audio_base_64: bytes
    commit: bool
    sample_rate: int = RATE


def _chunk(pcm: bytes, *, is_commit: bool = False) -> Frame:
    return msgspec.json.encode(_Chunk("input_audio_chunk", pcm, is_commit)).decode()
