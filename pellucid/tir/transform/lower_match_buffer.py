"""LowerMatchBuffer: views of regions become accesses to the buffer they view.

    W = T.match_buffer(A[i : i + 4, 0:8], (4, 8))      W[x, y]   →   A[i + x, y]

Before: opaque blocks with match buffers. After: none. Strides and offsets that the view leaves free
are bound to those of the source; the view's pointer becomes the source's.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.arithmetic import add, const, match_types, mul
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.transform import Pass
from pellucid.support.errors import PassError, UnsupportedError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, strides_of
from pellucid.tir.function import PrimFunc
from pellucid.tir.op_calls import address_of
from pellucid.tir.stmt import BufferStore
from pellucid.tir.transform.contract import forbid
from pellucid.tir.transform.folding import Folder
from pellucid.tir.transform.passes import stage
from pellucid.tir.transform.ramps import moved


class _LowerMatch(Folder):
    def __init__(self) -> None:
        super().__init__()
        # view → (source buffer, offsets of the view's dimensions and of those that it drops)
        self.views: dict[Buffer, tuple[Buffer, list[PrimExpr]]] = {}
        # pointer of a view that says it is compact, and is not → what it views
        self.scattered: dict[Var, BufferRegion] = {}

    def visit_block_(self, block: Any) -> Any:
        """Bind the views, then rewrite what uses them."""
        if not block.match_buffers:
            return self.visit_default(block)
        for match in block.match_buffers:
            self.bind(match)
        return self.visit_default(block.replace(match_buffers=()))

    def bind(self, match: MatchBufferRegion) -> None:
        """Enter a view, and bind its pointer, strides and offset."""
        view, source = match.buffer, self.visit_region(match.source)
        if view.dtype != source.buffer.dtype:
            raise UnsupportedError(
                f"The view {view.name!r} reads its region as another dtype.",
                expected=str(source.buffer.dtype),
                found=str(view.dtype),
                cure="give the view the dtype of the buffer",
            )
        drop = len(source.region) - len(view.shape)
        if drop < 0:
            raise PassError(f"The view {view.name!r} has more dimensions than its region.")
        lows = [each.min for each in source.region]
        self.views[view] = (source.buffer, lows)
        if not view.strides and not _is_compact(source):
            self.scattered[view.data] = source
        # A view with an offset of its own counts from the source's pointer, another from its start.
        whole = isinstance(view.elem_offset, Var)
        self.replaced[view.data] = (
            source.buffer.data if whole else address_of(BufferLoad(source.buffer, lows))
        )
        for each, extent in zip(view.shape, source.region[drop:], strict=True):
            self.bind_value(each, extent.extent)
        strides = strides_of(source.buffer)
        for each, stride in zip(view.strides, strides[drop:], strict=False):
            self.bind_value(each, stride)
        offset = source.buffer.elem_offset
        for low, stride in zip(source.region, strides, strict=True):
            offset = add(offset, mul(low.min, stride))
        self.bind_value(view.elem_offset, offset)

    def bind_value(self, place: PrimExpr, value: PrimExpr) -> None:
        """A free variable of the view gets its value; what is no variable holds already."""
        if isinstance(place, Var) and place not in self.replaced:
            self.replaced[place] = value

    def visit_call_(self, node: Any) -> Any:
        """A pointer of a view for someone who does not know how its rows lie."""
        for arg in node.args:
            region = self.scattered.get(arg) if isinstance(arg, Var) else None
            if region is not None:
                raise UnsupportedError(
                    f"The pointer of the view {arg.name!r} is handed out, and the rows of its "
                    "region do not follow each other.",
                    expected="a view with strides that take those of the region",
                    found=repr(region),
                    cure="s = T.int32(); T.match_buffer(region, shape, strides=[s, 1], "
                    "offset_factor=1), and pass the stride along",
                )
        return super().visit_call_(node)

    def visit_region(self, region: BufferRegion) -> BufferRegion:
        """The region in terms of real buffers."""
        return self.visit(region)

    def indices(self, buffer: Buffer, indices: Any) -> tuple[Buffer, list[PrimExpr]]:
        """The source of a view and the indices there."""
        source, offsets = self.views[buffer]
        drop = len(offsets) - len(indices)
        inner = [moved(index, low) for low, index in zip(offsets[drop:], indices, strict=True)]
        return source, [*offsets[:drop], *inner]

    def visit_buffer_load_(self, node: Any) -> Any:
        """A load through a view."""
        node = self.visit_default(node)
        if node.buffer not in self.views:
            return node
        return BufferLoad(*self.indices(node.buffer, node.indices), node.predicate, span=node.span)

    def visit_buffer_store_(self, node: Any) -> Any:
        """A store through a view."""
        node = self.visit_default(node)
        if node.buffer not in self.views:
            return node
        source, indices = self.indices(node.buffer, node.indices)
        return BufferStore(source, node.value, indices, node.predicate, span=node.span)

    def visit_buffer_region_(self, node: Any) -> Any:
        """A region of a view."""
        node = self.visit_default(node)
        if node.buffer not in self.views:
            return node
        source, lows = self.indices(node.buffer, [each.min for each in node.region])
        drop = len(lows) - len(node.region)
        ranges = [_unit(low) for low in lows[:drop]]
        for low, each in zip(lows[drop:], node.region, strict=True):
            ranges.append(each.replace(min=low))
        return BufferRegion(source, ranges, span=node.span)


def _is_compact(region: BufferRegion) -> bool:
    """Whether the elements of a region follow each other without gaps, as far as can be seen."""
    step: PrimExpr = const(1, "int32")
    for each, stride in zip(
        reversed(region.region), reversed(strides_of(region.buffer)), strict=True
    ):
        extent = each.extent
        if isinstance(extent, IntImm) and extent.value == 1:
            continue
        a, b = match_types(stride, step)
        if not structural_equal(a, b):
            return False
        step = mul(*match_types(extent, step))
    return True


def _unit(low: PrimExpr) -> Range:
    return Range(min=low, extent=IntImm(low.dtype, 1))


def lower_match_buffer(func: PrimFunc) -> PrimFunc:
    """The function without views of regions."""
    return func.with_body(_LowerMatch().visit(func.body))


def verify_no_match_buffer(func: PrimFunc) -> None:
    """No block has match buffers."""
    forbid(
        func,
        "LowerMatchBuffer",
        "block with match buffers",
        lambda node: isinstance(node, Block) and bool(node.match_buffers),
    )


def LowerMatchBuffer() -> Pass:
    """The pass that removes views of regions."""
    return stage("LowerMatchBuffer", lower_match_buffer, verify_no_match_buffer)
