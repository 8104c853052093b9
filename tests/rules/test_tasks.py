"""Every task has an owner that awaits or cancels it, so that none is lost, or dies unheard."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache, cached_property

from tests.rules._exceptions import check
from tests.rules._scan import (
    SOURCE,
    Finding,
    Function,
    Module,
    functions,
    last_name,
    package,
    parents,
    read,
    report,
)

SPAWNERS = frozenset({"create_task", "ensure_future"})
KEEPERS = frozenset({"add", "append", "appendleft", "extend", "insert", "setdefault", "update"})
WAITERS = frozenset({"as_completed", "gather", "shield", "wait", "wait_for"})

# What a task may stand in on its way to the name that keeps it: `[create_task(f()) for f in todo]`.
WRAPPINGS = (
    ast.List | ast.Tuple | ast.Set | ast.Dict | ast.IfExp | ast.Starred
    | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
)  # fmt: skip
COLLECTIONS = frozenset({"dict", "frozenset", "list", "set", "tuple"})

NO_OWNER = (
    "this task has no owner: assign it, or add it to a set, and await or cancel it there; "
    "or use a TaskGroup (annotated)"
)
NOT_ENDED = "this task is kept, but nothing in this module awaits, gathers or cancels it: end it where its owner ends"


def findings(modules: Iterable[Module]) -> Iterator[Finding]:
    for module in modules:
        tasks = Tasks(module.tree)
        for call in tasks.spawned():
            if sentence := tasks.complaint(call):
                yield Finding(module.path, call.lineno, tasks.home(call), sentence)


class Tasks:
    """The tasks of one module, followed by name from where they are made to where they end.

    A place is a variable of one outermost function ("12:task"), one of the module (":task"), or an
    attribute of anything (".task"). Whatever is bound to a value that mentions a place may hold its task.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree

    def spawned(self) -> Iterator[ast.Call]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(func=ast.Attribute(attr=name, value=owner)) if name in SPAWNERS:
                    if not self._places([owner]) & self.groups:
                        yield node
                case ast.Call(func=ast.Name(id=name)) if name in SPAWNERS:
                    yield node

    def complaint(self, call: ast.Call) -> str | None:
        node: ast.AST = call
        while node not in self.keepers:
            node = self.above[node]
            if isinstance(node, ast.Await) or (isinstance(node, ast.Call) and last_name(node.func) in WAITERS):
                return None
            wraps = isinstance(node, ast.Call) and last_name(node.func) in COLLECTIONS
            if not (wraps or isinstance(node, WRAPPINGS)):
                return NO_OWNER
        return None if self._reach(self._places(self.keepers[node])) & self.ended else NOT_ENDED

    def home(self, node: ast.AST) -> str:
        """The qualified name of the function that a node stands in."""
        names = {function: name for name, function in functions(self.tree)}
        while node in self.above and node not in names:
            node = self.above[node]
        return names.get(node, "<module>")  # type: ignore[call-overload,no-any-return]

    @cached_property
    def above(self) -> dict[ast.AST, ast.AST]:
        return parents(self.tree)

    @cached_property
    def keepers(self) -> dict[ast.AST, list[ast.expr]]:
        """A value to what keeps it: assignment, loop variable, `kept.add(value)`."""
        kept: dict[ast.AST, list[ast.expr]] = {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    kept[value] = targets
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value)
                    | ast.AugAssign(target=target, value=value)
                    | ast.NamedExpr(target=target, value=value)
                    | ast.For(target=target, iter=value)
                    | ast.AsyncFor(target=target, iter=value)
                    | ast.comprehension(target=target, iter=value)
                ):
                    kept[value] = [target]
                case ast.Call(func=ast.Attribute(attr=name, value=target), args=args) if name in KEEPERS:
                    kept |= {value: [target] for value in args}
        return kept

    @cached_property
    def flows(self) -> list[tuple[set[str], set[str]]]:
        """From which places a task may come to which others."""
        return [(self._mentioned([value]), self._places(names)) for value, names in self.keepers.items()]

    @cached_property
    def ended(self) -> set[str]:
        """The places whose task is awaited, waited for, or cancelled."""
        ends: list[ast.AST] = []
        for node in ast.walk(self.tree):
            match node:
                case ast.Await(value=ast.Name() | ast.Attribute() | ast.Subscript() as value):
                    ends.append(value)
                case ast.Await(value=ast.Call(func=ast.Attribute(attr="pop", value=value))):
                    ends.append(value)
                case ast.Attribute(attr="cancel", value=value):
                    ends.append(value)
                case ast.Call(func=func, args=args) if last_name(func) in WAITERS:
                    ends.extend(args)
        return self._mentioned(ends)

    @cached_property
    def groups(self) -> set[str]:
        """The places known to hold a TaskGroup: bound by `async with`, or annotated."""
        found = set()
        for node in ast.walk(self.tree):
            match node:
                case ast.withitem(context_expr=ast.Call(func=func), optional_vars=ast.expr() as name):
                    if last_name(func) == "TaskGroup":
                        found |= self._places([name])
                case ast.arg(arg=name, annotation=ast.expr() as annotation) if _is_group(annotation):
                    found.add(self._variable(node, name))
                case ast.AnnAssign(target=target, annotation=annotation) if _is_group(annotation):
                    is_field = isinstance(self.above[node], ast.ClassDef)
                    found |= {f".{last_name(target)}"} if is_field else self._places([target])
        return found

    def _reach(self, places: set[str]) -> set[str]:
        """The places, and every other that a task kept in them may come to."""
        while grown := set().union(*(to for source, to in self.flows if source & places)) - places:
            places = places | grown
        return places

    def _mentioned(self, nodes: Iterable[ast.AST]) -> set[str]:
        return self._places(inner for node in nodes for inner in ast.walk(node))

    def _places(self, nodes: Iterable[ast.AST]) -> set[str]:
        found = set()
        for node in nodes:
            match node:
                case ast.Name(id=name):
                    found.add(self._variable(node, name))
                case ast.Attribute(attr=name):
                    found.add(f".{name}")
                case ast.Subscript(value=inner) | ast.Starred(value=inner):
                    found |= self._places([inner])
                case ast.Tuple(elts=inner) | ast.List(elts=inner):
                    found |= self._places(inner)
        return found

    def _variable(self, node: ast.AST, name: str) -> str:
        function = None
        while node in self.above:
            node = self.above[node]
            function = node if isinstance(node, Function) else function
        return f"{function.lineno}:{name}" if function and name in _bound(function) else f":{name}"


