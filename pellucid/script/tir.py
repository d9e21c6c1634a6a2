"""The namespace `T`: what loop functions are written with.

Frames and statements (`T.grid`, `T.block`, `T.reads` …) give records that the parser turns into IR;
types (`T.int32`, `T.Buffer` …) are annotations and can be called; constructors with a capital
(`T.Add`, `T.Cast` …) make exactly the node that they name; everything else (`T.exp`, `T.max`,
`T.call_extern` …) is a function of `tir.op`. A dtype that is not listed, such as `T.float32x4`, is
found by its name.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from pellucid.ir.dtype import SCALAR_DTYPES, DataType
from pellucid.ir.scalar import Range as Range
from pellucid.ir.scalar import SizeVar as SizeVar
from pellucid.ir.scalar import StringImm as StringImm
from pellucid.ir.scalar import Var as Var
from pellucid.script.parser import entry, tir_expressions, tir_vocabulary
from pellucid.script.parser.core import Dialect, register_dialect
from pellucid.script.parser.macro import ScriptMacro, macro_from_function
from pellucid.script.parser.tir_expressions import *  # noqa: F403 - names of `T`
from pellucid.script.parser.tir_function import PrimFuncParser
from pellucid.script.parser.tir_types import (
    BufferFunction,
    DtypeFunction,
    HandleFunction,
    PointerFunction,
)
from pellucid.script.parser.tir_vocabulary import *  # noqa: F403 - names of `T`
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op
from pellucid.tir.op import *  # noqa: F403 - names of `T`

Buffer = BufferFunction()
Ptr = PointerFunction()
handle = HandleFunction()
boolean = DtypeFunction("bool")


def prim_func(
    func: Callable[..., Any] | None = None,
    *,
    private: bool = False,
    check_well_formed: bool = True,
    name: str | None = None,
) -> Any:
    """Parse a Python function as a loop function: a `PrimFunc`.

    `private=True` leaves out the `global_symbol`, so that only the module itself can call it.
    `check_well_formed=False` leaves out the check of the rules at the end. Inside a class the
    function is kept for `I.ir_module`, or parsed when it is read. `name` is the function's name
    where Python could not define it.
    """
    options: dict[str, Any] = {"private": private, "check_well_formed": check_well_formed}
    if name is not None:
        options["name"] = name
    if func is not None:
        return entry.decorate("tir", func, sys._getframe(1), options)  # pyright: ignore[reportPrivateUsage]

    def decorator(func: Callable[..., Any]) -> Any:
        return entry.decorate("tir", func, sys._getframe(1), options)  # pyright: ignore[reportPrivateUsage]

    return decorator


def macro(func: Callable[..., Any] | None = None, *, hygienic: bool = True) -> Any:
    """Statements under a name, put in where they are called.

    A hygienic macro sees the names in scope where it is defined; with `hygienic=False` those where
    it is called.
    """

    def make(func: Callable[..., Any], frame: types.FrameType) -> ScriptMacro:
        if not isinstance(func, types.FunctionType):
            raise TypeMismatchError("T.macro decorates a function.", found=f"{func!r:.80}")
        return macro_from_function("tir", func, frame, hygienic=hygienic)

    if func is not None:
        return make(func, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def decorator(func: Callable[..., Any]) -> ScriptMacro:
        return make(func, sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    return decorator


prim_func.dialect = "tir"  # pyright: ignore[reportFunctionMemberAccess]
macro.macro_token = "tir"  # pyright: ignore[reportFunctionMemberAccess]

_dtypes = {name: DtypeFunction(name) for name in SCALAR_DTYPES if name != "handle"}
globals().update(
    {
        **tir_expressions.dtype_first(vars(op)),
        **tir_expressions.exact,
        **_dtypes,
    }
)

_intrinsics = [name for name in vars(op) if not name.startswith("_") and name != "annotations"]
_OTHERS = [
    "Buffer",
    "Ptr",
    "Range",
    "SizeVar",
    "StringImm",
    "Var",
    "boolean",
    "handle",
    "macro",
    "prim_func",
]
__all__ = sorted(  # pyright: ignore[reportUnsupportedDunderAll]
    {
        *_intrinsics,
        *tir_expressions.__all__,
        *tir_vocabulary.__all__,
        *tir_expressions.exact,
        *_dtypes,
        *_OTHERS,
    }
)


def __getattr__(name: str) -> Any:
    """A dtype by its name, such as `float32x4`."""
    try:
        found = DtypeFunction(DataType(name))
    except TypeMismatchError:
        raise AttributeError(f"T has no {name!r}.") from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """All names."""
    return list(__all__)


register_dialect(Dialect("tir", "T", sys.modules[__name__], PrimFuncParser))
