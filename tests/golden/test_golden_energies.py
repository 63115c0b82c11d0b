"""Objectives of energies, noise and candidate boxes, against an independent implementation (EBM_README.md and
README.md section 10 there): float64 to 1e-10 of an array's largest value, float32 to 1e-5."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from energy_arrays import EnergyArrays
from numpy.typing import ArrayLike
from torch import Tensor

from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import (
    Candidates,
    LabelDivergence,
    MaximumLikelihood,
    NoiseContrastive,
    NoiseObjective,
    label_divergence,
    maximum_likelihood,
)
from ltr.geometry import at_offsets
from ltr.training.box_samples import box_noise

CPU = torch.device("cpu")
D1 = ["nce", "nceplus", "nceplus_each", "nce_big", "mlis", "kldis_s0p025", "kldis_s0p2"]
BOX = [
    *((table, name) for table in ("nce", "is", "track") for name in ("nce", "nceplus", "mlis")),
    ("is", "kldis"),
    ("track", "kldis"),
]


@pytest.fixture(scope="module")
def arrays(golden) -> dict[str, Tensor]:  # type: ignore[no-untyped-def]
    return EnergyArrays(golden("ebm1d_objectives.npz"))


@pytest.fixture(scope="module")
def functions(shared) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    file = np.load(shared / "reference" / "data_functions.npz")
    return {key: file[key] for key in file.files}


def close(value: Tensor, expected: ArrayLike, relative: float = 1e-10) -> None:
    expected = torch.as_tensor(expected)
    assert value.shape == expected.shape
    assert value.dtype == expected.dtype
    largest = float(expected.abs().max())
    assert float((value - expected).abs().max()) <= relative * largest


def pairs(sigma: Tensor) -> GaussianMixtureNoise:
    """Deviations (K, 2) of (centre, size) for the four coordinates of boxes."""
    return GaussianMixtureNoise(sigma.repeat_interleave(2, dim=1))


def check(
    objective: NoiseObjective,
    noise: GaussianMixtureNoise,
    offsets: Tensor,
    first: tuple[Tensor, Tensor] | None,
    scores: Tensor,
    expected: dict[str, Tensor],
) -> None:
    """The mean loss and its gradients, of samples and of the point (scores, offsets) that stands before them."""
    leaves = [scores.clone().requires_grad_()]
    offsets = offsets.expand(len(scores), *offsets.shape[-2:])
    if first is not None:
        leaves = [first[0][:, None].clone().requires_grad_(), *leaves]
        offsets = torch.cat([first[1].expand(len(scores), 1, -1), offsets], dim=1)
    candidates = Candidates(offsets, noise.log_density(offsets), torch.zeros_like(offsets[:, 0]))
    loss = objective.loss(torch.cat(leaves, dim=1), candidates).values.mean()
    gradients = torch.autograd.grad(loss, leaves)
    close(loss.detach(), expected["loss"])
    close(gradients[-1], expected["grad_fs"])
    if first is not None:
        close(gradients[0][:, 0], expected.get("grad_f0", expected.get("grad_fp")))


@pytest.mark.parametrize("name", D1)
def test_objectives_of_one_dimension(arrays: dict[str, Tensor], name: str) -> None:
    kind = name.split("_")[0]
    group = "nce" if kind.startswith("nce") else "is"
    noise = GaussianMixtureNoise(arrays[f"d1_{group}_std"].T)
    offsets = arrays[f"d1_{group}_offsets"]
    close(noise.log_density(offsets), arrays[f"d1_{group}_logq"])
    close(noise.log_density(torch.zeros(1).double()), arrays[f"d1_{group}_logq0"])
    around = noise.around(arrays["d1_y"])  # the offsets are those of all targets
    points = arrays["d1_y"][:, None] + offsets
    close(around.log_density(points), arrays[f"d1_{group}_logq"].expand(4, -1))

    big = "nce_big_" if name == "nce_big" else ""
    scores, target = arrays[f"d1_{big}fs"], arrays[f"d1_{big}f0"]
    first = (target, torch.zeros(1).double())
    objective: NoiseObjective = NoiseContrastive()
    if kind == "nceplus":
        nu = arrays[f"d1_{name}_nu"]
        close(noise.log_density(nu), arrays[f"d1_{name}_logq_nu"].reshape(len(nu)))
        objective = NoiseContrastive(beta=float(arrays["d1_nceplus_beta"]))
        first = (arrays["d1_fp"], nu[:, None])
    elif kind == "mlis":
        objective = MaximumLikelihood()
    elif kind == "kldis":
        label = GaussianMixtureNoise(arrays[f"d1_{name}_sigma"].reshape(1, 1))
        close(label.log_density(offsets), arrays[f"d1_{name}_logp"])
        objective = LabelDivergence(label)
    expected = {
        part: arrays[f"d1_{name}_{part}"]
        for part in ("loss", "grad_f0", "grad_fp", "grad_fs")
        if f"d1_{name}_{part}" in arrays
    }
    check(objective, noise, offsets, None if kind == "kldis" else first, scores, expected)


@pytest.mark.parametrize(("table", "name"), BOX)
def test_objectives_of_boxes(arrays: dict[str, Tensor], table: str, name: str) -> None:
    noise = pairs(arrays[f"box_{table}_sigma"])
    offsets = arrays[f"box_{table}_offsets"]
    close(noise.log_density(offsets), arrays[f"box_{table}_logq"])
    close(noise.log_density(torch.zeros(4).double()), arrays[f"box_{table}_logq0"])
    close(at_offsets(arrays["box_gt"], offsets), arrays[f"box_{table}_boxes"])

    key = f"box_{table}_{name}"
    first: tuple[Tensor, Tensor] | None = (arrays["box_f0"], torch.zeros(4).double())
    objective: NoiseObjective = NoiseContrastive()
    if name == "nceplus":
        nu = arrays[f"{key}_nu"]
        close(noise.log_density(nu), arrays[f"{key}_logq_nu"])
        close(at_offsets(arrays["box_gt"], nu[:, None])[:, 0], arrays[f"{key}_boxes"])
        objective = NoiseContrastive(beta=float(arrays[f"{key}_beta"]))
        first = (arrays["box_fp"], nu[:, None])
    elif name == "mlis":
        objective = MaximumLikelihood()
    elif name == "kldis":
        label = pairs(arrays[f"{key}_gt_sigma"][None])
        close(label.log_density(offsets), arrays[f"{key}_logp"])
        objective, first = LabelDivergence(label), None
    expected = {
        part: arrays[f"{key}_{part}"]
        for part in ("loss", "grad_f0", "grad_fp", "grad_fs")
        if f"{key}_{part}" in arrays
    }
    check(objective, noise, offsets, first, arrays["box_fs"], expected)


def test_divergence_check_value() -> None:
    """Appendix A of the published tracker's specification, ten digits."""
    scores, q, p = torch.tensor(
        [[0.5, -1, 2, 0.1], [1, 0.2, 0.7, 3], [2, 0.1, 0.4, 0]], dtype=torch.float64
    )
    loss = label_divergence(scores, q.log(), p.log()).values
    assert float(loss) == pytest.approx(0.8710735845, abs=1e-10)


