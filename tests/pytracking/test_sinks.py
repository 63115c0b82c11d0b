"""Boxes files, videos, overlays and plots: what is written can be read, and an early end loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ltr.drawing import short
from ltr.errors import ResultError
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.overlays import Overlay, draw_box, draw_boxes
from pytracking.sinks.palette import FIRST_COLOUR, PALETTE
from pytracking.sinks.plots import SHADES, Column, Span, overlap_and_score, strip
from pytracking.sinks.video_writer import SMPTE_170M, VideoWriter, codec_name
from pytracking.tracker.prediction import STATUSES, Box, Prediction, Status

FIRST: Box = (10.0, 20.0, 30.0, 40.0)


def prediction(
    box: Box = (12.25, 21.5, 30.125, 40.0), score: float = 0.87, status: Status = "found"
) -> Prediction:
    return Prediction(box, score, status, (-20.0, -10.0, 100.0, 100.0))


def flat(colour: tuple[int, int, int], height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def read_picture(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


# --- boxes file


def test_boxes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    with BoxesFile(path) as boxes:
        boxes.write_first(FIRST)
        boxes.write(prediction())
        boxes.write(prediction((-3.00004, 1e3, 2.0, 2.0), -0.01, "not_found"))
    assert path.read_text() == (
        "10.0000,20.0000,30.0000,40.0000,nan,init\n"
        "12.2500,21.5000,30.1250,40.0000,0.8700,found\n"
        "-3.0000,1000.0000,2.0000,2.0000,-0.0100,not_found\n"
    )
    read = np.loadtxt(path, delimiter=",", usecols=range(4))
    assert np.allclose(read, [FIRST, prediction().box, (-3, 1000, 2, 2)], atol=1e-4)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_boxes_are_kept_after_an_early_end(tmp_path: Path, end: type[BaseException]) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("former\n")

    def interrupted() -> None:
        with BoxesFile(path) as boxes:
            boxes.write_first(FIRST)
            assert path.read_text() == "former\n"
            (partial,) = tmp_path.glob("boxes.txt.*.partial")
            assert partial.read_text().count("\n") == 1
            raise end

    with pytest.raises(end):
        interrupted()
    assert path.read_text() == "10.0000,20.0000,30.0000,40.0000,nan,init\n"
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_line_the_former_boxes_stay(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("former\n")
    with BoxesFile(path):
        pass
    assert path.read_text() == "former\n"
    assert list(tmp_path.iterdir()) == [path]


def test_boxes_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "boxes.txt"
    with pytest.raises(ResultError) as error, BoxesFile(path):
        pass
    assert str(error.value) == f"cannot write boxes {path}: No such file or directory"


def test_full_disk_is_told_and_whole_lines_are_kept(
    tmp_path: Path, file_size_limit: Callable[[int], None]
) -> None:
    path, line = tmp_path / "boxes.txt", "10.0000,20.0000,30.0000,40.0000,nan,init\n"
    file_size_limit(len(line) + 20)
    with pytest.raises(ResultError) as error, BoxesFile(path) as boxes:
        list(map(boxes.write_first, [FIRST, FIRST]))
    assert str(error.value) == f"cannot write boxes {path}: File too large"
    assert path.read_text() == line
    assert list(tmp_path.iterdir()) == [path]


# --- video


@pytest.fixture(params=["H.264", "MPEG-4 part 2"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each codec in turn; that of OpenCV as if PyAV were not installed."""
    if request.param == "H.264":
        pytest.importorskip("av")
    else:
        monkeypatch.setitem(sys.modules, "av", None)
    assert codec_name() == request.param
    return str(request.param)


def read_video(path: Path) -> list[NDArray[np.uint8]]:
    video, frames = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    return frames


