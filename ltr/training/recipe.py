"""A recipe: one value that says everything about a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ltr.data.configuration import DataConfig
from ltr.errors import ConfigError
from ltr.models.stride import STRIDE
from ltr.models.tracker_net import NetworkConfig
from ltr.settings import group, setting


@dataclass(frozen=True, kw_only=True)
@group
class HingeLoss:
    """Hinge classification (DiMP): mean square of the score minus the label, scores below zero free
    of charge where the label is below `threshold`."""

    kind: Literal["hinge"] = "hinge"
    threshold: float = setting(0.05, "1", "labels below it are background", (0, 1))
    sigma: float = setting(0.25, "target sizes", "width of the label", (0.01, 2))
    final: float = setting(100.0, "1", "weight of the last filter's loss", (0, 1e6))
    first: float = setting(100.0, "1", "weight of the first filter's loss", (0, 1e6))
    between: float = setting(400.0, "1", "weight of the mean loss of those between", (0, 1e6))
    cross_entropy: float = setting(
        0.0, "1", "weight of the cross entropy over cells beside the last filter's hinge", (0, 1e6)
    )
    temperature: float = setting(
        0.08, "1", "scores are divided by it in the cross entropy", (1e-3, 1e3)
    )


@dataclass(frozen=True, kw_only=True)
@group
class DivergenceLoss:
    """Kullback-Leibler divergence from a label density to the softmax of scores (PrDiMP)."""

    kind: Literal["divergence"] = "divergence"
    sigma: float = setting(0.25, "target sizes", "width of the label density", (0.01, 2))
    final: float = setting(0.25, "1", "weight of the last filter's loss", (0, 1e6))
    first: float = setting(0.25, "1", "weight of the first filter's loss", (0, 1e6))
    between: float = setting(1.0, "1", "weight of the mean loss of those between", (0, 1e6))


@dataclass(frozen=True, kw_only=True)
@group
class OverlapLoss:
    """Regression of the overlap of disturbed boxes, scaled to -1..1 (ATOM, DiMP)."""

    kind: Literal["overlap"] = "overlap"
    weight: float = setting(1.0, "1", "of the loss", (0, 1e6))
    boxes: int = setting(8, "boxes", "disturbed boxes a frame", (1, 1024))
    least: float = setting(0.1, "1", "overlap that a disturbed box has at least", (0, 1))
    sigmas: tuple[float, ...] = setting(
        (0.01, 0.05, 0.1, 0.2, 0.3), "target sizes", "deviations, one of which is drawn", (0, 10)
    )


@dataclass(frozen=True, kw_only=True)
@group
class EnergyLoss:
    """The box head as an energy-based model over boxes (Gustafsson et al. 2020)."""

    kind: Literal["energy"] = "energy"
    weight: float = setting(0.01, "1", "of the loss", (0, 1e6))
    boxes: int = setting(128, "boxes", "drawn a frame", (1, 4096))
    sigmas: tuple[tuple[float, float], ...] = setting(
        ((0.05, 0.05), (0.5, 0.5)),
        "relative",
        "deviations of (centre, log size) of each component of the noise",
        (1e-4, 10),
    )
    objective: Literal["nce", "nce_plus", "ml_is", "kld_is"] = setting(
        "nce_plus", "1", "how the energy is trained"
    )
    beta: float = setting(0.1, "1", "nce_plus: width of the positive's noise, of sigmas", (0, 1))
    label_sigma: tuple[float, float] = setting(
        (0.05, 0.05), "relative", "kld_is: deviations of the label's (centre, log size)", (1e-4, 10)
    )


@dataclass(frozen=True, kw_only=True)
@group
class ProposalLoss:
    """The box head as an energy-based model, contrasted with boxes of the network's own proposal
    head, which learns where the energy is high (Gustafsson et al. 2022)."""

    kind: Literal["proposal"] = "proposal"
    weight: float = setting(1.0, "1", "of the loss", (0, 1e6))
    boxes: int = setting(128, "boxes", "drawn from the proposal a frame", (1, 4096))
    first_sigmas: tuple[tuple[float, float], ...] = setting(
        ((0.05, 0.05), (0.2, 0.25)),
        "relative",
        "deviations of (centre, log size) of the box that proposals begin with from the target's, "
        "each pair as often",
        (1e-4, 10),
    )
    beta: float = setting(
        0.0, "1", "NCE+: width of the positive's noise, of the proposal's deviations", (0, 1)
    )
    likelihood_share: float = setting(
        0.0,
        "1",
        "of the proposal's loss that is the likelihood of the target, the rest being its "
        "divergence from the energy; published: 0, and 1 to begin with",
        (0, 1),
    )


@dataclass(frozen=True, kw_only=True)
@group
class ParameterGroup:
    """Parameters that are trained alike. Those that no group names stay as they are, and so do the
    batch statistics of their modules."""

    parameters: tuple[str, ...] = setting(
        ("",), "1", "the beginnings of their names, as classifier."
    )
    learning_rate: float = setting(1e-3, "1", "at first", (0, 10))
    weight_decay: float = setting(
        0.0, "1", "decoupled from the gradient; of matrices, not of vectors", (0, 10)
    )
    begin: float = setting(
        0.0, "1", "share of the training after which they are trained; 1: never", (0, 1)
    )
    batch_norms: bool = setting(
        True, "1", "whether batch norms are trained too, and learn statistics"
    )
    share: float = setting(
        1.0, "1", "of the way from their beginning that is stored; below 1 with averaging", (0, 1)
    )


@dataclass(frozen=True, kw_only=True)
@group
class StepSchedule:
    """Learning rates fall at certain epochs."""

    kind: Literal["step"] = "step"
    epochs: int = setting(15, "epochs", "after so many, again and again", (1, 10**6))
    factor: float = setting(0.2, "1", "they are multiplied by it", (0, 1))


@dataclass(frozen=True, kw_only=True)
@group
class CosineSchedule:
    """Learning rates rise for a while, then fall along half a cosine."""

    kind: Literal["cosine"] = "cosine"
    warm_up: float = setting(0.02, "1", "share of the training in which they rise", (0, 1))
    least: float = setting(0.01, "1", "what is left at the end", (0, 1))


@dataclass(frozen=True, kw_only=True)
@group
class FeatureBank:
    """Samples are kept as features of the trunk and used several times: for slow devices, and only
    while the trunk is not trained."""

    samples: int = setting(1000, "samples", "kept at a time", (1, 10**6))
    uses: int = setting(8, "1", "mean number of times that each is used", (1, 1000))


@dataclass(frozen=True, kw_only=True)
@group
class Recipe:
    """A training."""

    purpose: str = setting("", "1", "in a line")
    preset: str = setting("imagenet18", "1", "the tracker's preset for networks of this recipe")
    network: NetworkConfig = field(default_factory=NetworkConfig)
    start: str = setting(
        "imagenet18", "1", "the network, a name or file, whose weights it begins with"
    )
    start_parts: tuple[str, ...] = setting(
        ("feature_extractor.",), "1", "the beginnings of the names of what is taken from it"
    )
    data: DataConfig = field(default_factory=DataConfig)
    classifier: HingeLoss | DivergenceLoss | None = setting(
        HingeLoss(), "1", "the classifier's objective"
    )
    box: OverlapLoss | EnergyLoss | ProposalLoss | None = setting(
        None, "1", "the box head's objective"
    )
    iterations: int = setting(5, "1", "descent steps of the filter", (0, 50))
    batch: int = setting(26, "samples", "in one step", (1, 4096))
    epochs: int = setting(50, "epochs", "in all", (1, 10**6))
    steps: int = setting(1000, "steps", "an epoch", (1, 10**7))
    groups: tuple[ParameterGroup, ...] = setting((), "1", "what is trained, and how fast")
    schedule: StepSchedule | CosineSchedule = field(default_factory=StepSchedule)
    clip_gradient: float = setting(
        0.0, "1", "greatest norm of the gradient; 0: no limit", (0, 1e9), off=(0, 0)
    )
    averaging: float = setting(
        0.0, "1", "decay of the mean of weights that is stored; 0: the weights", (0, 0.99999)
    )
    precision: Literal["float32", "bfloat16", "float16"] = setting(
        "float32", "1", "of convolutions; all else is float32"
    )
    bank: FeatureBank | None = setting(None, "1", "features kept and used several times")
    validation_samples: int = setting(
        500, "samples", "of the data's left out part, whose loss is measured", (0, 10**7)
    )
    validate_every: int = setting(1, "epochs", "how often", (1, 10**6))
    seed: int = setting(0, "1", "of everything that is drawn", (0, 2**31 - 1))

    def __post_init__(self) -> None:
        if self.data.crops.side % STRIDE:
            raise ConfigError(
                f"setting 'data.crops.side' is {self.data.crops.side}, not a multiple of {STRIDE}"
            )
        if not self.averaging and any(group.share < 1 for group in self.groups):
            raise ConfigError("a share below 1 in groups is one of the mean: set averaging too")
