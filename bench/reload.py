"""From a saved file to what the next call begins with, while 50 live calls keep asking for a tool.

Prints one JSON line. ``live`` is when the server has taken the change and calls begin with it: the file system's event,
the whole check, the import of changed tools and the server's answer are in it. Edits of a prompt and of a tool's module
take turns; ``to_load`` is what they take over a load of the same project alone, measured between them.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from pinecall_run.live.bind import load
from pinecall_run.live.notices import Notice, Reloaded
from pinecall_run.live.project import Project
from pinecall_run.live.runner import Runner

CALLS, EDITS, EVERY_SECONDS = 50, 100, 0.05
GOAL_MILLISECONDS = 300
CONFIG = """
version: 1
server: {url: "ws://127.0.0.1", api_key: k}
agents: {desk: {prompt: {file: desk.md}, model: gpt-4.1-mini, channels: [chat], tools: {look: benchtools.look}}}
"""
TOOLS = """
async def look(order_id: str) -> str:
    return order_id
"""


async def _drive(socket: ServerConnection) -> None:
    asking = None
    async for message in socket:
        frame = json.loads(message)
        match frame["event"]:
            case "connect":
                await socket.send('{"event":"connected"}')
            case "agent.create":
                await socket.send('{"event":"agent.created","agent_id":"desk"}')
                asking = asyncio.create_task(_ask(socket))
            case "agent.configure":
                await socket.send('{"event":"agent.configured","agent_id":"desk"}')
    if asking is not None:
        asking.cancel()


async def _ask(socket: ServerConnection) -> None:
    of_call: list[dict[str, Any]] = [{"agent_id": "desk", "call_id": f"chat-{number}"} for number in range(CALLS)]
    for call in of_call:
        await socket.send(json.dumps({"event": "llm.chat.started", **call}))
    number = 0
    while True:
        for call in of_call:
            number += 1
            tool = {"id": f"t{number}", "name": "look", "arguments": '{"order_id": "ORD-1"}'}
            request = {"event": "llm.tool_call", "msg_id": f"m{number}", "tool_calls": [tool]}
            await socket.send(json.dumps({**request, **call}))
        await asyncio.sleep(EVERY_SECONDS)


async def _serve() -> None:
    async with serve(_drive, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def _measure(url: str, root: Path) -> dict[str, list[float]]:
    (root / "pinecall.yaml").write_text(CONFIG)
    (root / "desk.md").write_text("You are the desk.")
    (root / "benchtools.py").write_text(TOOLS)
    checked, deployment = load(Project.at(root), {})
    assert deployment is not None, checked.diagnostics
    reloaded = asyncio.Event()

    def notify(notice: Notice) -> None:
        if isinstance(notice, Reloaded):
            reloaded.set()

    runner = Runner(checked, deployment, url=url, api_key="k", notify=notify, environ={})
    running = asyncio.create_task(runner.run())
    await asyncio.sleep(1.0)
    assert len(runner.calls) == CALLS
    took: dict[str, list[float]] = {"prompt": [], "code": [], "load": []}
    for number in range(EDITS):
        for kind, name, text in (
            ("prompt", "desk.md", f"You are desk {number}."),
            ("code", "benchtools.py", f"{TOOLS}\n# {number}\n"),
        ):
            reloaded.clear()
            (root / "new").write_text(text)
            began = time.perf_counter()
            os.replace(root / "new", root / name)
            async with asyncio.timeout(10):
                await reloaded.wait()
            took[kind].append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.05)
        began = time.perf_counter()
        load(Project.at(root), {})
        took["load"].append((time.perf_counter() - began) * 1000)
    runner.stop()
    await running
    return took


def main() -> None:
    """Measure, and print what came out beside the goal."""
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
        return
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = f"ws://127.0.0.1:{server.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as folder:
            took = asyncio.run(_measure(url, Path(folder)))
    finally:
        server.communicate()
    both = took["prompt"] + took["code"]
    alone = statistics.median(took["load"])
    line = {
        "bench": "reload",
        "calls": CALLS,
        "milliseconds": {
            kind: {"p50": round(statistics.median(of), 1), "p95": round(statistics.quantiles(of, n=20)[18], 1)}
            for kind, of in {**took, "live": both}.items()
        },
        "ratios": {"to_load": round(statistics.median(both) / alone, 2)},
        "goals": {"live_p95_milliseconds": GOAL_MILLISECONDS},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
