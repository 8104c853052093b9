"""Channel addresses: what an author may write, and the one form in which we compare them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["phone", "sip", "webrtc", "chat", "whatsapp"]

_PHONE_LIKE = re.compile(r"\+?[0-9\s().-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_WHATSAPP = re.compile(r"[0-9]{5,20}")
_SIP = re.compile(
    r"(?P<scheme>sips?):(?P<user>[^\s@:;?]+@)?(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(:(?P<port>\d{1,5}))?(?P<rest>[;?]\S*)?",
    re.IGNORECASE,
)
_SIP_PORTS = {"sip": "5060", "sips": "5061"}
"""What no port stands for (RFC 3261, 19.1.2)."""


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel's kind and address. Chat and WebRTC have no address: an agent has one of each."""

    kind: Kind
    ref: str = ""

    @property
    def identity(self) -> str:
        """What tells the address from others: two spellings of one SIP address have the same.

        Case does not count, as servers look addresses up without it, and the scheme's own port is as good as none: who
        is called depends on neither. (RFC 3261, 19.1.4, is stricter, for it compares what is dialled.)
        """
        found = _SIP.fullmatch(self.ref) if self.kind == "sip" else None
        if found is None or found["port"] != _SIP_PORTS[found["scheme"].lower()]:
            return self.ref.lower()
        return (self.ref[: found.start("port") - 1] + self.ref[found.end("port") :]).lower()

    def __str__(self) -> str:
        return f"whatsapp:{self.ref}" if self.kind == "whatsapp" else self.ref or self.kind


def parse_channel(text: str) -> ChannelRef | str:
    """The channel that a short form names, or a sentence that says what is wrong with it."""
    if text in ("webrtc", "chat"):
        return ChannelRef("webrtc" if text == "webrtc" else "chat")
    if text.lower().startswith(("sip:", "sips:")):
        return parse_ref("sip", text)
    if text.startswith("whatsapp:"):
        return parse_ref("whatsapp", text.removeprefix("whatsapp:"))
    if _PHONE_LIKE.fullmatch(text):
        return parse_ref("phone", text)
    return f"`{text}` is not a channel"


def parse_ref(kind: Kind, ref: str) -> ChannelRef | str:
    """The channel of a kind at an address, normalised, or a sentence that says what is wrong with it.

    Phone numbers become E.164 (ITU-T Recommendation E.164: a plus, then at most 15 digits).
    """
    match kind:
        case "webrtc" | "chat":
            return ChannelRef(kind)
        case "phone" if ref.lower().startswith(("sip:", "sips:")):
            return parse_ref("sip", ref)
        case "phone":
            number = "+" + re.sub(r"[^0-9]", "", ref)
            if not _PHONE_LIKE.fullmatch(ref) or not ref.strip().startswith("+") or not _E164.fullmatch(number):
                return f"`{ref}` is not a phone number in E.164: a plus, the country code, 7 to 15 digits in all"
            return ChannelRef("phone", number)
        case "sip":
            found = _SIP.fullmatch(ref)
            if found is None or int(found["port"] or 1) not in range(1, 65536):
                return f"`{ref}` is not a SIP address such as sip:lobby@example.com"
            return ChannelRef("sip", ref)
        case "whatsapp":
            if not _WHATSAPP.fullmatch(ref):
                return f"`{ref}` is not a WhatsApp phone-number id, which has 5 to 20 digits and nothing else"
            return ChannelRef("whatsapp", ref)


def international(text: str) -> tuple[str, bool]:
    """The number in E.164 that a text without its plus probably is, or an empty one; and whether that is sure.

    It is where the number begins with 00, the international prefix of ITU-T E.164 that no national number begins with.
    Bare digits may be a national number, which has ten or eleven at most, so fewer than eleven say nothing.
    """
    digits = re.sub(r"[^0-9]", "", text)
    if not _PHONE_LIKE.fullmatch(text) or "+" in text:
        return "", False
    number = "+" + digits.removeprefix("00")
    if not _E164.fullmatch(number) or (not digits.startswith("00") and len(digits) < 11):
        return "", False
    return number, digits.startswith("00")
