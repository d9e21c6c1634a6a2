"""The decorators and annotations of the shim, which carry the first generation's liberties.

A class under `tvm.script.ir_module`, a function under the shim's `R.function` or `T.prim_func`, and
a text given to `tvm.script.from_source` may use `Tensor(...)` without an import, name functions of
the module by themselves, and name new sizes in annotations. A script with Pellucid's own decorators
beside it is parsed as always: the liberty is in the parser's context, not in a switch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from pellucid.compat.tvm.finder import load
from pellucid.compat.tvm.table import tell
from pellucid.ir.scalar import Var
from pellucid.script.parser import entry, relax_types
from pellucid.script.parser.tir_types import BufferFunction, PointerFunction

# What a name without an import is.
_USED = {"name": "1.3-bare-tensor", "callee": "1.3-bare-callee", "size": "4-size-names"}
_IMPORTS = {"R": "relax as R", "T": "tir as T"}


class _Bare:
    """`Tensor` and its like without a namespace: called, subscripted, or as it stands."""

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        self._name = name
        self._make = make
        self.bare_info = cast("Any", make).bare_info

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """As in `R`; a shape `_` is unknown."""
        given = [None if isinstance(each, Var) and each.name == "_" else each for each in args]
        return self._make(*given, **keywords)

    def __getitem__(self, keys: Any) -> Any:
        """The same, as a subscript."""
        return self(*keys) if isinstance(keys, tuple) else self(keys)

    def __repr__(self) -> str:
        """Its name."""
        return self._name


@cache
def _names() -> Mapping[str, Any]:
    infos = {
        "Tensor": relax_types.tensor,
        "Tuple": relax_types.tuple_of,
        "Shape": relax_types.shape,
        "Object": relax_types.any_object,
        "Callable": relax_types.function,
    }
    found: dict[str, Any] = {name: _Bare(name, make) for name, make in infos.items()}
    found["Prim"] = relax_types.prim
    found["R"] = load("tvm.script.relax:")
    found["T"] = load("tvm.script.tir:")
    return found


class FirstGeneration:
    """What scripts of the first generation may leave out."""

    @property
    def names(self) -> Mapping[str, Any]:
        """The names that need no import."""
        return _names()

    def used(self, what: str, found: str) -> None:
        """Tell once of a form."""
        if what == "name" and found != "Tensor":
            space = _IMPORTS.get(found)
            today = f"R.{found}" if space is None else f"from tvm.script import {space}"
            tell(_USED[what], f"{found} without an import", today)
        else:
            tell(_USED[what])


FIRST = FirstGeneration()


def ir_module(cls: Any = None, *, check_well_formed: bool = True) -> Any:
    """Make a class into an `IRModule`; see `I.ir_module`."""
    if cls is not None:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        return entry.decorate_class(cls, frame, check_well_formed=check_well_formed, older=FIRST)

    def decorator(cls: type) -> Any:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        return entry.decorate_class(cls, frame, check_well_formed=check_well_formed, older=FIRST)

    return decorator


def _decorator(token: str, func: Any, options: dict[str, Any]) -> Any:
    if func is not None:
        frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
        return entry.decorate(token, func, frame, options, FIRST)

    def decorator(func: Any) -> Any:
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        return entry.decorate(token, func, frame, options, FIRST)

    return decorator


def prim_func(
    func: Any = None,
    *,
    private: bool = False,
    check_well_formed: bool = True,
    is_stir: bool = False,
    s_tir: bool = False,
) -> Any:
    """Make a Python function into a `PrimFunc`; see `T.prim_func`.

    `is_stir` and `s_tir` are later marks of functions with blocks, which need none here.
    """
    del is_stir, s_tir
    options = {"private": private, "check_well_formed": check_well_formed}
    return _decorator("tir", func, options)


def function(
    func: Any = None, *, pure: bool = True, private: bool = False, check_well_formed: bool = True
) -> Any:
    """Make a Python function into a `relax.Function`; see `R.function`."""
    options = {"pure": pure, "private": private, "check_well_formed": check_well_formed}
    return _decorator("relax", func, options)


cast("Any", ir_module).dialect = "ir"
cast("Any", prim_func).dialect = "tir"
cast("Any", function).dialect = "relax"


def from_source(
    text: str, extra_vars: Mapping[str, Any] | None = None, check_well_formed: bool = True
) -> Any:
    """Parse a text that holds one decorated function or class; see `script.from_source`."""
    if not isinstance(text, str):
        # A decorated object given as such is parsed already.
        return text
    spaces = {
        "I": load("tvm.script.ir:"),
        "R": load("tvm.script.relax:"),
        "T": load("tvm.script.tir:"),
        "tvm": load("tvm:"),
    }
    given = {**spaces, **(extra_vars or {})}
    return entry.from_source(text, given, check_well_formed, older=FIRST)


class _OlderBuffer(BufferFunction):
    """`T.Buffer((n,), "float32")`, and with a word `T.Buffer[(n,), "float32"]`."""

    def __getitem__(self, keys: Any) -> Any:
        """The first generation's form."""
        tell("1.2-buffer-subscript")
        return super().__getitem__(keys)


class _OlderPointer(PointerFunction):
    """`T.Ptr[...]`, an older form of `T.handle(...)`."""

    def __getitem__(self, keys: Any) -> Any:
        """The first generation's form."""
        tell("4-t-ptr")
        return super().__getitem__(keys)


Buffer = _OlderBuffer()
Ptr = _OlderPointer()
