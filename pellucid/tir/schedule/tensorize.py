"""Replacing a computation by a tensor intrinsic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map_terms import is_const
from pellucid.ir import arithmetic
from pellucid.ir.arithmetic import add, cast_to, const, match_types, sub
from pellucid.ir.dtype import DataType
from pellucid.ir.node import Node, Role, fields_of
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    BinaryOp,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Range,
    Sub,
    Var,
)
from pellucid.ir.visitor import Mutator, pre_order, uses_var
from pellucid.support.errors import RegistryError
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.blockize import BlockizePrimitives
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.intrin import TensorIntrin, root_of
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.tree import with_tokens
from pellucid.tir.stmt import BufferStore, For, SeqStmt, Stmt
from pellucid.tir.stmt_functor import renew_defs


class TensorizePrimitives(BlockizePrimitives):
    """`tensorize`."""

    @primitive
    def tensorize(
        self,
        block_or_loop: BlockRV | LoopRV | str,
        tensor_intrin: str | TensorIntrin,
        preserve_unit_iters: bool = True,
    ) -> None:
        """Let a tensor intrinsic do what a block, or a loop (which is blockized first), computes.

        The body of the block becomes that of the intrinsic's implementation, whose buffers are
        matched to the regions that the block uses; annotations and allocations are taken over. An
        init of the block stays as it is.

            >>> tir.TensorIntrin.register("docs.double8", double8, double8_unrolled, override=True)
            >>> sch = Schedule(elementwise)
            >>> i, j = sch.get_loops("B")
            >>> sch.tensorize(j, "docs.double8")

        Conditions: the intrinsic is known; the body of the block is the description's, up to names,
        the position of the regions, and leading dimensions; the regions lie inside their buffers.
        """
        intrin = self._intrin(tensor_intrin)
        reference: Any = block_or_loop
        if isinstance(block_or_loop, LoopRV):
            reference = self.blockize(block_or_loop, preserve_unit_iters)
        spot = self.block(reference)
        name = self.name_of(reference)
        desc = root_of(intrin.desc, "description")
        analyzer = self.analyzer(name)
        for each in spot.above():
            for variable in () if each.is_loop else each.block.iter_vars:
                if variable.dom is not None:
                    analyzer.bind(variable.var, variable.dom)
        matcher = _Matcher(analyzer, spot.block)
        try:
            matcher.match(spot.block.body, desc.body)
        except _MismatchError as reason:
            raise Refused(
                f"the block {spot.name!r} does not compute what the intrinsic {intrin.name!r} does",
                reason.left if isinstance(reason.left, Stmt) else spot,
                expected=repr(reason.right),
                found=repr(reason.left),
                cure="bring the loops below the block into the intrinsic's form first",
            ) from None
        new = _implemented(spot.block, intrin, matcher)
        self.commit(name, replace(self.tree(name).func.body, {spot.block: new}))

    def _intrin(self, given: str | TensorIntrin) -> TensorIntrin:
        if isinstance(given, TensorIntrin):
            if not given.name or TensorIntrin.get(given.name, allow_missing=True) is not given:
                raise Refused(
                    "the intrinsic has no registered name, which the trace needs",
                    cure='TensorIntrin.register("name", desc, impl)',
                )
            self.note(tensor_intrin=given.name)
            return given
        try:
            return cast("TensorIntrin", TensorIntrin.get(given))
        except RegistryError as error:
            raise Refused(
                f"there is no tensor intrinsic {given!r}", found=error.found, cure=error.cure
            ) from None


class _MismatchError(Exception):
    """Two parts that differ."""

    def __init__(self, left: Any, right: Any) -> None:
        super().__init__()
        self.left = left
        self.right = right


_PROMOTING: dict[type[PrimExpr], Any] = {
    Add: arithmetic.add,
    Sub: arithmetic.sub,
    Mul: arithmetic.mul,
    FloorDiv: arithmetic.floordiv,
    FloorMod: arithmetic.floormod,
    Min: arithmetic.minimum,
    Max: arithmetic.maximum,
}


# For each buffer of a description: the program's, and the begin of the region in it.
Begins = dict[Buffer, tuple[Buffer, list[PrimExpr]]]


class _Translation(Mutator):
    """Puts variables and buffers of the program into an index of the description, whatever their
    width.
    """

    def __init__(self, table: dict[Node, Any], begins: Begins) -> None:
        super().__init__()
        self.replaced = table
        self.begins = begins

    def visit_buffer_load_(self, load: BufferLoad) -> PrimExpr:
        """A load from a buffer that was met before."""
        if load.buffer not in self.begins:
            return self.visit_default(load)
        buffer, begin = self.begins[load.buffer]
        indices = list(begin)
        for k, each in enumerate(load.indices, len(begin) - len(load.indices)):
            indices[k] = arithmetic.add(indices[k], self.visit(each))
        return BufferLoad(buffer, indices)

    def visit_binary_op_(self, expr: BinaryOp) -> PrimExpr:
        """An operation on what the operands became."""
        kind: type[BinaryOp] = type(expr)
        build = _PROMOTING.get(kind)
        if build is None:
            a, b = match_types(self.visit(expr.a), self.visit(expr.b))
            return kind(a, b)
        return build(self.visit(expr.a), self.visit(expr.b))


class _Matcher:
    """Compares a program with a description, and finds where its buffers begin."""

    def __init__(self, analyzer: Analyzer, block: Block) -> None:
        self.analyzer = analyzer
        for each in block.iter_vars:
            if each.dom is not None:
                analyzer.bind(each.var, each.dom)
        self.table: dict[Node, Any] = {}
        self.begins: Begins = {}
        self.inner: set[Var] = set()

    def match(self, left: Any, right: Any) -> None:
        """Compare two nodes; raises at the first difference."""
        if isinstance(right, For):
            self.match_for(left, right)
        elif isinstance(right, BlockRealize):
            self.match_realize(left, right)
        elif isinstance(right, SeqStmt):
            if not isinstance(left, SeqStmt) or len(left.seq) != len(right.seq):
                raise _MismatchError(left, right)
            for a, b in zip(left.seq, right.seq, strict=True):
                self.match(a, b)
        elif isinstance(right, BufferLoad | BufferStore):
            self.match_access(left, right)
        elif isinstance(right, Var):
            self.match_var(left, right)
        else:
            self.match_fields(left, right)

    def match_var(self, left: Any, right: Var) -> None:
        """A variable stands for the one that it is paired with."""
        known = self.table.get(right)
        if known is None or known is not left:
            raise _MismatchError(left, right)

    def match_fields(self, left: Any, right: Any) -> None:
        """Any other node: the same class, equal data, matching children."""
        kind = cast("type[Node]", type(right))
        if type(left) is not kind:
            raise _MismatchError(left, right)
        for field in fields_of(kind):
            a, b = getattr(left, field.name), getattr(right, field.name)
            if field.role is Role.DATA:
                same = field.key(a) == field.key(b) if field.key else a == b
                if not same:
                    raise _MismatchError(left, right)
            elif field.role in (Role.CHILD, Role.BINDER):
                self.match_value(a, b, left, right)

    def match_value(self, a: Any, b: Any, left: Any, right: Any) -> None:
        """The value of a field."""
        if isinstance(b, tuple):
            items = cast("tuple[Any, ...]", b)
            if not isinstance(a, tuple) or len(cast("tuple[Any, ...]", a)) != len(items):
                raise _MismatchError(left, right)
            for x, y in zip(cast("tuple[Any, ...]", a), items, strict=True):
                self.match_value(x, y, left, right)
        elif isinstance(b, Node):
            self.match(a, b)
        elif a != b:
            raise _MismatchError(left, right)

    def match_for(self, left: Any, right: For) -> None:
        """A loop of equal extent from zero."""
        if not isinstance(left, For) or not self.same(left.extent, right.extent):
            raise _MismatchError(left, right)
        if not self.same(left.min, right.min):
            raise _MismatchError(left, right)
        self.pair(left.loop_var, right.loop_var)
        self.match(left.body, right.body)

    def pair(self, left: Var, right: Var) -> None:
        """Note that a variable of the description stands for one of the program."""
        self.table[right] = left
        self.inner.add(left)

    def match_realize(self, left: Any, right: BlockRealize) -> None:
        """A block with equally many variables of the same kinds and domains."""
        if not isinstance(left, BlockRealize):
            raise _MismatchError(left, right)
        a, b = left.block, right.block
        if len(a.iter_vars) != len(b.iter_vars) or (a.init is None) != (b.init is None):
            raise _MismatchError(left, right)
        for x, y in zip(left.iter_values, right.iter_values, strict=True):
            if not self.same(x, y):
                raise _MismatchError(left, right)
        if not self.analyzer.can_prove_equal(left.predicate, self.translated(right.predicate)):
            raise _MismatchError(left, right)
        for x, y in zip(a.iter_vars, b.iter_vars, strict=True):
            assert x.dom is not None
            assert y.dom is not None
            same = x.iter_type == y.iter_type and self.same(x.dom.extent, y.dom.extent)
            if not same or not self.same(x.dom.min, y.dom.min):
                raise _MismatchError(left, right)
            self.pair(x.var, y.var)
            self.analyzer.bind(x.var, x.dom)
        if a.init is not None:
            self.match(a.init, b.init)
        self.match(a.body, b.body)

    def match_access(self, left: Any, right: Any) -> None:
        """An access of a buffer that was met before at the same begin, or is met first here."""
        if type(left) is not type(right) or left.buffer.dtype != right.buffer.dtype:
            raise _MismatchError(left, right)
        extra = len(left.indices) - len(right.indices)
        if extra < 0:
            raise _MismatchError(left, right)
        # Simplified, a panel that the intrinsic stays in no longer depends on where it is there.
        begin = [self.analyzer.simplify(each) for each in left.indices[:extra]]
        for x, y in zip(left.indices[extra:], right.indices, strict=True):
            self.meet(x, y)
            begin.append(self.analyzer.simplify(sub(x, cast_to(x.dtype, self.translated(y)))))
        if any(uses_var(each, self.inner.__contains__) for each in begin):
            raise _MismatchError(left, right)
        known = self.begins.setdefault(right.buffer, (left.buffer, begin))
        if known[0] is not left.buffer or not all(
            self.equal(x, y) for x, y in zip(known[1], begin, strict=True)
        ):
            raise _MismatchError(left, right)
        if isinstance(right, BufferStore):
            self.match(left.value, right.value)

    def meet(self, left: PrimExpr, right: PrimExpr) -> None:
        """Compare the loads in two indices, where the description's buffer was not met before."""
        loads = [
            [e for e in pre_order(index) if isinstance(e, BufferLoad)] for index in (left, right)
        ]
        for a, b in zip(*loads, strict=False):
            if b.buffer not in self.begins:
                self.match(a, b)

    def translated(self, expr: PrimExpr) -> PrimExpr:
        """An index of the description in terms of the program's variables."""
        return _Translation(self.table, self.begins).visit(expr)

    def same(self, left: PrimExpr, right: PrimExpr) -> bool:
        """Whether an expression of the description says what one of the program does."""
        return self.equal(left, self.translated(right))

    def equal(self, a: PrimExpr, b: PrimExpr) -> bool:
        """Whether two indices are equal."""
        return self.analyzer.can_prove_equal(a, b)


