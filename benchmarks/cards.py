"""Bundled networks: the file, its entry in the registry, its row among the licences, its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ltr.checkpoints import REGISTRY, sha256_of, write_network
from ltr.errors import CheckpointError
from ltr.files import write_bytes, write_text
from ltr.models.tracker_net import TrackerNet, stored_tensors
from ltr.networks import load_network
from ltr.settings import as_dict
from pytracking.tracker.presets import preset_named

CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"
LICENCES = "LICENSE.md"


def bundle(
    folder: Path, name: str, net: TrackerNet, card: Mapping[str, str], most_bytes: int
) -> Path:
    """Write FOLDER/NAME.safetensors in half precision and its entry in the registry, of `card`'s
    summary and licence and the preset of its own name. Raises CheckpointError, and then nothing was
    written, where the file would be larger than `most_bytes`; ConfigError without such a preset."""
    preset_named(name)
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / f"{name}.safetensors"
        write_network(made, stored_tensors(net), as_dict(net.config), card)
        load_network(made)  # what cannot be read back is not bundled
        data = made.read_bytes()
    if len(data) > most_bytes:
        raise CheckpointError(
            f"network {name} has {len(data)} bytes, at most {most_bytes} are bundled: make its "
            "heads narrower"
        )
    path, registry_path = folder / f"{name}.safetensors", folder / REGISTRY
    write_bytes(path, data, "network file", CheckpointError)
    registry = json.loads(registry_path.read_text()) if registry_path.exists() else {}
    entry = {
        "sha256": sha256_of(path),
        "summary": card["summary"],
        "preset": name,
        "licence": card["licence"],
    }
    write_text(registry_path, json.dumps({**registry, name: entry}, indent=2) + "\n", "registry")
    return path


def write_card(folder: Path, name: str, facts: Mapping[str, str], body: str, program: str) -> None:
    """FOLDER/NAME.md: facts, a line each, then `body`, in Markdown. Raises ResultError."""
    search = preset_named(name).search
    more = {
        "input": f"RGB, 0 to 255, a square of {search.crop_side} pixels around the target, "
        f"{search.area:g} times its size",
        "not for": "identifying people; anything that must not fail",
    }
    lines = "\n".join(f"- {key}: {value}" for key, value in {**facts, **more}.items())
    text = f"# {name}\n\n{lines}\n\n{body}\n\nMade by `benchmarks/{program}`.\n"
    write_text(folder / f"{name}.md", text, "card")


def write_licence(folder: Path, name: str, made_from: str, terms: str) -> None:
    """The row of a network among the licences, in the place of a former one or below the last.
    Raises ResultError."""
    path = folder / LICENCES
    lines, begin = path.read_text(encoding="utf-8").splitlines(), f"| `{name}` |"
    rows = [k for k, line in enumerate(lines) if line.startswith("| `")]
    former = [k for k in rows if lines[k].startswith(begin)]
    first, end = (former[0], former[0] + 1) if former else (rows[-1] + 1, rows[-1] + 1)
    lines[first:end] = [f"{begin} {made_from} | {terms} |"]
    write_text(path, "\n".join(lines) + "\n", "licences")
