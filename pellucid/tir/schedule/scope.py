"""What the blocks of one scope have to do with each other.

In: a block (the *scope*), as a spot. Out: its child blocks, who produces what whom consumes, and
the classes of blocks that primitives ask for: complete blocks, reduction blocks, output blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map
from pellucid.arith.iter_map_terms import is_const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.tir.block import Block, BlockRealize, is_true
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.tree import Spot, domain_of
from pellucid.tir.stmt import BufferStore, For, Stmt

_NOT_COMPLETE = {
    1: "not all of its iteration variables are data-parallel",
    2: "it is not the only block that writes its buffers",
    3: "it reads a buffer that it writes",
}
_NOT_REDUCTION = {
    1: "it has no init",
    2: "its bindings are not affine",
    3: "it has iteration variables that are neither data-parallel nor reductions",
    4: "it is not the only block that writes its buffers",
    5: "a reduction variable indexes what it writes",
}


def reads(spot: Spot) -> list[Buffer]:
    """The buffers that a block reads, each once."""
    return list(dict.fromkeys(each.buffer for each in spot.block.reads))


def writes(spot: Spot) -> list[Buffer]:
    """The buffers that a block writes, each once."""
    return list(dict.fromkeys(each.buffer for each in spot.block.writes))


def scope_of(spot: Spot) -> Spot:
    """The block around a loop or block; a root block has none."""
    found = spot.scope()
    if found is None:
        raise Refused(f"the block {spot.name!r} is the root block", spot)
    return found


def producers_of(spot: Spot, among: Sequence[Spot] | None = None) -> list[Spot]:
    """The earlier blocks of the scope that write what this one reads or writes."""
    touched = set(reads(spot)) | set(writes(spot))
    earlier = _earlier(spot, scope_of(spot).blocks() if among is None else among)
    return [each for each in earlier if touched & set(writes(each))]


def consumers_of(spot: Spot, among: Sequence[Spot] | None = None) -> list[Spot]:
    """The later blocks of the scope that read or write what this one writes."""
    written = set(writes(spot))
    later = _later(spot, scope_of(spot).blocks() if among is None else among)
    return [each for each in later if written & (set(reads(each)) | set(writes(each)))]


def _earlier(spot: Spot, blocks: Sequence[Spot]) -> list[Spot]:
    found: list[Spot] = []
    for each in blocks:
        if each.node is spot.node:
            break
        found.append(each)
    return found


def _later(spot: Spot, blocks: Sequence[Spot]) -> list[Spot]:
    rest = list(blocks)
    while rest and rest[0].node is not spot.node:
        rest.pop(0)
    return rest[1:]


def writers_of(buffer: Buffer, blocks: Iterable[Spot]) -> list[Spot]:
    """The blocks that write a buffer."""
    return [each for each in blocks if buffer in writes(each)]


def require_no_loads_outside(place: Spot, blocks: Sequence[Spot]) -> None:
    """Refuse where loop bounds, bindings or conditions below a place load what its blocks write:
    no block says that it reads that.
    """
    for buffer in _loaded_outside(place):
        for each in writers_of(buffer, blocks):
            raise Refused(
                f"the block {each.name!r} writes {buffer.name!r}, which a loop bound, a binding or "
                "a condition outside of the blocks loads",
                each,
                cure="load it inside of a block",
            )


def _loaded_outside(place: Spot) -> list[Buffer]:
    found: list[PrimExpr] = []
    pending: list[Stmt] = [place.loop.body if place.is_loop else place.block.body]

    def note(child: object) -> None:
        if isinstance(child, Stmt):
            pending.append(child)
        elif isinstance(child, PrimExpr) and not isinstance(child, Var | IntImm):
            found.append(child)

    while pending:
        current = pending.pop()
        if isinstance(current, BlockRealize):
            for each in (current.predicate, *current.iter_values):
                note(each)
        else:
            current.walk(note, note)
    loads = [each for expr in found for each in pre_order(expr) if isinstance(each, BufferLoad)]
    return list(dict.fromkeys(each.buffer for each in loads))


def is_dominant(spot: Spot, among: Iterable[Spot]) -> bool:
    """Whether a block is the only writer of its buffers."""
    blocks = list(among)
    return all(len(writers_of(buffer, blocks)) == 1 for buffer in writes(spot))


def iter_types(block: Block) -> set[int]:
    """The kinds of iteration variables of a block."""
    return {each.iter_type for each in block.iter_vars}


def why_not_complete(spot: Spot, among: Sequence[Spot] | None = None) -> str | None:
    """Why a block is no complete block; None when it is one."""
    blocks = scope_of(spot).blocks() if among is None else among
    if iter_types(spot.block) - {IterVar.DataPar}:
        return _NOT_COMPLETE[1]
    if not is_dominant(spot, blocks):
        return _NOT_COMPLETE[2]
    return _NOT_COMPLETE[3] if set(reads(spot)) & set(writes(spot)) else None


def why_no_reduction(
    spot: Spot, among: Sequence[Spot] | None = None, *, overlapping: bool = False
) -> str | None:
    """Why a block is no reduction block; None when it is one.

    `overlapping` lets data-parallel variables have one value several times, as those of a block
    have that was moved to consumers which need common parts.
    """
    blocks = scope_of(spot).blocks() if among is None else among
    block = spot.block
    if block.init is None:
        return _NOT_REDUCTION[1]
    if not (_reduces_affinely(spot) if overlapping else is_affine(spot)):
        return _NOT_REDUCTION[2]
    if iter_types(block) - {IterVar.DataPar, IterVar.CommReduce}:
        return _NOT_REDUCTION[3]
    if not is_dominant(spot, blocks):
        return _NOT_REDUCTION[4]
    return _NOT_REDUCTION[5] if reduction_indexes_output(block) else None


def _reduces_affinely(spot: Spot) -> bool:
    """Whether the bindings of reduction variables are digits of loops that bind nothing else."""
    pairs = list(zip(spot.block.iter_vars, spot.realize.iter_values, strict=True))
    values = [value for var, value in pairs if var.iter_type == IterVar.CommReduce]
    others = [value for var, value in pairs if var.iter_type != IterVar.CommReduce]
    loops = [each.loop for each in spot.loops()]
    own = [each for each in loops if any(uses_var(v, {each.loop_var}.__contains__) for v in values)]
    shared = {each.loop_var for each in own}
    if any(uses_var(value, shared.__contains__) for value in others):
        return False
    found = detect_iter_map(values, loop_ranges(own), check_level=IterMapLevel.SURJECTIVE)
    return not found.errors


def reduction_indexes_output(block: Block) -> bool:
    """Whether a reduction variable occurs in the indices of a store."""
    reduced = {v.var for v in block.iter_vars if v.iter_type == IterVar.CommReduce}
    return any(
        uses_var(index, reduced.__contains__)
        for store in stores_of(block)
        for index in store.indices
    )


def stores_of(block: Block) -> list[BufferStore]:
    """The stores in the body of a block."""
    return [each for each in pre_order(block.body) if isinstance(each, BufferStore)]


def require_complete(spot: Spot) -> None:
    """Refuse unless the block is complete."""
    reason = why_not_complete(spot)
    if reason is not None:
        raise Refused(
            f"the block {spot.name!r} is no complete block: {reason}",
            spot,
            expected="only data-parallel variables, sole writer, reads nothing that it writes",
        )


def require_complete_or_reduction(spot: Spot, *, overlapping: bool = False) -> None:
    """Refuse unless the block is complete or a reduction block (`why_no_reduction`)."""
    incomplete = why_not_complete(spot)
    if incomplete is None:
        return
    reason = why_no_reduction(spot, overlapping=overlapping)
    if reason is not None:
        raise Refused(
            f"the block {spot.name!r} is neither complete ({incomplete}) nor a reduction block "
            f"({reason})",
            spot,
        )


def require_reduction(spot: Spot) -> None:
    """Refuse unless the block is a reduction block."""
    reason = why_no_reduction(spot)
    if reason is not None:
        raise Refused(f"the block {spot.name!r} is no reduction block: {reason}", spot)


def require_no_order(spot: Spot) -> None:
    """Refuse a block whose instances have to run in their order."""
    if iter_types(spot.block) - {IterVar.DataPar, IterVar.CommReduce}:
        raise Refused(
            f"the block {spot.name!r} has iteration variables that are neither data-parallel nor "
            "reductions",
            spot,
        )


def require_no_repetition(spot: Spot, loops: Iterable[Spot]) -> None:
    """Refuse loops that repeat a reduction: without its init it would add up more each time."""
    nest = list(loops)
    for each in nest:
        moved = {each.loop.loop_var}
        once = isinstance(each.loop.extent, IntImm) and each.loop.extent.value == 1
        if not once and not any(
            uses_var(value, moved.__contains__) for value in spot.realize.iter_values
        ):
            raise Refused(
                f"the loop {each.name!r} repeats the reduction of the block {spot.name!r}",
                each,
                spot,
                expected="loops that move a variable of the block",
            )
    iterations = _product([each.loop.extent for each in nest])
    instances = _product(
        [
            v.dom.extent
            for v, value in zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
            if v.dom is not None
            and uses_var(value, {each.loop.loop_var for each in nest}.__contains__)
        ]
    )
    if iterations is None or instances is None or not is_true(spot.realize.predicate):
        return
    if iterations > instances:
        raise Refused(
            f"the loops around the block {spot.name!r} repeat its reduction",
            nest[0],
            spot,
            expected=f"at most {instances} iterations",
            found=f"{iterations}",
        )


def require_bijective(
    spot: Spot,
    buffer: Buffer,
    indices: Sequence[PrimExpr],
    variables: Iterable[IterVar],
    analyzer: Analyzer,
) -> None:
    """Refuse indices that some values of a block's variables share."""
    domains = {v.var: v.dom for v in variables if v.dom is not None}
    if detect_iter_map(
        list(indices), domains, check_level=IterMapLevel.BIJECTIVE, analyzer=analyzer
    ).errors:
        raise Refused(
            f"the indices of {buffer.name!r} are no bijective map of the variables of "
            f"{spot.name!r}",
            spot,
            found=", ".join(repr(each) for each in indices),
        )


