"""The program that times the experiments in one dimension: both sides train the same network on the same loss."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch
import toy_speed

from ltr.toy.data import data_set
from ltr.toy.methods import METHODS
from ltr.toy.networks import Buffers, features, scores


def test_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["toy_speed.py", "--rounds", "1", "--seeds", "2"])
    try:
        toy_speed.main()
    finally:
        torch.set_num_threads(threads)
    rows = capsys.readouterr().out.splitlines()[-4:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| 1024", "1"],
        ["| 1024", "2"],
        ["| 16", "1"],
        ["| 16", "2"],
    ]
    for row in rows:
        plain, ours, ratio = (float(cell.strip(" |")) for cell in row.split(" | ")[2:])
        assert math.isclose(ratio, ours / plain, rel_tol=0.1, abs_tol=0.02)


def test_both_are_one_network() -> None:
    network = toy_speed.Network()
    names = {
        "feature.fc1_x": network.x1,
        "feature.fc2_x": network.x2,
        "predictor.fc1_y": network.y1,
        "predictor.fc1_xy": network.joint,
        "predictor.fc2_xy": network.second,
        "predictor.fc3_xy": network.third,
        "predictor.fc4_xy": network.last,
    }
    weights = {}
    for name, layer in names.items():
        weights[f"{name}.weight"] = layer.weight.detach()[None]
        weights[f"{name}.bias"] = layer.bias.detach()[None, :, None]
    x, points = data_set("1").x[:4], torch.randn(4, 5)
    predictor = METHODS["nce"].setup("1", 5).architecture.predictor
    assert predictor is not None
    feature = features(weights, x[None])
    found = scores(predictor, weights, feature, points[None], Buffers())[0]
    torch.testing.assert_close(found, network(x[:, None], points[..., None]).detach())


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_do_not_spin(given: str | None, expected: str) -> None:
    """As results.md says of its numbers; it is read once, when torch is imported."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": given} if given else {}
    program = (
        "import os, runpy, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'torch':\n"
        "            sys.exit(os.environ.get('OMP_WAIT_POLICY'))\n"
        "sys.meta_path.insert(0, Finder)\n"
        f"runpy.run_path({toy_speed.__file__!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.stderr.strip() == expected
