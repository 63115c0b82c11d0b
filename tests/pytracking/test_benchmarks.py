"""The benchmarks as they lie on disk: small trees of each layout, opened by their real lists."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import ConfigError, DataError
from pytracking.cli import main
from pytracking.evaluation.protocols import PROTOCOLS
from pytracking.sequences.benchmarks import BENCHMARKS, default_protocol, open_benchmark

COUNTS = {
    "lasot": (280, 685360),
    "lasot_extension": (150, None),
    "trackingnet": (511, None),
    "got10k_val": (180, 21007),
    "got10k_test": (180, 22834),
    "otb100": (100, 59040),
    "uav123": (123, 112578),
    "uav20l": (20, 58670),
    "nfs": (100, None),
    "tlp": (50, None),
    "tinytlp": (50, None),
    "dtb70": (70, 15777),
    "vot2018": (60, 21356),
    "vot2019": (60, None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_lists_hold_what_is_published(name: str) -> None:
    rows = BENCHMARKS[name].listed()
    count, frames = COUNTS[name]
    assert len({row.name for row in rows}) == len(rows) == count
    if frames is not None:
        assert sum(row.frames or 0 for row in rows) == frames
    for row in rows:
        assert "/" not in row.name
        assert not row.images.startswith("/")
        assert ".." not in Path(row.images).parts


def test_every_benchmark_has_a_protocol() -> None:
    assert {b.protocol for b in BENCHMARKS.values()} <= {*PROTOCOLS, "vot"}
    assert default_protocol("lasot_extension") == "lasot"
    assert default_protocol("davis2017") == default_protocol("dtb70") == "otb"
    assert default_protocol("tinytlp") == default_protocol("nfs") == "uav"
    assert default_protocol("some/folder") == "one_pass"


def images(folder: Path, first: int, count: int, digits: int, suffix: str = "jpg") -> None:
    """Frames that are as bright as their place."""
    folder.mkdir(parents=True)
    for k in range(count):
        name = f"{first + k:0{digits}d}.{suffix}"
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), 20 * k, np.uint8))


def text(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_palette(path: Path, labels: np.ndarray) -> None:
    """A PNG whose pixels are numbers of colours."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = labels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in labels)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes(range(9)))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def boxes(count: int) -> list[str]:
    return [f"{k + 1},2,5,6" for k in range(count)]


def test_otb(tmp_path: Path) -> None:
    """Two targets of one folder, numbers that begin elsewhere, and five frames that do not count."""
    images(tmp_path / "Jogging" / "img", 1, 2, 4)
    text(
        tmp_path / "Jogging" / "groundtruth_rect.2.txt", [b.replace(",", "\t") for b in boxes(307)]
    )
    images(tmp_path / "BlurCar1" / "img", 247, 2, 4)
    text(tmp_path / "BlurCar1" / "groundtruth_rect.txt", boxes(742))
    images(tmp_path / "Tiger1" / "img", 1, 7, 4)
    text(tmp_path / "Tiger1" / "groundtruth_rect.txt", boxes(354))
    names = ["BlurCar1", "Jogging_2", "Tiger1"]
    car, jogging, tiger = open_benchmark("otb100", tmp_path, names)
    assert [s.name for s in (car, jogging, tiger)] == names
    assert len(car.boxes_xywh) == len(car.frames) == 742
    assert car.frames.frame(1).mean() == pytest.approx(20, abs=2)
    assert jogging.boxes_xywh[306].tolist() == [307, 2, 5, 6]
    assert jogging.attributes == ("OCC", "DEF", "OPR")
    assert len(tiger.boxes_xywh) == len(tiger.frames) == 349
    assert tiger.boxes_xywh[0].tolist() == [6, 2, 5, 6]
    assert tiger.frames.frame(0).mean() == pytest.approx(100, abs=2)

    text(tmp_path / "Tiger1" / "groundtruth_rect.txt", boxes(353))
    with pytest.raises(DataError, match="has 353 lines, but Tiger1 has 354 frames: fetch the anno"):
        open_benchmark("otb100", tmp_path, ["Tiger1"])
    text(tmp_path / "Tiger1" / "groundtruth_rect.txt", [*boxes(4), "1,2,three,4", *boxes(349)])
    with pytest.raises(DataError, match=r"rect\.txt, line 5: '1,2,three,4' is not a box x,y,w,h"):
        open_benchmark("otb100", tmp_path, ["Tiger1"])


