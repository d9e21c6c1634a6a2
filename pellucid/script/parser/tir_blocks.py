"""Blocks while they are parsed: axes, regions, predicate, init, allocations, views."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.ir.arithmetic import cast_to, common_dtype, const, convert
from pellucid.ir.attrs import as_attrs
from pellucid.ir.node import Node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.script.parser.core import Context
from pellucid.script.parser.tir_frames import (
    AllocBuffer,
    Axis,
    BlockAttr,
    BlockFrame,
    Clause,
    FuncAttr,
    InitFrame,
    MatchBuffer,
    Reads,
    Remap,
    Where,
    Writes,
)
from pellucid.script.parser.tir_scopes import ScopeParser, condition_of
from pellucid.script.parser.tir_vocabulary import as_range
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.analysis.completion import DETECT_ACCESS, READS_MISSING, WRITES_MISSING
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferRegion, MatchBufferRegion, as_region
from pellucid.tir.stmt import Stmt

_KINDS = {"S": IterVar.DataPar, "R": IterVar.CommReduce}


@dataclass(slots=True)
class BlockState:
    """A block that is being parsed; None where its script has said nothing yet."""

    name: str
    iter_vars: list[IterVar] = field(default_factory=list[IterVar])
    bindings: list[PrimExpr] = field(default_factory=list[PrimExpr])
    reads: list[BufferRegion] | None = None
    writes: list[BufferRegion] | None = None
    predicate: PrimExpr | None = None
    init: Stmt | None = None
    alloc_buffers: list[Buffer] = field(default_factory=list[Buffer])
    match_buffers: list[MatchBufferRegion] = field(default_factory=list[MatchBufferRegion])
    annotations: dict[str, Any] | None = None


class BlockParser(ScopeParser):
    """Parses what makes up blocks."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.blocks: list[BlockState] = []
        # The ranges of the loops around, by loop variable.
        self.loops: dict[Var, Range] = {}
        # Buffers that the function itself allocates, for its root block.
        self.root_buffers: list[Buffer] = []

    # The frames.

    def with_BlockFrame(self, frame: BlockFrame, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.block(name):`."""
        state = BlockState(frame.name)
        self.blocks.append(state)
        inside = self.scope(body)
        self.blocks.pop()
        annotations = dict(state.annotations or {})
        missing = READS_MISSING * (state.reads is None) + WRITES_MISSING * (state.writes is None)
        if missing:
            annotations[DETECT_ACCESS] = missing
        block = Block(
            state.iter_vars,
            state.reads or (),
            state.writes or (),
            state.name,
            inside,
            state.init,
            state.alloc_buffers,
            state.match_buffers,
            annotations,
            span=self.header_span(node),
        )
        if frame.no_realize:
            if state.bindings or state.predicate is not None:
                raise self.error(
                    node, "A block without realization has no bindings and no predicate."
                )
            self.emit(block)
            return
        predicate = const(True) if state.predicate is None else state.predicate
        self.emit(BlockRealize(state.bindings, predicate, block), node)

    def header_span(self, node: ast.With) -> Any:
        """The place of a `with` statement's first item."""
        return self.span(node.items[0].context_expr)

    def with_InitFrame(self, frame: InitFrame, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.init():`."""
        del frame
        state = self.block_state(node, "T.init")
        if state.init is not None:
            raise self.error(node, "This block has an init already.", cure="merge the two")
        state.init = self.scope(body)

    # The clauses.

    def block_state(self, node: ast.AST, what: str) -> BlockState:
        """The innermost block; an error outside of any."""
        if not self.blocks:
            raise self.error(
                node,
                f"{what} stands outside of a block.",
                cure="put it inside `with T.block(...):`",
            )
        return self.blocks[-1]

    def clause_Reads(self, clause: Reads, node: ast.AST) -> None:
        """`T.reads(...)`."""
        state = self.block_state(node, "T.reads")
        if state.reads is not None:
            raise self.error(
                node, "T.reads is given twice in this block.", cure="list all regions once"
            )
        state.reads = [as_region(each) for each in clause.regions]

    def clause_Writes(self, clause: Writes, node: ast.AST) -> None:
        """`T.writes(...)`."""
        state = self.block_state(node, "T.writes")
        if state.writes is not None:
            raise self.error(
                node, "T.writes is given twice in this block.", cure="list all regions once"
            )
        state.writes = [as_region(each) for each in clause.regions]

    def clause_Where(self, clause: Where, node: ast.AST) -> None:
        """`T.where(predicate)`."""
        state = self.block_state(node, "T.where")
        if state.predicate is not None:
            raise self.error(
                node, "T.where is given twice in this block.", cure="join the two with `and`"
            )
        state.predicate = condition_of(clause.predicate)

    def clause_BlockAttr(self, clause: BlockAttr, node: ast.AST) -> None:
        """`T.block_attr({...})`."""
        state = self.block_state(node, "T.block_attr")
        if state.annotations is not None:
            raise self.error(
                node, "T.block_attr is given twice in this block.", cure="merge the two"
            )
        state.annotations = dict(as_attrs(clause.attrs).items())

    def clause_FuncAttr(self, clause: FuncAttr, node: ast.AST) -> None:
        """`T.func_attr({...})`: a matter of the function."""
        raise NotImplementedError

    def clause(self, clause: Clause, node: ast.AST) -> None:
        """A statement about the enclosing block or function."""
        with self.placed(node):
            getattr(self, f"clause_{type(clause).__name__}")(clause, node)

    # What gets a name.

    def name_Axis(self, axis: Axis, name: str, node: ast.AST) -> Var:
        """An axis of the innermost block."""
        state = self.block_state(node, "T.axis")
        domain = as_range(axis.domain)
        binding = convert(axis.binding)
        if not (binding.dtype.is_integer and binding.dtype.lanes == 1):
            raise TypeMismatchError("An axis is bound to an integer.", found=str(binding.dtype))
        if axis.dtype is not None:
            dtype = convert(const(0, axis.dtype)).dtype
        elif (
            isinstance(domain.min, IntImm)
            and isinstance(domain.extent, IntImm)
            and not _typed(axis)
        ):
            dtype = binding.dtype
        else:
            dtype = common_dtype(domain.extent.dtype, binding.dtype)
        domain = Range(min=cast_to(dtype, domain.min), extent=cast_to(dtype, domain.extent))
        return self._add_axis(state, axis.iter_type, name, domain, cast_to(dtype, binding), node)

    def _add_axis(
        self,
        state: BlockState,
        iter_type: int,
        name: str,
        domain: Range,
        binding: PrimExpr,
        node: ast.AST,
    ) -> Var:
        var = Var(name, binding.dtype, self.span(node))
        state.iter_vars.append(IterVar(domain, var, iter_type, span=self.span(node)))
        state.bindings.append(binding)
        return var

    def remap(self, remap: Remap, targets: list[ast.expr], node: ast.AST) -> list[Var]:
        """Axes bound to loop variables, one for each target."""
        state = self.block_state(node, "T.axis.remap")
        found: list[Var] = []
        for kind, binding, target in zip(remap.kinds, remap.bindings, targets, strict=True):
            domain = self.loops.get(binding) if isinstance(binding, Var) else None
            if domain is None:
                raise self.error(
                    node,
                    "T.axis.remap takes variables of the loops around.",
                    found=f"{binding!r}",
                    cure="write T.axis.spatial(extent, expression) or T.axis.reduce",
                )
            name = target.id if isinstance(target, ast.Name) else "v"
            found.append(self._add_axis(state, _KINDS[kind], name, domain, binding, target))
        return found

    def name_AllocBuffer(self, spec: AllocBuffer, name: str, node: ast.AST) -> Buffer:
        """A buffer of the innermost block, or of the function."""
        buffer = self.at(spec.buffer.make(name), node)
        (self.blocks[-1].alloc_buffers if self.blocks else self.root_buffers).append(buffer)
        return buffer

    def view(self, spec: MatchBuffer, name: str, node: ast.AST) -> Buffer:
        """A view of a region, in the innermost block."""
        state = self.block_state(node, "T.match_buffer of a region")
        buffer = self.at(spec.buffer.make(name), node)
        state.match_buffers.append(
            MatchBufferRegion(buffer, as_region(spec.source), span=self.span(node))
        )
        return buffer


def _typed(axis: Axis) -> bool:
    """Whether a constant domain says its dtype (`T.int64(4)`)."""
    domain: Any = axis.domain
    parts = cast("Any", domain) if isinstance(domain, tuple | list) else (domain,)
    return any(isinstance(each, Node) for each in parts)
