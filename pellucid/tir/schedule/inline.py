"""Inlining: computing values where they are used instead of storing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import covers, eval_set
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map, inverse_affine_iter_map
from pellucid.ir.arithmetic import cast_to, eq, ge, logical_and, lt
from pellucid.ir.node import Node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Let, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute
from pellucid.tir.block import Block, is_true
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.copies import require_plain_access
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.cover import certain_region, outside_analyzer
from pellucid.tir.schedule.edit import remove, replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.regions import BlockRewriter, buffers_around, with_regions
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.scope import (
    consumers_of,
    reads,
    require_complete,
    require_fixed_domains,
    require_no_output,
    require_not_alone,
    scope_of,
    writers_of,
    writes,
)
from pellucid.tir.schedule.stage_pipeline import StagePipelines
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, IfThenElse, Stmt
from pellucid.tir.stmt_functor import renew_defs


class InlinePrimitives(ScheduleCore):
    """`compute_inline` and `reverse_compute_inline`."""

    @primitive
    def compute_inline(self, block: BlockRV | str) -> None:
        """Compute what a block stores where it is loaded, and remove the block and its buffer.

            B[vi, vj] = A[vi, vj] * 2.0
            C[vi, vj] = B[vi, vj] + 1.0       →    C[vi, vj] = A[vi, vj] * 2.0 + 1.0

            >>> sch = Schedule(padding)
            >>> sch.compute_inline("P")

        Conditions: the block has no init and writes one buffer, which lives inside the scope; it is
        complete and not the only block; the scope is a stage pipeline; its body is one store, whose
        indices are the iteration variables, each once, or a bijective affine map of them; the
        buffer is used by loads and regions only, not through pointers, views or calls.
        """
        self.inline_block(block)

    def inline_block(self, block: BlockRV | str) -> None:
        """See `compute_inline`."""
        spot = self.block(block)
        name = self.name_of(block)
        analyzer = self.analyzer(name)
        _require_inlinable(spot, self.stage_pipelines(name))
        store = _only_store(spot)
        buffer = store.buffer
        require_plain_access(scope_of(spot).block.body, buffer, scope_of(spot))
        positions, table = _iterators_by_position(spot, store.indices, analyzer)
        value = substitute(store.value, table)
        rewriter = _LoadInliner(
            buffers_around(self.tree(name).func, spot), buffer, positions, value
        )
        scope = scope_of(spot)
        left = remove(scope.block.body, [spot.node])
        new = _without_buffer(scope.block, buffer, rewriter.visit(left))
        self.commit(name, replace(self.tree(name).func.body, {scope.block: new}))

    @primitive
    def reverse_compute_inline(self, block: BlockRV | str) -> None:
        """Compute a block at once where the block stores what it reads, and remove it.

            B[vi, vj] = A[vi, vj] * 2.0
            C[vi, vj] = B[vi, vj] + 1.0       →    C[vi, vj] = A[vi, vj] * 2.0 + 1.0

        The result is the producer: its name, its loops. Where it stores more than the block reads,
        it gets a condition.

            >>> sch = Schedule(chain)
            >>> sch.reverse_compute_inline("C")

        Conditions: the block has no init, a true predicate, is complete, and its body is one store;
        it reads one buffer that the scope produces, at equal indices in all loads, a bijective
        affine map of its iteration variables, and for each of its instances that element is stored;
        nothing else reads that buffer, and one complete block stores it (possibly under an `if`),
        which is no output block; the scope is a stage pipeline.
        """
        self.reverse_inline_block(block)

    def reverse_inline_block(self, block: BlockRV | str) -> None:
        """See `reverse_compute_inline`."""
        spot = self.block(block)
        name = self.name_of(block)
        analyzer = self.analyzer(name)
        producer, buffer = _require_reversible(spot, self.stage_pipelines(name))
        store = _only_store(spot)
        loads = _loads_of(store, buffer)
        old, condition = _guarded_store(producer)
        positions, table = _iterators_by_position(spot, loads[0].indices, analyzer, padded=True)
        rising = _iterators_by_position(
            spot, loads[0].indices, analyzer, padded=True, positions=positions, rising=True
        )[1]
        _require_all_produced(spot, producer, loads[0].indices, analyzer)
        at = dict(zip(positions, _cast_all(old.indices, positions), strict=True))
        values = {var: substitute(expr, at) for var, expr in table.items()}
        ordered = {var: substitute(expr, at) for var, expr in rising.items()}
        guard = _guard(spot, producer, ordered, loads[0].indices, old.indices, analyzer)
        produced = _ReplaceLoads(buffer, old.value)
        body: Stmt = BufferStore(
            store.buffer,
            substitute(produced.visit(store.value), values),
            [substitute(produced.visit(each), values) for each in store.indices],
        )
        if condition is not None:
            body = IfThenElse(condition, body)
        self._replace_producer(name, spot, producer, buffer, body, guard)

    def _replace_producer(
        self,
        name: str,
        consumer: Spot,
        producer: Spot,
        buffer: Buffer,
        body: Stmt,
        guard: PrimExpr | None,
    ) -> None:
        func = self.tree(name).func
        scope = scope_of(producer)
        realize = producer.realize
        block = with_regions(realize.block.replace(body=body), buffers_around(func, producer))
        new = realize.replace(block=block)
        if guard is not None:
            old = realize.predicate
            new = new.replace(predicate=guard if is_true(old) else logical_and(old, guard))
        left = remove(scope.block.body, [consumer.node])
        assert left is not None
        changed = _without_buffer(scope.block, buffer, replace(left, {realize: new}))
        self.commit(name, replace(func.body, {scope.block: changed}))


def _without_buffer(scope: Block, buffer: Buffer, body: Stmt) -> Block:
    kept = [each for each in scope.alloc_buffers if each is not buffer]
    return scope.replace(body=body, alloc_buffers=kept)


def _require_inlinable(spot: Spot, pipelines: StagePipelines) -> None:
    scope = scope_of(spot)
    if spot.block.init is not None:
        raise Refused(
            f"the block {spot.name!r} has an init",
            spot,
            cure="only blocks that store each element once can be inlined",
        )
    if len(writes(spot)) != 1:
        raise Refused(
            f"the block {spot.name!r} does not write exactly one buffer",
            spot,
            found=", ".join(each.name for each in writes(spot)) or "none",
        )
    require_no_output(spot)
    require_complete(spot)
    require_not_alone(spot)
    pipelines.require(scope)


def _only_store(spot: Spot) -> BufferStore:
    """The store that is all of a block's body."""
    body = spot.block.body
    if not isinstance(body, BufferStore) or body.predicate is not None:
        raise Refused(
            f"the body of the block {spot.name!r} is not one store",
            spot,
            found=type(body).__name__,
        )
    if spot.block.match_buffers or spot.block.alloc_buffers:
        raise Refused(f"the block {spot.name!r} has views or buffers of its own", spot)
    return body