def test_video_comes_back(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "video.mp4"
    colours = [(200, 40, 30), (30, 180, 60), (40, 50, 210)]
    with VideoWriter(path, 25) as video:
        for colour in colours:
            video.write(flat(colour))
        video.write(flat((250, 250, 250), 96, 128))  # of another size
    frames = read_video(path)
    assert len(frames) == 4
    for frame, colour in zip(frames, [*colours, (250, 250, 250)], strict=True):
        assert frame.shape == (48, 64, 3)
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 12
    assert list(tmp_path.iterdir()) == [path]


def test_h264_is_what_browsers_play(tmp_path: Path) -> None:
    """yuv420p with even sides, the colour space named, the index before the frames."""
    av = pytest.importorskip("av")
    path = tmp_path / "video.mp4"
    frame = flat((200, 40, 30), 47, 65)
    frame[:, -1] = (30, 180, 60)
    with VideoWriter(path, 29.97) as video:
        for _ in range(30):
            video.write(frame)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (66, 48, 30)
        assert float(stream.average_rate) == pytest.approx(29.97, abs=1e-3)
        assert stream.codec_context.colorspace == SMPTE_170M
        picture = next(container.decode(stream)).to_ndarray(format="rgb24")
    assert np.abs(picture[:, :60].astype(int) - (200, 40, 30)).max() < 12
    assert np.abs(picture[:, 65].astype(int) - (30, 180, 60)).max() < 40, "the last column twice"
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(
    ("height", "width", "encoded"),
    [(64, 9100, (58, 8190)), (8191, 2, (8190, 2)), (2, 20000, (2, 8190))],
)
def test_frames_larger_than_codecs_take(
    tmp_path: Path, codec: str, height: int, width: int, encoded: tuple[int, int]
) -> None:
    """Scaled down, which is said once."""
    path = tmp_path / "video.mp4"
    frame = flat((200, 40, 30), height, width)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with VideoWriter(path, 25) as video:
            for _ in range(3):
                video.write(frame)
    assert [str(warning.message) for warning in warned] == [
        f"video {path} is scaled down to {encoded[1]} x {encoded[0]}: codecs take no side over 8190 "
        f"pixels; frames of {width} x {height} are tracked as they are"
    ]
    frames = read_video(path)
    assert [frame.shape[:2] for frame in frames] == 3 * [encoded]
    assert np.abs(frames[2].mean(axis=(0, 1)) - (200, 40, 30)).max() < 12


@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_video_that_the_disk_does_not_take(tmp_path: Path, codec: str, limit: int) -> None:
    """Refused by the system at the end of the video, or amid it: said, the former file kept."""
    (tmp_path / "video.mp4").write_bytes(b"former")
    program = (
        "import resource, sys, numpy as np\n"
        + ("sys.modules['av'] = None\n" if codec != "H.264" else "")
        + "from pytracking.sinks.video_writer import VideoWriter, codec_name\n"
        "from ltr.errors import ResultError\n"
        f"assert codec_name() == {codec!r}\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "noise = np.random.default_rng(0).integers(0, 256, (20, 96, 128, 3), dtype=np.uint8)\n"
        "try:\n"
        "    with VideoWriter('video.mp4', 25) as video:\n"
        "        for k in range(20 if sys.argv[1] == 'short' else 200):\n"
        "            video.write(noise[k % 20])\n"
        "except ResultError as error:\n"
        "    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for length in ("short", "long"):
        result = subprocess.run(
            [sys.executable, "-c", program, length],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.stdout == "cannot write video video.mp4: File too large\n", result.stderr
        assert (tmp_path / "video.mp4").read_bytes() == b"former"
        assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_video_is_kept_after_an_early_end(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "video.mp4"

    def interrupted() -> None:
        with VideoWriter(path, 25) as video:
            video.write(flat((10, 20, 30)))
            video.write(flat((10, 20, 30)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read_video(path)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4", 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_videos_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "video.mp4"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25):
        pass
    assert str(error.value) == f"cannot write video {path}: No such file or directory"
    path = tmp_path / "video.avi"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25):
        pass
    assert str(error.value) == f"cannot write video {path}: the name must end in .mp4"


def test_encoder_that_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    monkeypatch.setattr("pytracking.sinks.video_writer.FOURCC", "zzzz")
    monkeypatch.setattr("pytracking.sinks.video_writer.H264_OPTIONS", {"preset": "zzzz"})
    path = tmp_path / "video.mp4"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25) as video:
        video.write(flat((0, 0, 0)))
    assert str(error.value) == (
        f"cannot write video {path}: no {codec} encoder for 64 x 48 pixels at 25 frames a second"
    )
    assert list(tmp_path.iterdir()) == []


# --- overlays


AREA: Box = (200.0, 50.0, 280.0, 260.0)


def near(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(picture.astype(int) - colour).max(axis=-1) < 10)


def test_overlay_is_a_new_frame_changed_near_the_box_only() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    before = frame.copy()
    box: Box = (300.3, 150.7, 80.0, 60.0)
    drawn = draw_box(frame, Prediction(box, 0.87, "found", AREA))
    assert np.array_equal(frame, before)
    changed = (drawn != before).any(axis=-1)
    assert changed.any()
    changed[148 - 30 : 215, 296 : 385 + 20] = False  # with the label above; no search area
    assert not changed.any()
    inside = (drawn != before)[160:200, 310:370]
    assert not inside.any()
    # the box's left edge, in the middle of its height, has the colour of the target
    assert np.abs(drawn[190, 299:302].astype(int) - FIRST_COLOUR).sum(axis=-1).min() < 30


def test_overlay_shows_the_true_box() -> None:
    frame = flat((90, 90, 90), 360, 640)
    found = Prediction((300.0, 150.0, 80.0, 60.0), 0.1, "found", AREA)
    true_box: Box = (320.0, 170.0, 80.0, 60.0)
    truth, without = draw_box(frame, found, true_box), draw_box(frame, found)
    rows, columns = np.nonzero((truth != without).any(axis=-1))
    assert [rows.min(), rows.max()] == pytest.approx([169, 230], abs=2)
    assert [columns.min(), columns.max()] == pytest.approx([319, 400], abs=2)


def test_the_line_says_the_status() -> None:
    """Along the left edge, of 100 pixels: how many have the target's colour, in how many strokes."""
    frame, shares, counts = flat((0, 0, 0), 360, 640), {}, {}
    for status in STATUSES:
        drawn = draw_box(frame, Prediction((300.0, 150.0, 120.0, 100.0), 0.5, status, AREA))
        edge = near(drawn[150:250, 298:302], FIRST_COLOUR).any(axis=1)
        shares[status] = edge.mean()
        counts[status] = np.count_nonzero(np.diff(edge.astype(int)) == 1) + int(edge[0])
    assert shares["found"] > 0.95
    assert 0.5 < shares["uncertain"] < 0.8
    assert 0.1 < shares["not_found"] < shares["hard_negative"] < 0.75
    assert counts["found"] == 1
    assert 4 <= counts["uncertain"] < counts["hard_negative"] < counts["not_found"]
    assert len(set(shares.values())) == 4


def test_a_target_keeps_its_colour() -> None:
    """Also when those before it are gone, and from the first frame on."""
    frame = flat((0, 0, 0), 360, 640)
    boxes: dict[str, Box] = {
        str(k): (70.0 * k + 20, 150.0, 40.0, 60.0) for k in range(len(PALETTE) + 1)
    }
    overlay = Overlay(25.0)
    first = overlay.first(1, frame, boxes)
    last = dict(list(boxes.items())[3:])
    later = overlay.next(
        2, frame, {name: Prediction(box, 0.5, "found", AREA) for name, box in last.items()}
    )
    for k, (name, (x, *_)) in enumerate(boxes.items()):
        edge = slice(round(x) - 2, round(x) + 2)
        colour = PALETTE[k % len(PALETTE)]
        assert near(first[170:190, edge], colour).any(axis=1).all(), name
        assert near(later[170:190, edge], colour).any() == (name in last)


def test_trail_of_the_last_centres() -> None:
    frame = flat((0, 0, 0), 360, 640)
    overlay, without = Overlay(25.0, trail=10), Overlay(25.0)
    for k in range(30):
        found = {"target": Prediction((20.0 * k, 100.5, 9.0, 80.0), 0.5, "found", AREA)}
        drawn = overlay.next(k + 2, frame, found)
        plain = without.next(k + 2, frame, found)
    rows, columns = np.nonzero((drawn != plain).any(axis=-1))
    assert [rows.min(), rows.max()] == pytest.approx([140, 140], abs=2)
    assert [columns.min(), columns.max()] == pytest.approx([20 * 20 + 4, 29 * 20 + 4], abs=6)
    assert (drawn[140, 420:560, 2] > 150).all()


def test_number_and_time_stand_in_the_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    put_text = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *a: (words.append(a[1]), put_text(*a)))
    box: Box = (2.0, 2.0, 30.0, 30.0)  # its label would lie there
    found = Prediction(box, 0.5, "not_found", AREA)
    drawn = Overlay(25.0).next(1877, flat((0, 0, 0), 360, 640), {"left": found})
    assert words == ["frame 1877   1:15.04", "left not found  .50"]
    assert (drawn[:20, :110].min(axis=-1) > 200).sum() > 100
    Overlay(25.0).next(1, flat((0, 0, 0), 360, 640), {"target": found})
    Overlay(25.0).first(1, flat((0, 0, 0), 360, 640), {"target": box})
    assert words[2:] == ["frame 1   0:00.00", "not found  .50", "frame 1   0:00.00", "given"]


@pytest.mark.parametrize(
    "box", [(-1e7, -1e7, 3e7, 3e7), (600.0, 340.0, 80.0, 60.0), (-50.0, -40.0, 60.0, 50.0)]
)
@pytest.mark.parametrize("status", STATUSES)
def test_overlay_of_boxes_beyond_the_frame(box: Box, status: Status) -> None:
    frame = flat((90, 90, 90), 360, 640)
    drawn = draw_box(frame, Prediction(box, -0.02, status, box))
    assert drawn.shape == frame.shape
    assert (drawn != frame).any()  # the label at the least


def test_overlay_scales_with_the_frame() -> None:
    widths = []
    for lines in (480, 1080):
        frame = flat((0, 0, 0), lines, lines)
        box: Box = (lines / 4, lines / 4, lines / 2, lines / 2)
        drawn = draw_box(frame, Prediction(box, 0.5, "found", AREA))
        widths.append(int((drawn[lines // 2, : lines // 2].max(axis=-1) > 128).sum()))
    assert 2 <= widths[0] <= 4  # anti-aliasing widens lines a little
    assert 5 <= widths[1] <= 8


@pytest.mark.parametrize(
    ("shape", "drawn_shape"),
    [
        ((96, 128), (384, 512)),
        ((128, 96), (512, 384)),
        ((8, 8), (480, 480)),
        ((479, 10), (958, 20)),
        ((480, 270), (480, 270)),
        ((270, 480), (270, 480)),
    ],
)
def test_tiny_frames_are_enlarged(shape: tuple[int, int], drawn_shape: tuple[int, int]) -> None:
    """The box with them, to the pixel."""
    frame = flat((90, 90, 90), *shape)
    frame[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 200
    box: Box = (shape[1] // 4, shape[0] // 4, shape[1] // 4, shape[0] // 4)
    drawn = draw_box(frame, Prediction(box, 0.5, "found", AREA))
    assert drawn.shape == (*drawn_shape, 3)
    rows, columns = np.nonzero(near(drawn, (200, 200, 200)))
    times = drawn_shape[0] / shape[0]
    for lines, start, side in ((rows, box[1], box[3]), (columns, box[0], box[2])):
        if side > 20 and min(shape) > 20:  # else label and line cover it
            edges = [times * start, times * (start + side)]
            assert [lines.min(), lines.max() + 1] == pytest.approx(edges, abs=4.5)


def test_names_that_cannot_be_drawn() -> None:
    frame = flat((0, 0, 0), 360, 640)
    names = ("\N{CAT}", "\udcff", "a\nb", "long" * 100)
    found = {
        n: Prediction((9.0, 90.0 * k, 9.0, 9.0), 0.5, "found", AREA) for k, n in enumerate(names)
    }
    assert draw_boxes(frame, found).shape == frame.shape


def test_short_scores() -> None:
    assert [short(score) for score in (0.874, -0.02, 1.0, 0.999, 0.0)] == [
        ".87",
        "-.02",
        "1.00",
        "1.00",
        ".00",
    ]


# --- plots


def test_plots_are_written(tmp_path: Path) -> None:
    time = np.arange(150)
    overlaps, scores = 0.5 + 0.3 * np.sin(time / 9), 0.4 + 0.3 * np.cos(time / 7)
    scores[0] = np.nan
    statuses = ["init", *("not_found" if 100 <= frame < 110 else "found" for frame in time[1:])]
    plain, marked = tmp_path / "plain.png", tmp_path / "marked.png"
    overlap_and_score(plain, overlaps, scores, ["init", *["found"] * 149])
    overlap_and_score(
        marked, overlaps, scores, statuses, [Span("crossing", 50, 63), Span("panel", 101, 111)]
    )
    without, with_marks = read_picture(plain), read_picture(marked)
    assert without.shape[1] > 1000
    assert near(without, FIRST_COLOUR).sum() > 2000
    for shade in SHADES[:2]:  # at an opacity of .6
        colour = tuple(round(255 - 0.6 * (255 - int(shade[k : k + 2], 16))) for k in (1, 3, 5))
        assert near(with_marks, colour).sum() > near(without, colour).sum() + 10_000
    rings = [(p[..., 0] < 60).sum() for p in (without, with_marks)]
    assert rings[1] > rings[0] + 300, "frames in which it was not found are ringed"


def test_nothing_of_a_plot_is_clipped(tmp_path: Path) -> None:
    """Scores above 1 and below 0 lie within the axes, and all ink within the picture."""
    path = tmp_path / "plot.png"
    scores = np.linspace(-0.4, 1.7, 60)
    overlap_and_score(path, np.ones(60), scores, ["found"] * 60, [Span("the last frames", 55, 61)])
    picture = read_picture(path)
    line = near(picture, FIRST_COLOUR)
    middle = picture.shape[0] // 2
    rows, columns = np.nonzero(line[middle:])
    rising = [
        rows[np.abs(columns - c) < 2].mean() for c in np.linspace(columns.min(), columns.max(), 5)
    ]
    assert np.ptp(np.diff(rising)) < 6, "a straight line to its ends"
    ink = (picture < 250).any(axis=-1)
    assert not ink[:4].any()
    assert not ink[-4:].any()
    assert not ink[:, :4].any()
    assert not ink[:, -4:].any()


def test_strip_is_written(tmp_path: Path) -> None:
    """Of a frame and a search area half beyond it: the box in both, the true one, and the hatching."""
    rng = np.random.default_rng(0)
    box, area = (40.0, 16.0, 16.0, 16.0), (32.0, 0.0, 64.0, 48.0)
    columns = [
        Column(
            flat((30, 180, 60)),
            Prediction(box, 0.5, "found", area),
            flat((200, 40, 30), 64, 64),
            rng.random((19, 19), dtype=np.float32),
            f"frame {index}",
            true_box=(42.0, 16.0, 16.0, 16.0) if index else None,
        )
        for index in range(3)
    ]
    strip(tmp_path / "strip.png", columns)
    picture = read_picture(tmp_path / "strip.png")
    assert picture.shape[1] > picture.shape[0] > 500
    assert near(picture, (30, 180, 60)).mean() > 0.1
    searched = near(picture, (200, 40, 30))
    assert 0.05 < searched.mean() < 0.15, "half of the search area is beyond the frame"
    rows = np.flatnonzero(searched.any(axis=1))
    blue = near(picture, FIRST_COLOUR)
    assert blue[: rows[0]].sum() > 500, "the box in the frame"
    assert blue[rows[0] : rows[-1]].sum() > 500, "the box in the search area"
    width = np.ptp(np.nonzero(blue[rows[0] : rows[-1], : picture.shape[1] // 3])[1])
    side = np.ptp(rows)
    assert width == pytest.approx(side / 4, abs=8)
    assert [path.name for path in tmp_path.iterdir()] == ["strip.png"]


def test_pictures_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "plot.png"
    with pytest.raises(ResultError) as error:
        overlap_and_score(path, np.ones(3), np.ones(3), ["init", "found", "found"])
    assert str(error.value) == f"cannot write picture {path}: No such file or directory"
