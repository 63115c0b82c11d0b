"""What a device is said to do, from what it did last: pure functions of times."""

from __future__ import annotations

from dataclasses import dataclass

from pytracking.sources.feed import Condition

NEVER = float("inf")


@dataclass(frozen=True)
class Limits:
    """Seconds. What a device does is said within two seconds, so the first two are shorter."""

    silence: float = 1.8
    """Without a frame, after which the device is stalled."""
    sameness: float = 1.8
    """Of the same pixels, bit by bit, after which the device is repeating."""
    retry: float = 1.0
    """From one opening of the device to the next, at the least."""
    patience: float = 5.0
    """How long one opening or reading may block before another reader takes over."""
    repeating_retry: float = 10.0
    """From one opening to the next of a device that repeats, for a still picture is shown so too,
    and pixels that change again are seen without it."""


LIMITS = Limits()


@dataclass(frozen=True)
class Device:
    """What is said of a device."""

    title: str
    """As messages begin: "camera /dev/video0"."""
    advice: str
    """What a person can do: "check its cable"."""


@dataclass(frozen=True)
class Heard:
    """What a device did last, in seconds of the feed's clock."""

    began: float
    """When it was first opened."""
    frame_at: float | None = None
    """When its last frame came."""
    fresh_at: float = 0.0
    """When its last frame came that was another one than that before."""
    note: str = ""
    """What is to be said of it while it runs."""
    failure: str = ""
    """Why it could not be opened or read, if no frame has come since."""
    ended: bool = False
    """There will be no more frames."""


def condition_of(heard: Heard, device: Device, limits: Limits, now: float) -> Condition:
    """The condition at `now`."""
    title, advice = device.title, device.advice
    if heard.ended:
        return Condition("ended", heard.failure)
    if heard.failure:
        return Condition("lost", heard.failure)
    if heard.frame_at is None:
        if now - heard.began < limits.silence:
            return Condition("opening")
        return Condition("opening", f"{title} has not given a frame yet: wait, or {advice}")
    if now - heard.frame_at >= limits.silence:
        return Condition(
            "stalled",
            f"{title} gives no frames: {advice}; it is tried again until it does",
        )
    if now - heard.fresh_at >= limits.sameness:
        return Condition(
            "repeating",
            f"{title} gives the very same pixels again and again, as a device that hangs or a "
            f"still picture does (a real scene has noise): {advice}",
        )
    return Condition("running", heard.note)


def next_change(heard: Heard, limits: Limits, now: float) -> float:
    """When the condition changes if the device does nothing more."""
    if heard.ended or heard.failure:
        return NEVER
    if heard.frame_at is None:
        times = [heard.began + limits.silence]
    else:
        times = [heard.frame_at + limits.silence, heard.fresh_at + limits.sameness]
    return min((time for time in times if time > now), default=NEVER)
