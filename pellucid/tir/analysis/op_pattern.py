"""What kind of operator a loop function computes: the question that decides what fuses with it.

In: a `PrimFunc` as it was made from an operator, not yet scheduled. Out: an `OpPatternKind`, found
block by block from the indices of loads and stores (`semantics.md` II §8). Fusion groups by these
kinds.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Add, Call, Cast, IntImm, IterVar, Mul, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For, ForKind, LetStmt, SeqStmt, Stmt

Indices = tuple[PrimExpr, ...]


class OpPatternKind(IntEnum):
    """How an output element depends on the inputs; the larger, the harder to fuse.

    `ELEM_WISE`: on the elements at the same place. `BROADCAST`: on elements at fewer of the same
    indices. `INJECTIVE`: on elements elsewhere, each read for few outputs. `COMM_REDUCE`: on a sum
    (or the like) over whole axes. `OUT_EWISE_FUSABLE`: on much work with reuse (a matmul, a
    convolution, a softmax); what is element-wise may follow it. `TUPLE`: no computation.
    `OPAQUE`: nothing is known.
    """

    ELEM_WISE = 0
    BROADCAST = 1
    INJECTIVE = 2
    COMM_REDUCE = 3
    OUT_EWISE_FUSABLE = 4
    TUPLE = 7
    OPAQUE = 8


class _OpaqueError(Exception):
    """The function has something of which nothing is known."""


def op_pattern(func: PrimFunc) -> OpPatternKind:
    """The kind of a loop function; `OPAQUE` when it is scheduled, calls others, or is no nest of
    plain blocks.
    """
    if func.attrs.get("tir.is_scheduled", False):
        return OpPatternKind.OPAQUE
    outputs = set(func.buffer_map.values())
    try:
        blocks = _leaf_blocks(func)
        kind = OpPatternKind.ELEM_WISE
        for block in blocks:
            kind = _with_block(kind, block, outputs)
    except _OpaqueError:
        return OpPatternKind.OPAQUE
    return kind if blocks else OpPatternKind.OPAQUE


def _leaf_blocks(func: PrimFunc) -> list[Block]:
    """The blocks below the root, in order."""
    body = func.body
    if not isinstance(body, BlockRealize) or body.block.iter_vars or body.block.match_buffers:
        raise _OpaqueError
    found: list[Block] = []
    todo: list[Stmt] = [body.block.body]
    while todo:
        stmt = todo.pop()
        if isinstance(stmt, SeqStmt):
            todo.extend(reversed(stmt.seq))
        elif isinstance(stmt, For) and stmt.kind == ForKind.SERIAL:
            todo.append(stmt.body)
        elif isinstance(stmt, BlockRealize) and is_true(stmt.predicate) and stmt.block.iter_vars:
            found.append(stmt.block)
        else:
            raise _OpaqueError
    return found


def _stores(stmt: Stmt) -> list[BufferStore]:
    """The stores of a block's body, which consists of them and of let statements."""
    if isinstance(stmt, BufferStore):
        return [stmt]
    if isinstance(stmt, LetStmt):
        return _stores(stmt.body)
    if isinstance(stmt, SeqStmt):
        return [store for each in stmt.seq for store in _stores(each)]
    raise _OpaqueError


def _with_block(kind: OpPatternKind, block: Block, outputs: set[Buffer]) -> OpPatternKind:
    """The kind of the blocks so far, and of one more."""
    if block.match_buffers or block.alloc_buffers:
        raise _OpaqueError
    stores = _stores(block.body)
    first = stores[0]
    if not all(_same(each.indices, first.indices) for each in stores):
        raise _OpaqueError
    if any(isinstance(each, Call) and not _is_pure(each) for each in pre_order(block.body)):
        raise _OpaqueError
    loads = _loads(block.body)
    own = {each.var for each in block.iter_vars}
    pairs = _pair_pattern(loads, first, own)
    if pairs is not None:
        # A reduction whose result is spread out again (softmax, normalisation) is an anchor.
        written = any(each.buffer in outputs for each in stores)
        if written and kind == OpPatternKind.COMM_REDUCE:
            return OpPatternKind.OUT_EWISE_FUSABLE
        return max(kind, pairs)
    reduced = {each.var for each in block.iter_vars if each.iter_type == IterVar.CommReduce}
    if not reduced:
        raise _OpaqueError
    mixed = any(_mixes(load.indices, reduced) for load in loads)
    if mixed or _is_multiply_add_with_reuse(block.body, own):
        return max(kind, OpPatternKind.OUT_EWISE_FUSABLE)
    return max(kind, OpPatternKind.COMM_REDUCE)


