"""Where data sets lie: a file paths.toml of the user's says it, one name a line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ltr.errors import ConfigError, DataError, suggestion
from ltr.paths import read_regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "paths.toml"
VARIABLE = "TRACKING_PATHS"


def data_paths(known: Iterable[str]) -> dict[str, Path]:
    """The folders of data sets by name, from the file that TRACKING_PATHS names, else ./paths.toml,
    else pytracking/paths.toml in the user's configuration folder; empty where there is none.

    Relative paths are below the file's folder. Raises ConfigError for what is no such file, or a
    name that is not `known`."""
    path = paths_file()
    if path is None:
        return {}
    try:
        tree = tomllib.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    names = sorted(known)
    for name, value in tree.items():
        if name not in names:
            raise ConfigError(f"{path} names unknown data {name!r}: {suggestion(name, names)}")
        if not isinstance(value, str) or not value or "\0" in value:
            raise ConfigError(f'{path}: {name} is no folder: write {name} = "/its/folder"')
    return {name: path.parent / Path(value).expanduser() for name, value in tree.items()}


def paths_file() -> Path | None:
    """The file that is read, the first there is; the one that TRACKING_PATHS names has to be."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    places = [Path(FILE)]
    try:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        places.append(home / "pytracking" / FILE)
    except RuntimeError:  # neither HOME nor an entry in the system's list of users
        pass
    return next((place for place in places if place.is_file()), None)


def data_folder(name: str, known: Iterable[str], given: Path | None = None) -> Path:
    """The folder of a data set: the one that is `given`, else that of paths.toml. Raises DataError,
    ConfigError."""
    folder = given or data_paths(known).get(name)
    if folder is None:
        file = paths_file() or Path(FILE)
        raise DataError(
            f'nobody says where {name} lies: give --data DIR, or write {name} = "/its/folder" into '
            f"{file}, as paths.example.toml does"
        )
    if not folder.is_dir():
        where = "" if given else f" in {paths_file()}"
        kind = "is a file, not a folder" if folder.exists() else "is not there"
        raise DataError(f"{folder} {kind}: give the folder of {name}{where or ' as --data'}")
    return folder