def test_uav_is_cut_out_of_longer_videos(tmp_path: Path) -> None:
    images(tmp_path / "data_seq" / "UAV123" / "bird1", 775, 2, 6)
    lines = [*boxes(701), "NaN,NaN,NaN,NaN", "9,9,9,9"]
    text(tmp_path / "anno" / "UAV123" / "bird1_2.txt", lines)
    (bird,) = open_benchmark("uav123", tmp_path, ["bird1_2"])
    assert len(bird.frames) == 703
    assert bird.frames.frame(1).mean() == pytest.approx(20, abs=2)
    assert np.isnan(bird.boxes_xywh[701]).all()
    assert bird.category == "bird"


def test_nfs_may_lack_the_last_box(tmp_path: Path) -> None:
    images(tmp_path / "sequences" / "Skiing_red", 1, 2, 5)
    for count in (69, 68):
        text(tmp_path / "anno" / "nfs_Skiing_red.txt", [b.replace(",", "\t") for b in boxes(count)])
        (skiing,) = open_benchmark("nfs", tmp_path, ["Skiing_red"])
        assert len(skiing.boxes_xywh) == count
        assert len(skiing.frames) == 69


def test_lasot_says_where_the_target_is_absent(tmp_path: Path) -> None:
    folder = tmp_path / "airplane" / "airplane-1"
    images(folder / "img", 1, 3, 8)
    text(folder / "groundtruth.txt", ["1,2,3,4", "613,731,247,-11", "0,0,0,0"])
    text(folder / "full_occlusion.txt", ["0,1,0"])
    text(folder / "out_of_view.txt", ["0,0,1"])
    (plane,) = open_benchmark("lasot", tmp_path, ["airplane-1"])
    assert plane.boxes_xywh.tolist() == [[1, 2, 3, 4], [613, 731, 247, -11], [0, 0, 0, 0]]
    assert plane.absent is not None
    assert plane.absent.tolist() == [False, True, True]
    assert plane.attributes == ("POC", "ROT", "SV", "LR")
    text(folder / "out_of_view.txt", ["0,0"])
    with pytest.raises(
        DataError, match=r"out_of_view\.txt speaks of 2 frames, the boxes beside it"
    ):
        open_benchmark("lasot", tmp_path, ["airplane-1"])


def test_trackingnet_gives_the_first_box_alone(tmp_path: Path) -> None:
    name = "-Dz7OIf54b0_0"
    images(tmp_path / "TEST" / "frames" / name, 0, 12, 1)
    text(tmp_path / "TEST" / "anno" / f"{name}.txt", [" 1.00,102.00,8.50,9.00"])
    (video,) = open_benchmark("trackingnet", tmp_path, [name])
    assert video.boxes_xywh.tolist() == [[1, 102, 8.5, 9]]
    assert len(video.frames) == 12  # 10.jpg after 9.jpg
    assert video.frames.frame(2).mean() == pytest.approx(40, abs=2)

    images(tmp_path / "TRAIN_3" / "frames" / "abc_1", 0, 2, 1)
    text(tmp_path / "TRAIN_3" / "anno" / "abc_1.txt", boxes(2))
    (video,) = open_benchmark("trackingnet_train_3", tmp_path)
    assert (video.name, len(video.frames)) == ("abc_1", 2)


def test_got10k(tmp_path: Path) -> None:
    name = "GOT-10k_Val_000001"
    folder = tmp_path / "val" / name
    images(folder, 1, 2, 8)
    text(tmp_path / "val" / "list.txt", [name])
    text(folder / "groundtruth.txt", ["1.5000,2,3,4", "2,2,3,4"])
    text(folder / "absence.label", ["0", "1"])
    text(folder / "cover.label", ["8", "0"])
    meta = ["[METAINFO]", "url: x", "object_class: bear", "resolution: (1920, 1080)"]
    text(folder / "meta_info.ini", meta)
    (bear,) = open_benchmark("got10k_val", tmp_path)
    assert bear.cover is not None
    assert bear.cover.tolist() == [8, 0]
    assert (bear.frame_wh, bear.category) == ((1920, 1080), "bear")

    name = "GOT-10k_Test_000001"
    images(tmp_path / "test" / name, 1, 3, 8)
    text(tmp_path / "test" / "list.txt", [name])
    text(tmp_path / "test" / name / "groundtruth.txt", ["1,2,3,4"])
    (test,) = open_benchmark("got10k_test", tmp_path)
    assert (len(test.boxes_xywh), len(test.frames), test.cover) == (1, 3, None)


