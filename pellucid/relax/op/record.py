"""Records of operators: everything about one stands in one place.

    @op("nn.softmax", infer=rules.like("data"), numpy=_softmax, samples=[case(t("n", 4))])
    def softmax(data: Tensor, axis: int = -1) -> Any:
        \"\"\"What it means.\"\"\"
        return topi.nn.softmax(data, axis)

The body of the function is the lowering, in tensor expressions; its signature says which arguments
the operator takes. Those annotated `Tensor`, `Tensors`, `Shape`, `Number`, `Numbers` or `Value` are
arguments of the call, the others attributes. What stands under the name afterwards is the function
that builds the call, `relax.op.nn.softmax`, also known to scripts as `R.nn.softmax`; the operator
itself is `relax.nn.softmax`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, cast, get_args

import numpy as np

from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import UNKNOWN
from pellucid.ir.op import Op, register_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.relax.expr import (
    Call,
    Constant,
    Expr,
    PrimValue,
    ShapeExpr,
    as_relax_expr,
    const,
)
from pellucid.relax.expr import Tuple as TupleExpr
from pellucid.relax.op.inference import Inference
from pellucid.relax.op.samples import Sample
from pellucid.relax.operators import known_info as info_of
from pellucid.relax.struct_info import (
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import name_of
from pellucid.runtime.tensor import Tensor as RuntimeTensor
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.shapes import UnequalExtentsError

# What the parameters of a record may be annotated with. In a call they are graph values; in the
# lowering they are what tensor expressions see of these.
Tensor = Annotated[Any, "Tensor"]  # a tensor; a number or an array becomes a constant
Tensors = Annotated[Any, "Tensors"]  # a tuple of tensors
Shape = Annotated[Any, "Shape"]  # a shape; a list of sizes becomes one
Number = Annotated[Any, "Number"]  # an integer that may be symbolic
Numbers = Annotated[Any, "Numbers"]  # a tuple of such
Value = Annotated[Any, "Value"]  # any graph value

_KINDS = ("Tensor", "Tensors", "Shape", "Number", "Numbers", "Value")

Infer = Callable[[Inference], StructInfo]
Legalize = Callable[[Any, Call], Expr]
Convert = Callable[[Any], Any]


class Param(NamedTuple):
    """A parameter of an operator: `kind` is one of `_KINDS`, or "attr" for an attribute."""

    name: str
    kind: str
    default: Any

    @property
    def required(self) -> bool:
        """Whether a call has to give it."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class OpRecord:
    """All that is known of one operator."""

    name: str
    op: Op
    function: Callable[..., Any]
    params: tuple[Param, ...]
    infer: Infer
    numpy: Callable[..., Any]
    samples: tuple[Sample, ...]
    pure: bool
    legalize: Legalize | None
    tolerance: str
    convert: Mapping[str, Convert] = field(default_factory=dict[str, Convert])
    inline_scalars: bool = False
    prepare: Callable[[dict[str, Any]], None] | None = None

    @property
    def signature(self) -> inspect.Signature:
        """The Python signature."""
        return inspect.signature(self.function)

    @property
    def doc(self) -> str:
        """What the operator means."""
        return inspect.getdoc(self.function) or ""

    @property
    def arguments(self) -> list[Param]:
        """The parameters that are arguments of the call."""
        return [each for each in self.params if each.kind != "attr"]

    def arguments_of(self, call: Call) -> dict[str, Expr | None]:
        """The arguments of a call by name; None for an optional one that is not there."""
        names = [each.name for each in self.arguments]
        least = sum(each.required for each in self.arguments)
        if not least <= len(call.args) <= len(names):
            raise TypeMismatchError(
                f"{self.op.name} has the wrong number of arguments.",
                place=call.span,
                expected=f"{least} to {len(names)}: {', '.join(names)}",
                found=str(len(call.args)),
            )
        given = [*call.args, *[None] * (len(names) - len(call.args))]
        return dict(zip(names, given, strict=True))

    def build(self, *args: Any, **keywords: Any) -> Call:
        """A call of the operator."""
        try:
            bound = self.signature.bind(*args, **keywords)
        except TypeError as error:
            raise TypeMismatchError(
                f"relax.op.{self.name} was called with the wrong arguments: {error}.",
                expected=f"{self.name}{_plain(self.signature)}",
            ) from None
        bound.apply_defaults()
        values = bound.arguments
        if self.prepare is not None:
            self.prepare(values)
        dtype = _dtype_for_numbers(self.params, values)
        found: list[Expr] = []
        missing: str | None = None
        attrs: dict[str, Any] = {}
        for param in self.params:
            value = values[param.name]
            if param.kind == "attr":
                attrs[param.name] = self._attribute(param.name, value)
            elif value is None and not param.required:
                missing = param.name
            elif missing is not None:
                raise self._refused(
                    param.name, f"was given without {missing!r}, which comes before it.", value
                )
            else:
                found.append(self._argument(param, value, dtype))
        return Call(self.op, found, attrs or None)

    def _refused(
        self, name: str, message: str, value: Any, expected: str | None = None
    ) -> TypeMismatchError:
        return TypeMismatchError(
            f"relax.op.{self.name}: {name!r} {message}",
            expected=expected,
            found=f"{type(value).__name__}: {value!r:.80}",
        )

    def _argument(self, param: Param, value: Any, dtype: str | None) -> Expr:
        if isinstance(value, Expr):
            return value
        try:
            return _CONVERSIONS[param.kind](value, dtype)
        except TypeMismatchError:
            raise self._refused(
                param.name, "cannot be made of this.", value, _EXPECTED[param.kind]
            ) from None

    def _attribute(self, name: str, value: Any) -> Any:
        if isinstance(value, Expr) and not isinstance(value, PrimValue):
            raise self._refused(
                name, "is fixed when the graph is built.", value, "a plain Python value"
            )
        plain = _plain_value(value)
        if name.endswith("dtype"):
            return None if plain in (None, "", "void") else name_of(plain)
        convert = self.convert.get(name)
        if convert is None:
            return plain
        try:
            return convert(plain)
        except (TypeError, ValueError) as error:
            raise self._refused(name, "has a wrong value.", value, str(error)) from None

    def attributes_of(self, call: Call) -> dict[str, Any]:
        """The attributes of a call by name; those that are not set have their defaults."""
        return {
            each.name: call.attrs.get(each.name, each.default)
            for each in self.params
            if each.kind == "attr"
        }


