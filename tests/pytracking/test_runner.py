"""Many sequences at once: each as if it were alone, and what fails fails alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_clip import WIDTH, index_of, write_images, write_video

from ltr.data.annotated import UnopenedFrames
from ltr.errors import DataError, FrameError, SourceEndedEarly, TrackingError
from ltr.images import Frame
from ltr.settings import with_assignments
from pytracking.api import Tracker, load_engine
from pytracking.evaluation.frames_ahead import FramesAhead
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.runner import Spent, annotated_start, track_sequences
from pytracking.evaluation.trajectories import Trajectory
from pytracking.evaluation.workers import track_in_processes
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine

LENGTHS = {"one": 1, "five": 5, "three": 3, "four": 4}
BOX = (8.0, 8.0, 20.0, 20.0)


def sequence_of(name: str, frames: Path, count: int) -> Sequence:
    boxes = np.tile(np.array(BOX), (count, 1))
    return Sequence(name, UnopenedFrames(frames), boxes, frames / "groundtruth.txt")


def engine_on(device: str) -> TrackerEngine:
    """A fast one."""
    small = ["search.crop_side=128", "first_frame.rotations=[]", "first_frame.blurs=[]"]
    return load_engine(
        "imagenet_mobile", device=device, change=lambda preset: with_assignments(preset, small)
    )


@pytest.fixture(scope="module")
def engine() -> TrackerEngine:
    return engine_on("cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Sequence]:
    """Parts of the demo, of several lengths."""
    demo, folder = DemoClip(0), tmp_path_factory.mktemp("clips")
    for begin, (name, count) in enumerate(LENGTHS.items()):
        (folder / name).mkdir()
        for k in range(count):
            image = np.ascontiguousarray(demo.frame(3 * begin + k)[:, :, ::-1])
            cv2.imwrite(str(folder / name / f"{k}.png"), image)
        boxes = demo.boxes_xywh[3 * begin : 3 * begin + count]
        np.savetxt(folder / name / "groundtruth.txt", boxes, delimiter=",")
    return find_sequences(folder)


@pytest.fixture(scope="module")
def alone(engine: TrackerEngine, clips: list[Sequence]) -> dict[str, Array]:
    """The boxes of each clip as the library's own interface gives them."""
    boxes = {}
    for clip in clips:
        tracker, frames = Tracker(engine, name=clip.name), iter(clip.frames)
        tracker.initialize(next(frames), box := np.round(clip.boxes_xywh[0]))
        boxes[clip.name] = np.array([box, *(tracker.track(frame).box for frame in frames)])
    return boxes


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_each_is_tracked_as_if_it_were_alone(
    engine: TrackerEngine, clips: list[Sequence], alone: dict[str, Array], batch: int
) -> None:
    steps: list[int] = []
    spent = Spent()
    outcomes = dict(
        (sequence.name, outcome)
        for sequence, outcome in track_sequences(
            engine, clips, batch, stepped=steps.append, spent=spent
        )
    )
    assert set(outcomes) == set(LENGTHS)
    assert sum(steps) == sum(LENGTHS.values())
    assert max(steps) == min(batch, 3)  # that of one frame never waits for a step
    for sequence in clips:
        trajectory = outcomes[sequence.name]
        assert isinstance(trajectory, Trajectory)
        np.testing.assert_allclose(trajectory.boxes_xywh, alone[sequence.name], rtol=0, atol=0.01)
        count = LENGTHS[sequence.name]
        assert trajectory.statuses == ("init", *["found"] * (count - 1))
        assert np.isnan(trajectory.scores).tolist() == [True, *[False] * (count - 1)]
        assert trajectory.seconds.shape == (count,)
        assert (trajectory.seconds > 0).all()
    assert spent.tracking >= sum(t.seconds.sum() for t in outcomes.values()) - 1e-6
    assert spent.decoding > 0


def test_what_fails_fails_alone(
    engine: TrackerEngine, clips: list[Sequence], alone: dict[str, Array], tmp_path: Path
) -> None:
    broken = write_images(tmp_path / "broken", ["0.png", "1.png", "2.png"])
    (broken / "1.png").write_bytes(b"no image")
    outside = write_images(tmp_path / "outside", ["0.png"])
    beyond = Sequence(
        "outside", UnopenedFrames(outside), np.array([[WIDTH + 5.0, 0, 9, 9]]), outside
    )
    sequences = [
        sequence_of("broken", broken, 3),
        sequence_of("nowhere", tmp_path / "nowhere", 3),
        beyond,
        sequence_of("short", write_images(tmp_path / "short", ["0.png", "1.png"]), 3),
        *clips,
    ]
    outcomes = dict((s.name, outcome) for s, outcome in track_sequences(engine, sequences, 3))
    failed = {name: str(o) for name, o in outcomes.items() if isinstance(o, TrackingError)}
    assert set(failed) == {"broken", "nowhere", "outside", "short"}
    assert failed["broken"].startswith("sequence broken: ")
    assert str(broken / "1.png") in failed["broken"]
    assert failed["nowhere"].startswith("sequence nowhere: ")
    assert failed["outside"].startswith("sequence outside: first box")
    assert failed["short"] == (
        f"sequence short: there are 3 boxes, but 2 frames in {tmp_path / 'short'}"
    )
    for sequence in clips:
        np.testing.assert_allclose(
            outcomes[sequence.name].boxes_xywh, alone[sequence.name], rtol=0, atol=0.01
        )


