"""Time of a tracked frame over R, by steps, for the bundled networks and the published ones.

    python benchmarks/track_speed.py [--net NAME ...] [--targets 1 4 16] [--frames 120] [--device
    cpu] [--set NAME=VALUE ...]

R is a plain ResNet body up to layer3 (ResNet-50 for networks on it, else ResNet-18) on the crop of
one target: float32, contiguous NCHW, eager, inference mode, batch norm as layers. Both are timed
alternately in one process, one forward of the body after every frame, sums over all frames, the
memory filled beforehand: on the CPU with one thread and process time, on CUDA by the wall clock
with a synchronisation around each.

Bundled networks track the longest validation sequence. Published ones track the reference's
synthetic clip forwards and backwards, with its deterministic weights and the not-found threshold
lowered, so that every frame is refined, and the published update schedule; `hard` makes every frame
a hard negative one, after which the filter learns at once. With several targets, all see the same
frames, and the time is per target. `--set` changes settings of every preset, such as
refinement.iterations=5.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from published_weights import filled_net

import pytracking.tracker.engine as engine_module
from ltr.box_files import read_boxes
from ltr.images import MEAN, STD, Frame, read_image
from ltr.models.backbone import TRUNKS
from ltr.models.folding import fold
from ltr.models.tracker_net import TrackerNet
from ltr.models.zoo import NETWORKS
from ltr.networks import load_network
from ltr.settings import with_assignments
from pytracking.evaluation.protocols import first_box
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import concatenate

SEQUENCE = "Girl"
"""The longest of the validation sequences."""
STEPS = ("crop", "trunk", "classification", "refinement", "update", "rest")
NEVER = -1e9


@dataclass(frozen=True)
class Timing:
    """Sums over all frames, in seconds."""

    network: str
    targets: int
    frames: int
    body: float
    """The plain body on one crop, once a frame."""
    frame: float
    slowest: float
    """The slowest single frame over the mean body, per target."""
    steps: dict[str, float]

    @property
    def ratio(self) -> float:
        """Frame time per target over R."""
        return self.frame / self.targets / self.body


def network_named(name: str, shared: Path) -> TrackerNet:
    """A bundled network, or a published one with the reference's deterministic weights."""
    if name not in NETWORKS:
        return load_network(name)
    return filled_net(name, shared / "reference")


def preset_for(name: str, hard: bool, assignments: Sequence[str] = ()) -> TrackerPreset:
    """The preset of the network, changed by `assignments`; of published ones every frame is
    refined, and each a hard negative one if `hard`."""
    preset = with_assignments(preset_named(name), assignments)
    if name not in NETWORKS:
        return preset
    always = replace(preset.localization, not_found_threshold=NEVER)
    if hard:
        always = replace(always, hard_sample_threshold=1e9)
    return replace(preset, localization=always)


def clip_for(name: str, shared: Path) -> tuple[list[Frame], Box]:
    """The frames that are tracked, and the first box."""
    if name not in NETWORKS:
        folder = shared / "data" / "val" / SEQUENCE
        truth = read_boxes(folder / "groundtruth.txt")
        return [read_image(path) for path in sorted((folder / "img").glob("*.jpg"))], first_box(
            truth
        )
    import cv2

    video = np.load(shared / "reference" / "video_synth.npz")
    stream, offsets = video["png_bytes"], video["png_offsets"]
    images = [
        cv2.imdecode(stream[a:b], cv2.IMREAD_COLOR)[..., ::-1].copy() for a, b in pairwise(offsets)
    ]
    return images, tuple(video["boxes"][0].tolist())


def tracked_order(name: str, length: int) -> Iterator[int]:
    """Frame numbers after the first: once for real videos, forwards and backwards without end for
    the clip."""
    if name not in NETWORKS:
        yield from range(1, length)
        return
    while True:
        yield from range(1, length)
        yield from range(length - 2, -1, -1)


