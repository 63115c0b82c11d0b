"""What a training tells of its speed."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ltr.training import meter as meter_module
from ltr.training.learner import Step
from ltr.training.meter import Meter


def test_the_wait_for_the_first_batch_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(meter_module, "monotonic", lambda: clock.now)
    lines: list[dict[str, Any]] = []
    run = SimpleNamespace(
        recipe=SimpleNamespace(steps=2, epochs=1, batch=8),
        log=lambda kind, number, **values: lines.append(values),
    )
    learner = SimpleNamespace(step=0, rates=dict)
    meter = Meter(run, learner, SimpleNamespace(unreadable=lambda: 0))  # type: ignore[arg-type]

    def batches() -> Iterator[None]:
        for seconds in (1000, 1):  # a bank is filled first
            clock.now += seconds
            yield None

    source = batches()
    for _ in range(2):
        meter.wait_for(source)  # type: ignore[arg-type]
        clock.now += 1
        learner.step += 1
        meter.add(Step({"total": 1.0}, 0.0))
    meter.close()
    assert [line["samples_per_second"] for line in lines] == [pytest.approx(16 / 3)]
    assert [line["waiting"] for line in lines] == [pytest.approx(1 / 3)]
