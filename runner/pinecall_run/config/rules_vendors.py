"""Rules about vendors: whether there is such a one, whether it can do what the agent asks of it, and whether the
embedded server has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pinecall_run.config.model import DEFAULT_MODEL, Config
from pinecall_run.config.rule_context import RuleContext, Subject
from pinecall_run.config.vendors import MODEL, PRODUCTS, STT, VOICE, Stage, hearing, hears, named
from pinecall_run.source.diagnostic import Fix, Label, Route, Severity
from pinecall_run.source.suggest import closest, listed, surely
from pinecall_run.vendors.naming import Named

_SPOKEN = frozenset(("phone", "sip", "webrtc"))


def _check_vendors(subject: Subject, context: RuleContext) -> None:
    if subject.agent.model != DEFAULT_MODEL and subject.agent.model_function is None:
        models = list(each(subject.agent.model, (*subject.route, "model")))
        for written, at in models:
            _check_vendor(written, MODEL, at, context)
        _check_answers(models, (*subject.route, "model"), context)
    for route, keys in _places(subject):
        for stage in (VOICE, STT):
            for written, at in each(keys.get(stage.key), (*route, stage.key)):
                _check_vendor(written, stage, at, context)


def _places(subject: Subject) -> Iterator[tuple[Route, Mapping[str, Any]]]:
    """Where voice, stt and language may be written: the agent itself, then its channels."""
    agent = subject.agent
    yield subject.route, {"voice": agent.voice, "stt": agent.stt, "language": agent.language}
    for placed in subject.channels:
        if placed.channel.overrides:
            yield placed.route, placed.channel.overrides


def each(written: Any, route: Route) -> Iterator[tuple[str | Mapping[str, Any], Route]]:
    """What is written for a stage, or what is in a list of that, in order, and where; nothing for ``None``."""
    if isinstance(written, str | Mapping):
        yield written, route
    else:
        yield from ((one, (*route, index)) for index, one in enumerate(written or ()))


def _check_vendor(written: str | Mapping[str, Any], stage: Stage, route: Route, context: RuleContext) -> None:
    found = named(stage.key, written)
    # A server elsewhere may know more vendors, and other ways to write them.
    severity = Severity.ERROR if context.is_embedded else Severity.WARNING
    if found is None:
        _refuse_form(written, stage, route, severity, context)
        return
    if found.provider in stage.vendors:
        return
    plugins = frozenset(context.plugins(stage.key))
    if found.provider in plugins:
        return
    route = (*route, "provider") if isinstance(written, Mapping) and "provider" in written else route
    offered = (stage.embedded if context.is_embedded and stage is MODEL else stage.vendors) | plugins
    product = PRODUCTS.get(found.provider.lower())
    meant = product if product in stage.vendors else closest(found.provider, stage.vendors | plugins)
    help = f"did you mean `{meant}`?" if meant else f"the {stage.noun} providers are {listed(offered)}"
    if stage is MODEL and isinstance(written, str) and ":" in written and not meant:
        help += f"; a model of OpenAI's interface with a colon in its name is openai:{written}"
    message = f"there is no {stage.noun} provider `{found.provider}`"
    fix = _renamed(written, found.provider, stage, route, context)
    context.find("PCR506", message, route, help, severity=severity, fix=fix)


def _check_answers(models: Sequence[tuple[str | Mapping[str, Any], Route]], route: Route, context: RuleContext) -> None:
    """Without a model that it has the embedded server refuses the agent: one that cannot speak still chats."""
    found = [named("model", written) for written, _ in models]
    vendors = [one.provider for one in found if one is not None and one.provider in MODEL.vendors]
    is_understood = len(vendors) == len(models)  # what is not is a finding already
    if context.is_embedded and vendors and is_understood and MODEL.embedded.isdisjoint(vendors):
        message = f"the embedded voice server has no model provider {_quoted(vendors)} and refuses the agent"
        help = f"it has {listed(MODEL.embedded)}; `server: {{url: …}}` names a server that may have others"
        context.find("PCR506", message, route, help)


def check_prices(config: Config, context: RuleContext) -> None:
    """Whether prices are those of somebody. Another server may know more vendors."""
    known = MODEL.vendors | VOICE.vendors | STT.vendors
    for name in config.prices:
        provider = name.partition(":")[0]
        if provider not in known:
            meant = PRODUCTS.get(provider) or closest(provider, known)
            help = f"did you mean `{meant}`?" if meant else "`pinecall-run providers` lists them"
            context.warn_at_key("PCR506", f"there is no provider `{provider}` to have a price", ("prices", name), help)


def _renamed(
    written: str | Mapping[str, Any], provider: str, stage: Stage, route: Route, context: RuleContext
) -> Fix | None:
    meant = surely(provider, stage.vendors)
    if meant is None:
        return None
    value = provider if isinstance(written, Mapping) else written
    return context.written_as(route, value, meant + value[len(provider) :], f"changed {provider} to {meant}")


def _refuse_form(
    written: str | Mapping[str, Any], stage: Stage, route: Route, severity: Severity, context: RuleContext
) -> None:
    if isinstance(written, Mapping):
        context.find("PCR507", "the model has no name", (*route, "model"), stage.form, severity=severity)
        return
    message = f"`{written}` does not name a {stage.noun} of a provider"
    context.find("PCR507", message, route, stage.form, severity=severity)


def _check_hearing(subject: Subject, context: RuleContext) -> None:
    agent = subject.agent
    for stt, route in each(agent.stt, (*subject.route, "stt")):
        _check_keyterms(stt, route, context)
        _check_language(stt, route, agent.language, (*subject.route, "language"), context)
    for placed in subject.channels:
        overrides = placed.channel.overrides
        if placed.channel.ref.kind not in _SPOKEN or not ("stt" in overrides or "language" in overrides):
            continue
        stt_route = (*(placed.route if "stt" in overrides else subject.route), "stt")
        language_route = (*(placed.route if "language" in overrides else subject.route), "language")
        for stt, route in each(overrides.get("stt", agent.stt), stt_route):
            if "stt" in overrides:
                _check_keyterms(stt, route, context)
            _check_language(stt, route, overrides.get("language", agent.language), language_route, context)


def _shown(found: Named) -> str:
    return f"{found.provider}:{found.name}" if found.name else found.provider


def _check_language(
    stt: str | Mapping[str, Any], stt_route: Route, language: str | None, language_route: Route, context: RuleContext
) -> None:
    found = named("stt", stt)
    tag = (found.language if found else "") or language
    languages = hearing(found).languages if found else None
    if found is None or languages is None or not tag or hears(languages, tag):
        return
    message = f"`{_shown(found)}` does not hear `{tag}`"
    help = f"it hears {listed(languages)}; choose another language, or another stt"
    if found.language:
        route = (*stt_route, "language") if isinstance(stt, Mapping) else stt_route
        context.warn("PCR508", message, route, help)
        return
    is_of_channel = "channels" in stt_route[:3] and "channels" not in language_route[:3]
    here, there = (stt_route, language_route) if is_of_channel else (language_route, stt_route)
    text = "the language is chosen here" if is_of_channel else "the speech to text is chosen here"
    context.warn("PCR508", message, here, help, Label(context.document.value_span(there), text))


def _check_keyterms(stt: str | Mapping[str, Any], route: Route, context: RuleContext) -> None:
    if isinstance(stt, str) or not stt.get("keyterms"):
        return
    found = named("stt", stt)
    if found is not None and hearing(found).takes_keyterms is False:
        help = "take them out, or choose one that does: deepgram-flux, deepgram:nova-3, soniox"
        context.warn_at_key("PCR509", f"`{_shown(found)}` takes no keyterms", (*route, "keyterms"), help)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _check_served(subject: Subject, context: RuleContext) -> None:
    spoken = [placed for placed in subject.channels if placed.channel.ref.kind in _SPOKEN]
    seen: set[Route] = set()
    for placed in spoken if context.is_embedded else ():
        for stage in (VOICE, STT):
            here = stage.key in placed.channel.overrides
            written = placed.channel.overrides[stage.key] if here else getattr(subject.agent, stage.key)
            route = (*(placed.route if here else subject.route), stage.key)
            found = [named(stage.key, one) for one, _ in each(written, route)]
            vendors = [one.provider for one in found if one is not None and one.provider in stage.vendors]
            if not found or len(vendors) < len(found) or not stage.embedded.isdisjoint(vendors):
                continue  # nothing is asked for, what is wrong with it is a finding already, or it is there
            lack = f"the embedded voice server has no {stage.noun} provider {_quoted(vendors)}"
            help = f"let it fall back on what it has: {stage.key}: [{vendors[0]}…, {listed(stage.embedded)}]"
            label = Label(context.document.value_span(placed.address_route), "the channel of these calls")
            if route not in seen:  # what is said for the agent is said once, whatever channels it has
                context.warn("PCR518", f"calls cannot use this: {lack}", route, help, label)
            seen.add(route)


VENDOR_RULES: tuple[Callable[[Subject, RuleContext], None], ...] = (_check_vendors, _check_hearing, _check_served)
