"""`ltr regress`: energy-based regression on images."""

from __future__ import annotations

import click

from ltr.commands.regress_detection import detection


@click.group(short_help="train energies on regression tasks")
def regress() -> None:
    """Energy-based regression on images, the tasks of the papers: networks are trained by several
    objectives, a few seeds each, and compared.

    Reading published data takes h5py, and average precision pycocotools: pip install -e
    ".[regress]".

    \b
    examples:
      ltr regress cells --generate
      ltr regress detection coco --objective nce,nce_plus
    """


regress.add_command(detection)
