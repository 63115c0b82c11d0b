"""The tasks of `ltr regress` in which a number or three are told of an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, Choice, debug_option
from ltr.errors import ConfigError
from ltr.signals import loading

OUTPUT = Path("outputs", "regress")
OBJECTIVES = ("nce", "mdn", "proposal", "teacher")
QUICK = {"trunk": "small", "weights": "none", "epochs": 20, "samples": 64, "frozen_epochs": 0}
"""In the place of the published settings for pictures that are rendered: minutes on a processor."""
PUBLISHED = {
    "trunk": "resnet18",
    "weights": "imagenet",
    "epochs": 75,
    "samples": 1024,
    "frozen_epochs": 20,
}
_SETTINGS = (
    click.option(
        "--objective",
        default="mdn,teacher",
        show_default=True,
        metavar="NAMES",
        help="nce, mdn, proposal, teacher, or all; separated by commas.",
    ),
    click.option(
        "--seeds",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        metavar="N",
        help="Networks of each.",
    ),
    click.option(
        "--components",
        type=click.IntRange(1),
        default=4,
        show_default=True,
        metavar="K",
        help="Gaussians of a mixture.",
    ),
    click.option(
        "--samples",
        type=click.IntRange(1),
        metavar="M",
        help="Points that are drawn for each target: 1024, of rendered pictures 64.",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        metavar="N",
        help="How long each network is trained: 75, of rendered pictures 20.",
    ),
    click.option(
        "--trunk",
        type=Choice(["resnet18", "small"]),
        help="Network of the features: resnet18, of rendered pictures small.",
    ),
    click.option(
        "--weights",
        metavar="none|imagenet|FILE",
        help="What a resnet18 begins with: imagenet, of rendered pictures none; the bundled ones "
        "end at its third stage, torchvision's file has all.",
    ),
    click.option(
        "--frozen-epochs",
        type=click.IntRange(0),
        metavar="N",
        help="At first, in which what has such weights keeps them: 20, of rendered pictures 0.",
    ),
    click.option(
        "--batch",
        type=click.IntRange(2),
        default=32,
        show_default=True,
        metavar="B",
        help="Images a step.",
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(0, min_open=True),
        default=1e-3,
        show_default=True,
        metavar="RATE",
        help="Of Adam.",
    ),
    click.option(
        "--output",
        type=PATH,
        default=OUTPUT,
        show_default=True,
        metavar="DIR",
        help="Results lie here, one file a seed; what is there is not trained again.",
    ),
    debug_option,
)


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a task."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


@click.command(short_help="angles of a steering wheel")
@click.argument("folder", type=PATH, metavar="DIR")
@_settings
def steering(folder: Path, **settings: Any) -> int:
    """Trains on SteeringAngle_64x64.h5 in DIR: pictures of the road, angles in degrees."""
    return _carry_out("steering", folder, settings)


@click.command(short_help="how many cells are in a picture")
@click.argument("folder", type=PATH, metavar="DIR", required=False)
@click.option("--generate", is_flag=True, help="Render the pictures; DIR is not needed.")
@_settings
def cells(folder: Path | None, generate: bool, **settings: Any) -> int:
    """Trains on the pictures in DIR, the published folder Cell200, or on 3,200 that are rendered,
    and then minutes are enough."""
    if generate == (folder is not None):
        raise ConfigError("give the folder Cell200, or --generate for pictures that are rendered")
    return _carry_out("cells", folder, settings)


@click.command(short_help="ages of faces")
@click.argument("folder", type=PATH, metavar="DIR")
@_settings
def age(folder: Path, **settings: Any) -> int:
    """Trains on UTKFace_64x64.h5 in DIR, or on the images in DIR, UTKFace as it is published:
    faces, ages from 1 to 60 years."""
    return _carry_out("age", folder, settings)


@click.command(short_help="where heads turn")
@click.argument("folder", type=PATH, metavar="DIR")
@_settings
def pose(folder: Path, **settings: Any) -> int:
    """Trains on BIWI_train.npz in DIR and tests on BIWI_test.npz: heads, their yaw, pitch and roll
    in degrees."""
    return _carry_out("pose", folder, settings)


@click.command(short_help="write the report of what is there")
@click.argument("folder", type=PATH, metavar="DIR")
@debug_option
def report(folder: Path) -> int:
    """Writes report.md of all results in DIR, and prints its tables."""
    with loading("ltr"):
        from ltr.regress.report import write_report

    print(write_report(folder))
    return 0


def _carry_out(task: str, folder: Path | None, settings: dict[str, Any]) -> int:
    """Of the pictures in a folder, or of rendered ones."""
    with loading("ltr"):
        from ltr.errors import suggestion
        from ltr.processor import denormals_flushed
        from ltr.regress.cells import generated_cells
        from ltr.regress.experiment import carry_out, missing
        from ltr.regress.report import write_report
        from ltr.regress.tasks import TASKS
        from ltr.regress.training import Setup

    output, seeds, names = (settings.pop(name) for name in ("output", "seeds", "objective"))
    objectives = OBJECTIVES if names == "all" else tuple(dict.fromkeys(names.split(",")))
    for name in objectives:
        if name not in OBJECTIVES:
            raise ConfigError(f"unknown objective {name!r}: {suggestion(name, OBJECTIVES)}")
    defaults = PUBLISHED if folder else QUICK
    given: dict[str, Any] = {
        name: defaults.get(name) if v is None else v for name, v in settings.items()
    }
    if given["trunk"] == "small":
        if settings["weights"] not in (None, "none"):
            raise ConfigError(
                f"--weights {given['weights']}: --trunk small has none, it is trained"
            )
        given["weights"] = "none"
    if given["weights"] == "none":
        if settings["frozen_epochs"]:
            raise ConfigError(
                f"--frozen-epochs {given['frozen_epochs']}: without weights from elsewhere "
                "(--weights) there is nothing to keep"
            )
        given["frozen_epochs"] = 0
    if folder and not folder.is_dir():  # else it would be told as another folder than before
        raise ConfigError(f"DIR {folder} is no folder: give that of the published files")
    given |= {"generated": folder is None, "data": str(folder.resolve()) if folder else ""}
    setups = [Setup(task, name, **given) for name in objectives]
    wanted = missing(setups, seeds, output)
    if wanted:
        with denormals_flushed():
            split = TASKS[task].read(folder) if folder else generated_cells()
            carry_out(wanted, split, output)
    print(write_report(output))
    return 0
