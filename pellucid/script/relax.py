"""The namespace `R`: what graph functions are written with.

Struct infos (`R.Tensor`, `R.Shape`, …), the calls that join the levels (`R.call_tir`, …), leaves
(`R.const`, `R.shape`, …), and what only makes sense inside a function (`R.dataflow`, `R.output`,
…). Every other name is an operator: `R.add`, `R.nn.relu`.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Mapping
from typing import Any

from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.op import Op
from pellucid.relax.call import (
    call_builtin_with_ctx,
    call_dps_packed,
    call_packed,
    call_pure_packed,
    call_tir,
    call_tir_inplace,
    invoke_closure,
    invoke_pure_closure,
    make_closure,
)
from pellucid.relax.expr import (
    Call,
    DataTypeImm,
    ExternFunc,
    PrimValue,
    ShapeExpr,
    StringImm,
    const,
)
from pellucid.relax.expr import (
    Tuple as TupleExpr,
)
from pellucid.script import relax_ops
from pellucid.script.parser import entry
from pellucid.script.parser.core import Dialect, register_dialect
from pellucid.script.parser.macro import ScriptMacro, macro_from_function
from pellucid.script.parser.relax_function import RelaxParser
from pellucid.script.parser.relax_records import (
    DataflowFrame,
    EmitSpec,
    EmitTe,
    FuncAttrClause,
    MatchCastSpec,
    OutputClause,
    ReturnInfoClause,
)
from pellucid.script.parser.relax_types import any_object as Object
from pellucid.script.parser.relax_types import function as Callable
from pellucid.script.parser.relax_types import prim as Prim
from pellucid.script.parser.relax_types import shape as Shape
from pellucid.script.parser.relax_types import tensor as Tensor
from pellucid.script.parser.relax_types import tuple_of as Tuple
from pellucid.script.parser.tir_types import dtype_name
from pellucid.support.errors import TypeMismatchError, did_you_mean


def function(
    func: Any = None,
    *,
    pure: bool = True,
    private: bool = False,
    check_well_formed: bool = True,
    name: builtins.str | None = None,
) -> Any:
    """Make a Python function into a `relax.Function`.

    `pure=False` says that it has effects, `private=True` that nothing outside the module calls it
    by name, `check_well_formed=False` leaves out the check of the rules at the end. `name` is the
    function's name where Python could not define it.
    """
    options: dict[builtins.str, Any] = {
        "pure": pure,
        "private": private,
        "check_well_formed": check_well_formed,
        **({} if name is None else {"name": name}),
    }
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    if func is not None:
        return entry.decorate("relax", func, frame, options)

    def decorator(func: Any) -> Any:
        where = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        return entry.decorate("relax", func, where, options)

    return decorator


function.dialect = "relax"  # pyright: ignore[reportFunctionMemberAccess]


def macro(func: Any = None, *, hygienic: bool = True) -> Any:
    """Make a Python function into statements that a call of it puts in place.

    `hygienic=False` lets it see the names around the call instead of those around the definition.
    """
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    if func is not None:
        return macro_from_function("relax", func, frame, hygienic=hygienic)

    def decorator(func: Any) -> ScriptMacro:
        where = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        return macro_from_function("relax", func, where, hygienic=hygienic)

    return decorator


macro.macro_token = "relax"  # pyright: ignore[reportFunctionMemberAccess]


# Blocks and clauses.


def dataflow() -> DataflowFrame:
    """`with R.dataflow():`: bindings without effects and control flow."""
    return DataflowFrame()


def output(*values: Any) -> OutputClause:
    """The last statement of a dataflow block: the variables that are known after it."""
    return OutputClause(values)


def func_attr(attrs: Mapping[Any, Any]) -> FuncAttrClause:
    """Attributes of the function."""
    if not isinstance(attrs, Mapping):
        raise TypeMismatchError("R.func_attr takes a dictionary.", found=f"{attrs!r:.80}")
    return FuncAttrClause(attrs)


def func_ret_struct_info(info: Any) -> ReturnInfoClause:
    """The declared result of the function, instead of an annotation."""
    return ReturnInfoClause(info)


def match_cast(value: Any, struct_info: Any) -> MatchCastSpec:
    """`value` seen as `struct_info`, checked when the program runs; names that are new in it are
    bound.
    """
    return MatchCastSpec(value, struct_info)


def emit(value: Any, annotate_struct_info: Any = None) -> EmitSpec:
    """Bind `value` to a variable at once."""
    return EmitSpec(value, annotate_struct_info)


def emit_te(func: Any, *args: Any, **kwargs: Any) -> EmitTe:
    """The call of the loop function that the tensor-expression function `func` makes of these
    arguments; the loop function is added to the module. As `BlockBuilder.emit_te`.
    """
    return EmitTe(func, args, kwargs)


# Leaves.


def shape(values: Any) -> ShapeExpr:
    """A shape as a value."""
    return ShapeExpr(values)


def prim_value(value: Any) -> PrimValue:
    """A number as a value; Python integers are int64, floats float64."""
    return PrimValue(value)


def dtype(value: Any) -> DataTypeImm:
    """A data type as a value."""
    return DataTypeImm(dtype_name(value))


def call_op(op: Any, args: Any = (), attrs: Any = None, sinfo_args: Any = ()) -> Call:
    """Any call: of an operator by its full name ("relax.add"), or of a function value."""
    callee = op if isinstance(op, RelaxExpr) else Op.get(op)
    return Call(callee, [relax_ops.as_operand(each) for each in args], attrs, sinfo_args)


def tuple(*fields: Any) -> TupleExpr:
    """A tuple of values."""
    return TupleExpr([relax_ops.as_operand(each) for each in fields])


def str(value: Any) -> StringImm:
    """A string as a value."""
    return StringImm(builtins.str(value))


# Operators.


class _Family:
    """Operators with a common first name, such as `R.nn`."""

    def __init__(self, name: builtins.str) -> None:
        self._name = name

    def __getattr__(self, name: builtins.str) -> Any:
        """An operator of the family."""
        return _operator(f"{self._name}.{name}")


def _operator(name: builtins.str) -> Any:
    found = relax_ops.op_function(name)
    if isinstance(found, types.ModuleType) or (found is None and relax_ops.is_family(name)):
        return _Family(name)
    if found is None:
        cure = did_you_mean(name, [*relax_ops.names(), *__all__])
        raise AttributeError(f"R has no name and no operator {name!r}.{' ' + cure if cure else ''}")
    return found


def __getattr__(name: builtins.str) -> Any:
    """The operator `R.<name>`."""
    if name.startswith("__"):
        raise AttributeError(name)
    return _operator(name)


def __dir__() -> list[builtins.str]:
    """All names, operators included."""
    return sorted({*__all__, *relax_ops.names()})


__all__ = [
    "Callable",
    "ExternFunc",
    "Object",
    "Op",
    "Prim",
    "Shape",
    "Tensor",
    "Tuple",
    "call_builtin_with_ctx",
    "call_dps_packed",
    "call_op",
    "call_packed",
    "call_pure_packed",
    "call_tir",
    "call_tir_inplace",
    "const",
    "dataflow",
    "dtype",
    "emit",
    "emit_te",
    "func_attr",
    "func_ret_struct_info",
    "function",
    "invoke_closure",
    "invoke_pure_closure",
    "macro",
    "make_closure",
    "match_cast",
    "output",
    "prim_value",
    "shape",
    "str",
    "tuple",
]

register_dialect(Dialect("relax", "R", sys.modules[__name__], RelaxParser))
