"""A pickle read without running anything that it says.

A pickle is a program that makes objects by calling whatever it names. No unpickler runs here:
`pickletools` splits the program into operations, and `PickleMachine` carries out the few that
describe data. A class or function that the pickle names stays a name, and a call of it a record of
its arguments. Nothing is imported, looked up or called, so there is no list of dangerous names to
keep.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch

# The networks' pickles have 60 kB and 16 000 operations; with optimizer and statistics some ten
# times that.
MAX_OPERATIONS, MAX_NAME, MAX_NUMBER = 1 << 21, 256, 1 << 40

_TYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "Long": torch.int64,
}
_TYPES |= {"Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8}
DTYPES = {f"torch.{name}Storage": dtype for name, dtype in _TYPES.items()}
ITEM_BYTES = {
    **{kind: dtype.itemsize for kind, dtype in DTYPES.items()},
    "torch.BoolStorage": 1,  # no net has bools
}
_PACKAGES = ("ltr.admin", "dlframework.common.utils")
CONSTRUCTORS = {f"{package}.model_constructor.NetConstructor" for package in _PACKAGES}
_HOLDERS = (
    "stats.AverageMeter",
    "stats.StatValue",
    "settings.Settings",
    "local.EnvironmentSettings",
)
_TABLES = {"collections.OrderedDict", "collections.defaultdict"}
TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
SCALARS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
_KNOWN = {
    *ITEM_BYTES,
    *CONSTRUCTORS,
    *(f"{package}.{name}" for package in _PACKAGES for name in _HOLDERS),
}
_KNOWN |= {
    "torch._utils._rebuild_parameter",
    "torch.Size",
    "torch.device",
    "numpy.dtype",
    "_codecs.encode",
}
_KNOWN |= _TABLES | TENSORS | SCALARS

# Operations: whose argument is the value; that stand for a value; how many values one takes (0: all
# down to the mark).
_LITERAL = re.compile(
    "BININT[12]?|LONG1|BINFLOAT|(SHORT_)?BIN(STRING|UNICODE|BYTES)|BIN(UNICODE|BYTES)8"
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TAKES = {
    "TUPLE1": 1,
    "TUPLE2": 2,
    "TUPLE3": 3,
    "APPEND": 1,
    "SETITEM": 2,
    "BUILD": 1,
    "BINPERSID": 1,
}
_TAKES |= {"STACK_GLOBAL": 2, "REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_TAKES |= dict.fromkeys(("TUPLE", "APPENDS", "SETITEMS", "ADDITEMS", "FROZENSET"), 0)


class Refusal(Exception):
    """The rest of a sentence that begins with the name of the file."""


@dataclass(eq=False, slots=True)
class Record:
    """A class or function that the pickle names, or what a call of it would have made: its
    arguments and the state that it was given, and nothing done with them."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(eq=False, slots=True)
class Storage:
    """`count` elements from `first` on of the storage `key`, which has `numel` elements. Not read
    yet."""

    kind: str
    key: str
    numel: int
    first: int
    count: int


