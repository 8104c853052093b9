"""Deepgram's speech to text: Nova, which transcribes, and Flux, which also says when a turn is over.

Sources, read in November 2026: https://developers.deepgram.com/reference/speech-to-text/listen-streaming and
…/listen-flux for options, https://developers.deepgram.com/docs/models-languages-overview,
…/docs/nova-3-language-prompting and …/docs/flux/language-prompting for models and languages. Where Deepgram leaves an
option to the client, the defaults are those of the protocol (STT).
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, number, texts, whole, yes_or_no

KEY, ENDPOINT, ADDRESS = "DEEPGRAM_API_KEY", "DEEPGRAM_URL", "wss://api.deepgram.com"


def _codes(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NOVA_3 = _codes(
    "multi en en-US en-AU en-GB en-IN en-NZ af ar be bg bn bs ca cs da da-DK de de-CH el es es-419 et fa fi fr fr-CA "
    "gu gu-IN he hi hr hu hy id it ja ka kn ko ko-KR lt lv mk mr ms ne nl nl-BE no pa pa-IN pl pt pt-BR pt-PT ro ru sk "
    "sl sr sv sv-SE ta te th th-TH tl tr uk ur vi zh zh-CN zh-Hans zh-TW zh-Hant zh-HK"
)
_NOVA_2 = _codes(
    "multi en en-US en-AU en-GB en-IN en-NZ bg ca cs da da-DK de de-CH el es es-419 et fi fr fr-CA hi hu id it ja ko "
    "ko-KR lt lv ms nl nl-BE no pl pt pt-BR pt-PT ro ru sk sv sv-SE th th-TH tr uk vi zh zh-CN zh-Hans zh-TW zh-Hant "
    "zh-HK"
)
_ENGLISH = _codes("en en-US")

NOVA: Mapping[str, frozenset[str]] = {
    "nova-3": _NOVA_3,
    "nova-3-general": _NOVA_3,
    "nova-3-medical": _ENGLISH | _codes("multi en-AU en-GB en-IN en-NZ"),
    "nova-2": _NOVA_2,
    "nova-2-general": _NOVA_2,
    **dict.fromkeys(
        ("nova-2-automotive", "nova-2-conversationalai", "nova-2-drivethru", "nova-2-finance", "nova-2-medical",
         "nova-2-meeting", "nova-2-phonecall", "nova-2-video", "nova-2-voicemail"), _ENGLISH),
}  # fmt: skip
"""What the models of Nova hear, as Deepgram writes it; ``multi`` is several languages in one conversation."""

NOVA_HINTS = _codes(
    "af ar be bg bn bs ca cs da de el en es et fa fi fr gl gu he hi hr hu id it ja kn ko lt lv mk mr ms nl no pl pt ro "
    "ru sk sl sr sv ta te th tl tr uk vi xh zh zu"
)
"""What Nova-3 hears as ``multi``, and may be told to expect."""

_FLUX = _codes("de en es fr hi it ja nl pt ru")
FLUX: Mapping[str, frozenset[str]] = {"flux-general-en": _codes("en"), "flux-general-multi": _FLUX | {"multi"}}
"""What the models of Flux hear."""

EAGER_EOT_THRESHOLD, EOT_THRESHOLD, EOT_TIMEOUT_MS = 0.5, 0.7, 1000
ENDPOINTING_MS, UTTERANCE_END_MS = 300, 1000

_HINT: Schema = {
    "type": ["string", "array"],
    "minLength": 1,
    "items": {"type": "string", "minLength": 1},
    "maxItems": 10,
    "description": "A language, or some, to expect where a model hears many (flux-general-multi; nova-3 with the "
    "language multi). Without one the model of Flux expects the language of the call.",
}
_TERMS = "Words and phrases to listen for, such as names of products"
_BOTH: Mapping[str, Schema] = {
    "min_confidence": number("What is understood with less confidence than this is dropped.", 0, 1, default=0),
    "profanity_filter": yes_or_no("Profanity is recognised and removed or masked.", default=False),
    "numerals": yes_or_no('Numbers are written in digits: "nine" becomes 9.', default=False),
    "mip_opt_out": yes_or_no("The sound is kept out of Deepgram's model improvement program.", default=False),
    "tag": texts("Labels by which Deepgram's reports tell usage apart."),
}


def _redact(*kinds: str) -> Schema:
    return {"type": "array", "items": {"enum": list(kinds)}, "description": "What is left out of transcripts."}


_NOVA_OPTIONS: Mapping[str, Schema] = {
    **_BOTH,
    "endpointing_ms": whole(
        "Milliseconds of silence after which a transcript is final, and, with use_native_vad, a turn is over.",
        10,
        60_000,
        default=ENDPOINTING_MS,
    ),
    "utterance_end_ms": whole(
        "With use_native_vad: milliseconds without a word after which a turn is over, though the line is not silent.",
        1000,
        60_000,
        default=UTTERANCE_END_MS,
    ),
    "use_native_vad": yes_or_no("Deepgram decides when a turn is over, by the silence that it hears.", default=False),
    "interim_results": yes_or_no("What seems to be said is told before it is final.", default=True),
    "punctuate": yes_or_no("Punctuation and capitals.", default=True),
    "smart_format": yes_or_no("Dates, amounts, numbers and addresses are written as one reads them.", default=False),
    "keyterms": texts(f"{_TERMS} (nova-3 only).", 100),
    "keywords": texts("Words that nova-2 is to know, each with a boost if there is one (Acme:2).", 100),
    "language_hint": _HINT,
    "redact": _redact("pci", "numbers", "aggressive_numbers", "ssn"),
}
_FLUX_OPTIONS: Mapping[str, Schema] = {
    **_BOTH,
    "eot_threshold": number(
        "How sure Flux is that a turn is over when it ends one; with 1 only silence does.",
        0.5,
        1.0,
        default=EOT_THRESHOLD,
    ),
    "eager_eot_threshold": number(
        "How sure it is when an answer is begun ahead, never more than eot_threshold; as much as that for none.",
        0.3,
        0.9,
        default=EAGER_EOT_THRESHOLD,
    ),
    "eot_timeout_ms": whole(
        "Milliseconds of silence after which a turn is over, sure or not.", 500, 60_000, default=EOT_TIMEOUT_MS
    ),
    "keyterms": texts(f"{_TERMS}.", 100),
    "language_hint": _HINT,
    "redact": _redact("numbers", "aggressive_numbers"),
}

PROVIDERS = (
    Provider(
        "deepgram",
        "stt",
        "Deepgram Nova: fast transcripts in many languages",
        "pinecall_run.providers.deepgram_ear",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_NOVA_OPTIONS,
        names=tuple(NOVA),
        page="https://developers.deepgram.com/reference/speech-to-text/listen-streaming",
    ),
    Provider(
        "deepgram-flux",
        "stt",
        "Deepgram Flux: transcripts and turns",
        "pinecall_run.providers.flux_ear",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_FLUX_OPTIONS,
        names=tuple(FLUX),
        page="https://developers.deepgram.com/reference/speech-to-text/listen-flux",
    ),
)
