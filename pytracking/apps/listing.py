"""Say which networks and presets there are, and what is in them."""

from __future__ import annotations

from ltr.checkpoints import find_network, known_networks, read_header, search_folders
from ltr.settings import describe, to_toml
from pytracking.tracker.presets import PRESETS, preset_named


def run_networks(name: str | None) -> int:
    """All networks that are found, or one in detail."""
    if name is None:
        for file in known_networks().values():
            size = file.path.stat().st_size / 1e6
            print(f"{file.name:<18} {size:5.1f} MB  preset {file.preset or '-':<18} {file.summary}")
        print("\nsearched, in this order: " + ", ".join(str(folder) for folder in search_folders()))
        return 0
    file, header = find_network(name), read_header(find_network(name).path)
    print(f"{file.name}\n  file      {file.path}\n  preset    {file.preset or '-'}")
    for key, value in {**header.config, **header.card}.items():
        print(f"  {key:<16}{value}")
    return 0


def run_presets(name: str | None, toml: bool) -> int:
    """All presets, or every setting of one with its unit, value and visible effect."""
    if name is None:
        for known in PRESETS:
            print(known)
        print("\n`pytracking presets NAME` shows every setting; change one with --set group.field=value")
        return 0
    preset = preset_named(name)
    if toml:
        print(to_toml(preset), end="")
        return 0
    rows = list(describe(preset))
    name_width, value_width = (max(len(row[k]) for row in rows if len(row[k]) <= 34) for k in (0, 1))
    for row in rows:
        unit = "" if row.unit == "1" else f" [{row.unit}]"
        if len(row.value) > value_width:
            print(f"{row.name:<{name_width}}  {row.value}")
            print(f"{'':<{name_width}}  {'':<{value_width}}  {row.effect}{unit}")
        else:
            print(f"{row.name:<{name_width}}  {row.value:<{value_width}}  {row.effect}{unit}")
    return 0
