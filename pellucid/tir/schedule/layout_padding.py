"""Values for the positions of a layout that hold no element.

In: a function whose buffer is in its new layout already, and the block that writes the buffer. Out:
the function with a value at those positions, too, computed by the block or stored after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import inverse_affine_iter_map
from pellucid.arith.iter_map_terms import IterSumExpr
from pellucid.ir.arithmetic import (
    cast_to,
    const,
    eq,
    ge,
    if_then_else,
    logical_and,
    logical_or,
    lt,
)
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Add, FloorDiv, FloorMod, IntImm, IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.block_layout import require_trivial_nest
from pellucid.tir.schedule.cache import child_position
from pellucid.tir.schedule.edit import insert, replace
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.scope import scope_of
from pellucid.tir.schedule.tree import Spot, Tree
from pellucid.tir.stmt import BufferStore, Evaluate, For, ForKind, Stmt

# Variables for the new indices, and the value of padding in terms of them.
Padding = tuple[list[Var], PrimExpr]


def computed_with_padding(
    func: PrimFunc,
    spot: Spot,
    old: Buffer,
    new: Buffer,
    layout: IndexMap,
    sums: Sequence[IterSumExpr],
    padding: Padding,
) -> PrimFunc | None:
    """The function in which the block computes all positions, each by one instance; None where the
    loops around it are more or less than the elements of the buffer.
    """
    visited = _visits_in_order(spot, old)
    if visited is None:
        return None
    written = Tree(func).blocks[spot.block.token]
    variables = [Var(f"v_axis{k}", e.dtype) for k, e in enumerate(new.shape)]
    loops = [_loop(f"axis{k}", e) for k, e in enumerate(new.shape)]
    others = [v for v in written.block.iter_vars if v.var not in visited]
    moving = _bound(spot, visited)
    rest = [each.loop for each in written.loops() if each.loop.loop_var not in moving]
    known = Analyzer()
    for var, extent in zip(variables, new.shape, strict=True):
        known.bind(var, Range(min=const(0, extent.dtype), extent=extent))
    inverse = inverse_affine_iter_map(sums, list(variables), known)
    outside = _outside(layout, old, variables, inverse)
    values = {
        var: cast_to(var.dtype, inverse.get(initial, const(0, var.dtype)))
        for var, initial in zip(visited, layout.initial_indices, strict=True)
    }
    names = dict(zip(padding[0], variables, strict=True))
    value = substitute(padding[1], {k: cast_to(k.dtype, v) for k, v in names.items()})

    def store_of(part: BufferStore) -> BufferStore:
        element = _At(new, variables, values, known).visit(part.value)
        return BufferStore(new, if_then_else(outside, value, element), variables)

    block = written.block
    assert isinstance(block.body, BufferStore)
    init = store_of(block.init) if isinstance(block.init, BufferStore) else None
    iter_vars = [*_spatial(variables, new.shape), *others]
    changed = block.replace(iter_vars=iter_vars, body=store_of(block.body), init=init)
    changed = with_regions(changed, {**buffers_around(func, written), new.data: new})
    bindings = dict(zip(block.iter_vars, written.realize.iter_values, strict=True))
    binding = [*(each.loop_var for each in loops), *(bindings[each] for each in others)]
    nest: Stmt = BlockRealize(binding, const(True), changed)
    for each in reversed([*loops, *rest]):
        nest = each.replace(body=nest)
    return func.with_body(replace(func.body, {written.loops()[0].node: nest}))


def filled_afterwards(
    func: PrimFunc,
    spot: Spot,
    old: Buffer,
    new: Buffer,
    layout: IndexMap,
    sums: Sequence[IterSumExpr],
    padding: Padding,
) -> PrimFunc:
    """The function with a block, after the writer, that fills the positions without an element."""
    variables = [Var(f"v{k}", extent.dtype) for k, extent in enumerate(new.shape)]
    loops = [_loop(f"ax{k}", e) for k, e in enumerate(new.shape)]
    known = Analyzer()
    for loop in loops:
        known.bind(loop.loop_var, Range(min=loop.min, extent=loop.extent))
    axes = [each.loop_var for each in loops]
    inverse = inverse_affine_iter_map(sums, list(axes), known)
    outside = _outside(layout, old, axes, inverse)
    names = dict(zip(padding[0], variables, strict=True))
    stored = substitute(padding[1], {k: cast_to(k.dtype, v) for k, v in names.items()})
    block = Block(
        _spatial(variables, new.shape),
        (),
        [BufferLoad(new, variables)],
        f"{new.name}_pad",
        BufferStore(new, stored, variables),
    )
    nest: Stmt = BlockRealize(axes, outside, block)
    for each in reversed(loops):
        nest = each.replace(body=nest)
    tree = Tree(func)
    scope = tree.blocks[scope_of(spot).block.token]
    position = child_position(scope, tree.blocks[spot.block.token]) + 1
    body = insert(scope.block.body, position, nest)
    return func.with_body(replace(func.body, {scope.block: scope.block.replace(body=body)}))


def _loop(name: str, extent: PrimExpr) -> For:
    zero = const(0, extent.dtype)
    return For(Var(name, extent.dtype), zero, extent, ForKind.SERIAL, Evaluate(0))


def _spatial(variables: Sequence[Var], shape: Sequence[PrimExpr]) -> list[IterVar]:
    return [
        IterVar(Range(min=const(0, e.dtype), extent=e), var, IterVar.DataPar)
        for var, e in zip(variables, shape, strict=True)
    ]


def _bound(spot: Spot, variables: Sequence[Var]) -> set[PrimExpr]:
    """The loops that bind variables of a block."""
    pairs = zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
    return {value for var, value in pairs if var.var in variables}


def _visits_in_order(spot: Spot, buffer: Buffer) -> list[Var] | None:
    """The variables of a block that stores the elements of a buffer in their order and does nothing
    else; None for other blocks.
    """
    block = spot.block
    parts = [block.body] if block.init is None else [block.init, block.body]
    if len(block.writes) != 1 or block.alloc_buffers or block.match_buffers:
        return None
    spatial = [v for v in block.iter_vars if v.iter_type == IterVar.DataPar]
    indices = [v.var for v in spatial]
    for part in parts:
        if not isinstance(part, BufferStore) or part.buffer is not buffer or part.predicate:
            return None
        loads = [e for e in pre_order(part) if isinstance(e, BufferLoad) and e.buffer is buffer]
        for each in (part, *loads):
            if [id(i) for i in each.indices] != [id(i) for i in indices]:
                return None
    for var, extent in zip(spatial, buffer.shape, strict=True):
        if var.dom is None or not structural_equal(var.dom.extent, extent):
            return None
    loops = [each.loop for each in spot.loops()]
    if not loops or any(e.kind is not ForKind.SERIAL or e.annotations for e in loops):
        return None
    try:
        require_trivial_nest(spot)
    except Refused:
        # The instances are not one for each element: they stay as they are.
        return None
    bindings = dict(zip(block.iter_vars, spot.realize.iter_values, strict=True))
    first = [each.loop_var for each in loops[: len(spatial)]]
    return indices if [id(bindings[v]) for v in spatial] == [id(v) for v in first] else None


def _outside(
    layout: IndexMap, old: Buffer, axes: Sequence[Var], inverse: Mapping[Var, PrimExpr]
) -> PrimExpr:
    """The condition under which the position at `axes` holds no element."""
    known = Analyzer()
    for axis, extent in zip(axes, layout.map_shape(list(old.shape), known), strict=True):
        known.bind(axis, Range(min=const(0, axis.dtype), extent=cast_to(axis.dtype, extent)))
    found: PrimExpr = const(False)
    for var, extent in zip(layout.initial_indices, old.shape, strict=True):
        edges = _edges(var, extent, layout, axes)
        if edges is None:
            index = inverse.get(var, const(0, var.dtype))
            edges = known.simplify(logical_or(lt(index, 0), ge(index, extent)))
        found = logical_or(found, edges)
    return found


def _edges(var: Var, extent: PrimExpr, layout: IndexMap, axes: Sequence[Var]) -> PrimExpr | None:
    """The condition for an index that becomes a tile and a position in it, in terms of these."""
    used = [
        (final, axis)
        for final, axis in zip(layout.final_indices, axes, strict=True)
        if uses_var(final, {var}.__contains__)
    ]
    used.sort(key=lambda pair: isinstance(pair[0], FloorMod))
    if len(used) != 2 or not isinstance(extent, IntImm):
        return None
    (tile, outer), (place, inner) = used
    if not isinstance(tile, FloorDiv) or not isinstance(place, FloorMod):
        return None
    size, begin = tile.b, _distance(tile.a, var)
    alike = structural_equal(tile.a, place.a) and structural_equal(size, place.b)
    if not alike or not isinstance(size, IntImm) or begin is None or begin >= size.value:
        return None
    last, end = divmod(begin + extent.value, size.value)
    found: PrimExpr = const(False)
    if begin:
        found = logical_and(eq(outer, 0), lt(inner, begin))
    if end:
        found = logical_or(found, logical_and(eq(outer, last), ge(inner, end)))
    return found


def _distance(expr: PrimExpr, var: Var) -> int | None:
    """The number that is added to a variable; None for other expressions."""
    if expr is var:
        return 0
    if isinstance(expr, Add) and expr.a is var and isinstance(expr.b, IntImm):
        return expr.b.value if expr.b.value >= 0 else None
    return None


class _At(StmtExprMutator):
    """Moves an expression to the new variables."""

    def __init__(
        self,
        buffer: Buffer,
        variables: Sequence[Var],
        values: Mapping[Var, PrimExpr],
        analyzer: Analyzer,
    ) -> None:
        super().__init__()
        self.buffer = buffer
        self.variables = variables
        self.values = values
        self.analyzer = analyzer

    def visit_var_(self, var: Var) -> PrimExpr:
        """An old variable, in terms of the new ones."""
        return self.values.get(var, var)

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load; of the element itself at the new variables."""
        if load.buffer is self.buffer:
            return BufferLoad(self.buffer, self.variables, load.predicate)
        new: BufferLoad = self.visit_default(load)
        return new.replace(indices=[self.analyzer.simplify(each) for each in new.indices])
