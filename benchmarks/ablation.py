"""What each part of a recipe brings: short trainings of equal length, tracked.

    python benchmarks/ablation.py nce_plus_mobile --output outputs/ablation [--steps 1000]
        [--set precision=bfloat16] [--only overlap nce_plus] [--ascent 2e-3 5e-3] [--jobs 2]

The variants: the box head alone, trained by overlap regression, ML-IS, KLD-IS, NCE and NCE+; then,
with the recipe's own objective, the classifier trained too; then the end of the trunk as well, in
the last third and without a bank of features. Each is a run in OUTPUT/VARIANT, which goes on where
it was interrupted. It is tracked on SHARED/data/val and the clips left out of training as
`judge.py` does, with each of the steps of ascent that `--ascent` gives for sizes, a tenth for
places, overlaps ten times as far, for what other objectives learn has other scales; the best of
them counts. The floor is
the training-free network that the recipe begins with. The table, with 95 % bootstrap intervals of
the differences from the floor, is printed and lies in OUTPUT/ablation.md.

Samples are made once and kept in OUTPUT/samples, 1.5 MB each, for all variants that use a bank;
with `--only` several processes may share the variants, and a last call makes the table.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from judge import scores_of, sequences_of
from score_tables import comparison, worst_sequences

from ltr.commands.options import recipe_named
from ltr.data.batch import Batch
from ltr.data.loader import batches
from ltr.data.samples import Samples
from ltr.errors import ConfigError, ResultError, TrackingError
from ltr.files import make_folder, write_bytes, write_text
from ltr.settings import as_dict, with_assignments
from ltr.training.feature_bank import TRUNK
from ltr.training.material import Source, of_source
from ltr.training.recipe import OverlapLoss, ParameterGroup, Recipe
from ltr.training.trainer import train
from ltr.transfer import choose_device
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import find_sequences

STEPS = 1000
BOX_HEAD = "bb_regressor."
OVERLAP_STEP = 10.0
"""An overlap is so much flatter than an energy."""
LABELS = {
    "overlap": "+ box head by overlap regression",
    "ml_is": "+ box head by ML-IS",
    "kld_is": "+ box head by KLD-IS",
    "nce": "+ box head by NCE",
    "nce_plus": "+ box head by NCE+",
    "classifier": "+ box head and classifier",
    "trunk": "+ box head, classifier and end of the trunk",
}
"""The variants by name."""


def variants(recipe: Recipe, steps: int) -> dict[str, Recipe]:
    """The recipes of the variants, of one epoch of so many steps. Raises ConfigError for a recipe
    that does not train a box head by energies, a classifier, and a trunk that may begin later."""
    if recipe.box is None or isinstance(recipe.box, OverlapLoss) or recipe.classifier is None:
        raise ConfigError("the recipe has no classifier, or no box head trained by energies")
    parts = {part: [g for g in recipe.groups if _of(g, part)] for part in ("", BOX_HEAD, TRUNK)}
    if not all(parts.values()):
        raise ConfigError(
            f"the recipe's groups name no parameters of their own of {BOX_HEAD}, {TRUNK} or others"
        )
    at_rest = [replace(group, begin=1.0) for group in parts[TRUNK]]
    late = [replace(group, begin=0.67) for group in parts[TRUNK]]
    whole = replace(
        recipe,
        epochs=1,
        steps=steps,
        validation_samples=0,
        groups=(*parts[""], *parts[BOX_HEAD], *at_rest),
    )
    box_alone = replace(whole, classifier=None, groups=tuple(parts[BOX_HEAD]))
    by_overlap = OverlapLoss(weight=recipe.box.weight, boxes=recipe.box.boxes)
    return {
        "overlap": replace(box_alone, box=by_overlap),
        "ml_is": replace(box_alone, box=replace(recipe.box, objective="ml_is")),
        "kld_is": replace(box_alone, box=replace(recipe.box, objective="kld_is")),
        "nce": replace(box_alone, box=replace(recipe.box, objective="nce")),
        "nce_plus": replace(box_alone, box=replace(recipe.box, objective="nce_plus")),
        "classifier": whole,
        "trunk": replace(whole, bank=None, groups=(*whole.groups[: -len(late)], *late)),
    }


def _of(group: ParameterGroup, part: str) -> bool:
    """Whether all parameters of a group are of the part; of none of the named parts for ""."""
    if part:
        return all(name.startswith(part) for name in group.parameters)
    return not any(name.startswith((BOX_HEAD, TRUNK)) for name in group.parameters)


def kept_in(
    folder: Path, render: Callable[[Sequence[int]], Batch], device: torch.device
) -> Callable[[Iterable[Sequence[int]]], Iterator[Batch]]:
    """What `render` makes of ranges of numbers, made once and kept in a folder."""

    def rendering(numbers: Iterable[Sequence[int]]) -> Iterator[Batch]:
        make_folder(folder)
        for part in numbers:
            path = folder / f"{part[0]}-{part[-1]}.pt"
            if not path.is_file():
                file = io.BytesIO()
                torch.save(tuple(render(part)), file)
                write_bytes(path, file.getvalue(), "samples", ResultError)
            yield Batch(*torch.load(path, map_location=device, weights_only=True))

    return rendering


def trained(
    recipes: Mapping[str, Recipe], output: Path, data: Path, device: torch.device
) -> dict[str, Path]:
    """The network of each recipe, from its run in `output`, after training what is left of it. All
    share one `Samples`, made when it is needed."""
    recipe = next(iter(recipes.values()))
    key = json.dumps([as_dict(recipe.data), recipe.seed], sort_keys=True)
    folder = output / "samples" / hashlib.sha256(key.encode()).hexdigest()[:12]

    @cache
    def samples() -> Samples:
        return Samples(recipe.data, data, recipe.seed, device, validation=False)

    def rendered(numbers: Iterable[Sequence[int]]) -> Iterator[Batch]:
        yield from batches(samples(), numbers, recipe.data.workers)

    kept = kept_in(folder, lambda numbers: samples().batch(numbers), device)
    networks = {}
    for name, own in recipes.items():
        source = Source(
            kept if own.bank else rendered,
            None,
            lambda numbers: samples().draw(numbers).batch,
            lambda: samples().unreadable,
        )
        material = of_source(own, source)
        network = train(own, output / name, material, device)
        assert network is not None, "a run ends with a network"
        networks[name] = network
    return networks


def with_best_ascent(
    scores: Mapping[str, Array], floor: str, contenders: Mapping[str, Mapping[float, str]]
) -> dict[str, Array]:
    """The scores of the floor, then those of each variant by its label: of its contenders, by step
    of ascent, the one with the best mean."""
    table = {f"floor: {floor}": scores[floor]}
    for name, own in contenders.items():
        best = max(own, key=lambda step: scores[own[step]].mean())
        table[f"{LABELS[name]}, ascent {best:g}"] = scores[own[best]]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument("--output", type=Path, default=Path("outputs/ablation"))
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--only", nargs="+", choices=LABELS, default=list(LABELS))
    parser.add_argument("--ascent", nargs="+", type=float, default=[2e-3, 5e-3], metavar="STEP")
    parser.add_argument("--seeds", type=int, default=1, help="of the tracker")
    parser.add_argument("--jobs", type=int, default=1, help="processes that track")
    parser.add_argument("--device", default="cpu", help="of training")
    parser.add_argument("--shared", type=Path, default=shared)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    try:
        print(ablation(arguments))
    except TrackingError as error:
        raise SystemExit(f"ablation: {error}") from None


def ablation(given: argparse.Namespace) -> str:
    """Train, track, and write the table, which is returned."""
    recipe = with_assignments(recipe_named(given.recipe), given.set)
    recipes = {k: v for k, v in variants(recipe, given.steps).items() if k in given.only}
    data = given.shared / "data"
    networks = trained(recipes, given.output, data, choose_device(given.device))
    contenders = {
        name: {
            step: f"{shlex.quote(str(network))} 'refinement.step=[{step / 10:g}, {step:g}]'"
            for step in (s * (OVERLAP_STEP if name == "overlap" else 1) for s in given.ascent)
        }
        for name, network in networks.items()
    }
    scores: dict[str, Array] = {}
    sequences = sequences_of(given.shared, "held out")
    for name, own in {"floor": {0: recipe.start}, **contenders}.items():
        boxes = given.output / "boxes" / name
        scores |= scores_of(own.values(), sequences, boxes, given.seeds, given.jobs)
    table = with_best_ascent(scores, recipe.start, contenders)
    changed = f" with {', '.join(f'`{text}`' for text in given.set)}" if given.set else ""
    seeds = f"{given.seeds} seed{'s' * (given.seeds > 1)}"
    ascents = ", ".join(f"{step:g}" for step in given.ascent)
    varied = ""
    if recipe.bank is not None and "trunk" in given.only and len(given.only) > 1:
        varied = (
            f" The last, whose features change, meets a sample once, the others "
            f"{recipe.bank.uses} times."
        )
    text = "\n\n".join(
        [
            "## What each part brings",
            f"Trainings of {given.steps} steps of {recipe.batch} samples by `{given.recipe}`"
            f"{changed}, one each, tracked with {seeds}, each with the best of the steps of ascent "
            f"{ascents} (overlaps ten times as far).{varied} Used for model selection, "
            "**not a benchmark**.",
            comparison(table, len(find_sequences(data / "val"))),
            worst_sequences(table, [sequence.name for sequence in sequences]),
        ]
    )
    write_text(given.output / "ablation.md", text + "\n", "table")
    return text


if __name__ == "__main__":
    main()
