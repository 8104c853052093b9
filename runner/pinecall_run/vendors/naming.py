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


def is_realtime(provider: str, model: str) -> bool:
    """Whether a model hears and speaks itself, in place of an ear and a voice (protocol: LLM)."""
    return "realtime" in model and provider != "scripted"


def split(stage: Stage, text: str) -> Named:
    """What a text names. The first separator counts: names of some vendors hold slashes and colons of their own.

    ``provider:model:language`` is of speech to text alone; what follows a third colon is dropped (protocol: STT). A
    model without a provider is OpenAI's, and ``ft`` no provider but what names of its fine-tuned models begin with.
    """
    if stage in ("model", "realtime"):
        return _split_model(text)
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
