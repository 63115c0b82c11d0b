"""What would be broadcast or computed into something wrong is refused in one line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ltr.draws import Draws, example_draws
from ltr.ebm.ascent import ascend, ascend_where_higher
from ltr.ebm.inference import Grid, WeightedSample, importance_sample
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import LabelDivergence, MaximumLikelihood, NoiseContrastive, Objective
from ltr.ebm.proposals import LearnedProposal, mixture_error, mixture_likelihood
from ltr.ebm.slopes import DenoisingScoreMatching, LangevinLikelihood, ScoreMatching
from ltr.errors import ConfigError

DRAWS = example_draws(0, torch.arange(2))


def noise_of(dimensions: int) -> GaussianMixtureNoise:
    return GaussianMixtureNoise(torch.tensor([[0.1], [0.8]]).repeat(1, dimensions))


def mixture_of(dimensions: int) -> MixtureDensity:
    return MixtureDensity(torch.zeros(2, 3), *torch.zeros(2, 2, 3, dimensions).unbind())


def square(points: Tensor) -> Tensor:
    return -points.square().sum(-1)


LABEL = noise_of(1)
OTHER_DIMENSIONS: dict[str, Callable[[int, int], object]] = {
    "noise around": lambda own, other: noise_of(own).around(torch.zeros(2, other)),
    "noise moves": lambda own, other: noise_of(own).perturbed(torch.zeros(2, other), DRAWS, 0.1),
    "noise moves nothing": lambda own, other: noise_of(own).perturbed(
        torch.zeros(2, other), DRAWS, 0.0
    ),
    "noise at": lambda own, other: noise_of(own).log_density(torch.zeros(2, 5, other)),
    "noise of normal": lambda own, other: noise_of(own).offsets(
        torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 5, other)
    ),
    "noise around, at": lambda own, other: (
        noise_of(own).around(torch.zeros(2, own)).log_density(torch.zeros(2, 5, other))
    ),
    "label at": lambda own, other: LabelDivergence(noise_of(own)).loss(
        torch.zeros(2, 5), LabelDivergence(LABEL, 5).draw(torch.zeros(2, other), noise_of(other), DRAWS)
    ),
    "mixture at": lambda own, other: mixture_of(own).log_density(torch.zeros(2, 5, other)),
    "mixture moves": lambda own, other: mixture_of(own).perturbed(torch.zeros(2, other), DRAWS, 0.1),
    "mixture of normal": lambda own, other: mixture_of(own).points(
        torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 5, other)
    ),
    "likelihood": lambda own, other: mixture_likelihood(torch.zeros(2, other), mixture_of(own)),
    "error": lambda own, other: mixture_error(torch.zeros(2, other), mixture_of(own)),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHER_DIMENSIONS)
@pytest.mark.parametrize(("own", "other"), [(1, 4), (3, 1), (4, 3)])
def test_other_dimensions(case: str, own: int, other: int) -> None:
    """Those of one would be repeated for all: wrong densities, and no error."""
    with pytest.raises(
        ConfigError,
        match=rf"^\w+( \w+)? of shape \(2, ([15], )?{other}\), .* of {own} dimensions: the last axis must be {own}$",
    ):
        OTHER_DIMENSIONS[case](own, other)


def test_a_target_without_dimensions() -> None:
    with pytest.raises(ConfigError) as error:
        noise_of(1).around(torch.tensor(0.5))
    assert str(error.value) == (
        "targets of shape (), noise of 1 dimensions: the last axis must be 1"
    )


@pytest.mark.parametrize("value", [0.0, -0.1, math.nan, math.inf])
def test_deviations_that_none_can_have(value: float) -> None:
    with pytest.raises(ConfigError) as error:
        GaussianMixtureNoise(torch.tensor([[0.1, 0.2], [0.3, value]]))
    assert str(error.value) == f"a noise deviation of {value:g}: give finite numbers above 0"


def density(sigmas: Tensor, target: Tensor, points: Tensor) -> Tensor:
    return GaussianMixtureNoise(sigmas).around(target).log_density(points)


def mixture_density(logits: Tensor, means: Tensor, points: Tensor) -> Tensor:
    return MixtureDensity(logits, means, means / 3).log_density(points)


@pytest.mark.parametrize("function", [density, mixture_density])
def test_checks_are_in_no_one_s_way(function: Callable[..., Tensor]) -> None:
    """Not where there are no values to look at: traced as one graph, batched, on the meta device."""
    numbers = example_draws(0, torch.arange(4))
    target, points = numbers.normal(3), numbers.of("points").normal(5, 3)
    first = numbers.uniform(2, 3) + 0.1 if function is density else numbers.of("logits").normal(2)
    second = target if function is density else numbers.of("means").normal(2, 3)
    rows = [function(*(part[k] for part in (first, second, points))) for k in range(4)]
    batched = torch.vmap(function)(first, second, points)
    torch.testing.assert_close(batched, torch.stack(rows))
    one = [part[0] for part in (first, second, points)]
    traced = torch.compile(function, backend="eager", fullgraph=True)
    torch.testing.assert_close(traced(*one), rows[0])
    assert function(*(part.to("meta") for part in one)).shape == (5,)


@pytest.mark.parametrize(
    ("logits", "means", "log_sigmas"),
    [
        ((2, 4), (2, 4), (2, 4)),
        ((2, 4), (2, 4, 1), (2, 4)),
        ((2, 4), (2, 4, 3), (2, 4, 1)),
        ((2, 1), (2, 4, 3), (2, 4, 3)),
        ((4,), (2, 4, 3), (2, 4, 3)),
        ((), (3,), (3,)),
    ],
)
def test_a_mixture_whose_parts_differ(
    logits: tuple[int, ...], means: tuple[int, ...], log_sigmas: tuple[int, ...]
) -> None:
    with pytest.raises(ConfigError) as error:
        MixtureDensity(torch.zeros(logits), torch.zeros(means), torch.zeros(log_sigmas))
    assert str(error.value) == (
        f"a mixture of logits {logits}, means {means} and log deviations {log_sigmas}: give (..., K), (..., K, D) and "
        "(..., K, D)"
    )


@pytest.mark.parametrize("count", [0, -3])
@pytest.mark.parametrize(
    "made",
    [
        lambda n: NoiseContrastive(n),
        lambda n: MaximumLikelihood(n),
        lambda n: LabelDivergence(LABEL, n),
        lambda n: LangevinLikelihood(samples=n),
        lambda n: DenoisingScoreMatching(0.1, n),
        lambda n: importance_sample(lambda p: p[..., 0], mixture_of(1), DRAWS, n),
    ],
)
def test_no_samples(made: Callable[[int], object], count: int) -> None:
    made(1)
    with pytest.raises(ConfigError) as error:
        made(count)
    assert str(error.value) == f"{count} samples: give at least 1"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: LangevinLikelihood(0), "0 steps: give at least 1"),
        (lambda: LangevinLikelihood(1, -0.1), "a step length of -0.1: give a finite number above 0"),
        (lambda: DenoisingScoreMatching(0.0), "a sigma of 0.0: give a finite number above 0"),
        (lambda: DenoisingScoreMatching(math.nan), "a sigma of nan: give a finite number above 0"),
        (lambda: NoiseContrastive(beta=-0.1), "a beta of -0.1: give a finite number from 0"),
        (lambda: NoiseContrastive(beta=math.nan), "a beta of nan: give a finite number from 0"),
        (lambda: NoiseContrastive(1.5), "1.5 samples: give a whole number"),
        (lambda: NoiseContrastive(math.nan), "nan samples: give a whole number"),
        (lambda: LearnedProposal(likelihood_share=1.5), "a likelihood share of 1.5: give a share from 0 to 1"),
        (lambda: LearnedProposal(MaximumLikelihood()), "an energy by MaximumLikelihood beside a learned proposal: give a NoiseContrastive"),
        (lambda: ascend(square, torch.zeros(2, 5, 1), []), "0 steps: give at least 1"),
        (lambda: ascend_where_higher(square, torch.zeros(2, 5, 1), 0.0, 0.5, 3), "a step of 0.0: give a finite number above 0"),
        (lambda: ascend_where_higher(square, torch.zeros(2, 5, 1), 0.1, 1.0, 3), "a decay of 1.0: give a number between 0 and 1"),
        (lambda: ascend_where_higher(square, torch.zeros(2, 5, 1), 0.1, 0.0, 3), "a decay of 0.0: give a number between 0 and 1"),
    ],
)  # fmt: skip
def test_settings_that_nothing_can_have(made: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        made()


@pytest.mark.parametrize(
    ("lower", "upper"),
    [((), ()), ((0,), (0,)), ((0, 1), (1, 0)), ((0,), (math.inf,)), ((math.nan,), (1,)), ((0, 0), (1,))],
)  # fmt: skip
def test_a_grid_of_no_volume(lower: tuple[float, ...], upper: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError) as error:
        Grid(lower, upper, 5)
    assert str(error.value) == (
        f"a grid from {lower} to {upper}: give a lower and a higher end for each dimension"
    )


def test_a_grid_of_no_points() -> None:
    with pytest.raises(ConfigError) as error:
        Grid((0,), (1,), 0)
    assert str(error.value) == "0 points along a side of a grid: give at least 1"


@pytest.mark.parametrize(
    ("objective", "noise"),
    [
        (NoiseContrastive(2), noise_of(1)),
        (MaximumLikelihood(2), noise_of(1)),
        (LabelDivergence(LABEL, 2), noise_of(1)),
        (LearnedProposal(NoiseContrastive(2)), mixture_of(1)),
        (LangevinLikelihood(1, 0.1, 2), None),
        (DenoisingScoreMatching(0.1, 2), None),
        (ScoreMatching(), None),
    ],
)
def test_scores_that_are_not_one_a_point(objective: Objective, noise: object) -> None:
    """A network's last axis that was not taken off: (B, N, 1) - (B, N) would be (B, N, N)."""
    target = torch.zeros(2, 1)
    assert objective(
        lambda points: -points[..., 0].square(), target, noise, DRAWS
    ).values.shape == (2,)
    with pytest.raises(
        ConfigError,
        match=r"^scores of shape \(2, (\d), 1\) for \(2, \1\) points: give one number for each$",
    ):
        objective(lambda points: -points.square(), target, noise, DRAWS)


