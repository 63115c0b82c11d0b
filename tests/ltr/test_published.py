"""Published files: read to the bit in both containers, and nothing that they say is done.

Hostile pickles are put together from operations. Each is first given to Python's own unpickler, which does the harm (a
file appears), so that its absence after `read_published` means something. An audit hook watches for the rest.
"""

from __future__ import annotations

import copyreg
import gzip
import io
import itertools
import pickle
import random
import shutil
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_weights import NETS, fill_state, mix, name_hash, pattern, read_manifest
from safetensors.torch import save_file

import ltr.published
from ltr.errors import CheckpointError
from ltr.published import Constructor, PublishedFile, is_published_name, read_published

# --- A pickle from its operations ---

NUMBERS = np.arange(1, 7, dtype="<f4")
DATA = NUMBERS.tobytes()
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def plain(value: object) -> bytes:
    """The operations for a value that Python's own pickler writes."""
    return pickle.dumps(value, protocol=2)[2:-1]


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def group(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + group(*arguments) + b"R"


def table(entries: dict[Any, bytes]) -> bytes:
    """A dict; keys that are bytes are operations themselves."""
    parts = [(k if isinstance(k, bytes) else plain(k)) + v for k, v in entries.items()]
    return b"}(" + b"".join(parts) + b"u"


def storage(
    key: object = "0", numel: object = 6, kind: str = "FloatStorage", *view: bytes
) -> bytes:
    return (
        group(
            plain("storage"), named("torch", kind), plain(key), plain("cuda:0"), plain(numel), *view
        )
        + b"Q"
    )


def tensor(
    where: bytes, offset: object = 0, size: object = (2, 3), stride: object = (3, 1)
) -> bytes:
    rest = (FALSE, call(named("collections", "OrderedDict")))
    return call(
        named("torch._utils", "_rebuild_tensor_v2"),
        where,
        *map(plain, (offset, size, stride)),
        *rest,
    )


def holder(
    state: bytes, module: str = "ltr.admin.model_constructor", name: str = "NetConstructor"
) -> bytes:
    return named(module, name) + b")\x81" + state + b"b"


def constructor(**state: bytes) -> bytes:
    sound = {
        "fun_name": plain("dimpnet18"),
        "fun_module": plain("ltr.models"),
        "args": b")",
        "kwds": b"}",
    }
    return holder(table({**sound, **state}))


WEIGHT = tensor(storage())


def program(entries: dict[Any, bytes] | bytes) -> bytes:
    body = entries if isinstance(entries, bytes) else table(entries)
    return b"\x80\x02" + body + b"."


# --- Containers ---


def zipped(
    path: Path, code: bytes, storages: dict[str, bytes] | None = None, **others: bytes
) -> Path:
    """The newer container. `others` are further entries of the folder."""
    storages = {"0": DATA} if storages is None else storages
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("top/data.pkl", code)
        for name, data in {
            **others,
            **{f"data/{key}": data for key, data in storages.items()},
        }.items():
            archive.writestr(f"top/{name}", data)
    return path


MAGIC = plain(0x1950A86A20F9469CFC6C)
SYSTEM = plain(
    {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
)


def streamed(
    path: Path,
    code: bytes,
    storages: dict[str, bytes] | None = None,
    magic: bytes = MAGIC,
    system: bytes = SYSTEM,
) -> Path:
    """The older container, of storages with four bytes an element. It holds no storage that the program does not name."""
    storages = ({"0": DATA} if b"storage" in code else {}) if storages is None else storages
    parts = [
        program(magic),
        program(plain(1001)),
        program(system),
        code,
        program(plain(list(storages))),
    ]
    parts += [struct.pack("<q", len(data) // 4) + data for data in storages.values()]
    path.write_bytes(b"".join(parts))
    return path


Writer = Callable[..., Path]


@pytest.fixture(params=[zipped, streamed])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Writer:
    """Writes a file of either container from a program and its storages."""
    return lambda code, storages=None: request.param(tmp_path / "net.pth", code, storages)


# --- Reading, watched ---

WATCHED = {
    "os.system",
    "subprocess.Popen",
    "os.posix_spawn",
    "os.exec",
    "exec",
    "compile",
    "import",
    "pickle.find_class",
}
_heard: list[str] | None = None


def _listen(event: str, _: object) -> None:
    if _heard is not None and event in WATCHED:
        _heard.append(event)


sys.addaudithook(_listen)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The watched events while it lasts."""
    global _heard
    _heard = []
    try:
        yield _heard
    finally:
        _heard = None


def read(path: Path) -> PublishedFile:
    with heard() as events:
        found = read_published(path)
    assert not events
    return found


def refusal(path: Path) -> str:
    with heard() as events, pytest.raises(CheckpointError) as error:
        read_published(path)
    assert not events
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert message.isprintable()
    assert len(message) < len(str(path)) + 300
    return message.replace(str(path), "FILE")


def damaged(what: str) -> str:
    return f"network file FILE is damaged: {what}: download it again"


@pytest.fixture(autouse=True, scope="module")
def _imported_before_watching(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What torch and zipfile import at first use is imported now."""
    read_published(
        zipped(tmp_path_factory.mktemp("first") / "net.pth", program({"net": table({"w": WEIGHT})}))
    )


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


# --- Harm ---


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that only harm makes, and a module `evil` that makes it when it is imported or its class is used."""
    path = tmp_path / "harm"
    harm = f"open({str(path)!r}, 'w').close()"
    (tmp_path / "evil.py").write_text(f"""
class Evil:
    def __new__(cls, *args): {harm}; return object.__new__(cls)
    def __setstate__(self, state): {harm}
    def append(self, item): {harm}
    def __setitem__(self, key, value): {harm}
class Plain: pass
class OnImport: {harm}
""")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    sys.modules.pop("evil", None)


def harms(marker: Path) -> dict[str, bytes]:
    """Values of which making each does harm; read as records they do none."""
    shell, harm = plain(f"touch {marker}"), plain(f"open({str(marker)!r}, 'w').close()")
    system, builtin = named("os", "system"), lambda name: named("builtins", name)
    swap = table({"__setstate__": system})
    imported = call(builtin("getattr"), call(builtin("__import__"), plain("os")), plain("system"))
    return {
        "GLOBAL": call(system, shell),
        "STACK_GLOBAL": plain("os") + plain("system") + b"\x93" + group(shell) + b"R",
        "eval": call(builtin("eval"), harm),
        "exec": call(builtin("exec"), harm),
        "getattr": call(imported, shell),
        "import": named("evil", "OnImport"),
        "NEWOBJ": named("evil", "Evil") + b")\x81",
        "NEWOBJ_EX": named("evil", "Evil") + b")}\x92",
        "BUILD": named("evil", "Evil") + b")\x81" + b"}b",
        "APPEND": named("evil", "Evil") + b")\x81" + NONE + b"a",
        "SETITEM": named("evil", "Evil") + b")\x81" + NONE + NONE + b"s",
        "state that replaces __setstate__": named("evil", "Plain")
        + b")\x81"
        + swap
        + b"b"
        + shell
        + b"b",
        "call of a holder": call(call(named("functools", "partial"), system, shell)),
    }


KINDS = list(harms(Path("x")))


@pytest.mark.parametrize("kind", KINDS)
def test_calls_are_recorded_and_not_made(kind: str, write: Writer, marker: Path) -> None:
    value = harms(marker)[kind]
    with heard() as events:
        pickle.loads(program(value))
    assert marker.exists()  # Python's unpickler does the harm
    assert "pickle.find_class" in events
    marker.unlink()
    sys.modules.pop("evil", None)
    sound = {"net": table({"w": WEIGHT})}
    found = read(
        write(
            program({"stats": value, **sound, "constructor": constructor(kwds=table({"a": value}))})
        )
    )
    assert found.unknown
    assert not {"torch._utils._rebuild_tensor_v2", "collections.OrderedDict"} & {*found.unknown}
    assert found.state["w"].tolist() == NUMBERS.reshape(2, 3).tolist()
    assert found.constructor is not None
    assert found.constructor.keywords["a"] in found.unknown
    message = refusal(write(program({"net": table({"w": value})})))
    assert message.startswith(
        "network file FILE has in its entry 'net' under 'w' no tensor in a storage but "
    )
    assert "under 'w'" in refusal(write(program({"net": table({"w": tensor(value)})})))
    assert refusal(write(program({"net": value}))).startswith(
        "network file FILE has no tensors in its entry 'net', "
    )
    assert refusal(write(program(value))).endswith(
        "not the table of entries that a training run saves"
    )
    assert "evil" not in sys.modules
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["INST", "OBJ", "EXT1", "PERSID"])
def test_operations_that_torch_does_not_write(kind: str, write: Writer, marker: Path) -> None:
    shell = plain(f"touch {marker}")
    value = {
        "INST": b"(" + shell + b"ios\nsystem\n",
        "OBJ": b"(" + named("os", "system") + shell + b"o",
        "EXT1": b"\x82\xf0" + group(shell) + b"R",
        "PERSID": b"Pos.system\n",
    }[kind]
    copyreg.add_extension("os", "system", 0xF0)
    try:
        if kind != "PERSID":
            pickle.loads(program(value))
            assert marker.exists()
            marker.unlink()
        assert refusal(write(program({"a": value, "net": table({"w": WEIGHT})}))) == damaged(
            f"it has the pickle operation {kind} where PyTorch writes none"
        )
    finally:
        copyreg.remove_extension("os", "system", 0xF0)
        copyreg.clear_extension_cache()
    assert not marker.exists()


def test_states_of_classes_and_odd_attributes_change_nothing(write: Writer) -> None:
    record = ltr.published._Inert
    before = dict(vars(record))
    odd = table(
        {
            "__class__": named("os", "system"),
            "__dict__": b"}",
            "name": plain("other"),
            "arguments": NONE,
        }
    )
    entries = {
        "a": holder(odd) + odd + b"b",
        "b": named("ltr.admin.settings", "Settings")
        + group(NONE, table({"__init__": NONE}))
        + b"b",
        "c": named("collections", "OrderedDict") + group(NONE, table({"harmed": NONE})) + b"b",
    }
    found = read(
        write(program({**entries, "net": table({"w": WEIGHT}), "constructor": constructor()}))
    )
    assert found.constructor == Constructor("dimpnet18", "ltr.models", (), {})
    assert dict(vars(record)) == before
    net = call(named("collections", "OrderedDict")) + plain("w") + WEIGHT + b"s" + odd + b"b"
    assert list(read(write(program({"net": net}))).state) == ["w"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (call(plain("text"), NONE), "it calls str"),
        (call(WEIGHT + b"]", NONE), "it calls list"),
        (named("os", "system") + NONE + b"R", "it calls os.system"),
        (
            plain("text") + NONE + b"b",
            "it has the pickle operation BUILD where PyTorch writes none",
        ),
        (plain(3) + NONE + b"a", "it has the pickle operation APPEND where PyTorch writes none"),
        (
            b")" + NONE + NONE + b"s",
            "it has the pickle operation SETITEM where PyTorch writes none",
        ),
        (plain("m" * 300) + plain("x") + b"\x93", "it names a class by what is no name"),
        (plain(3) + plain("x") + b"\x93", "it names a class by what is no name"),
        (plain("../x") + b"Q", "it refers to a storage otherwise than by class, number and size"),
        (storage("../0"), "it refers to a storage otherwise than by class, number and size"),
        (storage("0\n"), "it refers to a storage otherwise than by class, number and size"),
        (storage("٣"), "it refers to a storage otherwise than by class, number and size"),
        (storage(0), "it refers to a storage otherwise than by class, number and size"),
        (storage("0", -1), "its storage 0 has an impossible size"),
        (storage("0", 1 << 40), "its storage 0 has an impossible size"),
        (
            storage("0", 6, "FloatStorage", group(NONE, plain(-1), plain(2))),
            "its storage 0 has an impossible size",
        ),
        (
            storage("0", 6, "FloatStorage", group(NONE, plain(5), plain(2))),
            "its storage 0 has an impossible size",
        ),
        (
            storage("0", 6, "FloatStorage", group(NONE, plain(0.5), plain(2))),
            "its storage 0 has an impossible size",
        ),
        (storage("0", 5), "it describes its storage 0 in two ways"),
        (storage("0", 6, "IntStorage"), "it describes its storage 0 in two ways"),
    ],
)
def test_operations_out_of_place(value: bytes, what: str, write: Writer) -> None:
    assert refusal(write(program({"net": table({"w": WEIGHT}), "a": value}))) == damaged(what)


@pytest.mark.parametrize(
    "code",
    [
        b".",
        b"\x80\x02.",
        b"\x80\x020.",
        b"\x80\x02t.",
        b"\x80\x02)R.",
        b"\x80\x02h\x00.",
        b"\xff",
        b"",
    ],
)
def test_pickles_that_are_none(code: bytes, write: Writer) -> None:
    assert refusal(write(code)).startswith("network file FILE is damaged")


# --- Bombs ---


def doubled(kind: str, levels: int = 64) -> bytes:
    """A tuple whose last item holds twice an item that holds twice an item...: small here, endless when written out."""
    level = b"]h\x00ah\x00aq\x00" if kind == "list" else b"h\x00h\x00\x86q\x00"
    return group(b")q\x00" + level * levels)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["list", "tuple"])
def test_values_without_end(kind: str, write: Writer) -> None:
    bomb, net = doubled(kind), table({"w": WEIGHT})
    assert list(read(write(program({"a": bomb, "net": net}))).state) == ["w"]
    bomb_in_kwds = constructor(kwds=table({"a": bomb}))
    assert refusal(write(program({"net": net, "constructor": bomb_in_kwds}))) == damaged(
        "its constructor has arguments without end"
    )
    wide = b"]q\x00(" + NONE * 200 + b"e" + b"]q\x01(" + b"h\x00" * 200 + b"e\x86"
    assert "without end" in refusal(
        write(program({"net": net, "constructor": constructor(args=wide)}))
    )


@pytest.mark.timeout(20)
def test_keys_that_take_for_ever_to_hash(write: Writer) -> None:
    assert list(
        read(write(program({doubled("tuple"): NONE, "net": table({"w": WEIGHT})}))).state
    ) == ["w"]


def test_value_that_contains_itself(write: Writer) -> None:
    loop, net = b"]q\x00h\x00a", table({"w": WEIGHT})
    assert list(read(write(program({"a": loop, "net": net}))).state) == ["w"]
    assert "without end" in refusal(
        write(program({"net": net, "constructor": constructor(kwds=table({"a": loop}))}))
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "opening",
    [b"]", b"}N", b"(", named("a", "B") + b")\x81"],
    ids=["list", "dict", "tuple", "state"],
)
def test_deep_nesting(opening: bytes, write: Writer) -> None:
    depth, net = 100_000, table({"w": WEIGHT})
    closing = {b"]": b"a", b"}N": b"s", b"(": b"t"}.get(opening, b"b")
    deep = opening * depth + NONE + closing * depth
    assert list(read(write(program({"a": deep, "net": net}))).state) == ["w"]
    if opening[:1] != b"c":
        assert "without end" in refusal(
            write(program({"net": net, "constructor": constructor(kwds=table({"a": deep}))}))
        )


def test_memo_and_lengths_that_would_take_memory(write: Writer) -> None:
    far = NONE + b"r\xff\xff\xff\xff"
    assert list(read(write(program({"a": far, "net": table({"w": WEIGHT})}))).state) == ["w"]
    for huge in (
        b"\x8e" + struct.pack("<Q", 1 << 62),
        b"X\xff\xff\xff\xff",
        b"\x8a\xff",
        b"\x95" + b"\xff" * 8,
    ):
        assert refusal(write(program({"net": table({"w": WEIGHT}), "a": huge}))).startswith(
            "network file FILE is damaged"
        )


def test_long_texts_are_not_copied(write: Writer) -> None:
    text = call(named("_codecs", "encode"), plain("x" * 17), plain("latin1"))
    found = read(
        write(program({"net": table({"w": WEIGHT}), "constructor": constructor(args=group(text))}))
    )
    assert found.constructor is not None
    assert found.constructor.arguments == ("_codecs.encode",)


def test_limits_of_the_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, code = (
        tmp_path / "net.pth",
        program({"net": table({"w": WEIGHT}), "a": plain([None] * 5000)}),
    )
    assert list(read(zipped(path, code)).state) == ["w"]
    monkeypatch.setattr(ltr.published, "MAX_OPERATIONS", 5000)
    for writer in (zipped, streamed):
        assert refusal(writer(path, code)) == (
            "network file FILE has a pickle of more than 5000 operations: it is no published network"
        )
    monkeypatch.undo()
    monkeypatch.setattr(ltr.published, "MAX_PICKLE_BYTES", 5000)
    assert refusal(zipped(path, code)) == (
        "network file FILE has a pickle of more than 5000 bytes: it is no published network"
    )
    assert refusal(streamed(path, code)).startswith("network file FILE is damaged (ValueError ")


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


# --- Damaged and foreign containers ---

SOUND = program({"net": table({"w": WEIGHT})})


def test_truncated_anywhere(write: Writer) -> None:
    path = write(
        program({"net": table({"w": WEIGHT}), "optimizer": tensor(storage("1", 2))}),
        {"0": DATA, "1": bytes(8)},
    )
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        assert refusal(path).startswith("network file FILE is "), cut


def test_flipped_bits_do_no_harm(write: Writer) -> None:
    path = write(program({"net": table({"w": WEIGHT}), "constructor": constructor()}))
    data, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(250):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            read(path)
        except CheckpointError:
            refusal(path)
            refused += 1
    assert refused > 60


def test_missing_and_wrong_storages(tmp_path: Path) -> None:
    path, huge = (
        tmp_path / "net.pth",
        program({"net": table({"w": tensor(storage("0", 10**12 // 4))})}),
    )
    assert refusal(zipped(path, SOUND, {})) == damaged("its storage 0 is missing")
    assert refusal(streamed(path, SOUND, {})) == damaged("its storage 0 is missing")
    assert refusal(zipped(path, SOUND, {"0": DATA[:-4]})) == damaged(
        "its storage 0 has not 24 bytes"
    )
    assert refusal(zipped(path, SOUND, {"0": DATA + DATA})) == damaged(
        "its storage 0 has not 24 bytes"
    )
    assert refusal(streamed(path, SOUND, {"0": DATA[:-4]})) == damaged(
        "its storage 0 has 5 numbers, not 6"
    )
    assert refusal(streamed(path, SOUND, {"0": DATA, "9": DATA})) == damaged(
        "nothing says how large its storage '9' is"
    )
    assert refusal(zipped(path, huge)) == damaged("its storage 0 has not 1000000000000 bytes")
    assert refusal(streamed(path, huge)) == damaged("its storage 0 has 6 numbers, not 250000000000")
    path.write_bytes(
        path.read_bytes().replace(
            struct.pack("<q", 6) + DATA, struct.pack("<q", 10**12 // 4) + DATA
        )
    )
    assert refusal(path) == damaged("it ends within its storage 0")
    path.write_bytes(
        streamed(path, SOUND).read_bytes().replace(struct.pack("<q", 6), struct.pack("<q", -6))
    )
    assert refusal(path) == damaged("its storage 0 has -6 numbers, not 6")


def test_first_parts_of_the_older_container(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    endian = "network file FILE is not in little-endian byte order: save it again on such a machine"
    wrong = "network file FILE is a pickle, but not one of PyTorch (wrong magic number or protocol): download it again"
    assert refusal(streamed(path, SOUND, system=plain({"little_endian": False}))) == endian
    assert refusal(streamed(path, SOUND, system=plain([]))) == endian
    assert refusal(streamed(path, SOUND, magic=plain(0x1950A86A20F9469CFC6D))) == wrong
    path.write_bytes(
        streamed(path, SOUND).read_bytes().replace(program(plain(1001)), program(plain(1002)))
    )
    assert refusal(path) == wrong
    keys = program(plain(["0"]))
    for other in (plain("0"), plain(["0", "0"]), plain([0]), b"](]]e"):
        path.write_bytes(streamed(path, SOUND).read_bytes().replace(keys, program(other)))
        assert refusal(path) == damaged("its list of storages is not one")


def test_zip_archives_that_torch_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    assert read(zipped(path, SOUND, byteorder=b"little", version=b"3\n")).state
    assert refusal(zipped(path, SOUND, byteorder=b"big")) == (
        "network file FILE is not in little-endian byte order: save it again on such a machine"
    )
    packed = "network file FILE was packed again, for its archive is compressed: download it again"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # a bomb: 20 kB here
        archive.writestr("top/data.pkl", SOUND)
        archive.writestr("top/data/0", bytes(20_000_000))
    assert refusal(path) == packed
    data = bytearray(zipped(path, SOUND).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # encrypted
    path.write_bytes(data)
    assert refusal(path) == packed
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dimp18.pth", b"")
    assert (
        refusal(path)
        == "network file FILE is a zip archive, but not one of PyTorch: if it holds network files, unpack it"
    )
    path.write_bytes(zipped(path, SOUND).read_bytes().replace(DATA, DATA[::-1]))
    assert "Bad CRC-32" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name",
    [
        "top/data/0",
        "top/data.pkl",
        "../x",
        "top/../x",
        "/top/x",
        "top//x",
        "other/x",
        "top\\..\\x",
        "../top/data.pkl",
        "top/",
    ],
)
def test_entries_twice_or_outside(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "net.pth", SOUND)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    assert refusal(path) == damaged("its archive has entries twice, or outside its folder")


def test_entries_that_claim_more_than_there_is(tmp_path: Path) -> None:
    code = program({"net": table({"w": tensor(storage("0", 10**8))})})
    path = zipped(tmp_path / "net.pth", code)
    sizes = struct.pack("<LL", len(DATA), len(DATA))
    data = path.read_bytes()
    assert data.count(sizes) == 2  # before the entry and in the directory
    path.write_bytes(data.replace(sizes, struct.pack("<LL", 4 * 10**8, 4 * 10**8)))
    assert refusal(path) == damaged(f"its archive claims more than the {len(data)} bytes it has")


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    assert refusal(path) == "network file FILE does not exist"
    path.mkdir()
    assert refusal(path) == "network file FILE is not a file"
    path.rmdir()
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    assert (
        refusal(path)
        == "network file FILE is a tar archive, not a PyTorch file: if it holds network files, unpack it"
    )
    save_file({"w": torch.zeros(3)}, path)
    assert refusal(path) == "network file FILE is a safetensors file: name it so"
    for data, message in (
        (b"", "is empty: download it again"),
        (b"PK\x05\x06" + bytes(18), "is not a PyTorch file: download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is not a PyTorch file: download it again",
        ),
        (b"\n<!DOCTYPE html><html>", "is a web page, not a network: download it again"),
        (gzip.compress(DATA), "is compressed by gzip: unpack it"),
        (
            pickle.dumps({"net": 1}, 2),
            "is a pickle, but not one of PyTorch (wrong magic number or protocol): download it again",
        ),
    ):
        path.write_bytes(data)
        assert refusal(path) == f"network file FILE {message}"


def test_names() -> None:
    assert all(map(is_published_name, ("dimp18.pth", "a/prdimp18.pth.tar", Path("x.pt"), "x.tar")))
    assert not any(
        map(is_published_name, ("dimp18", "x.safetensors", "pth", Path("x.pth/y"), "x.tar.gz"))
    )
