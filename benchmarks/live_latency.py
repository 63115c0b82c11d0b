"""From a frame captured to its box shown: median and 95th percentile, in the window's loop and in a
browser's.

    python benchmarks/live_latency.py [--device cpu] [--net NAME] [--frames 100] [--rate 5]

Frames of the demo clip, rendered beforehand, are pushed at a fixed rate into a session with one
target. `window` is the loop of the desktop window, overlay and all, with a screen that shows
nothing; `browser` is the server on loopback with a viewer in the same process, over a WebSocket,
which reads the header of each JPEG and acknowledges it. `added` is what is left without the
tracker: of the stub, which sleeps 50 ms, all above these 50; of the real one, all above what it
took for that frame. The tracker must keep up with the rate: else frames wait for it, or are left
out, which the last column counts. The machine's load stands above the table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from ltr.drawing import resized
from ltr.images import Frame
from ltr.transfer import choose_device
from pytracking import DEFAULT_NETWORK
from pytracking.api import MultiTracker
from pytracking.live.keys import Event
from pytracking.live.session import Session
from pytracking.live.window import Window
from pytracking.sources.demo_clip import DemoClip
from pytracking.sources.pushed_feed import PushedFeed
from pytracking.tracker.prediction import Box, Prediction
from pytracking.web.access import access_of
from pytracking.web.application import Service, web_application
from pytracking.web.commands import Offered
from pytracking.web.server import listening_socket, serving
from pytracking.web.uploads import Uploads

SIZES = ((640, 360), (1280, 720))
STUB_SECONDS = 0.05
WARM = 10
"""Frames at the beginning that are not counted."""
CLIP = 40
"""Frames of the clip that are pushed, forwards and backwards."""


class Stub:
    """A tracker that sleeps, and finds its target where it was."""

    def __init__(self) -> None:
        self.observer: Any = None
        self._boxes: dict[str, Box] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._boxes)

    def add(self, frame: Any, box: Sequence[float], name: str) -> None:
        x, y, w, h = box
        self._boxes[name] = (x, y, w, h)

    def remove(self, name: str) -> None:
        del self._boxes[name]

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]:
        time.sleep(STUB_SECONDS)
        chosen = self.names if names is None else names
        return {
            name: Prediction(self._boxes[name], 0.9, "found", self._boxes[name]) for name in chosen
        }


@dataclass
class Seen:
    """When the box of each frame was shown, and what the tracker took for it, by frame number."""

    shown: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)

    def note(self, number: int, seconds: float, when: float) -> None:
        if seconds > 0 and number not in self.shown:
            self.shown[number], self.seconds[number] = when, seconds


class Glass:
    """A screen that shows nothing."""

    def __init__(self) -> None:
        self.when = 0.0

    def show(self, picture: Frame) -> None:
        self.when = time.monotonic()

    def events(self) -> Sequence[Event]:
        return ()


@contextmanager
def in_window(session: Session, seen: Seen) -> Iterator[None]:
    """The loop of the desktop window, in a thread."""
    end, glass = threading.Event(), Glass()

    def run() -> None:
        with Window(session, session.sources, glass) as window:
            while not end.is_set() and window.turn():
                view = window.views[session.sources[0]]
                if view is not None and view.predictions:
                    seen.note(view.shot.number, view.seconds, glass.when)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    end.set()
    thread.join()


@contextmanager
def in_browser(session: Session, seen: Seen) -> Iterator[None]:
    """A server, and a light viewer in a thread."""
    from websockets.sync.client import connect

    offered = Offered((), {}, {}, lambda text: text, lambda *choice: choice)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        uploads = stack.enter_context(Uploads(1))
        service = Service(session, offered, uploads, folder, time.monotonic)
        bound = listening_socket("127.0.0.1", 0)
        application = web_application(service, access_of("127.0.0.1"))
        stack.enter_context(serving(application, service.end, bound))
        address = f"ws://127.0.0.1:{bound.getsockname()[1]}/api/stream?width=3840"
        socket = stack.enter_context(connect(address, proxy=None, max_size=None))

        def run() -> None:
            for message in socket:
                if isinstance(message, str):
                    continue
                length = int.from_bytes(message[:4], "big")
                view = json.loads(message[4 : 4 + length])["view"]
                picture = message[4 + length :]
                if view and picture:
                    assert list(jpeg_size(picture)) == view["size"]
                    if any(target["status"] != "given" for target in view["targets"]):
                        seen.note(view["number"], view["seconds"], time.monotonic())
                socket.send("")

        thread = threading.Thread(target=run)
        thread.start()
        yield
        socket.close()
        thread.join()


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height in the header of a JPEG."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(
        data[at + 5 : at + 7], "big"
    )


def frames_of(size: tuple[int, int]) -> tuple[list[Frame], Box]:
    """The clip in this size, forwards and backwards, and its target's box in the first frame."""
    clip = DemoClip()
    frames = [resized(clip.frame(k), *size) for k in range(CLIP)]
    x, y, w, h = (float(value) * size[0] / clip.frame(0).shape[1] for value in clip.boxes_xywh[0])
    return frames + frames[-2:0:-1], (x, y, w, h)


def measured(
    path: Callable[[Session, Seen], Any],
    tracker: Any,
    frames: Sequence[Frame],
    box: Box,
    count: int,
    rate: float,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Seconds (N,) from captured to shown, and of the tracker, and how many frames are missing."""
    feed, seen, captured = PushedFeed("clip", "the clip", rate), Seen(), dict[int, float]()
    pushed = zip(itertools.count(1), itertools.islice(itertools.cycle(frames), count + WARM))
    with Session(tracker, [feed]) as session, path(session, seen):
        due = time.monotonic()
        for number, frame in pushed:
            captured[number] = time.monotonic()
            feed.push(frame)
            if number == 1:
                assert session.wait("clip", 0, 60)
                session.add("clip", box, "face", 1)
                due = time.monotonic()
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
        time.sleep(1.0)
    numbers = [number for number in seen.shown if number > WARM]
    latencies = np.array([seen.shown[n] - captured[n] for n in numbers])
    return latencies, np.array([seen.seconds[n] for n in numbers]), count - len(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--net", default=DEFAULT_NETWORK)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--rate", type=float, default=5.0)
    given = parser.parse_args()
    device = choose_device(given.device)
    print(
        f"{given.net} on {device}, {given.rate:g} frames/s, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads of torch, load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| frames | path | tracker | ms to the box: median | 95 % | added: median | 95 % "
        "| missing |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for size, stub in itertools.product(SIZES, (True, False)):
        frames, box = frames_of(size)
        for name, path in (("window", in_window), ("browser", in_browser)):
            tracker: Any = Stub() if stub else MultiTracker.load(given.net, device=device)
            latencies, seconds, missing = measured(
                path, tracker, frames, box, given.frames, given.rate
            )
            added = latencies - (STUB_SECONDS if stub else seconds)
            words = [
                f"{1e3 * np.percentile(values, share):.1f}"
                for values in (latencies, added)
                for share in (50, 95)
            ]
            what = "stub, 50 ms" if stub else given.net
            print(
                f"| {size[0]}x{size[1]} | {name} | {what} | {' | '.join(words)} | {missing} |",
                flush=True,
            )
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