def test_losses_of_given_densities(functions: dict[str, Any]) -> None:
    """Frames x sequences x samples, with the gradient of the mean over frames and sequences."""
    scores = torch.from_numpy(functions["loss_scores"]).requires_grad_()
    density = torch.from_numpy(functions["loss_density"])
    label = torch.from_numpy(functions["loss_gt_density"])
    loss = label_divergence(scores, density.log(), label.log()).values.mean()
    close(loss.detach(), functions["kl_regression_dim-1"], 1e-6)
    close(torch.autograd.grad(loss, scores)[0], functions["kl_regression_grad"], 1e-6)

    # the published programs mark the target, which comes first, by a density of -1; it is not used
    density = torch.from_numpy(functions["ml_density"]).transpose(1, 2)
    loss = maximum_likelihood(scores.detach(), density.log()).values.mean()
    close(loss, functions["ml_regression"], 1e-6)


def test_mixture_densities(functions: dict[str, Any]) -> None:
    noise = GaussianMixtureNoise(torch.from_numpy(functions["gmm_std"]).T)
    log_density = noise.log_density(torch.from_numpy(functions["gmm_x"]))
    close(log_density, np.log(functions["gmm_density_at_x"]), 1e-6)


@pytest.mark.parametrize("case", range(5))
def test_boxes_of_the_mixture(functions: dict[str, Any], case: int) -> None:
    """From the drawn components and normal numbers: boxes, their density and that of the label."""
    table = json.loads(str(functions["tables_json"]))["gmm_boxes"][case]
    key = f"gmm_{case:02d}_"
    noise = box_noise(tuple(map(tuple, table["proposal_sigma"])), CPU)
    component, normal = (
        torch.from_numpy(functions[f"{key}{part}"]) for part in ("component", "normal")
    )
    offsets = noise.offsets(component, normal)
    target = int(
        table["add_mean_box"]
    )  # the target stands first there, with a marker as its density
    boxes = at_offsets(torch.tensor(table["box"]), offsets)
    close(boxes, functions[f"{key}proposals"][target:], 1e-6)
    close(noise.log_density(offsets).exp(), functions[f"{key}density"][target:], 1e-5)
    if any(table["gt_sigma"] or ()):
        label = box_noise((tuple(table["gt_sigma"]),), CPU)
        expected = functions[f"{key}gt_density"][target:]
        close(label.log_density(offsets).exp(), expected, 1e-5)
