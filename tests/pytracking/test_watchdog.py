"""What is said of a device, at times that are given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fake_devices import numbered

from pytracking.sources.feed import Condition
from pytracking.sources.newest_shot import NewestShot, equal
from pytracking.sources.watchdog import (
    LIMITS,
    NEVER,
    Device,
    Heard,
    condition_of,
    next_change,
)

DEVICE = Device("camera 1", "check it")
RUNNING = Heard(began=100.0, frame_at=110.0, fresh_at=110.0)


def word(heard: Heard, now: float) -> str:
    return condition_of(heard, DEVICE, LIMITS, now).word


def test_everything_is_said_within_two_seconds() -> None:
    assert word(RUNNING, 111.5) == "running"
    assert word(RUNNING, 111.99) == "stalled"
    repeating = replace(RUNNING, frame_at=111.95)
    assert word(repeating, 111.5) == "running"
    assert word(repeating, 111.99) == "repeating"
    assert word(replace(repeating, failure="gone"), 111.99) == "lost"


def test_a_first_frame_may_take_longer_but_is_asked_after() -> None:
    opening = Heard(began=100.0)
    assert condition_of(opening, DEVICE, LIMITS, 101.0).line == ""
    later = condition_of(opening, DEVICE, LIMITS, 101.99)
    assert later.word == "opening"
    assert later.line == "camera 1 has not given a frame yet: wait, or check it"


def test_the_next_change_is_when_the_condition_changes() -> None:
    for heard, now in [
        (Heard(began=100.0), 100.5),
        (RUNNING, 110.5),
        (replace(RUNNING, frame_at=111.0), 111.1),
    ]:
        at = next_change(heard, LIMITS, now)
        before, after = (condition_of(heard, DEVICE, LIMITS, at + by) for by in (-1e-6, 1e-6))
        assert before != after
        assert before == condition_of(heard, DEVICE, LIMITS, now)
    for heard in (replace(RUNNING, failure="gone"), replace(RUNNING, ended=True)):
        assert next_change(heard, LIMITS, 110.5) == NEVER
    assert next_change(RUNNING, LIMITS, 120.0) == NEVER


def test_a_reading_that_ends_in_a_silence_is_the_same_silence() -> None:
    now = [0.0]
    newest = NewestShot(DEVICE, LIMITS, lambda: now[0])
    newest.put(numbered(1))
    now[0] = 1.9
    newest.stop()
    assert newest.condition.word == "stalled"
    newest.put(numbered(2))
    newest.stop()
    assert newest.condition == Condition(
        "lost",
        "camera 1 cannot be read any more: check it; it is tried again until it can",
    )
    newest.put(numbered(3))
    assert newest.condition.word == "running"


def test_one_bit_is_a_difference() -> None:
    one, other = np.zeros((2, 40, 50, 3), np.uint8)
    assert equal(one, other)
    other[33, 47, 2] = 1
    assert not equal(one, other)
    assert not equal(one, one[:, :40])
