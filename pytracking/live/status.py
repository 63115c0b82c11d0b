"""A session as JSON can hold it: all but pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pytracking.live.intake import Intake
from pytracking.live.targets import Target
from pytracking.live.tracking import Tracking
from pytracking.live.views import View


def status_of(tracking: Tracking) -> dict[str, Any]:
    """Sources, targets, messages, whether time stands still, and what is recorded."""
    recording, targets = tracking.recording, tracking.targets.all
    return {
        "sources": [
            _source(intake, tracking.views.newest(intake.name), targets)
            for intake in tracking.intakes
        ],
        "targets": [_target(target) for target in targets],
        "messages": [asdict(message) for message in tracking.messages.all],
        "paused": tracking.paused,
        "recording": str(recording.folder) if recording else None,
    }


def _source(intake: Intake, view: View | None, targets: Sequence[Target]) -> dict[str, Any]:
    feed = intake.feed
    height, width = view.shot.frame.shape[:2] if view else (None, None)
    return {
        "name": intake.name,
        "live": feed.live,
        "frame_rate": feed.frame_rate,
        "length": feed.length,
        "condition": asdict(feed.condition),
        "sequence": view.sequence if view else 0,
        "number": view.shot.number if view else None,
        "width": width,
        "height": height,
        "paused": view.paused if view else intake.waits,
        "rates": asdict(intake.meter.rates()),
        "watched": next((t.name for t in targets if t.key == intake.watched), None),
        "frames_dropped": view.frames_dropped if view else 0,
    }


def _target(target: Target) -> dict[str, Any]:
    red, green, blue = target.colour
    predicted = target.prediction
    return {
        "name": target.name,
        "source": target.source,
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "begun": target.begun,
        "number": target.frame,
        "box": list(target.box),
        "score": predicted.score if predicted else None,
        "status": predicted.status if predicted else "init",
    }
