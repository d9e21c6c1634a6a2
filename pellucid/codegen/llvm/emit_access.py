"""Loads, stores and addresses: how accesses to flat buffers become LLVM memory instructions.

In: `BufferLoad` and `BufferStore` on one-dimensional buffers. Out: plain loads and stores for
consecutive elements, several where the lanes are a few runs of elements, masked ones where there is
a predicate, gathers and scatters for everything else. The constant part of an index stays apart
from the rest, which is computed once for the accesses that share it: the instructions of an
unrolled tile differ in a displacement only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.codegen.llvm.convert import from_memory, to_memory
from pellucid.codegen.llvm.emit_expr import ExprEmitter, add_rule
from pellucid.codegen.llvm.types import alignment, lanes, memory_type, split, vector
from pellucid.codegen.llvm.value import Value
from pellucid.ir.dtype import DataType
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Broadcast, Call, IntImm, Ramp, Shuffle
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import InternalError
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.stmt import BufferStore
from pellucid.tir.transform.index_ranges import Linear
from pellucid.tir.transform.ramps import split_lanes

WIDEST_STRIDE = 4
"""Up to this stride, elements are picked out of one wide load instead of being gathered."""


MOST_PIECES = 8
"""Up to so many runs, a vector is put together of them instead of being gathered."""


class AccessEmitter(ExprEmitter):
    """The part of the emitter that reads and writes memory."""

    # Addresses

    def pointer(self, buffer: Buffer) -> Value:
        """Where a buffer's first element is."""
        return self.variable(buffer.data)

    def address(self, buffer: Buffer, index: PrimExpr) -> Value:
        """The address of the element at a scalar index of a flat buffer."""
        return self.address_at(self.pointer(buffer), buffer.dtype, self.ranges.linear(index))

    def address_at(self, base: Value, dtype: DataType, form: Linear) -> Value:
        """The address of element `form` of the array of `dtype` at `base`.

        Only the sum is known to be inside the memory, not what it is made of; so LLVM is not told
        that each step is.
        """
        scalar, count = split(dtype)
        constant, terms = self.dynamic(form)
        place = base
        total = self.partial_sum(terms)
        if total is not None:
            key = ("address", base.name, scalar.memory, count, total.name)
            place = self.cached(key, lambda: self.moved(base, scalar.memory, total, count))
        return self.f.gep(scalar.memory, place, constant * count, "")

    def moved(self, base: Value, element: str, index: Value, count: int) -> Value:
        """`base` plus `index` elements of `count` lanes."""
        return self.f.gep(element, base, self.f.mul(index, count), "")

    # Loads

    def load(self, expr: Any) -> Value:
        """A BufferLoad."""
        index, mask = self.only_index(expr.buffer, expr.indices), expr.predicate
        dtype: DataType = expr.dtype
        if mask is not None and self.may_read_all(mask, expr.buffer, index):
            mask = None
        if index.dtype.lanes == 1:
            return self.load_one(expr.buffer, index, dtype, mask)
        if isinstance(index, Broadcast):
            one = self.load_lane(expr.buffer, index.value, mask)
            return self.repeat(one, index.lanes, expr.buffer.dtype.lanes)
        stride = _stride(index)
        if stride == 1 and isinstance(index, Ramp):
            return self.load_run(expr.buffer, index.base, dtype, mask)
        if stride is not None and mask is None and isinstance(index, Ramp):
            picked = self.load_strided(expr.buffer, index, stride, dtype)
            if picked is not None:
                return picked
        pieces = None if mask is not None else self.pieces(expr.buffer, index)
        if pieces is not None:
            return self.load_pieces(expr.buffer, *pieces, dtype)
        return self.gather(expr.buffer, index, dtype, mask)

    def pieces(self, buffer: Buffer, index: PrimExpr) -> tuple[Linear, list[int], int] | None:
        """An index vector as runs of equal length: what they count from, where each begins, and the
        length. None where there are no such runs, or too many.
        """
        split_index = split_lanes(index) if buffer.dtype.lanes == 1 else None
        if split_index is None:
            return None
        base, offsets = split_index
        starts = [
            lane
            for lane, offset in enumerate(offsets)
            if lane == 0 or offset != offsets[lane - 1] + 1
        ]
        length = len(offsets) // len(starts)
        if len(starts) > MOST_PIECES or starts != list(range(0, len(offsets), length)):
            return None
        return self.ranges.linear(base), [offsets[lane] for lane in starts], length

    def load_pieces(
        self, buffer: Buffer, base: Linear, offsets: list[int], length: int, dtype: DataType
    ) -> Value:
        """Runs of elements, one load each, side by side."""
        part = dtype.with_lanes(length)
        loaded: list[Value] = []
        for offset in offsets:
            place = self.address_at(self.pointer(buffer), buffer.dtype, moved_by(base, offset))
            loaded.append(self.f.load(memory_type(part), place, alignment(dtype)))
        return from_memory(self.f, self.f.concat(loaded), dtype)

    def store_pieces(
        self, value: Value, buffer: Buffer, base: Linear, offsets: list[int], length: int
    ) -> None:
        """Runs of elements, one store each, in the order of the lanes."""
        for number, offset in enumerate(offsets):
            place = self.address_at(self.pointer(buffer), buffer.dtype, moved_by(base, offset))
            lane = number * length
            part = (
                self.f.extract(value, lane)
                if length == 1
                else self.f.shuffle(value, None, range(lane, lane + length))
            )
            self.f.store(part, place, alignment(buffer.dtype))

    def may_read_all(self, mask: PrimExpr, buffer: Buffer, index: PrimExpr) -> bool:
        """Whether the lanes that `mask` leaves out may be read as well: nothing uses them, and they
        are inside the buffer.
        """
        idle = self.idle_without
        if idle is None or not (mask is idle or structural_equal(mask, idle)):
            return False
        return self.is_inside(buffer, index)

    def is_inside(self, buffer: Buffer, index: PrimExpr) -> bool:
        """Whether all lanes of an index lie inside a flat buffer of constant size."""
        if len(buffer.shape) != 1 or not isinstance(buffer.shape[0], IntImm):
            return False
        low, high = self.ranges.interval(index)
        return low >= 0 and high < buffer.shape[0].value

    def only_index(self, buffer: Buffer, indices: tuple[PrimExpr, ...]) -> PrimExpr:
        """The index of an access to a flat buffer."""
        if len(indices) != 1:
            raise InternalError(f"an access to {buffer.name!r} has {len(indices)} indices")
        return indices[0]

    def load_one(
        self, buffer: Buffer, index: PrimExpr, dtype: DataType, mask: PrimExpr | None
    ) -> Value:
        """One element (which may be a vector)."""
        if mask is None:
            place = self.address(buffer, index)
            return self.read(place, dtype)
        if mask.dtype.lanes > 1:
            return self.load_run(buffer, index, dtype, mask)
        zero = Value(vector(split(dtype)[0].register, dtype.lanes), "zeroinitializer")
        return self.branches(
            self.expr(mask), lambda: self.read(self.address(buffer, index), dtype), lambda: zero
        )

    def read(self, place: Value, dtype: DataType) -> Value:
        """A value of `dtype` from an address."""
        loaded = self.f.load(memory_type(dtype), place, alignment(dtype))
        return from_memory(self.f, loaded, dtype)

    def load_lane(self, buffer: Buffer, index: PrimExpr, mask: PrimExpr | None) -> Value:
        """The element that all lanes read, if any of them does."""
        if mask is None:
            return self.load_one(buffer, index, buffer.dtype, None)
        any_lane = self.f.reduce("or", self.expr(mask))
        zero = Value(vector(split(buffer.dtype)[0].register, buffer.dtype.lanes), "zeroinitializer")
        return self.branches(
            any_lane,
            lambda: self.read(self.address(buffer, index), buffer.dtype),
            lambda: zero,
        )

    def repeat(self, value: Value, count: int, inner: int) -> Value:
        """`value` in each of `count` lanes, or groups of `inner` lanes."""
        if inner == 1:
            return self.f.splat(value, count)
        return self.f.shuffle(value, None, [lane % inner for lane in range(inner * count)])

    def load_run(
        self, buffer: Buffer, base: PrimExpr, dtype: DataType, mask: PrimExpr | None
    ) -> Value:
        """Consecutive elements."""
        if mask is None:
            return self.read(self.address(buffer, base), dtype)
        active = self.lane_mask(mask, dtype)
        type_ = memory_type(dtype)
        zero = Value(type_, "zeroinitializer")
        place = self.address(buffer, base)
        loaded = self.f.masked_load(type_, place, alignment(dtype), active, zero)
        return from_memory(self.f, loaded, dtype)

    def lane_mask(self, mask: PrimExpr, dtype: DataType) -> Value:
        """The predicate with a lane for each lane of `dtype`."""
        value = self.expr(mask)
        count = lanes(value.type)
        if count == dtype.lanes:
            return value if count > 1 else self.f.splat(value, 1)
        if count == 1:
            return self.f.splat(value, dtype.lanes)
        inner = dtype.lanes // count
        return self.f.shuffle(value, None, [lane // inner for lane in range(dtype.lanes)])

    def load_strided(
        self, buffer: Buffer, index: Ramp, stride: int, dtype: DataType
    ) -> Value | None:
        """Elements of a small constant stride out of one wide load; None for other strides."""
        if buffer.dtype.lanes != 1 or (not 1 < abs(stride) <= WIDEST_STRIDE and stride != -1):
            return None
        span = (index.lanes - 1) * abs(stride) + 1
        form = self.ranges.linear(index.base)
        first = 0
        if stride < 0:
            first = span - 1
            form = Linear(form.constant - first, form.terms)
        wide = dtype.with_lanes(span)
        place = self.address_at(self.pointer(buffer), buffer.dtype, form)
        run = self.f.load(memory_type(wide), place, alignment(dtype))
        picks = [first + stride * lane for lane in range(index.lanes)]
        return from_memory(self.f, self.f.shuffle(run, None, picks), dtype)

    def element_addresses(self, buffer: Buffer, index: PrimExpr) -> Value:
        """The address of each scalar element that a vector index touches."""
        scalar, inner = split(buffer.dtype)
        places = self.expr(index)
        count = lanes(places.type)
        if inner > 1:
            wide = self.f.cast("sext", places, vector("i64", count))
            spread = self.f.shuffle(wide, None, [lane // inner for lane in range(count * inner)])
            scaled = self.f.binary("mul", spread, self.f.iconst(spread.type, inner))
            steps = ", ".join(f"i64 {lane % inner}" for lane in range(count * inner))
            places = self.f.binary("add", scaled, Value(spread.type, f"<{steps}>"))
        elif not index.dtype.is_int:
            places = self.f.cast("zext", places, vector("i64", count))
        return self.f.gep(scalar.memory, self.pointer(buffer), places, "")

    def gather(
        self, buffer: Buffer, index: PrimExpr, dtype: DataType, mask: PrimExpr | None
    ) -> Value:
        """Elements from anywhere."""
        active = None if mask is None else self.lane_mask(mask, dtype)
        type_ = memory_type(dtype)
        zero = None if mask is None else Value(type_, "zeroinitializer")
        places = self.element_addresses(buffer, index)
        loaded = self.f.gather(type_, places, alignment(dtype), active, zero)
        return from_memory(self.f, loaded, dtype)

    # Stores

    def store(self, statement: BufferStore) -> None:
        """A BufferStore: the value first, then where it goes."""
        buffer = statement.buffer
        index = self.only_index(buffer, statement.indices)
        dtype = statement.value.dtype
        mask = statement.predicate
        value = to_memory(self.f, self.stored_value(statement.value, mask), dtype)
        if index.dtype.lanes == 1 and (mask is None or mask.dtype.lanes == 1):
            self.when(mask, lambda: self.write(value, self.address(buffer, index), dtype))
            return
        active = None if mask is None else self.lane_mask(mask, dtype)
        if index.dtype.lanes == 1 or (isinstance(index, Ramp) and _stride(index) == 1):
            base = index.base if isinstance(index, Ramp) else index
            place = self.address(buffer, base)
            if active is None:
                self.write(value, place, dtype)
            elif buffer.data in self.stack and self.is_inside(buffer, index):
                # Nobody else sees this memory, and LLVM makes registers of whole accesses only.
                old = self.f.load(memory_type(dtype), place, alignment(dtype))
                self.write(self.f.select(active, value, old), place, dtype)
            else:
                self.f.masked_store(value, place, alignment(dtype), active)
            return
        pieces = None if active is not None else self.pieces(buffer, index)
        if pieces is not None:
            self.store_pieces(value, buffer, *pieces)
            return
        self.f.scatter(value, self.element_addresses(buffer, index), alignment(dtype), active)

    def stored_value(self, expr: PrimExpr, mask: PrimExpr | None) -> Value:
        """The value of a store; of a masked one only the lanes that it stores matter, as long as no
        operation in it moves lanes about.
        """
        if mask is None or mask.dtype.lanes == 1 or any(map(_moves_lanes, pre_order(expr))):
            return self.expr(expr)
        before, self.idle_without = self.idle_without, mask
        value = self.expr(expr)
        self.idle_without = before
        return value

    def write(self, value: Value, place: Value, dtype: DataType) -> None:
        """Store a value in its memory form."""
        self.f.store(value, place, alignment(dtype))

    def when(self, condition: PrimExpr | None, action: Callable[[], None]) -> None:
        """Do something where a scalar condition holds (always without one)."""
        if condition is None:
            action()
            return
        with self.f.when(self.expr(condition)), self.region():
            action()


def _moves_lanes(node: Any) -> bool:
    """Whether lanes of an operation's value come from other lanes of its operands."""
    if isinstance(node, Shuffle):
        return True
    if not isinstance(node, Call) or not isinstance(node.op, Op):
        return isinstance(node, Call)
    return node.op.name not in _IN_LANES and node.op.get_attr("numpy") is None


_IN_LANES = frozenset({"tir.if_then_else", "tir.likely"})


def moved_by(form: Linear, distance: int) -> Linear:
    """A linear form plus a constant."""
    return Linear(form.constant + distance, form.terms)


def _stride(index: PrimExpr) -> int | None:
    """The constant stride of a ramp of scalars, or None."""
    if isinstance(index, Ramp) and index.base.dtype.lanes == 1 and isinstance(index.stride, IntImm):
        return index.stride.value
    return None


add_rule(BufferLoad, lambda emitter, expr: emitter.load(expr))