def _implemented(block: Block, intrin: TensorIntrin, matcher: _Matcher) -> Block:
    """The block with the implementation as its body."""
    # Its blocks are new ones each time.
    impl: PrimFunc = with_tokens(renew_defs(intrin.impl), renew=True)
    root = root_of(impl, "implementation")
    views: list[MatchBufferRegion] = []
    begins: dict[Buffer, tuple[Buffer, list[PrimExpr]]] = {}
    for a, b in zip(intrin.desc.params, impl.params, strict=True):
        described, view = intrin.desc.buffer_map[a], impl.buffer_map[b]
        if described not in matcher.begins:
            raise Refused(
                f"the description of {intrin.name!r} does not use its buffer {described.name!r}"
            )
        buffer, begin = matcher.begins[described]
        begins[view] = (buffer, begin)
        region = _region(buffer, begin, view.shape)
        _require_inside(region, intrin, matcher.analyzer)
        views.append(MatchBufferRegion(view, region))
    return block.replace(
        body=root.body,
        reads=[_moved(each, begins) for each in root.reads],
        writes=[_moved(each, begins) for each in root.writes],
        match_buffers=[*block.match_buffers, *views],
        alloc_buffers=[*block.alloc_buffers, *root.alloc_buffers],
        annotations=block.annotations.updated(dict(root.annotations.items())),
    )


