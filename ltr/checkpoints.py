"""Network files: own safetensors format, and where networks are found.

A file holds float16 or float32 tensors and, in its metadata, the network's configuration and card.
Reading executes nothing and refuses what does not fit exactly: other keys, shapes or types, and
headers larger than any network needs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ltr.errors import CheckpointError, ConfigError, suggestion
from ltr.files import write_bytes
from ltr.paths import utf8_name

if TYPE_CHECKING:  # torch is not needed to find a network, which the tab key of a shell asks for
    from torch import Tensor

FORMAT = "ltr.tracker_net.1"
BOX_ENERGY, BOX_ENERGY_STATE = "ltr.box_energy.1", "ltr.box_energy_state.1"
TRAINING = "ltr.training.1"
_KINDS = {
    FORMAT: "a tracker's network",
    BOX_ENERGY: "a box energy of ltr regress detection, for ltr refine-boxes",
    BOX_ENERGY_STATE: "the state of a training of ltr regress detection, which is not finished",
    TRAINING: "the state of a training of ltr train",
}
"""What the files of each format are."""
MAX_HEADER_BYTES, MAX_DEPTH = 1 << 20, 8
REGISTRY = "models.json"
_TYPES = {"F16", "F32"}
_METADATA = {"format", "config", "card"}


@dataclass(frozen=True)
class NetworkFile:
    """A network that was found: its name, its file, and what the registry beside it says, or else
    its own card."""

    name: str
    path: Path
    sha256: str | None = None
    summary: str = ""
    preset: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Header:
    """What a file says of itself before any tensor is read."""

    config: dict[str, Any]
    card: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def search_folders() -> list[Path]:
    """Folders that are searched for networks, in order: the one that PYTRACKING_CHECKPOINTS names,
    `checkpoints/` of the checkout, the user's data folder, the data of the installed package."""
    installed = Path(__file__).resolve().parents[1]
    named = os.environ.get("PYTRACKING_CHECKPOINTS")
    folders = [
        *([Path(named)] if named else []),
        *([installed / "checkpoints"] if (installed / "pyproject.toml").is_file() else []),
        user_folder(),
        installed / "pytracking" / "checkpoints",
    ]
    return [folder for folder in folders if folder is not None and os.path.isdir(folder)]


def user_folder() -> Path | None:
    """The user's data folder for networks, which may not be there yet; None for a user who has no
    home folder."""
    try:
        data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError:  # neither HOME nor an entry in the system's list of users
        return None
    return data_home / "pytracking" / "checkpoints"


def known_networks() -> dict[str, NetworkFile]:
    """Every network that the search folders hold, by name; the first folder wins. One that cannot
    be used says so in its summary, and hinders no other."""
    found: dict[str, NetworkFile] = {}
    for folder in search_folders():
        for path in sorted(folder.glob("*.safetensors")):
            if path.stem in found or not os.path.isfile(path):
                continue
            try:
                found[path.stem] = _network_file(path)
            except CheckpointError:
                command = f"ltr inspect {shlex.quote(str(path))}"
                summary = printable(f"cannot be used: {command} says why")
                found[path.stem] = NetworkFile(path.stem, path, summary=summary)
    return found


def _network_file(path: Path) -> NetworkFile:
    """A file with what its registry says of it, and its own card where that is silent. Raises
    CheckpointError."""
    card, entry = read_header(path).card, _registry(path.parent).get(path.stem, {})
    texts = {
        key: card[key] for key in ("summary", "preset", "licence") if isinstance(card.get(key), str)
    }
    texts |= {key: text for key, text in entry.items() if text}
    return NetworkFile(path.stem, path, **{key: printable(text) for key, text in texts.items()})