_records: dict[str, OpRecord] = {}


def records() -> list[OpRecord]:
    """The records of all operators, sorted by name."""
    return [_records[name] for name in sorted(_records)]


def record_of(name: str) -> OpRecord:
    """The record of the operator with this short name ("nn.conv2d")."""
    return _records[name]


def _plain(signature: inspect.Signature) -> str:
    """A signature without annotations, for messages."""
    bare = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    return str(inspect.Signature(bare))


def _plain_value(value: Any) -> Any:
    """Constants of the scalar language as Python numbers, also inside tuples and lists."""
    if isinstance(value, PrimValue):
        value = value.value
    if isinstance(value, IntImm):
        return bool(value.value) if value.dtype.is_bool else value.value
    if isinstance(value, tuple | list):
        return tuple([_plain_value(each) for each in cast("list[Any]", value)])
    if isinstance(value, np.generic):
        return cast("Any", value).item()
    return value


def _dtype_for_numbers(params: Sequence[Param], values: Mapping[str, Any]) -> str | None:
    """The dtype that Python numbers among the tensor arguments take: that of the first tensor that
    is not of bools (those are conditions), else bool.
    """
    found: str | None = None
    for param in params:
        value = values[param.name]
        if param.kind == "Tensor" and isinstance(value, Expr):
            info = info_of(value)
            if isinstance(info, TensorStructInfo) and info.dtype != UNKNOWN:
                if not info.dtype.is_bool:
                    return str(info.dtype)
                found = "bool"
    return found


def _as_tensor(value: Any, dtype: str | None) -> Expr:
    if isinstance(value, PrimExpr):
        return PrimValue(value)
    if isinstance(value, float) and dtype is not None and not _is_float(dtype):
        dtype = None
    if dtype == "bool" and not isinstance(value, bool):
        dtype = None
    if isinstance(value, bool | int | float | complex):
        return const(value, dtype)
    if isinstance(value, np.ndarray | np.generic | RuntimeTensor | list) or hasattr(
        value, "__dlpack__"
    ):
        return const(cast("Any", value))
    raise TypeMismatchError("no tensor")


def _is_float(dtype: str) -> bool:
    return "float" in dtype


def _as_tensors(value: Any, dtype: str | None) -> Expr:
    if not isinstance(value, tuple | list):
        raise TypeMismatchError("no tuple")
    items = cast("list[Any]", value)
    return TupleExpr(
        [each if isinstance(each, Expr) else _as_tensor(each, dtype) for each in items]
    )


def _as_shape(value: Any, dtype: str | None) -> Expr:
    del dtype
    items = cast("list[Any]", value) if isinstance(value, tuple | list) else [value]
    return ShapeExpr([each.value if isinstance(each, PrimValue) else each for each in items])


