"""A tool bound to its function: imported, its signature read, its arguments' model built."""

from __future__ import annotations

import functools
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from pinecall_run.tools.call import Call
from pinecall_run.tools.docstring import read_docstring
from pinecall_run.tools.path import ToolPath
from pinecall_run.tools.place import user_line


@dataclass(frozen=True, slots=True)
class Binding:
    """A function and what the model is told of it.

    Attributes:
        parameters: JSON Schema of the arguments, an object.
        arguments: the model that validates them.
        call_parameter: the parameter that receives the :class:`Call`, if any.
        state_parameter: the one that receives what the project's lifespan yielded, if any.
    """

    name: str
    function: Callable[..., Any]
    description: str
    parameters: Mapping[str, Any]
    arguments: type[BaseModel]
    call_parameter: str | None
    is_async: bool
    state_parameter: str | None = None

    def fill(self, arguments: str) -> dict[str, Any]:
        """The function's keyword arguments, validated, from the model's: an object of JSON.

        Raises:
            pydantic.ValidationError: they are none, or do not fit. A validator of the user's may raise anything.
        """
        checked = self.arguments.model_validate_json(arguments)
        return {_parameter_name(name): value for name, value in checked.__dict__.items()}

    def spec(self) -> dict[str, Any]:
        """The tool as it goes to the voice server (protocol: ``{type, function{name, description, parameters}}``)."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


class BindError(Exception):
    """A path cannot be bound. ``code`` is a diagnostic code, ``place`` the file and line of the cause if known."""

    def __init__(self, code: str, message: str, help: str | None = None, place: tuple[str, int] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.help = help
        self.place = place


def bind(name: str, path: ToolPath, state: Any = None) -> Binding:
    """Import the function at ``path`` and read its signature. ``state`` is the type that the lifespan yields.

    Raises:
        BindError: it cannot be imported, is not a function, or has a signature no model can fill.
    """
    function = import_function(path)
    if inspect.isclass(function) or not callable(function):
        raise BindError("PCR405", f"`{path}` is {_kind(function)}, not a function", "name a function")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise BindError("PCR405", f"`{path}` is a generator; a tool returns one result", "return a value")
    description, described = read_docstring(inspect.getdoc(annotated(function)) or "")
    fields, call_parameter, state_parameter = _fields(function, path, described, state)
    config = ConfigDict(extra="forbid", protected_namespaces=())
    try:
        arguments = create_model(name, __config__=config, **fields)  # type: ignore[call-overload]
        parameters = _json_schema(arguments)
    except Exception as error:
        message = f"no JSON Schema for the parameters of `{path}`: {first_line(error)}"
        raise BindError("PCR405", message, "annotate them with types that JSON has") from error
    is_async = inspect.iscoroutinefunction(function)
    return Binding(name, function, description, parameters, arguments, call_parameter, is_async, state_parameter)


def import_function(path: ToolPath) -> Any:
    """What a path names.

    Raises:
        BindError: its module cannot be imported, or has nothing of that name.
    """
    try:
        module = importlib.import_module(path.module)
    except ModuleNotFoundError as error:
        if error.name and (path.module == error.name or path.module.startswith(error.name + ".")):
            raise BindError("PCR402", f"there is no module `{error.name}`") from error
        help = f"install {error.name} where pinecall-run is installed" if error.name else None
        message = f"importing {path.module} fails: {first_line(error)}"
        raise BindError("PCR404", message, help, user_line(error)) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        message = f"importing {path.module} fails with {type(error).__name__}: {first_line(error)}"
        raise BindError("PCR404", message, place=user_line(error)) from error
    try:
        return getattr(module, path.function)
    except AttributeError as error:
        message = f"the module {path.module} has no function `{path.function}`"
        raise BindError("PCR403", message) from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        message = f"finding {path} fails with {type(error).__name__}: {first_line(error)}"
        raise BindError("PCR404", message, place=user_line(error)) from error


def first_line(error: BaseException) -> str:
    """The sentence of an error."""
    text = str(error)
    if isinstance(error, ImportError) and error.path:
        text = text.removesuffix(f" ({error.path})")  # the place is shown beside it
    lines = text.splitlines() or [type(error).__name__]
    return (lines[-1] if lines[0].endswith(":") else lines[0]).rstrip(".")


def _kind(value: Any) -> str:
    return (
        "a class" if inspect.isclass(value) else "a module" if inspect.ismodule(value) else f"a {type(value).__name__}"
    )


_STARS: Mapping[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _fields(
    function: Callable[..., Any], path: ToolPath, described: Mapping[str, str], state: Any
) -> tuple[dict[str, tuple[Any, FieldInfo]], str | None, str | None]:
    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(annotated(function), include_extras=True)
    except Exception as error:
        message = f"the signature of `{path}` cannot be read: {first_line(error)}"
        raise BindError("PCR405", message, "import the names of its annotations where they are used") from error
    fields: dict[str, tuple[Any, FieldInfo]] = {}
    call_parameter = state_parameter = None
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            stars = _STARS.get(parameter.kind, "")
            help = "give each argument its own name" if stars else "remove the /"
            raise BindError("PCR405", f"`{path}` takes `{stars}{name}`, which cannot be filled by name", help)
        annotation = hints.get(name, Any)
        if means(annotation, Call):
            if call_parameter is not None:
                raise BindError("PCR405", f"`{path}` takes two calls, and there is one", f"remove `{name}`")
            call_parameter = name
        elif state is not None and means(annotation, state):
            state_parameter = name
        elif name.startswith("_"):
            raise BindError("PCR405", f"the parameter `{name}` of `{path}` begins with _", "rename it")
        else:
            fields[_field_name(name)] = _field(name, annotation, parameter.default, described.get(name))
    return fields, call_parameter, state_parameter


def annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """What bears the annotations and the docstring: the function, or what a partial or an object calls."""
    if isinstance(function, functools.partial):
        return annotated(function.func)
    return function if inspect.isroutine(function) else type(function).__call__


def _field_name(parameter: str) -> str:
    """The model's field for a parameter: its name, unless each model has something of that name (``copy``)."""
    return f"{parameter}__" if hasattr(BaseModel, parameter) else parameter


