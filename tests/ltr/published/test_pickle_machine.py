"""Nothing that a pickle says is done.

Each hostile pickle is first given to Python's own unpickler, which does the harm (a file appears), so that its absence
after `read_published` means something.
"""

import copyreg
import pickle
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pickle_program import (
    NONE,
    NUMBERS,
    WEIGHT,
    Writer,
    call,
    constructor,
    damaged,
    group,
    heard,
    holder,
    named,
    plain,
    program,
    read,
    refusal,
    storage,
    streamed,
    table,
    tensor,
    zipped,
)

from ltr.published import (
    Constructor,
    container,
    pickle_machine,
)

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
    record = pickle_machine.Record
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
    monkeypatch.setattr(pickle_machine, "MAX_OPERATIONS", 5000)
    for writer in (zipped, streamed):
        assert refusal(writer(path, code)) == (
            "network file FILE has a pickle of more than 5000 operations: it is no published network"
        )
    monkeypatch.undo()
    monkeypatch.setattr(container, "MAX_PICKLE_BYTES", 5000)
    assert refusal(zipped(path, code)) == (
        "network file FILE has a pickle of more than 5000 bytes: it is no published network"
    )
    assert refusal(streamed(path, code)).startswith("network file FILE is damaged (ValueError ")
