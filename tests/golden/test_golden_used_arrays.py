"""No array of the reference of energies is forgotten: each is read by one of the tests that compare with it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import test_golden_energies
import test_golden_learned_energies
import test_golden_toy
from energy_arrays import EnergyArrays

MODULES = (test_golden_energies, test_golden_learned_energies, test_golden_toy)


def cases(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """The arguments that a test is parametrized by."""
    marks = [mark.args for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for chosen in product(*(values for _, values in marks)):
        found: dict[str, Any] = {}
        for (names, _), value in zip(marks, chosen, strict=True):
            found |= {names: value} if isinstance(names, str) else zip(names, value, strict=True)
        yield found


def test_every_array_is_used(golden) -> None:  # type: ignore[no-untyped-def]
    arrays = EnergyArrays(golden("ebm1d_objectives.npz"))
    for module in MODULES:
        for name, test in vars(module).items():
            if name.startswith("test_") and "arrays" in inspect.signature(test).parameters:
                for case in cases(test):
                    test(arrays, **case)
    assert len(arrays) > 400
    assert sorted(set(arrays) - arrays.used) == []
