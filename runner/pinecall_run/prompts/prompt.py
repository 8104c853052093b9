"""One prompt: compiled once, rendered as often as its variables change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import jinja2
import jinja2.meta
from jinja2 import nodes

from pinecall_run.prompts.builtins import NO_CALL, PER_REQUEST, PerRequestError, per_request_variables, placed
from pinecall_run.prompts.plain import PlainTemplate, plain_names, plain_template
from pinecall_run.source.diagnostic import Diagnostic, Edit, Fix
from pinecall_run.source.document import Text
from pinecall_run.source.suggest import closest, listed, surely
from pinecall_run.templates.budget import TooMuchError
from pinecall_run.templates.sandbox import render, sandbox

Load = Callable[[str], Text | None]
"""Finds a template that another includes, by its name relative to the project."""

_MAIN = "<prompt>"


def _no_files(name: str) -> Text | None:
    return None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A compiled template with the texts it is made of, by name."""

    template: jinja2.Template | PlainTemplate
    text: Text
    vars: Mapping[str, Any]
    included: Mapping[str, Text]

    @property
    def is_of_call(self) -> bool:
        """Whether the text depends on the call, as far as can be seen: it names ``call``."""
        if "call" in self.vars:
            return False  # a variable of the user's
        return any(_names_call(text) for text in (self.text, *self.included.values()))

    def render(self, extra: Mapping[str, Any] | None = None) -> tuple[str | None, list[Diagnostic]]:
        """The prompt's text, per-request variables left as ``{{name}}``."""
        try:
            values = {**per_request_variables(), "call": NO_CALL, **self.vars, **(extra or {})}
            template = self.template
            rendered = template.render(values) if isinstance(template, PlainTemplate) else render(template, values)
            return placed(rendered).strip("\n"), []
        except Exception as error:  # noqa: BLE001 - a template may fail in any way; each becomes a finding
            return None, [_runtime_error(error, self.text, self.included)]


def _names_call(text: Text) -> bool:
    if "call" not in text.text:
        return False
    names = plain_names(text.text)
    try:
        return "call" in (jinja2.meta.find_undeclared_variables(sandbox().parse(text.text)) if names is None else names)
    except jinja2.TemplateSyntaxError:  # of a file that is included where no call has come yet
        return False


def compile_prompt(
    text: Text, variables: Mapping[str, Any], load: Load = _no_files
) -> tuple[Prompt | None, list[Diagnostic]]:
    """Compile a template and check that every variable it names has a value."""
    known = {*variables, *PER_REQUEST, "call"}
    plain = plain_template(text.text, known - {"call"})
    if plain is not None:
        return Prompt(plain, text, dict(variables), {}), []
    included: dict[str, Text] = {}
    environment = sandbox(
        loader=_loader(load, included),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,  # an included file ends its last line
    )
    try:
        tree = environment.parse(text.text)
        undefined = list(_undefined(tree, text, known))
        template = environment.from_string(tree)
        template.name = template.filename = _MAIN
    except Exception as error:  # noqa: BLE001 - Jinja and Python's compiler have many ways to give up
        return None, [_compile_error(error, text)]
    if undefined:
        return None, undefined
    return Prompt(template, text, dict(variables), included), []