def require_begin(spot: Spot, analyzer: Analyzer) -> None:
    """Refuse a block with an init that its loops never run: they leave out the beginning of a
    reduction.

    Reduction variables that share loops with data-parallel ones are not looked at.
    """
    if spot.block.init is None:
        return
    pairs = list(zip(spot.block.iter_vars, spot.realize.iter_values, strict=True))
    loops = [each.loop for each in spot.loops()]
    parallel = [value for v, value in pairs if v.iter_type == IterVar.DataPar]
    shared = {
        each.loop_var
        for each in loops
        if any(uses_var(value, {each.loop_var}.__contains__) for value in parallel)
    }
    for variable, value in pairs:
        domain = variable.dom
        if variable.iter_type != IterVar.CommReduce or domain is None:
            continue
        if uses_var(value, shared.__contains__):
            continue
        least = value
        for each in reversed(loops):
            least = substitute(least, {each.loop_var: each.min})
        if not analyzer.can_prove_equal(least, domain.min):
            raise Refused(
                f"the loops around the block {spot.name!r} leave out the beginning of its "
                "reduction",
                spot,
                expected=f"{variable.var.name} from {domain.min!r}",
                found=repr(analyzer.simplify(least)),
            )


def _product(extents: Sequence[PrimExpr]) -> int | None:
    """The product of constant extents; None where one is not constant."""
    total = 1
    for each in extents:
        if not isinstance(each, IntImm):
            return None
        total *= each.value
    return total


