"""Changing the layout of buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.arith.iter_map_terms import IterSumExpr
from pellucid.ir.arithmetic import const
from pellucid.ir.node import Map
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloatImm, IntImm, Range, Var, as_expr
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.copies import require_plain_access
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.layout_padding import computed_with_padding, filled_afterwards
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused, mismatch_refused
from pellucid.tir.schedule.regions import BlockRewriter
from pellucid.tir.schedule.reindex import (
    BufferChoice,
    Layout,
    as_index_map,
    chosen_buffer,
)
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, Stmt

PadValue = int | float | bool | Callable[..., Any] | IndexMap | None


class LayoutPrimitives(ScheduleCore):
    """`transform_layout` and `set_axis_separator`."""

    @primitive
    def transform_layout(
        self,
        block: BlockRV | str,
        buffer: BufferChoice,
        index_map: Layout,
        pad_value: PadValue = None,
        *,
        axis_separators: Sequence[int] | None = None,
        assume_injective_transform: bool = False,
    ) -> None:
        """Store a buffer in another layout: the element at `i` goes to `index_map(*i)`.

            B = T.alloc_buffer((16, 16))               B = T.alloc_buffer((4, 16, 4))
            B[vi, vj] = A[vi, vj]             →        B[vi // 4, vj, vi % 4] = A[vi, vj]

        for `lambda i, j: (i // 4, j, i % 4)`. `buffer` is ("read", position), ("write", position),
        or a name. All accesses in the function follow; a parameter changes the function's
        signature. `axis_separators`, or `IndexMap.AXIS_SEPARATOR` among the results, say after
        which dimensions the buffer is divided into physical axes. Where the
        map leaves positions without an element, `pad_value` (a number, or a function of the new
        indices) is stored there: by the block itself where its loops are just the elements of the
        buffer, which then become the new positions, else by a block after it. In a parameter that
        is only read the caller is taken to have put it there.

            >>> sch = Schedule(chain)
            >>> sch.transform_layout("B", ("write", 0), lambda i, j: (j // 4, i, j % 4))

        Conditions: the buffer is a parameter or allocated by a block, compact, and not used through
        its pointer, views or calls; symbolic sizes stay dimensions of parameters;
        the map is injective: digits of the indices that cover each (`assume_injective_transform`
        takes it on trust, and leaves positions without an element undefined if there is no
        `pad_value`); a function of padding values loads nothing from memory.
        """
        spot = self.block(block)
        name = self.name_of(block)
        func = self.tree(name).func
        target, written = chosen_buffer(spot, buffer)
        separators = list(axis_separators or ())
        if callable(index_map) and not isinstance(index_map, IndexMap):
            dtype = str(target.shape[0].dtype) if target.shape else "int32"
            try:
                index_map, found = IndexMap.from_func_with_separators(
                    index_map, len(target.shape), index_dtype=dtype
                )
            except TypeMismatchError as error:
                raise mismatch_refused(error) from None
            separators = separators or found
        layout = self.in_sizes(as_index_map(index_map, len(target.shape), "int32"))
        self.note(index_map=layout, axis_separators=separators or None)
        _require_relayable(func, target, spot)
        analyzer = self.analyzer(name)
        sums: list[IterSumExpr] | None = None
        if not assume_injective_transform:
            sums = _padding_of(layout, target, analyzer, spot)
            if sums is not None and pad_value is None:
                raise Refused(
                    f"the layout has positions without an element of {target.name!r}",
                    spot,
                    cure="give pad_value; assume_injective_transform=True leaves them undefined",
                )
        value = self._pad_value(pad_value, layout, target)
        shape = layout.map_shape(list(target.shape), analyzer.copy())
        new = decl_buffer(
            shape,
            target.dtype,
            target.name,
            scope=target.scope(),
            data_alignment=target.data_alignment,
            axis_separators=[const(each) for each in separators],
        )
        moved = relaid(func, target, new, layout, analyzer)
        _require_sizes(func, moved, spot)
        if value is not None and sums is not None and written:
            filled = computed_with_padding(moved, spot, target, new, layout, sums, value)
            if filled is None:
                filled = filled_afterwards(moved, spot, target, new, layout, sums, value)
            moved = filled
        self.commit(name, moved)

    def _pad_value(
        self, value: Any, layout: IndexMap, target: Buffer
    ) -> tuple[list[Var], PrimExpr] | None:
        """The value of padding, in terms of variables for the new indices."""
        if value is None:
            return None
        rank = len(layout.final_indices)
        found: IndexMap | None = None
        if isinstance(value, IndexMap) or callable(value):
            found = as_index_map(value, rank, "int32")
            if any(isinstance(each, BufferLoad) for each in pre_order(found)):
                raise Refused("a padding value loads from memory", found=repr(found))
            if len(found.final_indices) != 1:
                raise Refused("a padding value is one value", found=str(len(found.final_indices)))
            single = found.final_indices[0]
            if isinstance(single, IntImm | FloatImm):
                value, found = single.value, None
            else:
                found = self.in_sizes(found)
            self.note(pad_value=value if found is None else found)
        if found is None:
            indices = [Var(f"i{k}", "int32") for k in range(rank)]
            problem = Refused(f"the padding value is no {target.dtype}", found=repr(value))
            if not isinstance(value, int | float | PrimExpr):
                raise problem
            try:
                found = IndexMap(indices, [const(value, str(target.dtype))])
            except TypeMismatchError as error:
                raise problem from error
        result: PrimExpr = as_expr(found.final_indices[0])
        if result.dtype != target.dtype:
            result = result.astype(str(target.dtype))
        return list(found.initial_indices), result

    @primitive
    def set_axis_separator(
        self, block: BlockRV | str, buffer: BufferChoice, axis_separators: Sequence[int]
    ) -> None:
        """Say after which dimensions a buffer is divided into physical axes.

            >>> sch = Schedule(chain)
            >>> sch.set_axis_separator("B", ("write", 0), [1])

        Conditions: the buffer is a parameter or allocated by a block, not used through its pointer,
        views or calls; the separators rise, and lie between 0 and the number of dimensions.
        """
        spot = self.block(block)
        name = self.name_of(block)
        func = self.tree(name).func
        target, _ = chosen_buffer(spot, buffer)
        separators = list(axis_separators)
        rank = len(target.shape)
        if separators != sorted(set(separators)) or any(not 0 <= s <= rank for s in separators):
            raise Refused(
                "the axis separators do not rise from 0 to the number of dimensions",
                spot,
                expected=f"numbers from 0 to {rank}, each once, rising",
                found=repr(separators),
            )
        _require_relayable(func, target, spot)
        new = target.replace(
            data=target.data.fresh(), axis_separators=[const(each) for each in separators]
        )
        identity = IndexMap.from_func(lambda *i: list(i), rank, index_dtype="int32")
        self.commit(name, relaid(func, target, new, identity, self.analyzer(name)))


def _require_relayable(func: PrimFunc, buffer: Buffer, spot: Spot) -> None:
    """Refuse buffers whose layout something outside of plain accesses relies on."""
    parameter = any(each is buffer for each in func.buffer_map.values())
    owners = [
        each
        for each in pre_order(func.body)
        if isinstance(each, Block) and buffer in each.alloc_buffers
    ]
    if not parameter and not owners:
        raise Refused(
            f"the buffer {buffer.name!r} is neither a parameter nor allocated by a block", spot
        )
    if buffer.strides:
        raise Refused(f"the buffer {buffer.name!r} has strides", spot)
    if parameter:
        require_plain_access(func.body, buffer, spot)
    for owner in owners:
        kept = [each for each in owner.alloc_buffers if each is not buffer]
        require_plain_access(owner.replace(alloc_buffers=kept), buffer, spot)


def _require_sizes(before: PrimFunc, after: PrimFunc, spot: Spot) -> None:
    """Refuse where a size could not be read off a parameter any more."""
    old, new = (
        [e for buffer in func.buffer_map.values() for e in buffer.shape if isinstance(e, Var)]
        for func in (before, after)
    )
    lost = [each for each in old if each not in new and each not in after.params]
    if lost:
        raise Refused(
            f"the size {lost[0].name!r} would be no dimension of a parameter any more",
            spot,
            expected="a layout that keeps the dimension in some parameter",
        )


def _padding_of(
    layout: IndexMap, buffer: Buffer, analyzer: Analyzer, spot: Spot
) -> list[IterSumExpr] | None:
    """The final indices as sums of digits of the initial ones; None where no position stays
    without an element.
    """
    domains = {
        var: Range(min=const(0, var.dtype), extent=_as(extent, var))
        for var, extent in zip(layout.initial_indices, buffer.shape, strict=True)
    }
    found = detect_iter_map(
        [as_expr(each) for each in layout.final_indices],
        domains,
        check_level=IterMapLevel.BIJECTIVE,
        padded=True,
        analyzer=analyzer,
    )
    if found.errors:
        raise Refused(
            "the index map is not injective",
            spot,
            expected="digits of the indices, each once",
            found=found.errors[0],
            cure="assume_injective_transform=True takes it on trust",
        )
    predicate = found.padding_predicate
    padded = not (isinstance(predicate, IntImm) and predicate.value == 0)
    return found.indices if padded else None


def _as(extent: PrimExpr, var: Var) -> PrimExpr:
    return const(extent.value, var.dtype) if isinstance(extent, IntImm) else extent


class _Relayout(BlockRewriter):
    """Leads all accesses to a buffer through an index map."""

    def __init__(
        self,
        buffers: dict[Var, Buffer],
        old: Buffer,
        new: Buffer,
        layout: IndexMap,
        analyzer: Analyzer,
    ) -> None:
        super().__init__(buffers)
        self.old = old
        self.new = new
        self.layout = layout
        self.analyzer = analyzer

    def indices(self, indices: Sequence[PrimExpr]) -> list[PrimExpr]:
        """New indices, as wide as the widest of the old ones."""
        if not indices:
            return self.layout.map_indices([], self.analyzer)
        widest = max((each.dtype for each in indices), key=lambda dtype: dtype.bits)
        given = [each if each.dtype == widest else each.astype(str(widest)) for each in indices]
        # A variable that only moves to another place stays, also one of a single value.
        moved = dict(zip(self.layout.initial_indices, given, strict=True))
        mapped = self.layout.map_indices(given, self.analyzer)
        return [
            moved[final] if isinstance(final, Var) and isinstance(moved.get(final), Var) else index
            for final, index in zip(self.layout.final_indices, mapped, strict=True)
        ]

    def visit_for_(self, loop: For) -> Stmt:
        """A loop, whose range helps to simplify."""
        domain = Range(min=loop.min, extent=loop.extent)
        self.analyzer.bind(loop.loop_var, domain, allow_override=True)
        return self.visit_default(loop)

    def rewritten(self, block: Block) -> Block:
        """A block; its variables' domains help to simplify, and it may allocate the buffer."""
        for each in block.iter_vars:
            if each.dom is not None:
                self.analyzer.bind(each.var, each.dom, allow_override=True)
        new = super().rewritten(block)
        if self.old in block.alloc_buffers:
            self.buffers[self.new.data] = self.new
            kept = [self.new if each is self.old else each for each in block.alloc_buffers]
            new = new.replace(alloc_buffers=kept)
        return new

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load."""
        found: BufferLoad = self.visit_default(load)
        if found.buffer is not self.old:
            return found
        return BufferLoad(self.new, self.indices(found.indices), found.predicate)

    def visit_buffer_store_(self, store: BufferStore) -> Stmt:
        """A store."""
        found: BufferStore = self.visit_default(store)
        if found.buffer is not self.old:
            return found
        return found.replace(buffer=self.new, indices=self.indices(found.indices))


def relaid(
    func: PrimFunc, old: Buffer, new: Buffer, layout: IndexMap, analyzer: Analyzer
) -> PrimFunc:
    """The function with one buffer in another layout."""
    table = {each.data: each for each in func.buffer_map.values()}
    table[new.data] = new
    body = _Relayout(table, old, new, layout, analyzer.copy()).visit(func.body)
    changed = {k: new if each is old else each for k, each in func.buffer_map.items()}
    return func.replace(body=body, buffer_map=Map(changed))
