"""Track the demo clip with several seeds of its path and noise, and print what came of it.

    python benchmarks/demo_clip.py [--networks NAME ...] [--seeds 0 1 ...] [--twin mirrored
    identical] [--threads 1]

A row a seed: mean overlap over the frames where less than half of the target is covered; the
smallest overlap from the tenth to the thirtieth frame after the crossing's and after the
occlusion's end; whether not_found was reported under the panel; whether the box went over to the
twin after the crossing; frames per second, tracking alone.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pytracking.evaluation.metrics import overlap
from pytracking.sources.demo_clip import DemoClip, Twin

NETWORKS = ("nce_plus_mobile", "nce_plus18", "imagenet_mobile", "imagenet18")
GOOD_MEAN, GOOD_AFTER = 0.55, 0.3
"""Overlaps that a seed should reach: in the mean, and on every frame after crossing and
occlusion."""


@dataclass(frozen=True)
class ClipResult:
    """What one network made of the clip of one seed."""

    seed: int
    mean_overlap: float
    after_crossing: float
    """Smallest overlap on frames 10 to 30 after the crossing's end."""
    after_occlusion: float
    """The same after the occlusion's end."""
    reported: bool
    """Whether not_found was said under the panel."""
    switched: bool
    """Whether the box overlaps the twin more than the target on most of frames 10 to 30 after the
    crossing's end."""
    frames_per_second: float

    @property
    def held(self) -> bool:
        """Whether the target was held on all frames 10 to 30 after both events."""
        return min(self.after_crossing, self.after_occlusion) > GOOD_AFTER


def measure(network: str, seed: int, twin: Twin) -> ClipResult:
    """Track the clip of `seed` from the true box of its first frame, on the CPU."""
    from pytracking import Tracker

    clip = DemoClip(seed, twin)
    tracker = Tracker.load(network, device="cpu")
    tracker.initialize(clip.frame(0), tuple(clip.boxes_xywh[0]))
    predictions, seconds = [], 0.0
    for index in range(1, len(clip)):
        frame = clip.frame(index)
        begin = perf_counter()
        predictions.append(tracker.track(frame))
        seconds += perf_counter() - begin
    boxes = np.array([tuple(clip.boxes_xywh[0]), *(prediction.box for prediction in predictions)])
    not_found = np.array([False, *(prediction.status == "not_found" for prediction in predictions)])
    return judged(clip, boxes, not_found, len(predictions) / seconds)


def judged(
    clip: DemoClip,
    boxes_xywh: NDArray[np.float64],
    not_found: NDArray[np.bool_],
    frames_per_second: float,
) -> ClipResult:
    """The result of boxes (150, 4) and of the frames (150,) on which the target was not found."""
    on_target = overlap(boxes_xywh, clip.boxes_xywh)
    on_twin = overlap(boxes_xywh, clip.twin_boxes_xywh)
    after_crossing, after_occlusion = (
        slice(end + 10, end + 31) for end in (clip.crossing_end, clip.occlusion_end)
    )
    return ClipResult(
        seed=clip.seed,
        mean_overlap=float(on_target[1:][clip.covered[1:] < 0.5].mean()),
        after_crossing=float(on_target[after_crossing].min()),
        after_occlusion=float(on_target[after_occlusion].min()),
        reported=bool(not_found[slice(*clip.occlusion)].any()),
        switched=bool((on_twin > on_target)[after_crossing].mean() > 0.5),
        frames_per_second=frames_per_second,
    )


def row(result: ClipResult) -> str:
    """The table's line of one seed."""
    return (
        f"{result.seed:>4}  {result.mean_overlap:>12.3f}  {result.after_crossing:>14.2f}"
        f"  {result.after_occlusion:>15.2f}  {'yes' if result.reported else 'NO':>9}"
        f"  {'YES' if result.switched else 'no':>8}  {result.frames_per_second:>4.1f}"
    )


def summary(results: list[ClipResult]) -> str:
    """The lines below a table."""
    means, count = [result.mean_overlap for result in results], len(results)
    return (
        f"mean overlap: median {median(means):.3f}, {min(means):.2f} to {max(means):.2f}, "
        f"at least {GOOD_MEAN} on {sum(mean >= GOOD_MEAN for mean in means)} of {count} seeds\n"
        f"overlap above {GOOD_AFTER} on all frames 10 to 30 after both events: "
        f"{sum(result.held for result in results)} of {count}\n"
        f"not_found under the panel: {sum(result.reported for result in results)} of {count}; "
        f"switches to the twin: {sum(result.switched for result in results)} of {count}"
    )


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--networks", nargs="+", default=NETWORKS, help="names or files")
    parser.add_argument("--seeds", nargs="+", type=int, default=range(10), help="of path and noise")
    parser.add_argument(
        "--twin", nargs="+", choices=("mirrored", "identical"), default=("mirrored", "identical")
    )
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for network in arguments.networks:
        for twin in arguments.twin:
            print(f"\n{network}, {twin} twin")
            print("seed  mean overlap  after crossing  after occlusion  not_found  switched   fps")
            results = []
            for seed in arguments.seeds:
                results.append(measure(network, seed, twin))
                print(row(results[-1]), flush=True)
            print(summary(results))


if __name__ == "__main__":
    main()
