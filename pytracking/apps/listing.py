"""Say which networks and presets there are, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping

from ltr.checkpoints import (
    convert_command,
    find_network,
    known_networks,
    printable,
    read_header,
    search_folders,
    user_folder,
)
from ltr.errors import ConfigError
from ltr.settings import as_dict, describe, to_toml
from ltr.settings.difference import differences
from pytracking.apps.preset_choice import preset_of
from pytracking.tracker.presets import PURPOSES


def run_networks(name: str | None) -> int:
    """All networks, those that are found and those that are published, or one in detail."""
    from ltr.models.zoo import PUBLISHED_FILES  # torch, which presets do not need
    from ltr.published import is_published_name

    if name is None:
        _print_networks(PUBLISHED_FILES)
        return 0
    if is_published_name(name):
        raise ConfigError(
            f"{name} is a file as its authors publish it: `ltr inspect {name}` says what it holds"
        )
    file = find_network(name, PUBLISHED_FILES)
    header = read_header(file.path)
    print(printable(file.name))
    contents = [*header.config.items(), *header.card.items()]
    rows = [("file", file.path), ("preset", file.preset or "-")]
    for key, value in rows + [row for row in contents if row[0] != "preset"]:
        if isinstance(value, dict):
            value = ", ".join(f"{name} {part}" for name, part in value.items())
        print(f"  {printable(key):<16} {printable(value)}")
    return 0


def _print_networks(published_files: Mapping[str, str]) -> None:
    known = known_networks()
    for file in known.values():
        size = file.path.stat().st_size / 1e6
        print(
            f"{printable(file.name):<18} {size:5.1f} MB  preset {file.preset or '-':<18} "
            f"{file.summary}".rstrip()
        )
    folders, own = search_folders(), user_folder()
    absent_yet = own is not None and own not in folders
    later = f"; later {printable(own)}, which the first conversion makes" if absent_yet else ""
    print("\nsearched, in this order: " + ", ".join(map(printable, folders)) + later)
    absent = {name: file for name, file in published_files.items() if name not in known}
    if absent:
        print(
            "\nnot here: download the file from its authors (pytracking's model zoo), then "
            "convert it"
        )
    for name, published in absent.items():
        print(f"{name:<18} {published:<26} {convert_command(published, name)}")


def run_presets(name: str | None, other: str | None, toml: bool) -> int:
    """All presets; or every setting of one with its unit, value and visible effect; or in what two
    differ."""
    if name is None:
        width = max(map(len, PURPOSES))
        for known, purpose in PURPOSES.items():
            print(f"{known:<{width}}  {purpose}")
        print(
            "\n`pytracking presets NAME` shows every setting; change one with --set "
            "group.field=value"
        )
        return 0
    preset = preset_of(name)
    if other is not None:
        differing = differences(as_dict(preset), as_dict(preset_of(other)))
        lines = [f"{field}  {here} -> {there}" for field, here, there in differing]
        print("\n".join(lines or [f"{name} and {other} say the same"]))
        return 0
    if toml:
        print(to_toml(preset), end="")
        return 0
    rows = [
        row._replace(value=f"off ({float(row.value):g})") if row.off else row
        for row in describe(preset)
    ]
    name_width = max(len(row.name) for row in rows)
    value_width = max(len(row.value) for row in rows if len(row.value) <= 34)
    for row in rows:
        unit = "" if row.unit == "1" else f" [{row.unit}]"
        if len(row.value) > value_width:
            print(f"{row.name:<{name_width}}  {row.value}")
            print(f"{'':<{name_width}}  {'':<{value_width}}  {row.effect}{unit}")
        else:
            print(f"{row.name:<{name_width}}  {row.value:<{value_width}}  {row.effect}{unit}")
    return 0
