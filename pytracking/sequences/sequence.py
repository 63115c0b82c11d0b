"""Sequences on disk: a folder of frames with its groundtruth.txt, or a video with a boxes file of
the same name."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from ltr.box_files import read_boxes
from ltr.data.annotated import AnnotatedVideo, UnopenedFrames
from ltr.data.layouts.database import SUFFIX, database_videos
from ltr.data.sequences import SequenceFiles, folder_sequences, video_sequences
from ltr.errors import DataError, suggestion
from ltr.paths import read_regular

Sequence = AnnotatedVideo
"""A target in a video with its true boxes: what `ltr.data` makes of each layout, so that whoever
trains and whoever evaluates read the same."""
ATTRIBUTES = "sequences.json"
"""What a folder may say of its sequences: {NAME: {"attributes": ["occlusion", ...]}}."""


def find_sequences(folder: Path, names: Collection[str] = ()) -> list[Sequence]:
    """The sequences of a folder, all or those of the names, by name: itself, its sub-folders with a
    groundtruth.txt, its videos with a NAME.txt beside them; of a file NAME.lmdb those that were
    packed. Each begins with its target in view; boxes are nan where it is absent. Attributes are
    those of the file ATTRIBUTES, where it is there. Raises DataError if there is no sequence."""
    if folder.suffix == SUFFIX:
        return chosen(database_videos(folder), names)
    files = sequence_files(folder)
    known = {file.name: file for file in files}
    _check_known(names, known)
    wanted = [known[name] for name in names] if names else files
    attributes = _attributes(folder / ATTRIBUTES)
    return [read_sequence(file, attributes.get(file.name, ())) for file in wanted]


def read_sequence(files: SequenceFiles, attributes: tuple[str, ...] = ()) -> Sequence:
    """A sequence of a plain folder. Raises DataError where its boxes cannot be read."""
    name, frames, truth = files
    boxes = read_boxes(truth)
    return Sequence(name, UnopenedFrames(frames), boxes, truth, attributes=attributes)


def sequence_files(folder: Path) -> list[SequenceFiles]:
    """The files of the sequences of a folder, by name, none of which is read. Raises DataError if
    there is none."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder: sequences are NAME/groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    files = folder_sequences(folder, depth=1) + video_sequences(folder)
    if not files:
        raise DataError(
            f"no sequence in {folder}: each is a folder with a groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    names = [file.name for file in files]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"{folder} holds two sequences named {min(twice)!r}: rename one of them")
    return sorted(files, key=lambda file: file.name)


def _attributes(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        content = json.loads(read_regular(path))
        told = {name: about.get("attributes", []) for name, about in content.items()}
        if not all(isinstance(words, list) for words in told.values()):
            raise ValueError("attributes are a list of words")
        return {name: tuple(map(str, words)) for name, words in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} does not say the attributes of sequences: {why}") from None


def chosen(sequences: list[Sequence], names: Collection[str]) -> list[Sequence]:
    """Those of the given names, or all. Raises DataError for one that is not there."""
    known = {s.name: s for s in sequences}
    _check_known(names, known)
    return [known[name] for name in names] if names else sequences


def _check_known(names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise DataError(f"no sequence {name!r}: {suggestion(name, known)}")