def _require_inside(region: BufferRegion, intrin: TensorIntrin, analyzer: Analyzer) -> None:
    """Refuse a region that may leave its buffer: an intrinsic touches all of it."""
    for each, extent in zip(region.region, region.buffer.shape, strict=True):
        begins = analyzer.can_prove_greater_equal(each.min, 0)
        if not begins or not analyzer.can_prove_less_equal(add(each.min, each.extent), extent):
            raise Refused(
                f"the part of {region.buffer.name!r} that the intrinsic {intrin.name!r} touches "
                "may leave the buffer",
                found=repr(region),
            )


def _region(buffer: Buffer, begin: Sequence[PrimExpr], shape: Sequence[PrimExpr]) -> BufferRegion:
    """The region that a view of `shape` covers; leading dimensions are single."""
    extra = len(begin) - len(shape)
    extents = [const(1, each.dtype) for each in begin[:extra]]
    extents += [_as(each, low.dtype) for each, low in zip(shape, begin[extra:], strict=True)]
    return BufferRegion(
        buffer, [Range(min=a, extent=b) for a, b in zip(begin, extents, strict=True)]
    )


def _as(extent: PrimExpr, dtype: DataType) -> PrimExpr:
    return const(extent.value, dtype) if isinstance(extent, IntImm) else cast_to(dtype, extent)


def _moved(
    region: BufferRegion, begins: dict[Buffer, tuple[Buffer, list[PrimExpr]]]
) -> BufferRegion:
    """A region of a view as a region of the program's buffer."""
    if region.buffer not in begins:
        return region
    buffer, begin = begins[region.buffer]
    extra = len(begin) - len(region.region)
    ranges = [Range(min=low, extent=const(1, low.dtype)) for low in begin[:extra]]
    for low, each in zip(begin[extra:], region.region, strict=True):
        start = low if is_const(each.min, 0) else add(low, cast_to(low.dtype, each.min))
        ranges.append(Range(min=start, extent=_as(each.extent, low.dtype)))
    return BufferRegion(buffer, ranges)