def printable(value: Any) -> str:
    """A value of a file as one line for a terminal: what would not be printed, or would move its
    cursor, is escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(value)
    )


def convert_command(published_file: str, name: str) -> str:
    """The command that makes the network `name` of the file that its authors publish."""
    old, named = shlex.quote(published_file), os.environ.get("PYTRACKING_CHECKPOINTS")
    folder = user_folder() or (Path(named) if named else None)
    if folder is None:
        return (
            f"ltr convert {old} FOLDER/{name}.safetensors, and set PYTRACKING_CHECKPOINTS=FOLDER, "
            "for you have no home folder"
        )
    return f"ltr convert {old} {shlex.quote(str(folder / name) + '.safetensors')}"


def find_network(
    name_or_path: str | os.PathLike[str], published: Mapping[str, str] | None = None
) -> NetworkFile:
    """The file of a network, by path or by name. Raises CheckpointError or ConfigError (with a
    suggestion).

    published: names of networks that their authors publish, with the name of the file."""
    text = os.fspath(name_or_path)
    if os.sep in text or text.endswith(".safetensors"):
        path = Path(text)
        if not path.is_file():
            raise CheckpointError(f"network file {path} does not exist")
        return _network_file(path)
    known = known_networks()
    if text not in known and published and text in published:
        raise ConfigError(
            f"network {text!r} is not here: download {published[text]} from its authors "
            f"(pytracking's model zoo), then: {convert_command(published[text], text)}"
        )
    if text not in known:
        raise ConfigError(f"unknown network {text!r}: {suggestion(text, known)}")
    return _network_file(known[text].path)


def read_header(path: Path) -> Header:
    """Check and parse the header of a network file. Raises CheckpointError, naming the file and
    what is wrong."""
    table = read_table(path, "network file", FORMAT, _METADATA, _TYPES)
    config, card = table.texts["config"], table.texts["card"]
    if not isinstance(config, dict) or not isinstance(card, dict):
        raise CheckpointError(f"network file {path} is damaged: its configuration is not a table")
    return Header(config, card, table.shapes)


class Table(NamedTuple):
    """What the header of a safetensors file of ours holds."""

    texts: dict[str, Any]
    """What the JSON of each metadata entry but `format` is."""
    shapes: dict[str, tuple[int, ...]]


def read_table(
    path: Path, what: str, format: str, metadata_keys: set[str], tensor_types: set[str]
) -> Table:
    """Check and parse the header of a safetensors file whose metadata has exactly these keys.
    Raises CheckpointError, naming the file, a `what`, and what is wrong."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise CheckpointError(f"{what} {path} is damaged: its header claims {length} bytes")
            tree = _json(file.read(length))
        metadata = tree.pop("__metadata__", {})
        kind = _KINDS.get(metadata.get("format"))
        if kind and metadata["format"] != format:
            raise CheckpointError(f"{what} {path} is none: it is {kind}")
        if set(metadata) != metadata_keys or metadata["format"] != format:
            raise CheckpointError(
                f"{what} {path} is not of the format {format}: was it written by this project?"
            )
        texts = {key: _json(text) for key, text in metadata.items() if key != "format"}
        shapes = {key: tuple(int(n) for n in entry["shape"]) for key, entry in tree.items()}
        types = {str(entry["dtype"]) for entry in tree.values()}
        end = max((int(entry["data_offsets"][1]) for entry in tree.values()), default=0)
    except OSError as error:
        raise CheckpointError(f"cannot read {what} {path}: {error.strerror or error}") from None
    except _NO_TABLE as error:
        raise CheckpointError(
            f"{what} {path} is damaged: its header is not valid ({printable(error)})"
        ) from None
    if types - tensor_types:
        others = printable(", ".join(sorted(types - tensor_types)))
        raise CheckpointError(f"{what} {path} holds tensors of type {others}")
    if size != 8 + length + end:
        raise CheckpointError(
            f"{what} {path} is damaged: it has {size} bytes, its header asks for {8 + length + end}"
        )
    return Table(texts, shapes)


def read_state(file: NetworkFile, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a network file as float32, which must be exactly those of `expected` by key
    and shape.

    Where the registry gives a checksum it must agree. Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = file.path
    check_shapes(path, read_header(path).shapes, {key: t.shape for key, t in expected.items()})
    if file.sha256 and sha256_of(path) != file.sha256:
        raise CheckpointError(
            f"network file {path} is damaged: its checksum is not the one in {REGISTRY}"
        )
    try:
        with utf8_name(path) as name:
            state = load_file(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"network file {path} is damaged: {printable(error)}") from None
    return finite_float32(path, state)


def check_shapes(
    path: Path,
    found: Mapping[str, Sequence[int]],
    expected: Mapping[str, Sequence[int]],
    *,
    what: str = "network file",
) -> None:
    """Compare the shapes of the tensors that a file, a `what`, holds with those of a network, by
    key. Raises CheckpointError."""
    for problem, keys in (
        ("lacks", [key for key in expected if key not in found]),
        ("has the unknown", [key for key in found if key not in expected]),
    ):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise CheckpointError(
                f"{what} {path} {problem} tensor {keys[0][:80]!r}{more}: it is of another network"
            )
    for key, shape in expected.items():
        if tuple(found[key]) != tuple(shape):
            raise CheckpointError(
                f"{what} {path}: tensor {key!r} has shape {list(found[key])}, not {list(shape)}"
            )


def finite_float32(path: Path, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file as float32, in their own memory. Raises CheckpointError where a number
    is not finite."""
    import torch

    numbers = {key: tensor.to(torch.float32, copy=True) for key, tensor in state.items()}
    for key, tensor in numbers.items():
        if not tensor.isfinite().all():
            raise CheckpointError(
                f"network file {path} is damaged: tensor {key!r} holds numbers that are not finite"
            )
    return numbers


def write_network(
    path: Path,
    state: Mapping[str, Tensor],
    config: Mapping[str, Any],
    card: Mapping[str, Any],
    half: bool = True,
) -> None:
    """Write a network file: convolutions in half precision (if `half`), vectors (batch norm tables)
    in single. Whole or not at all. Raises CheckpointError."""
    from safetensors.torch import save

    def stored(tensor: Tensor) -> Tensor:
        return (tensor.half() if half and tensor.dim() > 1 else tensor.float()).contiguous().cpu()

    tensors = {key: stored(tensor) for key, tensor in state.items()}
    metadata = {
        "format": FORMAT,
        "config": json.dumps(dict(config)),
        "card": json.dumps(dict(card)),
    }
    write_bytes(path, save(tensors, metadata=metadata), "network file", CheckpointError)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _registry(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / REGISTRY
    if not path.is_file():
        return {}
    try:
        entries = _json(path.read_bytes())
        return {
            name: {k: str(entry[k]) for k in ("sha256", "summary", "preset", "licence")}
            for name, entry in entries.items()
        }
    except (OSError, *_NO_TABLE) as error:
        raise CheckpointError(f"registry {path} is damaged: {printable(error)}") from None


_NO_TABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What JSON raises that is not of the form that is read."""


def _json(text: str | bytes) -> Any:
    """What a JSON document holds. Raises ValueError for one nested beyond MAX_DEPTH."""
    with contextlib.suppress(RecursionError):
        tree = json.loads(text)
        level = [tree]
        for _ in range(MAX_DEPTH):
            level = [item for node in level for item in _items(node)]
            if not level:
                return tree
    raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _items(node: Any) -> Iterable[Any]:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
