"""Functions that are called for a call without the model's asking: hooks, contexts, models and lifespans of the user's.

What each parameter receives is known from its annotation or its name; nothing else can fill one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from pinecall_run.tools.binding import BindError, annotated, first_line, import_function, means
from pinecall_run.tools.call import Call
from pinecall_run.tools.given import MAY_TAKE, Given, Kind, gives
from pinecall_run.tools.path import ToolPath
from pinecall_run.wire.events import Event


@dataclass(frozen=True, slots=True)
class Hook:
    """A bound function. ``given`` says what its parameters receive, by name."""

    path: str
    function: Callable[..., Any]
    given: Mapping[str, Given]

    def fill(self, values: Mapping[Given, Any]) -> dict[str, Any]:
        """The function's keyword arguments."""
        return {name: values[given] for name, given in self.given.items()}


@dataclass(frozen=True, slots=True)
class Lifespan:
    """A bound async context manager. ``yields`` is the type of its value, ``None`` where it is not told."""

    path: str
    function: Callable[[], AbstractAsyncContextManager[Any]]
    yields: Any


def bind_hook(path: ToolPath, kind: Kind, state: Any) -> Hook:
    """Import the function at ``path`` and see what to give it. ``state`` is the type that the lifespan yields.

    Raises:
        BindError: it cannot be imported, or called with what there is to give.
    """
    function = import_function(path)
    if not callable(function):
        raise BindError("PCR405", f"`{path}` is a {type(function).__name__}, not a function", "name a function")
    is_stream = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)
    if is_stream and kind is not Kind.MODEL:
        raise BindError("PCR405", f"`{path}` is a generator, which is not run by calling it", "return a value")
    return Hook(str(path), function, dict(_given(function, path, kind, state)))


def _given(function: Callable[..., Any], path: ToolPath, kind: Kind, state: Any) -> Iterator[tuple[str, Given]]:
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(annotated(function), include_extras=True)
    except Exception as error:
        message = f"the signature of `{path}` cannot be read: {first_line(error)}"
        raise BindError("PCR405", message, "import the names of its annotations where they are used") from error
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        given = _meant(name, hints.get(name), state)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise BindError("PCR405", f"`{path}` takes `{name}` by place, not by name", "remove the /")
        if given in MAY_TAKE[kind]:
            yield name, given
        elif parameter.default is parameter.empty:
            raise BindError("PCR405", f"`{path}` takes `{name}`, and nothing fills it", gives(kind))


def _meant(name: str, annotation: Any, state: Any) -> Given | None:
    if means(annotation, Call) or (annotation is None and name == "call"):
        return Given.CALL
    if state is not None and means(annotation, state):
        return Given.STATE
    is_event = isinstance(annotation, type) and issubclass(annotation, Event)
    return Given.EVENT if name == "event" or is_event else None


_LIFESPAN = "write an async generator under contextlib.asynccontextmanager"


def bind_lifespan(path: ToolPath) -> Lifespan:
    """Import the async context manager at ``path``.

    Raises:
        BindError: it cannot be imported, is none, or asks for arguments.
    """
    function = import_function(path)
    if not callable(function):
        raise BindError("PCR405", f"`{path}` is a {type(function).__name__}, not a function", "name a function")
    if inspect.isasyncgenfunction(function):
        help = "decorate it with contextlib.asynccontextmanager"
        raise BindError("PCR405", f"`{path}` is an async generator, not an async context manager", help)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise BindError("PCR405", f"`{path}` does not make an async context manager", _LIFESPAN)
    wrapped = inspect.unwrap(function)
    if inspect.isclass(function) and not hasattr(function, "__aenter__"):
        raise BindError("PCR405", f"`{path}` is a class without __aenter__, not an async context manager", _LIFESPAN)
    if wrapped is not function and inspect.isroutine(wrapped) and not inspect.isasyncgenfunction(wrapped):
        kind = "is not async" if inspect.isgeneratorfunction(wrapped) else "yields nothing"
        raise BindError("PCR405", f"`{path}` {kind}, and a lifespan is an async context manager", _LIFESPAN)
    needed = _needed(function)
    if needed:
        raise BindError("PCR405", f"`{path}` takes `{needed[0]}`, and a lifespan is given nothing", "read it inside")
    return Lifespan(str(path), function, _yields(function))


def _needed(function: Callable[..., Any]) -> list[str]:
    """The parameters that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []  # written in C: calling it will tell
    return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def _yields(function: Callable[..., Any]) -> Any:
    """The type of what an async context manager gives: the first argument of what its function returns."""
    maker = getattr(function, "__aenter__", None) if inspect.isclass(function) else inspect.unwrap(function)
    try:
        returned = typing.get_type_hints(maker).get("return")
    except Exception:  # noqa: BLE001 - annotations may name anything; then parameters of no type are filled
        return None
    inner = returned if inspect.isclass(function) else next(iter(typing.get_args(returned)), None)
    return None if inner in (None, type(None), Any) else inner
