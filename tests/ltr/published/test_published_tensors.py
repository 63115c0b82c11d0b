"""Tensors lie within their storages, and entries are what a network needs."""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from pickle_program import (
    NONE,
    NUMBERS,
    TRUE,
    WEIGHT,
    Writer,
    damaged,
    plain,
    program,
    read,
    refusal,
    storage,
    table,
    tensor,
    zipped,
)

# --- Tensors ---


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((0, (10**6, 10**6), (0, 0)), "asks for more than the 6 numbers of its storage"),
        ((0, (7,), (0,)), "asks for more than the 6 numbers of its storage"),
        ((1, (2, 3), (3, 1)), "asks for more than the 6 numbers of its storage"),
        ((6, (), ()), "asks for more than the 6 numbers of its storage"),
        ((0, (2,), (1 << 40,)), "has a size, stride or offset that cannot be"),
        ((0, (2,), (10**11,)), "asks for more than the 6 numbers of its storage"),
        ((-1, (2, 3), (3, 1)), "has a size, stride or offset that cannot be"),
        ((5, (2, 3), (-3, 1)), "has a size, stride or offset that cannot be"),
        ((0, (-2, -3), (3, 1)), "has a size, stride or offset that cannot be"),
        ((0, (2, 3), (1,)), "has a size, stride or offset that cannot be"),
        ((0, (True, 3), (3, 1)), "has a size, stride or offset that cannot be"),
        ((0, "ab", "cd"), "has a size, stride or offset that cannot be"),
        ((0, (2.0, 3), (3, 1)), "has a size, stride or offset that cannot be"),
        ((0, (1,) * 17, (1,) * 17), "has a size, stride or offset that cannot be"),
        ((None, (2, 3), (3, 1)), "has a size, stride or offset that cannot be"),
    ],
)
def test_tensors_beyond_their_storage(
    arguments: tuple[object, ...], what: str, write: Writer
) -> None:
    assert refusal(write(program({"net": table({"w": tensor(storage(), *arguments)})}))) == damaged(
        f"its tensor 'w' {what}"
    )


def test_every_view_is_judged_exactly(write: Writer) -> None:
    draw, kept = random.Random(0), 0
    for _ in range(300):
        size = tuple(draw.choice((0, 1, 2, 2, 3, 3, 3)) for _ in range(draw.randint(0, 3)))
        stride, offset = tuple(draw.randint(0, 4) for _ in size), draw.randint(0, 5)
        places = [
            offset + sum(i * s for i, s in zip(at, stride, strict=True))
            for at in itertools.product(*map(range, size))
        ]
        path = write(program({"net": table({"w": tensor(storage(), offset, size, stride)})}))
        if len(places) <= 6 and all(place < 6 for place in places):
            got = read(path).state["w"]
            assert got.shape == size
            assert got.flatten().tolist() == NUMBERS[places].tolist()
            kept += 1
        else:
            assert "asks for more than" in refusal(path)
    assert 50 < kept < 250, kept


def test_memory_is_bounded_by_the_file(write: Writer) -> None:
    data = bytes(4 * 50_000)
    net = {f"w{i}": tensor(storage("0", 50_000), 0, (50_000,), (1,)) for i in range(5)}
    assert refusal(write(program({"net": table(net)}), {"0": data})) == damaged(
        "its tensor 'w4' is beyond its bytes"
    )
    del net["w4"]
    assert len(read(write(program({"net": table(net)}), {"0": data})).state) == 4


@pytest.mark.parametrize(
    "kind", ["BoolStorage", "BFloat16Storage", "ComplexFloatStorage", "QInt8Storage", "Mine"]
)
def test_kinds_of_numbers_that_networks_do_not_hold(kind: str, tmp_path: Path) -> None:
    code = program({"net": table({"w": tensor(storage("0", 6, kind))})})
    assert refusal(zipped(tmp_path / "net.pth", code)) == (
        f"network file FILE has the tensor 'w' in torch.{kind}: networks hold real numbers of 16 to 64 bits"
    )


def test_tensor_of_an_unknown_function(write: Writer) -> None:
    other = WEIGHT.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v9")
    assert refusal(write(program({"net": table({"w": other})}))) == (
        "network file FILE has in its entry 'net' under 'w' no tensor in a storage but torch._utils._rebuild_tensor_v9"
    )


def test_conjugated_tensor(write: Writer) -> None:
    marked = WEIGHT[:-2] + table({"neg": TRUE}) + b"tR"
    assert "has the tensor 'w' in torch.FloatStorage: " in refusal(
        write(program({"net": table({"w": marked})}))
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"net": table({3: WEIGHT})}, "has in its entry 'net' a key that is no name but int"),
        ({"net": table({b"))\x86": WEIGHT})}, "has in its entry 'net' a key that is no name but tuple"),
        ({"net": table({"w": NONE})}, "has in its entry 'net' under 'w' no tensor in a storage but NoneType"),
        ({"net": table({"w": plain([1.0])})}, "has in its entry 'net' under 'w' no tensor in a storage but list"),
        ({"net": table({"w": storage()})}, "has in its entry 'net' under 'w' no tensor in a storage but Storage"),
        ({"net": table({"w\n": NONE})}, r"has in its entry 'net' under 'w\n' no tensor in a storage but NoneType"),
        ({"net": b"}"}, "has no tensors in its entry 'net', which is empty"),
        ({"net": WEIGHT}, "has no tensors in its entry 'net', which is torch._utils._rebuild_tensor_v2"),
        ({"conv1.weight": WEIGHT, "epoch": plain(3)}, "has no entry 'net', which holds a network's tensors; its first entries: 'conv1.weight', 'epoch'"),
        ({}, "has no entry 'net', which holds a network's tensors; its first entries: none"),
        (plain([1, 2]), "holds list, not the table of entries that a training run saves"),
        (WEIGHT, "holds torch._utils._rebuild_tensor_v2, not the table of entries that a training run saves"),
    ],
)  # fmt: skip
def test_wrong_entries(entries: dict[Any, bytes] | bytes, message: str, write: Writer) -> None:
    assert refusal(write(program(entries))) == f"network file FILE {message}"
