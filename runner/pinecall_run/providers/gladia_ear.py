"""Gladia's Solaria: speech to text over a WebSocket whose address a POST gives (``/v2/live``).

Gladia's own library is not taken: it keeps sound and connects again by itself, which the call does for all vendors
alike, and of a refusal it says no more than a status. A connection that broke is not attached to again, though Gladia
could: the call hears again, by a new session, what was not final yet. Sources:
https://docs.gladia.io/api-reference/v2/live/init, …/v2/live/websocket and
https://docs.gladia.io/chapters/live-stt/features/partial-transcripts, read in November 2026.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import httpx2

from pinecall_run.audio.chunk import RATE, SILENCE
from pinecall_run.providers.contracts import Heard, ProviderError, SpeechSpec, SpeechToText, Transcript
from pinecall_run.providers.ear_socket import SocketEar
from pinecall_run.providers.failures import Vendor, words_of
from pinecall_run.providers.messages import read
from pinecall_run.providers.options import check_options, refused
from pinecall_run.providers.vendor_socket import OPEN_SECONDS, Address, Frame
from pinecall_run.vendors.gladia import ADDRESS, ENDPOINT, ENDPOINTING, KEY, LANGUAGES, LONGEST, MODEL
from pinecall_run.vendors.table import PROVIDERS

SILENT_SECONDS = 5.0
"""It acknowledges every piece of sound at once, and be it silence."""
KEEP_ALIVE_SECONDS = 10.0
"""After 30 s without sound it ends a session; it does not say so, others found out."""

_PROVIDER = PROVIDERS["stt"]["gladia"]
_SOLARIA = ("", "solaria", "accurate")
"""Names of before, and of the protocol, for the one model that hears calls."""
_ANY = ("", "multi")
_SAME_LANGUAGE = {"cmn": "zh", "fil": "tl", "iw": "he", "jv": "jw", "nb": "no"}
"""Primary subtags that Gladia writes otherwise."""

_CLEANING = ("speech_threshold", "audio_enhancer")
_MESSAGES = {
    "receive_partial_transcripts": True,
    "receive_final_transcripts": True,
    "receive_acknowledgments": True,
    "receive_errors": True,
    "receive_speech_events": False,
    "receive_pre_processing_events": False,
    "receive_realtime_processing_events": False,
    "receive_post_processing_events": False,
    "receive_lifecycle_events": False,
}
_STOP = json.dumps({"type": "stop_recording"})


def open_stt(spec: SpeechSpec, environ: Mapping[str, str]) -> SpeechToText:
    """The adapter for one language, or for any where none is named.

    Raises:
        ProviderError: there is no key, Gladia does not hear the language, or an option is wrong.
    """
    check_options(_PROVIDER, spec.options)
    session = _session(spec)
    key = environ.get(KEY, "")
    if not key:
        raise ProviderError("gladia needs a key", f"set {KEY} where the voice server runs", kind="missing")
    vendor = Vendor("Gladia", KEY, ENDPOINT, (key,))
    region = spec.options.get("region")
    url = f"{(environ.get(ENDPOINT) or ADDRESS).rstrip('/')}/v2/live" + (f"?region={region}" if region else "")
    return SocketEar(
        vendor,
        _address(vendor, url, session),
        lambda: GladiaWire(vendor),
        silent_seconds=SILENT_SECONDS,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        model=session["model"],
    )


# what is asked for


def _session(spec: SpeechSpec) -> Mapping[str, Any]:
    options = spec.options
    cleaning = {name: options[name] for name in _CLEANING if name in options}
    words = {**_vocabulary(options), **_spelling(options)}
    return {
        "encoding": "wav/pcm",
        "bit_depth": 16,
        "sample_rate": RATE,
        "channels": 1,
        "model": MODEL if spec.name in _SOLARIA else spec.name,
        "endpointing": options.get("endpointing", ENDPOINTING),
        "maximum_duration_without_endpointing": options.get("max_duration_without_endpointing", LONGEST),
        "language_config": _languages(spec),
        "messages_config": _MESSAGES,
        **({"pre_processing": cleaning} if cleaning else {}),
        **({"realtime_processing": words} if words else {}),
    }


def _languages(spec: SpeechSpec) -> Mapping[str, Any]:
    """Which it may be. Who wants that found out for each utterance does not mean the language of the call alone."""
    is_switching = bool(spec.options.get("code_switching", spec.language == "multi"))
    languages = list(spec.options.get("languages", ()))
    if not languages and not is_switching and spec.language not in _ANY:
        languages = [_language(spec.language)]
    return {"languages": languages, "code_switching": is_switching}


def _language(tag: str) -> str:
    primary = tag.partition("-")[0].lower()
    language = _SAME_LANGUAGE.get(primary, primary)
    if language not in LANGUAGES:
        hint = f"choose another stt; see {_PROVIDER.page}"
        raise ProviderError(f"gladia does not hear `{tag}`", hint, kind="request")
    return language


def _vocabulary(options: Mapping[str, Any]) -> Mapping[str, Any]:
    terms = [term for term in options.get("keyterms", ()) if term.strip()]
    if not terms:
        return {}
    intensity = {"default_intensity": options["keyterm_intensity"]} if "keyterm_intensity" in options else {}
    return {"custom_vocabulary": True, "custom_vocabulary_config": {"vocabulary": terms, **intensity}}


def _spelling(options: Mapping[str, Any]) -> Mapping[str, Any]:
    spelling = options.get("custom_spelling") or {}
    for replaced in spelling.values():
        if not (isinstance(replaced, list | tuple) and replaced and all(isinstance(one, str) for one in replaced)):
            raise refused(_PROVIDER, "custom_spelling", "must have a list of texts under each word")
    if not spelling:
        return {}
    return {"custom_spelling": True, "custom_spelling_config": {"spelling_dictionary": spelling}}


# where it is asked


def _address(vendor: Vendor, url: str, session: Mapping[str, Any]) -> Callable[[], Awaitable[Address]]:
    async def begun() -> Address:
        try:
            async with httpx2.AsyncClient(verify=_tls(), timeout=OPEN_SECONDS) as client:
                response = await client.post(url, json=session, headers={"x-gladia-key": vendor.secrets[0]})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreached(vendor, error) from error
        if response.status_code >= 300:
            raise vendor.of_status(response.status_code, _words(response.text), response.headers)
        return Address(_url(vendor, response.content))

    return begun


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it takes longer to read the certificates than to ask."""
    return httpx2.create_ssl_context()


