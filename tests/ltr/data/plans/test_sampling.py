"""Which frames make a sample."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.data.configuration import Sampling
from ltr.data.plans.sampling import causal_frames, choose_frames, interval_frames, usable
from ltr.data.store import Track


def track(visible: np.ndarray) -> Track:
    boxes = np.tile(np.float32([10, 10, 20, 20]), (len(visible), 1))
    return Track(name="t", boxes_xywh=boxes, visible=visible)


def draws(choose, visible, count=300, **sizes):
    rng = np.random.default_rng(3)
    return [
        choose(rng, visible, **{"train": 3, "test": 3, "max_gap": 10} | sizes) for _ in range(count)
    ]


def test_causal_frames_are_visible_near_and_in_order():
    visible = np.random.default_rng(0).random(80) < 0.7
    for train, test in draws(causal_frames, visible):
        base = train[0]
        assert all(visible[n] for n in train + test)
        assert 2 <= base < 77
        assert max(train[1:]) < base < min(test)
        assert min(train[1:]) >= base - 35
        assert max(test) < base + 35


def test_causal_bases_reach_all_visible_frames_and_repeat_frames():
    visible = np.ones(40, bool)
    chosen = draws(causal_frames, visible)
    assert {c.train[0] for c in chosen} == set(range(2, 37))
    assert any(len(set(c.test)) < 3 for c in chosen)  # with replacement


def test_gap_grows_over_a_hole():
    visible = np.zeros(100, bool)
    visible[[4, 5, 60, 95]] = True
    chosen = draws(causal_frames, visible, max_gap=3)
    # 4 has nothing before it, 95 lies behind the last possible base; 60 needs a gap of 55
    assert {c.train[0] for c in chosen} == {5, 60}
    assert {n for c in chosen if c.train[0] == 60 for n in c.train[1:]} <= {4, 5}
    assert {n for c in chosen if c.train[0] == 5 for n in c.test} <= {60, 95}


@pytest.mark.parametrize("shown", [[0, 1], [98, 99], [0], [0, 1, 97, 98, 99], [50]])
def test_visible_frames_without_a_possible_base_still_give_a_sample(shown):
    visible = np.zeros(100, bool)
    visible[shown] = True
    for train, test in draws(causal_frames, visible, count=20):
        assert len(train) == len(test) == 3
        assert set(train + test) <= set(shown)


def test_interval_frames_lie_around_their_base():
    visible = np.random.default_rng(1).random(60) < 0.5
    chosen = draws(interval_frames, visible)
    for train, test in chosen:
        others = np.array(train[1:] + test)
        assert visible[list(train + test)].all()
        assert (others >= train[0] - 10).all()
        assert (others < train[0] + 10).all()
    assert {c.train[0] for c in chosen} == set(np.flatnonzero(visible))
    assert any(min(c.test) < c.train[0] for c in chosen)


def test_a_photograph_is_its_own_only_frame():
    still = track(np.ones(1, bool))
    choice = choose_frames(np.random.default_rng(0), still, Sampling(train_frames=2, test_frames=4))
    assert choice == ((0, 0), (0, 0, 0, 0))


def test_short_and_mostly_hidden_videos_are_not_used():
    sampling = Sampling()
    assert usable(track(np.arange(20) < 13), sampling)
    assert not usable(track(np.arange(20) < 12), sampling)
    assert not usable(track(np.ones(19, bool)), sampling)
    assert usable(track(np.ones(1, bool)), sampling)
    assert not usable(track(np.zeros(1, bool)), sampling)
