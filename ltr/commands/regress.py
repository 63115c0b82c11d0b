"""`ltr regress`: energy-based regression on images."""

from __future__ import annotations

import click

from ltr.commands.regress_detection import detection
from ltr.commands.regress_tasks import age, cells, pose, report, steering


@click.group(short_help="train energies on regression tasks")
def regress() -> None:
    """Energy-based regression on images, the tasks of the papers: networks are trained by several
    objectives, a few seeds each, and compared.

    Reading published data takes h5py, and average precision pycocotools: pip install -e
    ".[regress]".

    \b
    examples:
      ltr regress cells --generate
      ltr regress cells Cell200 --objective nce,proposal --seeds 2
      ltr regress steering DIR
      ltr regress report outputs/regress
      ltr regress detection coco --objective nce,nce_plus
    """


for command in (steering, cells, age, pose, detection, report):
    regress.add_command(command)