def _as_number(value: Any, dtype: str | None) -> Expr:
    del dtype
    if isinstance(value, bool | int | float | np.generic | PrimExpr):
        return PrimValue(value)
    raise TypeMismatchError("no number")


def _as_numbers(value: Any, dtype: str | None) -> Expr:
    items = cast("list[Any]", value) if isinstance(value, tuple | list) else [value]
    return TupleExpr(
        [each if isinstance(each, Expr) else _as_number(each, dtype) for each in items]
    )


def _as_value(value: Any, dtype: str | None) -> Expr:
    del dtype
    return as_relax_expr(value)


_CONVERSIONS: dict[str, Callable[[Any, str | None], Expr]] = {
    "Tensor": _as_tensor,
    "Tensors": _as_tensors,
    "Shape": _as_shape,
    "Number": _as_number,
    "Numbers": _as_numbers,
    "Value": _as_value,
}
_EXPECTED = {
    "Tensor": "a graph value, a number, or an array",
    "Tensors": "a tuple or list of tensors",
    "Shape": "a shape, or a list of integers and symbolic expressions",
    "Number": "an integer or a symbolic expression",
    "Numbers": "a list of integers or symbolic expressions",
    "Value": "a graph value",
}


def as_tensor(value: Any, dtype: str | None = None) -> Expr:
    """A graph value, or a number or array as a constant."""
    return value if isinstance(value, Expr) else _as_tensor(value, dtype)


# Lowering


def why_not_lowered(call: Call) -> str | None:
    """Why the arguments of a call cannot be computed with element by element; None if they can."""
    for each in call.args:
        reason = _unknown(each, each.struct_info_)
        if reason is not None:
            return reason
    if _has_unknown_shape(call.struct_info_):
        # Computing on would read by clamped indices, and give a value where an error is due.
        return (
            "the shape of its result is unknown, since extents that have to agree cannot be "
            "proved equal; R.match_cast gives them one name, and checks it when the program runs"
        )
    return None


def _has_unknown_shape(info: StructInfo | None) -> bool:
    """Whether a tensor's extents are missing in an inferred info."""
    if isinstance(info, TupleStructInfo):
        return any(_has_unknown_shape(each) for each in info.fields)
    return isinstance(info, TensorStructInfo) and known_dims(info) is None


def _unknown(value: Expr, info: StructInfo | None) -> str | None:
    if isinstance(value, TupleExpr):
        found = (_unknown(each, each.struct_info_) for each in value.fields)
        return next((each for each in found if each is not None), None)
    if isinstance(info, TensorStructInfo):
        if info.dtype == UNKNOWN:
            return f"the dtype of {value!r} is unknown"
        return None if known_dims(info) is not None else f"the shape of {value!r} is unknown"
    if isinstance(info, TupleStructInfo):
        parts = (_unknown(value, each) for each in info.fields)
        return next((each for each in parts if each is not None), None)
    if isinstance(info, ShapeStructInfo):
        return None if info.values is not None else f"the value of {value!r} is unknown"
    if isinstance(info, PrimStructInfo):
        return None if info.value is not None else f"the value of {value!r} is unknown"
    return None


# Loop functions that are called after what they compute, where the operator has another name.
LOWERED_NAMES = {
    "astype": "cast",
    "concat": "concatenate",
    "flatten": "reshape",
    "full_like": "full",
    "nn.leakyrelu": "leaky_relu",
    "ones_like": "ones",
    "permute_dims": "transpose",
    "zeros_like": "zeros",
}


