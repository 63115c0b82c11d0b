"""Frames in: folders of images and video files, good, cut off and damaged."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import FrameError
from ltr.images import Frame
from pytracking.sources.folder import FrameFolder, image_files
from pytracking.sources.opening import open_source
from pytracking.sources.source import Source, SourceEndedEarly
from pytracking.sources.video import VideoFile, movie_seconds

# Six frames, 64 x 64, made with PyAV 18.1.0 (pip install av; no dependency of ours), since OpenCV cannot write AV1:
# av.open(path, "w").add_stream("libsvtav1", rate=25, options={"preset": "8", "crf": "50"}), pix_fmt yuv420p.
AV1 = Path(__file__).parents[1] / "data" / "av1.mp4"

FRAMES, HEIGHT, WIDTH = 40, 48, 64


def frame_number(index: int) -> Frame:
    """RGB (48, 64, 3): six stripes of the upper half are the bits of the index; the lower half is red at the left
    only. Bits, since codecs change greys."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(6):
        frame[: HEIGHT // 2, 10 * bit : 10 * bit + 10] = 255 * (index >> bit & 1)
    frame[HEIGHT // 2 :, : WIDTH // 2, 0] = 250
    return frame


def index_of(frame: Frame) -> int:
    """Which `frame_number` it is, after lossy coding."""
    return sum(
        1 << bit for bit in range(6) if frame[4:20, 10 * bit + 3 : 10 * bit + 7].mean() > 127
    )


def write_video(path: Path, codec: str, frames: int = FRAMES) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.ascontiguousarray(frame_number(index)[:, :, ::-1]))
    writer.release()
    return path


def write_images(folder: Path, names: list[str]) -> Path:
    """Images whose index is their place in `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.ascontiguousarray(frame_number(index)[:, :, ::-1]))
    return folder


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def until_error(source: Source) -> tuple[list[Frame], FrameError | None]:
    """The frames that a source gave, and what ended it."""
    frames = []
    try:
        for frame in source:
            frames.append(frame)
    except FrameError as error:
        return frames, error
    return frames, None


def refusal(path: Path) -> str:
    with pytest.raises(FrameError) as caught:
        open_source(path)
    assert not isinstance(caught.value, SourceEndedEarly)
    return str(caught.value)


# ---------------------------------------------------------------- folders


def test_folder_in_natural_order(tmp_path: Path) -> None:
    names = [
        "1.jpg",
        "2.JPG",
        "3.Png",
        "10.jpg",
        "11.jpeg",
        "100.bmp",
    ]  # a gap in the numbers means nothing
    folder = write_images(tmp_path / "clip", names)
    (folder / "groundtruth.txt").write_text("1,1,9,9\n")
    (folder / "._1.jpg").write_bytes(b"droppings of a file manager")
    (folder / "5.jpg").mkdir()
    source = open_source(folder)
    assert isinstance(source, FrameFolder)
    assert (source.name, source.length, source.frame_rate) == ("clip", 6, 30.0)
    for _ in range(2):  # again, from the beginning
        frames, error = until_error(source)
        assert error is None
        assert [index_of(frame) for frame in frames] == list(range(6))
    assert all(
        frame.shape == (HEIGHT, WIDTH, 3) and frame.flags["C_CONTIGUOUS"] for frame in frames
    )
    assert frames[0][40, 8, 0] > 230  # red, not blue
    assert frames[0][40, 8, 2] < 20


def test_natural_order_of_names(tmp_path: Path) -> None:
    names = [
        "a1b2.png",
        "a1b10.png",
        "a2b1.png",
        "A3.png",
        "a007.png",
        "a7.png",
        "b.png",
        "img.png",
    ]
    folder = write_images(tmp_path, names)
    assert [path.name for path in image_files(folder)] == names


def test_folder_with_its_frames_in_img(tmp_path: Path) -> None:
    write_images(tmp_path / "Basketball" / "img", ["0001.jpg", "0002.jpg"])
    source = open_source(tmp_path / "Basketball")
    assert (source.name, source.length) == ("Basketball", 2)
    assert [index_of(frame) for frame in source] == [0, 1]


def test_own_images_come_before_img(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["0001.jpg", "0002.jpg"])
    write_images(tmp_path, ["0001.jpg"])
    assert open_source(tmp_path).length == 1


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "img").write_text("a file")
    assert refusal(tmp_path) == (
        f"folder {tmp_path} holds no images (.bmp .jpeg .jpg .png .tif .tiff .webp): "
        "give the folder that holds the frames"
    )


def test_folder_is_read_lazily_and_ends_early_at_a_damaged_image(tmp_path: Path) -> None:
    cut(write_images(tmp_path, ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]) / "3.jpg", 0.6)
    frames, error = until_error(open_source(tmp_path))
    assert [index_of(frame) for frame in frames] == [0, 1]
    assert isinstance(error, SourceEndedEarly)
    assert str(error) == (
        f"folder {tmp_path} stopped after 2 of 4 frames: "
        f"image {tmp_path / '3.jpg'} is a JPEG without its end (cut off): fetch the file again"
    )


def test_link_to_a_missing_image_is_not_skipped(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.jpg", "2.jpg", "3.jpg"])
    (tmp_path / "2.jpg").unlink()
    (tmp_path / "2.jpg").symlink_to(tmp_path / "gone")
    frames, error = until_error(open_source(tmp_path))
    assert len(frames) == 1
    assert str(error) == (
        f"folder {tmp_path} stopped after 1 of 3 frames: "
        f"cannot read image {tmp_path / '2.jpg'} (No such file or directory): check its path and permissions"
    )


def test_damaged_first_image_is_a_plain_error(tmp_path: Path) -> None:
    cut(write_images(tmp_path, ["1.jpg", "2.jpg"]) / "1.jpg", 0.6)
    frames, error = until_error(open_source(tmp_path))
    assert frames == []
    assert type(error) is FrameError
    assert (
        str(error)
        == f"image {tmp_path / '1.jpg'} is a JPEG without its end (cut off): fetch the file again"
    )


# ---------------------------------------------------------------- videos


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_video(tmp_path: Path, name: str, codec: str) -> None:
    source = open_source(write_video(tmp_path / name, codec))
    assert isinstance(source, VideoFile)
    assert (source.name, source.length, source.frame_rate) == ("a", FRAMES, 25.0)
    for _ in range(2):  # again, from the beginning
        frames, error = until_error(source)
        assert error is None
        assert [index_of(frame) for frame in frames] == list(range(FRAMES))
    assert all(frame.dtype == np.uint8 and frame.flags["C_CONTIGUOUS"] for frame in frames)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert frames[0][40, 8, 0] > 200  # red, not blue
    assert frames[0][40, 8, 2] < 60


def test_two_iterators_do_not_disturb_each_other(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "a.avi", "MJPG"))
    one, two = iter(source), iter(source)
    assert [index_of(next(one)) for _ in range(3)] == [0, 1, 2]
    assert index_of(next(two)) == 0
    assert index_of(next(one)) == 3


def test_name_that_looks_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.avi", "MJPG", frames=2).rename("http:b %d.avi")
    assert len(list(open_source(Path("http:b %d.avi")))) == 2


def test_rotated_video_is_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    data = path.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(
        ">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30
    )  # clockwise
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])
    first = next(iter(open_source(path)))
    assert first.shape == (WIDTH, HEIGHT, 3)
    assert first[8, 8, 0] > 200  # the red quarter: from below left to above left
    assert first[56, 8].max() < 60


def test_av1_names_its_codec_and_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "my clip.mp4"
    path.write_bytes(AV1.read_bytes())
    capture = cv2.VideoCapture(str(path))
    decodes, _ = capture.read()
    capture.release()
    if decodes:
        pytest.skip("this OpenCV decodes AV1")
    assert refusal(path) == (
        f"video {path} opens but gives no frame: OpenCV cannot decode its codec (AV01), or it is damaged; "
        f"re-encode it: ffmpeg -i '{path}' -c:v libx264 '{tmp_path / 'my clip.h264.mp4'}'"
    )


def test_video_without_a_usable_rate_or_count(tmp_path: Path) -> None:
    jpegs = [
        cv2.imencode(".jpg", frame_number(index)[:, :, ::-1])[1].tobytes() for index in range(5)
    ]
    (tmp_path / "a.mjpeg").write_bytes(
        b"".join(jpegs)
    )  # no container, so nothing that knows a count
    source = open_source(tmp_path / "a.mjpeg")
    assert source.length is None
    frames, error = until_error(source)
    assert error is None
    assert [index_of(frame) for frame in frames] == list(range(5))
    path = write_video(tmp_path / "b.mp4", "mp4v")
    data = bytearray(path.read_bytes())
    at = data.index(b"mdhd") + 16
    struct.pack_into(
        ">I", data, at, 1000 * struct.unpack_from(">I", data, at)[0]
    )  # 25,000 frames a second
    path.write_bytes(data)
    assert open_source(path).frame_rate == 30.0


def test_file_that_gives_no_frame_any_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    source = open_source(path)
    path.write_bytes(b"")
    frames, error = until_error(source)
    assert (frames, type(error), str(error)) == (
        [],
        FrameError,
        f"video {path} is an empty file: fetch it again",
    )
    data = index_first(write_video(path, "mp4v")).read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])
    frames, error = until_error(source)
    assert (frames, type(error), str(error)) == ([], FrameError, refusal(path))
    assert str(error).startswith(
        f"video {path} opens but gives no frame: OpenCV cannot decode its codec (FMP4), or"
    )


def no_video(path: Path) -> str:
    return f"video {path} cannot be opened: it is no video, or cut off or damaged, fetch it again"


def test_not_a_video(tmp_path: Path) -> None:
    text, empty, missing = tmp_path / "frame_01.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"
    text.write_text("hello")
    empty.touch()
    assert refusal(text) == no_video(text)
    assert refusal(empty) == f"video {empty} is an empty file: fetch it again"
    assert refusal(missing) == (
        f"cannot read video {missing} (No such file or directory): check its path and permissions"
    )


def test_neither_video_nor_folder(tmp_path: Path) -> None:
    image = write_images(tmp_path, ["a.PNG"]) / "a.PNG"
    assert refusal(image) == (
        f"{image} is a single image: give the folder that holds the frames, or a video file"
    )
    assert refusal(Path("/dev/null")) == (
        "/dev/null is neither a file nor a folder: give a video file or a folder of images"
    )


# ---------------------------------------------------------------- videos that end early


def index_first(path: Path) -> Path:
    """Move the index (moov) of an MP4 to the front, as files for streaming have it, so that it survives a cut."""
    data = path.read_bytes()
    mdat, moov = data.index(b"mdat") - 4, data.index(b"moov") - 4
    index = bytearray(data[moov:])
    assert struct.unpack(">I", index[:4])[0] == len(index)
    table = index.index(b"stco") + 8
    count = struct.unpack_from(">I", index, table)[0]
    for at in range(table + 4, table + 4 + 4 * count, 4):
        struct.pack_into(">I", index, at, struct.unpack_from(">I", index, at)[0] + len(index))
    path.write_bytes(data[:mdat] + bytes(index) + data[mdat:moov])
    return path


def test_mp4_without_its_index_cannot_be_opened(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", "mp4v"), 0.6)
    assert refusal(path) == no_video(path)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_video_that_is_cut_off(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, codec)
    if name == "a.mp4":
        assert len(list(open_source(index_first(path)))) == FRAMES
    source = open_source(cut(path, 0.6))
    assert source.length == FRAMES
    frames, error = until_error(source)
    assert 5 < len(frames) < 30
    assert [index_of(frame) for frame in frames[:-1]] == list(range(len(frames) - 1))
    assert isinstance(error, SourceEndedEarly)
    assert str(error) == (
        f"video {path} stopped after {len(frames)} of {FRAMES} frames: it is cut off or damaged, fetch it again"
    )


def test_end_of_a_video_lost_to_zeros(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", "MJPG")
    data = path.read_bytes()
    at, end = data.index(b"movi") + 4, data.index(b"idx1")
    start = at + (end - at) // 2
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    frames, error = until_error(open_source(path))
    assert 10 < len(frames) < 30
    assert isinstance(error, SourceEndedEarly)


def test_video_short_of_less_than_half_a_second_is_whole(tmp_path: Path) -> None:
    """Counts of some containers are estimates: some frames less than announced are no reason to complain."""
    path = write_video(tmp_path / "a.mp4", "mp4v")
    source = VideoFile(path)
    for missing, ended_early in ((12, False), (14, True)):
        source.length = FRAMES
        path.write_bytes(write_video(tmp_path / "b.mp4", "mp4v", FRAMES - missing).read_bytes())
        # The header is that of the shorter file; give it the length of the longer one.
        set_movie_seconds(path, FRAMES / 25)
        frames, error = until_error(source)
        assert len(frames) == FRAMES - missing
        assert isinstance(error, SourceEndedEarly) is ended_early


def set_movie_seconds(path: Path, seconds: float) -> None:
    data = bytearray(path.read_bytes())
    header = data.index(b"mvhd")
    ticks = struct.unpack_from(">I", data, header + 16)[0]
    struct.pack_into(">I", data, header + 20, round(seconds * ticks))
    path.write_bytes(data)


def test_video_trimmed_by_its_edit_list_is_whole(tmp_path: Path) -> None:
    """Phones trim so: all frames stay in the file and in its count, and a list says which are shown."""
    path = write_video(tmp_path / "a.mp4", "mp4v")
    data = bytearray(path.read_bytes())
    edit, movie, media = data.index(b"elst") + 4, data.index(b"mvhd"), data.index(b"mdhd")
    movie_ticks = struct.unpack_from(">I", data, movie + 16)[0]
    media_ticks = struct.unpack_from(">I", data, media + 16)[0]
    struct.pack_into(">II", data, edit + 8, 20 * movie_ticks // 25, 15 * media_ticks // 25)
    path.write_bytes(data)
    set_movie_seconds(path, 20 / 25)
    source = open_source(path)
    frames, error = until_error(source)
    assert source.length == FRAMES
    assert [index_of(frame) for frame in frames] == list(range(15, 35))
    assert error is None


def test_overestimated_count_is_not_an_early_end(tmp_path: Path) -> None:
    """Matroska knows no count: duration times a guessed rate is too much where the rate varies. The clock is right."""
    source = VideoFile(write_video(tmp_path / "a.mkv", "mp4v"))
    source.length, source.frame_rate = 2 * FRAMES, 50.0
    frames, error = until_error(source)
    assert len(frames) == FRAMES
    assert error is None
    source = VideoFile(write_video(tmp_path / "a.mp4", "mp4v"))
    source.length = 2 * FRAMES
    for beyond, ended_early in ((0.48, False), (0.52, True)):
        set_movie_seconds(source.path, FRAMES / 25 + beyond)
        assert isinstance(until_error(source)[1], SourceEndedEarly) is ended_early


def test_sound_that_outlasts_the_pictures_is_not_an_early_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    set_movie_seconds(path, 10)
    frames, error = until_error(open_source(path))
    assert len(frames) == FRAMES
    assert error is None


def test_movie_seconds(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    assert movie_seconds(path) == pytest.approx(FRAMES / 25)
    assert movie_seconds(index_first(path)) == pytest.approx(FRAMES / 25)
    data = path.read_bytes()
    for end in range(data.index(b"mvhd") + 24):
        path.write_bytes(data[:end])
        assert movie_seconds(path) is None
    assert movie_seconds(write_video(tmp_path / "a.avi", "MJPG")) is None
    assert movie_seconds(write_video(tmp_path / "a.mkv", "mp4v")) is None
    box = tmp_path / "box.mp4"
    wide = b"mvhd" + bytes([1, 0, 0, 0]) + bytes(16) + struct.pack(">IQ", 1000, 2500)
    large = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)  # a box with a 64-bit size
    box.write_bytes(large + struct.pack(">I4sI", 999, b"moov", 108) + wide)
    assert movie_seconds(box) == 2.5
    box.write_bytes(box.read_bytes()[:-8] + b"\xff" * 8)  # "not known"
    assert movie_seconds(box) is None
    box.write_bytes(struct.pack(">I4sQ", 1, b"free", 2**64 - 1) + bytes(4))
    assert movie_seconds(box) is None
    box.write_bytes(bytes(64))
    assert movie_seconds(box) is None


def test_nothing_is_printed_for_damaged_videos(tmp_path: Path) -> None:
    """OpenCV and FFmpeg log to stderr from C; our one line says it all."""
    cut(write_video(tmp_path / "a.avi", "MJPG"), 0.6)
    cut(write_video(tmp_path / "b.avi", "MJPG"), 0.1)
    cut(write_video(tmp_path / "c.mkv", "mp4v"), 0.6)
    cut(index_first(write_video(tmp_path / "d.mp4", "mp4v")), 0.6)
    cut(write_video(tmp_path / "e_01.mp4", "mp4v"), 0.6)
    program = """
import sys
from pathlib import Path
from ltr.errors import FrameError
from pytracking.sources.opening import open_source
for path in [*sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2])]:
    try:
        for frame in open_source(path):
            pass
    except FrameError as error:
        print(path.name, type(error).__name__)
"""
    command = [sys.executable, "-c", program, str(tmp_path), str(AV1)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split("\n") == [
        "a.avi SourceEndedEarly",
        "b.avi FrameError",
        "c.mkv SourceEndedEarly",
        "d.mp4 SourceEndedEarly",
        "e_01.mp4 FrameError",
        "av1.mp4 FrameError",
        "",
    ]
    assert done.stderr == ""
