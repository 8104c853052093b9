"""What of Amazon Transcribe's options goes into the address of a stream.

Source: https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html, read in
November 2026; in the query the names are those of the headers without ``x-amzn-transcribe-`` (websocket.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pinecall_run.audio.chunk import RATE
from pinecall_run.providers.contracts import SpeechSpec
from pinecall_run.providers.options import refused
from pinecall_run.vendors.aws import STABILITY, TRANSCRIBE_LANGUAGES
from pinecall_run.vendors.table import PROVIDERS

PROVIDER = PROVIDERS["stt"]["transcribe"]


def transcribe_parameters(spec: SpeechSpec) -> dict[str, str]:
    """The query of a stream, unsigned.

    Raises:
        ProviderError: options go not together, or a language is none that Transcribe hears.
    """
    options = spec.options
    stability = options.get("partial_results_stability", STABILITY)
    filters = options.get("vocabulary_filter_names", ())
    if "vocabulary_filter_method" in options and not filters:
        raise refused(PROVIDER, "vocabulary_filter_method", "needs vocabulary_filter_names")
    given = {
        "media-encoding": "pcm",
        "sample-rate": str(RATE),
        **_languages(spec),
        **_listed(options, "vocabulary_names"),
        **_listed(options, "vocabulary_filter_names"),
        "vocabulary-filter-method": options.get("vocabulary_filter_method", "mask") if filters else "",
        "enable-partial-results-stabilization": "" if stability == "off" else "true",
        "partial-results-stability": "" if stability == "off" else stability,
        "content-redaction-type": "PII" if "redact" in options else "",
        "pii-entity-types": ",".join(options.get("redact", ())),
        "language-model-name": spec.name,
    }
    return {name: value for name, value in given.items() if value}


def _languages(spec: SpeechSpec) -> dict[str, str]:
    listed = spec.options.get("language_options", ())
    is_many = spec.options.get("identify_multiple_languages", False)
    if not listed:
        if is_many:
            raise refused(PROVIDER, "identify_multiple_languages", "needs language_options")
        return {"language-code": _code("language", spec.language or "en-US")}
    codes = [_code("language_options", one) for one in listed]
    if len({code.partition("-")[0] for code in codes}) < len(codes):
        raise refused(PROVIDER, "language_options", "names a language twice; one country of each can be heard")
    if spec.name:
        raise refused(PROVIDER, "language_options", "goes not with a custom language model")
    found = {"language-options": ",".join(codes)}
    if is_many:
        return {"identify-multiple-languages": "true", **found}
    language = spec.language.replace("_", "-").lower().partition("-")[0]
    own = [code for code in codes if code.partition("-")[0] == language]
    return {"identify-language": "true", **found, "preferred-language": "".join(own)}


def _code(option: str, written: str) -> str:
    """A language as Transcribe writes it; where no country is named, the usual one."""
    wanted = written.replace("_", "-").lower()
    language = wanted.partition("-")[0]
    near = [code for code in TRANSCRIBE_LANGUAGES if code.lower().partition("-")[0] == language]
    found = next((code for code in near if code.lower() == wanted), near[0] if near and wanted == language else "")
    if not found:
        others = f"; of that language it hears {', '.join(near)}" if near else ""
        raise refused(PROVIDER, option, f"is none that Transcribe hears{others}")
    return found


def _listed(options: Mapping[str, Any], option: str) -> dict[str, str]:
    """Names of the account's lists; where no language is to be identified there is one, by a parameter of its own."""
    names, parameter = options.get(option, ()), option.replace("_", "-")
    if "language_options" in options or not names:
        return {parameter: ",".join(names)}
    if len(names) > 1:
        raise refused(PROVIDER, option, "has more than one entry, which needs language_options")
    return {parameter.removesuffix("s"): names[0]}
