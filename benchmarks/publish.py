"""Make a network of a run a bundled one.

    python benchmarks/publish.py outputs/train/mobile --name nce_plus_mobile --hardware "one core"
        [--network FILE] [--before EARLIER_RUN] [--append TABLE.md] [--scores FOLDER] [--jobs N]

Takes the run's best network (`ltr.training.run.best_network`), or FILE, and writes
checkpoints/NAME.safetensors in half precision, its entry in checkpoints/models.json, its row in
checkpoints/LICENSE.md and its card checkpoints/NAME.md: data, recipe, commit, hardware and hours,
learning curve, and success AUC on SHARED/data/val and the clips left out of training beside that of
the network that the recipe begins with. Boxes are kept in the folder of `--scores` as
`judge.py` keeps them: what it tracked before is not tracked again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import torch
from cards import CHECKPOINTS, bundle, write_card, write_licence
from judge import scores_of, sequences_of
from score_tables import by_sequence, comparison, markdown, worst, worst_sequences

from ltr.checkpoints import find_network, read_header
from ltr.data.configuration import DataConfig
from ltr.data.layouts import open_store
from ltr.data.names import read_left_out
from ltr.data.selection import divided
from ltr.data.store import Store
from ltr.errors import ConfigError, TrackingError
from ltr.networks import load_network
from ltr.progress import counted
from ltr.recipes import RECIPES
from ltr.settings import as_dict, with_toml
from ltr.settings.difference import differences
from ltr.training.log import read_log
from ltr.training.recipe import EnergyLoss, OverlapLoss, ProposalLoss, Recipe
from ltr.training.run import RECIPE, best_network
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import find_sequences

MOST_BYTES = {"nce_plus_mobile": 8_000_000, "nce_plus18": 24_000_000, "proposals18": 24_000_000}
"""The names under which networks are bundled. Each is that of a recipe and of a preset too."""
TRUNKS = {"mobilenet_v2": "MobileNetV2 to features.13", "resnet18": "ResNet-18 to layer3"}
OBJECTIVES = {"nce": "NCE", "nce_plus": "NCE+", "ml_is": "ML-IS", "kld_is": "KLD-IS"}
LICENCE = "research use (trained on parts of research data sets), no warranty; see LICENSE.md"
TERMS = (
    "Frames and labels belong to research data sets (OTB-100, UAV123, DTB70, UAVDT, VOT, TLP, TLD, "
    "DAVIS, SegTrack v2, YouTube-VOS, MOT15, PETS2009, CDnet, PASCAL VOC 2007 and 2010, COCO 2017, "
    "BSDS500, SOD, Caltech-101 and others), most of them for non-commercial research only; none is "
    "contained in the network. Cite the data sets; scores on them are not honest where this "
    "network saw their videos"
)
NO_BENCHMARK = "Used for model selection, **not a benchmark**"
ROWS = 15
"""The curve has about so many."""


class Training(NamedTuple):
    """A run, and the network of it that is taken."""

    folder: Path
    recipe: Recipe
    network: Path
    card: dict[str, Any]
    """What the network's file says of itself."""
    log: list[dict[str, Any]]


def read_training(run: Path, network: Path | None, name: str) -> Training:
    """A run and its best network, or another one. Raises ConfigError where it is not for the preset
    `name`, ResultError, CheckpointError."""
    taken = network or best_network(run)
    if taken is None:
        raise ConfigError(f"{run} has no network yet: train on")
    recipe, card = with_toml(Recipe(), run / RECIPE), read_header(taken).card
    for what, preset in ((run, recipe.preset), (taken, card.get("preset"))):
        if preset != name:
            raise ConfigError(f"{what} is for the preset {preset}, not {name}: give its name")
    return Training(run, recipe, taken, card, list(read_log(run)))


def hours(log: Sequence[dict[str, Any]]) -> float:
    """Of training, without the pauses that a `resume` ends. Tracking is another process's."""
    lines = [line for line in log if line["kind"] != "tracking"]
    gaps = (
        after["time"] - before["time"]
        for before, after in pairwise(lines)
        if after.get("event") != "resume"
    )
    return sum(gaps) / 3600


