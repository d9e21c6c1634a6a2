"""What a block reads and writes: regions inferred from its body.

In: a block (and the buffers behind pointers). Out: regions in terms of the block's iteration
variables and outer variables. The rules (`semantics.md` §2.5): accesses are united over inner
loops, whose variables are relaxed to their ranges; an inner block counts with its declared regions;
what an init writes is written; a buffer that a block with an init writes is not listed among the
reads; buffers that live inside the block are left out; a view stands for the region it is matched
to; an index that is loaded from memory which the block itself changes may be any.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.int_set import IntSet, simplified, union
from pellucid.arith.region import Domains
from pellucid.ir.arithmetic import add, const, logical_not
from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, Let, Range, Select, Var
from pellucid.ir.visitor import Visitor, pre_order, substitute
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, full_region
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    BufferStore,
    DeclBuffer,
    For,
    IfThenElse,
    LetStmt,
)

Sets = list[IntSet]


class _Accesses:
    """The sets touched of each buffer, in the order in which buffers are met."""

    def __init__(self) -> None:
        self.sets: dict[Buffer, list[Sets]] = {}

    def add(self, buffer: Buffer, sets: Sets) -> None:
        """Note one access."""
        self.sets.setdefault(buffer, []).append(sets)

    def regions(
        self, analyzer: Analyzer, left_out: set[Buffer], changing: set[Buffer]
    ) -> list[BufferRegion]:
        """One region a buffer. What is loaded from `changing` buffers says nothing about where."""
        found: list[BufferRegion] = []
        for buffer, accesses in self.sets.items():
            if buffer in left_out:
                continue
            ranges: list[Range] = []
            for axis, extent in enumerate(buffer.shape):
                united = _united([sets[axis] for sets in accesses], analyzer)
                if any(each in changing for each in _memory(united)):
                    united = IntSet.everything()
                whole = Range(min=const(0, extent.dtype), extent=extent)
                ranges.append(
                    united.to_range(analyzer, whole) if _moved(united) else _point(united)
                )
            found.append(BufferRegion(buffer, ranges))
        return found


def _united(sets: Sets, analyzer: Analyzer) -> IntSet:
    """The union, in which equal sets count once."""
    kept: Sets = []
    for each in sets:
        if not any(_same(each, other, analyzer) for other in kept):
            kept.append(each)
    if len(kept) == 1:
        return kept[0]
    if any(_memory(each) for each in kept):
        return IntSet.everything()
    return simplified(union(*kept), analyzer)


def _memory(values: IntSet) -> list[Buffer]:
    """The buffers from which the ends of the set were loaded."""
    ends = [each for each in (values.min_value, values.max_value) if each is not None]
    nodes = [each for end in ends for each in pre_order(end)]
    return [each.buffer for each in nodes if isinstance(each, BufferLoad)]


def _same(a: IntSet, b: IntSet, analyzer: Analyzer) -> bool:
    for x, y in ((a.min_value, b.min_value), (a.max_value, b.max_value)):
        if (x is None) != (y is None):
            return False
        if x is not None and y is not None and not analyzer.can_prove_equal(x, y):
            return False
    return True


def _moved(values: IntSet) -> bool:
    """Whether a set is more than one index as it was written."""
    return not values.is_single_point()


def _point(values: IntSet) -> Range:
    value: Any = values.min_value
    return Range(min=value, extent=const(1, value.dtype))


class AccessDetector(Visitor):
    """Collects the accesses below a statement, relative to variables defined outside of it."""

    def __init__(self, buffer_var_map: Mapping[Var, Buffer], analyzer: Analyzer) -> None:
        super().__init__()
        self.buffers = dict(buffer_var_map)
        self.analyzer = analyzer
        self.domains = Domains(analyzer)
        self.reads = _Accesses()
        self.writes = _Accesses()
        self.opaque: dict[Buffer, None] = {}
        # Buffers that live inside, and views with the regions they stand for.
        self.inner: set[Buffer] = set()
        self.views: dict[Buffer, BufferRegion] = {}

    @contextmanager
    def within(self, domains: Domains) -> Generator[None]:
        """Other domains for a while."""
        saved, self.domains = self.domains, domains
        try:
            yield
        finally:
            self.domains = saved

    def relaxing(self, var: Var, values: Any) -> Any:
        """The scope in which `var` ranges over a range or a set."""
        domains = self.domains.copy()
        domains.sets[var] = values if isinstance(values, IntSet) else IntSet.from_range(values)
        return self.within(domains)

    def touch(self, accesses: _Accesses, buffer: Buffer, sets: Sets) -> None:
        """Note an access; one through a view counts for the region behind it."""
        source = self.views.get(buffer)
        while source is not None:
            sets = _behind(source, sets, self.domains, self.analyzer)
            buffer = source.buffer
            source = self.views.get(buffer)
        accesses.add(buffer, sets)

    def touch_opaque(self, buffer: Buffer) -> None:
        """Note an access that cannot be seen through."""
        while buffer in self.views:
            buffer = self.views[buffer].buffer
        self.opaque.setdefault(buffer)

    def indices(self, indices: tuple[PrimExpr, ...]) -> Sets:
        """What each index ranges over."""
        return [self.domains.set_of(each) for each in indices]

    def visit_buffer_load_(self, load: BufferLoad) -> None:
        """A read, and what the indices read."""
        self.touch(self.reads, load.buffer, self.indices(load.indices))
        self.visit_each(load.indices, load.predicate)

    def visit_buffer_store_(self, store: BufferStore) -> None:
        """A write, and what the value and the indices read."""
        self.touch(self.writes, store.buffer, self.indices(store.indices))
        self.visit_each((store.value, *store.indices), store.predicate)

    def visit_each(self, exprs: tuple[PrimExpr, ...], last: PrimExpr | None) -> None:
        """Visit expressions, and one that may be missing."""
        for each in exprs:
            self.visit(each)
        if last is not None:
            self.visit(last)

    def visit_for_(self, loop: For) -> None:
        """The body, for all iterations."""
        self.visit(loop.min)
        self.visit(loop.extent)
        with self.relaxing(loop.loop_var, Range(min=loop.min, extent=loop.extent)):
            self.visit(loop.body)

    def visit_if_then_else_(self, branch: IfThenElse) -> None:
        """Each case where the condition sends it."""
        self.visit(branch.condition)
        self.cases(branch.condition, branch.then_case, branch.else_case)

    def cases(self, condition: PrimExpr, then_case: Node, else_case: Node | None) -> None:
        """Visit two cases of a condition."""
        with self.within(self.domains.under(self.analyzer.simplify(condition))):
            self.visit(then_case)
        if else_case is not None:
            opposite = self.analyzer.simplify(logical_not(condition))
            with self.within(self.domains.under(opposite)):
                self.visit(else_case)

    def visit_select_(self, select: Select) -> None:
        """Both values are evaluated, so the condition clips nothing."""
        self.visit(select.condition)
        self.visit(select.true_value)
        self.visit(select.false_value)

    def visit_let_stmt_(self, let: LetStmt) -> None:
        """The body, where the variable ranges over the value's set."""
        self.visit(let.value)
        with self.bound(let.var, let.value):
            self.visit(let.body)

    def visit_let_(self, let: Let) -> None:
        """The body, where the variable ranges over the value's set."""
        self.visit(let.value)
        with self.bound(let.var, let.value):
            self.visit(let.body)

    def bound(self, var: Var, value: PrimExpr) -> Any:
        """The scope in which `var` stands for `value`."""
        index = value.dtype.is_integer and value.dtype.lanes == 1
        return self.relaxing(var, self.domains.set_of(value) if index else IntSet.everything())

    def visit_call_(self, call: Call) -> None:
        """Choices clip; pointers into buffers are opaque accesses."""
        name = call.op.name if isinstance(call.op, Op) else ""
        if name == "tir.if_then_else":
            self.visit(call.args[0])
            self.cases(call.args[0], call.args[1], call.args[2])
            return
        for each in call.args:
            if isinstance(each, Buffer):
                self.touch_opaque(each)
            elif isinstance(each, BufferLoad) and name == "tir.address_of":
                self.touch_opaque(each.buffer)
                self.visit_each(each.indices, None)
            elif isinstance(each, BufferRegion):
                sets = [self.domains.set_of_range(r) for r in each.region]
                self.touch(self.reads, each.buffer, sets)
            else:
                self.visit(each)

    def visit_var_(self, var: Var) -> None:
        """The pointer of a buffer, used outside of loads and stores."""
        buffer = self.buffers.get(var)
        if buffer is not None:
            self.touch_opaque(buffer)

    def visit_allocate_(self, allocate: Allocate | AllocateConst) -> None:
        """Memory that lives inside."""
        for each in allocate.extents:
            self.visit(each)
        self.visit(allocate.body)

    def visit_allocate_const_(self, allocate: AllocateConst) -> None:
        """Memory that lives inside."""
        self.visit_allocate_(allocate)

    def visit_decl_buffer_(self, declaration: DeclBuffer) -> None:
        """A view of memory: what it touches is that memory's buffer, if that is known."""
        known = self.buffers.get(declaration.buffer.data)
        if known is None:
            self.inner.add(declaration.buffer)
        elif known is not declaration.buffer:
            self.views[declaration.buffer] = full_region(known)
        self.visit(declaration.body)

    def visit_match_buffer_region_(self, match: MatchBufferRegion) -> None:
        """A view of a region."""
        self.views[match.buffer] = match.source
        self.buffers[match.buffer.data] = match.buffer

    def visit_block_realize_(self, realize: BlockRealize) -> None:
        """An inner block counts with what it says it reads and writes."""
        for each in realize.iter_values:
            self.visit(each)
        self.visit(realize.predicate)
        block = realize.block
        values = {
            iter_var.var: value
            for iter_var, value in zip(block.iter_vars, realize.iter_values, strict=True)
        }
        predicate = self.analyzer.simplify(realize.predicate)
        with self.within(self.domains.under(predicate)):
            for accesses, regions in ((self.reads, block.reads), (self.writes, block.writes)):
                for each in regions:
                    region = substitute(each, values)
                    sets = [
                        simplified(self.domains.set_of_range(r), self.analyzer)
                        for r in region.region
                    ]
                    self.touch(accesses, region.buffer, sets)

    def visit_block_(self, block: Block) -> None:
        """The contents of the block that is analysed."""
        for buffer in block.alloc_buffers:
            self.inner.add(buffer)
            self.buffers[buffer.data] = buffer
        for match in block.match_buffers:
            self.visit_match_buffer_region_(match)
        if block.init is not None:
            self.visit(block.init)
        self.visit(block.body)


