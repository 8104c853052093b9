"""Finds the module of a provider, ours or another package's, and has it make what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from pinecall_run.providers.contracts import ModelSpec, ProviderError, SpeechSpec
from pinecall_run.vendors.facts import Stage
from pinecall_run.vendors.table import PROVIDERS, served

_OPENERS: Mapping[Stage, str] = {"stt": "open_stt", "voice": "open_tts", "model": "open_model"}
_NOUNS: Mapping[Stage, str] = {"stt": "speech-to-text", "voice": "voice", "model": "model"}
_SHARED = {"pinecall_run.providers.voice_socket"}
"""Modules under the adapters that share something, too."""
_REGISTERED: dict[tuple[Stage, str], str] = {}


@contextmanager
def registered(module: str, *names: tuple[Stage, str]) -> Iterator[None]:
    """Within it a module makes the providers of these stages and names: for tests."""
    _REGISTERED.update(dict.fromkeys(names, module))
    try:
        yield
    finally:
        for name in names:
            del _REGISTERED[name]


def opened(stage: Stage, spec: SpeechSpec | ModelSpec, environ: Mapping[str, str], opener: str = "") -> Any:
    """What ``open_stt(spec, environ)``, ``open_tts``, ``open_model``, or another ``opener``, of the provider's module
    makes.

    Raises:
        ProviderError: there is no such provider here, its extra is not installed, its key is missing, or it refuses.
    """
    name = _module(stage, spec.provider)
    try:
        return getattr(import_module(name), opener or _OPENERS[stage])(spec, environ)
    except ModuleNotFoundError as error:
        known = PROVIDERS[stage].get(spec.provider)
        if known is None or not known.extra or (error.name or "").startswith("pinecall_run"):
            raise
        hint = f"install it with: pip install 'pinecall-run[{known.extra}]'"
        message = f"the {_NOUNS[stage]} provider {spec.provider} is not installed"
        raise ProviderError(message, hint, kind="missing") from error


def _module(stage: Stage, provider: str) -> str:
    known = PROVIDERS[stage].get(provider)
    module = _REGISTERED.get((stage, provider)) or (known.module if known else "")
    if module:
        return module
    hint = f"served: {', '.join(sorted(served(stage)))}"
    if known is not None:
        raise ProviderError(f"{provider} is not served here", hint, kind="missing")
    raise ProviderError(f"there is no {_NOUNS[stage]} provider `{provider}`", hint, kind="missing")


async def close_providers() -> None:
    """Close what adapters share between conversations: connections, processes, threads.

    A module that has such has an ``async close()``.
    """
    names = {one.module for stage in PROVIDERS.values() for one in stage.values()} | set(_REGISTERED.values()) | _SHARED
    for name in names:
        close = getattr(sys.modules.get(name), "close", None)
        if close is not None:
            await close()
