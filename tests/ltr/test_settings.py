"""Typed settings: command line, TOML and Python set the same fields; bad ones get one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from ltr.errors import ConfigError
from ltr.settings import (
    as_dict,
    describe,
    from_dict,
    replace,
    setting,
    to_toml,
    with_assignments,
    with_toml,
)
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.presets import PRESETS


@dataclass(frozen=True)
class Inner:
    width: float = setting(1.0, "px", "wider", (0, 10))
    kind: Literal["a", "b"] = setting("a", "1", "which")
    pairs: tuple[tuple[float, float], ...] = setting(((1, 2),), "px", "pairs")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    count: int = setting(3, "1", "more", (0, 9))
    on: bool = setting(True, "1", "on or off")


def test_assignments_are_typed_by_the_field() -> None:
    changed = with_assignments(
        Outer(), ["inner.width=2", "inner.kind=b", "inner.pairs=[[3, 4.5]]", "count=7", "on=false"]
    )
    assert changed == Outer(Inner(2.0, "b", ((3.0, 4.5),)), 7, False)
    assert isinstance(changed.inner.width, float)
    assert replace(Outer(), "inner.width", 4) == Outer(Inner(4.0))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "inner.widht=2",
            "unknown setting 'inner.widht' (in --set inner.widht=2): did you mean inner.width?",
        ),
        ("width=2", "unknown setting 'width' (in --set width=2): did you mean inner.width?"),
        ("kind=b", "unknown setting 'kind' (in --set kind=b): did you mean inner.kind?"),
        (
            "zzz=1",
            "unknown setting 'zzz' (in --set zzz=1): known: count, inner.kind, inner.pairs, inner.width, on",
        ),
        ("count.x=2", "unknown setting 'count.x' (in --set count.x=2): did you mean count?"),
        (
            "inner=2",
            "'inner' is a group, not a setting (in --set inner=2): known: inner.kind, inner.pairs, inner.width",
        ),
        (
            "inner.width=wide",
            "setting 'inner.width' takes a number, not 'wide' (in --set inner.width=wide)",
        ),
        (
            "inner.width=nan",
            "setting 'inner.width' takes a number, not nan (in --set inner.width=nan)",
        ),
        ("inner.width=11", "setting 'inner.width' takes 0 to 10, not 11 (in --set inner.width=11)"),
        ("inner.kind=c", "setting 'inner.kind' takes 'a' or 'b', not 'c' (in --set inner.kind=c)"),
        (
            "inner.pairs=[[1, 2, 3]]",
            "setting 'inner.pairs' takes a list, not [[1, 2, 3]] (in --set inner.pairs=[[1, 2, 3]])",
        ),
        ("count=1.5", "setting 'count' takes a whole number, not 1.5 (in --set count=1.5)"),
        ("on=1", "setting 'on' takes true or false, not 1 (in --set on=1)"),
        ("count", "--set 'count' is not of the form field=value"),
    ],
)
def test_bad_assignments(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        with_assignments(Outer(), [assignment])
    assert str(error.value) == message


def test_toml_round_trip(tmp_path: Path) -> None:
    changed = with_assignments(Outer(), ["inner.pairs=[[3, 4.5], [0, 1]]", "count=7", "on=false"])
    path = tmp_path / "settings.toml"
    path.write_text(to_toml(changed))
    assert with_toml(Outer(), path) == changed


@pytest.mark.parametrize("name", PRESETS)
def test_presets_print_whole_and_read_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "preset.toml"
    path.write_text(to_toml(PRESETS[name]))
    assert with_toml(TrackerPreset(), path) == PRESETS[name]
    assert from_dict(TrackerPreset, as_dict(PRESETS[name]), "") == PRESETS[name]
    assert all(row.unit and row.effect for row in describe(PRESETS[name]))


def test_bad_toml(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    with pytest.raises(ConfigError, match="^cannot read settings .*: No such file or directory$"):
        with_toml(Outer(), path)
    path.write_text("[inner]\nwidht = 3\n")
    with pytest.raises(ConfigError) as error:
        with_toml(Outer(), path)
    assert (
        str(error.value) == f"unknown setting 'inner.widht' (in {path}): did you mean inner.width?"
    )
    path.write_text("width = ")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        with_toml(Outer(), path)


def test_from_dict_is_strict() -> None:
    tree = as_dict(Outer())
    with pytest.raises(ConfigError, match="^setting 'count' is missing in x$"):
        from_dict(Outer, {k: v for k, v in tree.items() if k != "count"}, " in x")
    with pytest.raises(ConfigError, match="^unknown setting 'cuont' in x: did you mean count\\?$"):
        from_dict(Outer, {**tree, "cuont": 1}, " in x")
    with pytest.raises(ConfigError, match="^setting 'count' takes 0 to 9, not 99 in x$"):
        from_dict(Outer, {**tree, "count": 99}, " in x")


def test_preset_checks_what_no_single_field_can() -> None:
    with pytest.raises(ConfigError, match="not a multiple of 16"):
        with_assignments(TrackerPreset(), ["search.crop_side=300"])
    with pytest.raises(ConfigError, match="the first frame alone gives 25 samples"):
        with_assignments(
            TrackerPreset(), ["memory.size=20", f"first_frame.rotations={list(range(14))}"]
        )


def test_a_setting_that_may_be_none_has_its_limits_for_numbers_alone() -> None:
    from ltr.models.classifier.newton_kl import DivergenceConfig

    config = DivergenceConfig()
    assert from_dict(DivergenceConfig, as_dict(config), "").extra_logit is None
    with pytest.raises(ConfigError, match="takes -1000 to 1000"):
        replace(config, "extra_logit", 2000.0)
