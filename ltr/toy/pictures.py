"""Pictures of densities beside the true one, and of the divergence against the number of samples;
none where matplotlib is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ltr.files import AtomicFile
from ltr.toy.data import data_set
from ltr.toy.methods import METHODS
from ltr.toy.metric import METRICS, REACH, SIDE
from ltr.toy.results import Run, values_of
from ltr.toy.training import trained_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 300
"""Points of a picture's grid, along x and y."""


def write_densities(folder: Path, data: str, epochs: int, runs: Sequence[Run]) -> list[str]:
    """A picture for each of the runs that did not fail, the truth (or the data) on the left;
    returns file names."""
    if not _drawable():
        return []
    from matplotlib.figure import Figure

    known = data_set(data)
    low, high, reach = (0.0, 1.0, REACH) if data == "3" else (-SIDE, SIDE, SIDE)
    x, y = torch.linspace(low, high, _SIDE), torch.linspace(-reach, reach, _SIDE)
    names = []
    for run in runs:
        if run.value is None:
            continue
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        if known.log_density:
            truth = known.log_density(x.double()[:, None], y.double()).exp()
            _draw(left, truth, (low, high, -reach, reach), "truth")
        else:
            left.scatter(known.x.numpy(), known.y.numpy(), s=1, color="0.3")
            left.set_title("data", fontsize=9)
        setup = METHODS[run.method].setup(run.data, run.samples)
        scores = trained_scores(setup, run.tensors, of_mixture=False)(x, y)
        density = scores.double().softmax(1) * (_SIDE / (2 * reach))
        title = f"{METHODS[run.method].title}, seed {run.seed}\n{METRICS[data]} {run.value:.4f}"
        _draw(right, density, (low, high, -reach, reach), title)
        left.set(xlabel="x", ylabel="y")
        right.set_xlabel("x")
        names.append(f"density-{data}-{run.method}-m{run.samples}-e{epochs}.png")
        _save(figure, folder / names[-1])
    return names


def write_curves(folder: Path, data: str, epochs: int, rows: Sequence[Sequence[Run]]) -> list[str]:
    """The mean of the metric, and every seed as a point, against M; returns the file's name."""
    if not _drawable():
        return []
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, method in enumerate(dict.fromkeys(runs[0].method for runs in rows)):
        own = [(runs[0].samples, values_of(runs)) for runs in rows if runs[0].method == method]
        own = [(count, values) for count, values in own if values]
        means = [mean(values) for _, values in own]
        axes.plot(
            [count for count, _ in own], means, color=f"C{place}", label=METHODS[method].title
        )
        for count, values in own:
            axes.scatter([count] * len(values), values, s=5, color=f"C{place}")
    scale = "linear" if data == "3" else "log"  # a likelihood may be 0 and below
    axes.set(xscale="log", yscale=scale, xlabel="samples M", ylabel=METRICS[data])
    counts = sorted({runs[0].samples for runs in rows})
    axes.set_xticks(counts, labels=[str(count) for count in counts])
    axes.set_xticks([], minor=True)
    axes.legend(frameon=False)
    name = f"samples-{data}-e{epochs}.png"
    _save(figure, folder / name)
    return [name]


def _drawable() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _draw(
    axes: Axes, density: Tensor, extent: tuple[float, float, float, float], title: str
) -> None:
    """Darker is likelier; a root, so that wide and narrow parts are seen together."""
    axes.imshow(
        density.sqrt().T.numpy(), extent=extent, origin="lower", aspect="auto", cmap="Greys"
    )
    axes.set_title(title, fontsize=9)


def _save(figure: Figure, path: Path) -> None:
    with AtomicFile(path, "picture", suffix=".png") as file:
        figure.savefig(file.temporary, dpi=120)
