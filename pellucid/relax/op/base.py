"""Operators around the tensors: messages, assertions, the null value, packed functions that write
into their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.ir.op import register_op
from pellucid.relax.call import as_struct_info, call_pure_packed
from pellucid.relax.expr import Call, Expr, ExternFunc, StringImm, as_relax_expr
from pellucid.relax.op.memory import nothing
from pellucid.relax.op.packed import call_builtin
from pellucid.relax.op.record import as_tensor
from pellucid.relax.struct_info import (
    ObjectStructInfo,
    PrimStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.runtime import builtin_values
from pellucid.support.errors import TypeMismatchError


def _value(value: Any) -> Expr:
    return value if isinstance(value, Expr) else as_relax_expr(value)


def print(*values: Any, format: str | StringImm = "") -> Call:
    """Write values to the standard output when the program runs: by `format`, in which `{}` stands
    for them in turn, or side by side when it is empty.
    """
    return Call(PRINT, [_value(each) for each in values], {"format": _text(format)})


def assert_op(condition: Any, format_args: Any = None, format: str | StringImm = "") -> Call:
    """Stop the program with a message unless `condition`, a bool without dimensions, holds.

    `{}` in `format` stands for the `format_args` in turn.
    """
    given: list[Any] = []
    if format_args is not None:
        given = [*format_args] if type(format_args) in (list, tuple) else [format_args]
    args = [as_tensor(condition), *[_value(each) for each in given]]
    return Call(ASSERT_OP, args, {"format": _text(format)})


def _text(value: str | StringImm) -> str:
    return value.value if isinstance(value, StringImm) else str(value)


def null_value() -> Call:
    """No value, where an object is wanted."""
    return Call(NULL_VALUE, [])


def call_inplace_packed(
    func: str | Expr, *args: Any, inplace_indices: int | Sequence[int], sinfo_args: Any
) -> Call:
    """A call of a packed function that writes into some of its arguments and returns them.

    `inplace_indices` says for each result which argument it is (-1: a new value). The caller
    promises that nothing reads the old contents of those arguments afterwards; the call counts as
    free of effects.
    """
    callee = ExternFunc(func) if isinstance(func, str) else func
    indices = [inplace_indices] if isinstance(inplace_indices, int) else [*inplace_indices]
    if isinstance(sinfo_args, StructInfo):
        infos = [sinfo_args]
    else:
        infos = [as_struct_info(each) for each in sinfo_args]
    _check_indices(indices, len(args))
    values = [callee, *[_value(each) for each in args]]
    return Call(CALL_INPLACE_PACKED, values, {"inplace_indices": indices}, infos)


def _check_indices(indices: Sequence[int], count: int) -> None:
    used = [each for each in indices if each != -1]
    if not used or len(set(used)) < len(used) or not all(0 <= each < count for each in used):
        raise TypeMismatchError(
            "relax.op.call_inplace_packed: the in-place indices are wrong.",
            expected=f"different numbers from 0 to {count - 1}, or -1 for a new value",
            found=str([*indices]),
            cure="use call_pure_packed for a function that writes into none of its arguments",
        )


def _condition_checked(call: Call, builder: Any) -> StructInfo:
    info = call.args[0].struct_info_ if call.args else None
    is_bool = isinstance(info, TensorStructInfo) and info.dtype in ("", "bool")
    is_scalar = isinstance(info, TensorStructInfo) and info.ndim in (-1, 0)
    number = isinstance(info, PrimStructInfo) and info.dtype == "bool"
    unknown = info is None or type(info) is ObjectStructInfo
    if not (unknown or number or (is_bool and is_scalar)):
        raise TypeMismatchError(
            "relax.assert_op: 'condition' is no single bool.",
            place=call.span,
            expected='R.Tensor((), "bool")',
            found=repr(info),
            cure="reduce it with R.all first",
        )
    return nothing(call, builder)


def _object(call: Call, builder: Any) -> StructInfo:
    del call, builder
    return ObjectStructInfo()


def _declared(call: Call, builder: Any) -> StructInfo:
    del builder
    infos = call.sinfo_args
    return infos[0] if len(infos) == 1 else TupleStructInfo(infos)


def _with_format(name: str, at: int) -> Callable[[Any, Call], Expr]:
    """The rule that calls the runtime's function with the format at position `at`."""

    def rule(builder: Any, call: Call) -> Expr:
        del builder
        form = StringImm(call.attrs.get("format", ""))
        args = [*call.args[:at], form, *call.args[at:]]
        return call_builtin(name, args, call.struct_info_, pure=False)

    return rule


def _null(builder: Any, call: Call) -> Expr:
    del builder
    return call_builtin("null_value", (), call.struct_info_)


def _inplace(builder: Any, call: Call) -> Expr:
    del builder
    callee, *args = call.args
    return call_pure_packed(callee, *args, sinfo_args=call.sinfo_args)


def _run_print(*values: Any, format: str = "") -> Any:
    builtin_values.show(format, *values)
    return ()


def _run_assert(condition: Any, *values: Any, format: str = "") -> Any:
    builtin_values.check(condition, format, *values)
    return ()


def _run_inplace(function: Callable[..., Any], *args: Any, inplace_indices: Any) -> Any:
    del inplace_indices
    return function(*args)


PRINT = register_op(
    "relax.print", FPurity=False, FInferStructInfo=nothing, FLegalize=_with_format("print", 0),
    numpy=_run_print,
)  # fmt: skip
ASSERT_OP = register_op(
    "relax.assert_op", FPurity=False, FInferStructInfo=_condition_checked,
    FLegalize=_with_format("assert", 1), numpy=_run_assert,
)  # fmt: skip
NULL_VALUE = register_op(
    "relax.null_value", FPurity=True, FInferStructInfo=_object, FLegalize=_null,
    numpy=builtin_values.null_value,
)  # fmt: skip
CALL_INPLACE_PACKED = register_op(
    "relax.call_inplace_packed", FPurity=True, FInferStructInfo=_declared, FLegalize=_inplace,
    numpy=_run_inplace,
)  # fmt: skip

__all__ = ["assert_op", "call_inplace_packed", "null_value", "print"]
