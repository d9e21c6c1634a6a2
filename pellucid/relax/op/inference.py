"""What struct-info rules of operators work with: the arguments of a call, by name and checked.

In: a call of an operator whose arguments carry their struct infos. Out: tensors, dimensions and
attributes for the rule, or an error that names operator and argument. Whatever is unknown stays
unknown: a missing shape is None, a missing rank -1, a missing dtype the empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Var
from pellucid.relax.base_check import prove_equal
from pellucid.relax.expr import Call, Expr, PrimValue, ShapeExpr, Tuple
from pellucid.relax.struct_info import (
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    shape_value,
)
from pellucid.relax.symbolic import tir_vars_in_expr
from pellucid.relax.te_call import known_dims, result_infos
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.broadcast import UnprovedExtentsError

Dims = tuple[PrimExpr, ...]
UNKNOWN_TENSOR = TensorStructInfo(None, None)


class Inference:
    """The arguments of one call, for the rule that infers its result."""

    def __init__(
        self,
        name: str,
        call: Call,
        args: dict[str, Expr | None],
        attributes: dict[str, Any],
        function: Callable[..., Any],
    ) -> None:
        self.name = name
        self.call = call
        self.args = args
        self.attributes = attributes
        self.function = function
        # Pairs of extents that have to be equal and cannot be proved to be.
        self.unproved: list[tuple[PrimExpr, PrimExpr]] = []

    def error(
        self,
        argument: str,
        message: str,
        expected: str | None = None,
        found: Any = None,
        cure: str | None = None,
    ) -> TypeMismatchError:
        """The error of a call whose argument does not fit."""
        return TypeMismatchError(
            f"{self.name}: {argument!r} {message}",
            place=self.call.span,
            expected=expected,
            found=None if found is None else (found if isinstance(found, str) else repr(found)),
            cure=cure,
        )

    # Arguments

    def has(self, argument: str) -> bool:
        """Whether an optional argument was given."""
        return self.args.get(argument) is not None

    def __getitem__(self, attribute: str) -> Any:
        """An attribute of the call."""
        return self.attributes[attribute]

    def expr(self, argument: str) -> Expr:
        """An argument as it is."""
        found = self.args.get(argument)
        if found is None:
            raise self.error(argument, "is missing.")
        return found

    def tensor(self, argument: str, ranks: Sequence[int] = ()) -> TensorStructInfo:
        """What is known of a tensor argument; `ranks` are the numbers of dimensions it may have."""
        info = self._as_tensor(argument, self.expr(argument).struct_info_)
        if ranks and info.ndim != -1 and info.ndim not in ranks:
            wanted = " or ".join(str(rank) for rank in ranks)
            raise self.error(
                argument, "has the wrong number of dimensions.", wanted, f"{info.ndim}: {info!r}"
            )
        return info

    def _as_tensor(self, argument: str, info: StructInfo | None) -> TensorStructInfo:
        if isinstance(info, TensorStructInfo):
            return info
        if info is None or type(info) is ObjectStructInfo:
            return UNKNOWN_TENSOR
        if isinstance(info, PrimStructInfo):
            return TensorStructInfo((), info.dtype)
        raise self.error(argument, "must be a tensor.", "R.Tensor(...)", info)

    def tensors(self, argument: str) -> list[TensorStructInfo] | None:
        """What is known of each field of a tuple of tensors; None if not even their number is."""
        value = self.expr(argument)
        if isinstance(value, Tuple):
            return [self._as_tensor(argument, each.struct_info_) for each in value.fields]
        info = value.struct_info_
        if isinstance(info, TupleStructInfo):
            return [self._as_tensor(argument, each) for each in info.fields]
        if info is None or type(info) is ObjectStructInfo:
            return None
        raise self.error(argument, "must be a tuple of tensors.", "R.Tuple(R.Tensor, ...)", info)

    def dims(self, argument: str) -> Dims | None:
        """The dimensions of a tensor argument, where they are known."""
        return known_dims(self.tensor(argument))

    def shape(self, argument: str) -> ShapeStructInfo:
        """What is known of an argument that is a shape."""
        value = self.expr(argument)
        if isinstance(value, ShapeExpr):
            return ShapeStructInfo(value.values)
        info = value.struct_info_
        if isinstance(info, ShapeStructInfo):
            return info
        if info is None or type(info) is ObjectStructInfo:
            return ShapeStructInfo()
        raise self.error(argument, "must be a shape.", "R.Shape(...), or a list of sizes", info)

    def number(self, argument: str) -> PrimExpr | None:
        """The value of an argument that is a number, where it is known."""
        value = self.expr(argument)
        if isinstance(value, PrimValue):
            return value.value
        info = value.struct_info_
        if isinstance(info, PrimStructInfo):
            return info.value
        if info is None or type(info) is ObjectStructInfo:
            return None
        raise self.error(argument, "must be a number.", "R.Prim(...)", info)

    def numbers(self, argument: str) -> list[PrimExpr | None] | None:
        """The values of a tuple of numbers; None where not even their count is known."""
        value = self.expr(argument)
        if isinstance(value, Tuple):
            infos = [each.struct_info_ for each in value.fields]
        elif isinstance(value.struct_info_, TupleStructInfo):
            infos = list(value.struct_info_.fields)
        elif value.struct_info_ is None or type(value.struct_info_) is ObjectStructInfo:
            return None
        else:
            raise self.error(argument, "must be a tuple of numbers.", None, value.struct_info_)
        return [each.value if isinstance(each, PrimStructInfo) else None for each in infos]

    # The lowering

    def results(self) -> list[TensorStructInfo] | None:
        """What the lowering gives for these arguments; None where a shape or number is unknown, or
        extents that have to agree cannot be proved equal.
        """
        if not all(_is_known(each, each.struct_info_) for each in self.call.args):
            return None
        given = {name: value for name, value in self.args.items() if value is not None}
        try:
            return result_infos(self.function, {**self.attributes, **given})
        except UnprovedExtentsError:
            return None
        except TypeMismatchError as error:
            raise TypeMismatchError(
                f"{self.name}: {error.message}",
                place=self.call.span,
                expected=error.expected,
                found=error.found,
                cure=error.cure,
            ) from None

    # Checks

    def axis(self, attribute: str, rank: int, value: Any = None) -> int:
        """An axis counted from the front; `-1` is the last one. The rank has to be known."""
        axis = self[attribute] if value is None else value
        if not isinstance(axis, int) or isinstance(axis, bool):
            raise self.error(attribute, "must be an axis.", "an integer", axis)
        if not -rank <= axis < rank:
            span = f"{-rank} to {rank - 1}" if rank else "none: the tensor has no dimensions"
            raise self.error(attribute, "names no axis of the tensor.", span, axis)
        return axis + rank if axis < 0 else axis

    def axes(self, attribute: str, rank: int) -> list[int]:
        """Different axes counted from the front, in the order given; None means all."""
        given = self[attribute]
        if given is None:
            return list(range(rank))
        items = cast("tuple[Any, ...]", given) if isinstance(given, tuple) else (given,)
        found = [self.axis(attribute, rank, each) for each in items]
        if len(set(found)) != len(found):
            raise self.error(attribute, "names an axis twice.", None, given)
        return found

    def same_dtype(self, *arguments: str) -> DataType:
        """The dtype that tensor arguments have in common; different ones are an error."""
        first, known = "", UNKNOWN
        complete = True
        for each in arguments:
            dtype = self.tensor(each).dtype
            if dtype == UNKNOWN:
                complete = False
            elif known == UNKNOWN:
                first, known = each, dtype
            elif dtype != known:
                raise self.error(
                    each,
                    f"has another dtype than {first!r}.",
                    str(known),
                    str(dtype),
                    f"convert one of them: R.astype({each}, {str(known)!r})",
                )
        return known if complete else UNKNOWN

    def require_dtype(self, argument: str, what: str, *kinds: str) -> None:
        """Raise unless the dtype of a tensor is unknown or of one of `kinds` (see `DataType`)."""
        dtype = self.tensor(argument).dtype
        if dtype != UNKNOWN and dtype.kind not in kinds:
            raise self.error(argument, f"must be a tensor of {what}.", what, str(dtype))

    def require_float(self, argument: str) -> None:
        """Raise unless the dtype is unknown or a float."""
        self.require_dtype(argument, "floats", "float", "bfloat", "float8")

    def require_integer(self, argument: str) -> None:
        """Raise unless the dtype is unknown or an integer."""
        self.require_dtype(argument, "integers", "int", "uint")

    def require_equal(self, argument: str, what: str, expected: Any, found: Any) -> None:
        """Raise if two extents are constants and differ; note them if they cannot be proved to be
        equal.
        """
        x, y = as_int(expected), as_int(found)
        if x is not None and y is not None:
            if x != y:
                raise self.error(argument, what, str(x), str(y))
            return
        left, right = shape_value(expected), shape_value(found)
        if not prove_equal(left, right):
            self.unproved.append((left, right))

    def broadcast(self, a: Dims | None, b: Dims | None, argument: str) -> Dims | None:
        """The dimensions that two shapes broadcast to; None where that cannot be told before the
        program runs.
        """
        if a is None or b is None:
            return None
        longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
        lead = len(longer) - len(shorter)
        found: list[PrimExpr] = list(longer[:lead])
        known = True
        for x, y in zip(longer[lead:], shorter, strict=True):
            dim = self._broadcast_dim(x, y, argument)
            known = known and dim is not None
            found.append(x if dim is None else dim)
        return tuple(found) if known else None

    def _broadcast_dim(self, x: PrimExpr, y: PrimExpr, argument: str) -> PrimExpr | None:
        first, second = as_int(x), as_int(y)
        if first == 1:
            return y
        if second == 1 or prove_equal(x, y):
            return x
        if first is not None and second is not None:
            raise self.error(
                argument, "does not broadcast.", "equal extents, or 1", f"{first} and {second}"
            )
        return None


def _is_known(value: Expr, info: StructInfo | None) -> bool:
    """Whether all dimensions and numbers in a value are known."""
    if isinstance(value, Tuple):
        return all(_is_known(each, each.struct_info_) for each in value.fields)
    if isinstance(info, TensorStructInfo):
        return known_dims(info) is not None
    if isinstance(info, TupleStructInfo):
        return all(_is_known(value, each) for each in info.fields)
    if isinstance(info, ShapeStructInfo):
        return info.values is not None
    return isinstance(info, PrimStructInfo) and info.value is not None


def items(value: Any) -> tuple[Any, ...]:
    """What an attribute holds, of which there is one or a tuple of them."""
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)


def as_int(value: Any) -> int | None:
    """The integer that a dimension is, or None."""
    if isinstance(value, IntImm):
        return value.value
    return value if isinstance(value, int) else None


def simplified(value: Any) -> PrimExpr:
    """A dimension in its simplest form; symbolic variables are not negative."""
    expr = shape_value(value)
    if isinstance(expr, IntImm | Var):
        return expr
    analyzer = Analyzer()
    for each in tir_vars_in_expr(expr):
        analyzer.mark_global_non_neg_value(each)
    return analyzer.simplify(expr)


def product(dims: Iterable[Any]) -> PrimExpr:
    """The product of dimensions."""
    total: Any = IntImm("int64", 1)
    for each in dims:
        total = total * each
    return simplified(total)


def same(a: Any, b: Any) -> bool:
    """Whether two dimensions are proved to be equal."""
    return prove_equal(shape_value(a), shape_value(b))


def tensor_of(dims: Iterable[Any] | None, dtype: Any, ndim: int = -1) -> TensorStructInfo:
    """The info of a tensor with these dimensions, or of `ndim` dimensions that are unknown."""
    if dims is None:
        return TensorStructInfo(None, str(dtype), ndim=ndim)
    return TensorStructInfo([simplified(each) for each in dims], str(dtype))


def reshaped(info: TensorStructInfo, dims: Iterable[Any] | None, ndim: int = -1) -> StructInfo:
    """A tensor of the dtype of `info` with other dimensions."""
    return tensor_of(dims, info.dtype, ndim)


def rank_of(*ranks: int) -> int:
    """The rank of a broadcast: the largest one, or -1 when one is unknown."""
    return -1 if -1 in ranks else max(ranks)