def test_scores_of_inference_that_are_not_one_a_point() -> None:
    for asked in (
        lambda score: importance_sample(score, mixture_of(1), DRAWS, 5),
        lambda score: ascend_where_higher(score, torch.zeros(2, 5, 1), 0.1, 0.5, 1),
    ):
        with pytest.raises(
            ConfigError, match=r"^scores of shape \(2, 5, 1\) for \(2, 5\) points: "
        ):
            asked(lambda points: -points.square())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("share", [90, 1.5, 1.0, 0.0, -0.1, math.nan])
def test_shares_of_an_interval(share: float) -> None:
    sample = WeightedSample(torch.zeros(2, 5, 1), torch.zeros(2, 5), torch.zeros(2, 5))
    with pytest.raises(ConfigError) as error:
        sample.credible_interval(share)
    assert str(error.value) == (
        f"a credible interval of {share}: give a share between 0 and 1, .9 for 90 %"
    )
    if share not in (0, 1):  # the first and the last point
        with pytest.raises(ConfigError) as error:
            sample.quantile(share)
        assert str(error.value) == f"a quantile of {share}: give a share from 0 to 1"


SAMPLED: dict[str, Callable[[Tensor, Draws], object]] = {
    "nce": lambda y, draw: NoiseContrastive(4)(square, y, noise_of(1), draw),
    "nce_plus": lambda y, draw: NoiseContrastive(4, 0.1)(square, y, noise_of(1), draw),
    "ml_is": lambda y, draw: MaximumLikelihood(4)(square, y, noise_of(1), draw),
    "kld_is": lambda y, draw: LabelDivergence(LABEL, 4)(square, y, noise_of(1), draw),
    "proposal": lambda y, draw: LearnedProposal(NoiseContrastive(4))(square, y, mixture_of(1), draw),
    "proposal, moved": lambda y, draw: LearnedProposal(NoiseContrastive(4, 0.1))(square, y, mixture_of(1), draw),
    "langevin": lambda y, draw: LangevinLikelihood(1, 0.1, 4)(square, y, None, draw),
    "dsm": lambda y, draw: DenoisingScoreMatching(0.1, 4)(square, y, None, draw),
    "around": lambda y, draw: importance_sample(square, noise_of(1).around(y), draw, 4),
    "moved": lambda y, draw: noise_of(1).perturbed(y, draw, 0.1),
    "mixture moved": lambda y, draw: mixture_of(1).perturbed(y, draw, 0.1),
}  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 2, 1), (1,)])
@pytest.mark.parametrize("case", SAMPLED)
def test_targets_of_other_axes(case: str, shape: tuple[int, ...]) -> None:
    """A guess whose middle axis was not taken off: every target with the points of all."""
    SAMPLED[case](torch.zeros(2, 1), DRAWS)
    with pytest.raises(
        ConfigError, match=rf"^targets of shape {re.escape(str(shape))}.*: give \(B, D\)"
    ):
        SAMPLED[case](torch.zeros(shape), DRAWS)


