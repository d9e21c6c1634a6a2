"""Graph expressions, bindings, blocks and functions.

A function's body is a `SeqExpr`: blocks of bindings, then a result. In normal form every argument
is a leaf (a variable, a constant …) or a tuple of leaves, and every expression carries its struct
info (see `relax.block_builder`). A `DataflowBlock` is free of effects and of control flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pellucid.ir.attrs import EMPTY, Attrs, as_attrs
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar, RelaxExpr, call_builders
from pellucid.ir.function import BaseFunc
from pellucid.ir.hooks import Hook
from pellucid.ir.node import Node, binder, child, data, meta, node
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, as_expr
from pellucid.ir.scalar import StringImm as ScalarString
from pellucid.relax.first_generation import DynTensorType
from pellucid.relax.operators import install
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    shape_builders,
    shape_value,
)
from pellucid.relax.symbolic import (
    definable_tir_vars_in_struct_info,
    erase_unknown,
    signature_vars,
)
from pellucid.runtime.tensor import Tensor, array
from pellucid.support.errors import TypeMismatchError

Expr = RelaxExpr


def as_relax_expr(value: Any) -> RelaxExpr:
    """A graph expression from one, or from what has an evident one: numbers, shapes as tuples of
    numbers, strings.
    """
    if isinstance(value, RelaxExpr):
        return value
    if isinstance(value, ScalarString):
        return StringImm(value.value)
    if isinstance(value, str):
        return StringImm(value)
    if isinstance(value, PrimExpr | bool | int | float | np.generic):
        return PrimValue(value)
    if isinstance(value, tuple | list):
        return Tuple(value)
    raise TypeMismatchError(
        "This is no graph expression.", found=f"{type(value).__name__}: {value!r:.80}"
    )


@node
class ShapeExpr(Expr):
    """A shape value: its dimensions `values` are int64 expressions."""

    values: tuple[PrimExpr, ...] = child(
        converter=lambda v: tuple([shape_value(each) for each in v])
    )

    def __post_init__(self) -> None:
        """The struct info follows from the values."""
        if self.struct_info_ is None:
            self._init("struct_info_", ShapeStructInfo(self.values))

    def __getitem__(self, index: Any) -> Any:
        """One dimension, or several."""
        return cast("Any", self.values[index])

    def __len__(self) -> int:
        """The number of dimensions."""
        return len(self.values)

    def __iter__(self) -> Any:
        """The dimensions."""
        return iter(self.values)


shape_builders.append(ShapeExpr)


def _no_name(found: object) -> TypeMismatchError:
    return TypeMismatchError(
        "The name of a variable is a string.", found=f"a {type(found).__name__}: {found!r:.60}"
    )


@node
class Var(Expr):
    """A variable of a function: an object of its own, `name_hint` a hint; its struct info is
    fixed when it is made.
    """

    is_variable = True
    name_hint: str = meta()
    struct_info_: StructInfo | None = child(default=None, kw_only=True)

    def __init__(
        self,
        name_hint: str,
        struct_info: Any = None,
        dtype_info: Any = None,
        span: Any = None,
        *,
        struct_info_: Any = None,
    ) -> None:
        info = struct_info_ if struct_info is None else struct_info
        if info is not None and not isinstance(info, StructInfo):
            info = _shape_and_type(info, dtype_info)
        if not isinstance(name_hint, str):
            raise _no_name(name_hint)
        self._init("name_hint", name_hint)
        self._init("struct_info_", info)
        self._init("span", span)

    @property
    def name(self) -> str:
        """The name hint, under its other usual attribute."""
        return self.name_hint

    @property
    def vid(self) -> Var:
        """What a mutator's variable map goes by: the variable itself."""
        return self

    def __call__(self, *args: Any, attrs: Any = None) -> Call:
        """A call of the function that this variable holds."""
        return Call(self, args, attrs)


