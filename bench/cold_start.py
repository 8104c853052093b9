"""How long a cold ``pinecall-run validate`` takes, against a bare Python start and the import of what it must use.

Prints one JSON line: medians in seconds, and ratios within this run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 15

COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "libraries": [sys.executable, "-c", "import click, yaml, jsonschema, jinja2"],
    "validate": [sys.executable, "-P", "-m", "pinecall_run", "validate"],
}


def _once(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Run the commands in turn, so that a busy moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(_once(command))
    medians = {name: round(statistics.median(values), 4) for name, values in times.items()}
    ratio = round(medians["validate"] / medians["libraries"], 2)
    print(json.dumps({"bench": "cold_start", "seconds": medians, "validate_to_libraries": ratio}))


if __name__ == "__main__":
    main()