@pytest.mark.parametrize(("targets", "streams"), [(2, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("case", SAMPLED)
def test_random_numbers_of_another_batch(case: str, targets: int, streams: int) -> None:
    """One stream would be drawn from for all, and one target stand for all."""
    if "moved" in case or case == "proposal":  # mixtures of two
        targets = 2 if streams == 1 else targets
    with pytest.raises(
        ConfigError,
        match=r"^(targets|weights) of shape .* examples: give .*, and of both the same B$",
    ):
        SAMPLED[case](torch.zeros(targets, 1), example_draws(0, torch.arange(streams)))


@pytest.mark.parametrize("draw", [None, torch.Generator()], ids=["None", "Generator"])
@pytest.mark.parametrize("case", SAMPLED)
def test_random_numbers_of_another_kind(case: str, draw: object) -> None:
    with pytest.raises(ConfigError) as error:
        SAMPLED[case](torch.zeros(2, 1), draw)  # type: ignore[arg-type]
    assert str(error.value) == (
        f"random numbers of {type(draw).__name__}: give a stream for each example, as "
        "ltr.draws.example_draws(seed, torch.arange(B))"
    )


def test_grids_and_samples_drawn_for_another_batch() -> None:
    sample = WeightedSample(torch.zeros(2, 5, 1), torch.zeros(2, 5), torch.zeros(2, 5))
    other = example_draws(0, torch.arange(3))
    for drawn in (
        lambda: sample.resampled(other, 4),
        lambda: Grid([0], [1], 5).sample(torch.zeros(2, 5), other, 4),
    ):
        with pytest.raises(ConfigError) as error:
            drawn()
        assert str(error.value) == (
            "weights of shape (2, 5), random numbers of 3 examples: give (B, K), and of both the same B"
        )


def test_a_proposal_that_is_no_density() -> None:
    with pytest.raises(ConfigError) as error:
        importance_sample(square, noise_of(1), DRAWS, 4)  # type: ignore[arg-type]
    assert str(error.value) == (
        "a GaussianMixtureNoise as proposal is no density: give its .around(guess), with a guess (B, D)"
    )


def test_points_of_a_proposal() -> None:
    class Flat:
        def sample(self, draw: object, count: int) -> Tensor:
            return torch.zeros(count, 1)

        def log_density(self, points: Tensor) -> Tensor:
            return points[..., 0]

    with pytest.raises(ConfigError) as error:
        importance_sample(square, Flat(), DRAWS, 4)
    assert str(error.value) == (
        "4 points of the proposal have the shape (4, 1): it must give (B, 4, D)"
    )


def test_mixtures_that_are_not_of_the_targets() -> None:
    objective = LearnedProposal(NoiseContrastive(4))
    with pytest.raises(ConfigError, match="^a GaussianMixtureNoise as a learned proposal: "):
        objective(square, torch.zeros(2, 1), noise_of(1), DRAWS)  # type: ignore[arg-type]
    for asked in (mixture_likelihood, mixture_error):
        with pytest.raises(ConfigError) as error:
            asked(torch.zeros(1, 1), mixture_of(1))
        assert str(error.value) == (
            "targets of shape (1, 1), a mixture of logits (2, 3): give a target for each"
        )


@pytest.mark.parametrize(
    ("numbers", "what"),
    [
        (8, "8"),
        (torch.arange(8.0), "torch.float32 (8,)"),
        (torch.tensor(3), "torch.int64 ()"),
        (torch.arange(8)[:, None], "torch.int64 (8, 1)"),
    ],
)
def test_numbers_of_examples(numbers: Tensor, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        example_draws(0, numbers)
    assert str(error.value) == (
        f"numbers of examples that are {what}: give (B,) int64, as torch.arange(B)"
    )


@pytest.mark.parametrize(
    "objective",
    [
        NoiseContrastive(4, 0.1),
        MaximumLikelihood(4),
        LabelDivergence(GaussianMixtureNoise(torch.ones(1, 1, device="meta")), 4),
        LangevinLikelihood(1, 0.1, 4),
        DenoisingScoreMatching(0.1, 4),
        ScoreMatching(),
    ],
)
def test_checks_look_at_no_number(objective: Objective) -> None:
    """Shapes alone: on the meta device there is nothing else, and on CUDA nothing is waited for."""
    draw = example_draws(0, torch.arange(2, device="meta"))
    noise = GaussianMixtureNoise(torch.ones(2, 1, device="meta"))
    loss = objective(square, torch.zeros(2, 1, device="meta"), noise, draw)
    assert loss.values.shape == (2,)
    sample = importance_sample(square, noise.around(torch.zeros(2, 1, device="meta")), draw, 4)
    assert sample.credible_interval(0.9)[0].shape == (2, 1)
