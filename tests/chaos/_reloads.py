"""Reload after reload while people talk: each conversation has one revision of all that it is made of, to its end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos._stage import PATIENCE, Play, play, quick
from tests.voice._door import Socket, chat, server

from pinecall_run.live import notices

PEOPLE = 50
TURNS = 12
"""Tool calls of one conversation at most."""

CONFIG = """
version: 1
server: {{url: "ws://voice.example", api_key: k}}
agents:
  {name}:
    prompt: {{text: "Say {{{{ word }}}}.", vars: {{word: "{word}"}}}}
    model: scripted:desk.script.yaml
    channels: [{channels}]
    tools: {{look: {module}.look}}
"""
SCRIPT = """
rules:
- {{when: '^look (?P<n>\\d+)', call: {{look: {{number: '{{{{ n }}}}'}}}}, reply: '{word} {{{{ look }}}}'}}
otherwise: Hm.
"""
TOOLS = """
import asyncio
from pinecall_run import Call

WORD = "{word}"

async def look(number: str, call: Call) -> str:
    import {module}_more
    await asyncio.sleep(0)
    return " ".join((WORD, {module}_more.WORD, call.vars["word"], call.revision, number))
"""
MORE = "WORD = '{word}'\n"


@dataclass
class Outcome:
    """What became of the conversations."""

    reloads: int = 0
    refused: int = 0
    conversations: int = 0
    answered: int = 0
    dropped: int = 0
    mixed: int = 0
    seconds: float = 0.0
    words: set[str] = field(default_factory=set, repr=False)


class Author:
    """Edits the files of a project, all of them to one word, or breaks one of them."""

    def __init__(self, it: Play, module: str, chance: random.Random) -> None:
        self._it = it
        self._module = module
        self._chance = chance
        self._number = 0
        self._has_phone = False
        self.write()

    def edit(self) -> bool:
        """Make any edit; whether it can be loaded."""
        deeds: list[Callable[[], bool]] = [self.write, self._only_code, self._channels, self._break]
        return self._chance.choice(deeds)()

    def write(self) -> bool:
        self._number += 1
        parts = {
            "name": self._it.name,
            "module": self._module,
            "word": f"word{self._number}",
            "channels": "chat, '+15550001111'" if self._has_phone else "chat",
        }
        files = {"pinecall.yaml": CONFIG, "desk.script.yaml": SCRIPT}
        for name, text in {**files, f"{self._module}.py": TOOLS, f"{self._module}_more.py": MORE}.items():
            (self._it.root / name).write_text(text.format(**parts))
        return True

    def _only_code(self) -> bool:
        self.write()
        with (self._it.root / f"{self._module}.py").open("a") as file:
            file.write(f"\n# {self._number}\n")
        return True

    def _channels(self) -> bool:
        self._has_phone = not self._has_phone
        return self.write()

    def _break(self) -> bool:
        self.write()
        name = self._chance.choice(["pinecall.yaml", f"{self._module}.py"])
        with (self._it.root / name).open("a") as file:
            file.write("\n  raise ValueError: broken\n")
        return False


async def reloads(folder: Path, *, count: int, seconds: float, seed: int) -> Outcome:
    """Reload ``count`` times, or as often as ``seconds`` allow, while people talk."""
    outcome, chance = Outcome(), random.Random(seed)
    began = time.monotonic()
    with quick():
        async with server() as address, play("reloads", folder, address, seed) as (it, _):
            await it.until(notices.ChannelUp)
            author = Author(it, "chaostools_reloads", chance)
            assert await it.runner.reload()
            ended = asyncio.Event()
            async with asyncio.TaskGroup() as people:
                for number in range(PEOPLE):
                    people.create_task(_person(it, random.Random(f"{seed}/{number}"), ended, outcome))
                while outcome.reloads < count and time.monotonic() < began + seconds:
                    is_sound = author.edit()
                    assert await it.runner.reload() is is_sound, it.told[-1:]
                    outcome.reloads += 1
                    outcome.refused += not is_sound
                    it.told.clear()
                    await asyncio.sleep(chance.random() * 0.01)
                ended.set()
    outcome.seconds = round(time.monotonic() - began, 1)
    return outcome


async def _person(it: Play, chance: random.Random, ended: asyncio.Event, outcome: Outcome) -> None:
    while not ended.is_set():
        async with chat(it.address, it.name) as page:
            outcome.conversations += 1
            revisions = set()
            for number in range(chance.randrange(1, TURNS)):
                answer = await _ask(page, number)
                outcome.answered += answer is not None
                outcome.dropped += answer is None
                of_reply, of_module, of_import, of_prompt, revision, _ = (answer or "- - - - - -").split()
                revisions.add((of_reply, revision))
                outcome.mixed += not of_reply == of_module == of_import == of_prompt
                outcome.words.add(of_reply)
                await asyncio.sleep(chance.random() * 0.02)
            outcome.mixed += len(revisions) > 1


async def _ask(page: Socket, number: int) -> str | None:
    await page.send("message", text=f"look {number}")
    try:
        async with asyncio.timeout(PATIENCE):
            text = str((await page.until("chat.done"))["text"])
    except TimeoutError:
        return None
    page.frames.clear()
    return text if text.endswith(f" {number}") else None
