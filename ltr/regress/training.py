"""One network of one seed: what it is made of, and how it is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ltr.draws import Draws, example_draws
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import NoiseContrastive, Score
from ltr.ebm.proposals import LearnedProposal, mixture_error, mixture_likelihood
from ltr.errors import TrainingError
from ltr.regress.examples import Examples
from ltr.regress.networks import TRUNKS, EnergyHead, MixtureHead, TrunkName, normalized
from ltr.regress.poses import augmented
from ltr.regress.tasks import TASKS
from ltr.seeds import load_moments

ObjectiveName = Literal["nce", "mdn", "proposal", "teacher"]
OBJECTIVES: dict[ObjectiveName, str] = {
    "nce": "EBM, fixed noise",
    "mdn": "MDN",
    "proposal": "EBM, learned proposal",
    "teacher": "MDN, EBM as teacher",
}
_MANY = 16
"""Components of which a mixture's likelihood may overflow at first: its mean is trained then."""


@dataclass(frozen=True)
class Setup:
    """What is trained, and how: as published where nothing is said."""

    task: str
    objective: ObjectiveName
    generated: bool = False
    """Whether the pictures are rendered."""
    trunk: TrunkName = "resnet18"
    weights: str = "imagenet"
    components: int = 4
    samples: int = 1024
    epochs: int = 75
    frozen_epochs: int = 20
    """At first, in which what has weights from elsewhere keeps them."""
    batch: int = 32
    learning_rate: float = 1e-3
    data: str = ""
    """The folder of the pictures, absolute; of rendered ones none."""


def facts_of(setup: Setup) -> dict[str, Any]:
    """All that a training follows from, besides its seed: without what its objective does not
    use."""
    unused = {"nce": "components", "mdn": "samples"}.get(setup.objective)
    return {name: value for name, value in asdict(setup).items() if name != unused}


@dataclass(frozen=True, eq=False)
class Scale:
    """Targets are trained in units of their own deviation; what is reported is in the task's."""

    mean: Tensor
    """(D,)"""
    deviation: Tensor
    """(D,)"""

    def inward(self, targets: Tensor) -> Tensor:
        return (targets - self.mean) / self.deviation

    def outward(self, values: Tensor) -> Tensor:
        return values * self.deviation + self.mean


def scale_of(targets: Tensor) -> Scale:
    """That of targets (N, D)."""
    deviation = targets.std(0, correction=0)
    return Scale(targets.mean(0), torch.where(deviation > 0, deviation, 1))


class RegressionNet(nn.Module):
    """Features and a mixture, an energy, or both; a mixture with a teacher and the teacher have
    features each."""

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        trunk, dimensions = TRUNKS[setup.trunk], TASKS[setup.task].dimensions
        self.features = trunk(setup.weights)
        self.mixture, self.energy, self.teacher = None, None, None
        if setup.objective != "nce":
            self.mixture = MixtureHead(trunk.channels, dimensions, setup.components)
        if setup.objective != "mdn":
            self.energy = EnergyHead(trunk.channels, dimensions)
        if setup.objective == "teacher":
            self.teacher = trunk(setup.weights)

    def forward(
        self, images: Tensor, frozen: bool = False
    ) -> tuple[Score | None, MixtureDensity | None]:
        """The energy's score of points, and the mixture, of images (B, C, H, W) uint8."""
        pictures = normalized(images)
        features = self.features(pictures, frozen)
        mixture = score = None
        if self.mixture is not None:
            joint = self.energy is not None and self.teacher is None
            mixture = self.mixture(features.detach() if joint else features)
        if self.energy is not None:
            energy = self.energy
            of_energy = features if self.teacher is None else self.teacher(pictures, frozen)
            on_image = energy.image(of_energy)

            def score(points: Tensor) -> Tensor:
                return energy.scores(on_image, energy.target(points))

        return score, mixture


