"""The import rule of ARCHITECTURE.md, parsed from the source: who may import whom, and what may not load at import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Each line may import what stands above it, in its own package; pytracking may import all of ltr but its command line.
LTR_LAYERS = [
    {"errors"},
    {"signals", "paths"},
    {"settings", "geometry", "draws", "console", "transfer"},
    {"files", "progress", "images", "box_files"},
    {"frame_folder", "video"},
    {"crops", "label_maps", "transforms", "drawing"},
    {"published_windows"},
    {"checkpoints"},
    {"ebm"},
    {"models", "data"},
    {"published"},
    {"networks"},
    {"seeds", "processor"},
    {"training", "toy"},
    {"regress"},
    {"recipes"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
PYTRACKING_LAYERS = [
    {"tracker"},
    {"state_files"},
    {"api"},
    {"sources", "sinks", "sequences"},
    {"debug"},
    {"live"},
    {"web"},
    {"evaluation"},
    {"apps"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
# Narrower than the layers say: ltr.ebm knows tensors alone; the metrics can be lifted out.
ONLY = {
    "ltr.ebm": {"ltr.errors"},
    "ltr.data": {
        "ltr.errors",
        "ltr.paths",
        "ltr.transfer",
        "ltr.draws",
        "ltr.settings",
        "ltr.geometry",
        "ltr.files",
        "ltr.progress",
        "ltr.images",
        "ltr.frame_folder",
        "ltr.video",
        "ltr.box_files",
        "ltr.crops",
        "ltr.published_windows",
        "ltr.label_maps",
        "ltr.transforms",
    },
    "pytracking.evaluation.metrics": set(),
    "pytracking.evaluation.protocols": {"pytracking.evaluation.metrics"},
    "pytracking.evaluation.scoring": {
        "pytracking.evaluation.metrics",
        "pytracking.evaluation.protocols",
    },
    "pytracking.evaluation.vot_overlap": {"pytracking.evaluation.metrics"},
    "pytracking.evaluation.vot": {
        "pytracking.evaluation.metrics",
        "pytracking.evaluation.vot_overlap",
    },
}
LAZY = {
    "av",
    "matplotlib",
    "pandas",
    "visdom",
    "h5py",
    "pycocotools",
    "lmdb",
    "starlette",
    "uvicorn",
    "websockets",
    "ray",
    "openvino",
    "torchvision",
    "cv2",
    "rich",
}
NO_FILES = ("print(", "open(", "read_image", "imread", "imwrite")


def modules() -> list[Path]:
    return sorted(p for package in ("ltr", "pytracking") for p in (ROOT / package).rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            # `from ltr.models import zoo` imports the module ltr.models.zoo, `from ltr.errors import X` a name of
            # ltr.errors
            base = ROOT.joinpath(*node.module.split("."))
            for alias in node.names:
                is_module = (base / f"{alias.name}.py").exists() or (base / alias.name).is_dir()
                yield f"{node.module}.{alias.name}" if is_module else node.module


def layer(name: str, layers: list[set[str]]) -> int:
    room = name.split(".")[1]
    for index, rooms in enumerate(layers):
        if room in rooms:
            return index
    raise AssertionError(f"{name}: the room {room!r} has no place in the layers of ARCHITECTURE.md")


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_import_rule(path: Path) -> None:
    name = dotted(path)
    package = name.split(".")[0]
    layers = LTR_LAYERS if package == "ltr" else PYTRACKING_LAYERS
    for target in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if target.split(".")[0] not in ("ltr", "pytracking") or target in ("ltr", "pytracking"):
            continue
        if package == "ltr":
            assert target.split(".")[0] == "ltr", (
                f"{name} imports {target}: ltr never imports pytracking"
            )
        if name == package:
            continue  # the package's own front door
        for owner, allowed in ONLY.items():
            if name == owner or name.startswith(owner + "."):
                inside = target.startswith(owner)
                assert inside or target in allowed, (
                    f"{name} imports {target}: {owner} may import {allowed or 'nothing of ours'}"
                )
        if target.split(".")[0] != package:
            assert target != "ltr.cli", (
                f"{name} imports {target}: a command line is nobody's library"
            )
            continue
        own, other = layer(name, layers), layer(target, layers)
        same_room = name.split(".")[1] == target.split(".")[1]
        assert same_room or other < own, (
            f"{name} imports {target}: a layer may import only those above it"
        )


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_heavy_imports_are_lazy(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    found = {target.split(".")[0] for node in top for target in imports(node)} & LAZY
    assert not found, (
        f"{dotted(path)} imports {found} at its top: import it inside the function that needs it"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "pytracking" / "tracker").glob("*.py")), ids=dotted)
def test_tracker_knows_one_interface_of_networks(path: Path) -> None:
    targets = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    models = {target for target in targets if target.startswith("ltr.models")}
    rules = {"ltr.models.box.ascent", "ltr.models.box.sampling"}
    known = {"ltr.models.tracking_network", "ltr.models.stride"} | rules
    assert models <= known, f"{dotted(path)} imports {models - known}: ask the TrackingNetwork"


@pytest.mark.parametrize("path", sorted((ROOT / "pytracking" / "tracker").glob("*.py")), ids=dotted)
def test_tracker_does_no_input_or_output(path: Path) -> None:
    calls = [
        ast.unparse(n.func) + "("
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Call)
    ]
    assert not [
        c for c in calls for word in NO_FILES if c.startswith(word) or c.endswith("." + word)
    ]


def test_the_loop_stays_short() -> None:
    """The engine and what it is composed of, without presets, snapshots and what a user sees."""
    outside = {
        "__init__",
        "draws",
        "observer",
        "prediction",
        "preset_settings",
        "presets",
        "snapshot",
    }
    loop = [p for p in (ROOT / "pytracking" / "tracker").glob("*.py") if p.stem not in outside]
    assert len(loop) <= 12
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in loop) < 1200


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_files_hold_one_idea(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {
        "utils",
        "util",
        "helpers",
        "helper",
        "misc",
        "common",
        "base",
        "manager",
    }
