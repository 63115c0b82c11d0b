"""Annotations in JSON, read with the place of each entry, so that what is wrong is told in a
line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ltr.box_files import FARTHEST
from ltr.errors import DataError
from ltr.paths import read_regular


@dataclass(frozen=True, slots=True)
class Entry:
    """A JSON object within a file. Each method gives the value of one field and raises DataError
    where there is none or it is of another kind."""

    path: Path
    place: str
    """"annotations 3"; empty for the whole file."""
    values: dict[str, Any]

    def has(self, name: str) -> bool:
        """Whether there is a value other than null."""
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        value = self._value(name)
        return value if isinstance(value, str) else self._refuse(name, value, "text")

    def truth(self, name: str) -> bool:
        value = self._value(name)
        return value if isinstance(value, bool) else self._refuse(name, value, "true or false")

    def whole(self, name: str) -> int:
        """A whole number, at least 0."""
        value = self._value(name)
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return value if good else self._refuse(name, value, "a whole number")

    def numbers(self, name: str, count: int) -> list[float]:
        """A list of `count` numbers such as a place in a picture has."""
        value = self._value(name)
        if isinstance(value, list) and len(value) == count and all(map(is_coordinate, value)):
            return [float(number) for number in value]
        return self._refuse(name, value, f"{count} numbers of pixels")

    def file(self, name: str) -> str:
        """The name of a file below the annotations' folder."""
        value = self.text(name)
        inside = PurePosixPath(value)
        if not inside.parts or inside.is_absolute() or ".." in inside.parts or "\0" in value:
            return self._refuse(name, value, "the name of a file below its folder")
        return value

    def entries(self, name: str) -> Iterator[Entry]:
        """The JSON objects in a list."""
        value = self._value(name)
        if not isinstance(value, list):
            self._refuse(name, value, "a list")
        for number, item in enumerate(value):
            place = f"{name} {number}"
            if not isinstance(item, dict):
                raise DataError(f"{self.path}, {place}: {_shown(item)} is not an object with names")
            yield Entry(self.path, place, item)

    def wrong(self, why: str) -> DataError:
        """The error to raise for what is wrong with this entry."""
        return DataError(f"{self.path}{', ' if self.place else ''}{self.place}: {why}")

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise self.wrong(f"there is no {name!r}")
        return self.values[name]

    def _refuse(self, name: str, value: Any, kind: str) -> Any:
        raise self.wrong(f"{name} is {_shown(value)}, not {kind}")


def is_coordinate(value: Any) -> bool:
    """Whether a value of JSON is a number that a place or a size in a picture may have."""
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= FARTHEST  # nan is not
    )


def read_annotations(path: Path) -> Entry:
    """The JSON object that a file holds. Raises DataError."""
    try:
        values = json.loads(read_regular(path))
    except OSError as error:
        raise DataError(f"cannot read annotations {path}: {error.strerror or error}") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is broken JSON, line {error.lineno}: {error.msg}; fetch it again"
        ) from None
    except RecursionError:
        raise DataError(f"{path} is no list of annotations: it is nested too deeply") from None
    except MemoryError:
        raise DataError(f"{path} is larger than the memory that is free") from None
    except ValueError as error:  # no UTF-8, or a number of thousands of digits
        why = str(error).splitlines()[0][:80]
        raise DataError(f"{path} is broken JSON: {why}; fetch it again") from None
    if not isinstance(values, dict):
        raise DataError(f"{path} holds {_shown(values)}, not an object with names")
    return Entry(path, "", values)


def _shown(value: Any) -> str:
    """A value of JSON in a message: short, in one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**18:
        return "a huge number"
    return json.dumps(value)[:60]
