"""What the interpreter does where a program calls machine code: C functions and LLVM intrinsics.

In: a call of `T.call_extern`, `T.call_pure_extern`, `T.call_llvm_intrin` or
`T.call_llvm_pure_intrin`. Out: the value that a Python function gives which was registered for the
name; without one the call is an error. A pointer among the arguments is handed over as the
one-dimensional array of the elements from there on, which the function may change; a vector is an
array of its lanes; numbers are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pellucid.interp.memory import Pointer
from pellucid.interp.values import hold
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.support.errors import UnsupportedError
from pellucid.support.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])
_MEANINGS: Registry[Callable[..., Any]] = Registry("meaning")


def register_meaning(name: str, *, override: bool = False) -> Callable[[F], F]:
    """Say what the C function or LLVM intrinsic `name` computes, as a decorator.

        @register_meaning("scale_row")
        def _(row, factor):
            row[:16] *= factor

    Native code calls the function itself. A name that has a meaning already needs `override`.
    """

    def register(function: F) -> F:
        _MEANINGS.register(name, function, override=override)
        return function

    return register


def remove_meaning(name: str) -> None:
    """Forget the meaning of `name`; an unknown name is an error."""
    _MEANINGS.remove(name)


def call_meaning(name: str, kind: str, args: list[Any], dtype: DataType) -> Any:
    """The value of a call of the `kind` ("C function", "LLVM intrinsic") `name`."""
    function = _MEANINGS.find(name)
    if function is None:
        raise UnsupportedError(
            f"The interpreter cannot run the {kind} {name!r}.",
            cure=f"compile the program, or say in Python what it computes: "
            f"@pellucid.interp.register_meaning({name!r})",
        )
    result = function(*[_handed_over(each) for each in args])
    return None if dtype.kind in ("void", "handle") else hold(result, dtype)


def without_count(args: Sequence[PrimExpr]) -> Sequence[PrimExpr]:
    """The arguments of an LLVM intrinsic without the number of them, which other systems put first
    as an uint32.
    """
    counted = bool(args) and isinstance(args[0], IntImm) and args[0].dtype == "uint32"
    return args[1:] if counted else args


def _handed_over(value: Any) -> Any:
    if not isinstance(value, Pointer):
        return value
    # Whatever the function writes is written from here on; what it reads cannot be watched.
    value.storage.written[value.offset :] = True
    return value.storage.values[value.offset :]
