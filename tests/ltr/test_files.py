"""Files appear whole or not at all, whatever ends the writing, and nothing is left beside them."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ltr import files
from ltr.errors import CheckpointError, ResultError
from ltr.files import AtomicFile, make_folder, remove_stale, write_bytes, write_text

Limit = Callable[[int], None]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(path: Path) -> str:
    with pytest.raises(ResultError) as error:
        write_text(path, "new", "boxes")
    return str(error.value)


def test_a_file_is_new_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("former")
    with AtomicFile(path, "boxes") as file:
        file.write(b"ne")
        file.write("wé".encode())
        assert path.read_text() == "former"
        assert file.temporary.read_text(encoding="utf-8") == "newé"
        assert file.size == 5
        assert file.temporary.parent == tmp_path
    assert path.read_text(encoding="utf-8") == "newé"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_block_that_does_not_end_well(
    tmp_path: Path, end: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("former")

    def ended() -> None:
        with AtomicFile(path, "boxes") as file:
            file.write(b"new")
            raise end

    with pytest.raises(end):
        ended()
    assert path.read_text() == "former"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace", "pwrite"])
def test_nothing_is_left_of_an_interrupt_at_any_step(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "a", b"new", "boxes")
    assert names(tmp_path) == []


def test_bytes_are_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for step in ("pwrite", "fsync", "replace"):
        real = getattr(os, step)
        monkeypatch.setattr(os, step, lambda *a, s=step, f=real: (calls.append(s), f(*a))[1])
    write_bytes(tmp_path / "a", b"new", "boxes")
    assert calls == ["pwrite", "fsync", "replace"]


def test_a_write_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:3], at))
    write_bytes(tmp_path / "a", b"0123456789", "boxes")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_the_mode_is_what_the_user_asked_new_files_to_have(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "new", "boxes")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


# --- what cannot be written


def test_a_full_file_keeps_its_whole_writes(tmp_path: Path, file_size_limit: Limit) -> None:
    path = tmp_path / "a.txt"
    file = AtomicFile(path, "boxes")
    file.write(b"x" * 900)
    file_size_limit(1000)
    with pytest.raises(ResultError) as error:
        file.write(b"y" * 200)
    assert str(error.value) == f"cannot write boxes {path}: File too large"
    file.commit()
    assert path.read_bytes() == b"x" * 900  # not the 100 that fitted
    assert names(tmp_path) == ["a.txt"]


def test_room_is_looked_for_without_a_trace(tmp_path: Path, file_size_limit: Limit) -> None:
    path = tmp_path / "a.txt"
    with AtomicFile(path, "video") as file:
        file.write(b"x" * 900)
        file.check_room()
        assert file.size == 900
        file_size_limit(1000)
        with pytest.raises(ResultError) as error:
            file.check_room()
        assert str(error.value) == f"cannot write video {path}: File too large"
        assert file.size == 900
    assert path.read_bytes() == b"x" * 900


def test_a_tiny_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a disk, and not everywhere")
    try:
        write_bytes(disk / "a", b"former", "network file")
        with pytest.raises(CheckpointError) as error:
            write_bytes(disk / "a", bytes(100_000), "network file", CheckpointError)
        assert (
            str(error.value) == f"cannot write network file {disk / 'a'}: No space left on device"
        )
        assert (disk / "a").read_bytes() == b"former"
        assert names(disk) == ["a"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_an_earlier_error_is_the_one_to_be_told_of(tmp_path: Path) -> None:
    file = AtomicFile(tmp_path / "a", "boxes")
    (tmp_path / "a").mkdir()
    file.commit(earlier=RuntimeError())
    file = AtomicFile(tmp_path / "b", "boxes")
    (tmp_path / "b").mkdir()
    with pytest.raises(ResultError, match="Is a directory"):
        file.commit()
    assert names(tmp_path) == ["a", "b"]


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "a", "No such file or directory"),
        (tmp_path / "file" / "a", "Not a directory"),
        (tmp_path / ("a" * 256), "File name too long"),
    ):
        assert refusal(path) == f"cannot write boxes {path}: {why}"
    longest = tmp_path / ("猫" * 85)
    write_text(longest, "new", "boxes")
    assert sorted(names(tmp_path)) == ["file", longest.name]


def test_special_files_are_refused_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, end = tmp_path / "pipe", socket.socket(socket.AF_UNIX)
    os.mkfifo(pipe)
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 107 bytes
    end.bind("socket")
    (tmp_path / "link").symlink_to("/dev/null")
    for path, kind in (
        (Path("/dev/null"), "a device"),
        (tmp_path / "link", "a device"),
        (pipe, "a pipe"),
        (tmp_path / "socket", "a socket"),
    ):
        assert refusal(path) == f"cannot write boxes {path}: it is {kind}, give the name of a file"
    assert Path("/dev/null").is_char_device()
    assert pipe.is_fifo()
    assert (tmp_path / "socket").is_socket()
    assert names(tmp_path) == ["link", "pipe", "socket"]
    end.close()


# --- links


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "real"
    real.write_text("former")
    (tmp_path / "hop").symlink_to("there/real")
    (tmp_path / "link").symlink_to("hop")
    with AtomicFile(tmp_path / "link", "boxes") as file:
        file.write(b"new")
        assert file.temporary.parent == real.parent
    assert real.read_text() == "new"
    assert (tmp_path / "link").readlink() == Path("hop")
    (tmp_path / "none").symlink_to("there/later")
    write_text(tmp_path / "none", "new", "boxes")
    assert (tmp_path / "none").is_symlink()
    assert names(real.parent) == ["later", "real"]


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    assert (
        refusal(tmp_path / "a")
        == f"cannot write boxes {tmp_path / 'a'}: Too many levels of symbolic links"
    )


def test_a_link_planted_at_the_temporary_name_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "0" * 2 * count)
    planted = tmp_path / f"a.{'0' * 16}.partial"
    for target in (victim, tmp_path / "nothing"):
        planted.symlink_to(target)
        assert refusal(tmp_path / "a") == f"cannot write boxes {tmp_path / 'a'}: File exists"
        assert planted.is_symlink()
        planted.unlink()
    assert victim.read_text() == "mine"
    assert names(tmp_path) == ["victim"]


# --- what is killed

KILLED = """
import os, signal, sys
from ltr.files import AtomicFile
file = AtomicFile(sys.argv[1], "boxes")
file.write(b"new")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_the_former_file_and_does_not_disturb_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("former")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "former"
    assert len(names(tmp_path)) == 2
    with AtomicFile(path, "boxes") as living:
        living.write(b"newer")
        make_folder(tmp_path)
        assert names(tmp_path) == sorted(["a.txt", living.temporary.name])
    assert path.read_text() == "newer"


def test_only_what_dead_writers_left_is_removed(tmp_path: Path) -> None:
    dead, token = f"video.mp4.{'a1' * 8}.partial.mp4", "0123456789abcdef"
    for name in (dead, "video.partial.mp4", f"a.{token}.PARTIAL", f".{token}.partial.mp4"):
        (tmp_path / name).touch()
    (tmp_path / f"folder.{token}.partial").mkdir()
    (tmp_path / f"link.{token}.partial").symlink_to(dead)
    os.mkfifo(tmp_path / f"pipe.{token}.partial")
    others = sorted(set(names(tmp_path)) - {dead})
    remove_stale(tmp_path)
    assert names(tmp_path) == others


def test_a_new_file_that_was_taken_for_stale_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rounds = fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if not rounds:
            rounds.append(descriptor)
            remove_stale(tmp_path)
            assert names(tmp_path) == []
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_text(tmp_path / "a", "new", "boxes")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError) as error:
        make_folder(tmp_path / "file" / "a")
    assert str(error.value) == f"cannot make folder {tmp_path / 'file' / 'a'}: Not a directory"
