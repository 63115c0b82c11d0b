"""An hour, condensed: 20,000 frames of the synthetic source through a session that records."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stand_ins import PATIENCE

from pytracking.sinks.video_writer import has_h264

FRAMES, WARM = 20_000, 2_000
CHILD = f"""
import sys, threading
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import cv2
from pytracking.sources.synthetic import clip_index, rendered
from stand_ins import StandInFeed, session_of

class Endless:
    '''Every frame in order, as fast as they are taken.'''

    def __len__(self):
        return sys.maxsize

    def __getitem__(self, at):
        return cv2.resize(rendered(clip_index(at + 1)), (480, 270))

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1e3

feed = StandInFeed("synthetic", [])
feed.frames, feed.live, feed.length = Endless(), False, None
before = threading.active_count()
try:
    with session_of(Path(sys.argv[1]), feed) as session:
        session.start_recording()
        session.play()
        sequence, number, added = 0, 0, None
        while True:
            view = session.wait("synthetic", sequence, 60)
            sequence, number, last = view.sequence, view.shot.number, number
            if number // 200 > last // 200:  # one comes, another goes
                if added:
                    session.remove(added)
                added = session.add("synthetic", (100, 80, 60, 50))
                session.status()
            for mark in ({WARM}, {FRAMES}):
                if last < mark <= number:
                    print(f"{{mark}} {{resident():.1f}}", flush=True)
except KeyboardInterrupt:
    print(f"threads {{threading.active_count() - before}}", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not has_h264(), reason="needs av")
def test_twenty_thousand_frames(tmp_path: Path, signals_not_ignored: None) -> None:
    import av

    words = [sys.executable, "-c", CHILD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            warm, end = (child.stdout.readline().split() for _ in range(2))
            begin = time.monotonic()
            child.send_signal(signal.SIGINT)
            rest = child.stdout.readline()
            took = time.monotonic() - begin
            child.wait(PATIENCE)
        finally:
            child.kill()
    grown = float(end[1]) - float(warm[1])
    print(f"grew by {grown:.1f} MB between frames {warm[0]} and {end[0]}; ended in {took:.2f} s")
    assert (int(warm[0]), int(end[0])) == (WARM, FRAMES)
    assert grown < 30
    assert rest == "threads 0\n"
    assert took < 1
    (folder,) = (tmp_path / "recordings").iterdir()
    with av.open(str(folder / "video.mp4")) as container:
        frames = sum(packet.size > 0 for packet in container.demux(video=0))
    last = (folder / "boxes.csv").read_text().splitlines()[-1]
    assert frames >= FRAMES
    assert abs(frames - int(last.split(",")[0])) <= 200, "one is tracked nearly always"
