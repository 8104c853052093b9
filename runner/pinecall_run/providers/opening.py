"""Finds the module of a provider, ours or another package's, and has it make what was asked for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from pinecall_run import plugins
from pinecall_run.providers.contracts import ModelSpec, ProviderError, SpeechSpec
from pinecall_run.providers.options import check_options
from pinecall_run.vendors.facts import Stage
from pinecall_run.vendors.table import PROVIDERS, served

_LOG = logging.getLogger("pinecall_run.providers")

_OPENERS: Mapping[Stage, str] = {"stt": "open_stt", "voice": "open_tts", "model": "open_model"}
_NOUNS: Mapping[Stage, str] = {"stt": "speech-to-text", "voice": "voice", "model": "model"}
_SHARED = {"pinecall_run.providers._aws_http", "pinecall_run.providers.voice_socket"}
"""Modules under the adapters that share something, too."""
_REGISTERED: dict[tuple[Stage, str], str] = {}
_LOADED: dict[tuple[Stage, str], plugins.Loaded] = {}
"""What was taken from other packages so far: it is looked for once, for that reads much."""


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
    if not name:
        return _of_plugin(stage, spec, environ)
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
    """The module of one of ours; empty where the name is none of these."""
    known = PROVIDERS[stage].get(provider)
    module = _REGISTERED.get((stage, provider)) or (known.module if known else "")
    if known is not None and not module:
        raise ProviderError(f"{provider} is not served here", _served(stage), kind="missing")
    return module


def _served(stage: Stage) -> str:
    return f"served: {', '.join(sorted(served(stage)))}"


def _of_plugin(stage: Stage, spec: SpeechSpec | ModelSpec, environ: Mapping[str, str]) -> Any:
    """What another package's provider makes. Its options are held against what it says of them."""
    loaded = loaded_plugin(stage, spec.provider)
    if loaded is None:
        raise ProviderError(f"there is no {_NOUNS[stage]} provider `{spec.provider}`", _served(stage), kind="missing")
    if loaded.facts is not None:
        check_options(loaded.facts, spec.options)
    opener = getattr(loaded.module, _OPENERS[stage], None)
    if opener is None:
        message = f"{loaded.plugin} is broken: {loaded.plugin.module} has no {_OPENERS[stage]}"
        raise ProviderError(message, "tell its authors", kind="missing")
    try:
        return opener(spec, environ)
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError(f"{loaded.plugin} failed with {type(error).__name__}", "tell its authors") from error


def loaded_plugin(stage: Stage, name: str) -> plugins.Loaded | None:
    """Another package's provider, imported; ``None`` where no package has one of the name.

    Raises:
        ProviderError: its package is broken, or two have one of the name.
    """
    if (stage, name) not in _LOADED:
        try:
            plugin = plugins.find(stage, name)
            if plugin is None:
                return None
            _LOADED[stage, name] = plugins.load(plugin)
        except plugins.PluginError as error:
            raise ProviderError(str(error), error.hint, kind="missing") from error
    return _LOADED[stage, name]


async def close_providers() -> None:
    """Close what adapters share between conversations: connections, processes, threads.

    A module that has such has an ``async close()``.
    """
    for loaded in {loaded.plugin.module: loaded for loaded in _LOADED.values()}.values():
        try:
            if (close := getattr(loaded.module, "close", None)) is not None:
                await close()
        except Exception as error:  # noqa: BLE001 - the rest is to be closed all the same
            _LOG.error("%s could not be closed: %s", loaded.plugin, type(error).__name__)
    names = {one.module for stage in PROVIDERS.values() for one in stage.values()} | set(_REGISTERED.values()) | _SHARED
    for name in names:
        close = getattr(sys.modules.get(name), "close", None)
        if close is not None:
            await close()