def _loader(load: Load, included: dict[str, Text]) -> jinja2.BaseLoader:
    def find(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        found = load(name)
        if found is None:
            return None
        included[name] = found
        return found.text, name, lambda: True  # the name shows up as the file of traceback frames

    return jinja2.FunctionLoader(find)


def _undefined(tree: nodes.Template, text: Text, known: set[str]) -> Iterator[Diagnostic]:
    undeclared = jinja2.meta.find_undeclared_variables(tree) - known
    names = undeclared - _optional(tree) if undeclared else undeclared
    if not names:
        return
    uses = Counter(node.name for node in tree.find_all(nodes.Name))
    for node in tree.find_all(nodes.Name):
        if node.name not in names or node.ctx != "load":
            continue
        names.discard(node.name)
        meant = closest(node.name, known)
        help = f"did you mean `{meant}`?" if meant else f"add it under `vars`; known here: {listed(known)}"
        span = text.find(node.name, node.lineno)
        sure = surely(node.name, known, is_ours=False)
        # A name that the template knows only one way may as well be misspelt where it gets its value.
        is_slip = sure in PER_REQUEST or uses[sure or ""] or uses[node.name] == 1
        fix = _renamed(node, text, sure) if is_slip else None
        yield Diagnostic("PCR302", f"the prompt variable `{node.name}` is not defined", span, help=help, fix=fix)


_IN_TAG = re.compile(r"""\{[{%]((?![%}]\}|["']).|"[^"]*"|'[^']*')*(?<![.\w])""")
"""A line up to a name inside of ``{{ }}`` or ``{% %}``, outside of quotes."""


def _renamed(node: nodes.Name, text: Text, meant: str | None) -> Fix | None:
    """The fix for a variable of one tag on one line that was meant to be another."""
    span = text.only(node.name, node.lineno)
    if meant is None or span is None:
        return None
    before = re.split(rf"(?<!\w){node.name}(?!\w)", text.line(node.lineno))[0]
    opened = max(before.rfind("{{"), before.rfind("{%"), 0)
    if _IN_TAG.fullmatch(before[opened:]) is None:
        return None
    return Fix((Edit(span, meant),), f"changed {node.name} to {meant}")


def _optional(tree: nodes.Template) -> set[str]:
    """Names that the template itself asks about, as in ``{% if name is defined %}`` or ``{{ name|default("…") }}``."""
    asking = [
        *(test.node for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined")),
        *(filter.node for filter in tree.find_all(nodes.Filter) if filter.name in ("default", "d")),
    ]
    return {node.name for node in asking if isinstance(node, nodes.Name)}


def _compile_error(error: Exception, text: Text) -> Diagnostic:
    if isinstance(error, jinja2.TemplateSyntaxError):
        first, *more = (error.message or "the template cannot be parsed").split(". ")
        help = _sentence(more[-1]) if more else None
        return Diagnostic("PCR301", f"template: {_sentence(first)}", text.whole_line(error.lineno), help=help)
    is_deep = isinstance(error, RecursionError | MemoryError)
    reason = "it nests too deep" if is_deep else getattr(error, "msg", None) or type(error).__name__
    return Diagnostic("PCR301", f"the template cannot be compiled: {reason}", text.whole_line(1))


def _sentence(message: str) -> str:
    return f"{message[:1].lower()}{message[1:]}".rstrip(".")


def _runtime_error(error: Exception, text: Text, included: Mapping[str, Text]) -> Diagnostic:
    where, line = _place(error.__traceback__, text, included)
    span = where.whole_line(line)
    match error:
        case jinja2.TemplateSyntaxError():
            return _compile_error(error, included.get(error.name or "", text))
        case jinja2.TemplateNotFound():
            message = f"the included template `{error.name}` does not exist in the project"
            return Diagnostic("PCR303", message, where.find(str(error.name), line))
        case jinja2.UndefinedError():
            return _undefined_error(error.message or "something is undefined", where, line)
        case PerRequestError():
            return Diagnostic("PCR303", str(error), where.find(error.name, _line_with(error.name, where, line)))
        case jinja2.exceptions.SecurityError():
            return Diagnostic("PCR303", f"templates may not do this: {_sentence(str(error))}", span)
        case TooMuchError():
            return Diagnostic("PCR303", str(error), span, help="loop over less, or write out what comes of it")
        case RecursionError():
            return Diagnostic("PCR303", "the template includes or calls itself without end", span)
        case _:
            message = f"the template fails with {type(error).__name__}: {_sentence(str(error))}"
            return Diagnostic("PCR303", message, span)


def _undefined_error(message: str, where: Text, line: int) -> Diagnostic:
    name = re.fullmatch(r"'(\w+)' is undefined", message)
    if name is None:
        help = 'where it may be missing, write | default("…") after it'
        return Diagnostic("PCR302", f"in this line {_sentence(message)}", where.whole_line(line), help=help)
    message = f"the prompt variable `{name[1]}` is not defined"
    return Diagnostic("PCR302", message, where.find(name[1], line), help="add it under `vars`")


def _line_with(name: str, where: Text, line: int) -> int:
    """The first line from ``line`` on that names a variable: of a finished text it is not known what made it."""
    count = where.text.count("\n") + 1
    return next((number for number in range(line, count + 1) if name in where.line(number)), line)


def _place(traceback: TracebackType | None, text: Text, included: Mapping[str, Text]) -> tuple[Text, int]:
    """The innermost line of a template in a traceback; Jinja makes its frames look like template lines."""
    found = text, 1
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name == _MAIN:
            found = text, traceback.tb_lineno
        elif name in included:
            found = included[name], traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def compile_syntax(text: Text) -> list[Diagnostic]:
    """Only whether a template can be compiled; what its variables are is known elsewhere."""
    try:
        sandbox().from_string(text.text)
    except Exception as error:  # noqa: BLE001 - as in compile_prompt
        return [_compile_error(error, text)]
    return []
