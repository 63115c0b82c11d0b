"""Time of a tracked frame over R, by steps, for each bundled network on the CPU.

    python benchmarks/track_speed.py [--shared ../shared] [--frames 120] [--net NAME ...]

R is a plain ResNet-18 body up to layer3 on the same crop: float32, contiguous NCHW, eager, inference mode, batch norm
as layers. Both are timed alternately in one process: one thread, process time, one forward of the body after every
frame, sums over all frames, the memory filled beforehand. Frames with and without the size search alternate, and the
filter is learned on every n-th frame, as the preset says; the slowest frame stands beside the mean.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import pytracking.tracker.engine as engine_module
from ltr.crops import crop, exact_window
from ltr.images import MEAN, STD, Frame, read_image
from ltr.models.backbone import ResNet18
from ltr.models.folding import fold
from ltr.models.zoo import load_network
from pytracking.evaluation.protocols import first_box
from pytracking.sequences.sequence import read_boxes
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import TrackerState

SEQUENCE = "Girl"
"""The longest of the validation sequences."""
STEPS = ("crop", "trunk", "classification", "update", "rest")


@dataclass(frozen=True)
class Timing:
    """Sums over all frames, in seconds of process time."""

    network: str
    frames: int
    body: float
    """The plain body, once a frame."""
    frame: float
    slowest: float
    """The slowest single frame over the mean body."""
    steps: dict[str, float]

    @property
    def ratio(self) -> float:
        """Frame time over R."""
        return self.frame / self.body


def measure(network: str, shared: Path, frames: int) -> Timing:
    """Track `frames` frames of one sequence after the memory is full."""
    torch.set_num_threads(1)
    folder = shared / "data" / "val" / SEQUENCE
    truth = read_boxes(folder / "groundtruth.txt")
    engine = TrackerEngine(fold(load_network(network)), preset_named(network))
    full = engine.preset.memory.size - engine.preset.first_frame.count
    images = [read_image(path) for path in sorted((folder / "img").glob("*.jpg"))[: full + frames + 1]]
    body = ResNet18().eval()

    state = engine.start(images[0], first_box(truth))
    at = 1
    while int(state.memory.count) < engine.preset.memory.size and at < len(images):
        state, _ = engine.step(state, [images[at]])
        at += 1
    images = images[at : at + frames]
    if len(images) < 100:
        raise SystemExit(f"only {len(images)} frames are left after the memory is full: too few to be measured")
    steps: dict[str, float] = defaultdict(float)
    body_seconds, frame_seconds = 0.0, []
    with torch.inference_mode(), timed_steps(engine, steps):
        for image in images:
            same = searched(engine, state, image)
            begin = time.process_time()
            state, _ = engine.step(state, [image])
            between = time.process_time()
            body(same)
            frame_seconds.append(between - begin)
            body_seconds += time.process_time() - between
    steps["rest"] = sum(frame_seconds) - sum(steps.values())
    slowest = max(frame_seconds) / (body_seconds / len(images))
    return Timing(network, len(images), body_seconds, sum(frame_seconds), slowest, dict(steps))


def searched(engine: TrackerEngine, state: TrackerState, image: Frame) -> torch.Tensor:
    """The normalised crop that the step will search, contiguous, as the plain body takes it."""
    side = engine.preset.search.crop_side
    size = (state.scale * side)[:, None].expand(-1, 2)
    pixels = crop([torch.from_numpy(image)], exact_window(state.centre_yx, size, (side, side)))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((pixels / 255 - mean) / std).contiguous()


@contextmanager
def timed_steps(engine: TrackerEngine, steps: dict[str, float]) -> Iterator[None]:
    """Let the parts of a step add their time to `steps` while the block runs."""

    def timed(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            begin = time.process_time()
            result = part(*arguments, **options)
            steps[name] += time.process_time() - begin
            return result

        return run

    net = engine.net
    parts = [
        (engine_module, "crop", "crop"),
        (net, "trunk", "trunk"),
        (net, "classify", "classification"),
        (engine_module, "apply_filter", "classification"),
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


def table(timings: list[Timing]) -> str:
    """The measured table, as Markdown."""
    lines = ["| network | frame / R | " + " | ".join(STEPS) + " | slowest frame / R | ms a frame | ms of R |"]
    lines.append("|---" * (len(STEPS) + 5) + "|")
    for t in timings:
        shares = " | ".join(f"{t.steps.get(step, 0) / t.body:.2f}" for step in STEPS)
        milliseconds = f"{t.frame / t.frames * 1e3:.1f} | {t.body / t.frames * 1e3:.1f}"
        lines.append(f"| {t.network} | **{t.ratio:.2f}** | {shares} | {t.slowest:.2f} | {milliseconds} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("TRACKING_SHARED", "../shared")))
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--net", nargs="+", default=["imagenet18", "imagenet_mobile"])
    arguments = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}, one thread, process time; {SEQUENCE}, memory full")
    print(table([measure(name, arguments.shared, arguments.frames) for name in arguments.net]))


if __name__ == "__main__":
    main()
