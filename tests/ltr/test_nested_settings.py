"""Settings as recipes of training need them: lists of groups, optional ones, several kinds, None."""

from __future__ import annotations

import copy
import json
import math
import pickle
import types
import typing
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ltr.errors import ConfigError
from ltr.models.classifier.steepest_descent import HingeConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.settings import (
    as_dict,
    describe,
    from_dict,
    group,
    setting,
    to_toml,
    with_assignments,
    with_toml,
)


@dataclass(frozen=True)
@group
class Inner:
    width: float = setting(1.0, "px", "wider", (0, 10))
    kind: Literal["a", "b"] = setting("a", "1", "which")
    pairs: tuple[tuple[float, float], ...] = setting(((1, 2),), "px", "pairs")


@dataclass(frozen=True)
@group
class Uniform:
    kind: Literal["uniform"] = setting("uniform", "1", "each frame alike")
    gap: int = setting(30, "frames", "largest distance of two frames", (1, 1000))


@dataclass(frozen=True)
@group
class Causal:
    kind: Literal["causal"] = setting("causal", "1", "later frames only")
    gaps: tuple[int, ...] = setting((30, 60), "frames", "distances", (1, 1000))
    shrink: float | None = setting(None, "1", "by how much gaps shrink", (0, 1))


@dataclass(frozen=True)
@group
class Source:
    name: str = setting("got10k", "1", "data set")
    weight: float = setting(1.0, "1", "share of the mix", (0, 100))
    sampling: Uniform | Causal = field(default_factory=Uniform)
    areas: tuple[Inner, ...] = setting((), "1", "regions")


@dataclass(frozen=True)
@group
class Recipe:
    """As those of training are: lists of groups, optional ones, kinds, None."""

    title: str | None = setting(None, "1", "what it is called")
    seed: int | Literal["time"] = setting("time", "1", "of all draws", (0, 99))
    extra: float | None = setting(None, "px", "margin", (-5, 5))
    steps: tuple[tuple[int, float], ...] = setting((), "1", "schedule as (epoch, factor)")
    mix: tuple[Source, ...] = setting((Source(),), "1", "data sets")
    head: Inner | None = setting(None, "1", "box head, or none")
    optimiser: Uniform | Causal | None = setting(None, "1", "any kind, or none")
    grid: tuple[tuple[Inner, ...], ...] = setting((), "1", "rows of groups")
    holes: tuple[Inner | None, ...] = setting((), "1", "groups with gaps")
    ends: tuple[Uniform, Causal] = setting((Uniform(), Causal()), "1", "first and last")

    def __post_init__(self) -> None:
        if self.mix and not sum(source.weight for source in self.mix):
            raise ConfigError("all of 'mix' weigh 0: give one a weight")


FULL = Recipe(
    title='a "name"\n\x7f\\ünïcode',
    seed=3,
    extra=-1,
    steps=((1, 0.5), (20, 0.1)),
    mix=(Source(areas=(Inner(2), Inner(3))), Source("lasot", 2, Causal(gaps=()))),
    head=Inner(kind="b"),
    optimiser=Causal(shrink=0.5),
    grid=((Inner(), Inner(4)), ()),
    holes=(None, Inner(5)),
)


def message_of(make: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(ConfigError) as error:
        make(*arguments, **named)
    assert "\n" not in str(error.value)
    return str(error.value)


def read_back(settings: Any, base: Any, path: Path) -> Any:
    path.write_text(to_toml(settings), encoding="utf-8")
    return with_toml(base, path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(mix=Source()), "setting 'mix' takes a list, not Source(name='got10k', weight...'uniform', gap=30), areas=()) (in Recipe)"),  # type: ignore[arg-type]
        (lambda: Recipe(mix=(Source(), 3)), "'mix.1' is a group, not a setting (in Recipe): known: mix.1.areas.0.kind, mix.1.areas.0.pairs, mix.1.areas.0.width, mix.1.name, mix.1.sampling.gap, mix.1.sampling.gaps, mix.1.sampling.kind, mix.1.sampling.shrink, mix.1.weight"),  # type: ignore[arg-type]
        (lambda: Recipe(mix=(Source(weight=0),)), "all of 'mix' weigh 0: give one a weight"),
        (lambda: Recipe(extra="some"), "setting 'extra' takes a number or none, not 'some' (in Recipe)"),  # type: ignore[arg-type]
        (lambda: Recipe(extra=6), "setting 'extra' takes -5 to 5 px, not 6 (in Recipe)"),
        (lambda: Recipe(ends=(Uniform(),)), "setting 'ends' takes a list of 2, not (Uniform(kind='uniform', gap=30),) (in Recipe)"),  # type: ignore[arg-type]
        (lambda: Recipe(title="\ud800"), "setting 'title' takes text or none, not '\\ud800' (in Recipe)"),
    ],
)  # fmt: skip
def test_what_python_makes_is_checked(make: Any, message: str) -> None:
    assert message_of(make) == message


