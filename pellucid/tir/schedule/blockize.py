"""Making a block of the inner loops of a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import normalize_iter_map_to_expr
from pellucid.arith.iter_map_divide import SubspaceDivision, subspace_divide
from pellucid.arith.iter_map_terms import IterMark, IterSumExpr, is_const
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import add, cast_to, const, logical_and, mul
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import substitute, uses_var
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer
from pellucid.tir.schedule.bindings import bind_loops
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import common_place
from pellucid.tir.schedule.edit import replace, statements
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.scope import loop_ranges, only_block, require_no_repetition
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import For, Stmt, seq
from pellucid.tir.stmt_functor import renew_defs


class BlockizePrimitives(ScheduleCore):
    """`blockize`."""

    @primitive
    def blockize(
        self, target: LoopRV | list[BlockRV | str], preserve_unit_iters: bool = True
    ) -> BlockRV:
        """Make a block of a loop and all that is inside, or of several blocks.

            for i_0, i_1 in T.grid(4, 8):              for i_0 in range(4):
                with T.block("B"):                         with T.block("B_o"):
                    vi = T.axis.spatial(32,                    vi_o = T.axis.spatial(4, i_0)
                        i_0 * 8 + i_1)          →              for i_1 in range(8):
                                                                   with T.block("B"):
                                                                       vi_i = T.axis.spatial(8, i_1)

        Each iteration variable becomes an outer one `…_o` and an inner one `…_i`; inner ones of one
        value are left out, and without `preserve_unit_iters` outer ones of one value are not used.
        Where the outer block has a reduction variable, also one of a single value, the init goes to
        it, as a block `…_init`. Blocks that are given as a list must be all that is in the closest
        loop around them; they share outer variables. Gives the outer block, `…_o` or, of several,
        `outer_B_C_`.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> rows = sch.blockize(j)

        Conditions: exactly one block is below a loop that is given; the bindings are affine and can
        be divided between outer and inner loops; bounds of inner loops do not depend on outer ones;
        several blocks divide their variables at the same outer loops and run under one condition
        there; a reduction with an init begins in the loops.
        """
        if isinstance(target, LoopRV):
            spots, name = [only_block(self.loop(target))], self.name_of(target)
            inner = [spots[0].loops_from(self.loop(target))]
            node: Stmt = self.loop(target).loop
        else:
            if not target:
                raise Refused("there are no blocks")
            spots, name = [self.block(each) for each in target], self.name_of(target[0])
            inner, node = _below_common_place(spots)
        func = self.tree(name).func
        parts = [
            _divide(spot, loops, self.analyzer(name))
            for spot, loops in zip(spots, inner, strict=True)
        ]
        _require_one_condition(spots, parts)
        outer = _Outer(preserve_unit_iters)
        table: dict[Block | BlockRealize, Block | BlockRealize] = {}
        inits: list[Stmt] = []
        for spot, loops, part in zip(spots, inner, parts, strict=True):
            realize = _inner_realize(spot, part, outer, buffers_around(func, spot))
            lifted = outer.reduces and spot.block.init is not None
            if lifted:
                require_no_repetition(spot, loops)
                inits.append(_init_nest(realize, loops))
                bare = with_regions(realize.block.replace(init=None), buffers_around(func, spot))
                realize = realize.replace(block=bare)
            table[spot.realize] = realize
        body = replace(node, table)
        token = BlockToken()
        names = "".join(f"{each.name}_" for each in spots)
        block = Block(
            outer.iter_vars,
            (),
            (),
            f"{names}o" if isinstance(target, LoopRV) else f"outer_{names}",
            body,
            seq(*inits) if inits else None,
            token=token,
        )
        block = with_regions(block, buffers_around(func, spots[0]))
        new = BlockRealize(outer.values, parts[0].outer_predicate, block)
        self.commit(name, replace(func.body, {node: new}))
        return self.new_block(name, token, block.name_hint)


def _require_one_condition(spots: Sequence[Spot], parts: Sequence[SubspaceDivision]) -> None:
    """Refuse blocks that do not run in the same iterations of the loops around."""
    wanted = parts[0].outer_predicate
    for spot, part in zip(spots, parts, strict=True):
        if not structural_equal(part.outer_predicate, wanted):
            raise Refused(
                f"the blocks {spots[0].name!r} and {spot.name!r} run under different conditions",
                spots[0],
                spot,
                expected=repr(wanted),
                found=repr(part.outer_predicate),
            )


def _below_common_place(spots: Sequence[Spot]) -> tuple[list[list[Spot]], Stmt]:
    """The loops below the closest loop or block around all, and the statement that holds them."""
    place = next(spots[0].above())
    for each in spots[1:]:
        place = place if each.is_below(place) else common_place(place, each)
    inner: list[list[Spot]] = []
    for spot in spots:
        loops: list[Spot] = []
        for each in spot.above():
            if each is place:
                break
            if not each.is_loop:
                raise Refused(f"the block {spot.name!r} is inside another block", spot)
            loops.append(each)
        inner.append(loops[::-1])
    body = place.loop.body if place.is_loop else place.block.body
    if [id(each) for each in place.blocks()] != [id(each) for each in spots]:
        raise Refused(
            f"the blocks are not all that is inside {place.name!r}",
            place,
            expected=", ".join(each.name for each in place.blocks()),
            found=", ".join(each.name for each in spots),
        )
    if len(statements(body)) == 1 and len(spots) == 1:
        return inner, statements(body)[0]
    return inner, body


def _divide(spot: Spot, inner: Sequence[Spot], analyzer: Analyzer) -> SubspaceDivision:
    loops = [each.loop for each in spot.loops()]
    own = {each.loop.loop_var for each in inner}
    outer = {each.loop_var for each in loops} - own
    for each in inner:
        for bound in (each.loop.min, each.loop.extent):
            if uses_var(bound, outer.__contains__):
                raise Refused(
                    f"the bounds of the loop {each.name!r} depend on a loop outside",
                    each,
                    found=repr(bound),
                )
    found = subspace_divide(
        spot.realize.iter_values,
        loop_ranges(loops),
        own,
        spot.realize.predicate,
        simplify_trivial_iterators=False,
        analyzer=bind_loops(analyzer, loop_ranges(loops), unit=False),
    )
    steps = all(_in_steps_of_one(e.outer) and _in_steps_of_one(e.inner) for e in found.indices)
    if found.errors or not steps:
        raise Refused(
            f"the bindings of the block {spot.name!r} cannot be divided into outer and inner loops",
            spot,
            found=found.errors[0] if found.errors else "a binding skips values",
        )
    return found


@dataclass
class _Outer:
    """The iteration variables of the new block, found while its blocks are divided."""

    keep_unit: bool
    iter_vars: list[IterVar] = field(default_factory=list[IterVar])
    values: list[PrimExpr] = field(default_factory=list[PrimExpr])
    reduces: bool = False
    own: list[Var] = field(default_factory=list[Var])

    def add(self, variable: IterVar, value: PrimExpr, part: IterMark, known: Analyzer) -> PrimExpr:
        """The outer part of a variable as the inner block writes it: a variable of the new block,
        the one that an earlier block has for the same part.
        """
        dtype = variable.var.dtype
        unit = is_const(part.extent, 1)
        if unit and not self.keep_unit:
            value = known.simplify(value)
        var = self._shared(variable, value, part)
        if var is None:
            var = Var(f"{variable.var.name}_o", dtype)
            domain = Range(min=cast_to(dtype, _begin(part)), extent=cast_to(dtype, part.extent))
            self.iter_vars.append(IterVar(domain, var, variable.iter_type))
            self.values.append(value)
        self.own.append(var)
        self.reduces = self.reduces or variable.iter_type == IterVar.CommReduce
        return value if unit and not self.keep_unit else var

    def _shared(self, variable: IterVar, value: PrimExpr, part: IterMark) -> Var | None:
        """The first variable of earlier blocks that is the same, and that this block has not."""
        for old, bound in zip(self.iter_vars, self.values, strict=True):
            same = (
                old.var not in self.own
                and old.iter_type == variable.iter_type
                and old.dom is not None
                and structural_equal(old.dom.extent, cast_to(variable.var.dtype, part.extent))
                and structural_equal(bound, value)
            )
            if same:
                return old.var
        return None


def _inner_realize(
    spot: Spot, part: SubspaceDivision, outer: _Outer, buffers: dict[Var, Buffer]
) -> BlockRealize:
    """The block over the inner parts of its variables."""
    old = spot.block
    outer.own = []
    iter_vars: list[IterVar] = []
    values: list[PrimExpr] = []
    table: dict[Var, PrimExpr] = {}
    known = bind_loops(Analyzer(), loop_ranges(each.loop for each in spot.loops()))
    for variable, each in zip(old.iter_vars, part.indices, strict=True):
        dtype = variable.var.dtype
        high = cast_to(dtype, normalize_iter_map_to_expr(each.outer))
        low = cast_to(dtype, normalize_iter_map_to_expr(each.inner))
        if old.init is not None and variable.iter_type == IterVar.CommReduce:
            begin = add(mul(_begin(each.outer), each.inner.extent), _begin(each.inner))
            if variable.dom is None or not known.can_prove_equal(begin, variable.dom.min):
                raise Refused(
                    f"the reduction of the block {spot.name!r} does not begin in these loops",
                    spot,
                    expected=f"{variable.var.name} from the beginning of its domain",
                    found=repr(begin),
                )
        place = outer.add(variable, high, each.outer, known)
        if is_const(each.inner.extent, 1):
            # Of loops of one iteration only their beginning is left.
            rest = known.simplify(low)
            table[variable.var] = place if is_const(rest, 0) else add(place, rest)
            continue
        var = Var(f"{variable.var.name}_i", dtype)
        extent = cast_to(dtype, each.inner.extent)
        domain = Range(min=cast_to(dtype, _begin(each.inner)), extent=extent)
        iter_vars.append(IterVar(domain, var, variable.iter_type))
        values.append(known.simplify(low) if not is_const(_begin(each.inner), 0) else low)
        whole = is_const(each.outer.extent, 1) and is_const(high, 0)
        table[variable.var] = var if whole else add(mul(place, extent), var)
    block = substitute(old.replace(iter_vars=iter_vars), table)
    return BlockRealize(values, part.inner_predicate, with_regions(block, buffers))


def _begin(mark: IterMark) -> PrimExpr:
    """The least value of a part of a variable."""
    return mark.source.base if isinstance(mark.source, IterSumExpr) else const(0, mark.extent.dtype)


def _in_steps_of_one(mark: IterMark) -> bool:
    """Whether a part takes all values from its least one on."""
    source = mark.source
    return not isinstance(source, IterSumExpr) or all(
        is_const(each.scale, 1) for each in source.args[-1:]
    )


def _joined(known: PrimExpr, other: PrimExpr) -> PrimExpr:
    return known if structural_equal(known, other) else logical_and(known, other)


def _init_nest(realize: BlockRealize, inner: Sequence[Spot]) -> Stmt:
    """The init as a block of its own, over the inner loops that move data-parallel variables."""
    block = realize.block
    assert block.init is not None
    kept = [
        (v, value)
        for v, value in zip(block.iter_vars, realize.iter_values, strict=True)
        if v.iter_type == IterVar.DataPar and uses_var(block.init, {v.var}.__contains__)
    ]
    loops: list[For] = [
        each.loop
        for each in inner
        if any(uses_var(value, {each.loop.loop_var}.__contains__) for _, value in kept)
    ]
    fresh = {v.var: Var(f"{v.var.name}_init", v.var.dtype) for v, _ in kept}
    init = Block(
        [IterVar(v.dom, fresh[v.var], v.iter_type) for v, _ in kept],
        (),
        substitute(block.writes, fresh),
        f"{block.name_hint}_init",
        substitute(block.init, fresh),
    )
    moved = {each.loop.loop_var for each in inner} - {each.loop_var for each in loops}
    predicate: PrimExpr = const(True)
    for each in conjuncts(realize.predicate):
        if not uses_var(each, moved.__contains__):
            predicate = _joined(predicate, each) if not is_true(predicate) else each
    body: Stmt = BlockRealize([value for _, value in kept], predicate, init)
    for each in reversed(loops):
        body = each.replace(body=body)
    return renew_defs(body)
