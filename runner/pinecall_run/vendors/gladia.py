"""Gladia's speech to text.

Sources, read in November 2026: https://docs.gladia.io/api-reference/v2/live/init for options and languages,
https://docs.gladia.io/chapters/live-stt/recommended-parameters for defaults that suit a conversation. Names are those
of the protocol (STT) where it has one, and the vendor's otherwise.
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, number, one_of, texts, yes_or_no

KEY, ENDPOINT, ADDRESS = "GLADIA_API_KEY", "GLADIA_URL", "https://api.gladia.io"
MODEL = "solaria-1"

_CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id "
    "is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si "
    "sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh"
)
LANGUAGES = tuple(_CODES.split())
"""What it hears, as it writes it; it knows no regions."""

ENDPOINTING, LONGEST = 0.1, 15.0

_OPTIONS: Mapping[str, Schema] = {
    "endpointing": number(
        "Seconds of silence after which a transcript is final; on noisy lines 0.2 to 0.4.",
        0.01,
        10,
        default=ENDPOINTING,
    ),
    "max_duration_without_endpointing": number(
        "Seconds after which a transcript is final though nobody paused.", 5, 60, default=LONGEST
    ),
    "languages": {
        "type": "array",
        "items": {"enum": list(LANGUAGES)},
        "minItems": 1,
        "description": "Languages to expect, in place of that of the call; of several it finds out which by the first "
        "words.",
    },
    "code_switching": yes_or_no(
        "It finds out the language of each utterance anew: of all that it knows, or of those in languages.",
        default=False,
    ),
    "keyterms": texts("Words and phrases to listen for, such as names of products.", 100),
    "keyterm_intensity": number("How readily it takes a word for one of the keyterms.", 0, 1, default=0.5),
    "custom_spelling": {
        "type": "object",
        "description": "How words are to be written: under each, the list of what is replaced by it.",
    },
    "speech_threshold": number(
        "How certain it must be that a sound is speech: nearer to 1, less of what is in the background is heard.",
        0,
        1,
        default=0.6,
    ),
    "audio_enhancer": yes_or_no("The sound is cleaned before it is heard.", default=False),
    "region": one_of("Where Gladia hears: eu-west, or us-west.", "eu-west", "us-west"),
}

PROVIDERS = (
    Provider(
        "gladia",
        "stt",
        "Gladia Solaria: many languages, switched in mid-sentence",
        "pinecall_run.providers.gladia_ear",
        extra="gladia",
        keys=(KEY,),
        endpoint=ENDPOINT,
        options=_OPTIONS,
        names=(MODEL,),
        page="https://docs.gladia.io/api-reference/v2/live/init",
    ),
)