def _iterators_by_position(
    spot: Spot,
    indices: Sequence[PrimExpr],
    analyzer: Analyzer,
    *,
    padded: bool = False,
    positions: list[Var] | None = None,
    rising: bool = False,
) -> tuple[list[Var], dict[Var, PrimExpr]]:
    """Variables for the positions of an access (new ones if none are given), and the block's
    iterators in terms of them.

    `padded` allows positions that no instance accesses. What an iterator consists of is put
    together from the last position on, with `rising` from the first.
    """
    require_fixed_domains(spot)
    positions = positions or [Var(f"p{k}", each.dtype) for k, each in enumerate(indices)]
    iterators = {v.var: v.dom for v in spot.block.iter_vars if v.dom is not None}
    if all(isinstance(each, Var) and each in iterators for each in indices):
        direct: dict[Any, PrimExpr] = dict(zip(indices, positions, strict=True))
        if len(direct) == len(indices) == len(iterators):
            return positions, direct
    found = detect_iter_map(
        indices,
        iterators,
        check_level=IterMapLevel.BIJECTIVE,
        padded=padded,
        analyzer=analyzer,
    )
    if found.errors:
        raise Refused(
            f"the indices in the block {spot.name!r} are no bijective affine map of its iteration "
            "variables",
            spot,
            expected="each iteration variable to follow from the indices",
            found=found.errors[0],
        )
    known = analyzer.copy()
    for position, index in zip(positions, indices, strict=True):
        low, high = _ends(index, iterators, analyzer)
        if low is not None and high is not None:
            known.bind(position, Range(low, high + 1))
    step = 1 if rising else -1
    inverse = inverse_affine_iter_map(found.indices[::step], positions[::step], known)
    table = {
        var: cast_to(var.dtype, inverse.get(var, domain.min)) for var, domain in iterators.items()
    }
    return positions, table


def _ends(
    index: PrimExpr, iterators: Mapping[Var, Range], analyzer: Analyzer
) -> tuple[PrimExpr | None, PrimExpr | None]:
    from_set = eval_set(index, iterators, analyzer)
    return from_set.min_value, from_set.max_value


class _LoadInliner(BlockRewriter):
    """Replaces loads of a buffer by the value that was stored there."""

    def __init__(
        self,
        buffers: Mapping[Var, Buffer],
        buffer: Buffer,
        positions: Sequence[Var],
        value: PrimExpr,
    ) -> None:
        super().__init__(buffers)
        self.buffer = buffer
        self.positions = positions
        self.value = value
        self.has_definitions = any(isinstance(each, Let) for each in pre_order(value))

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """The stored value at these indices."""
        new: BufferLoad = self.visit_default(load)
        if new.buffer is not self.buffer:
            return new
        value: Any = renew_defs(self.value) if self.has_definitions else self.value
        indices = _cast_all(new.indices, self.positions)
        return substitute(value, dict(zip(self.positions, indices, strict=True)))


def _cast_all(indices: Sequence[PrimExpr], like: Sequence[Var]) -> list[PrimExpr]:
    return [cast_to(var.dtype, index) for index, var in zip(indices, like, strict=True)]


