"""A session as JSON can hold it: all but pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pytracking.live.intake import Intake
from pytracking.live.messages import Message
from pytracking.live.targets import Target
from pytracking.live.views import Views


def status_of(
    intakes: Sequence[Intake],
    targets: Sequence[Target],
    messages: Sequence[Message],
    views: Views,
) -> dict[str, Any]:
    """`sources`, `targets` and `messages`."""
    return {
        "sources": [_source(intake, views) for intake in intakes],
        "targets": [_target(target) for target in targets],
        "messages": [asdict(message) for message in messages],
    }


def _source(intake: Intake, views: Views) -> dict[str, Any]:
    view, feed = views.newest(intake.name), intake.feed
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
