"""What both command lines share: one-line errors, exit statuses, arguments that teach.

Exit status: 0 done, 2 for what the user can mend, 1 for a failure, 130 for Ctrl-C. A traceback only
with --debug.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ltr.errors import TrackingError, suggestion


class Parser(argparse.ArgumentParser):
    """An argument parser that answers bad input with one line and, for a word it does not know, the
    nearest one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = {
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            "allow_abbrev": False,
            **kwargs,
        }
        super().__init__(*args, **kwargs)
        # a box may begin with a minus: "-20,10,60,40" is a value, not an option
        self._negative_number_matcher = re.compile(r"^-[\d.][\d.,e+-]*$")

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_said(self.prog, f"{message} (see {self.prog} --help)", 2))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = action.metavar or action.dest
            raise argparse.ArgumentError(
                None, f"unknown {what} {value!r}: {suggestion(str(value), action.choices)}"
            )

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        known, unknown = self.parse_known_args(args, namespace)
        if unknown:
            options = [
                option
                for parser in (self, *self._chosen(known))
                for option in parser._option_string_actions
            ]
            word = next((w for w in unknown if w.startswith("-")), None)
            if word is None:
                self.error(f"unexpected argument {unknown[0]!r}")
            self.error(
                f"unknown option {word.split('=')[0]!r}: {suggestion(word.split('=')[0], options)}"
            )
        return known

    def _chosen(self, known: argparse.Namespace) -> list[argparse.ArgumentParser]:
        groups = (a for a in self._actions if isinstance(a, argparse._SubParsersAction))
        return [
            group.choices[getattr(known, group.dest)]
            for group in groups
            if getattr(known, group.dest, None)
        ]


def run(parser: Parser, arguments: Sequence[str] | None) -> int:
    """Parse, call the chosen command's `run(namespace) -> status`, and turn what it raises into a
    line and a status."""
    namespace = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = namespace.run
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(
                f"{parser.prog}: note: {message}", file=sys.stderr
            )
            return command(namespace)
    except KeyboardInterrupt:
        return _said(parser.prog, "interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if namespace.debug:
            traceback.print_exc()
        if isinstance(error, TrackingError):
            return _said(parser.prog, str(error), 2)
        return _said(
            parser.prog, f"failed: {type(error).__name__}: {error} (--debug shows where)", 1
        )


def _said(prog: str, message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"{prog}: {line}", file=sys.stderr)
    return status