def measure(
    network: str,
    targets: int,
    shared: Path,
    frames: int,
    device: torch.device,
    hard: bool = False,
    assignments: Sequence[str] = (),
) -> Timing:
    """Track `frames` frames after the memory is full."""
    preset = preset_for(network, hard, assignments)
    engine = TrackerEngine(fold(network_named(network, shared), device), preset)
    images, box = clip_for(network, shared)
    body = (
        TRUNKS["resnet50" if engine.net.config.trunk == "resnet50" else "resnet18"]()
        .eval()
        .to(device)
    )
    state = concatenate([engine.start(images[0], box, f"target {k}") for k in range(targets)])
    order = tracked_order(network, len(images))
    slots = engine.preset.memory.size
    while int(state.memory.count.min()) < slots:
        at = next(order, None)
        if at is None:
            break
        state, _ = engine.step(state, [images[at]])

    seen = Crops()
    steps: dict[str, float] = defaultdict(float)
    now = clock(device)
    frame_seconds, body_seconds, count = [], 0.0, 0
    with torch.inference_mode(), timed_steps(engine, steps, now, seen):
        for at in order:
            begin = now()
            state, _ = engine.step(state, [images[at]])
            between = now()
            crop = seen.normalised()
            before = now()
            body(crop)
            body_seconds += now() - before
            frame_seconds.append(between - begin)
            count += 1
            if count == frames:
                break
    if count < 100:
        raise SystemExit(
            f"only {count} frames were left after the memory was full: too few to be measured"
        )
    steps["rest"] = sum(frame_seconds) - sum(steps.values())
    name = f"{network} hard" if hard else network
    slowest = max(frame_seconds) / targets / (body_seconds / count)
    return Timing(name, targets, count, body_seconds, sum(frame_seconds), slowest, dict(steps))


def clock(device: torch.device) -> Callable[[], float]:
    """Process time on the CPU; the wall clock after all work is done on CUDA."""
    if device.type == "cpu":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


class Crops:
    """Keeps the crop that a step searched first, for the body."""

    def __init__(self) -> None:
        self.last: torch.Tensor | None = None

    def normalised(self) -> torch.Tensor:
        """Contiguous, as the plain body takes it."""
        assert self.last is not None
        mean, std = (
            torch.tensor(values, device=self.last.device).view(3, 1, 1) for values in (MEAN, STD)
        )
        return ((self.last[:1] / 255 - mean) / std).contiguous()


@contextmanager
def timed_steps(
    engine: TrackerEngine, steps: dict[str, float], now: Callable[[], float], seen: Crops
) -> Iterator[None]:
    """Let the parts of a step add their time to `steps` while the block runs."""

    def timed(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            begin = now()
            result = part(*arguments, **options)
            steps[name] += now() - begin
            if name == "crop":
                seen.last = result
            return result

        return run

    net = engine.net
    parts = [
        (engine_module, "crop", "crop"),
        (net, "trunk", "trunk"),
        (net, "classifier_features", "classification"),
        (net, "scores", "classification"),
        (engine, "size_rule", "refinement"),
        (engine, "box_rule", "refinement"),
        (net, "learn_filter", "update"),
        (engine_module, "store", "update"),
    ]
    kept = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in parts]
    for owner, attribute, name in parts:
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))
    try:
        yield
    finally:
        for owner, attribute, part in kept:
            setattr(owner, attribute, part)


def row(t: Timing) -> str:
    """One row of the table."""
    shares = " | ".join(f"{t.steps.get(step, 0) / t.targets / t.body:.2f}" for step in STEPS)
    milliseconds = f"{t.frame / t.frames / t.targets * 1e3:.1f} | {t.body / t.frames * 1e3:.1f}"
    cells = (t.network, t.targets, f"**{t.ratio:.2f}**", shares, f"{t.slowest:.2f}", milliseconds)
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("TRACKING_SHARED", "../shared"))
    )
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument(
        "--net",
        nargs="+",
        default=[
            *("nce_plus_mobile", "nce_plus18", "imagenet_mobile", "imagenet18", "dimp18", "dimp50")
        ],
    )
    parser.add_argument("--targets", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    chosen = parser.parse_args(arguments)
    device = torch.device(chosen.device)
    torch.set_num_threads(1)
    where = (
        platform.machine() + ", one thread, process time"
        if device.type == "cpu"
        else torch.cuda.get_device_name()
    )
    print(f"{where}, torch {torch.__version__}, memory full; times per target")
    print(
        "| network | targets | frame / R | "
        + " | ".join(STEPS)
        + " | slowest frame / R | ms | ms of R |"
    )
    print("|---" * (len(STEPS) + 6) + "|")
    for name in chosen.net:
        for targets in chosen.targets if name in NETWORKS else [1]:
            timing = measure(name, targets, chosen.shared, chosen.frames, device, False, chosen.set)
            print(row(timing), flush=True)
        if name in NETWORKS:
            timing = measure(name, 1, chosen.shared, chosen.frames, device, True, chosen.set)
            print(row(timing), flush=True)


if __name__ == "__main__":
    main()
