"""`ltr toy`: the papers' one-dimensional experiments on energy-based regression."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.errors import ConfigError
from ltr.signals import loading

OUTPUT = Path("outputs", "toy")

output_option = click.option(
    "--output",
    type=PATH,
    default=OUTPUT,
    show_default=True,
    metavar="DIR",
    help="Results lie here, one file a seed; what is there is not trained again.",
)
epochs_option = click.option(
    "--epochs",
    type=click.IntRange(1),
    default=75,
    show_default=True,
    metavar="N",
    help="How long each network is trained.",
)


@click.group(short_help="compare objectives of energies in one dimension")
def toy() -> None:
    """The papers' experiments on energy-based regression in one dimension: small networks are
    trained by each objective, many seeds at once, and compared with the true density.

    \b
    examples:
      ltr toy run --data 1 --objective nce,nce_plus --seeds 5
      ltr toy run
      ltr toy sweep --samples 1,4,16
      ltr toy report outputs/toy
    """


@toy.command(short_help="train by each objective and compare")
@click.option(
    "--data",
    default="1,2,3",
    show_default=True,
    metavar="NAMES",
    help="Data sets: 1 two modes and skewed, 2 Gaussian, 3 four zones; separated by commas.",
)
@click.option(
    "--objective",
    default="all",
    show_default=True,
    metavar="NAMES",
    help="nce, nce_plus, ml_is, kld_is, sm, dsm, ml_mcmc1, ml_mcmc16, mdn1, mdn4, mdn16, "
    "teacher4, proposal1, proposal4, proposal16, nce_2022; separated by commas.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    metavar="N",
    help="Networks of each; by default 20, of slow ones fewer.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    metavar="M",
    help="Points that are drawn for each target.",
)
@epochs_option
@output_option
@debug_option
def run(
    data: str, objective: str, seeds: int | None, samples: int, epochs: int, output: Path
) -> int:
    """Trains networks by each objective on the data sets that the papers try it on, evaluates them
    on the papers' grids, and writes tables and pictures of densities (with matplotlib) to
    report.md. What was ended, by whatever, goes on when it is called again."""
    return _carry_out(data, objective, seeds, (samples,), epochs, output)


@toy.command(short_help="the divergence against the number of samples")
@click.option("--data", default="1", show_default=True, metavar="NAMES", help="Data sets.")
@click.option(
    "--objective",
    default="nce,nce_plus,ml_is,kld_is",
    show_default=True,
    metavar="NAMES",
    help="Objectives that draw from noise.",
)
@click.option(
    "--samples",
    default="1,4,16,64,256,1024",
    show_default=True,
    metavar="M,...",
    help="Points that are drawn for each target.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="Networks of each.",
)
@epochs_option
@output_option
@debug_option
def sweep(data: str, objective: str, samples: str, seeds: int, epochs: int, output: Path) -> int:
    """Trains with several numbers of samples, and adds the curve to report.md."""
    try:
        counts = tuple(int(word) for word in samples.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 1:
        raise ConfigError(f"--samples {samples}: give numbers from 1, separated by commas")
    with loading("ltr"):
        from ltr.toy.methods import METHODS

    if all(name in METHODS and not METHODS[name].samples for name in objective.split(",")):
        raise ConfigError(f"--objective {objective} draws no points: nothing to sweep")
    return _carry_out(data, objective, seeds, counts, epochs, output)


@toy.command(short_help="write the report of what is there")
@click.argument("folder", type=PATH, metavar="DIR")
@debug_option
def report(folder: Path) -> int:
    """Writes report.md of all results in DIR, with tables and pictures, and prints the tables."""
    with loading("ltr"):
        from ltr.toy.report import write_report

    print(write_report(folder))
    return 0


def _carry_out(
    data: str,
    objective: str,
    seeds: int | None,
    samples: tuple[int, ...],
    epochs: int,
    output: Path,
) -> int:
    with loading("ltr"):
        from ltr.processor import one_thread
        from ltr.toy.data import DATA_SETS, data_set
        from ltr.toy.experiment import carry_out, plans
        from ltr.toy.methods import METHODS, method_named
        from ltr.toy.report import write_report

    names = DATA_SETS if data == "all" else tuple(data.split(","))
    methods = tuple(METHODS) if objective == "all" else tuple(objective.split(","))
    for name in names:
        data_set(name)
    for method in methods:
        method_named(method)
    wanted = [plan for count in samples for plan in plans(names, methods, seeds, count, epochs)]
    if not wanted:
        raise ConfigError(
            f"--objective {objective} is not for data set {data}: "
            + ", ".join(f"{m} is for {' and '.join(METHODS[m].data)}" for m in methods)
        )
    with one_thread():
        for plan in dict.fromkeys(wanted):
            carry_out(plan, output)
    print(write_report(output))
    return 0
