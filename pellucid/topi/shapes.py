"""Extents and axes: what the operators compute with before they describe an element.

In: extents (integers or expressions) and axes as users give them. Out: expressions as simple as
they can be made, axes counted from the front.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from pellucid import te
from pellucid.arith import Analyzer
from pellucid.ir import arithmetic as ar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var, as_expr
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError

INJECTIVE = "injective"
BROADCAST = "broadcast"


def as_list(value: Any) -> list[Any]:
    """A list or tuple as a list; anything else as the only item."""
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else [value]


def constant(extent: Any) -> int | None:
    """The integer that an extent is, or None."""
    if isinstance(extent, int):
        return extent
    return extent.value if isinstance(extent, IntImm) else None


def simplify(extent: Any) -> PrimExpr:
    """An integer expression in its simplest form."""
    expr = as_expr(extent)
    if isinstance(expr, IntImm):
        return expr
    return Analyzer().simplify(expr)


def same_extent(a: Any, b: Any) -> bool:
    """Whether two extents are provably equal."""
    x, y = constant(a), constant(b)
    if x is not None and y is not None:
        return x == y
    left, right = ar.match_types(a, b)
    return structural_equal(left, right) or Analyzer().can_prove_equal(left, right)


def product(extents: Iterable[Any]) -> PrimExpr:
    """The product of extents; 1 of none."""
    found = list(extents)
    return simplify(functools.reduce(ar.mul, found)) if found else ar.const(1)


def axis_of(axis: Any, rank: int, what: str = "axis") -> int:
    """An axis counted from the front; `-1` is the last one. One that does not exist is an error."""
    number = constant(axis)
    if number is None or not -rank <= number < rank:
        raise TypeMismatchError(
            f"There is no such {what}.",
            expected=f"an integer from {-rank} to {rank - 1}",
            found=repr(axis),
        )
    return number % rank if rank else 0


def axes_of(axis: Any, rank: int) -> list[int]:
    """Axes counted from the front, in order; None means all of them."""
    if axis is None:
        return list(range(rank))
    found = [axis_of(each, rank) for each in as_list(axis)]
    if len(set(found)) != len(found):
        raise TypeMismatchError("An axis is named twice.", found=repr(axis))
    return sorted(found)


def integer(value: Any, what: str) -> int:
    """A constant integer."""
    number = constant(value)
    if number is None:
        raise TypeMismatchError(f"The {what} must be constant.", found=repr(value))
    return number


def integers(value: Any, count: int, what: str) -> list[int]:
    """`count` constant integers; a single one stands for all."""
    found = as_list(value)
    if len(found) == 1:
        found = found * count
    if len(found) != count:
        raise TypeMismatchError(
            f"The {what} does not fit the number of dimensions.",
            expected=f"one integer or {count}",
            found=f"{len(found)}",
        )
    return [integer(each, what) for each in found]


def require_rank(x: te.Tensor, ranks: Sequence[int], what: str) -> None:
    """Raise unless the tensor has one of `ranks` dimensions."""
    if x.ndim not in ranks:
        raise TypeMismatchError(
            f"{what}: {x.name!r} has the wrong number of dimensions.",
            expected=" or ".join(str(rank) for rank in ranks),
            found=str(x.ndim),
        )


class UnequalExtentsError(TypeMismatchError):
    """Extents `pair` that have to be equal and cannot be proved to be."""

    def __init__(self, what: str, pair: tuple[PrimExpr, PrimExpr]) -> None:
        super().__init__(
            f"{what} may differ: they cannot be proved equal.",
            expected=repr(pair[0]),
            found=repr(pair[1]),
            cure="give both one name: in a graph R.match_cast does, and checks it when the program "
            "runs",
        )
        self.what = what
        self.pair = pair


_assumed: ContextVar[bool] = ContextVar("extents_assumed_equal", default=False)


@contextmanager
def extents_assumed_equal() -> Generator[None]:
    """Within it extents that cannot be proved equal count as equal: to learn the shape of a result,
    not to compute it.
    """
    token = _assumed.set(True)
    try:
        yield
    finally:
        _assumed.reset(token)


def require_equal(a: Any, b: Any, what: str) -> None:
    """Raise if two extents are known to differ, or cannot be proved to be equal."""
    x, y = constant(a), constant(b)
    if x is not None and y is not None and x != y:
        raise TypeMismatchError(f"{what} differ.", expected=str(x), found=str(y))
    if not same_extent(a, b) and not _assumed.get():
        raise UnequalExtentsError(what, (as_expr(a), as_expr(b)))


def require_within(count: Any, extent: Any, what: str) -> None:
    """Raise unless `count` elements along an axis are provably no more than its extent."""
    least, most = ar.match_types(count, extent)
    if not _assumed.get() and not Analyzer().can_prove(least <= most):
        raise TypeMismatchError(
            f"{what} may go beyond the elements along an axis.",
            expected=f"at most {extent!r}",
            found=repr(count),
            cure="give both extents one name: in a graph R.match_cast does, and checks it when the "
            "program runs",
        )


def where_any(value: Any, *extents: Any) -> Any:
    """`value`, which reads at indices brought into `extents`, where none of these is 0; else 0."""
    unknown = [each for each in extents if constant(each) is None]
    if not unknown:
        return value
    there = [ar.convert(each) > 0 for each in unknown]
    return ar.if_then_else(functools.reduce(ar.logical_and, there), value, ar.const(0, value.dtype))


def compute(
    shape: Sequence[Any], element: Callable[..., Any], name: str, tag: str = INJECTIVE
) -> te.Tensor:
    """A tensor of `shape`; its loops are named `ax0, ax1, …`."""
    names = [f"ax{axis}" for axis in range(len(shape))]
    return te.compute(list(shape), element, name=name, tag=tag, varargs_names=names)


def ravel(indices: Sequence[Any], shape: Sequence[Any]) -> Any:
    """The position in row-major order of the element at `indices`."""
    position: Any = None
    for index, extent in zip(indices, shape, strict=True):
        position = index if position is None else position * extent + index
    return 0 if position is None else position


def unravel(position: Any, shape: Sequence[Any]) -> list[Any]:
    """The indices of the element at a position in row-major order: the outermost is `position // l`
    with the product `l` of the extents inside, the others `position % (extent · l) // l`.
    """
    zero: Any = ar.const(0, position.dtype) if isinstance(position, PrimExpr) else 0
    indices: list[Any] = []
    inner: Any = 1
    for axis in range(len(shape) - 1, -1, -1):
        if constant(shape[axis]) == 1:
            indices.append(zero)
            continue
        index = position
        around = simplify(ar.convert(inner) * shape[axis])
        if not all(constant(each) == 1 for each in shape[:axis]):
            index = index % (constant(around) or around)
        if constant(inner) != 1:
            index = index // (constant(inner) or inner)
        indices.append(index)
        inner = around
    return indices[::-1]


def ceil_div(a: Any, b: Any) -> PrimExpr:
    """`a / b` rounded up, of integers that are not negative."""
    return simplify((as_expr(a) + b - 1) // b)


def simplify_within(
    expressions: Sequence[Any], variables: Sequence[Any], extents: Sequence[Any]
) -> list[Any]:
    """Index expressions in their simplest form, each variable being from 0 up to its extent."""
    analyzer = Analyzer()
    for var, extent in zip(variables, extents, strict=True):
        if isinstance(var, Var):
            analyzer.bind(var, Range(0, extent))
    return [analyzer.simplify(as_expr(each)) for each in expressions]