def test_tlp_counts_from_its_own_columns(tmp_path: Path) -> None:
    images(tmp_path / "Hideaway" / "img", 1, 2, 5)
    text(tmp_path / "Hideaway" / "groundtruth_rect.txt", ["1,5,6,7,8,0", "2,5,6,7,8,1"] * 301)
    (whole,) = open_benchmark("tlp", tmp_path, ["Hideaway"])
    (tiny,) = open_benchmark("tinytlp", tmp_path, ["Hideaway"])
    assert (len(whole.boxes_xywh), len(tiny.boxes_xywh), len(tiny.frames)) == (602, 600, 600)
    assert whole.boxes_xywh[1].tolist() == [5, 6, 7, 8]
    assert whole.absent is not None
    assert whole.absent[:2].tolist() == [False, True]


def test_vot_gives_boxes_around_its_polygons(tmp_path: Path) -> None:
    images(tmp_path / "bag" / "color", 1, 3, 8)
    text(tmp_path / "list.txt", ["bag"])
    text(tmp_path / "bag" / "groundtruth.txt", ["10,10,20,5,25,15,15,20", "1,2,3,4", "0"])
    text(tmp_path / "bag" / "sequence", ["name=bag", "width=32", "height=24"])
    (bag,) = open_benchmark("vot2018", tmp_path)
    np.testing.assert_array_equal(bag.boxes_xywh, [[10, 5, 15, 15], [1, 2, 3, 4], [np.nan] * 4])
    assert bag.frame_wh == (32, 24)
    assert bag.regions is not None
    assert len(bag.regions[0]) == 8


def test_davis_boxes_are_those_of_the_masks(tmp_path: Path) -> None:
    images(tmp_path / "JPEGImages" / "480p" / "dogs", 0, 2, 5)
    masks = tmp_path / "Annotations" / "480p" / "dogs"
    masks.mkdir(parents=True)
    first, second = np.zeros((24, 32), np.uint8), np.zeros((24, 32), np.uint8)
    first[2:6, 3:10], first[10:20, 20:30], second[3:7, 4:11] = 1, 2, 1
    write_palette(masks / "00000.png", first)
    write_palette(masks / "00001.png", second)
    for year in ("2016", "2017"):
        text(tmp_path / "ImageSets" / year / "val.txt", ["dogs"])
    one, two = open_benchmark("davis2017", tmp_path)
    assert [one.name, two.name] == ["dogs_1", "dogs_2"]
    assert one.boxes_xywh.tolist() == [[3, 2, 7, 4], [4, 3, 7, 4]]
    assert two.boxes_xywh[0].tolist() == [20, 10, 10, 10]
    assert np.isnan(two.boxes_xywh[1]).all()
    (both,) = open_benchmark("davis2016", tmp_path)
    assert both.boxes_xywh[0].tolist() == [3, 2, 27, 18]


def test_real_annotations_have_the_published_lengths(shared: Path, tmp_path: Path) -> None:
    """All of OTB-100, UAV123 and DTB70 as they were published."""
    with zipfile.ZipFile(shared / "data" / "benchmarks" / "otb100.zip") as archive:
        for row in BENCHMARKS["otb100"].listed():
            path = tmp_path / "otb" / row.annotation
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(f"annos/{row.name}.txt"))
    with zipfile.ZipFile(shared / "data" / "benchmarks" / "uav123.zip") as archive:
        for part in ("uav123", "uav20l"):
            for row in BENCHMARKS[part].listed():
                path = tmp_path / "uav" / row.annotation
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(row.annotation))
    with zipfile.ZipFile(shared / "data" / "benchmarks" / "dtb70.zip") as archive:
        for row in BENCHMARKS["dtb70"].listed():
            path = tmp_path / "dtb" / row.annotation
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(f"annos/{row.name}.txt"))
    frames = {
        name: sum(len(s.boxes_xywh) for s in open_benchmark(name, tmp_path / folder))
        for name, folder in (
            ("otb100", "otb"),
            ("uav123", "uav"),
            ("uav20l", "uav"),
            ("dtb70", "dtb"),
        )
    }
    assert frames == {"otb100": 59035, "uav123": 112578, "uav20l": 58670, "dtb70": 15777}


def test_folders_are_named_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKING_PATHS", str(tmp_path / "paths.toml"))
    (tmp_path / "paths.toml").write_text('tlp = "videos/TLP"\n')
    images(tmp_path / "videos" / "TLP" / "Hideaway" / "img", 1, 1, 5)
    text(tmp_path / "videos" / "TLP" / "Hideaway" / "groundtruth_rect.txt", ["1,5,6,7,8,0"])
    (sequence,) = open_benchmark("tlp", names=["Hideaway"])
    assert len(sequence.boxes_xywh) == 1
    with pytest.raises(DataError, match="lasot"):
        open_benchmark("lasot")
    (tmp_path / "paths.toml").write_text('lasott = "x"\n')
    with pytest.raises(ConfigError, match="names unknown data 'lasott': did you mean lasot"):
        open_benchmark("tlp")
    (tmp_path / "paths.toml").write_text("lasot = ")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        open_benchmark("tlp")


