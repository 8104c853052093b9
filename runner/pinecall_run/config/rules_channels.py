"""Rules about how an agent is reached: whose number it is, who can get in, what a channel's keys do."""

from __future__ import annotations

from collections.abc import Callable

from pinecall_run.config.rule_context import PlacedChannel, RuleContext, Subject
from pinecall_run.source.diagnostic import Label
from pinecall_run.source.nodes import Sequence

_BROWSER = frozenset(("webrtc", "chat"))
"""What a page of another site can open when its origin is allowed."""

_NOT_WHATSAPP = (frozenset(("phone", "sip", "webrtc", "chat")), ": it is for WhatsApp")
_WITHOUT_EFFECT: dict[str, tuple[frozenset[str], str]] = {
    "ref": (frozenset(("webrtc", "chat")), ", which has no address"),
    "voice": (frozenset(("chat", "whatsapp")), ", where nothing is spoken"),  # but where voice notes are answered
    "stt": (frozenset(("chat",)), ", where nothing is heard"),  # WhatsApp's voice notes are
    "turn_detection": (frozenset(("chat", "whatsapp")), ", where a message is a turn"),
    "vad": (frozenset(("chat", "whatsapp")), ", where a message is a turn"),
    "access_token": _NOT_WHATSAPP,
    "verify_token": _NOT_WHATSAPP,
    "app_secret": _NOT_WHATSAPP,
    "phone": _NOT_WHATSAPP,
    "voice_notes": _NOT_WHATSAPP,
    "template": _NOT_WHATSAPP,
    "idle_minutes": _NOT_WHATSAPP,
    "max_calls": (frozenset(("whatsapp",)), ", where conversations last for hours"),
}
"""Key of a channel to the kinds on which it does nothing, and why."""

_ARTICLES = {"phone": "a phone", "sip": "a SIP", "webrtc": "a WebRTC", "chat": "a chat", "whatsapp": "a WhatsApp"}


def _check_claims(subject: Subject, context: RuleContext) -> None:
    agent = subject.agent.name
    for placed in subject.channels:
        ref, route = placed.channel.ref, placed.address_route
        owner = agent if not ref.ref else ""  # each agent has a chat of its own; a number is the project's
        holder, first = context.first((ref.kind, ref.identity or owner), agent, route)
        if first != route:
            label = Label(context.document.value_span(first), "first claimed here")
            help = "a number or address belongs to one agent, once"
            context.find("PCR501", f"{ref} already reaches `{holder}`", route, help, label)


def _check_reachable(subject: Subject, context: RuleContext) -> None:
    written = context.document.node((*subject.route, "channels"))
    is_empty = written is None or (isinstance(written, Sequence) and not written.items)
    if subject.channels or not is_empty:
        return  # what is written there and is no channel is a finding already
    message = f"nobody can reach `{subject.agent.name}`: it has no channels"
    context.warn_at_key("PCR503", message, subject.route, "add channels: [chat], or more")


def _check_keys(subject: Subject, context: RuleContext) -> None:
    for placed in subject.channels:
        kind = placed.channel.ref.kind
        for key in placed.options:
            kinds, reason = _WITHOUT_EFFECT.get(key, (frozenset(), ""))
            if kind in kinds and not (key == "voice" and placed.options.get("voice_notes")):
                message = f"`{key}` has no effect on {_ARTICLES[kind]} channel{reason}"
                context.warn_at_key("PCR510", message, (*placed.route, key), f"take `{key}` out")
        if kind == "chat" and "greeting" in placed.options:
            _check_greeting(subject, placed, context)


def _check_greeting(subject: Subject, placed: PlacedChannel, context: RuleContext) -> None:
    is_unsure = context.document.node((*subject.route, "greeting_in_chat")) is not None
    if subject.agent.greeting_in_chat or (is_unsure and subject.agent.greeting_in_chat is None):
        return
    message = "`greeting` has no effect on a chat channel of an agent that does not greet in chat"
    help = "add greeting_in_chat: true to the agent, or take `greeting` out"
    context.warn_at_key("PCR510", message, (*placed.route, "greeting"), help)


def _check_whatsapp(subject: Subject, context: RuleContext) -> None:
    for placed in subject.channels:
        if placed.channel.ref.kind != "whatsapp":
            continue
        if "app_secret" not in placed.options:
            message = "anybody can send webhooks to this WhatsApp channel: without `app_secret` none can be verified"
            context.warn("PCR511", message, placed.address_route, "add app_secret: ${WHATSAPP_APP_SECRET}")
        if "access_token" not in placed.options:
            message = "this WhatsApp channel cannot answer: it has no `access_token`"
            context.warn("PCR512", message, placed.address_route, "add access_token: ${WHATSAPP_ACCESS_TOKEN}")


def _check_origins(subject: Subject, context: RuleContext) -> None:
    origins = subject.agent.allowed_origins or ()
    if "*" not in origins or not any(placed.channel.ref.kind in _BROWSER for placed in subject.channels):
        return
    route = (*subject.route, "allowed_origins", origins.index("*"))
    message = f"every web page may open a session with `{subject.agent.name}`, at your cost"
    help = "name the sites: https://shop.example, https://*.shop.example, http://localhost:*"
    context.warn("PCR513", message, route, help)


CHANNEL_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (
    _check_claims,
    _check_reachable,
    _check_keys,
    _check_whatsapp,
    _check_origins,
)
