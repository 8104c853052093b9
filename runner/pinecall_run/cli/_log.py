"""Events as lines: for people (``text``), or one JSON object each for machines (``json``)."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import click

from pinecall_run.cli._findings import uses_colour
from pinecall_run.source.secrets import Secrets, secret_values
from pinecall_run.tools.place import user_line

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = ("text", "json")

log_format_option = click.option(
    "--log-format",
    envvar="PINECALL_LOG_FORMAT",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Lines for people, or JSON objects for machines [env: PINECALL_LOG_FORMAT].",
)

_LOUD = frozenset({"warning", "error"})


class Log:
    """Writes events, secrets masked. All go to one stream, stdout by default: what is on stderr counts as an error with
    some collectors, whatever its level."""

    def __init__(self, format: Format = "text", *, to_stderr: bool = False) -> None:
        self.is_json = format == "json"
        self._to_stderr = to_stderr
        self._secrets = Secrets(values=secret_values(os.environ))
        self.colour = not self.is_json and uses_colour((sys.stderr if to_stderr else sys.stdout).isatty())

    def write(self, level: str, event: str, message: str, fields: Mapping[str, Any], detail: str = "") -> None:
        """Write an event. ``fields`` are for machines, ``detail`` (more lines, coloured already) for people."""
        now = datetime.now(UTC)
        if self.is_json:
            stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            entry = {"time": stamp, "level": level, "event": event, "message": message, **fields}
            self._echo(json.dumps(self._hidden(entry), ensure_ascii=False))
            return
        shown = self._secrets.hide(message)
        if self.colour:
            shown = f"\x1b[31m{shown}\x1b[0m" if level in _LOUD else shown
        time = now.astimezone().strftime("%H:%M:%S")
        head = f"\x1b[2m{time}\x1b[0m {shown}" if self.colour else f"{time} {shown}"
        self._echo(f"{head}\n{self._secrets.hide(detail)}" if detail else head)

    def sentence(self, event: str, sentence: str) -> None:
        """Say on stderr why the program ends; as JSON that is an event like all others."""
        if self.is_json:
            self.write("error", event, sentence, {})
        else:
            click.echo(f"pinecall-run: {self._secrets.hide(sentence)}", err=True)

    def _echo(self, line: str) -> None:
        # A lone surrogate, escaped by Python, is what JSON would write, too.
        click.echo(line.encode("utf-8", "backslashreplace") if self.is_json else line, err=self._to_stderr, color=True)

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._secrets.hide(value)
        if isinstance(value, Mapping):
            return {key: self._hidden(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._hidden(inner) for inner in value]
        return value


class LogHandler(logging.Handler):
    """What modules log, in the same form. Of an exception only its type and place are told: its text may quote what
    somebody said."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            fields: dict[str, Any] = {"logger": record.name}
            said = f"{record.name}: {record.getMessage()}"
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                file, line = user_line(error) or ("", 0)
                fields["failure"] = {"kind": type(error).__name__, "file": file, "line": line}
                said += f" ({type(error).__name__}{f' at {os.path.relpath(file)}:{line}' if file else ''})"
            self._log.write(_LEVELS.get(record.levelno, "error"), "log", said, fields)
        except OSError:
            pass  # there is nowhere left to say it
        except Exception:  # noqa: BLE001 - as logging has it
            self.handleError(record)


_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}


def log_modules_to(log: Log, name: str | None) -> None:
    """Have the records of a logger, and of those below it, written by ``log``; ``None`` is every logger."""
    logger = logging.getLogger(name)
    logger.addHandler(LogHandler(log))
    logger.propagate = False
