"""ElevenLabs' voices, and Scribe, its speech to text.

Sources, read in November 2026: https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
and …/speech-to-text/v-1-speech-to-text-realtime for options, https://elevenlabs.io/docs/models for models and
languages; for voices the table of default voices in ElevenLabs' documentation (github.com/elevenlabs/elevenlabs-docs,
fern/product/voices/default-voices.mdx), which says that they stay available for years.
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, number, one_of, text, texts, whole, yes_or_no

KEY, ENDPOINT, ADDRESS = "ELEVENLABS_API_KEY", "ELEVENLABS_URL", "https://api.elevenlabs.io"

VOICES: Mapping[str, str] = {
    "alice": "Xb7hH8MSUJpSbSDYk0k2",
    "aria": "9BWtsMINqrJLrRacOk9x",
    "bill": "pqHfZKP75CvOlQylNhV4",
    "brian": "nPczCjzI2devNBz1zQrb",
    "callum": "N2lVS1w4EtoT3dr4eOWO",
    "charlie": "IKne3meq5aSn9XLyUdCD",
    "charlotte": "XB0fDUnXU5powFXDhCwa",
    "chris": "iP95p4xoKVk53GoZ742B",
    "daniel": "onwK4e9ZLuTAKqWW03F9",
    "eric": "cjVigY5qzO86Huf0OWal",
    "george": "JBFqnCBsd6RMkjVDRZzb",
    "jessica": "cgSgspJ2msm6clMCkdW9",
    "laura": "FGY2WhTYpPnrIDTdsKH5",
    "liam": "TX3LPaxmHKxFdv7VOQHJ",
    "lily": "pFZP5JQG7iQjIQuC4Bku",
    "matilda": "XrExE9yKIg1WjnnlVkGX",
    "river": "SAz9YHcvj6GT2YYXdXww",
    "roger": "CwhRBWXzGAHq8TQ4Fs17",
    "sarah": "EXAVITQu4vr4xnSDxMaL",
    "will": "bIHbv24MWmeRgasZH58o",
}
"""Names for ids, of the voices that every account has."""

FLASH, MULTILINGUAL = "eleven_flash_v2_5", "eleven_multilingual_v2"

_V2 = frozenset((
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "id", "it", "ja", "ko", "ms", "nl",
    "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "zh",
))  # fmt: skip
_V2_5 = _V2 | {"hu", "no", "vi"}
MODELS: Mapping[str, frozenset[str]] = {
    FLASH: _V2_5,
    "eleven_turbo_v2_5": _V2_5,
    MULTILINGUAL: _V2,
    "eleven_flash_v2": frozenset(("en",)),
    "eleven_turbo_v2": frozenset(("en",)),
}
"""What models speak, as ElevenLabs writes it; accounts may have others."""

STEERED = frozenset((FLASH, "eleven_turbo_v2_5"))
"""Models that take a language, and of which those who do not pay for it get no text normalization; others hear the
language from the text."""

SCRIBE = "scribe_v2_realtime"

_VOICE_OPTIONS: Mapping[str, Schema] = {
    "model": text(
        f"The model, but none of eleven_v3; by default {FLASH} for English and {MULTILINGUAL} for other languages."
    ),
    "flash": yes_or_no(f"{FLASH}, which is faster, for other languages than English, too.", default=False),
    "speed": number("How fast it speaks.", 0.7, 1.2, default=1.0),
    "stability": number("Little of it leaves room for emotion; with much it is monotonous.", 0.0, 1.0, default=0.5),
    "similarity_boost": number("How closely it keeps to the original voice.", 0.0, 1.0, default=0.75),
    "style": number("How much it exaggerates the style of the original voice, which takes time.", 0.0, 1.0, default=0),
    "use_speaker_boost": yes_or_no("Makes it more like the original speaker, which takes time.", default=True),
    "apply_text_normalization": one_of(
        "Whether numbers, dates and the like are spelled out first; on is not for the v2.5 models.", "auto", "on", "off"
    ),
    "pronunciation_dictionary_locators": {
        "type": "array",
        "items": {"type": "object"},
        "maxItems": 3,
        "description": "Pronunciation dictionaries of the account, each a pronunciation_dictionary_id and version_id.",
    },
    "enable_ssml_parsing": yes_or_no("Understands SSML in what it is to say.", default=False),
    "enable_logging": yes_or_no("With false ElevenLabs keeps nothing (enterprise accounts only).", default=True),
    "seed": whole("The same seed makes the same text sound the same, mostly.", 0, 4_294_967_295),
}
VAD_OPTIONS: Mapping[str, Schema] = {
    "vad_silence_threshold_secs": number("Seconds of silence after which it commits.", 0.3, 3.0, default=1.5),
    "vad_threshold": number("How sure it is that it hears a voice.", 0.1, 0.9, default=0.4),
    "min_speech_duration_ms": whole("Milliseconds that are too short for speech.", 50, 2_000, default=100),
    "min_silence_duration_ms": whole("Milliseconds that are too short for silence.", 50, 2_000, default=100),
}
"""What belongs to ``commit_strategy: vad``."""
_EAR_OPTIONS: Mapping[str, Schema] = {
    "commit_strategy": {
        **one_of(
            "manual: a text is final when the call takes the caller to have paused; vad: when Scribe does.",
            "manual",
            "vad",
        ),
        "default": "manual",
    },
    **VAD_OPTIONS,
    "keyterms": texts(
        "Names and terms it is to know, each of at most 20 characters.",
        50,
        items={"type": "string", "minLength": 1, "maxLength": 20},
    ),
    "secondary_languages": texts(
        "Other languages that may be heard.", items={"type": "string", "pattern": "^[a-z]{2,3}$"}
    ),
    "no_verbatim": yes_or_no("Leaves out filler words and false starts.", default=False),
    "filter_background_audio": yes_or_no("Takes less of the surroundings for speech.", default=False),
    "enable_logging": yes_or_no("With false ElevenLabs keeps nothing (enterprise accounts only).", default=True),
}

PROVIDERS = (
    Provider(
        "elevenlabs",
        "voice",
        "ElevenLabs: natural voices in many languages",
        "pinecall_run.providers.elevenlabs_voice",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_VOICE_OPTIONS,
        names=tuple(VOICES),
        page="https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input",
    ),
    Provider(
        "elevenlabs",
        "stt",
        "ElevenLabs Scribe, in real time",
        "pinecall_run.providers.elevenlabs_ear",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_EAR_OPTIONS,
        names=(SCRIBE,),
        page="https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime",
    ),
)