def _behind(source: BufferRegion, sets: Sets, domains: Domains, analyzer: Analyzer) -> Sets:
    """The sets of the buffer behind a view that has `sets` touched; leading ones are whole."""
    leading = len(source.region) - len(sets)
    found = [domains.set_of_range(each) for each in source.region[: max(leading, 0)]]
    if leading < 0:
        return [domains.set_of_range(each) for each in source.region]
    for each, touched in zip(source.region[leading:], sets, strict=True):
        found.append(_shifted(domains.set_of(each.min), touched, analyzer))
    return found


def _shifted(begin: IntSet, touched: IntSet, analyzer: Analyzer) -> IntSet:
    ends: list[PrimExpr | None] = []
    pairs = ((begin.min_value, touched.min_value), (begin.max_value, touched.max_value))
    for low, offset in pairs:
        ends.append(None if low is None or offset is None else analyzer.simplify(add(low, offset)))
    if begin.is_single_point() and touched.is_single_point() and ends[0] is not None:
        return IntSet.single_point(ends[0])
    return IntSet(*ends)


def detect_access(
    block: Block, buffer_var_map: Mapping[Var, Buffer] | None = None
) -> tuple[list[BufferRegion], list[BufferRegion], list[Buffer]]:
    """Inferred reads and writes of a block, and the buffers that it accesses through pointers."""
    analyzer = Analyzer()
    detector = AccessDetector(buffer_var_map or {}, analyzer)
    detector.visit_block_(block)
    changing = detector.inner | set(detector.writes.sets)
    writes = detector.writes.regions(analyzer, detector.inner, changing)
    left_out = set(detector.inner)
    if block.init is not None:
        left_out |= {each.buffer for each in writes}
    reads = detector.reads.regions(analyzer, left_out, changing)
    opaque = [each for each in detector.opaque if each not in detector.inner]
    return reads, writes, opaque


def get_block_access_region(
    block: Block, buffer_var_map: Mapping[Var, Buffer] | None = None
) -> list[list[BufferRegion]]:
    """`[reads, writes, opaque]`: the regions that a block touches; opaque ones are whole buffers.

    `buffer_var_map` says which buffer stands behind a pointer variable that is used directly.
    """
    reads, writes, opaque = detect_access(block, buffer_var_map)
    return [reads, writes, [full_region(each) for each in opaque]]


def get_block_read_write_region(
    block: Block, buffer_var_map: Mapping[Var, Buffer] | None = None
) -> list[list[BufferRegion]]:
    """`[reads, writes]`: as `get_block_access_region`, opaque accesses counted as both."""
    reads, writes, opaque = detect_access(block, buffer_var_map)

    def with_opaque(regions: list[BufferRegion]) -> list[BufferRegion]:
        kept = [each for each in regions if each.buffer not in opaque]
        return kept + [full_region(each) for each in opaque]

    return [with_opaque(reads), with_opaque(writes)]
