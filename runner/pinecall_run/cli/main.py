"""``pinecall-run``: finds the verb, and is the one border between an exception and an exit code.

Exit codes: 0 fine, 1 findings, 2 usage, 3 our bug, 4 refused by the server, 130 interrupted.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import traceback
from importlib import import_module

import click

_VERBS = {
    "run": "start the agents of a project (this is also what no verb does)",
    "validate": "check projects without starting anything",
    "doctor": "call each vendor that the agents use, for a second",
    "fix": "mend what has one sure remedy",
    "fmt": "lay pinecall.yaml out one way",
    "explain": "say what a finding means and how to mend it",
    "rules": "list what validate looks for",
    "config": "print the project as resolved, and say where a value comes from",
    "plan": "say what run would change",
    "schema": "print the JSON Schema of pinecall.yaml",
    "render": "print an agent's prompt",
    "providers": "list the vendors, what of them is here, and their options",
    "chat": "type to an agent in the terminal",
    "say": "call an agent with a recording, and print what is said",
    "talk": "call an agent by microphone",
    "numbers": "list Twilio's numbers, and point them at the voice server",
    "serve": "run the voice server alone",
    "init": "make a new project that runs",
}
"""Verb to its line in the help; each is ``cli/<verb>.py`` with a click command ``command``."""


_BRIEF = frozenset(("validate",))
"""Verbs that start no thread, and need what they make until they end: garbage is not looked for in it."""


_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""What is wrong with where our output goes, if no file has been named."""


class _Lazy(click.Group):
    """Imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = import_module(f"pinecall_run.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib_metadata import version

        click.echo(f"pinecall-run {version('pinecall-run')}")
        ctx.exit()


@click.group(cls=_Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
@click.pass_context
def _group(ctx: click.Context) -> None:
    """Voice agents from one pinecall.yaml, with tools in your own process."""
    if ctx.invoked_subcommand is None:
        run: click.Command = import_module("pinecall_run.cli.run").command
        with run.make_context("run", [], parent=ctx) as inner:  # not ctx.invoke, which looks into no variable
            run.invoke(inner)


def main() -> None:
    """The console script."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us: then nobody wants to read it
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    if _verb() not in _BRIEF:
        _run()
        return
    gc.disable()
    try:
        _run()
    except SystemExit as end:
        if end.code in (0, 1):
            _leave(end.code)
        raise
    finally:
        gc.enable()


def _leave(code: int) -> None:
    """End the process without taking apart, piece by piece, what it holds; return if something is left to say."""
    atexit._run_exitfuncs()  # a coverage tool's, for one
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed by whoever started us
                stream.flush()
    except (OSError, ValueError):  # nobody reads any more, or the stream is closed
        return
    os._exit(code)


def _run() -> None:
    try:
        code = _group.main(prog_name="pinecall-run", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the border
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"pinecall-run: the output cannot be written: {error.strerror}", err=True)
            sys.exit(1)
        _report_bug(error)
        sys.exit(3)


def _report_bug(error: Exception) -> None:
    """One line for the user, and a file that holds no more than a developer needs; the whole of it on request,
    because it may quote what callers said."""
    if os.environ.get("PINECALL_TRACEBACK"):
        masked = import_module("pinecall_run.cli._bug_report").masked
        click.echo(masked("".join(traceback.format_exception(error)), os.environ), err=True, nl=False)
        return
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "unknown place"
    said = f"pinecall-run: a bug of ours: {type(error).__name__} at {where}"
    path = import_module("pinecall_run.cli._bug_report").write_report(error, _verb())
    click.echo(f"{said}; the report is {path}" if path else said, err=True)
    click.echo(
        "  help: send us the report; PINECALL_TRACEBACK=1 prints more, which may quote what people said", err=True
    )


def _verb() -> str:
    """The verb that was asked for; any other word may be the user's own."""
    return next((word for word in sys.argv[1:] if word in _VERBS), "run")
