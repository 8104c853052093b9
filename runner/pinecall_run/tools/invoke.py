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

from pinecall_run.tools.binding import Binding
from pinecall_run.tools.call import Call
from pinecall_run.tools.place import user_line
from pinecall_run.tools.result import ResultError, result_json
from pinecall_run.wire.codec import to_json


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no result: for the developer, not for the model.

    Attributes:
        kind: an exception's name, or what was wrong with the call.
        message: its text; it may quote what the caller said.
        file, line: the innermost line of the user's code.
        may_pass: whether the function itself failed, so that it may do better when it is tried again.
    """

    kind: str
    message: str
    file: str = ""
    line: int = 0
    may_pass: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the model: any JSON, UTF-8; ``{"error": …}`` when the call failed."""

    json: bytes
    failure: Failure | None = None

    @classmethod
    def of(cls, failure: Failure) -> Answer:
        """The answer of a call that failed."""
        return cls(to_json({"error": failure.message}), failure)

    @property
    def result(self) -> Any:
        """The JSON as a value."""
        return json.loads(self.json)


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
        if binding.is_async:
            return _answer(await binding.function(**parameters))
        outcome = await _in_thread(binding, parameters, pool)
        return outcome if isinstance(outcome, Answer) else _answer(await outcome)
    except BaseException as error:
        task = asyncio.current_task()
        is_ours = task is not None and task.cancelling() > 0  # else the tool awaited something that was cancelled
        if isinstance(error, KeyboardInterrupt) or (isinstance(error, asyncio.CancelledError) and is_ours):
            raise
        return _failed(error, may_pass=True)


def _parameters(binding: Binding, arguments: str) -> dict[str, Any] | Answer:
    try:
        return binding.fill(arguments or "{}")
    except ValidationError as error:
        return _refused("bad arguments", _sentence(error))
    except Exception as error:  # noqa: BLE001 - a validator of the user's, which may fail like any code
        return _failed(error)


async def _in_thread(binding: Binding, parameters: Mapping[str, Any], pool: Executor) -> Answer | Awaitable[Any]:
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
        return _failed(error, may_pass=True)


def _answer(result: Any) -> Answer:
    try:
        return Answer(result_json(result))
    except ResultError as error:
        return _refused("result is not JSON", str(error))


def _failed(error: BaseException, *, may_pass: bool = False) -> Answer:
    return Answer.of(failure_of(error, may_pass=may_pass))


def failure_of(error: BaseException, *, may_pass: bool = False) -> Failure:
    """What a function of the user's raised."""
    file, line = user_line(error) or ("", 0)
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - of an exception of the user's, which may fail like any code
        message = ""
    return Failure(type(error).__name__, message or type(error).__name__, file, line, may_pass)


def _refused(kind: str, message: str) -> Answer:
    return Answer.of(Failure(kind, message))


def _sentence(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        if problem["type"] == "json_invalid":
            return f"the arguments are not JSON: {problem['msg'].removeprefix('Invalid JSON: ')}"
        if problem["type"] == "model_type" and not problem["loc"]:
            return "the arguments are not a JSON object"
        where = ".".join(map(str, problem["loc"])) or "arguments"
        problems.append(f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}")
    return "; ".join(problems)


def unknown_tool(name: str) -> Answer:
    """The answer when the model asks for a tool that the agent does not have."""
    return _refused("unknown tool", f"Unknown tool: {name}")
