"""Typed settings: Python, command line, TOML and JSON set the same fields; bad ones get one line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from ltr.errors import ConfigError
from ltr.models.classifier.density_descent import DivergenceConfig
from ltr.models.classifier.steepest_descent import LearnedConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.settings import (
    as_dict,
    describe,
    from_dict,
    group,
    replace,
    setting,
    to_toml,
    with_assignments,
    with_toml,
)
from pytracking.tracker.preset_settings import Memory, Search, TrackerPreset
from pytracking.tracker.presets import PRESETS


@dataclass(frozen=True)
@group
class Inner:
    width: float = setting(1.0, "px", "wider", (0, 10))
    kind: Literal["a", "b"] = setting("a", "1", "which")
    pairs: tuple[tuple[float, float], ...] = setting(((1, 2),), "px", "pairs")


@dataclass(frozen=True)
@group
class Outer:
    inner: Inner = field(default_factory=Inner)
    count: int = setting(3, "1", "more", (0, 9))
    on: bool = setting(True, "1", "on or off")


def message_of(make: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ConfigError) as error:
        make(*arguments, **named)
    assert "\n" not in str(error.value)
    return str(error.value)


def read_back(settings: Any, base: Any, path: Path) -> Any:
    path.write_text(to_toml(settings), encoding="utf-8")
    return with_toml(base, path)


def test_assignments_are_typed_by_the_field() -> None:
    changed = with_assignments(
        Outer(), ["inner.width=2", "inner.kind=b", "inner.pairs=[[3, 4.5]]", "count=7", "on=false"]
    )
    assert changed == Outer(Inner(2.0, "b", ((3.0, 4.5),)), 7, False)
    assert isinstance(changed.inner.width, float)
    assert replace(Outer(), "inner.width", 4) == Outer(Inner(4.0))


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("inner.widht=2", "unknown setting 'inner.widht' (in --set inner.widht=2): did you mean inner.width?"),
        ("width=2", "unknown setting 'width' (in --set width=2): did you mean inner.width?"),
        ("kind=b", "unknown setting 'kind' (in --set kind=b): did you mean inner.kind?"),
        ("zzz=1", "unknown setting 'zzz' (in --set zzz=1): known: count, inner.kind, inner.pairs, inner.width, on"),
        ("count.x=2", "unknown setting 'count.x' (in --set count.x=2): did you mean count?"),
        ("inner=2", "'inner' is a group, not a setting (in --set inner=2): known: inner.kind, inner.pairs, inner.width"),
        ("inner.width=wide", "setting 'inner.width' takes a number, not 'wide' (in --set inner.width=wide)"),
        ("inner.width=nan", "setting 'inner.width' takes a number, not nan (in --set inner.width=nan)"),
        ("inner.width=11", "setting 'inner.width' takes 0 to 10 px, not 11 (in --set inner.width=11)"),
        ("inner.kind=c", "setting 'inner.kind' takes 'a' or 'b', not 'c' (in --set inner.kind=c)"),
        ("inner.pairs=[[1, 2, 3]]", "setting 'inner.pairs' takes a list, not [[1, 2, 3]] (in --set inner.pairs=[[1, 2, 3]])"),
        ("count=1.5", "setting 'count' takes a whole number, not 1.5 (in --set count=1.5)"),
        ("count=3\non=1", "setting 'count' takes a whole number, not '3\\non=1' (in --set 'count=3\\non=1')"),
        ("on=1", "setting 'on' takes true or false, not 1 (in --set on=1)"),
        ("count", "--set 'count' is not of the form field=value"),
    ],
)  # fmt: skip
def test_bad_assignments(assignment: str, message: str) -> None:
    assert message_of(with_assignments, Outer(), [assignment]) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Search(area="big", crop_side=-16), "setting 'area' takes a number, not 'big' (in Search)"),  # type: ignore[arg-type]
        (lambda: Search(crop_side=-16), "setting 'crop_side' takes 64 to 1024 px, not -16 (in Search)"),
        (lambda: Search(area=float("nan")), "setting 'area' takes a number, not nan (in Search)"),
        (lambda: Search(area=True), "setting 'area' takes a number, not True (in Search)"),
        (lambda: Search(area=10**400), "setting 'area' takes a number, not 100000000000000000...0000000000000000000 (in Search)"),
        (lambda: Search(area=10**5000), "setting 'area' takes a number, not a number of thousands of digits (in Search)"),
        (lambda: Search(crop_side=10**400), "setting 'crop_side' takes 64 to 1024 px, not 100000000000000000...0000000000000000000 (in Search)"),
        (lambda: Search(crop_side=288.0), "setting 'crop_side' takes a whole number, not 288.0 (in Search)"),  # type: ignore[arg-type]
        (lambda: Search(border="round"), "setting 'border' takes 'replicate' or 'inside' or 'inside_major', not 'round' (in Search)"),  # type: ignore[arg-type]
        (lambda: Search(aera=5), "unknown setting 'aera' (in Search): did you mean area?"),  # type: ignore[call-arg]
        (lambda: dataclasses.replace(Search(), area=50), "setting 'area' takes 1.2 to 20 target sizes, not 50 (in Search)"),
        (lambda: dataclasses.replace(Search(), aera=5), "unknown setting 'aera' (in Search): did you mean area?"),
        (lambda: TrackerPreset(search=Memory()), "setting 'search' takes the group Search, not Memory(size=50, learning_rat...ples_weight=0.25, interval=1) (in TrackerPreset)"),  # type: ignore[arg-type]
        (lambda: TrackerPreset(search={"area": "big"}), "setting 'search.area' takes a number, not 'big' (in TrackerPreset)"),  # type: ignore[arg-type]
        (lambda: TrackerPreset(Search(crop_side=300)), "setting 'search.crop_side' is 300, not a multiple of 16"),
        (lambda: Inner(pairs={(1, 2)}), "setting 'pairs' takes a list, not {(1, 2)} (in Inner)"),  # type: ignore[arg-type]
        (lambda: Inner(pairs=((1, float("nan")),)), "setting 'pairs' takes a list, not ((1, nan),) (in Inner)"),
    ],
)  # fmt: skip
def test_what_python_makes_is_checked(make: Any, message: str) -> None:
    assert message_of(make) == message


def test_python_values_become_those_of_the_annotation() -> None:
    preset = Search(area=5, crop_side=np.int64(288))  # type: ignore[arg-type]
    assert (type(preset.area), type(preset.crop_side)) == (float, int)
    inner = Inner(width=np.float32(2), pairs=[[3, np.float64(4)]])  # type: ignore[arg-type]
    assert inner == Inner(2.0, "a", ((3.0, 4.0),))
    assert all(type(part) is float for part in (inner.width, *inner.pairs[0]))
    assert all(type(part) is float for part in Inner().pairs[0]), "defaults too"


def groups_below(settings: Any) -> list[Any]:
    inner = [getattr(settings, f.name) for f in dataclasses.fields(settings)]
    return [settings, *(g for value in inner if dataclasses.is_dataclass(value) for g in groups_below(value))]  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        *groups_below(TrackerPreset()),
        *groups_below(NetworkConfig()),
        LearnedConfig(),
        DivergenceConfig(),
    ],
    ids=lambda group: type(group).__name__,
)
def test_every_group_of_ours_is_checked(settings: Any) -> None:
    for f in dataclasses.fields(settings):
        said = message_of(dataclasses.replace, settings, **{f.name: object()})
        assert said.startswith((f"setting {f.name!r} takes ", f"{f.name!r} is a group"))


def test_what_a_class_cannot_be() -> None:
    with pytest.raises(TypeError, match="^write @group below the @dataclass of Inner$"):
        group(Inner)

    @dataclass(frozen=True)
    @group
    class Unclear:
        head: Literal["none", "box"] | None = setting(None, "1", "two ways to say none")

    with pytest.raises(TypeError, match="takes both None and 'none'"):
        Unclear()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_print_whole_and_read_back(name: str, tmp_path: Path) -> None:
    assert read_back(PRESETS[name], TrackerPreset(), tmp_path / "preset.toml") == PRESETS[name]
    assert from_dict(TrackerPreset, as_dict(PRESETS[name]), "") == PRESETS[name]
    assert all(row.unit and row.effect for row in describe(PRESETS[name]))


def test_a_file_is_applied_at_once(tmp_path: Path) -> None:
    """Values that go together only as a whole may stand in any order; what is absent stays."""
    path = tmp_path / "settings.toml"
    path.write_text('[search]\nborder = "inside"\ncrop_window = "integer"\n')
    changed = with_toml(TrackerPreset(memory=Memory(size=60)), path)
    assert changed.search == Search(border="inside", crop_window="integer")
    assert changed.memory.size == 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[inner]\nwidht = 3\n", "unknown setting 'inner.widht' (in PATH): did you mean inner.width?"),
        ("[iner]\nwidth = 3\n", "unknown setting 'iner.width' (in PATH): did you mean inner.width?"),
        ("[iner]\n", "unknown setting 'iner' (in PATH): known: count, inner.kind, inner.pairs, inner.width, on"),
        ("count = '3'\n", "setting 'count' takes a whole number, not '3' (in PATH)"),
        ("width = ", "PATH is not valid TOML: Invalid value (at end of document)"),
        (f"count = {DEEP}", "settings PATH are nested too deeply: no setting is"),
        (f"count = {'{a=' * 100_000}", "settings PATH are nested too deeply: no setting is"),
        (f"count = {'9' * 5000}", "PATH is not valid TOML: Exceeds the limit"),
        (f"count.{'a.' * 1000}a = 1", "unknown setting 'count.a.a.a.a.a.a."),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_bad_toml(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    said = message_of(with_toml, Outer(), path).replace(str(path), "PATH")
    assert said.startswith(message)
    assert len(said) < 400


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    said = message_of(with_toml, Outer(), path)
    assert said == f"cannot read settings {path}: No such file or directory"
    path.write_bytes(b"count = 3 # \xff")
    assert message_of(with_toml, Outer(), path).startswith(f"{path} is not valid TOML: 'utf-8' ")


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xef\xbb\xbfcount = 5\n")
    assert with_toml(Outer(), path) == Outer(count=5)


def test_deep_nesting_on_the_command_line_and_in_json() -> None:
    said = message_of(with_assignments, Outer(), [f"count={DEEP}"])
    assert said.startswith("setting 'count' is nested too deeply (in --set count=[[[")
    assert len(said) < 400
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    tree = {**as_dict(Outer()), "count": deep}
    assert message_of(from_dict, Outer, tree, " in x") == (
        "setting 'count' takes a whole number, not [[[[[[[...]]]]]]] in x"
    )
    for _ in range(100_000):
        deep = {"a": deep}
    assert len(message_of(from_dict, Outer, {**as_dict(Outer()), "on": deep}, "")) < 400
    assert len(message_of(from_dict, Outer, {**as_dict(Outer()), "a": deep}, "")) < 400
    assert len(message_of(replace, Outer(), "a." * 50_000, "1")) < 400


def test_from_dict_is_strict() -> None:
    tree = as_dict(Outer())
    for changed, message in (
        ({k: v for k, v in tree.items() if k != "count"}, "setting 'count' is missing in x"),
        ({**tree, "inner": {}}, "setting 'inner.width' is missing in x"),
        ({**tree, "cuont": 1}, "unknown setting 'cuont' in x: did you mean count?"),
        ({**tree, "count": 99}, "setting 'count' takes 0 to 9, not 99 in x"),
        ({**tree, "count": "3"}, "setting 'count' takes a whole number, not '3' in x"),
        ({**tree, "inner": 3}, "'inner' is a group, not a setting in x: known: inner.kind, inner.pairs, inner.width"),
    ):  # fmt: skip
        assert message_of(from_dict, Outer, changed, " in x") == message


def test_preset_checks_what_no_single_field_can() -> None:
    said = message_of(with_assignments, TrackerPreset(), ["search.crop_side=300"])
    assert said == (
        "setting 'search.crop_side' is 300, not a multiple of 16 (in --set search.crop_side=300)"
    )
    with pytest.raises(ConfigError, match="the first frame alone gives 25 samples"):
        with_assignments(
            TrackerPreset(), ["memory.size=20", f"first_frame.rotations={list(range(14))}"]
        )


def test_a_setting_that_may_be_none_has_its_limits_for_numbers_alone() -> None:
    config = DivergenceConfig()
    assert from_dict(DivergenceConfig, as_dict(config), "").extra_logit is None
    with pytest.raises(ConfigError, match="takes -1000 to 1000"):
        replace(config, "extra_logit", 2000.0)
