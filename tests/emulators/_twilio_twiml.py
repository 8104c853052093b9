"""What Twilio makes of a TwiML document: the verbs that the emulated line knows, and what it complains of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

MAX_BYTES = 65_536
"""Of a document that is fetched (error 11750); 4,000 characters of one that is given to the REST API (``Twiml``)."""

KNOWN: Mapping[str, frozenset[str]] = {
    "Response": frozenset(),
    "Reject": frozenset({"reason"}),
    "Hangup": frozenset(),
    "Pause": frozenset({"length"}),
    "Say": frozenset({"voice", "language", "loop"}),
    "Connect": frozenset({"action", "method"}),
    "Stream": frozenset({"url", "name", "track", "statusCallback", "statusCallbackMethod"}),
    "Parameter": frozenset({"name", "value"}),
    "Dial": frozenset({"action", "method", "timeout", "callerId", "answerOnBridge", "hangupOnStar", "timeLimit"}),
    "Number": frozenset({"url", "method", "sendDigits", "statusCallback", "statusCallbackEvent"}),
    "Sip": frozenset({"url", "method", "username", "password"}),
}
VERBS = frozenset({"Reject", "Hangup", "Pause", "Say", "Connect", "Dial"})
INSIDE = {"Connect": {"Stream"}, "Stream": {"Parameter"}, "Dial": {"Number", "Sip"}}


@dataclass(frozen=True)
class Verb:
    """One instruction: its name, attributes and text, and the nouns in it."""

    name: str
    attributes: Mapping[str, str]
    text: str = ""
    nouns: tuple[Verb, ...] = field(default=())


class TwimlError(Exception):
    """The document cannot be carried out; the message begins with Twilio's number of the error."""


def parse(document: bytes) -> list[Verb]:
    """The verbs of a document.

    Raises:
        TwimlError: Twilio would say "an application error has occurred" and hang up.
    """
    if len(document) > MAX_BYTES:
        raise TwimlError("11750: the response is too large")
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise TwimlError(f"12100: document parse failure: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"12200: the root is {root.tag}, not Response")
    for child in root:
        if child.tag not in VERBS:
            raise TwimlError(f"12200: {child.tag} is no verb")
    return [_verb(child) for child in root]


def _verb(node: ElementTree.Element) -> Verb:
    unknown = node.attrib.keys() - KNOWN[node.tag]
    if unknown:
        raise TwimlError(f"12200: {node.tag} has no attribute {sorted(unknown)}")
    for child in node:
        if child.tag not in INSIDE.get(node.tag, ()):
            raise TwimlError(f"12200: {child.tag} is not allowed in {node.tag}")
    verb = Verb(node.tag, dict(node.attrib), (node.text or "").strip(), tuple(_verb(child) for child in node))
    if verb.name == "Reject" and verb.attributes.get("reason", "rejected") not in ("rejected", "busy"):
        raise TwimlError("12200: reason of Reject is rejected or busy")
    if verb.name == "Stream":
        _check_stream(verb)
    return verb


def _check_stream(verb: Verb) -> None:
    url = verb.attributes.get("url", "")
    if "?" in url:
        raise TwimlError("31920: the url of a Stream takes no query string: use Parameter")
    if not url.startswith("wss://") and not url.startswith("ws://127.0.0.1:"):  # the latter only here, for tests
        raise TwimlError("31922: the scheme of a Stream's url is wss")
    for parameter in verb.nouns:
        if len(parameter.attributes.get("name", "")) + len(parameter.attributes.get("value", "")) > 500:
            raise TwimlError("a Parameter's name and value have at most 500 characters together")
