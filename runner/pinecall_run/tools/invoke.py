"""One tool call: arguments checked, the function run, its result made JSON; it always ends in an answer."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import json
from collections.abc import Awaitable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from pinecall_run.tools.binding import Binding
from pinecall_run.tools.call import Call
from pinecall_run.tools.place import user_line


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no result: for the developer, not for the model.

    Attributes:
        kind: an exception's name, or what was wrong with the call.
        message: its text; it may quote what the caller said.
        file, line: the innermost line of the user's code.
    """

    kind: str
    message: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the model: a JSON value, ``{"error": …}`` when the call failed."""

    result: Any
    failure: Failure | None = None


async def invoke(binding: Binding, arguments: str, call: Call, pool: Executor, state: Any = None) -> Answer:
    """Call the tool with ``arguments``, a JSON object as text. Plain functions run in ``pool``.

    ``state`` is what the project's lifespan yielded.

    Raises nothing but the cancellation of the task that calls it.
    """
    parameters = _parameters(binding, arguments)
    if isinstance(parameters, Answer):
        return parameters
    if binding.call_parameter is not None:
        parameters[binding.call_parameter] = call
    if binding.state_parameter is not None:
        parameters[binding.state_parameter] = state
    try:
        outcome = await _begin(binding, parameters, pool)
        return outcome if isinstance(outcome, Answer) else _answer(await outcome)
    except BaseException as error:
        task = asyncio.current_task()
        is_ours = task is not None and task.cancelling() > 0  # else the tool awaited something that was cancelled
        if isinstance(error, KeyboardInterrupt) or (isinstance(error, asyncio.CancelledError) and is_ours):
            raise
        return _failed(error)


def _parameters(binding: Binding, arguments: str) -> dict[str, Any] | Answer:
    try:
        given = json.loads(arguments or "{}")
    except (ValueError, RecursionError) as error:
        return _refused("bad arguments", f"the arguments are not JSON: {error}")
    if not isinstance(given, dict):
        return _refused("bad arguments", "the arguments are not a JSON object")
    try:
        return binding.fill(given)
    except ValidationError as error:
        return _refused("bad arguments", _sentence(error))
    except Exception as error:  # noqa: BLE001 - a validator of the user's, which may fail like any code
        return _failed(error)


async def _begin(binding: Binding, parameters: Mapping[str, Any], pool: Executor) -> Answer | Awaitable[Any]:
    if binding.is_async:
        awaitable: Awaitable[Any] = binding.function(**parameters)
        return awaitable
    context = contextvars.copy_context()
    work = functools.partial(context.run, _run, binding, parameters)
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _run(binding: Binding, parameters: Mapping[str, Any]) -> Answer | Awaitable[Any]:
    """Call a plain function and make its result JSON, in its own thread: a database cursor may not leave it.

    What it raises is caught here: no StopIteration gets out of a future.
    """
    try:
        result = binding.function(**parameters)
        return result if inspect.isawaitable(result) else _answer(result)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return _failed(error)


def _answer(result: Any) -> Answer:
    try:
        return Answer(to_jsonable_python(result, by_alias=True, serialize_unknown=False, inf_nan_mode="null"))
    except Exception as error:  # noqa: BLE001 - a serializer of the user's, or a generator, may fail in any way
        return _refused("result is not JSON", f"the tool returned {type(result).__name__}, which is not JSON: {error}")


def _failed(error: BaseException) -> Answer:
    failure = failure_of(error)
    return Answer({"error": failure.message}, failure)


def failure_of(error: BaseException) -> Failure:
    """What a function of the user's raised."""
    file, line = user_line(error) or ("", 0)
    return Failure(type(error).__name__, str(error) or type(error).__name__, file, line)


def _refused(kind: str, message: str) -> Answer:
    return Answer({"error": message}, Failure(kind, message))


def _sentence(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(map(str, problem["loc"])) or "arguments"
        problems.append(f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}")
    return "; ".join(problems)


def unknown_tool(name: str) -> Answer:
    """The answer when the model asks for a tool that the agent does not have."""
    return _refused("unknown tool", f"Unknown tool: {name}")
