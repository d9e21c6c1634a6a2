"""`nn.Tensor`: a graph value as the methods of a module see it.

Every operation on one binds its result in the function that is being exported, so that shape and
dtype are known at once and an error appears where its cause is. Where no export is going on there
is nothing to bind in, and operations are an error that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.relax import op as relax_op
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import Constant, Expr, TupleGetItem, Var, as_relax_expr, const
from pellucid.relax.struct_info import TensorStructInfo, TupleStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.support.errors import PellucidError, TypeMismatchError

Dim = int | PrimExpr


class ExportError(PellucidError, RuntimeError):
    """A module was used in a way that cannot become a graph function."""


class Tensor:
    """A tensor of the function that is being exported.

    `x.shape` has ints, and scalar expressions for symbolic dimensions. The operators of Python and
    the methods here bind their result at once; everything else is in `nn.op`.
    """

    __slots__ = ("_held",)
    # NumPy gives way to the operators of this class.
    __array_ufunc__ = None

    def __init__(self, expr: Expr) -> None:
        if not isinstance(expr.struct_info_, TensorStructInfo):
            raise TypeMismatchError(
                "An nn.Tensor stands for a tensor.",
                expected="a graph value with a tensor's struct info",
                found=repr(expr.struct_info_),
            )
        self._held: Expr | None = expr

    @property
    def expr(self) -> Expr:
        """The graph expression: a variable or a constant."""
        return cast("Expr", self._held)

    @property
    def _info(self) -> TensorStructInfo:
        return cast("TensorStructInfo", self.expr.struct_info_)

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The extents; symbolic ones are scalar expressions."""
        dims = known_dims(self._info)
        if dims is None:
            raise ExportError(
                "The shape of this tensor is not known.",
                found=repr(self._info),
                cure="name its dimensions with nn.op.match_cast(x, shape)",
            )
        return tuple([each.value if isinstance(each, IntImm) else each for each in dims])

    @property
    def ndim(self) -> int:
        """The number of dimensions; -1 where it is unknown."""
        return self._info.ndim

    @property
    def dtype(self) -> str:
        """The element type, such as `float32`."""
        return str(self._info.dtype)

    def __repr__(self) -> str:
        """Shape and dtype."""
        return f"Tensor({self._info!r})"

    def __len__(self) -> int:
        """The extent of the first dimension, where it is a number."""
        extent = self.shape[0]
        if not isinstance(extent, int):
            raise ExportError(
                "The length of this tensor is symbolic.",
                found=repr(extent),
                cure="use x.shape[0], which may be a scalar expression",
            )
        return extent

    def __iter__(self) -> Any:
        """The tensors along the first dimension."""
        return iter([self[index] for index in range(len(self))])

    def __bool__(self) -> bool:
        """No truth value: what a tensor holds is known only when the program runs."""
        raise ExportError(
            "A tensor has no truth value while its module is exported.",
            cure="choose elements with nn.op.where(condition, a, b)",
        )

    def __getitem__(self, index: Any) -> Tensor:
        """A part: integers, slices, `...`, None and integer tensors as NumPy has them."""
        return emit(self.expr[unwrapped(index)], "part")

    # Methods under torch's names

    def reshape(self, *shape: Any) -> Tensor:
        """The elements, row by row, in a new shape; one extent may be -1."""
        return emit(relax_op.reshape(self.expr, _sizes(shape)), "reshape")

    view = reshape

    def permute(self, *axes: Any) -> Tensor:
        """The axes in another order."""
        return emit(relax_op.permute_dims(self.expr, list(_sizes(axes))), "permute")

    permute_dims = permute

    def transpose(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return emit(relax_op.swapaxes(self.expr, axis1, axis2), "transpose")

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return emit(relax_op.permute_dims(self.expr), "transpose")

    def astype(self, dtype: str) -> Tensor:
        """Every element converted."""
        return self if self.dtype == dtype else emit(relax_op.astype(self.expr, dtype), "astype")

    to = astype

    def squeeze(self, axis: Any = None) -> Tensor:
        """Without axes of extent 1: those named, or all."""
        return emit(relax_op.squeeze(self.expr, axis), "squeeze")

    def unsqueeze(self, axis: int) -> Tensor:
        """A new axis of extent 1."""
        return emit(relax_op.expand_dims(self.expr, axis), "unsqueeze")

    def expand(self, *shape: Any) -> Tensor:
        """Repeated along axes of extent 1 to a shape."""
        return emit(relax_op.broadcast_to(self.expr, _sizes(shape)), "expand")

    def repeat(self, repeats: int, axis: int | None = None) -> Tensor:
        """Every element `repeats` times in a row."""
        return emit(relax_op.repeat(self.expr, repeats, axis), "repeat")

    def flatten(self, start: int = 0, end: int = -1) -> Tensor:
        """The axes from `start` to `end` (included) as one."""
        return emit(relax_op.reshape(self.expr, flattened(self, start, end)), "flatten")

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum along axes, or of all elements."""
        return emit(relax_op.sum(self.expr, axis, keepdims), "sum")

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean along axes, or of all elements."""
        return emit(relax_op.mean(self.expr, axis, keepdims), "mean")

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The largest element along axes, or of all."""
        return emit(relax_op.max(self.expr, axis, keepdims), "max")

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The smallest element along axes, or of all."""
        return emit(relax_op.min(self.expr, axis, keepdims), "min")

    # Operators

    def __add__(self, other: Any) -> Tensor:
        """Sum."""
        return binary(relax_op.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        """Sum."""
        return binary(relax_op.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        """Difference."""
        return binary(relax_op.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        """Difference."""
        return binary(relax_op.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        """Product, element by element."""
        return binary(relax_op.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        """Product, element by element."""
        return binary(relax_op.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        """Quotient."""
        return binary(relax_op.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        """Quotient."""
        return binary(relax_op.divide, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        """Quotient, rounded down."""
        return binary(relax_op.floor_divide, self, other)

    def __mod__(self, other: Any) -> Tensor:
        """Remainder with the sign of the divisor."""
        return binary(relax_op.floor_mod, self, other)

    def __pow__(self, other: Any) -> Tensor:
        """Power."""
        return binary(relax_op.power, self, other)

    def __matmul__(self, other: Any) -> Tensor:
        """Matrix product."""
        return binary(relax_op.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        """Matrix product."""
        return binary(relax_op.matmul, other, self)

    def __neg__(self) -> Tensor:
        """Minus every element."""
        return emit(relax_op.negative(self.expr), "neg")

    def __abs__(self) -> Tensor:
        """The absolute values."""
        return emit(relax_op.abs(self.expr), "abs")

    def __lt__(self, other: Any) -> Tensor:
        """Where this one is smaller."""
        return binary(relax_op.less, self, other)

    def __le__(self, other: Any) -> Tensor:
        """Where this one is not larger."""
        return binary(relax_op.less_equal, self, other)

    def __gt__(self, other: Any) -> Tensor:
        """Where this one is larger."""
        return binary(relax_op.greater, self, other)

    def __ge__(self, other: Any) -> Tensor:
        """Where this one is not smaller."""
        return binary(relax_op.greater_equal, self, other)


def flattened(x: Tensor, start: int, end: int) -> list[Dim]:
    """The shape of `x` with the axes from `start` to `end` (included) as one."""
    dims = list(x.shape)
    first, last = start % max(len(dims), 1), end % max(len(dims), 1)
    if not dims:
        return [1]
    merged: Any = 1
    for each in dims[first : last + 1]:
        merged = merged * each
    return [*dims[:first], merged, *dims[last + 1 :]]


def as_list(value: Any) -> list[Any]:
    """The items of a list or tuple; anything else as the only one."""
    return [*cast("list[Any]", value)] if isinstance(value, list | tuple) else [value]


def _sizes(given: tuple[Any, ...]) -> list[Any]:
    """`f(2, 3)` and `f((2, 3))` mean the same."""
    return as_list(given[0]) if len(given) == 1 else [*given]


def binary(function: Callable[..., Any], a: Any, b: Any) -> Tensor:
    """An operator of two sides; a plain number takes the dtype of the other side."""
    name = cast("str", getattr(function, "__name__", "value"))
    left, right = unwrapped(a), unwrapped(b)
    if not isinstance(left, Expr):
        left = _operand(left, right)
    elif not isinstance(right, Expr):
        right = _operand(right, left)
    return emit(function(left, right), name)


def _operand(value: Any, other: Expr) -> Expr:
    info = other.struct_info_
    if isinstance(value, PrimExpr):
        # A symbolic extent becomes a tensor without dimensions.
        wanted = str(info.dtype) if isinstance(info, TensorStructInfo) else "int64"
        whole = relax_op.reshape(relax_op.shape_to_tensor([value]), ())
        return emit(relax_op.astype(whole, wanted), "extent").expr
    if isinstance(value, bool | int | float) and isinstance(info, TensorStructInfo):
        return const(value, str(info.dtype))
    return const(value)


def builder() -> BlockBuilder:
    """The builder of the function that is being exported."""
    found = BlockBuilder.current()
    if found is None:
        raise ExportError(
            "The operators of a module compute nothing by themselves: they build a graph.",
            cure="export the module (mod, params = module.export(spec)), build that, and run it; "
            "or use nn.op inside a method that is exported",
        )
    return found


def emit(expr: Any, name: str = "value") -> Any:
    """Bind `expr` in the open function; the result as `nn.Tensor`, tuples of tensors as tuples."""
    if isinstance(expr, Constant):
        return Tensor(expr)
    open_builder = builder()
    found = open_builder.normalize(as_relax_expr(expr))
    if not isinstance(found, Var):
        found = open_builder.bind(found, name)
    return wrapped(found)


def wrapped(value: Expr) -> Any:
    """A bound graph value as the methods of a module see it: tuples as tuples of tensors."""
    info = value.struct_info_
    if isinstance(info, TensorStructInfo):
        return Tensor(value)
    if isinstance(info, TupleStructInfo):
        parts = [TupleGetItem(value, index) for index in range(len(info.fields))]
        return tuple([emit(each, "field") for each in parts])
    return value


def unwrapped(value: Any) -> Any:
    """`value` with every `nn.Tensor` in it replaced by its graph expression."""
    if isinstance(value, Tensor):
        return value.expr
    if isinstance(value, list | tuple):
        items = [unwrapped(each) for each in cast("list[Any]", value)]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        return {key: unwrapped(each) for key, each in table.items()}
    return value