def only_block(loop: Spot) -> Spot:
    """The one block below a loop; several, or none, are refused."""
    blocks = loop.blocks()
    if len(blocks) != 1:
        raise Refused(
            f"there is not exactly one block below the loop {loop.name!r}",
            loop,
            found=", ".join(each.name for each in blocks),
        )
    return blocks[0]


def moves_reduction(spot: Spot, loop: Spot) -> bool:
    """Whether a loop moves a reduction variable of a block."""
    moved = {loop.loop.loop_var}
    return any(
        v.iter_type != IterVar.DataPar and uses_var(value, moved.__contains__)
        for v, value in zip(spot.block.iter_vars, spot.realize.iter_values, strict=True)
    )


def require_fixed_domains(spot: Spot) -> None:
    """Refuse a block whose variables have domains that depend on the loops around it."""
    loops = {each.loop.loop_var for each in spot.above() if each.is_loop}
    for each in spot.block.iter_vars:
        if each.dom is not None and any(
            uses_var(bound, loops.__contains__) for bound in (each.dom.min, each.dom.extent)
        ):
            raise Refused(
                f"the domain of the variable {each.var.name!r} of the block {spot.name!r} depends "
                "on a loop",
                spot,
                found=repr(each.dom),
            )


def is_output(spot: Spot) -> bool:
    """Whether a block writes a buffer that lives outside of its scope."""
    allocated = set(scope_of(spot).block.alloc_buffers)
    return any(buffer not in allocated for buffer in writes(spot))


def require_no_output(spot: Spot) -> None:
    """Refuse for a block that writes a buffer of the outside."""
    if is_output(spot):
        names = ", ".join(each.name for each in writes(spot))
        raise Refused(
            f"the block {spot.name!r} is an output block",
            spot,
            expected="a block whose results stay inside the scope",
            found=f"it writes {names}",
        )


def require_not_alone(spot: Spot) -> None:
    """Refuse for the only block of its scope."""
    if len(scope_of(spot).blocks()) == 1:
        raise Refused(f"the block {spot.name!r} is the only one in its scope", spot)


def loop_ranges(loops: Iterable[For]) -> dict[Var, Range]:
    """The domains of loops."""
    return {each.loop_var: domain_of(each) for each in loops}


def is_affine(spot: Spot, top: Spot | None = None, analyzer: Analyzer | None = None) -> bool:
    """Whether the bindings of a block are digits of its loops (from `top` inwards), each used once.

    Loops above `top` count as constants.
    """
    loops = spot.loops() if top is None else spot.loops_from(top)
    return bindings_affine(spot.realize, [each.loop for each in loops], analyzer)


def bindings_affine(
    realize: BlockRealize, loops: Sequence[For], analyzer: Analyzer | None = None
) -> bool:
    """Whether the bindings of a realize are digits of these loops, each used once."""
    if not loops:
        return True
    found = detect_iter_map(
        realize.iter_values,
        loop_ranges(loops),
        realize.predicate,
        IterMapLevel.SURJECTIVE,
        analyzer=analyzer,
    )
    return not found.errors and all(
        not each.args or is_const(each.args[0].scale, 1) for each in found.indices
    )