def _shape_and_type(shape: Any, type_info: Any) -> StructInfo:
    """The first generation's `Var(name, shape, DynTensorType(ndim, dtype))` as a tensor struct
    info.
    """
    if not isinstance(type_info, DynTensorType):
        raise TypeMismatchError(
            "A variable takes a struct info, or a shape and a tensor type.",
            found=repr(shape) if type_info is None else repr(type_info),
        )
    info = TensorStructInfo(shape, type_info.dtype)
    if type_info.ndim not in (-1, info.ndim):
        raise TypeMismatchError(
            "The type's ndim differs from the length of the shape.",
            expected=str(info.ndim),
            found=str(type_info.ndim),
        )
    return info


@node
class DataflowVar(Var):
    """A variable that is known only inside its dataflow block."""

    if TYPE_CHECKING:

        def __init__(
            self,
            name_hint: str,
            struct_info: Any = None,
            dtype_info: Any = None,
            span: Any = None,
            *,
            struct_info_: Any = None,
        ) -> None: ...


@node
class Constant(Expr):
    """A constant tensor."""

    data: Tensor = data(key=lambda t: (t.dtype, tuple(t.shape), t.numpy().tobytes()))

    def __init__(
        self, data: Any, struct_info: Any = None, span: Any = None, *, struct_info_: Any = None
    ) -> None:
        if not isinstance(data, Tensor):
            raise TypeMismatchError(
                "A constant holds a tensor.",
                found=type(data).__name__,
                cure="use relax.const(value)",
            )
        self._init("data", data)
        info = struct_info_ if struct_info is None else struct_info
        self._init("struct_info_", info or TensorStructInfo(tuple(data.shape), data.dtype))
        self._init("span", span)


@node
class PrimValue(Expr):
    """A number as a graph value: a scalar expression. Python ints are int64, floats float64."""

    value: PrimExpr = child(converter=lambda v: _prim(v))

    def __post_init__(self) -> None:
        """The struct info follows from the value."""
        if self.struct_info_ is None:
            self._init("struct_info_", PrimStructInfo(value=self.value))


def _prim(value: Any) -> PrimExpr:
    if isinstance(value, int) and not isinstance(value, bool):
        return IntImm("int64", value)
    if isinstance(value, float):
        return as_expr(value).astype("float64")
    return as_expr(value)


@node
class StringImm(Expr):
    """A string as a graph value."""

    value: str = data()

    def __post_init__(self) -> None:
        """A string is an object."""
        if self.struct_info_ is None:
            self._init("struct_info_", ObjectStructInfo())


@node
class DataTypeImm(Expr):
    """A dtype as a graph value."""

    value: DataType = data(converter=DataType)

    def __post_init__(self) -> None:
        """A dtype is an object."""
        if self.struct_info_ is None:
            self._init("struct_info_", ObjectStructInfo())