class PickleMachine:
    """Carries out the operations of one pickle. On its stack are None, numbers, strings, bytes,
    lists, tuples and dicts of Python, and the records above. None of them is ever called, or asked
    for an attribute that the pickle chose. Work and memory are proportional to the length of the
    pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.unknown: set[str] = set()
        self.storages: dict[str, Storage] = {}

    def run(self, stream: BinaryIO) -> Any:
        """The object that the pickle at the stream's position describes; the stream then stands
        behind it."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_OPERATIONS:
                raise Refusal(
                    f"has a pickle of more than {MAX_OPERATIONS} operations: it is no published "
                    "network"
                )
            self._step(operation.name, argument)
        return self.stack.pop()

    def _step(self, operation: str, argument: Any) -> None:
        stack, items = self.stack, []
        if operation in _TAKES:
            start = len(stack) - _TAKES[operation] if _TAKES[operation] else self.marks.pop()
            items, stack[start:] = stack[start:], []
        match operation:
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case _ if operation in _CONSTANTS or _LITERAL.fullmatch(operation):
                stack.append(_CONSTANTS.get(operation, argument))
            case "EMPTY_LIST" | "EMPTY_DICT":
                stack.append([] if operation == "EMPTY_LIST" else {})
            case "EMPTY_SET" | "FROZENSET":
                stack.append(Record("set"))
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(items))
            case "APPEND" | "APPENDS" if isinstance(stack[-1], list):
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS" if isinstance(stack[-1], dict):
                # nested tuples can take for ever to hash: a key that is no plain value becomes
                # a record, which goes by identity
                keys = (
                    k if isinstance(k, str | int | float | None) else Record(class_name(k))
                    for k in items[::2]
                )
                stack[-1].update(zip(keys, items[1::2], strict=True))
            case "BUILD" if isinstance(stack[-1], Record):
                stack[-1].state = items[0]
            case "APPEND" | "APPENDS" | "ADDITEMS" | "SETITEM" | "SETITEMS" if isinstance(
                stack[-1], Record
            ):
                pass  # a record keeps no items
            case "BUILD" if isinstance(stack[-1], dict):
                pass  # the attributes of an OrderedDict: no tensor is among them
            case "GLOBAL" | "STACK_GLOBAL":
                stack.append(self._named(items or argument.split(" ", 1)))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                stack.append(_call_result(*items[:2]))
            case "BINPERSID":
                stack.append(self._storage(items[0]))
            case "MARK":
                self.marks.append(len(stack))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise damaged(f"it has the pickle operation {operation} where PyTorch writes none")

    def _named(self, words: list[Any]) -> Record:
        """The record of a class, from the words for its module and itself."""
        if not all(isinstance(word, str) and len(word) <= MAX_NAME for word in words):
            raise damaged("it names a class by what is no name")
        # names go into messages: no line breaks, no control characters
        name = repr(".".join(words))[1:-1]
        if name not in _KNOWN:
            self.unknown.add(name)
        return Record(name)

    def _storage(self, identity: Any) -> Storage:
        """The storage of a persistent id: 'storage', class, key, location, numel and, in old files,
        a view or None."""
        match identity:
            case ("storage", Record(name=kind), str(key), _, int(numel), *view) if re.fullmatch(
                "[0-9]{1,20}", key
            ):
                _, first, count = view[0] if view and view[0] else ("", 0, numel)
            case _:  # a key becomes part of an entry's name, so it must be no path
                raise damaged("it refers to a storage otherwise than by class, number and size")
        if (
            not all(type(n) is int and n >= 0 for n in (first, count))
            or not first + count <= numel < MAX_NUMBER
        ):
            raise damaged(f"its storage {key} has an impossible size")
        known = self.storages.setdefault(key, Storage(kind, key, numel, 0, numel))
        if (known.kind, known.numel) != (kind, numel):
            raise damaged(f"it describes its storage {key} in two ways")
        return Storage(kind, key, numel, first, count)


def damaged(what: str) -> Refusal:
    return Refusal(f"is damaged: {what}: download it again")


def _call_result(callee: Any, arguments: Any) -> Any:
    """What stands for the result of a call: data where the meaning is known, else a record of the
    call."""
    if not isinstance(callee, Record) or not isinstance(arguments, tuple):
        raise damaged(f"it calls {class_name(callee)}")
    match arguments:
        case () | (None,) | (Record(),) if callee.name in _TABLES:
            return {}
        case (Record() as tensor, *_) if callee.name == "torch._utils._rebuild_parameter":
            return tensor
        case (str(text), "latin1") if callee.name == "_codecs.encode" and len(text) <= 16:
            # how protocol 2 spells bytes; short, lest a long text be copied often
            return text.encode("latin1")
    return Record(callee.name, arguments)


def class_name(value: Any) -> str:
    """A value's class, for messages."""
    return value.name if isinstance(value, Record) else type(value).__name__
