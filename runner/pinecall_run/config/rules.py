"""What a schema cannot say: rules over the whole configuration, and the Config itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinecall_run.config.channels import ChannelRef, parse_channel, parse_ref
from pinecall_run.config.model import DEFAULT_MODEL, Agent, Channel, Config, PromptSource, Server
from pinecall_run.source.diagnostic import Diagnostic, Fix, Label, Route, Severity
from pinecall_run.source.document import Document
from pinecall_run.source.fix import reword
from pinecall_run.source.nodes import Sequence
from pinecall_run.source.suggest import closest, surely

_CREDENTIALS = ("access_token", "verify_token", "app_secret", "phone")
_OVERRIDES = ("voice", "language", "stt", "greeting")
_PLAIN = (
    "voice",
    "language",
    "stt",
    "greeting",
    "greeting_in_chat",
    "session_limits",
    "interruption",
    "timezone",
)
_WORDS = ("webrtc", "chat")
"""The channels that have no address."""
_CHANNEL_HELP = "write webrtc, chat, a number such as +15551234567, sip:…, or whatsapp: and its phone-number id"


@dataclass(slots=True)
class _Building:
    """What is known while the agents are gone through."""

    document: Document
    diagnostics: list[Diagnostic] = field(default_factory=list)
    claims: dict[ChannelRef, tuple[str, Route]] = field(default_factory=dict)

    def refuse(self, code: str, message: str, route: Route, help: str, *labels: Label, fix: Fix | None = None) -> None:
        span = self.document.value_span(route)
        self.diagnostics.append(Diagnostic(code, message, span, help=help, route=route, labels=labels, fix=fix))

    def changed(self, route: Route, value: str, known: Iterable[str]) -> Fix | None:
        """The fix for a word that was surely meant to be a known one."""
        meant, span = surely(value, known), self.document.value_span(route)
        if meant is None:
            return None
        return reword(span, self.document.written(span), value, meant, f"changed {value} to {meant}")


def build(
    values: Mapping[str, Any], document: Document, timezones: Callable[[], Collection[str]]
) -> tuple[Config, list[Diagnostic]]:
    """The Config of values that have the schema's shape, and what is wrong with its meaning.

    ``timezones`` gives the known IANA names; where the machine has none, the check is left out.
    """
    building = _Building(document)
    agents = {}
    for name, written in values["agents"].items():
        agents[name] = _agent(name, written, building)
        _check_reachable(agents[name], building)
        _check_limits(agents[name], building)
        _check_timezone(agents[name], building, timezones)
    config = Config(version=values.get("version", 1), server=_server(values.get("server")), agents=agents)
    return config, building.diagnostics


def _server(written: str | Mapping[str, Any] | None) -> Server:
    if isinstance(written, Mapping):
        return Server(url=written["url"], api_key=written.get("api_key", ""))
    return Server()


def _agent(name: str, written: Mapping[str, Any], building: _Building) -> Agent:
    prompt = written.get("prompt", "")
    origins = written.get("allowed_origins")
    return Agent(
        name=name,
        prompt=PromptSource(text=prompt) if isinstance(prompt, str) else PromptSource(**prompt),
        model=written.get("model", DEFAULT_MODEL),
        channels=tuple(_channels(name, written.get("channels", ()), building)),
        tools=written.get("tools", {}),
        allowed_origins=None if origins is None else tuple(origins),
        **{key: written[key] for key in _PLAIN if key in written},
    )


def _channels(agent: str, written: Iterable[Any], building: _Building) -> Iterator[Channel]:
    for index, item in enumerate(written):
        if item is None:
            continue  # not a channel at all, and a finding already
        route: Route = ("agents", agent, "channels", index)
        if isinstance(item, str):
            parsed, options = parse_channel(item), {}
        else:
            parsed, options = parse_ref(item["type"], item.get("ref", "")), item
            route = (*route, "ref") if "ref" in item else route
        if isinstance(parsed, str):
            meant = closest(item, _WORDS) if isinstance(item, str) else None
            fix = building.changed(route, item, _WORDS) if isinstance(item, str) else None
            building.refuse("PCR502", parsed, route, f"did you mean `{meant}`?" if meant else _CHANNEL_HELP, fix=fix)
            continue
        _claim(parsed, agent, route, building)
        overrides = {key: options[key] for key in _OVERRIDES if key in options}
        credentials = {key: options[key] for key in _CREDENTIALS if key in options}
        yield Channel(parsed, overrides, credentials)


def _claim(channel: ChannelRef, agent: str, route: Route, building: _Building) -> None:
    owner = agent if not channel.ref else ""  # each agent has a chat of its own; a number is the project's
    holder, first = building.claims.setdefault(ChannelRef(channel.kind, channel.ref or owner), (agent, route))
    if first != route:
        label = Label(building.document.value_span(first), "first claimed here")
        help = "a number or address belongs to one agent, once"
        building.refuse("PCR501", f"{channel} already reaches `{holder}`", route, help, label)


def _check_reachable(agent: Agent, building: _Building) -> None:
    route: Route = ("agents", agent.name)
    written = building.document.node((*route, "channels"))
    is_empty = written is None or (isinstance(written, Sequence) and not written.items)
    if agent.channels or not is_empty:
        return  # what is written there and is no channel is a finding already
    span = building.document.key_span(route)
    message = f"nobody can reach `{agent.name}`: it has no channels"
    building.diagnostics.append(
        Diagnostic("PCR503", message, span, Severity.WARNING, "add channels: [chat], or more", route)
    )


def _check_limits(agent: Agent, building: _Building) -> None:
    limits = agent.session_limits or {}
    timeout, warning = limits.get("idle_timeout_seconds", 60), limits.get("idle_warning_seconds", 15)
    if not timeout or warning < timeout:
        return
    written = next((key for key in ("idle_warning_seconds", "idle_timeout_seconds") if key in limits), "")
    message = f"the idle warning comes {warning} s before a time-out of {timeout} s, so it never comes"
    help = "make idle_warning_seconds smaller than idle_timeout_seconds"
    building.refuse("PCR504", message, ("agents", agent.name, "session_limits", written), help)


def _check_timezone(agent: Agent, building: _Building, timezones: Callable[[], Collection[str]]) -> None:
    known = timezones() if agent.timezone is not None else ()
    if agent.timezone is None or not known or agent.timezone in known:
        return
    meant = closest(agent.timezone, known)
    help = f"did you mean `{meant}`?" if meant else "write an IANA name such as Europe/Madrid"
    route: Route = ("agents", agent.name, "timezone")
    fix = building.changed(route, agent.timezone, known)
    building.refuse("PCR505", f"`{agent.timezone}` is not a time zone", route, help, fix=fix)
