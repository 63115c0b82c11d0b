"""Which tracker: the options that demo, track and evaluate share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from ltr.commands.options import complete_networks
from ltr.console import PATH
from ltr.errors import ConfigError
from pytracking import DEFAULT_NETWORK

F = TypeVar("F", bound=Callable[..., int])


def complete_presets(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The presets by name."""
    from pytracking.tracker.presets import PURPOSES

    return [
        CompletionItem(name, help=purpose)
        for name, purpose in PURPOSES.items()
        if name.startswith(incomplete)
    ]


def complete_benchmarks(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The benchmarks by name."""
    from pytracking.sequences.benchmarks import BENCHMARKS

    return [
        CompletionItem(name, help=benchmark.title)
        for name, benchmark in BENCHMARKS.items()
        if name.startswith(incomplete)
    ]


class _Benchmark(click.types.StringParamType):
    """A word of which an error says where it comes from."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """What is to be given."""
        return "a name that `pytracking data` lists or a folder of sequences"


benchmark_argument = click.argument(
    "benchmark", metavar="BENCHMARK", type=_Benchmark(), shell_complete=complete_benchmarks
)


class _Results(click.Path):
    """Paths of which an error says what they are."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """What is to be given."""
        return "a folder that `pytracking evaluate` wrote or results of another layout"


results_argument = click.argument(
    "results",
    nargs=-1,
    required=True,
    metavar="[LABEL=]RESULT...",
    type=_Results(readable=False),
)


def _checked_seed(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if value < 0:
        raise ConfigError(f"--seed is {value}: give 0 or more")
    return value


network_option = click.option(
    "--net",
    "network",
    metavar="NAME",
    default=DEFAULT_NETWORK,
    show_default=True,
    shell_complete=complete_networks,
    help="A network by name or file.",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    shell_complete=lambda ctx, param, incomplete: [
        device for device in ("auto", "cpu", "cuda") if device.startswith(incomplete)
    ],
    help="auto, cpu, cuda or cuda:N.",
)
data_option = click.option(
    "--data", type=PATH, metavar="DIR", help="Where BENCHMARK lies; else paths.toml says so."
)
protocol_option = click.option("--protocol", metavar="NAME", help="Default: the benchmark's own.")
threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="Of a worker, that decode frames.",
)
preset_option = click.option(
    "--preset",
    metavar="NAME",
    shell_complete=complete_presets,
    help="By name, or a file NAME.toml. Default: the network's own.",
)
settings_option = click.option(
    "--settings", type=PATH, metavar="FILE", help="A TOML file of settings that differ."
)
_SETTINGS_OPTIONS = (
    preset_option,
    settings_option,
    click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="FIELD=VALUE",
        help="One setting that differs (may be repeated).",
    ),
    device_option,
)
seed_option = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    callback=_checked_seed,
    help="Of all random draws.",
)


def settings_options(command: F) -> F:
    """Adds the options that a tracker of any network has; the command gets them under the names of
    the fields of `TrackerChoice`."""
    for option in reversed(_SETTINGS_OPTIONS):
        command = option(command)
    return command


def tracker_options(command: F) -> F:
    """Adds these, and which network and seed."""
    return network_option(settings_options(seed_option(command)))


def _parsed_size(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", value)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(size):
        raise ConfigError(f"--size is {value!r:.60}: give width and height in pixels, 1280x720")
    return size


def size_and_rate_options(command: F) -> F:
    """Adds what cameras are asked for."""
    command = click.option(
        "--rate",
        "frame_rate",
        type=click.FloatRange(0, min_open=True),
        metavar="FPS",
        help="Frames a second that cameras are asked for.",
    )(command)
    return click.option(
        "--size", metavar="WxH", callback=_parsed_size, help="Pixels that cameras are asked for."
    )(command)


def _parsed_address(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    if value is None:
        return None
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})", value)
    if match is None or not 0 < int(match[3]) < 65536:
        raise ConfigError(
            f"--visdom is {value!r:.60}: give HOST:PORT, or, for 127.0.0.1:8097, nothing and the "
            "option last"
        )
    return match[1] or match[2], int(match[3])


visdom_option = click.option(
    "--visdom",
    is_flag=False,
    flag_value="127.0.0.1:8097",
    metavar="[HOST:PORT]",
    callback=_parsed_address,
    help="Show what the tracker sees on a visdom server. Default: 127.0.0.1:8097.",
)
"""Gives the command host and port, or None; what shows it is `pytracking.debug.visdom_board`."""


def output_options(default: str) -> Callable[[F], F]:
    """Adds --output with its default, as help says it, and --overwrite."""

    def add(command: F) -> F:
        command = click.option(
            "--overwrite",
            is_flag=True,
            help="Replace an earlier run's results; other files stay.",
        )(command)
        return click.option("--output", type=PATH, metavar="DIR", help=f"Default: {default}.")(
            command
        )

    return add