def _unreached(vendor: Vendor, error: Exception) -> ProviderError:
    """What lies under an error of httpx2's says more than it does itself."""
    if isinstance(error, httpx2.TimeoutException):
        return vendor.of_connecting(TimeoutError())
    if isinstance(error, httpx2.RemoteProtocolError):
        return vendor.of_garbage("what is no whole answer of HTTP")
    if isinstance(error, httpx2.ReadError | httpx2.WriteError):
        return vendor.failed("broke the connection off", "network")
    found = next((one for one in _causes(error) if isinstance(one, OSError) and one.strerror), None)
    return vendor.of_connecting(found) if found else vendor.failed("cannot be reached", "network")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(body: str) -> str:
    """What is wrong with a session is in a list beside the message."""
    try:
        faults = json.loads(body)["validation_errors"]
    except (ValueError, TypeError, KeyError):
        return body
    return "; ".join([words_of(body), *map(str, faults)]) if isinstance(faults, list) else body


def _url(vendor: Vendor, body: bytes) -> str:
    try:
        url = json.loads(body)["url"]
    except (ValueError, TypeError, KeyError):
        url = None
    if not (isinstance(url, str) and url.startswith(("ws://", "wss://"))):
        raise vendor.of_garbage("an answer that names no session")
    return url


class GladiaWire:
    """The messages of one stream (:class:`EarWire`)."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    def audio(self, pcm: bytes) -> Frame:
        """See :class:`EarWire`."""
        return pcm

    def finish(self) -> Sequence[Frame]:
        """See :class:`EarWire`. It cannot be asked: silence, which comes anyway, makes a transcript final."""
        return []

    def keep_alive(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [SILENCE.tobytes()]

    def goodbye(self) -> Sequence[Frame]:
        """See :class:`EarWire`."""
        return [_STOP]

    def received(self, frame: Frame) -> Sequence[Heard]:
        """See :class:`EarWire`. Kinds of messages that are not known here are none of ours."""
        message = read(self._vendor, frame)
        try:
            if message.get("error"):
                raise self._refused(message["error"])
            return self._transcript(message["data"]) if message["type"] == "transcript" else []
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._vendor.of_garbage() from None

    def _transcript(self, data: Mapping[str, Any]) -> Sequence[Heard]:
        said, is_final = data["utterance"], bool(data["is_final"])
        text, confidence = str(said["text"]).strip(), float(said.get("confidence", 1.0))
        return [Transcript(text, is_final, confidence, str(said.get("language") or ""))] if text or is_final else []

    def _refused(self, error: Any) -> ProviderError:
        """It says why it does not take sound; the code, where there is one, is that of HTTP."""
        code = error.get("status_code") if isinstance(error, Mapping) else None
        if isinstance(code, int) and 400 <= code < 600:
            return self._vendor.of_status(code, words_of(json.dumps(error)))
        return self._vendor.failed("failed", "unavailable", words_of(json.dumps(error)))
