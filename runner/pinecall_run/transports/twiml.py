"""What Twilio is told to do with a call (https://www.twilio.com/docs/voice/twiml)."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

_SPOKEN = {"en": "en-US", "es": "es-ES", "fr": "fr-FR", "de": "de-DE", "it": "it-IT", "pt": "pt-PT", "nl": "nl-NL"}
"""What Say takes for a language without a region."""

_COMES = {
    "en": "A call from {}.",
    "es": "Una llamada de {}.",
    "fr": "Un appel de {}.",
    "de": "Ein Anruf von {}.",
    "it": "Una chiamata da {}.",
    "pt": "Uma chamada de {}.",
    "nl": "Een oproep van {}.",
}

EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def stream(url: str, parameters: Mapping[str, str]) -> str:
    """Connect the call to a stream both ways. When the stream is closed, the call is over: nothing follows."""
    named = "".join(f"<Parameter name={quoteattr(k)} value={quoteattr(v)}/>" for k, v in parameters.items())
    return _document(f"<Connect><Stream url={quoteattr(url)}>{named}</Stream></Connect>")


def reject(*, is_busy: bool) -> str:
    """Turn a call away that rings, which costs nothing: with the busy tone, or as not in service."""
    return _document(f'<Reject reason="{"busy" if is_busy else "rejected"}"/>')


def forward(to: str, *, message: str, language: str, whisper: str) -> str:
    """Say something to the person, and connect them with a number or a SIP address; ``whisper`` is the address of what
    the other side is told before, empty for nothing."""
    url = f" url={quoteattr(whisper)}" if whisper else ""
    noun = "Sip" if to.startswith(("sip:", "sips:")) else "Number"
    said = say(message, language) if message else ""
    return _document(f"{said}<Dial><{noun}{url}>{escape(to)}</{noun}></Dial>")


def say(text: str, language: str) -> str:
    """The verb that speaks; in Twilio's own language where none is known."""
    spoken = language if "-" in language else _SPOKEN.get(language, "")
    attribute = f" language={quoteattr(spoken)}" if spoken else ""
    return f"<Say{attribute}>{escape(text)}</Say>"


def farewell(text: str, language: str) -> str:
    """Say something and hang up: nothing follows."""
    return _document(say(text, language))


def whispered(number: str, summary: str, language: str) -> str:
    """Tell who comes, and what it is about: their number, digit by digit, in a language that there is a sentence for,
    else in English; and a text. Empty where there is neither."""
    verbs = _announced(number, language) if number else ""
    return _document(verbs + (say(summary, language) if summary else "")) if verbs or summary else ""


def _announced(number: str, language: str) -> str:
    base = language.partition("-")[0]
    digits = " ".join(each for each in number if each.isdigit())
    return say(_COMES.get(base, _COMES["en"]).format(digits), language if base in _COMES else "en")


def _document(verbs: str) -> str:
    return EMPTY.replace("<Response/>", f"<Response>{verbs}</Response>")
