"""Calls in a tool's own body that wait without letting anything else go on."""

from __future__ import annotations

import ast
from typing import NamedTuple

from pinecall_run.tools.module import Definition, Module, own_nodes

_VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request")

WAITS: dict[str, str | None] = {
    "time.sleep": "await asyncio.sleep",
    "os.system": "await asyncio.create_subprocess_shell",
    "urllib.request.urlopen": None,
    "urllib.request.urlretrieve": None,
    "socket.create_connection": "await asyncio.open_connection",
    "smtplib.SMTP": None,
    "smtplib.SMTP_SSL": None,
    "builtins.input": None,
    **{f"requests.{verb}": f"an httpx.AsyncClient and await client.{verb}" for verb in _VERBS},
    **{f"httpx.{verb}": f"an httpx.AsyncClient and await client.{verb}" for verb in (*_VERBS, "stream")},
    **{
        f"subprocess.{name}": "await asyncio.create_subprocess_exec"
        for name in ("run", "call", "check_call", "check_output", "getoutput", "getstatusoutput")
    },
    **{f"{driver}.connect": None for driver in ("sqlite3", "psycopg", "psycopg2", "pymysql", "mysql.connector")},
}
"""Functions that wait for others, and what to write in their place in an async function, if there is one thing."""


class Wait(NamedTuple):
    """The first call that waits: what it calls, and where."""

    function: str
    node: ast.Call


def waits(function: Definition, module: Module) -> Wait | None:
    """The first line on which a function is sure to wait. What it hands to a thread, it does not call."""
    nodes = list(own_nodes(function))
    local = _local(function, nodes, module)
    found = []
    for node in nodes:
        if isinstance(node, ast.Call) and (name := module.qualified(node.func, local)) in WAITS:
            found.append(Wait(str(name), node))
    return min(found, key=lambda wait: (wait.node.lineno, wait.node.col_offset), default=None)


def _local(function: Definition, nodes: list[ast.AST], module: Module) -> dict[str, str | None]:
    """The names of a function, with what they mean where it imports them itself."""
    arguments = function.args
    parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    local: dict[str, str | None] = {parameter.arg: None for parameter in parameters if parameter}
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                local[name] = None
            case ast.Import(names=[alias]) if not alias.asname:
                local.setdefault(alias.name.partition(".")[0], alias.name.partition(".")[0])
            case ast.Import(names=[ast.alias(name=name, asname=str(asname))]):
                local.setdefault(asname, name)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                for alias in names:
                    local.setdefault(alias.asname or alias.name, f"{source}.{alias.name}")
    return local
