"""Which language model the wire names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pinecall_run.providers.contracts import DuplexModel, LanguageModel, ModelSpec, ProviderError
from pinecall_run.providers.opening import opened
from pinecall_run.vendors.facts import COMMON
from pinecall_run.vendors.naming import model_provider, split
from pinecall_run.vendors.table import PROVIDERS, known

OpenModel = Callable[[ModelSpec, Mapping[str, str]], LanguageModel]
"""Makes an adapter, as :func:`open_model` does."""

_DEFAULT = ModelSpec("openai", "gpt-4.1-mini")


def parse_models(written: Any) -> list[ModelSpec]:
    """The models that a wire value ``llm`` names, the first one first: our extension of it is a list.

    Raises:
        ProviderError: see :func:`parse_model`.
    """
    named = [parse_model(one) for one in (written if isinstance(written, list | tuple) else [written])]
    return [spec for spec in named if spec is not None]


def parse_model(written: Any) -> ModelSpec | None:
    """The model that a wire value ``llm`` names; ``None`` when the client answers by itself.

    Understood: ``provider/model``, ``provider:model``, a bare model of OpenAI, the object form, and the object of
    old clients whose provider repeats the model's name (protocol: config keys).

    Raises:
        ProviderError: it is neither text nor an object.
    """
    if not written:
        return None
    if isinstance(written, str):
        return _named(written)
    if not isinstance(written, Mapping):
        raise ProviderError(f"`llm` is a {type(written).__name__}", "write `provider/model`, or an object")
    if written.get("enabled") is False:
        return None
    name = str(written.get("model") or written.get("llm") or "")
    named = _named(name) if name else _DEFAULT
    provider = model_provider(str(written.get("provider") or ""), name)
    options = {key: value for key, value in written.items() if key not in COMMON["model"]}
    if provider in ("", named.provider) or (provider == name and provider not in known("model")):
        return ModelSpec(named.provider, named.model, options)
    return ModelSpec(provider, name, options)


def _named(name: str) -> ModelSpec:
    found = split("model", name)
    return ModelSpec(found.provider, found.name)


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """An adapter for ``spec``; ``environ`` holds the vendors' keys. It serves any number of conversations.

    Raises:
        ProviderError: there is no such provider, its extra is not installed, or its key is missing.
    """
    model: LanguageModel = opened("model", spec, environ)
    return model


def is_duplex(spec: ModelSpec) -> bool:
    """Whether a model hears and speaks itself: it is opened by :func:`open_duplex`."""
    found = PROVIDERS["model"].get(spec.provider)
    return found is not None and found.is_duplex


def open_duplex(spec: ModelSpec, environ: Mapping[str, str]) -> DuplexModel:
    """A model that hears and speaks itself, as :func:`open_model` gives one that reads and writes."""
    model: DuplexModel = opened("model", spec, environ, "open_duplex")
    return model
