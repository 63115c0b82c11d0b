"""benchmarks/live_latency.py: both paths show every frame, and the stub's time is in what they take."""

from __future__ import annotations

from typing import Any

import cv2
import live_latency
import numpy as np
import pytest


@pytest.mark.parametrize("path", [live_latency.in_window, live_latency.in_browser])
def test_a_few_frames(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_latency, "WARM", 1)
    frames = [np.full((90, 160, 3), 10 * k, np.uint8) for k in range(6)]
    box = (20.0, 20.0, 30.0, 30.0)
    latencies, seconds, missing = live_latency.measured(
        path, live_latency.Stub(), frames, box, 4, rate=3.0
    )
    assert len(latencies) + missing == 4
    assert len(latencies) >= 1
    assert (latencies >= seconds).all()
    assert (seconds >= live_latency.STUB_SECONDS).all()


def test_the_header_of_a_jpeg() -> None:
    _, data = cv2.imencode(".jpg", np.zeros((90, 161, 3), np.uint8))
    assert live_latency.jpeg_size(data.tobytes()) == (161, 90)
