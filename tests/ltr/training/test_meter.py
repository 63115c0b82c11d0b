"""What a training tells of its speed."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ltr.training import meter as meter_module
from ltr.training.learner import Step
from ltr.training.meter import Meter


def clock_of(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(meter_module, "monotonic", lambda: clock.now)
    return clock


def test_a_validation_is_told_and_no_time_of_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = clock_of(monkeypatch)
    lines: list[dict[str, Any]] = []
    run = SimpleNamespace(
        recipe=SimpleNamespace(steps=1, epochs=2, batch=8, validation_samples=16),
        log=lambda kind, number, **values: lines.append(values),
    )
    learner = SimpleNamespace(step=0, rates=dict)
    meter = Meter(run, learner, SimpleNamespace(unreadable=lambda: 0))  # type: ignore[arg-type]
    batches = iter([None, None])
    for step in range(2):
        meter.wait_for(batches)  # type: ignore[arg-type]
        clock.now += 1
        learner.step += 1
        meter.add(Step({"total": 1.0}, 0.0))
        if step == 0:
            capsys.readouterr()
            monkeypatch.setattr(meter._line, "_told", -1e9)
            clock.now += 1000
            meter.judged(8)
            meter.validated({"total": 0.25})
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "epoch 1/2, validation: 8 of 16 samples",
        "epoch 1/2: validation loss 0.25",
    ]
    assert [line["samples_per_second"] for line in lines] == [8.0, 8.0]


def test_the_wait_for_the_first_batch_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = clock_of(monkeypatch)
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