def test_a_benchmark_gives_the_box_as_it_is_annotated(
    engine: TrackerEngine, clips: list[Sequence]
) -> None:
    (clip,) = (s for s in clips if s.name == "three")
    ((_, rounded),) = track_sequences(engine, [clip])
    ((_, exact),) = track_sequences(engine, [clip], begins=annotated_start)
    np.testing.assert_array_equal(rounded.boxes_xywh[0], np.round(clip.boxes_xywh[0]))
    np.testing.assert_array_equal(exact.boxes_xywh[0], clip.boxes_xywh[0])


def test_a_first_frame_alone_may_be_annotated(engine: TrackerEngine, tmp_path: Path) -> None:
    frames = write_images(tmp_path / "clip", ["0.png", "1.png", "2.png"])
    ((_, trajectory),) = track_sequences(engine, [sequence_of("clip", frames, 1)])
    assert len(trajectory.boxes_xywh) == 3


class Counted:
    """Frames that count how often each was asked for, and wait to be let go."""

    path = Path("counted")

    def __init__(self, count: int, free: bool = True) -> None:
        self.count, self.asked = count, []
        self.free = threading.Event()
        if free:
            self.free.set()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Frame]:
        raise AssertionError("images are had by number")

    def frame(self, number: int) -> Frame:
        self.free.wait(10)
        self.asked.append(number)
        if number == 3:
            raise FrameError("frame 3 is broken")
        return np.full((1, 1, 3), number, np.uint8)


def test_frames_come_in_order_each_once_and_no_further_ahead_than_asked() -> None:
    frames = Counted(20)
    with ThreadPoolExecutor(4) as pool:
        ahead = FramesAhead(pool, frames, 20, lanes=4, depth=3)
        for number in range(20):
            if number == 3:
                with pytest.raises(FrameError, match="frame 3 is broken"):
                    ahead.frame()
            else:
                assert ahead.frame()[0, 0, 0] == number
            assert max(frames.asked) <= number + 3
        ahead.close()
    assert sorted(frames.asked) == list(range(20))


def test_nothing_is_decoded_after_the_end() -> None:
    frames = Counted(20, free=False)
    with ThreadPoolExecutor(2) as pool:
        ahead = FramesAhead(pool, frames, 20, lanes=2, depth=8)
        threading.Timer(0.05, frames.free.set).start()
        ahead.close()
        told = len(frames.asked)
    assert told == len(frames.asked) <= 2


@pytest.mark.parametrize(("boxes", "words"), [(41, "only 40"), (39, "more"), (40, "")])
def test_videos_are_decoded_in_order(tmp_path: Path, boxes: int, words: str) -> None:
    video = write_video(tmp_path / "clip.avi", "MJPG")
    with ThreadPoolExecutor(2) as pool:
        ahead = FramesAhead(pool, UnopenedFrames(video), boxes, lanes=2, depth=4)
        for number in range(min(boxes, 40) - (boxes < 40)):
            assert index_of(ahead.frame()) == number
        if words:
            with pytest.raises(DataError) as error:
                ahead.frame()
            assert str(error.value) == f"there are {boxes} boxes, but {words} frames in {video}"
        ahead.close()


def test_a_video_that_is_cut_off_says_so(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.avi", "MJPG", 60)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 3])
    with ThreadPoolExecutor(1) as pool:
        ahead = FramesAhead(pool, UnopenedFrames(video), 60, lanes=1, depth=4)
        frames = (ahead.frame() for _ in range(60))
        with pytest.raises(SourceEndedEarly):
            list(frames)
        ahead.close()


def dying_engine_on(folder: Path, device: str) -> TrackerEngine:
    """The first process that asks is killed at its second step."""
    engine = engine_on(device)
    try:
        (folder / "first").mkdir()
    except FileExistsError:
        return engine
    step, steps = engine.step, []

    def dying(*arguments, **options):  # type: ignore[no-untyped-def]
        steps.append(1)
        if len(steps) > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **options)

    engine.step = dying  # type: ignore[method-assign]
    return engine


def no_engine_on(device: str) -> TrackerEngine:
    return load_engine("no_such_network", device=device)


@pytest.mark.slow
def test_processes_give_the_same_boxes(engine: TrackerEngine, clips: list[Sequence]) -> None:
    steps: list[int] = []
    outcomes = dict(
        (s.name, o)
        for s, o in track_in_processes(engine_on, clips, ["cpu", "cpu"], 2, stepped=steps.append)
    )
    assert sum(steps) == sum(LENGTHS.values())
    for sequence, (_, trajectory) in zip(clips, track_sequences(engine, clips), strict=True):
        np.testing.assert_allclose(
            outcomes[sequence.name].boxes_xywh, trajectory.boxes_xywh, rtol=0, atol=0.05
        )


@pytest.mark.slow
def test_a_process_that_dies_takes_only_its_own_with_it(
    clips: list[Sequence], tmp_path: Path
) -> None:
    devices = ["cpu", "cpu"]
    outcomes = dict(
        (s.name, o)
        for s, o in track_in_processes(partial(dying_engine_on, tmp_path), clips, devices)
    )
    lost = [name for name, outcome in outcomes.items() if isinstance(outcome, TrackingError)]
    assert set(outcomes) == set(LENGTHS)
    assert 1 <= len(lost) <= 2  # the one that is tracked, and one that was opened early
    for name in lost:
        assert str(outcomes[name]) == (
            f"sequence {name}: the process that was to track it has ended; was memory short?"
        )


@pytest.mark.slow
def test_processes_without_an_engine_say_why(clips: list[Sequence]) -> None:
    with pytest.raises(TrackingError, match="unknown network 'no_such_network'"):
        list(track_in_processes(no_engine_on, clips, ["cpu"]))
