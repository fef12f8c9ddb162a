"""The command table. A command's module is imported when it is chosen, so that help is quick."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from errno import ENOSPC
from typing import Any, NoReturn

import click

import pilotboat
from pilotboat import errors
from pilotboat.errors import PilotboatError
from pilotboat.imports import resolve

COMMANDS = {
    "pack": ("pilotboat.cli.pack:pack", "Turn a trained model into a bundle."),
    "inspect": ("pilotboat.cli.inspect:inspect", "Show what an artifact or a bundle holds."),
    "predict": ("pilotboat.cli.predict:predict", "Score a file of rows with a bundle."),
    "serve": ("pilotboat.cli.serve:serve", "Answer over HTTP."),
    "reload": (
        "pilotboat.cli.reload:reload",
        "Replace a running server's workers, losing no request.",
    ),
    "feedback": (
        "pilotboat.cli.feedback:feedback",
        "Tell a server what turned out to be right.",
    ),
    "health": ("pilotboat.cli.health:health", "Ask a running server whether it is ready."),
    "doctor": ("pilotboat.cli.doctor:doctor", "Look for what would stop or slow a server here."),
    "key": ("pilotboat.cli.key:key", "Make an API key."),
    "store": ("pilotboat.cli.store:store", "Look after the database of the prediction log."),
    "image": ("pilotboat.cli.image:image", "Look into a container image."),
}
"""name -> (where it is, what it does)"""

EXITS: dict[type[PilotboatError], int] = {
    errors.UsageError: 2,
    errors.RowsError: 3,
    errors.DataError: 3,
    errors.ArtifactError: 3,
    errors.CompileError: 3,
    errors.BundleError: 3,
    errors.ModelError: 3,
    errors.EnvironmentFault: 4,
    PilotboatError: 1,
}
"""Exit codes: 2 usage, 3 data, 4 environment, 1 a bug."""

INTERRUPTED = 130
_BUG = "To see where: python -X dev -m pilotboat, with the same arguments. Please report it."


class Commands(click.Group):
    """The commands of the table, imported when chosen."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = resolve(COMMANDS[cmd_name][0])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            meant = (
                f"Did you mean '{near[0]}'?" if near else f"Commands are: {', '.join(COMMANDS)}."
            )
            raise click.UsageError(f"There is no command '{name}'. {meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would make a failure of it
            _let_go()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


EPILOG = """\b
Examples:
  pilotboat pack model.joblib --data train.csv --target survived
  pilotboat serve
  pilotboat predict models/model/1 rows.csv -o scored.csv
"""


@click.group(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=False,
    no_args_is_help=True,
)
@click.version_option(pilotboat.__version__, prog_name="pilotboat")
def commands() -> None:
    """A trained scikit-learn model in; a fast, typed, small HTTP service out."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run a command and leave with its exit code: one line on standard error, never a traceback."""
    try:
        code = commands.main(args, prog_name="pilotboat", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        _leave(2)
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        hint = f" Try '{ctx.command_path} --help'." if ctx else ""
        _say(f"{error.format_message()}{hint}")
        _leave(2)
    except (click.Abort, KeyboardInterrupt):
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _let_go()
        _leave(0)
    except PilotboatError as error:
        _say(f"{error} {_BUG if error.code == 'bug' else ''}")
        _leave(exit_code(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno == ENOSPC:
            _say(f"What there is to write has no room: {error.strerror}.")
            _leave(EXITS[errors.EnvironmentFault])
        if sys.flags.dev_mode:
            raise
        _say(f"Pilotboat broke: {type(error).__name__}. {_BUG}")
        _leave(1)
    _leave(code if isinstance(code, int) else 0)


def exit_code(error: PilotboatError) -> int:
    """The exit code of an error: that of the nearest class in the tree."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)


def _say(text: str) -> None:
    line = " ".join(text.split())
    click.echo(f"pilotboat: {line}", err=True)


def _let_go() -> None:
    """Whoever read our output has gone: nothing can be written any more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leave(code: Any) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:  # or the interpreter tries once more, and leaves with a code of its own
        _let_go()
    sys.exit(code)