def _is_pure(call: Call) -> bool:
    return isinstance(call.op, Op) and bool(call.op.get_attr("pure"))


def _loads(body: Node) -> list[BufferLoad]:
    return [each for each in pre_order(body) if isinstance(each, BufferLoad)]


def _same(a: Iterable[PrimExpr], b: Iterable[PrimExpr]) -> bool:
    return structural_equal(tuple(a), tuple(b))


def _pair_pattern(
    loads: list[BufferLoad], store: BufferStore, own: set[Var]
) -> OpPatternKind | None:
    """How the loads relate to the store; None when one of them is none of the simple ways."""
    worst = OpPatternKind.ELEM_WISE
    element_wise = False
    for load in loads:
        if _same_place(load, store):
            element_wise = True
        elif _is_broadcast(load.indices, store.indices):
            worst = max(worst, OpPatternKind.BROADCAST)
        elif _is_injective(load.indices, store.indices, own):
            worst = max(worst, OpPatternKind.INJECTIVE)
        else:
            return None
    if element_wise and worst == OpPatternKind.BROADCAST:
        return OpPatternKind.ELEM_WISE
    return worst


def _same_place(load: BufferLoad, store: BufferStore) -> bool:
    """Whether a load reads the element at the place of the store, in a tensor of the same shape."""
    if not _same(load.buffer.shape, store.buffer.shape):
        return False
    return all(
        structural_equal(a, b) or (isinstance(extent, IntImm) and extent.value == 1)
        for a, b, extent in zip(load.indices, store.indices, store.buffer.shape, strict=True)
    )


def _is_broadcast(load: Indices, store: Indices) -> bool:
    """Whether the load's indices are some of the store's, in order; zeros are of unit dimensions.

    As many indices as the store has are no broadcast but a part of a larger tensor.
    """
    found = 0
    own = [each for each in load if not (isinstance(each, IntImm) and each.value == 0)]
    if len(own) == len(store):
        return False
    for each in own:
        while found < len(store) and not structural_equal(each, store[found]):
            found += 1
        if found == len(store):
            return False
        found += 1
    return True


def _is_injective(load: Indices, store: Indices, own: set[Var]) -> bool:
    """Whether the store's indices are variables, and the load's are made of these alone."""
    known = {each for each in store if isinstance(each, Var)}
    bare = all(isinstance(each, Var | IntImm) for each in store)
    return bare and _vars_in(load, own) <= known


def _vars_in(indices: Indices, own: set[Var]) -> set[Var]:
    """The block's own variables in index expressions; symbolic dimensions are not among them."""
    return {each for index in indices for each in pre_order(index) if isinstance(each, Var)} & own


def _mixes(indices: Indices, reduced: set[Var]) -> bool:
    """Whether a reduction variable occurs within a larger index expression."""
    return any(
        not isinstance(index, Var) and any(each in reduced for each in pre_order(index))
        for index in indices
    )


def _is_multiply_add_with_reuse(body: Stmt, own: set[Var]) -> bool:
    """Whether the body is `C[i] = C[i] + A[j] * B[k]` where A and B are each read for several C."""
    if not isinstance(body, BufferStore) or not isinstance(body.value, Add):
        return False
    total, product = body.value.a, _without_casts(body.value.b)
    if not isinstance(total, BufferLoad) or not isinstance(product, Mul):
        return False
    if total.buffer is not body.buffer or not _same(total.indices, body.indices):
        return False
    return all(_reuses(_without_casts(each), body.indices, own) for each in (product.a, product.b))


def _without_casts(expr: PrimExpr) -> PrimExpr:
    while isinstance(expr, Cast):
        expr = expr.value
    return expr


def _reuses(operand: PrimExpr, store: Indices, own: set[Var]) -> bool:
    """Whether a load leaves out a variable of the store's indices."""
    if not isinstance(operand, BufferLoad):
        return False
    return not _vars_in(store, own) <= _vars_in(operand.indices, own)


__all__ = ["OpPatternKind", "op_pattern"]
