"""How far a trained density is from the truth, on the grids of the papers.

Scores become densities by a log-softmax in float64, so no constant in them matters, and none is too
large: the published programs exponentiate them in float32, which agrees wherever it is finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ltr.toy.data import DataSet

Scores = Callable[[Tensor, Tensor], Tensor]
"""x (N,) and y (M,), float32 -> scores (N, M)."""
SIDE = 3.0
POINTS = 2048
"""Of the divergence's grid, x and y from -3 to 3."""
REACH = 12.5
FINE_POINTS = 8192
"""Of the likelihood's grid of y, from -12.5 to 12.5."""
METRICS = {"1": "KL to the truth", "2": "KL to the truth", "3": "negative log likelihood"}
"""What `evaluate` gives, by the data set's name."""
_AT_ONCE = 64
"""Values of x."""


def evaluate(data: DataSet, scores: Scores) -> float:
    """The divergence to the true density where that is known, else the negative log likelihood of
    the pairs to test on."""
    return divergence(data, scores) if data.log_density else negative_log_likelihood(data, scores)


def divergence(data: DataSet, scores: Scores) -> float:
    """KL(p || q) in nats, mean over a grid of x."""
    x = torch.linspace(-SIDE, SIDE, POINTS)
    return float(torch.cat([divergences(data, scores, own) for own in x.split(_AT_ONCE)]).mean())


def divergences(data: DataSet, scores: Scores, x: Tensor) -> Tensor:
    """KL(p || q) at each x (N,): both are sums of 1 over a grid of y."""
    assert data.log_density is not None
    exact = torch.linspace(-SIDE, SIDE, POINTS, dtype=torch.float64)
    true = data.log_density(x.double()[:, None], exact).exp() + 1e-30
    true = true / true.sum(1, keepdim=True)
    model = scores(x, torch.linspace(-SIDE, SIDE, POINTS)).double().log_softmax(1)
    return (true * (true.log() - model)).sum(1)


def negative_log_likelihood(data: DataSet, scores: Scores) -> float:
    """-log p(y | x) in nats, mean over the pairs to test on. As published, the width of the grid is
    that of its points without halves at the ends."""
    assert data.test is not None
    grid = torch.linspace(-REACH, REACH, FINE_POINTS)
    total = 0.0
    for x, y in zip(*(part.split(_AT_ONCE) for part in data.test), strict=True):
        of_grid = scores(x, grid).double().logsumexp(1) - math.log(FINE_POINTS)
        own = torch.cat([scores(x[k : k + 1], y[k : k + 1])[0] for k in range(len(x))])
        total += float((of_grid + math.log(2 * REACH) - own.double()).sum())
    return total / len(data.test[0])
