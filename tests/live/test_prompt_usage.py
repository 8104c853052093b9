"""What prompts say is compared over all agents: who reads a variable, whose tool a word is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.live._projects import project

from pinecall_run.live.load import check_project
from pinecall_run.live.project import Project

TOOLS = "".join(f"def {name}():\n    'Do.'\n" for name in ("look_up", "transfer", "check_stock", "forget"))


def told(folder: Path, agents: str, **files: str) -> list[tuple[str, str]]:
    """The code and message of every finding of a project with some agents."""
    body = "\n".join(f"  {line}" for line in agents.strip("\n").splitlines())
    root = project(folder, f"version: 1\nagents:\n{body}\n", shop_DOT_py=TOOLS, **files)
    return [(found.code, found.message) for found in check_project(Project.at(root), {}).diagnostics]


def agent(name: str, prompt: str, tools: str = "") -> str:
    return f"{name}:\n  prompt: {prompt}\n  channels: [chat]\n  tools: {{{tools}}}\n"


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (agent("desk", "{text: '{{ a }}', vars: {a: 1, b: 2}}"), ["no prompt uses the variable `b`"]),
        (agent("desk", "{file: p.j2, vars: {a: 1, b: 2, c: 3}}"), ["no prompt uses the variable `c`"]),
        (agent("desk", "{text: x, vars: &v {a: 1}}") + agent("sales", "{text: '{{ a }}', vars: *v}"), []),
        (agent("desk", "{text: x, vars: &v {a: 1}}") + agent("sales", "{text: y, vars: {<<: *v}}"),
         ["no prompt uses the variable `a`"]),
        (agent("desk", "{text: '{% include file %}', vars: {file: p.j2, a: 1, b: 2, c: 3}}"), []),
        (agent("desk", "{text: '{{ 1 / 0 }}', vars: {a: 1}}"),
         ["the template fails with ZeroDivisionError: division by zero"]),
        (agent("desk", "{text: '{{ aa }}', vars: {ab: 1}}"), ["the prompt variable `aa` is not defined"]),
        (agent("desk", "{text: '{{ date }}', vars: &v {date: 1}}") + agent("sales", "{text: '{{ date }}', vars: *v}"),
         ["`date` hides what the server fills in under that name for each request"]),
    ],
)  # fmt: skip
def test_variables(tmp_path: Path, agents: str, expected: list[str]) -> None:
    files = {"p_DOT_j2": "{{ a }}{% include 'q.j2' %}", "q_DOT_j2": "{% if b %}{% endif %}"}
    assert [message for _, message in told(tmp_path, agents, **files)] == expected


SALES = agent("sales", "You sell.", "check_stock: shop.check_stock, transfer: shop.transfer")


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (agent("desk", "Use check_stock.", "look_up: shop.look_up") + SALES,
         ["`check_stock` is a tool of `sales`, and `desk` does not have it"]),
        (agent("desk", "Use `transfer`.") + SALES, ["`transfer` is a tool of `sales`, and `desk` does not have it"]),
        (agent("desk", "Use lookup_, or look_upp.", "look_up: shop.look_up"), ["`desk` has no tool `look_upp`"]),
        (agent("desk", "{file: p.j2}") + agent("front", "{file: p.j2}") + SALES,
         ["`check_stock` is a tool of `sales`, and `desk` does not have it"]),
        # words that are something else
        (agent("desk", "You may transfer, and `sell`.") + SALES, []),
        (agent("desk", "Use check_stock.", "check_stock: shop.check_stock") + SALES, []),
        (agent("desk", "Ask `sales` or look_up.") + SALES, []),
        (agent("desk", "{text: 'The {{ check_stock }} of check_stock.', vars: {check_stock: 1}}") + SALES, []),
        (agent("look_upp", "You are look_upp.", "look_up: shop.look_up"), []),
        # a tool too many
        (agent("desk", "Use look_up, then transfer.", "look_up: shop.look_up, transfer: shop.transfer, f: shop.forget"),
         ["the prompt of `desk` names all of its tools but `f`"]),
    ],
)  # fmt: skip
def test_tools(tmp_path: Path, agents: str, expected: list[str]) -> None:
    assert [message for _, message in told(tmp_path, agents, p_DOT_j2="Use check_stock.")] == expected
