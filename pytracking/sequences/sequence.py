"""Sequences on disk: a folder of frames with its groundtruth.txt, or a video with a boxes file of
the same name."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ltr.box_files import read_boxes
from ltr.data.annotated import AnnotatedVideo, UnopenedFrames
from ltr.data.layouts.database import SUFFIX, database_videos
from ltr.data.sequences import folder_sequences, video_sequences
from ltr.errors import DataError, suggestion
from ltr.paths import read_regular

Sequence = AnnotatedVideo
"""A target in a video with its true boxes: what `ltr.data` makes of each layout, so that whoever
trains and whoever evaluates read the same."""
ATTRIBUTES = "sequences.json"
"""What a folder may say of its sequences: {NAME: {"attributes": ["occlusion", ...]}}."""


def find_sequences(folder: Path) -> list[Sequence]:
    """The sequences of a folder, by name: itself, its sub-folders with a groundtruth.txt, its
    videos with a NAME.txt beside them. Each begins with its target in view; boxes are nan where it
    is absent. Attributes are those of the file ATTRIBUTES, where it is there. Of a file NAME.lmdb
    those that were packed. Raises DataError if there is no sequence."""
    if folder.suffix == SUFFIX:
        return database_videos(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder: sequences are NAME/groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    sequences = [
        Sequence(name, UnopenedFrames(frames), read_boxes(truth), truth)
        for name, frames, truth in folder_sequences(folder, depth=1) + video_sequences(folder)
    ]
    if not sequences:
        raise DataError(
            f"no sequence in {folder}: each is a folder with a groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    names = [s.name for s in sequences]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"{folder} holds two sequences named {min(twice)!r}: rename one of them")
    attributes = _attributes(folder / ATTRIBUTES)
    named = [replace(s, attributes=attributes.get(s.name, ())) for s in sequences]
    return sorted(named, key=lambda s: s.name)


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
    for name in names:
        if name not in known:
            raise DataError(f"no sequence {name!r}: {suggestion(name, known)}")
    return [known[name] for name in names] if names else sequences