@functools.cache
def _parameter_name(field: str) -> str:
    parameter = field.removesuffix("__")
    return parameter if hasattr(BaseModel, parameter) else field


def means(annotation: Any, wanted: Any) -> bool:
    """Whether an annotation is a type, perhaps among others: ``Call | None``, ``Annotated[Call, …]``."""
    is_choice = typing.get_origin(annotation) in (Union, types.UnionType, Annotated)
    return annotation == wanted or (is_choice and wanted in typing.get_args(annotation))


def _field(name: str, annotation: Any, default: Any, description: str | None) -> tuple[Any, FieldInfo]:
    extra: dict[str, Any] = {}
    written = (info.description for info in getattr(annotation, "__metadata__", ()) if isinstance(info, FieldInfo))
    if description and not any(written):  # Annotated[str, Field(description=…)] says it closer to the parameter
        extra["description"] = description
    if _field_name(name) != name:
        extra["alias"] = name
    if extra:
        annotation = Annotated[annotation, Field(**extra)]
    if isinstance(default, FieldInfo):  # def lookup(order_id: str = Field(description=…))
        return annotation, default
    return annotation, Field() if default is inspect.Parameter.empty else Field(default=default)


class _Generator(GenerateJsonSchema):
    """A default that JSON cannot hold is left out without a word on the terminal."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # type: ignore[assignment]


def _json_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = _without_titles(arguments.model_json_schema(schema_generator=_Generator))
    schema.pop("additionalProperties", None)  # strictness is ours; some vendors refuse the keyword
    assert isinstance(schema, dict)
    return schema


def _without_titles(schema: Any, *, is_map_of_schemas: bool = False) -> Any:
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if is_map_of_schemas:
        return {key: _without_titles(value) for key, value in schema.items()}
    return {
        key: value if key in _DATA else _without_titles(value, is_map_of_schemas=key in ("properties", "$defs"))
        for key, value in schema.items()
        if key != "title"
    }


_DATA = frozenset(("default", "const", "enum", "examples"))
"""Keywords whose values are no schemas."""
