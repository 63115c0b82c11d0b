"""What a host program has set for itself changes no box, and stays as it was."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from published_weights import filled_net

from ltr.checkpoints import write_network
from ltr.models.tracker_net import stored_tensors
from ltr.networks import load_network
from ltr.settings import as_dict, with_assignments
from pytracking import MultiTracker, Tracker
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.presets import preset_named

pytestmark = pytest.mark.slow

REFINED = [
    "search.crop_side=144",
    "localization.not_found_threshold=-1e9",  # no trained weights: every frame is to be refined
    "update.interval=2",
]
RACES = {
    "imagenet_mobile": [],
    "dimp18": REFINED,
    "prdimp18": [*REFINED, "search.border=inside", "search.crop_window=float"],
    "super_dimp_simple": REFINED,
}
"""Settings of each network's preset; together they learn by all three optimizers."""


def boxes(name: str, path: str) -> list[list[float]]:
    """Boxes and scores of two targets in five frames of the demo clip, a snapshot in between."""
    tracker = MultiTracker.load(path, with_assignments(preset_named(name), RACES[name]))
    clip, rows = iter(DemoClip()), []
    frame = next(clip)
    for target, box in (("a", (100, 80, 60, 50)), ("b", (300, 120, 40, 70))):
        tracker.add(frame, box, target)
    for number, frame in zip(range(5), clip, strict=False):
        if number == 3:
            snapshot = tracker.snapshot()
            for target in tracker.names:
                tracker.remove(target)
            tracker.resume(snapshot)
        rows += [[*found.box, found.score] for found in tracker.track(frame).values()]
    return rows


@pytest.fixture(scope="module")
def paths(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A network file for each preset, in single precision."""
    folder, found = tmp_path_factory.mktemp("networks"), {"imagenet_mobile": "imagenet_mobile"}
    for name in list(RACES)[1:]:
        net, path = filled_net(name, shared / "reference"), folder / f"{name}.safetensors"
        write_network(path, stored_tensors(net), as_dict(net.config), {"preset": name}, half=False)
        found[name] = str(path)
    return found


@pytest.fixture(scope="module")
def expected(paths: dict[str, str]) -> dict[str, list[list[float]]]:
    return {name: boxes(name, path) for name, path in paths.items()}


def test_default_dtype_and_device(
    paths: dict[str, str], expected: dict[str, list[list[float]]]
) -> None:
    found = subprocess.run(
        [sys.executable, __file__, json.dumps(paths)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.stderr
    assert json.loads(found.stdout) == expected


@pytest.mark.parametrize("state", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_state_of_autograd(
    state: Callable[[], AbstractContextManager[None]], expected: dict[str, list[list[float]]]
) -> None:
    """Loaded under one state and used under another."""
    name = "imagenet_mobile"
    with state():
        assert boxes(name, name) == expected[name]
        net = load_network(name)
        tracker = Tracker.load(name)
    frame = next(iter(DemoClip()))
    tracker.initialize(frame, (100, 80, 60, 50))
    tracker.track(frame)
    # a network that was loaded in inference mode can be trained
    net.feature_extractor(torch.zeros(1, 3, 64, 64)).stride16.sum().backward()
    parameter = next(net.parameters())
    assert parameter.grad is not None
    torch.optim.SGD([parameter], lr=0.1).step()


def test_the_learned_optimizer_imports_nothing_more(paths: dict[str, str]) -> None:
    """Some operators import 800 modules of torch where they meet the meta device."""
    program = "import sys; from ltr.networks import load_network; load_network(sys.argv[1]); print('sympy' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program, paths["dimp18"]], capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"


@pytest.mark.parametrize("load", [Tracker.load, MultiTracker.load, load_network])
def test_generators_are_not_touched(load: Callable[[str], object]) -> None:
    def draws() -> tuple[list[float], list[float], float]:
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()  # noqa: NPY002

    def seeded() -> None:
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)

    seeded()
    untouched = draws()
    seeded()
    load("imagenet_mobile")
    assert draws() == untouched


if __name__ == "__main__":  # a process of its own: caches of tensors are filled under its settings
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    print(json.dumps({name: boxes(name, path) for name, path in json.loads(sys.argv[1]).items()}))
