"""Blocks: the units of computation that say what one iteration reads, writes and reduces.

`BlockRealize(values, predicate, block)` runs `block` once with its iteration variables bound to
`values`, or not at all when the predicate is false. Iteration variables range over their domains;
bindings stay inside them. Instances of a block with different data-parallel variables are
independent; those that differ in reduction variables only accumulate, in any order; ordered ones
run in order. `init` runs before the body in those instances in which all reduction variables are at
their least value.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.attrs import EMPTY, Attrs, as_attrs
from pellucid.ir.node import binder, child, meta, node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, as_expr, as_exprs
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer, BufferRegion, MatchBufferRegion, as_region
from pellucid.tir.stmt import Stmt


def _regions(values: Any) -> tuple[BufferRegion, ...]:
    return tuple([as_region(value) for value in values])


@node
class Block(Stmt):
    """A unit of computation.

    `reads` and `writes` over-approximate what an instance touches, in terms of `iter_vars` and
    outer variables. `alloc_buffers` live as long as the instance. `match_buffers` are views of
    regions. `name_hint` names the block for schedules; `token` is what schedule references go by.
    Neither counts in comparison.
    """

    iter_vars: tuple[IterVar, ...] = binder(converter=tuple)
    reads: tuple[BufferRegion, ...] = child(converter=_regions)
    writes: tuple[BufferRegion, ...] = child(converter=_regions)
    name_hint: str = meta()
    body: Stmt = child()
    init: Stmt | None = child(default=None)
    alloc_buffers: tuple[Buffer, ...] = binder(default=(), converter=lambda b: tuple(b or ()))
    match_buffers: tuple[MatchBufferRegion, ...] = binder(
        default=(), converter=lambda b: tuple(b or ())
    )
    annotations: Attrs = child(default=EMPTY, converter=as_attrs)
    token: Any = meta(default=None, kw_only=True)
    visit_order = (
        "iter_vars",
        "alloc_buffers",
        "match_buffers",
        "reads",
        "writes",
        "annotations",
        "init",
        "body",
        "name_hint",
        "token",
        "span",
    )


@node
class BlockRealize(Stmt):
    """Run `block` with its iteration variables bound to `iter_values`, if `predicate` holds."""

    iter_values: tuple[PrimExpr, ...] = child(converter=lambda v: as_exprs(v) if v else ())
    predicate: PrimExpr = child(converter=as_expr)
    block: Block = child()

    def __post_init__(self) -> None:
        """Check that there is a value for each iteration variable."""
        if len(self.iter_values) != len(self.block.iter_vars):
            raise TypeMismatchError(
                f"The block {self.block.name_hint!r} has {len(self.block.iter_vars)} iteration "
                "variables.",
                found=f"{len(self.iter_values)} values",
            )


def is_true(condition: PrimExpr) -> bool:
    """Whether a predicate is the constant true."""
    return isinstance(condition, IntImm) and condition.value != 0