@cache
def _bound(function: Function) -> frozenset[str]:
    """The variables of a function, those of functions inside it included."""
    bound, shared = set(), set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Global(names=names):
                shared.update(names)
    return frozenset(bound - shared)


def _is_group(annotation: ast.expr) -> bool:
    return "TaskGroup" in ast.unparse(annotation)


def test_every_task_has_an_owner() -> None:
    check("tasks", findings(read(SOURCE)))


def _caught(text: str) -> list[str]:
    return report(findings(package({"link/driver.py": text})))


def test_a_task_that_is_dropped_is_caught() -> None:
    text = """
        import asyncio
        from asyncio import create_task
        def bare(): asyncio.create_task(f())
        def imported(): create_task(f())
        def looped(loop): loop.create_task(f())
        def older(): asyncio.ensure_future(f())
        def given(): return asyncio.create_task(f())
        def passed(): log(asyncio.create_task(f()))
        def called(): asyncio.create_task(f()).add_done_callback(log)
        async def grouped(tg):
            async with asyncio.TaskGroup() as mine:
                tg.create_task(f())
    """
    lines = [3, 4, 5, 6, 7, 8, 9, 12]
    assert _caught(text) == [f"runner/pinecall_run/link/driver.py:{line}: {NO_OWNER}" for line in lines]


def test_a_task_that_is_kept_and_never_ended_is_caught() -> None:
    text = """
        import asyncio
        kept = []
        class Link:
            def attribute(self): self.task = asyncio.create_task(f())
            def collected(self):
                task = asyncio.create_task(f())
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            def listed(self): kept.append(asyncio.create_task(f()))
            def named(self): task = asyncio.create_task(f())
            async def other(self, task): await task
            async def talk(self): await self.send(self.task)
    """
    lines = [4, 6, 9, 10]
    assert _caught(text) == [f"runner/pinecall_run/link/driver.py:{line}: {NOT_ENDED}" for line in lines]


def test_tasks_with_an_owner_pass() -> None:
    text = """
        import asyncio
        running = set()
        class Link:
            group: asyncio.TaskGroup
            def __init__(self, tasks): self._tasks: "asyncio.TaskGroup | None" = tasks
            def field(self): self.group.create_task(f()); self._tasks.create_task(f())
            def start(self): self._reader = asyncio.create_task(f())
            def many(self): self._calls[1] = asyncio.create_task(f())
            async def close(self):
                self._reader.cancel()
                for task in list(self._calls.values()): task.cancel()
        async def parameter(tg: asyncio.TaskGroup): tg.create_task(f())
        async def bound():
            async with asyncio.TaskGroup() as tg: tg.create_task(f())
        async def awaited(): await asyncio.create_task(f())
        async def gathered(): await asyncio.gather(*(asyncio.create_task(g()) for g in todo))
        async def listed():
            tasks = [asyncio.create_task(g()) for g in todo]
            done, rest = await asyncio.wait(tasks)
        async def tupled():
            one, two = asyncio.create_task(f()), asyncio.create_task(g())
            await asyncio.wait({one, two})
        async def walrus():
            if (task := asyncio.create_task(f())) is not None: stack.callback(task.cancel)
        def added():
            task = asyncio.create_task(f())
            running.add(task)
        async def drain():
            while running: await running.pop()
    """
    assert _caught(text) == []


def test_the_exception_of_a_task_goes_by_the_function_that_makes_it() -> None:
    text = "class Link:\n    def start(self):\n        asyncio.create_task(f())\nasyncio.ensure_future(g())"
    assert [finding.what for finding in findings(package({"link/driver.py": text}))] == [
        "<module>",
        "Link.start",
    ]
