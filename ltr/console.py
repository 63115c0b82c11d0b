"""What both command lines share and click leaves to its users: commands imported when they are
named, errors of one line with a suggestion, exit statuses.

Exit status: 0 done, 2 for what the user can mend, 1 for a failure, 130 for Ctrl-C, 143 for SIGTERM,
129 for SIGHUP. A traceback only with --debug.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class, shell_complete

from ltr.errors import TrackingError, suggestion
from ltr.signals import ending_of, termination

PATH = click.Path(path_type=Path, readable=False)
"""A file or folder: the shell completes it, and who opens it says what is wrong with it."""
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of the context of a command line."""


class LazyGroup(click.Group):
    """Commands by name, each an import path "module:command" that is followed when it is asked
    for."""

    def __init__(self, name: str, paths: Mapping[str, str], help: str, epilog: str) -> None:
        super().__init__(
            name, help=help, epilog=epilog, no_args_is_help=False, context_settings=SETTINGS
        )
        self.paths = paths

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(self.paths)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported; None for a name that is not in the table."""
        if cmd_name not in self.paths:
            return None
        module, _, name = self.paths[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names. Raises UsageError with a suggestion."""
        if args[0] not in self.paths and not ctx.resilient_parsing:
            raise click.UsageError(
                f"unknown command {args[0]!r}: {suggestion(args[0], self.paths)}", ctx
            )
        return super().resolve_command(ctx, args)


class Choice(click.Choice):
    """One of several words; another one is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word itself. Raises UsageError with a suggestion."""
        if value in self.choices:
            return value
        what = param.opts[0].lstrip("-") if param else "word"
        raise click.UsageError(f"unknown {what} {value!r}: {suggestion(value, self.choices)}", ctx)


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta["debug"] = value


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Show a traceback with an error.",
)


@click.command(short_help="print what a shell needs to complete commands, options and names")
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
@debug_option
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Prints a script with which a shell completes commands, options, networks, presets and files
    at the tab key.

    \b
    bash   add to ~/.bashrc:  eval "$(PROGRAM completion bash)"
    zsh    add to ~/.zshrc:   eval "$(PROGRAM completion zsh)"
    fish   once:  PROGRAM completion fish > ~/.config/fish/completions/PROGRAM.fish
    """
    root = ctx.find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    program = str(root.info_name)
    print(kind(root.command, {}, program, _completion_variable(program)).source())
    return 0


def _completion_variable(program: str) -> str:
    return f"_{program.upper()}_COMPLETE"


def run(group: LazyGroup, program: str, arguments: Sequence[str] | None) -> int:
    """Parse, call the chosen command, which returns its status, and turn what is raised into a line
    and a status. Where a shell asks for completions, print them instead."""
    # Threads that wait and spin take the cores from whatever else runs: read when torch is imported
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # FFmpeg's messages, as OpenCV lets them through: our one line says it better
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    asked = os.environ.get(_completion_variable(program))
    if asked and arguments is None:
        return shell_complete(group, {}, program, _completion_variable(program), asked)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    if arguments is None:  # Python ends without a look at each of torch's objects: .5 s sooner
        atexit.register(gc.freeze)
    words = sys.argv[1:] if arguments is None else list(arguments)
    meta: dict[str, Any] = {}
    try:
        with termination(), warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(
                f"{program}: note: {message}", file=sys.stderr
            )
            with group.make_context(program, list(words)) as context:
                meta = context.meta
                status = group.invoke(context)
                sys.stdout.flush()  # a broken pipe shows itself here, not when Python ends
                return status
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code
    except click.UsageError as error:
        named = [program, *(word for word in words[:1] if word in group.paths)]
        path = error.ctx.command_path if error.ctx else " ".join(named)
        return _report(path, f"{_usage(error, words)} (see {path} --help)", 2)
    except (KeyboardInterrupt, click.Abort) as error:
        status, word = ending_of(error)
        return _report(program, word, status)
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if meta.get("debug"):
            traceback.print_exc()
        if isinstance(error, TrackingError):
            return _report(program, str(error), 2)
        return _report(program, f"failed: {type(error).__name__}: {error} (--debug shows where)", 1)


def _usage(error: click.UsageError, words: Sequence[str]) -> str:
    """What is wrong with a command line, in our words."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        # click reads -box as -b -o -x
        word = next((w for w in words if w.startswith(error.option_name)), error.option_name)
        known = [o for p in error.ctx.command.get_params(error.ctx) for o in p.opts if o[0] == "-"]
        return f"unknown option {word.split('=')[0]!r}: {suggestion(word.split('=')[0], known)}"
    parameter = error.param if isinstance(error, click.BadParameter) else None
    name = parameter.human_readable_name if isinstance(parameter, click.Argument) else ""
    if isinstance(parameter, click.Option):
        name = parameter.opts[0]
    if parameter is not None and isinstance(error, click.MissingParameter):
        hint = parameter.type.get_missing_message(parameter, error.ctx)
        missing = f"missing {parameter.param_type_name} {name}"
        return f"{missing}, {hint}" if hint else missing
    if parameter is not None and (kind := _number_of(parameter.type)):
        value = error.message.rpartition(" is not ")[0]
        return f"{name} takes {kind}, not {value}" if value else f"{name} takes {kind}"
    message = error.message[:1].lower() + error.message[1:].rstrip(".")
    return f"{name}: {message}" if name else message


def _number_of(kind: click.ParamType) -> str:
    """What an option of numbers takes; empty for other options."""
    if isinstance(kind, (click.types.IntParamType, click.types.FloatParamType)):
        number = "a whole number" if isinstance(kind, click.types.IntParamType) else "a number"
        low, high = getattr(kind, "min", None), getattr(kind, "max", None)
        if low is None:
            return number
        if high is not None:
            return f"{number} from {low} to {high}"
        return (
            f"{number} above {low}"
            if getattr(kind, "min_open", False)
            else f"{number} of {low} or more"
        )
    return ""


def _report(program: str, message: str, status: int) -> int:
    print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
    return status