def test_python_values_become_those_of_the_annotation() -> None:
    assert Recipe(title="none", extra="none", head="none") == Recipe()  # type: ignore[arg-type]
    assert Recipe(mix=[{"weight": 2}]) == Recipe(mix=(Source(weight=2),))  # type: ignore[arg-type]


def test_groups_are_copied_pickled_and_hashed() -> None:
    assert copy.deepcopy(FULL) == pickle.loads(pickle.dumps(FULL)) == FULL
    assert hash(copy.copy(FULL)) == hash(FULL)


def values_of(hint: Any, limits: tuple[float, float] | None = None) -> st.SearchStrategy[Any]:
    """Values that an annotation takes."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(
            hint, **{f.name: values_of(hints[f.name], f.metadata.get("limits")) for f in fields(hint)}
        )  # fmt: skip
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values_of(args[0], limits), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values_of(part, limits) for part in args))
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values_of(part, limits) for part in args])
    least, most = limits or (None, None)
    return {
        float: st.floats(least, most, allow_nan=False) | st.integers(0, 1),
        int: st.integers(least, most),  # type: ignore[arg-type]
        str: st.text(st.characters(exclude_categories=["Cs"])),
        types.NoneType: st.none(),
    }[hint]


@given(st.fixed_dictionaries({f.name: values_of(typing.get_type_hints(Recipe)[f.name], f.metadata.get("limits")) for f in fields(Recipe)}))  # fmt: skip
def test_any_nested_settings_round_trip(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    assume(not values["mix"] or sum(source.weight for source in values["mix"]))
    settings, path = Recipe(**values), tmp_path_factory.getbasetemp() / "any.toml"
    assert read_back(settings, Recipe(), path) == settings
    assert read_back(settings, FULL, path) == settings
    assert from_dict(Recipe, json.loads(json.dumps(as_dict(settings))), "") == settings


@pytest.mark.parametrize("settings", [Recipe(), FULL, Recipe(mix=(), extra=math.pi)])
def test_nested_settings_round_trip(settings: Recipe, tmp_path: Path) -> None:
    for base in (Recipe(), FULL):
        assert read_back(settings, base, tmp_path / "recipe.toml") == settings
    tree = json.loads(json.dumps(as_dict(settings)))
    assert from_dict(Recipe, tree, "") == from_dict(Recipe, as_dict(settings), "") == settings
    names = [row.name for row in describe(settings)]
    assert len(names) == len(set(names))


def test_the_notation_of_nested_settings() -> None:
    recipe = Recipe(mix=(Source("a", areas=(Inner(),)), Source("b", 2)), grid=((Inner(),),))
    assert to_toml(recipe) == (
        'title = "none"\nseed = "time"\nextra = "none"\nsteps = []\nhead = "none"\noptimiser = "none"\n'
        'grid = [[{width = 1.0, kind = "a", pairs = [[1.0, 2.0]]}]]\nholes = []\n\n'
        '[[mix]]\nname = "a"\nweight = 1.0\n\n'
        '[mix.sampling]\nkind = "uniform"\ngap = 30\n\n'
        '[[mix.areas]]\nwidth = 1.0\nkind = "a"\npairs = [[1.0, 2.0]]\n\n'
        '[[mix]]\nname = "b"\nweight = 2.0\nareas = []\n\n'
        '[mix.sampling]\nkind = "uniform"\ngap = 30\n\n'
        '[[ends]]\nkind = "uniform"\ngap = 30\n\n'
        '[[ends]]\nkind = "causal"\ngaps = [30, 60]\nshrink = "none"\n'
    )
    assert [row[:2] for row in describe(recipe)][4:7] == [
        ("mix.0.name", '"a"'),
        ("mix.0.weight", "1.0"),
        ("mix.0.sampling.kind", '"uniform"'),
    ]


def test_assignments_reach_into_nested_settings() -> None:
    first, second = FULL.mix
    for assignment, expected in {
        "mix.1.weight=3": replace(FULL, mix=(first, replace(second, weight=3))),
        "mix.0.areas.1.kind=b": replace(FULL, mix=(replace(first, areas=(Inner(2), Inner(3, "b"))), second)),
        "mix.0.sampling.kind=causal": replace(FULL, mix=(replace(first, sampling=Causal()), second)),
        'mix.0.sampling.kind="causal"': replace(FULL, mix=(replace(first, sampling=Causal()), second)),
        "mix=[{name = 'uav', weight = 4}]": replace(FULL, mix=(Source("uav", 4),)),
        "mix=[]": replace(FULL, mix=()),
        "extra=none": replace(FULL, extra=None),
        "head=none": replace(FULL, head=None),
        "head={width = 2}": replace(FULL, head=Inner(2, "b")),
        "optimiser={kind = 'uniform'}": replace(FULL, optimiser=Uniform()),
        "optimiser.shrink=none": replace(FULL, optimiser=Causal()),
        "seed=time": replace(FULL, seed="time"),
        "title=3": replace(FULL, title="3"),
    }.items():  # fmt: skip
        assert with_assignments(FULL, [assignment]) == expected, assignment
    assert with_assignments(Recipe(), ["head.width=2"]) == Recipe(head=Inner(2))


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("mix.2.weight=3", "unknown setting 'mix.2': 'mix' has the entries 0 to 1"),
        ("mix.x=3", "unknown setting 'mix.x': 'mix' has the entries 0 to 1"),
        ("mix.1.areas.0.width=3", "unknown setting 'mix.1.areas.0': 'mix.1.areas' has no entry"),
        ("mix.0.wieght=3", "unknown setting 'mix.0.wieght': did you mean mix.0.weight?"),
        ("mix.0.weight=300", "setting 'mix.0.weight' takes 0 to 100, not 300"),
        ("mix.0=3", "'mix.0' is a group, not a setting: known: mix.0.areas.0.kind, mix.0.areas.0.pairs, mix.0.areas.0.width, mix.0.name, mix.0.sampling.gap, mix.0.sampling.gaps, mix.0.sampling.kind, mix.0.sampling.shrink, mix.0.weight"),
        ("mix=3", "setting 'mix' takes a list, not 3"),
        ("mix.0.sampling.kind=random", "setting 'mix.0.sampling.kind' takes 'uniform' or 'causal', not 'random'"),
        ("mix.0.sampling.gaps=[3]", "setting 'mix.0.sampling.gaps' is one of another kind: set kind first"),
        ("mix=[{weight = 0}]", "all of 'mix' weigh 0: give one a weight"),
        ("extra=9", "setting 'extra' takes -5 to 5 px, not 9"),
        ("seed=now", "setting 'seed' takes a whole number or 'time', not 'now'"),
    ],
)  # fmt: skip
def test_bad_assignments_to_nested_settings(assignment: str, message: str) -> None:
    said = message_of(with_assignments, FULL, [assignment])
    where = f" (in --set {assignment})"
    assert said.replace(where, "", 1) == message != said


def test_a_file_changes_entries_by_number(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[mix.1]\nweight = 5\n[mix.1.sampling]\nkind = "uniform"\n')
    assert with_toml(FULL, path).mix == (FULL.mix[0], Source("lasot", 5))


def test_a_dictionary_must_name_the_kind() -> None:
    tree = as_dict(Recipe(optimiser=Uniform()))
    del tree["optimiser"]["kind"]
    said = message_of(from_dict, Recipe, tree, " in x")
    assert said == "setting 'optimiser.kind' takes 'uniform' or 'causal', not None in x"


def test_fields_that_older_files_lack() -> None:
    """The caller says what their absence means, at any depth; all others stay required."""
    tree = as_dict(FULL)
    del tree["mix"][0]["weight"], tree["optimiser"]["shrink"], tree["head"]
    said = message_of(from_dict, Recipe, tree, " in x")
    assert said == "setting 'mix.0.weight' is missing in x"
    absent: Any = {Source: {"weight": 7}, Causal: {"shrink": None}}
    half = {**absent, Recipe: {"head": {"width": 2, "kind": "b"}}}
    said = message_of(from_dict, Recipe, tree, " in x", half)
    assert said == "setting 'head.pairs' is missing in x"
    read = from_dict(Recipe, tree, " in x", {**absent, Recipe: {"head": Inner(2, "b")}})
    assert [source.weight for source in read.mix] == [7, 2]
    assert read.optimiser == Causal(shrink=None)
    assert read.head == Inner(2, "b")
    old = as_dict(NetworkConfig())
    del old["filter_optimizer"]["leak"]
    config = from_dict(NetworkConfig, old, "", {HingeConfig: {"leak": 0.25}})
    assert config.filter_optimizer == HingeConfig(leak=0.25)
