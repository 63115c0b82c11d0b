"""Published files are read to the bit in both containers, with the record of their construction."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pickle_program import (
    FALSE,
    NONE,
    TRUE,
    WEIGHT,
    Writer,
    call,
    constructor,
    damaged,
    group,
    holder,
    named,
    plain,
    program,
    read,
    refusal,
    storage,
    table,
    tensor,
    zipped,
)
from published_weights import NETS, fill_state, mix, name_hash, pattern, read_manifest

from ltr.published import Constructor

# --- The shared material ---


def test_fill_rule() -> None:
    assert [name_hash(n) for n in ("", "a", "feature_extractor.conv1.weight")] == [
        0x811C9DC5,
        0xE40C292C,
        0x812F4B81,
    ]
    assert mix(np.array([1, 2, 0xDEADBEEF])).tolist() == [0x514E28B7, 0x30F4C306, 0x0DE5C6A9]
    assert pattern("feature_extractor.conv1.weight")[:8].tolist() == [-3, -1, 3, -3, 1, 1, -3, -3]
    assert pattern("bb_regressor.iou_predictor.weight").sum() == -7


@pytest.mark.parametrize("name", NETS)
def test_fill_agrees_with_the_check_values(name: str, shared: Path) -> None:
    manifest = read_manifest(name, shared / "reference")
    state = fill_state(name, shared / "reference")
    assert list(state) == [entry["name"] for entry in manifest["tensors"]]
    for entry in manifest["tensors"]:
        value, check = state[entry["name"]], entry["check"]
        assert (list(value.shape), str(value.dtype)) == (entry["shape"], f"torch.{entry['dtype']}")
        flat = value.flatten().double()
        assert flat[:4].tolist() == check["first"], entry["name"]
        assert flat.sum().item() == pytest.approx(check["sum"], rel=1e-12, abs=1e-9), entry["name"]
        assert flat.abs().sum().item() == pytest.approx(check["abs_sum"], rel=1e-12), entry["name"]


@pytest.fixture
def unpacked(shared: Path, tmp_path: Path) -> Callable[[str], Path]:
    def unpack(name: str) -> Path:
        with (
            gzip.open(shared / "reference" / f"{name}.gz") as packed,
            (tmp_path / name).open("wb") as file,
        ):
            shutil.copyfileobj(packed, file, 1 << 20)
        return tmp_path / name

    return unpack


@pytest.mark.parametrize(
    ("file", "net"),
    [
        ("dimp18_random.pth.tar", "dimp18"),
        ("dimp18_random_legacy.pth", "dimp18"),
        ("prdimp18_random.pth.tar", "prdimp18"),
        ("super_dimp_random.pth.tar", "super_dimp"),
    ],
)
def test_golden_files_bit_by_bit(
    file: str, net: str, unpacked: Callable[[str], Path], shared: Path
) -> None:
    found, expected = read(unpacked(file)), fill_state(net, shared / "reference")
    assert list(found.state) == list(expected)
    for key, value in expected.items():
        got = found.state[key]
        assert got.dtype == value.dtype, key
        assert got.shape == value.shape, key
        assert got.numpy().tobytes() == value.numpy().tobytes(), key
    record = read_manifest(net, shared / "reference")["constructor"]
    assert found.constructor == Constructor(
        record["fun_name"], record["fun_module"], (), record["kwds"]
    )
    assert found.unknown == ()


def test_renamed_constructor(unpacked: Callable[[str], Path]) -> None:
    found = read(unpacked("renamed_module_constructor.pth"))
    assert {k: v.tolist() for k, v in found.state.items()} == {"weight": [[0, 1, 2], [3, 4, 5]]}
    assert found.constructor is not None
    assert found.constructor[:3] == ("dimpnet18", "ltr.models.tracking.dimpnet", ())
    assert found.constructor.keywords["optim_init_step"] == 0.9
    assert found.unknown == ()


# --- What torch writes ---


@pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_agrees_with_torch(new: bool, protocol: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    types = (
        torch.float64,
        torch.float16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    )
    net = {
        "whole": base,
        "turned": base.t(),
        "window": base[1:3, 1:6:2],
        "again": base,
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "scalar": torch.tensor(7),
        "none": torch.empty(0, 5),
        "nan": torch.tensor([float("nan"), float("inf"), -0.0]),
        **{str(kind): torch.arange(5).to(kind) for kind in types},
    }
    path = tmp_path / "net.pth"
    optimizer = {"moment": torch.ones(3, dtype=torch.bool)}
    torch.save(
        {"net": net, "optimizer": optimizer},
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=new,
    )
    found = read(path).state
    assert list(found) == list(net)
    for key, value in net.items():
        assert type(found[key]) is torch.Tensor
        assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
        assert found[key].numpy().tobytes() == value.detach().contiguous().numpy().tobytes(), key
        assert found[key].is_contiguous()
        assert found[key].untyped_storage().nbytes() == value.numel() * value.element_size(), key
    found["whole"].zero_()
    assert torch.equal(found["again"], base)


def test_old_forms_of_tensors(write: Writer) -> None:
    first = call(
        named("torch._utils", "_rebuild_tensor"), storage(), plain(2), plain((2, 2)), plain((1, 2))
    )
    view = tensor(
        storage("0", 6, "FloatStorage", group(plain("77"), plain(1), plain(4))), 1, (3,), (1,)
    )
    parameter = call(
        named("torch._utils", "_rebuild_parameter"),
        WEIGHT,
        TRUE,
        call(named("collections", "OrderedDict")),
    )
    found = read(write(program({"net": table({"a": first, "b": view, "c": parameter})}))).state
    assert {k: v.tolist() for k, v in found.items()} == {
        "a": [[3, 5], [4, 6]],
        "b": [3, 4, 5],
        "c": [[1, 2, 3], [4, 5, 6]],
    }
    beyond = tensor(
        storage("0", 6, "FloatStorage", group(plain("77"), plain(1), plain(4))), 2, (3,), (1,)
    )
    assert refusal(write(program({"net": table({"b": beyond})}))) == damaged(
        "its tensor 'b' asks for more than the 4 numbers of its storage"
    )


def test_only_the_storages_of_the_network_are_read(tmp_path: Path) -> None:
    code = program({"optimizer": tensor(storage("1", 10**9)), "net": table({"w": WEIGHT})})
    assert read(zipped(tmp_path / "net.pth", code)).state["w"].shape == (2, 3)


def test_prefix_of_parallel_training(write: Writer) -> None:
    net = {"module.a": WEIGHT, "b.module.c": WEIGHT}
    assert list(read(write(program({"net": table(net)}))).state) == ["a", "b.module.c"]
    twice = table({"module.a": WEIGHT, "a": WEIGHT})
    assert refusal(write(program({"net": twice}))) == damaged("its tensor 'a' stands twice")


# --- The constructor ---


def test_constructor_keeps_plain_values(write: Writer) -> None:
    values = {
        "a": 1,
        "b": 0.5,
        "c": "x",
        "d": None,
        "e": True,
        "f": [1, (2, "y")],
        "g": {"h": {1: -3}},
    }
    scalars = {"i": np.float64(0.25), "j": np.int64(-7), "k": np.bool_(True), "l": np.float32(0.5)}
    objects = {
        "m": named("torch.nn", "ReLU"),
        "n": call(named("os", "getcwd")),
        "o": WEIGHT,
        "p": plain(10**30),
        "q": call(named("collections", "defaultdict"), named("os", "getcwd")),
        "r": call(
            named("numpy.core.multiarray", "scalar"),
            call(named("numpy", "dtype"), plain("O8")),
            plain("c"),
        ),
    }
    kwds = table({k: plain(v) for k, v in {**values, **scalars}.items()} | objects)
    state = {"fun_module": plain("dlframework.ltr.models"), "args": plain((3, "z")), "kwds": kwds}
    found = read(write(program({"net": table({"w": WEIGHT}), "constructor": constructor(**state)})))
    assert found.constructor is not None
    assert found.constructor[:3] == ("dimpnet18", "ltr.models", (3, "z"))
    keywords = found.constructor.keywords
    assert {k: keywords[k] for k in values} == values
    assert {k: keywords[k] for k in scalars} == {"i": 0.25, "j": -7, "k": True, "l": 0.5}
    assert [type(keywords[k]) for k in scalars] == [float, int, bool, float]
    assert {k: keywords[k] for k in objects} == {
        "m": "torch.nn.ReLU",
        "n": "os.getcwd",
        "o": "torch._utils._rebuild_tensor_v2",
        "p": "int",
        "q": {},
        "r": "numpy.core.multiarray.scalar",
    }
    assert found.unknown == ("os.getcwd", "torch.nn.ReLU")


@pytest.mark.parametrize(
    ("code", "data"), [("f8", b"C\x04abcd"), ("f8", plain("abcdefgh")), ("V8", b"C\x08abcdefgh")]
)
def test_odd_numpy_scalars_stay_names(code: str, data: bytes, write: Writer) -> None:
    order = plain((3, "<", None, None, None, -1, -1, 0))
    kind = call(named("numpy", "dtype"), plain(code), FALSE, TRUE) + order + b"b"
    scalar = call(named("numpy._core.multiarray", "scalar"), kind, data)
    found = read(
        write(
            program({"net": table({"w": WEIGHT}), "constructor": constructor(args=group(scalar))})
        )
    )
    assert found.constructor is not None
    assert found.constructor.arguments == ("numpy._core.multiarray.scalar",)
    assert found.unknown == ()


@pytest.mark.parametrize(
    "state",
    [
        {"fun_name": plain(7)},
        {"fun_name": named("os", "system")},
        {"fun_module": NONE},
        {"kwds": plain([1])},
        {"kwds": plain({1: 2})},
        {"args": NONE},
    ],
)
def test_constructor_that_names_no_function(state: dict[str, bytes], write: Writer) -> None:
    code = program({"net": table({"w": WEIGHT}), "constructor": constructor(**state)})
    assert refusal(write(code)) == damaged(
        "its constructor does not name a function and its arguments"
    )


def test_constructor_may_be_absent_or_unknown(write: Writer) -> None:
    net = table({"w": WEIGHT})
    assert read(write(program({"net": net}))).constructor is None
    assert read(write(program({"net": net, "constructor": NONE}))).constructor is None
    other = holder(
        table({"fun_name": plain("f"), "fun_module": plain("m")}), "my.fork", "NetConstructor"
    )
    found = read(write(program({"net": net, "constructor": other})))
    assert (found.constructor, found.unknown) == (None, ("my.fork.NetConstructor",))


def test_unknown_names_are_sorted_and_printable(write: Writer) -> None:
    entries = {
        "b": named("b", "B"),
        "a": named("a", "A"),
        "n": plain("\x1b[2J\n") + plain("x") + b"\x93",
    }
    known = {f"k{i}": holder(b"}", *names) for i, names in enumerate([
        ("ltr.admin.stats", "AverageMeter"),
        ("ltr.admin.settings", "Settings"),
        ("dlframework.common.utils.stats", "StatValue"),
        ("dlframework.common.utils.local", "EnvironmentSettings"),
    ])}  # fmt: skip
    found = read(write(program({"net": table({"w": WEIGHT}), **entries, **known})))
    assert found.unknown == (r"\x1b[2J\n.x", "a.A", "b.B")
