"""Which language models there are, and how the wire names them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pinecall_run.providers.contracts import LanguageModel, ModelSpec, ProviderError

OpenModel = Callable[[ModelSpec, Mapping[str, str]], LanguageModel]
"""Makes an adapter, as :func:`open_model` does."""

_MODELS: dict[str, str] = {
    "openai": "pinecall_run.providers.openai_model",
    "scripted": "pinecall_run.providers.scripted_model",
}
"""Provider to the module whose ``open_model(spec, environ)`` makes it; imported only when used. A module that keeps
connections has an ``async close()`` too."""

_EXTRAS = {"openai": "openai"}
_NOT_OPTIONS = frozenset(("provider", "model", "enabled", "llm", "prompt"))
_DEFAULT = ModelSpec("openai", "gpt-4.1-mini")


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
    provider = str(written.get("provider") or "")
    options = {key: value for key, value in written.items() if key not in _NOT_OPTIONS}
    if provider in ("", named.provider) or (provider == name and provider not in _MODELS):
        return ModelSpec(named.provider, named.model, options)
    return ModelSpec(provider, name, options)


def _named(name: str) -> ModelSpec:
    """The first separator counts: models of some providers hold slashes and colons of their own.

    ``ft`` is no provider but what OpenAI's names of fine-tuned models begin with.
    """
    for separator in ("/", ":"):
        provider, found, model = name.partition(separator)
        if found and provider and model and not ("/" in provider or ":" in provider or provider == "ft"):
            return ModelSpec(provider, model)
    return ModelSpec("openai", name)


def open_model(spec: ModelSpec, environ: Mapping[str, str]) -> LanguageModel:
    """An adapter for ``spec``; ``environ`` holds the vendors' keys. It serves any number of conversations.

    Raises:
        ProviderError: there is no such provider, its extra is not installed, or its key is missing.
    """
    module = _MODELS.get(spec.provider)
    if module is None:
        raise ProviderError(f"there is no model provider `{spec.provider}`", f"known: {', '.join(sorted(_MODELS))}")
    try:
        opener: OpenModel = import_module(module).open_model
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(spec.provider)
        if extra is None or (error.name or "").startswith("pinecall_run"):
            raise
        hint = f"install it with: pip install 'pinecall-run[{extra}]'"
        raise ProviderError(f"the `{spec.provider}` provider is not installed", hint) from error
    return opener(spec, environ)


async def close_models() -> None:
    """Close the connections that models of this event loop share."""
    for name in _MODELS.values():
        close = getattr(sys.modules.get(name), "close", None)
        if close is not None:
            await close()