class _ReplaceLoads(BlockRewriter):
    """Replaces all loads of a buffer by one value."""

    def __init__(self, buffer: Buffer, value: PrimExpr) -> None:
        super().__init__({})
        self.buffer = buffer
        self.value = value
        self.used = False

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """The value; a copy of its definitions from the second time on."""
        if load.buffer is not self.buffer:
            return self.visit_default(load)
        value: Any = renew_defs(self.value) if self.used else self.value
        self.used = True
        return value


def _loads_of(store: BufferStore, buffer: Buffer) -> list[BufferLoad]:
    parts: list[Node] = [store.value, *store.indices]
    return [
        each
        for part in parts
        for each in pre_order(part)
        if isinstance(each, BufferLoad) and each.buffer is buffer
    ]


def _require_reversible(spot: Spot, pipelines: StagePipelines) -> tuple[Spot, Buffer]:
    """The producer and the buffer between it and the block."""
    scope = scope_of(spot)
    if spot.block.init is not None:
        raise Refused(f"the block {spot.name!r} has an init", spot)
    if not is_true(spot.realize.predicate):
        raise Refused(
            f"the block {spot.name!r} has a predicate", spot, found=repr(spot.realize.predicate)
        )
    require_complete(spot)
    store = _only_store(spot)
    blocks = scope.blocks()
    produced = [each for each in reads(spot) if writers_of(each, blocks)]
    if len(produced) != 1:
        raise Refused(
            f"the block {spot.name!r} does not read exactly one buffer that the scope produces",
            spot,
            found=", ".join(each.name for each in produced) or "none",
        )
    buffer = produced[0]
    producers = writers_of(buffer, blocks)
    if len(producers) != 1:
        raise Refused(
            f"the buffer {buffer.name!r} has several producers",
            *producers,
            found=", ".join(each.name for each in producers),
        )
    producer = producers[0]
    require_complete(producer)
    require_no_output(producer)
    if len(writes(producer)) != 1:
        raise Refused(f"the block {producer.name!r} writes several buffers", producer)
    others = [each for each in consumers_of(producer) if each is not spot]
    if others:
        raise Refused(
            f"the buffer {buffer.name!r} has other consumers",
            *others,
            found=", ".join(each.name for each in others),
        )
    pipelines.require(scope)
    require_plain_access(scope.block.body, buffer, scope)
    loads = _loads_of(store, buffer)
    if not all(structural_equal(each.indices, loads[0].indices) for each in loads):
        raise Refused(
            f"the block {spot.name!r} loads {buffer.name!r} at different indices",
            spot,
            found=", ".join(repr(each) for each in loads),
        )
    return producer, buffer


def _guarded_store(spot: Spot) -> tuple[BufferStore, PrimExpr | None]:
    """The store of a producer, and the condition of the `if` around it."""
    body = spot.block.body
    condition: PrimExpr | None = None
    if isinstance(body, IfThenElse) and body.else_case is None:
        condition, body = body.condition, body.then_case
    if not isinstance(body, BufferStore) or body.predicate is not None:
        raise Refused(f"the body of the block {spot.name!r} is not one store", spot)
    return body, condition


def _require_all_produced(
    spot: Spot, producer: Spot, indices: Sequence[PrimExpr], analyzer: Analyzer
) -> None:
    """Refuse a block with instances whose element nothing stores: they would be lost."""
    scope = scope_of(spot)
    known = outside_analyzer(analyzer, scope)
    domains = {v.var: v.dom for v in spot.block.iter_vars if v.dom is not None}
    certain = certain_region(producer, producer.block.writes[0], scope, known)
    for position, index in enumerate(indices):
        read = eval_set(index, domains, known)
        if certain is None or not covers(certain[position], read, known):
            raise Refused(
                f"the block {spot.name!r} has instances for which {producer.name!r} stores nothing",
                spot,
                producer,
                found=repr(index),
            )


def _guard(
    spot: Spot,
    producer: Spot,
    values: Mapping[Var, PrimExpr],
    loaded: Sequence[PrimExpr],
    stored: Sequence[PrimExpr],
    analyzer: Analyzer,
) -> PrimExpr | None:
    """The condition, on the loops of the producer, under which its element is one that is read."""
    known = analyzer.copy()
    for variable in producer.block.iter_vars:
        if variable.dom is not None:
            known.bind(variable.var, variable.dom)
    conditions: list[PrimExpr] = []
    for variable in spot.block.iter_vars:
        value, domain = values[variable.var], variable.dom
        assert domain is not None
        conditions += [ge(value, domain.min), lt(value, domain.min + domain.extent)]
    conditions += [eq(substitute(a, values), b) for a, b in zip(loaded, stored, strict=True)]
    bindings = {
        v.var: value
        for v, value in zip(producer.block.iter_vars, producer.realize.iter_values, strict=True)
    }
    found: PrimExpr | None = None
    for each in conditions:
        simple = known.simplify(each)
        if not is_true(simple):
            bound = substitute(simple, bindings)
            found = bound if found is None else logical_and(found, bound)
    return found
