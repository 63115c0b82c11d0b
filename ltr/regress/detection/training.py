"""Trains a box energy by one objective, upon features that are there."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ltr.checkpoints import BOX_ENERGY_STATE, check_shapes, printable, read_table
from ltr.draws import example_draws
from ltr.ebm.objectives import Loss, Score
from ltr.errors import CheckpointError, ResultError, TrainingError
from ltr.files import write_bytes
from ltr.geometry import at_offsets
from ltr.models.backbone import Taps
from ltr.paths import utf8_name
from ltr.regress.detection.examples import Examples
from ltr.regress.detection.head import BoxEnergy, BoxEnergyConfig
from ltr.regress.detection.methods import METHODS, objective_of
from ltr.seeds import check_same

PHOTOGRAPHS = 8
"""Of one step."""
LEARNING_RATE, WEIGHT_DECAY, LONGEST_GRADIENT = 1e-3, 1e-4, 10.0
WARM_UP = 20
"""Steps."""
_WHAT = "training state"
_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Plan:
    """All that a training follows from."""

    objective: str
    seed: int = 0
    epochs: int = 4
    samples: int = 32
    """Boxes that are drawn for each thing."""
    step_length: float | None = None
    """Of the chains of ML-MCMC; the others have none."""
    annotations: str = ""
    """The file or folder, absolute."""
    network: str = ""
    """Whose trunk makes the features."""


class Training:
    """The state of one: a head, the moments of its optimizer, the number of the step. All that is
    random follows from the seed and that number."""

    def __init__(
        self, plan: Plan, config: BoxEnergyConfig, taps: Sequence[Taps], examples: Examples
    ) -> None:
        """taps: of all photographs of the set, by place."""
        self.plan, self.taps, self.examples = plan, taps, examples
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(plan.seed)
            self.head = BoxEnergy(config)
        self.optimizer = torch.optim.AdamW(
            self.head.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        self.objective = objective_of(plan.objective, plan.samples, plan.step_length)
        self.noise = METHODS[plan.objective].noise
        self.photographs = examples.photograph.unique()
        self.steps = plan.epochs * math.ceil(len(self.photographs) / PHOTOGRAPHS)
        self.step = 0
        """Steps that were made."""

    def learn(self) -> dict[str, float]:
        """One step. Returns its loss and diagnostics, means over its things. Raises TrainingError
        where it is not finite, and then nothing was changed."""
        things = self._things()
        places = self.examples.photograph[things]
        own = {int(place): self.head.box_map(self.taps[int(place)]) for place in places.unique()}
        maps = [own[int(place)] for place in places]
        targets, classes = self.examples.boxes_xywh[things], self.examples.classes[things]
        loss, largest = self._loss(
            lambda offsets: self.head(maps, at_offsets(targets, offsets), classes), len(things)
        )
        total = loss.values.mean()
        self.optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.head.parameters(), LONGEST_GRADIENT)
        if not (total.isfinite() and norm.isfinite()):
            raise TrainingError(
                f"{METHODS[self.plan.objective].title}: the loss is {float(total.detach()):g} in "
                f"step {self.step + 1}, its gradient {float(norm):g}; the largest log weight is "
                f"{largest:g}"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate_factor(self.step, self.steps)
        self.optimizer.step()
        self.step += 1
        means = {name: float(values.mean()) for name, values in loss.diagnostics.items()}
        return {"loss": float(total.detach()), **means}

    def _loss(self, score: Score, count: int) -> tuple[Loss, float]:
        """The loss of `count` things, and the largest logarithm of a weight: of f / q, where there
        is noise q."""
        largest: list[Tensor] = []

        def told(offsets: Tensor) -> Tensor:
            scores = score(offsets)
            density = self.noise.log_density(offsets.detach()) if self.noise else 0.0
            largest.append((scores.detach() - density).max())
            return scores

        # an example's stream: step and place within it
        numbers = self.step * 65536 + torch.arange(count)
        draws = example_draws(self.plan.seed, numbers)
        loss = self.objective(told, torch.zeros(count, 4), self.noise, draws)
        return loss, float(torch.stack(largest).max())

    def _things(self) -> Tensor:
        """Those of this step's photographs."""
        a_round = math.ceil(len(self.photographs) / PHOTOGRAPHS)
        epoch, begin = self.step // a_round, self.step % a_round * PHOTOGRAPHS
        draw = example_draws(self.plan.seed, torch.tensor([epoch])).of("order of photographs")
        order = draw.uniform(len(self.photographs))[0].argsort()
        chosen = self.photographs[order[begin : begin + PHOTOGRAPHS]]
        return torch.isin(self.examples.photograph, chosen).nonzero()[:, 0]


def rate_factor(step: int, steps: int) -> float:
    """Of the learning rate: a warm-up, then half a cosine to 0."""
    return min(1.0, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2


def write_state(path: Path, training: Training) -> None:
    """All that is needed to go on. Raises ResultError."""
    from safetensors.torch import save

    tensors = {}
    for name, parameter in training.head.named_parameters():
        tensors[f"weight/{name}"] = parameter.detach().contiguous()
        moments = training.optimizer.state[parameter]
        tensors |= {f"{key}/{name}": moments[key].contiguous() for key in _MOMENTS}
    facts = {"plan": asdict(training.plan), "step": training.step}
    metadata = {
        "format": BOX_ENERGY_STATE,
        **{key: json.dumps(value) for key, value in facts.items()},
    }
    write_bytes(path, save(tensors, metadata=metadata), _WHAT, ResultError)


def restore(path: Path, training: Training) -> None:
    """Go on from the state of the same plan. Raises ResultError for another one, and for a file
    that is damaged."""
    try:
        _restore(path, training)
    except CheckpointError as error:
        raise ResultError(f"{error}: delete it") from None


def _restore(path: Path, training: Training) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    table = read_table(path, _WHAT, BOX_ENERGY_STATE, {"format", "plan", "step"}, {"F32"})
    step, plan = table.texts["step"], table.texts["plan"]
    check_same(path, plan if isinstance(plan, dict) else {}, asdict(training.plan))
    named = dict(training.head.named_parameters())
    keys = ("weight", *_MOMENTS)
    check_shapes(
        path,
        table.shapes,
        {f"{k}/{n}": p.shape for n, p in named.items() for k in keys},
        what=_WHAT,
    )
    try:
        with utf8_name(path) as name:
            tensors = load_file(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{_WHAT} {path} is damaged: {printable(error)}") from None
    if type(step) is not int or not 0 < step <= training.steps:
        raise CheckpointError(f"{_WHAT} {path} is damaged: it is of step {step!r:.20}")
    with torch.no_grad():
        for name, parameter in named.items():
            parameter.copy_(tensors[f"weight/{name}"])
            training.optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                **{key: tensors[f"{key}/{name}"] for key in _MOMENTS},
            }
    training.step = step