def test_example_of_paths_names_every_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytracking.sequences.benchmarks import DATA
    from pytracking.sequences.data_paths import data_paths

    example = Path(__file__).parents[2] / "paths.example.toml"
    monkeypatch.setenv("TRACKING_PATHS", str(example))
    assert set(data_paths(DATA)) == set(DATA)


def test_data_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data"]) == 0
    assert "lasot_extension" in capsys.readouterr().out

    folder = tmp_path / "val" / "cat"
    images(folder, 1, 3, 4)
    text(folder / "groundtruth.txt", boxes(3))
    assert main(["data", "check", str(tmp_path / "val")]) == 0
    said = capsys.readouterr().out
    assert said == (
        f"sequences (protocol one_pass): 1 sequence, 3 frames in {tmp_path / 'val'}: no problem\n"
    )
    (folder / "0002.jpg").write_bytes(b"no image")
    assert main(["data", "check", str(tmp_path / "val")]) == 0
    assert main(["data", "check", str(tmp_path / "val"), "--all"]) == 2
    assert "0002.jpg" in capsys.readouterr().out
    text(folder / "groundtruth.txt", boxes(2))
    assert main(["data", "check", str(tmp_path / "val")]) == 2
    assert "has 2 boxes, but" in capsys.readouterr().out
    assert main(["data", "chek", "lasot"]) == 2
    assert "says nothing: give check and a benchmark" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("benchmark", "first"),
    [
        ("lasot", "airplane/airplane-1/groundtruth.txt"),
        ("trackingnet", "TEST/anno/-Dz7OIf54b0_0.txt"),
        ("trackingnet_train_3", "TRAIN_3/anno"),
        ("got10k_val", "val/list.txt"),
        ("otb100", "Basketball/groundtruth_rect.txt"),
        ("davis2016", "ImageSets/2016/val.txt"),
    ],
)
def test_a_folder_of_something_else(
    benchmark: str, first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Video").mkdir()
    for command in (["evaluate", benchmark], ["data", "check", benchmark]):
        assert main([*command, "--data", str(tmp_path)]) == 2
        assert capsys.readouterr().err == (
            f"pytracking: {tmp_path} does not look like {BENCHMARKS[benchmark].title}: there "
            f"should be {first} in it\n"
        )


def test_of_a_benchmark_in_part_what_is_missing_is_said(tmp_path: Path) -> None:
    name = "trackingnet"
    text(tmp_path / "TEST" / "anno" / "-FCJqWfi9Wo_0.txt", boxes(1))
    with pytest.raises(DataError, match="cannot read boxes .*-Dz7OIf54b0_0.txt: No such file"):
        open_benchmark(name, tmp_path)


def test_data_check_names_everything_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, truth in (("a", boxes(3)), ("b", ["a,b,c,d"]), ("c", []), ("d", None)):
        images(tmp_path / name, 1, 2, 4)
        if truth is not None:
            text(tmp_path / name / "groundtruth.txt", truth)
    (tmp_path / "film.mp4").write_bytes(b"")
    assert main(["data", "check", str(tmp_path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'd'} holds frames, but no groundtruth.txt"
    assert lines[1] == f"{tmp_path / 'film.mp4'} is a video without a film.txt"
    assert "has 3 boxes, but" in lines[2]
    assert "'a,b,c,d' is not a box x,y,w,h" in lines[3]
    assert str(tmp_path / "c" / "groundtruth.txt") in lines[4]
    assert lines[5].endswith("5 problems")
    (named,) = open_benchmark(str(tmp_path), names=["a"])  # the others need not be right
    assert named.name == "a"


def test_data_check_of_a_benchmark_that_is_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "val").mkdir()
    text(tmp_path / "val" / "list.txt", ["GOT-10k_Val_000001", "../outside"])
    assert main(["data", "check", "got10k_val", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "outside" in said.out + said.err
    text(tmp_path / "val" / "list.txt", ["GOT-10k_Val_000001"])
    assert main(["data", "check", "got10k_val", "--data", str(tmp_path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "its list lacks GOT-10k_Val_000002 and 178 more"
    assert "GOT-10k_Val_000001" in lines[1]
    assert lines[-1].endswith("2 problems")
