"""What `x[index]` means for a tensor of the graph level, in scripts and in Python.

Integers (which drop their axis), slices, `...` and `None` (a new axis) mean what they mean in
NumPy, and so do integer tensors on axes next to each other, and a single tensor of bools. The
operators are `relax.strided_slice`, `relax.take`, `relax.index_tensor` and `relax.masked_select`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.relax.expr import Expr, PrimValue
from pellucid.relax.op.index import index_tensor, strided_slice, take
from pellucid.relax.op.inference import as_int
from pellucid.relax.op.record import as_tensor, info_of
from pellucid.relax.op.selection import masked_select
from pellucid.relax.op.shape_manipulation import expand_dims, permute_dims, squeeze
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.support.errors import TypeMismatchError

# The end of a slice that has none: beyond every extent.
FAR = 2**31 - 1


class _Parts:
    """What an index says: bounds by axis, axes that go, places of new ones in the result, and
    tensors by axis.
    """

    def __init__(self) -> None:
        self.axes: list[int] = []
        self.begins: list[Any] = []
        self.ends: list[Any] = []
        self.steps: list[Any] = []
        self.dropped: list[int] = []
        self.added: list[int] = []
        self.tensors: dict[int, Expr] = {}
        self.axis = 0
        self.place = 0

    def skip(self, count: int) -> None:
        """Whole axes."""
        self.axis += count
        self.place += count

    def add(self, each: Any) -> None:
        """One item of the index that is no `...`."""
        if each is None:
            self.added.append(self.place)
            self.place += 1
        elif isinstance(each, slice):
            part = cast("Any", each)
            step = 1 if part.step is None else part.step
            begin = part.start if part.start is not None else (0 if step > 0 else -1)
            end = part.stop if part.stop is not None else (FAR if step > 0 else -FAR)
            self._bound(begin, end, step)
            self.place += 1
        elif isinstance(each, int | PrimExpr) and not isinstance(each, bool):
            low = IntImm("int64", each) if type(each) is int else each
            self.dropped.append(self.axis)
            self._bound(low, FAR if as_int(low) == -1 else low + 1, 1)
        else:
            self.tensors[self.axis] = _integers(each)
            self.skip(1)

    def _bound(self, begin: Any, end: Any, step: Any) -> None:
        self.axes.append(self.axis)
        self.begins.append(begin)
        self.ends.append(end)
        self.steps.append(step)
        self.axis += 1


def _integers(each: Any) -> Expr:
    """An index that is a tensor of integers, or an array of them."""
    found = None
    given: object = each
    if isinstance(given, Expr | list) or hasattr(given, "__dlpack__"):
        found = as_tensor(each)
    info = None if found is None else info_of(found)
    if found is None or not isinstance(info, TensorStructInfo):
        raise TypeMismatchError(
            "A tensor is indexed by slices, integers, and tensors of integers.",
            found=f"{type(each).__name__}: {each!r:.80}",
        )
    if not info.dtype.is_integer or info.dtype.is_bool:
        raise TypeMismatchError(
            "An index tensor has integers, or bools for the whole of the tensor.",
            found=repr(info),
            cure="pick elements by a condition with R.where or R.masked_select",
        )
    return found


def subscript(value: Expr, index: Any) -> Expr:
    """The expression of `value[index]`."""
    if _is_mask(index):
        return masked_select(value, index)
    items: list[Any] = [*index] if type(index) is tuple else [index]
    items = [each.value if isinstance(each, PrimValue) else each for each in items]
    parts = _read(items, info_of(value))
    found = value
    if parts.axes:
        found = strided_slice(value, parts.axes, parts.begins, parts.ends, parts.steps)
    if parts.tensors:
        return _gathered(found, parts)
    if parts.dropped:
        found = squeeze(found, parts.dropped)
    return expand_dims(found, parts.added) if parts.added else found


def _is_mask(index: Any) -> bool:
    info = info_of(index) if isinstance(index, Expr) else None
    return isinstance(info, TensorStructInfo) and info.dtype.is_bool


def _read(items: Sequence[Any], info: Any) -> _Parts:
    """The items, with `...` spelled out."""
    rank = info.ndim if isinstance(info, TensorStructInfo) else -1
    used = sum(each is not None and each is not Ellipsis for each in items)
    if rank != -1 and used > rank:
        raise TypeMismatchError(
            "A tensor is indexed with more indices than it has dimensions.",
            expected=f"at most {rank}",
            found=str(used),
        )
    if sum(each is Ellipsis for each in items) > 1:
        raise TypeMismatchError("An index has one `...` at most.", found=f"{len(items)} items")
    parts = _Parts()
    for each in items:
        if each is not Ellipsis:
            parts.add(each)
        elif rank == -1:
            raise TypeMismatchError("`...` needs a tensor whose rank is known.")
        else:
            parts.skip(rank - used)
    return parts


def _gathered(value: Expr, parts: _Parts) -> Expr:
    """The elements at the places that tensors name, on the axes where they stand."""
    axes = sorted(parts.tensors)
    if parts.dropped or parts.added or axes != list(range(axes[0], axes[0] + len(axes))):
        raise TypeMismatchError(
            "Tensors index axes next to each other, beside slices and `...` alone.",
            expected="such as x[:, i] or x[i, j, 1:3]",
            cure="take integers and new axes in a step of their own: x[0][:, i]",
        )
    tensors = [parts.tensors[axis] for axis in axes]
    if len(axes) == 1:
        return take(value, tensors[0], axes[0])
    first, count = axes[0], len(axes)
    if first == 0:
        return index_tensor(value, tensors)
    info = info_of(value)
    ranks = [each.ndim for each in map(info_of, tensors) if isinstance(each, TensorStructInfo)]
    if not isinstance(info, TensorStructInfo) or -1 in (info.ndim, *ranks):
        raise TypeMismatchError("Several index tensors need ranks that are known.")
    # They stand first for the operator, and their common shape goes back to their place.
    order = [*axes, *(axis for axis in range(info.ndim) if axis not in axes)]
    found = index_tensor(permute_dims(value, order), tensors)
    common, rest = max(ranks), info.ndim - count
    back = [
        *range(common, common + first), *range(common), *range(common + first, common + rest),
    ]  # fmt: skip
    return permute_dims(found, back)


Op.get("relax.strided_slice").set_attr("FIndex", subscript)
