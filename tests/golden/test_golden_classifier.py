"""Classifier parts against an independent implementation (README.md sections 4 and 8 there)."""

from __future__ import annotations

import json

import numpy as np
import torch

from ltr.models.classifier.features import instance_l2_norm
from ltr.models.classifier.linear_filter import apply_filter, filter_adjoint
from ltr.models.classifier.steepest_descent import HingeSteepestDescent
from pytracking.tracker.memory import SampleMemory, store

TOLERANCE = 1e-4  # section 12 there, "all of ResNet-50 otherwise", relative to the array's maximum


def close(actual: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, atol=TOLERANCE * np.abs(expected).max(), rtol=0)


def channels_last(features: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(features).permute(0, 2, 3, 1).contiguous()


def test_instance_l2_norm(golden) -> None:  # type: ignore[no-untyped-def]
    parts = golden("parts_super_dimp_simple.npz")
    close(instance_l2_norm(channels_last(parts["clf_feat_before_norm"]), 4).permute(0, 3, 1, 2), parts["clf_feat"])


def test_filter_and_adjoint(golden) -> None:  # type: ignore[no-untyped-def]
    parts = golden("parts_super_dimp_simple.npz")
    features = channels_last(parts["clf_feat"])
    test = features[2:][None]
    for scores, filters in zip(parts["scores_test"], parts["filter_iterates"], strict=True):
        close(apply_filter(test, torch.from_numpy(filters)), scores)
    residual = torch.linspace(-1, 1, 2 * 7 * 8).view(1, 2, 7, 8)
    close(filter_adjoint(features[None, :2], residual, 4), parts["feat_transpose"])


def test_hinge_descent(golden) -> None:  # type: ignore[no-untyped-def]
    parts = golden("parts_super_dimp_simple.npz")
    samples = channels_last(parts["clf_feat"])[None, :2]
    labels = torch.from_numpy(parts["train_label"]).transpose(0, 1)
    for key, weights in (("filter_iterates", [0.5, 0.5]), ("filter_iterates_weighted", [0.7, 0.3])):
        iterates = parts[key]
        descent = HingeSteepestDescent(filter_reg=0.03125).requires_grad_(False)
        for count in range(len(iterates)):
            filters = descent(torch.from_numpy(iterates[0]), samples, labels, torch.tensor([weights]), count)
            close(filters, iterates[count])


def test_sample_memory(golden) -> None:  # type: ignore[no-untyped-def]
    data = golden("memory_update.npz")
    compared = 0
    for k, case in enumerate(json.loads(str(data["cases_json"]))):
        params = case["params"]
        share = params.get("init_samples_minimum_weight") or 0.0
        rates = [params["learning_rate"] if np.isnan(r) else r for r in data[f"m{k:02d}_rates"]]
        if 1.0 in rates:
            continue  # settings do not admit it
        size, first = case["memory_size"], case["num_init"]
        memory = SampleMemory(
            samples=torch.zeros(1, size, 1, 1, 1),
            labels=torch.zeros(1, size, 1, 1),
            weights=torch.from_numpy(data[f"m{k:02d}_weights"][0]).clone()[None],
            count=torch.tensor([first]),
            previous=torch.tensor([-1]),
        )
        for step, rate in enumerate(rates):
            memory = store(
                memory, torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1), torch.tensor([True]), rate, first, share
            )
            assert memory.previous.item() == data[f"m{k:02d}_replaced"][step], f"case {k}, update {step}"
            np.testing.assert_allclose(memory.weights[0], data[f"m{k:02d}_weights"][step + 1], atol=1e-6, rtol=1e-5)
        compared += 1
    assert compared == 9
