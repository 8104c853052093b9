"""How a vendor is written in one word: ``provider/name``, ``provider:name`` and what else the protocol has of that.

Both the checks of pinecall.yaml and the voice server read it by these rules, so that what passes is what is done.
"""

from __future__ import annotations

from typing import NamedTuple

from pinecall_run.vendors.facts import Stage


class Named(NamedTuple):
    """A vendor, what of theirs is meant, and for speech to text perhaps a language; empty where nothing is said."""

    provider: str
    name: str = ""
    language: str = ""


REALTIME = "openai-realtime"


def model_provider(provider: str, model: str) -> str:
    """Whose a model is: those of OpenAI with ``realtime`` in their name hear and speak themselves (protocol: LLM), and
    have options of their own."""
    return REALTIME if provider == "openai" and "realtime" in model else provider


def split(stage: Stage, text: str) -> Named:
    """What a text names. The first separator counts: names of some vendors hold slashes and colons of their own.

    ``provider:model:language`` is of speech to text alone; what follows a third colon is dropped (protocol: STT). A
    model without a provider is OpenAI's, and ``ft`` no provider but what names of its fine-tuned models begin with.
    """
    if stage == "model":
        found = _split_model(text)
        return Named(model_provider(found.provider, found.name), found.name)
    at = next((index for index, character in enumerate(text) if character in "/:"), len(text))
    provider, separator, name = text[:at].strip().lower(), text[at : at + 1], text[at + 1 :].strip()
    if stage == "stt" and separator == ":":
        name, _, rest = name.partition(":")
        return Named(provider, name, rest.partition(":")[0])
    return Named(provider, name)


def _split_model(text: str) -> Named:
    for separator in ("/", ":"):
        provider, found, model = text.partition(separator)
        if found and provider and model and not ("/" in provider or ":" in provider or provider == "ft"):
            return Named(provider, model)
    return Named("openai", text)
