"""What a schema cannot say: the Config itself, and the table of rules that every agent goes through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pinecall_run.config.channels import international, parse_channel, parse_ref
from pinecall_run.config.model import (
    DEFAULT_MODEL,
    PLAIN,
    SPOKEN,
    Agent,
    Channel,
    Config,
    Context,
    IceServer,
    Phrase,
    PromptSource,
    Server,
    Tool,
    VoiceFile,
)
from pinecall_run.config.rule_context import PlacedChannel, RuleContext, Subject
from pinecall_run.config.rules_agent import AGENT_RULES
from pinecall_run.config.rules_channels import CHANNEL_RULES
from pinecall_run.config.rules_realtime import check_realtime
from pinecall_run.config.rules_sip import check_sip, sip_files
from pinecall_run.config.rules_tools import TOOL_RULES, check_journal
from pinecall_run.config.rules_vendors import VENDOR_RULES, check_prices
from pinecall_run.config.rules_voice import VOICE_RULES, check_server, voice_files
from pinecall_run.source.diagnostic import Diagnostic, Edit, Fix, Route
from pinecall_run.source.document import Document
from pinecall_run.source.suggest import closest
from pinecall_run.vendors.facts import Stage

_CREDENTIALS = ("access_token", "verify_token", "app_secret", "phone", "voice_notes", "template", "idle_minutes")
_OVERRIDES = ("voice", "language", "stt", "greeting", "turn_detection", "vad")
_WORDS = ("webrtc", "chat")
"""The channels that have no address."""
_CHANNEL_HELP = "write webrtc, chat, a number such as +15551234567, sip:…, or whatsapp: and its phone-number id"

_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (
    *CHANNEL_RULES,
    *AGENT_RULES,
    *VENDOR_RULES,
    *VOICE_RULES,
    check_realtime,
    *TOOL_RULES,
)
"""Each looks at one agent; the agents come in the order of the file."""


def build(
    values: Mapping[str, Any],
    document: Document,
    timezones: Callable[[], Collection[str]],
    is_file: Callable[[str], bool],
    plugins: Callable[[Stage], Collection[str]],
) -> tuple[Config, list[Diagnostic]]:
    """The Config of values that have the schema's shape, and what is wrong with its meaning.

    For ``timezones``, ``is_file`` and ``plugins`` see :class:`RuleContext`.
    """
    server = values.get("server")
    # A server that was left out for what is wrong with it, its address perhaps, is not the embedded one for sure.
    is_embedded = document.node(("server",)) is None or (server is not None and "url" not in server)
    context = RuleContext(document, timezones, is_file, is_embedded, plugins)
    agents: dict[str, Agent] = {}
    files: list[VoiceFile] = []
    for name, written in values["agents"].items():
        channels = tuple(_channels(name, written.get("channels", ()), context))
        agents[name] = _agent(name, written, tuple(placed.channel for placed in channels))
        subject = Subject(agents[name], channels)
        for rule in _RULES:
            rule(subject, context)
        files += voice_files(subject)
    told = _server(server)
    config = Config(
        version=values.get("version", 1),
        server=told,
        agents=agents,
        lifespan=values.get("lifespan"),
        journal=values.get("journal"),
        prices=values.get("prices", {}),
        voice_files=(*files, *sip_files(told.sip)),
    )
    check_journal(config, context)
    check_server(config, context)
    check_sip(config, context)
    check_prices(config, context)
    return config, context.diagnostics


def _server(written: str | Mapping[str, Any] | None) -> Server:
    if not isinstance(written, Mapping):
        return Server()
    ice_servers = tuple(_ice_server(each) for each in written.get("ice_servers", ()))
    told = {key: written[key] for key in ("api_key", "public_url", "sip") if key in written}
    return Server(written.get("url"), ice_servers=ice_servers, **told)


def _ice_server(written: Mapping[str, Any]) -> IceServer:
    urls = written["urls"]
    return IceServer(**{**written, "urls": (urls,) if isinstance(urls, str) else tuple(urls)})


def _agent(name: str, written: Mapping[str, Any], channels: tuple[Channel, ...]) -> Agent:
    prompt = written.get("prompt", "")
    origins = written.get("allowed_origins")
    return Agent(
        name=name,
        prompt=PromptSource(text=prompt) if isinstance(prompt, str) else PromptSource(**prompt),
        model=written.get("model", DEFAULT_MODEL),
        channels=channels,
        tools={name: _tool(tool) for name, tool in written.get("tools", {}).items()},
        on=written.get("on", {}),
        context=_context(written.get("context")),
        allowed_origins=None if origins is None else tuple(origins),
        **{key: written[key] for key in (*PLAIN, *SPOKEN) if key in written},
    )


def _tool(written: str | Mapping[str, Any]) -> Tool:
    if isinstance(written, str):
        return Tool(written)
    say = written.get("say")
    phrase = Phrase(say) if isinstance(say, str) else Phrase(**say) if say is not None else None
    return Tool(**{**written, "say": phrase})


def _context(written: str | Mapping[str, Any] | None) -> Context | None:
    return Context(written) if isinstance(written, str) else Context(**written) if written is not None else None


def _channels(agent: str, written: Iterable[Any], context: RuleContext) -> Iterator[PlacedChannel]:
    for index, item in enumerate(written):
        if item is None:
            continue  # not a channel at all, and a finding already
        route: Route = ("agents", agent, "channels", index)
        options = {} if isinstance(item, str) else item
        parsed = parse_channel(item) if isinstance(item, str) else parse_ref(item["type"], item.get("ref", ""))
        if isinstance(parsed, str):
            _not_a_channel(item, parsed, route, context)
            continue
        overrides = {key: options[key] for key in _OVERRIDES if key in options}
        credentials = {key: options[key] for key in _CREDENTIALS if key in options}
        yield PlacedChannel(Channel(parsed, overrides, credentials), route, options)


def _not_a_channel(item: Any, message: str, route: Route, context: RuleContext) -> None:
    is_word = isinstance(item, str)
    written = item if is_word else item.get("ref", "")
    route = route if is_word or "ref" not in item else (*route, "ref")
    is_phone = is_word or item["type"] == "phone"
    number, is_sure = international(written) if is_phone else ("", False)
    meant = number or (closest(item, _WORDS) if is_word else None)
    fix = context.changed(route, item, _WORDS) if is_word else None
    if number and is_sure:
        fix = _numbered(route, written, number, context)
    context.find("PCR502", message, route, f"did you mean `{meant}`?" if meant else _CHANNEL_HELP, fix=fix)


def _numbered(route: Route, value: str, number: str, context: RuleContext) -> Fix | None:
    """The fix that writes a number as it is dialled from anywhere; in quotes, because others read YAML, too."""
    span = context.document.value_span(route)
    if context.document.written(span).strip("'\"") != value:
        return None
    return Fix((Edit(span, f'"{number}"'),), f"changed {value} to {number}")
