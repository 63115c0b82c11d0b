"""`ltr regress detection`: energies that refine the boxes of a detector, by every objective."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading


@click.command(short_help="train energies that refine a detector's boxes, and compare objectives")
@click.argument("annotations", type=PATH)
@click.option(
    "--objective",
    default="nce_plus",
    show_default=True,
    metavar="NAMES",
    help="ml_is, kld_is, ml_mcmc, nce, dsm, nce_plus, separated by commas; or all.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Networks of each.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    metavar="N",
    help="How long each network is trained.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    metavar="M",
    help="Boxes that are drawn for each thing; by default 32, for ml_mcmc and dsm 16.",
)
@click.option(
    "--step-length",
    type=click.FloatRange(0, min_open=True),
    metavar="A",
    help="Of the chains of ml_mcmc, in sizes of the box; by default 1e-5.",
)
@click.option(
    "--network",
    default="imagenet18",
    show_default=True,
    metavar="NAME",
    help="The network whose trunk makes the features.",
)
@click.option(
    "--output",
    type=PATH,
    default=Path("outputs", "detection"),
    show_default=True,
    metavar="DIR",
    help="A folder for each network; what is there is not trained again.",
)
@debug_option
def detection(
    annotations: Path,
    objective: str,
    seeds: int,
    epochs: int,
    samples: int | None,
    step_length: float | None,
    network: str,
    output: Path,
) -> int:
    """Trains energies of boxes on ANNOTATIONS, a file as COCO has them or a folder that holds it as
    annotations.json. A fifth of the photographs is left out; there, noisy boxes are refined, and
    mean IoU and average precision before and after are printed and written to table.md. What was
    ended, by whatever, goes on when it is called again.

    \b
    examples:
      ltr regress detection coco
      ltr regress detection coco --objective nce,nce_plus --seeds 3
    """
    with loading("ltr"):
        from ltr.files import write_text
        from ltr.regress.detection.experiment import carry_out, plans
        from ltr.regress.detection.methods import METHODS
        from ltr.regress.detection.report import table
        from ltr.regress.detection.results import read_results

    names = tuple(METHODS) if objective == "all" else tuple(dict.fromkeys(objective.split(",")))
    wanted = plans(annotations, network, names, seeds, epochs, samples, step_length)
    carry_out(wanted, output)
    text = table(read_results(wanted, output))
    write_text(output / "table.md", text, "table")
    print(text, end="")
    return 0