def first_net(setup: Setup, seed: int) -> RegressionNet:
    """Its numbers drawn by the seed; the same for all objectives as far as they have the same."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)
        return RegressionNet(setup)


class Training:
    """The state of a seed: network, moments, epoch, losses. All random numbers follow from the
    seed and the number of an example."""

    def __init__(self, setup: Setup, train: Examples, seed: int) -> None:
        self.setup, self.seed, self._train = setup, seed, train
        self.scale = scale_of(train.targets)
        self.net = first_net(setup, seed)
        # the papers have two optimizers for two networks: Adam treats each number by itself
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=setup.learning_rate, fused=True)
        self.losses: list[float] = []
        """Mean of each epoch."""
        sigmas = torch.tensor(TASKS[setup.task].sigmas)[:, None]
        self._noise = GaussianMixtureNoise(sigmas / self.scale.deviation)

    def epoch(self) -> None:
        """Go through the examples once. Raises TrainingError."""
        images, targets = self._train
        count, number = len(targets), len(self.losses)
        order = torch.randperm(
            count, generator=torch.Generator().manual_seed((self.seed << 32) + number)
        )
        self.net.train()
        total = 0.0
        for first in range(0, count, self.setup.batch):
            rows = order[first : first + self.setup.batch]
            numbers = torch.arange(len(rows)) + number * count + first
            draws = example_draws(self.seed, numbers)
            batch = Examples(images[rows], targets[rows])
            step = number * -(-count // self.setup.batch) + first // self.setup.batch + 1
            total += self._step(batch, draws, number, step) * len(rows)
        self.losses.append(total / count)

    def state(self) -> dict[str, Any]:
        """All that follows depends on it: to be saved."""
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self.losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same setup and seed. Raises ValueError and others for one that
        is damaged."""
        self.net.load_state_dict(state["net"])
        load_moments(self.optimizer, state["optimizer"])
        self.losses = [float(loss) for loss in state["losses"]]

    def _step(self, batch: Examples, draws: Draws, epoch: int, step: int) -> float:
        if TASKS[self.setup.task].augmented:
            batch = augmented(batch, draws.of("picture"))
        target = self.scale.inward(batch.targets)
        score, mixture = self.net(batch.images, epoch < self.setup.frozen_epochs)
        where = f"step {step} of seed {self.seed}, {OBJECTIVES[self.setup.objective]}"
        try:
            values, log_weights = self._losses(score, mixture, target, draws, epoch)
        except TrainingError as error:
            raise TrainingError(f"{where}: {error}") from None
        loss = values.mean()
        if not bool(loss.isfinite()):
            raise TrainingError(
                f"{where}: the loss is not finite, the largest log weight is "
                f"{float(log_weights.detach().max()):.4g}; lower the learning rate"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _losses(
        self,
        score: Score | None,
        mixture: MixtureDensity | None,
        target: Tensor,
        draws: Draws,
        epoch: int,
    ) -> tuple[Tensor, Tensor]:
        """(B,) and the logarithms of what weighs the points: f - log q, of a mixture alone -log q
        at the targets."""
        warm = epoch < TASKS[self.setup.task].warm_up
        teaches = self.setup.objective == "teacher"
        if mixture is not None and (score is None or (warm and not teaches)):
            values = mixture_likelihood(target, mixture).values
            if warm and score is None and self.setup.components >= _MANY:
                return mixture_error(target, mixture), values
            return values, values
        assert score is not None
        energy = NoiseContrastive(self.setup.samples)
        if mixture is None:
            candidates = energy.draw(target, self._noise, draws)
            scores = score(candidates.points)
            values = energy.loss(scores, candidates).values
        else:
            share = (1.0 if warm else 0.5) if teaches else 0.0
            objective = LearnedProposal(energy, share)
            candidates = objective.draw(target, mixture, draws)
            scores = score(candidates.points)
            values = objective.loss(scores, candidates, mixture).values
        return values, scores - candidates.log_noise
