"""Cartesia's voices, and its speech to text.

Sources, read in November 2026: https://docs.cartesia.ai/api-reference/tts/websocket for options,
https://docs.cartesia.ai/build-with-cartesia/capability-guides/volume-speed-emotion for what they do, and
https://docs.cartesia.ai/build-with-cartesia/capability-guides/choosing-a-voice for voices;
https://docs.cartesia.ai/api-reference/stt/websocket, https://docs.cartesia.ai/build-with-cartesia/stt-models and
https://docs.cartesia.ai/use-the-api/stt/languages for what hears.
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, number, text, texts

KEY, ENDPOINT, ADDRESS = "CARTESIA_API_KEY", "CARTESIA_URL", "https://api.cartesia.ai"
VERSION = "2026-03-01"
"""Of its interface: the answers and errors that the adapters know."""

SONIC = "sonic-3.6"
SUNSET = r"sonic(-english|-multilingual|-2.*|-turbo.*)?|sonic-3-2025-10-27"
"""Models that it no longer serves."""

_CODES = (
    "ar bg bn cs da de el en es fi fr gu he hi hr hu id it ja ka kn ko ml mr ms nl no or pa pl pt ro ru sk sv ta te th "
    "tl tr uk ur vi zh"
)
SPOKEN = frozenset((*_CODES.split(), "multi"))
"""What its models speak; with ``multi`` nobody says which it is."""

VOICES: Mapping[str, str] = {
    "katie": "f786b574-daa5-4673-aa0c-cbe3e8534c02",
    "skylar": "db6b0ed5-d5d3-463d-ae85-518a07d3c2b4",
    "daniel": "47c38ca4-5f35-497b-b1a3-415245fb35e1",
    "jacqueline": "9626c31c-bec5-4cca-baa8-f8ba9e84c8bc",
}
"""Some that every account has, English by nature, for whoever has not chosen one."""

_VOICE_OPTIONS: Mapping[str, Schema] = {
    "model": text("Its model; sonic-latest changes without notice.", default=SONIC, examples=["sonic-3.5", "sonic-3"]),
    "speed": number("How fast it speaks, as a multiple of its own speed.", 0.6, 1.5, default=1),
    "volume": number("How loud it speaks, as a multiple of its own volume.", 0.5, 2, default=1),
    "emotion": text(
        "The mood that it leans to; best neutral, calm, angry, content, sad or scared.", examples=["calm", "content"]
    ),
    "locale": text(
        "A language with its region, in place of that of the call.", pattern="^[a-z]{2}-[A-Z]{2}$", examples=["en-GB"]
    ),
    "normalization": text(
        "Whose way it reads numbers and dates: that of the language (auto), of a locale, or as they are written (off).",
        pattern="^(auto|off|[a-z]{2}(-[A-Z]{2})?)$",
        default="auto",
    ),
    "pronunciation_dict_id": text("A pronunciation dictionary of the account."),
}

WHISPER, INK_2 = "ink-whisper", "ink-2"
_WHISPERED = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id "
    "is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si "
    "sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh"
)
HEARD: Mapping[str, frozenset[str]] = {
    WHISPER: frozenset(_WHISPERED.split()),
    INK_2: frozenset(("en", "es", "fr", "hi", "ja", "multi")),
}
"""What models hear; ink-2 finds out by itself which it is, so that it hears several, too."""

MOST_LETTERS = 1200
"""Of all keyterms together."""

_EAR_OPTIONS: Mapping[str, Schema] = {
    "keyterms": texts("Words and phrases to listen for, such as names of products (ink-2 only).", 100),
    "min_volume": number("How loud a sound must be to be speech (ink-whisper only).", 0, 1),
    "max_silence_duration_secs": number(
        "Seconds of silence after which it takes a sentence for finished (ink-whisper only).", 0
    ),
}

PROVIDERS = (
    Provider(
        "cartesia",
        "voice",
        "Cartesia Sonic: the first sound comes soon",
        "pinecall_run.providers.cartesia_voice",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_VOICE_OPTIONS,
        names=tuple(VOICES),
        page="https://docs.cartesia.ai/api-reference/tts/websocket",
    ),
    Provider(
        "cartesia",
        "stt",
        "Cartesia Ink: inexpensive, in many languages",
        "pinecall_run.providers.cartesia_ear",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_EAR_OPTIONS,
        names=(WHISPER, INK_2),
        page="https://docs.cartesia.ai/api-reference/stt/websocket",
    ),
)
