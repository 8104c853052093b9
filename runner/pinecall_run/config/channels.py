"""Channel addresses: what an author may write, and the one form in which we compare them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["phone", "sip", "webrtc", "chat", "whatsapp"]

_PHONE_LIKE = re.compile(r"\+?[0-9\s().-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_WHATSAPP = re.compile(r"[0-9]{5,20}")
_SIP = re.compile(r"sips?:([^\s@:;?]+@)?[A-Za-z0-9.-]+(:\d{1,5})?([;?]\S*)?")


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel's kind and address. Chat and WebRTC have no address: an agent has one of each."""

    kind: Kind
    ref: str = ""

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
            if not _SIP.fullmatch(ref):
                return f"`{ref}` is not a SIP address such as sip:lobby@example.com"
            return ChannelRef("sip", ref)
        case "whatsapp":
            if not _WHATSAPP.fullmatch(ref):
                return f"`{ref}` is not a WhatsApp phone-number id, which has 5 to 20 digits and nothing else"
            return ChannelRef("whatsapp", ref)