@node
class ExternFunc(BaseFunc):
    """A function that lives outside the module, found by `global_symbol` when the program runs."""

    global_symbol: str = data()
    struct_info_: StructInfo | None = child(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Nothing is known of its parameters, unless a struct info was given."""
        if self.struct_info_ is None:
            self._init("struct_info_", FuncStructInfo.opaque_func())

    def __call__(self, *args: Any, attrs: Any = None) -> Call:
        """A call of the function."""
        return Call(self, args, attrs)


def _as_op(op: Any) -> Any:
    return ExternFunc(op) if isinstance(op, str) else op


@node
class Call(Expr):
    """A call of `op` (an operator, GlobalVar, ExternFunc or function value) on `args`.

    `attrs` are the operator's attributes; `sinfo_args` are struct infos that the operator takes
    (the output's, for `call_tir` and its family).
    """

    op: Expr = child(converter=_as_op)
    args: tuple[Expr, ...] = child(
        default=(), converter=lambda args: tuple([as_relax_expr(a) for a in args])
    )
    attrs: Attrs = child(default=EMPTY, converter=as_attrs)
    sinfo_args: tuple[StructInfo, ...] = child(
        default=(), converter=lambda infos: tuple(infos or ())
    )


@node
class Tuple(Expr):
    """A tuple of values."""

    fields: tuple[Expr, ...] = child(
        converter=lambda fields: tuple([as_relax_expr(f) for f in fields])
    )

    def __post_init__(self) -> None:
        """The struct info follows where all fields have theirs."""
        if self.struct_info_ is None and all(f.struct_info_ is not None for f in self.fields):
            self._init("struct_info_", TupleStructInfo([f.struct_info_ for f in self.fields]))

    def __getitem__(self, index: Any) -> Any:
        """A field."""
        return cast("Any", self.fields[index])

    def __iter__(self) -> Any:
        """The fields."""
        return iter(self.fields)

    def __len__(self) -> int:
        """The number of fields."""
        return len(self.fields)


@node
class TupleGetItem(Expr):
    """The field `index` of a tuple."""

    tuple_value: Expr = child()
    index: int = data(converter=int)

    def __post_init__(self) -> None:
        """The struct info follows from the tuple's."""
        info = self.tuple_value.struct_info_
        if self.struct_info_ is None and isinstance(info, TupleStructInfo):
            if not 0 <= self.index < len(info.fields):
                raise TypeMismatchError(
                    "The index is outside the tuple.",
                    expected=f"0 to {len(info.fields) - 1}",
                    found=str(self.index),
                )
            self._init("struct_info_", info.fields[self.index])


@node
class Binding(Node):
    """Base of bindings: `var` stands for (a view of) `value` from here on."""

    var: Var = binder()
    value: Expr = child()


@node
class VarBinding(Binding):
    """`var = value`."""

    visit_order = ("value", "var", "span")


@node
class MatchCast(Binding):
    """`var = match_cast(value, struct_info)`: checked at run time; unbound symbolic variables in
    the info are bound.
    """

    struct_info: StructInfo = binder()
    visit_order = ("value", "struct_info", "var", "span")


@node
class BindingBlock(Node):
    """Bindings in order; they may have effects."""

    bindings: tuple[Binding, ...] = child(converter=tuple)


@node
class DataflowBlock(BindingBlock):
    """Bindings without effects or control flow; its dataflow variables are unknown outside."""


@node
class SeqExpr(Expr):
    """`blocks` one after another, then the value `body`."""

    blocks: tuple[BindingBlock, ...] = child(converter=tuple)
    body: Expr = child()


@node
class If(Expr):
    """`true_branch` or `false_branch`, by the scalar bool `cond`; what a branch binds is unknown
    outside.
    """

    cond: Expr = child()
    true_branch: SeqExpr = child(converter=lambda e: as_seq(e))
    false_branch: SeqExpr = child(converter=lambda e: as_seq(e))


def as_seq(value: Expr) -> SeqExpr:
    """`value` as a SeqExpr without bindings, unless it is one."""
    return (
        value if isinstance(value, SeqExpr) else SeqExpr((), value, struct_info_=value.struct_info_)
    )


def defined_in(seq: SeqExpr) -> set[Any]:
    """The variables, graph and symbolic, that the bindings of a sequence define."""
    found: set[Any] = set()
    for binding in [each for block in seq.blocks for each in block.bindings]:
        found.add(binding.var)
        if isinstance(binding, MatchCast):
            found.update(definable_tir_vars_in_struct_info(binding.struct_info))
    return found


@node
class Function(BaseFunc):
    """A graph function. `is_pure` says that it has no effects; `ret_struct_info` is what is
    known of its result.
    """

    params: tuple[Var, ...] = binder(converter=tuple)
    body: SeqExpr = child(converter=as_seq)
    ret_struct_info: StructInfo | None = child(default=None)
    is_pure: bool = data(default=True, converter=bool)
    visit_order = ("params", "body", "ret_struct_info", "is_pure", "attrs", "struct_info_", "span")

    def __init__(
        self,
        params: Any,
        body: Expr,
        ret_struct_info: StructInfo | None = None,
        is_pure: bool = True,
        attrs: Any = None,
        span: Any = None,
        *,
        struct_info_: Any = None,
    ) -> None:
        for param in params:
            if not isinstance(param, Var):
                raise TypeMismatchError(
                    "A parameter of a graph function is a variable.",
                    expected="relax.Var(name, struct_info)",
                    found=f"a {type(param).__name__}: {param!r:.60}",
                )
            if param.struct_info_ is None:
                raise TypeMismatchError(
                    f"The parameter {param.name_hint!r} has no struct info.",
                    cure="give it one, such as R.Tensor((n,), dtype)",
                )
        self._init("params", tuple(params))
        self._init("body", as_seq(body))
        ret = ret_struct_info
        if ret is None and body.struct_info_ is not None:
            shown = signature_vars([each.struct_info for each in self.params])
            inside = defined_in(self.body).difference(shown)
            ret = erase_unknown(body.struct_info_, lambda each: each not in inside)
        self._init("ret_struct_info", ret)
        self._init("is_pure", bool(is_pure))
        self._init("attrs", as_attrs(attrs))
        self._init("span", span)
        if struct_info_ is None:
            infos = [param.struct_info_ for param in self.params]
            struct_info_ = FuncStructInfo(infos, ret or ObjectStructInfo(), self.is_pure)
        self._init("struct_info_", struct_info_)

    @staticmethod
    def create_empty(
        params: Any,
        ret_struct_info: StructInfo,
        is_pure: bool = True,
        attrs: Any = None,
        span: Any = None,
    ) -> Function:
        """A function with a signature and a body that is only a placeholder, for forward
        declarations.
        """
        placeholder = SeqExpr((), Tuple(()))
        return Function(params, placeholder, ret_struct_info, is_pure, attrs, span)

    def __call__(self, *args: Any) -> Call:
        """A call of this function value."""
        return Call(self, args)

    def bind_params(self, binding_map: Any) -> Function:
        """A copy with some parameters bound to constants; see `relax.transform.BindParams`."""
        return bind_params_hook.get()(self, binding_map)

    def bind_symbolic_vars(self, binding_map: Any) -> Function:
        """A copy with symbolic variables replaced by numbers or other expressions."""
        return bind_symbolic_vars_hook.get()(self, binding_map)


bind_params_hook: Hook[Any] = Hook("bind_params", "pellucid.relax.transform.bind_params")
bind_symbolic_vars_hook: Hook[Any] = Hook(
    "bind_symbolic_vars", "pellucid.relax.transform.bind_symbolic_vars"
)
te_tensor_hook: Hook[Any] = Hook("te_tensor", "pellucid.relax.te_call")


def const(value: Any, dtype: Any = None) -> Constant:
    """A constant tensor from a number, list, NumPy array, torch tensor or our tensor.

    Without `dtype` Python floats become float32, ints int32, bools bool; arrays keep theirs
    (float64 arrays too).
    """
    if isinstance(dtype, TensorStructInfo):
        info, dtype = dtype, dtype.dtype
    else:
        info = None
    if isinstance(value, Tensor) and dtype in (None, value.dtype):
        return Constant(value, info)
    if dtype is None and isinstance(value, bool | int | float | list | tuple):
        found = np.array(value)
        dtype = {"float64": "float32", "int64": "int32"}.get(str(found.dtype), str(found.dtype))
    return Constant(array(cast("object", value), dtype=None if dtype is None else str(dtype)), info)


def extern(name: str, struct_info: StructInfo | None = None) -> ExternFunc:
    """A function outside the module."""
    return ExternFunc(name, struct_info_=struct_info)


def te_tensor(value: Expr, name: str = "rxplaceholder") -> Any:
    """The placeholder of the tensor-expression language that stands for `value`."""
    return te_tensor_hook.get()(value, name)


def get_shape_of(expr: Expr) -> Expr | None:
    """The shape expression of a tensor-valued expression, where it is known."""
    info = expr.struct_info_
    return info.shape if isinstance(info, TensorStructInfo) else None


def _call_function(function: Any, args: Any, attrs: Any) -> Call:
    return Call(function, args, attrs)


call_builders["relax"] = _call_function
install(Call, TupleGetItem, const)

__all__ = [
    "Binding",
    "BindingBlock",
    "Call",
    "Constant",
    "DataTypeImm",
    "DataflowBlock",
    "DataflowVar",
    "Expr",
    "ExternFunc",
    "Function",
    "GlobalVar",
    "If",
    "MatchCast",
    "Op",
    "PrimValue",
    "SeqExpr",
    "ShapeExpr",
    "StringImm",
    "Tuple",
    "TupleGetItem",
    "Var",
    "VarBinding",
    "as_relax_expr",
    "as_seq",
    "const",
    "extern",
    "get_shape_of",
    "te_tensor",
]
