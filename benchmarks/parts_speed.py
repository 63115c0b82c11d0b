"""What the choices of form are worth on the CPU: pairs of forms of one computation, timed
alternately.

    python benchmarks/parts_speed.py [--rounds 20] [--shared ../shared]

One thread, process time; each ratio is the chosen form over the plain one, with their largest
difference beside it.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from track_speed import network_named

from ltr.crops import _gather_pixels, _gather_rows, _taps, exact_window
from ltr.images import MEAN, STD
from ltr.models.backbone import Taps
from ltr.models.box.ascent import candidates
from ltr.models.box.energy import Modulation
from ltr.models.classifier.linear_filter import apply_filter, filter_adjoint
from ltr.models.folding import fold
from ltr.models.fused_convolution import FusedConvolution
from ltr.networks import load_network

SIDE = 288


def ratio(chosen: Callable[[], Tensor], plain: Callable[[], Tensor], rounds: int) -> str:
    """Time of `chosen` over `plain`, and how far their results differ."""
    difference = (chosen() - plain()).abs().max().item()
    seconds = [0.0, 0.0]
    for _ in range(rounds):
        for k, form in enumerate((chosen, plain)):
            begin = time.process_time()
            form()
            seconds[k] += time.process_time() - begin
    return f"{seconds[0] / seconds[1]:.2f} | {difference:.0e}"


def crops(rounds: int) -> str:
    frame = torch.randint(0, 256, (360, 640, 3), dtype=torch.uint8)
    window = exact_window(
        torch.tensor([[180.2, 300.7]]), torch.tensor([[310.0, 310.0]]), (SIDE, SIDE)
    )
    taps = [_taps(window, axis, size) for axis, size in enumerate(frame.shape[:2])]
    stack = frame[None]
    return ratio(
        lambda: _gather_rows(stack, None, *taps), lambda: _gather_pixels(stack, None, *taps), rounds
    )


def filters(channels: int, rounds: int) -> tuple[str, str]:
    samples, weights = torch.randn(1, 50, 18, 18, channels), torch.randn(1, channels, 4, 4)
    residuals = torch.randn(1, 50, 19, 19)

    def features() -> Tensor:
        return samples[0].permute(0, 3, 1, 2).contiguous()

    def plain_apply() -> Tensor:
        return F.conv2d(features(), weights, padding=2).transpose(0, 1)

    def plain_adjoint() -> Tensor:
        return F.conv2d(features().transpose(0, 1), residuals, padding=2)[:, 0][None]

    return (
        ratio(lambda: apply_filter(samples, weights), plain_apply, rounds),
        ratio(lambda: filter_adjoint(samples, residuals, 4), plain_adjoint, rounds),
    )


def networks(name: str, rounds: int) -> tuple[str, str]:
    net = load_network(name)
    available = FusedConvolution.available
    chosen = fold(net)
    FusedConvolution.available = staticmethod(lambda: False)  # type: ignore[method-assign]
    unfused = fold(net)
    FusedConvolution.available = available  # type: ignore[method-assign]
    crop = torch.rand(1, 3, SIDE, SIDE) * 255
    image = (crop / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    plain = net.feature_extractor
    return (
        ratio(lambda: unfused.trunk(crop).stride16, lambda: plain(image).stride16, rounds),
        ratio(lambda: chosen.trunk(crop).stride16, lambda: plain(image).stride16, rounds),
    )


@torch.no_grad()
def box_head(shared: Path, rounds: int) -> list[tuple[str, str]]:
    """Ten boxes of one target, DiMP-18 with the reference's deterministic weights."""
    net = network_named("dimp18", shared).requires_grad_(False)
    head, plain = fold(net).box_head, net.bb_regressor
    assert head is not None
    assert plain is not None
    taps = Taps(*(torch.rand(1, c, n, n) for c, n in ((128, 36), (256, 18))))
    taps = Taps(*(tap.contiguous(memory_format=torch.channels_last) for tap in taps))
    box = torch.tensor([[115.0, 105.0, 58.0, 58.0]])
    boxes = candidates(box, torch.rand(1, 9, 4), 0.1, 0.5)
    modulation = head.modulation(taps, box)
    conditioned = head.conditioned(modulation)
    all_channels = head.conditioned(modulation.clamp(min=1e-30))
    small = conditioned.energies_of(taps, boxes)
    whole = all_channels.energies_on_whole_maps(taps)

    def by_autograd() -> Tensor:
        with torch.enable_grad():
            moved = boxes.clone().requires_grad_()
            energies = plain(features, Modulation(*modulation.split(256, dim=1)), moved)
            return torch.autograd.grad(energies.sum(), moved)[0]

    features = plain.box_features(taps)
    kept = int((modulation != 0).sum())
    return [
        (
            f"box features: window and {kept} of 512 channels, over the whole map",
            ratio(
                lambda: conditioned.energies_of(taps, boxes)(boxes)[0],
                lambda: all_channels.energies_on_whole_maps(taps)(boxes)[0],
                rounds,
            ),
        ),
        (
            "box gradient: closed form over autograd, whole map",
            ratio(lambda: whole(boxes)[1], by_autograd, rounds),
        ),
        (
            "box gradient: closed form in the window over autograd on the whole map",
            ratio(lambda: small(boxes)[1], by_autograd, rounds),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("TRACKING_SHARED", "../shared"))
    )
    arguments = parser.parse_args()
    rounds = arguments.rounds
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}, one thread, process time")
    print("| chosen form over plain form | time | difference |\n|---|---|---|")
    with torch.inference_mode():
        print(f"| crop: rows first, over pixel by pixel | {crops(rounds)} |")
        for channels in (96, 256):
            apply, adjoint = filters(channels, rounds)
            print(
                f"| filter over 50 samples, {channels} channels: product and additions, over "
                f"convolution | {apply} |"
            )
            print(f"| its adjoint, {channels} channels | {adjoint} |")
        for name in ("imagenet18", "imagenet_mobile"):
            folded, fused = networks(name, rounds)
            print(f"| trunk of {name}: folded, channels last, over as trained | {folded} |")
            print(f"| and with fused activations and packed weights | {fused} |")
    for what, measured in box_head(arguments.shared, rounds):
        print(f"| {what} | {measured} |")


if __name__ == "__main__":
    main()
