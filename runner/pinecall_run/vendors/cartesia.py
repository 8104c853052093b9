"""Cartesia's voices, and its speech to text.

Sources, read in November 2026: https://docs.cartesia.ai/api-reference/tts/websocket for options,
https://docs.cartesia.ai/build-with-cartesia/capability-guides/volume-speed-emotion for what they do, and
https://docs.cartesia.ai/build-with-cartesia/capability-guides/choosing-a-voice for voices.
"""

from collections.abc import Mapping

from pinecall_run.vendors.facts import Provider, Schema, number, text

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
SPOKEN = frozenset(_CODES.split())

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
    Provider("cartesia", "stt", "Cartesia Ink"),
)
