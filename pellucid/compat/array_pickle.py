"""Reading arrays out of a pickle file without running it.

A pickle is a program, and loading one runs it. This reader interprets the few instructions that a
dictionary of NumPy
arrays consists of, and refuses every other one before anything of the file was acted upon: nothing
is imported, no
object of the file's choosing is made. In: the path or bytes of a pickle. Out: a dictionary of
arrays.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from pellucid.support.errors import ArtifactError

MAX_BYTES = 1 << 31
_MARK = object()
_RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_ALLOWED = (*_RECONSTRUCT, "numpy ndarray", "numpy dtype", "_codecs encode")


@dataclass(slots=True)
class _Name:
    """A global that the file names; only compared, never looked up."""

    text: str


@dataclass(slots=True)
class _Dtype:
    """A NumPy dtype under construction."""

    code: str
    order: str = "="

    def make(self) -> np.dtype[Any]:
        """The dtype; plain numbers and bools only."""
        found = np.dtype(self.code)
        if found.kind not in "biuf" or found.hasobject:
            raise _refuse(f"an array of dtype {self.code!r}")
        return found.newbyteorder(cast("Any", self.order)) if self.order in "<>" else found


@dataclass(slots=True)
class _Array:
    """An array under construction."""

    value: np.ndarray[Any, Any] | None = None


def _refuse(what: str) -> ArtifactError:
    return ArtifactError(
        "This pickle holds something else than arrays, and was not run.",
        expected="numbers, strings, lists, tuples, dictionaries, and NumPy arrays",
        found=what,
        cure="save the arrays with numpy.savez or safetensors instead",
    )


class _Machine:
    """The stack machine of the pickle format, with the instructions that arrays need."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """The value that the file describes."""
        try:
            for opcode, arg, position in pickletools.genops(data):
                if opcode.name == "STOP":
                    return self.stack.pop()
                rule = _RULES.get(opcode.name)
                if rule is None:
                    raise _refuse(f"the instruction {opcode.name} at byte {position}")
                rule(self, arg)
        except (IndexError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, ArtifactError):
                raise
            raise ArtifactError("This pickle is damaged.", found=str(error)) from error
        raise ArtifactError("This pickle is truncated.")

    def marked(self) -> list[Any]:
        """Everything above the topmost mark, which is taken away."""
        items: list[Any] = []
        while True:
            item = self.stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)

    def put(self, value: Any) -> None:
        """Push a value."""
        self.stack.append(value)


def _memoize(machine: _Machine, arg: Any) -> None:
    key = len(machine.memo) if arg is None else int(arg)
    machine.memo[key] = machine.stack[-1]


def _get(machine: _Machine, arg: Any) -> None:
    machine.put(machine.memo[int(arg)])


def _named(machine: _Machine, text: str) -> None:
    if text not in _ALLOWED:
        raise _refuse(f"the name {text.replace(' ', '.')!r}")
    machine.put(_Name(text))


def _stack_named(machine: _Machine, arg: Any) -> None:
    del arg
    name, module = machine.stack.pop(), machine.stack.pop()
    _named(machine, f"{module} {name}")


def _tuple(size: int) -> Callable[[_Machine, Any], None]:
    def rule(machine: _Machine, arg: Any) -> None:
        del arg
        items = machine.stack[len(machine.stack) - size :] if size else []
        del machine.stack[len(machine.stack) - size :]
        machine.put(tuple(items))

    return rule


def _reduce(machine: _Machine, arg: Any) -> None:
    del arg
    args, function = machine.stack.pop(), machine.stack.pop()
    if not isinstance(function, _Name):
        raise _refuse("a call of something that is no name")
    if function.text in _RECONSTRUCT:
        machine.put(_Array())
    elif function.text == "numpy dtype":
        machine.put(_Dtype(str(args[0])))
    elif function.text == "_codecs encode" and args[1] == "latin1":
        machine.put(str(args[0]).encode("latin1"))
    else:
        raise _refuse(f"a call of {function.text!r}")


def _build(machine: _Machine, arg: Any) -> None:
    del arg
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, _Dtype):
        target.order = str(state[1])
        return
    if not isinstance(target, _Array):
        raise _refuse("the state of an object that is no array")
    _, shape, dtype, fortran, raw = state
    kind = cast("_Dtype", dtype).make()
    extents = tuple(int(extent) for extent in shape)
    count = int(np.prod(extents, dtype=np.int64))
    if any(extent < 0 for extent in extents) or count * kind.itemsize != len(raw):
        raise ArtifactError(
            "This pickle is damaged.", found="an array of another size than its data"
        )
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    target.value = flat.reshape(extents, order="F" if fortran else "C")


def _set_items(machine: _Machine, arg: Any) -> None:
    del arg
    items = machine.marked()
    machine.stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _set_item(machine: _Machine, arg: Any) -> None:
    del arg
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1][key] = value


def _appends(machine: _Machine, arg: Any) -> None:
    del arg
    items = machine.marked()
    machine.stack[-1].extend(items)


def _append(machine: _Machine, arg: Any) -> None:
    del arg
    item = machine.stack.pop()
    machine.stack[-1].append(item)


def _marked_tuple(machine: _Machine, arg: Any) -> None:
    del arg
    machine.put(tuple(machine.marked()))


def _nothing(machine: _Machine, arg: Any) -> None:
    del machine, arg


def _literal(machine: _Machine, arg: Any) -> None:
    machine.put(arg)


def _value(make: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, arg: machine.put(make())


_LITERALS = (
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "BINBYTES",
    "SHORT_BINBYTES",
    "BINBYTES8",
)
_RULES: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("MEMOIZE", "BINPUT", "LONG_BINPUT"), _memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(_LITERALS, _literal),
    "NONE": _value(lambda: None),
    "NEWTRUE": _value(lambda: True),
    "NEWFALSE": _value(lambda: False),
    "EMPTY_DICT": _value(dict),
    "EMPTY_LIST": _value(list),
    "EMPTY_TUPLE": _tuple(0),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": _marked_tuple,
    "MARK": _value(lambda: _MARK),
    "GLOBAL": _named,
    "STACK_GLOBAL": _stack_named,
    "REDUCE": _reduce,
    "BUILD": _build,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _appends,
}


def _finished(value: Any) -> Any:
    if isinstance(value, _Array):
        if value.value is None:
            raise ArtifactError("This pickle is damaged.", found="an array without contents")
        return value.value
    if isinstance(value, dict):
        table = cast("dict[Any, Any]", value)
        return {key: _finished(each) for key, each in table.items()}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return type(items)(_finished(each) for each in items)
    if isinstance(value, _Name | _Dtype):
        raise _refuse("a class where a value should be")
    return value


def load_arrays(source: str | Path | bytes) -> Any:
    """The arrays (in their dictionaries and lists) of a pickle file, read without running it."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    if len(data) > MAX_BYTES:
        raise ArtifactError("This pickle is too large.", expected=f"at most {MAX_BYTES} bytes")
    return _finished(_Machine().run(data))
