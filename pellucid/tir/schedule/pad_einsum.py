"""Padding the operands of a contraction to sizes that tiles divide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map_terms import is_const
from pellucid.ir.arithmetic import (
    add,
    cast_to,
    const,
    floordiv,
    if_then_else,
    logical_and,
    lt,
    mul,
)
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Add, Cast, FloatImm, IntImm, IterVar, Mul, Range, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, decl_buffer
from pellucid.tir.schedule.block_layout import require_trivial_nest
from pellucid.tir.schedule.cache import child_position
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import insert, replace, replace_buffers
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV
from pellucid.tir.schedule.scope import require_reduction, scope_of
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, For, ForKind, Stmt, seq


class PadEinsumPrimitives(ScheduleCore):
    """`pad_einsum`."""

    @primitive
    def pad_einsum(self, block: BlockRV | str, padding: list[int]) -> None:
        """Extend the loops of a contraction to multiples of `padding`, one number for each
        iteration variable.

        Operands of extended loops are copied into buffers `<name>_pad`, with zeros beyond their
        ends; a result of extended loops is computed in such a buffer and copied out.

            for i, j, k in T.grid(6, 8, 10):
                C[vi, vj] += A[vi, vk] * B[vk, vj]

        becomes

            for i, j, k in T.grid(8, 8, 12):
                C_pad[vi, vj] += A_pad[vi, vk] * B_pad[vk, vj]

        for `[4, 4, 4]`, with copies before and after.

            >>> sch = Schedule(matmul)
            >>> sch.pad_einsum("C", [4, 4, 4])

        Conditions: there is a positive number for each variable; the block is a reduction block
        that is all that is in its loops, which are its variables, with extents from 0; it adds
        products of elements to a sum that begins with 0; every index is one of the variables, or a
        number; every extended reduction variable indexes an operand, every other one the result.
        """
        spot = self.block(block)
        name = self.name_of(block)
        require_reduction(spot)
        top = require_trivial_nest(spot)
        contraction = _contraction(spot)
        extents = _extents(spot, padding, self.analyzer(name))
        sizes = {v.var: e for v, e in zip(spot.block.iter_vars, extents, strict=True)}
        _require_neutral(spot, contraction, sizes)
        before: list[Stmt] = []
        after: list[Stmt] = []
        table: dict[Buffer, Buffer] = {}
        for load in contraction.operands:
            padded = _padded(load, sizes)
            if padded is not None and load.buffer not in table:
                table[load.buffer] = padded
                before.append(_pad_nest(load.buffer, padded))
        result = _padded(contraction.result, sizes)
        if result is not None:
            table[contraction.result.buffer] = result
            after.append(_copy_out(result, contraction.result.buffer))
        iter_vars = [
            IterVar(
                Range(min=const(0, v.var.dtype), extent=cast_to(v.var.dtype, e)), v.var, v.iter_type
            )
            for v, e in zip(spot.block.iter_vars, extents, strict=True)
        ]
        changed = replace_buffers(spot.block.replace(iter_vars=iter_vars), table)
        nest: Stmt = spot.realize.replace(block=changed)
        for each in reversed(spot.loops()):
            loop = each.loop
            position = _position_of(spot, loop.loop_var)
            nest = loop.replace(extent=cast_to(loop.loop_var.dtype, extents[position]), body=nest)
        scope = scope_of(spot)
        place = child_position(scope, spot)
        body = replace(scope.block.body, {top.node: nest})
        for part in after:
            body = insert(body, place + 1, part)
        if before:
            body = insert(body, place, seq(*before))
        buffers = [*scope.block.alloc_buffers, *table.values()]
        new = scope.block.replace(body=body, alloc_buffers=buffers)
        self.commit(name, replace(self.tree(name).func.body, {scope.block: new}))


@dataclass
class _Contraction:
    """The element that is summed up, and the elements that are multiplied."""

    result: BufferLoad
    operands: list[BufferLoad]


def _position_of(spot: Spot, var: Var) -> int:
    return next(k for k, value in enumerate(spot.realize.iter_values) if value is var)


def _contraction(spot: Spot) -> _Contraction:
    """What a block adds up; refused unless it is a sum of products."""
    block = spot.block
    body, init = block.body, block.init
    problem = Refused(
        f"the block {spot.name!r} does not add products of elements to a sum that begins with 0",
        spot,
    )
    if not isinstance(body, BufferStore) or not isinstance(init, BufferStore):
        raise problem
    if not isinstance(init.value, IntImm | FloatImm) or init.value.value != 0:
        raise problem
    value = body.value
    own = BufferLoad(body.buffer, body.indices)
    if not isinstance(value, Add):
        raise problem
    if structural_equal(value.a, own):
        operands = _factors(value.b)
    elif structural_equal(value.b, own):
        operands = _factors(value.a)
    else:
        raise problem
    if operands is None or any(each.buffer is body.buffer for each in operands):
        raise problem
    iters = {v.var for v in block.iter_vars}
    for each in (own, *operands):
        moving = [i for i in each.indices if not isinstance(i, IntImm)]
        known = all(isinstance(i, Var) and i in iters for i in moving)
        if not known or len(set(moving)) != len(moving):
            raise Refused(
                f"the indices of {each.buffer.name!r} are not variables of the block, each once",
                spot,
                found=repr(each),
            )
    return _Contraction(own, operands)


def _factors(value: PrimExpr) -> list[BufferLoad] | None:
    """The elements that are multiplied; None where something else is computed."""
    if isinstance(value, BufferLoad):
        return [value]
    if isinstance(value, Cast):
        return _factors(value.value)
    if isinstance(value, Mul):
        left, right = _factors(value.a), _factors(value.b)
        return None if left is None or right is None else left + right
    return None


def _extents(spot: Spot, padding: Sequence[int], analyzer: Analyzer) -> list[PrimExpr]:
    """The extended extents of the variables."""
    iter_vars = spot.block.iter_vars
    if len(padding) != len(iter_vars) or any(each < 1 for each in padding):
        raise Refused(
            "there is not one positive number for each iteration variable",
            spot,
            expected=str(len(iter_vars)),
            found=repr(list(padding)),
        )
    found: list[PrimExpr] = []
    for each, unit in zip(iter_vars, padding, strict=True):
        domain = each.dom
        assert domain is not None
        if not is_const(domain.min, 0):
            raise Refused(
                f"the variable {each.var.name!r} does not start at 0", spot, found=repr(domain.min)
            )
        whole = floordiv(add(domain.extent, unit - 1), unit)
        found.append(domain.extent if unit == 1 else analyzer.simplify(mul(whole, unit)))
    return found


def _require_neutral(spot: Spot, contraction: _Contraction, sizes: dict[Var, PrimExpr]) -> None:
    """Refuse where extended iterations would add something other than zero."""
    for each in spot.block.iter_vars:
        domain = each.dom
        assert domain is not None
        extended = not structural_equal(sizes[each.var], domain.extent)
        used = any(each.var in load.indices for load in contraction.operands)
        if extended and each.iter_type == IterVar.CommReduce and not used:
            raise Refused(f"no operand is indexed by {each.var.name!r}", spot)
        if (
            extended
            and each.iter_type == IterVar.DataPar
            and each.var not in contraction.result.indices
        ):
            raise Refused(f"the result is not indexed by {each.var.name!r}", spot)


def _padded(load: BufferLoad, sizes: dict[Var, PrimExpr]) -> Buffer | None:
    """The padded buffer of an element; None where it has the right size."""
    shape: list[PrimExpr] = []
    for index, extent in zip(load.indices, load.buffer.shape, strict=True):
        shape.append(cast_to(extent.dtype, sizes[index]) if isinstance(index, Var) else extent)
    same = all(structural_equal(a, b) for a, b in zip(shape, load.buffer.shape, strict=True))
    if same:
        return None
    buffer = load.buffer
    return decl_buffer(shape, buffer.dtype, f"{buffer.name}_pad", scope=buffer.scope())


def _nest(name: str, shape: Sequence[PrimExpr], store: BufferStore, variables: list[Var]) -> Stmt:
    loops = [
        For(Var(f"ax{k}", e.dtype), const(0, e.dtype), e, ForKind.SERIAL, store)
        for k, e in enumerate(shape)
    ]
    iter_vars = [
        IterVar(Range(min=const(0, e.dtype), extent=e), var, IterVar.DataPar)
        for var, e in zip(variables, shape, strict=True)
    ]
    loads = [each for each in pre_order(store.value) if isinstance(each, BufferLoad)]
    block = Block(iter_vars, loads, [BufferLoad(store.buffer, store.indices)], name, store)
    body: Stmt = BlockRealize([each.loop_var for each in loops], const(True), block)
    for each in reversed(loops):
        body = each.replace(body=body)
    return body


def _pad_nest(source: Buffer, padded: Buffer) -> Stmt:
    """Copies an operand, with zeros beyond its ends."""
    variables = [Var(f"v{k}", e.dtype) for k, e in enumerate(padded.shape)]
    inside: PrimExpr = const(True)
    for var, old, new in zip(variables, source.shape, padded.shape, strict=True):
        if not structural_equal(old, new):
            inside = logical_and(inside, lt(var, old))
    zero = const(0, str(source.dtype))
    value = if_then_else(inside, BufferLoad(source, variables), zero)
    return _nest(padded.name, padded.shape, BufferStore(padded, value, variables), variables)


def _copy_out(padded: Buffer, target: Buffer) -> Stmt:
    """Copies the part of a result that counts."""
    variables = [Var(f"v{k}", e.dtype) for k, e in enumerate(target.shape)]
    store = BufferStore(target, BufferLoad(padded, variables), variables)
    return _nest(padded.name, target.shape, store, variables)
