"""Short runs of the command line, and what they leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from demo_video import demo_clip, write_demo_image

BOX = ",".join(f"{v:.1f}" for v in demo_clip(0).boxes_xywh[0])
N = 4
FAST = ["--net", "imagenet_mobile", "--set", "search.crop_side=96", "--device", "cpu"]
RESULTS = ["boxes.txt", "run.json", "settings.toml", "timing.json", "video.mp4"]
EVALUATED = ["Girl.txt", "evaluation.json", "run.json"]
Run = Callable[..., tuple[int, str]]
FILLED = "{} is not empty: give --overwrite to replace the results of an earlier run there, or another {}"


def sequence(folder: Path) -> Path:
    (folder / "img").mkdir(parents=True)
    for k in range(N):
        write_demo_image(folder / "img" / f"{k}.png", k)
    np.savetxt(folder / "groundtruth.txt", demo_clip(0).boxes_xywh[:N], delimiter=",", fmt="%.3f")
    return folder


def content(folder: Path) -> dict[str, object]:
    """All that lies below a folder."""
    return {
        str(p): os.readlink(p) if p.is_symlink() else p.is_file() and p.read_bytes()
        for p in folder.rglob("*")
    }


def names(folder: str) -> list[str]:
    return sorted(os.listdir(folder))


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytracking", *words, *FAST]