class TeLowering:
    """The rule that lowers calls of an operator by its record's tensor expressions.

    A call whose shapes or dtypes are not known stays as it is; so does one of an operator that
    plans have a step for (`FNative`), when extents cannot be proved to agree: that step checks.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, builder: Any, call: Call) -> Expr:
        """The `call_tir` of the loop function that computes the call."""
        if why_not_lowered(call) is not None:
            return call
        record = record_of(self.name)
        values: dict[str, Any] = dict(record.attributes_of(call))
        for name, value in record.arguments_of(call).items():
            if value is not None:
                values[name] = _inlined(value) if record.inline_scalars else value
        hint = LOWERED_NAMES.get(self.name, self.name.rsplit(".", 1)[-1])
        try:
            lowered = builder.call_te(record.function, **values, primfunc_name_hint=hint)
        except UnequalExtentsError:
            if record.op.has_attr("FNative"):
                return call
            raise
        info = call.struct_info_
        if isinstance(info, TupleStructInfo) and len(info.fields) == 1:
            return TupleExpr([builder.emit(lowered)])
        return lowered


def _inlined(value: Expr) -> Any:
    """A constant of no dimensions as a scalar expression, so that it needs no memory."""
    if isinstance(value, Constant) and value.data.ndim == 0:
        return ar.const(value.data.numpy().item(), value.data.dtype)
    return value


# Registration


def op(
    name: str,
    *,
    infer: Infer,
    numpy: Callable[..., Any],
    samples: Sequence[Sample],
    pure: bool = True,
    legalize: Legalize | None = None,
    tolerance: str = "arithmetic",
    convert: Mapping[str, Convert] | None = None,
    inline_scalars: bool = False,
    prepare: Callable[[dict[str, Any]], None] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Call]]:
    """Make a function in tensor expressions the operator `relax.<name>`.

    `infer` tells the result's struct info. `numpy(*args, **attrs)` is the reference: it defines the
    operator. `samples` are calls that the tests try. `legalize(builder, call)` replaces the body as
    the lowering. `tolerance` is the class in `testing.tolerance` that results are compared by.
    `convert` maps attributes to what checks and completes them. With `inline_scalars` constants of
    no dimensions reach the lowering as scalars. `prepare` completes the arguments, by name, before
    they are converted. `attributes` are further attributes of the `Op`.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Call]:
        params = tuple(_param(each) for each in inspect.signature(function).parameters.values())
        operator = register_op(f"relax.{name}", **(attributes or {}))
        made = OpRecord(
            name,
            operator,
            function,
            params,
            infer,
            _as_arrays(numpy),
            tuple(samples),
            pure,
            legalize,
            tolerance,
            convert or {},
            inline_scalars,
            prepare,
        )
        _records[name] = made
        operator.set_attr("FPurity", pure)
        operator.set_attr("FInferStructInfo", _inference_rule(made))
        operator.set_attr("FLegalize", legalize or TeLowering(name))
        operator.set_attr("numpy", made.numpy)
        operator.set_attr("record", made)
        return _builder_function(made)

    return register


def _param(parameter: inspect.Parameter) -> Param:
    kind = _kind_of(parameter.annotation)
    return Param(parameter.name, kind if kind in _KINDS else "attr", parameter.default)


def _kind_of(annotation: Any) -> str:
    """The name in an annotation, which is text under `from __future__ import annotations`, else
    one of the types above, or one of them or None.
    """
    if isinstance(annotation, str):
        return annotation.split("|")[0].strip()
    for each in (annotation, *get_args(annotation)):
        marks = getattr(each, "__metadata__", ())
        if marks:
            return str(marks[0])
    return ""


def _builder_function(record: OpRecord) -> Callable[..., Call]:
    def build(*args: Any, **keywords: Any) -> Call:
        return record.build(*args, **keywords)

    function = record.function
    build.__name__ = function.__name__
    build.__qualname__ = function.__qualname__
    build.__module__ = function.__module__
    build.__doc__ = function.__doc__
    build.__signature__ = record.signature
    return build


def _inference_rule(record: OpRecord) -> Callable[[Call, Any], StructInfo]:
    def rule(call: Call, builder: Any) -> StructInfo:
        del builder
        args, attributes = record.arguments_of(call), record.attributes_of(call)
        found = record.infer(Inference(record.op.name, call, args, attributes, record.function))
        return _on_device(call, found)

    return rule


def unproved_extents(call: Call) -> list[tuple[PrimExpr, PrimExpr]]:
    """The pairs of extents of arguments that have to be equal and cannot be proved to be."""
    record = _records.get(call.op.name.removeprefix("relax.")) if isinstance(call.op, Op) else None
    if record is None:
        return []
    args, attributes = record.arguments_of(call), record.attributes_of(call)
    inference = Inference(record.op.name, call, args, attributes, record.function)
    record.infer(inference)
    return inference.unproved


def _on_device(call: Call, result: StructInfo) -> StructInfo:
    """The result on the virtual device of the arguments."""
    infos = [each.struct_info_ for each in call.args]
    places = [each.vdevice for each in infos if isinstance(each, TensorStructInfo) and each.vdevice]
    if not places or not isinstance(result, TensorStructInfo) or result.vdevice is not None:
        return result
    return result.replace(vdevice=places[0])


def _as_arrays(reference: Callable[..., Any]) -> Callable[..., Any]:
    """A reference whose results of no dimensions are arrays, and that is quiet about overflow."""

    def numpy(*args: Any, **attrs: Any) -> Any:
        with np.errstate(all="ignore"):
            return _array(reference(*args, **attrs))

    return numpy


def _array(value: Any) -> Any:
    if isinstance(value, np.generic):
        return np.asarray(cast("Any", value))
    if isinstance(value, list | tuple):
        return tuple([_array(each) for each in cast("list[Any]", value)])
    return value
