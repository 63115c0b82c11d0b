"""`ltr refine-boxes`: a detector's boxes climb an energy."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading


@click.command("refine-boxes", short_help="refine a detector's boxes by a trained energy")
@click.argument("images", type=PATH)
@click.argument("detections", type=PATH, metavar="DETECTIONS.json")
@click.option(
    "--network",
    type=PATH,
    required=True,
    metavar="FILE",
    help="network.safetensors of a run of `ltr regress detection`.",
)
@click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Refined detections; by default beside DETECTIONS.json, with -refined in the name.",
)
@click.option(
    "--annotations",
    type=PATH,
    metavar="FILE",
    help="True boxes as COCO has them: print average precision before and after.",
)
@debug_option
def refine_boxes(
    images: Path, detections: Path, network: Path, output: Path | None, annotations: Path | None
) -> int:
    """Reads detections in COCO's results format (image_id, category_id, bbox, score), lets each box
    climb the energy of its class, and writes them again with `log_energy`, how well the box fits
    (a logarithm that is not normalized). The score stays the detector's, and boxes of categories
    that the network was not trained on stay as they are.

    IMAGES is a file of annotations as COCO has them, a folder that holds one as annotations.json,
    or a folder whose photographs are called by their ids, such as 000000000042.jpg.

    \b
    examples:
      ltr refine-boxes val2017 results.json --network network.safetensors
      ltr refine-boxes coco results.json --network network.safetensors --annotations coco
    """
    with loading("ltr"):
        from ltr.errors import ConfigError
        from ltr.regress.detection.average_precision import (
            average_precision,
            check_installed,
            truth_in,
        )
        from ltr.regress.detection.coco import read_detections, write_detections
        from ltr.regress.detection.network_file import read_refiner
        from ltr.regress.detection.refined_file import refined_detections

    output = output or detections.with_name(f"{detections.stem}-refined.json")
    if output.resolve() == detections.resolve():
        raise ConfigError(f"--output {output} would replace the detections: give another name")
    if annotations:
        check_installed()
    refiner = read_refiner(network)
    given = read_detections(detections)
    truth = truth_in(annotations, given) if annotations else None
    refined = refined_detections(refiner, images, given)
    write_detections(output, refined)
    if truth:
        print("|  | AP | AP50 | AP75 |\n|---|---|---|---|")
        for when, boxes in (("before", given), ("after", refined)):
            numbers = (f"{number:.3f}" for number in average_precision(truth, boxes))
            print(f"| {when} | {' | '.join(numbers)} |")
    print(output)
    return 0