def commit_at(time: float) -> str:
    """The newest commit of this branch at a time in seconds. Raises ConfigError."""
    command = ["git", "rev-list", "-1", f"--before=@{time:.0f}", "HEAD"]
    done = subprocess.run(command, cwd=CHECKPOINTS, capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        raise ConfigError("git does not know the commit at which training began: give --commit")
    return done.stdout.strip()[:12]


def place(path: str) -> str:
    """A network as a card names it: RUN/epoch-0012 for a file in a run."""
    file = Path(path)
    return f"{file.parent.parent.name}/{file.stem}" if file.suffix else path


def recipe_text(training: Training, name: str) -> str:
    """The recipe by its name, digest, and fields that differ from the recipe `name`."""
    given = as_dict(training.recipe)
    changed = [
        f"`{field}` {before} -> {place(after.strip(chr(34))) if field == 'start' else after}"
        for field, before, after in differences(as_dict(RECIPES[name]), given)
    ]
    steps = training.card["step"]
    return (
        f"`{training.card['recipe']}`, epoch {training.card['epoch']} of {training.recipe.epochs} "
        f"(step {steps}, batch {training.recipe.batch}), sha256 of its fields "
        f"{training.card['recipe_sha256'][:16]}; differs from `ltr show {name}` in "
        f"{', '.join(changed) or 'nothing'}"
    )


def data_table(config: DataConfig, root: Path) -> str:
    """What is trained on, a row a part of the mix. Raises DataError."""
    left_out = read_left_out(root / config.left_out) if config.left_out else frozenset()
    total, rows = sum(part.weight for part in config.mix), []
    for part in config.mix:
        trained, held = divided(open_store(part, root), left_out)
        share = f"{part.weight / total:.0%}"
        counts = [len(trained.tracks), pictures(trained), len(held.tracks)]
        rows.append([part.name, f"{part.path}/", part.use, share, *map(str, counts)])
    head = ["part", "folder", "use", "share of samples", "targets", "pictures"]
    return markdown([*head, "targets left out, never trained on"], rows)


def pictures(store: Store) -> int:
    """Different ones; tracks may share them."""
    frames = {track.pictures or track.name: len(track.boxes_xywh) for track in store.tracks}
    return sum(frames.values())


def curve(log: Sequence[dict[str, Any]], taken: int) -> str:
    """Losses and tracking by epoch, that of the network in bold; of many epochs every so many."""
    train = {line["step"]: line for line in log if line["kind"] == "train"}
    by_epoch: dict[int, list[float]] = {}
    for line in train.values():
        by_epoch.setdefault(line["epoch"], []).append(line["losses"]["total"])
    judged = {line["epoch"]: line["losses"] for line in log if line["kind"] == "validation"}
    tracked = {line["epoch"]: line for line in log if line["kind"] == "tracking"}
    told = ("classifier/final", "classifier/cross_entropy", "box/loss")
    terms = [name for name in told if any(name in losses for losses in judged.values())]
    epochs = sorted(by_epoch.keys() | judged.keys() | tracked.keys())
    every = -(-len(epochs) // ROWS)
    rows = []
    for epoch in epochs:
        if epoch % every and epoch not in (taken, epochs[-1]):
            continue
        losses, line = judged.get(epoch, {}), tracked.get(epoch)
        learned = f"{mean(by_epoch[epoch]):.4g}" if epoch in by_epoch else ""
        values = [f"{losses[name]:.4g}" if name in losses else "" for name in ("total", *terms)]
        auc = f"{line['auc']:.3f} ({counted(len(line['sequences']), 'sequence')})" if line else ""
        row = [str(epoch), learned, *values, auc]
        rows.append([f"**{cell}**" if epoch == taken and cell else cell for cell in row])
    head = ["epoch", "training loss", "validation loss", *(f"its {name}" for name in terms)]
    return markdown([*head, "success AUC"], rows)


def results_text(
    scores: dict[str, Array], name: str, names: list[str], validation: int, seeds: int
) -> str:
    """Tables of the network and of the one that its recipe begins with."""
    values = scores[name]
    return "\n\n".join(
        [
            f"{NO_BENCHMARK}: success AUC, one pass, mean of {seeds} tracker seed"
            f"{'s' * (seeds > 1)}; {validation} validation sequences and the "
            f"{len(names) - validation} clips left out of training. 95 % bootstrap intervals over "
            f"sequences. Worst: {worst(values, names, 1)}.",
            comparison(scores, validation),
            worst_sequences(scores, names),
            by_sequence(scores, names),
        ]
    )


def summary(recipe: Recipe) -> str:
    """The network in a line."""
    box = {
        type(None): "",
        OverlapLoss: ", boxes by overlap",
        ProposalLoss: ", box energies and their proposals, trained jointly",
        EnergyLoss: f", box energies by {OBJECTIVES.get(getattr(recipe.box, 'objective', ''))}",
    }[type(recipe.box)]
    return f"{TRUNKS[recipe.network.trunk]}{box}; trained on clips and photographs"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--name", choices=sorted(MOST_BYTES), required=True)
    parser.add_argument("--hardware", required=True, help="that it was trained on, for the card")
    parser.add_argument("--network", type=Path, metavar="FILE", help="instead of the best")
    parser.add_argument(
        "--before",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="whose weights this run began with: its hours count too",
    )
    parser.add_argument("--commit", help="of training; by default the newest as it began")
    parser.add_argument(
        "--append", type=Path, nargs="+", default=[], metavar="FILE", help="Markdown for the card"
    )
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--scores", type=Path, default=Path("outputs/judge"))
    parser.add_argument("--seeds", type=int, default=3, help="of the tracker")
    parser.add_argument("--jobs", type=int, default=1, help="processes that track")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        publish(arguments)
    except TrackingError as error:
        raise SystemExit(f"publish: {error}") from None


def publish(given: argparse.Namespace, folder: Path = CHECKPOINTS) -> None:
    """Track, then write all four files into `folder`, the network first."""
    name, data = given.name, given.shared / "data"
    training = read_training(given.run, given.network, name)
    recipe, start = training.recipe, RECIPES[name].start
    more = [path.read_text(encoding="utf-8").strip() for path in given.append]
    facts = {
        "summary": summary(recipe),
        "trunk": str(read_header(find_network(start).path).card.get("trunk", start)),
        "recipe": recipe_text(training, name),
        "begun with": place(recipe.start) or "random weights",
        "commit": given.commit or commit_at(training.log[0]["time"]),
        "hardware": given.hardware,
        "hours": f"{sum(hours(list(read_log(run))) for run in (given.run, *given.before)):.1f}",
        "licence": LICENCE,
    }
    table = data_table(recipe.data, data)
    sequences = sequences_of(given.shared, "held out")
    contender = shlex.quote(str(training.network))
    scores = scores_of([start, contender], sequences, given.scores, given.seeds, given.jobs)
    scores = {start: scores[start], name: scores[contender]}
    body = results_text(
        scores,
        name,
        [sequence.name for sequence in sequences],
        len(find_sequences(data / "val")),
        given.seeds,
    )
    sections = [
        f"## Results\n\n{body}",
        f"## Data\n\n{table}\n\n{TERMS}.",
        f"## Learning curve\n\n{NO_BENCHMARK}.\n\n{curve(training.log, training.card['epoch'])}",
        *more,
    ]
    path = bundle(folder, name, load_network(training.network), facts, MOST_BYTES[name])
    print(f"{path}: {path.stat().st_size} bytes, of {training.network}")
    made_from = f"weights of `{start}`, trained by `ltr train {name}` on the data its card names"
    write_licence(folder, name, made_from, f"Those of `{start}`, above. {TERMS}")
    write_card(folder, name, facts, "\n\n".join(sections), "publish.py")
    print(comparison(scores, len(find_sequences(data / "val"))))


if __name__ == "__main__":
    main()
