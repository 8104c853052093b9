"""How fast ``pinecall-run validate`` is, and how much memory it takes: against check-jsonschema, and as projects grow.

Prints one JSON line with ratios within this run. check-jsonschema gets an environment of its own in the user's cache,
made on first use; where it cannot be had, its ratio is ``null`` with the reason.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
VALIDATE = [str(Path(sys.executable).with_name("pinecall-run")), "validate"]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pinecall-run" / "bench"
SMALL, MIDDLE, LARGE = 1, 1_000, 10_000
"""Agents of the generated projects."""
ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed package has compiled modules, and a checkout gets them from its first run."""
GOALS = {"root_to_check_jsonschema": 0.5, "1000_to_1": 4, "10000_to_1000_per_agent": 1.3, "kilobytes_per_agent": 60}


class Cost(NamedTuple):
    """Of one process, its start included: wall and processor time in seconds, peak resident memory in kilobytes."""

    seconds: float
    cpu: float
    kilobytes: float


class Job(NamedTuple):
    """A command, and how often it is run."""

    command: Sequence[str]
    folder: Path
    times: int


def check_jsonschema() -> tuple[str | None, str | None]:
    """The command, or why it cannot be had."""
    place = CACHE / f"check-jsonschema-{sys.version_info.major}.{sys.version_info.minor}"
    command = place / "bin" / "check-jsonschema"
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(place / "bin" / "python"), "-m", "pip", "--quiet", "install", "check-jsonschema"],
    ]
    if not command.exists():
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines()
                return None, f"check-jsonschema cannot be installed: {said[-1] if said else 'no reason given'}"
    return str(command), None


def cost(command: Sequence[str], folder: Path) -> Cost:
    """Run a command that must succeed."""
    with open(os.devnull, "wb") as nowhere:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=ENVIRON, stdout=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder} with exit code {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1))


def interleaved(jobs: Mapping[str, Job]) -> dict[str, list[Cost]]:
    """Every job as often as it says, spread over the rounds, so that a busy moment hits all of them."""
    for job in jobs.values():
        cost(job.command, job.folder)  # what is written once, such as compiled modules, belongs to no measurement
    rounds = max(job.times for job in jobs.values())
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, job in jobs.items():
            if (number + 1) * job.times // rounds > number * job.times // rounds:
                costs[name].append(cost(job.command, job.folder))
    return costs


def median(costs: Sequence[Cost], what: str = "seconds") -> float:
    return float(statistics.median(getattr(cost, what) for cost in costs))


def spread(costs: Sequence[Cost]) -> float:
    """The interquartile range as a part of the median: how noisy the runs were."""
    first, _, third = statistics.quantiles([cost.seconds for cost in costs], n=4)
    return round((third - first) / median(costs), 2)


TOOLS = ("orders", "products", "desk")
_FUNCTIONS = '''"""What the agents may do."""


def find(number: str) -> str:
    """Find one.

    Args:
        number: Its number.
    """
    return number


async def list_open(customer: str, limit: int = 5) -> list[str]:
    """List what is open.

    Args:
        customer: Whose.
        limit: At most so many.
    """
    return [customer] * limit
'''
_TEMPLATE = """You answer for {{ company }} in {{ city }}.

{% include "prompts/style.md.j2" %}
Today is {{ day }}, {{ date }}; the time is {{ time }}.
Look a number up with find, and use list_open for what is not done yet.
"""
_STYLE = "Be warm and brief: one or two sentences. Never invent facts.\n"


def agent(number: int) -> str:
    """One agent of a large project; three in four read a prompt file with variables of their own."""
    if number % 4:
        prompt = f"{{file: prompts/branch{number % 3}.md.j2, vars: {{company: Branch {number}, city: Lyon}}}}"
    else:
        prompt = f"|\n      You are the desk of branch {number}; use find and list_open.\n      It is {{{{ time }}}}."
    module = TOOLS[number % len(TOOLS)]
    return f"""  branch-{number}:
    prompt: {prompt}
    model: openai:gpt-4.1-mini
    voice: elevenlabs:EXAVITQu4vr4xnSDxMaL
    language: en
    stt: {{provider: deepgram-flux, keyterms: [Branch {number}, Cointel]}}
    greeting: Branch {number}, hello. How can I help?
    channels:
      - webrtc
      - "+1555{number:07d}"
      - {{type: phone, ref: "+3491{number:07d}", language: es, voice: elevenlabs:gD1IexrzCvsXPHUuT0s3}}
    tools:
      find: tools.{module}.find
      list_open: tools.{module}:list_open
    session_limits: {{idle_timeout_seconds: 30, idle_warning_seconds: 10}}
    timezone: Europe/Madrid
"""


def make_project(folder: Path, agents: int) -> Path:
    """A project of so many agents that has no findings."""
    files = {
        "pinecall.yaml": "version: 1\n\nagents:\n" + "\n".join(agent(number) for number in range(1, agents + 1)),
        "prompts/style.md.j2": _STYLE,
        **{f"prompts/branch{number}.md.j2": _TEMPLATE for number in range(3)},
        **{f"tools/{name}.py": _FUNCTIONS for name in TOOLS},
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def ratios(costs: Mapping[str, Sequence[Cost]], what: str) -> dict[str, float | None]:
    """What the goals speak of, in wall time (``seconds``) or in processor time (``cpu``), which other work on the
    machine disturbs less."""
    one, theirs = costs["root"], costs.get("check_jsonschema")
    small, middle, large = (costs[str(size)] for size in (SMALL, MIDDLE, LARGE))
    found = {
        "root_to_check_jsonschema": median(one, what) / median(theirs, what) if theirs else None,
        "1000_to_1": median(middle, what) / median(small, what),
        "10000_to_1000_per_agent": median(large, what) / LARGE / (median(middle, what) / MIDDLE),
        "kilobytes_per_agent": (median(large, "kilobytes") - median(small, "kilobytes")) / LARGE,
    }
    return {name: ratio and round(ratio, 2) for name, ratio in found.items()}


def main() -> None:
    """Measure, and print what came out beside the goals."""
    checker, reason = check_jsonschema()
    with tempfile.TemporaryDirectory() as place:
        jobs = {"root": Job(VALIDATE, ROOT, 21)}
        if checker is not None:
            theirs = [checker, "--schemafile", "schemas/pinecall.schema.json", "pinecall.yaml"]
            jobs["check_jsonschema"] = Job(theirs, ROOT, 21)
        for size, times in ((SMALL, 21), (MIDDLE, 11), (LARGE, 3)):
            folder = make_project(Path(place) / str(size), size)
            jobs[str(size)] = Job(VALIDATE, folder, times)
        costs = interleaved(jobs)
    line = {
        "bench": "validate",
        "ratios": ratios(costs, "seconds"),
        "ratios_of_cpu": ratios(costs, "cpu"),
        "goals": GOALS,
        "seconds": {name: round(median(found), 4) for name, found in costs.items()},
        "spread": {name: spread(found) for name, found in costs.items()},
        **({"missing": reason} if reason else {}),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
