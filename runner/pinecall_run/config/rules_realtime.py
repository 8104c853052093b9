"""Rules about models that hear and speak themselves: what means nothing beside one, and whom it does not talk with."""

from __future__ import annotations

from pinecall_run.config.rule_context import RuleContext, Subject
from pinecall_run.config.rules_vendors import each
from pinecall_run.config.vendors import speaks_itself
from pinecall_run.source.diagnostic import Label

_MEANINGLESS = ("voice", "stt", "turn_detection", "vad")
_TYPED = frozenset(("chat", "whatsapp"))


def check_realtime(subject: Subject, context: RuleContext) -> None:
    """Whether an agent with such a model has keys of the stages that it replaces, or channels on which people write."""
    agent, route = subject.agent, (*subject.route, "model")
    are_realtime = [speaks_itself(written) for written, _ in each(agent.model, route)]
    if not (are_realtime and are_realtime[0]):
        return
    label = Label(context.document.value_span(route), "it hears and speaks itself")
    help = "take it out; the voice is an option of the model: {provider: openai-realtime, model: NAME, voice: marin}"
    for key in _MEANINGLESS:
        if getattr(agent, key) is not None:
            message = f"`{key}` has no effect beside a realtime model"
            context.warn_at_key("PCR522", message, (*subject.route, key), help, label)
    typed = [placed for placed in subject.channels if placed.channel.ref.kind in _TYPED]
    for placed in typed if all(are_realtime) and context.is_embedded else ():
        message = f"a realtime model takes no typed conversations: nobody answers on `{placed.channel.ref.kind}`"
        help = "give the channel an agent with another model"
        context.warn("PCR522", message, placed.address_route, help, label)
