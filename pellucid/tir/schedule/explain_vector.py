"""What keeps a loop from running its iterations as lanes of a vector.

In: a block, one of the loops around it, and a processor. Out: sentences, one a reason, empty where
the loop can be vectorized with whole registers and neighbouring elements. The reasons: iterations
that depend on each other; an extent that is unknown, short, or no multiple of the lanes; a
predicate; accesses with a stride, through loaded indices, or with indices that are not affine;
branches and foreign calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.iter_map_terms import is_const
from pellucid.ir.arithmetic import add, const, mul
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, Var
from pellucid.ir.visitor import pre_order, substitute, uses_var
from pellucid.target.cpu import Processor
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.cover import conditions_on
from pellucid.tir.schedule.independence import require_independent
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import BufferStore, ForKind, IfThenElse, While

FOREIGN = ("tir.call_extern", "tir.call_packed", "tir.call_cpacked", "tir.call_pure_extern")
Bindings = Mapping[Var, PrimExpr]


def lanes_of(block: Block, processor: Processor) -> int:
    """How many elements of what a block stores fit a vector register."""
    sizes = [
        each.buffer.dtype.bytes for each in pre_order(block.body) if isinstance(each, BufferStore)
    ]
    return max(1, processor.vector_bytes // max(sizes, default=4))


def obstacles(
    block: Spot, loop: Spot, bindings: Bindings, analyzer: Analyzer, processor: Processor
) -> list[str]:
    """Why the iterations of a loop around a block cannot be, or make no good, lanes of vectors."""
    found: list[str] = []
    if loop.loop.kind is not ForKind.VECTORIZED:
        found += _dependences(loop, analyzer)
    found += _extent(block, loop, processor)
    found += _predicate(block, loop, bindings)
    found += _accesses(block, loop, bindings, analyzer)
    found += _body(block)
    return found


def _dependences(loop: Spot, analyzer: Analyzer) -> Iterator[str]:
    try:
        require_independent(loop, analyzer)
    except Refused as reason:
        yield f"its iterations depend on each other: {reason.message}"


def _extent(block: Spot, loop: Spot, processor: Processor) -> Iterator[str]:
    extent, lanes = loop.loop.extent, lanes_of(block.block, processor)
    if not isinstance(extent, IntImm):
        yield f"its extent {extent!r} is not known: split it by a constant first"
    elif extent.value < lanes:
        yield f"it has {extent.value} iterations, and a register {lanes} lanes"
    elif extent.value % lanes:
        yield f"its {extent.value} iterations are no multiple of the {lanes} lanes of a register"


def _predicate(block: Spot, loop: Spot, bindings: Bindings) -> Iterator[str]:
    condition = conditions_on(substitute(block.realize.predicate, bindings), [loop.loop.loop_var])
    if not is_const(condition, 1):
        yield f"the predicate `{condition!r}` leaves some lanes out: they are masked"


def _accesses(block: Spot, loop: Spot, bindings: Bindings, analyzer: Analyzer) -> Iterator[str]:
    """What is said of loads and stores whose lanes are no neighbours."""
    seen: set[str] = set()
    for each in pre_order(block.block.body):
        if not isinstance(each, BufferLoad | BufferStore):
            continue
        text = _access(each, loop.loop.loop_var, bindings, analyzer)
        if text is not None and text not in seen:
            seen.add(text)
            yield text


def _access(
    access: BufferLoad | BufferStore, var: Var, bindings: Bindings, analyzer: Analyzer
) -> str | None:
    verb, name = "loads" if isinstance(access, BufferLoad) else "stores", access.buffer.name
    indices = [substitute(each, bindings) for each in access.indices]
    moving = [each for each in indices if uses_var(each, {var}.__contains__)]
    if any(isinstance(e, BufferLoad) for index in moving for e in pre_order(index)):
        return f"it {verb} {name!r} at indices that were loaded from memory"
    stride = _stride(_offset(access.buffer, indices), var, analyzer)
    if stride is None:
        return f"it {verb} {name!r} at indices that are not affine in it"
    if stride == "1" or (stride == "0" and verb == "loads"):
        return None
    if stride == "0":
        return f"all its iterations store the same element of {name!r}"
    return f"it {verb} {name!r} with a stride of {stride} elements"


def _offset(buffer: Buffer, indices: list[PrimExpr]) -> PrimExpr:
    """The position of an element in the memory of its buffer."""
    total: PrimExpr = const(0, "int32")
    step: PrimExpr = const(1, "int32")
    for axis in reversed(range(len(indices))):
        scale = buffer.strides[axis] if buffer.strides else step
        total = add(total, mul(indices[axis], scale))
        step = mul(step, buffer.shape[axis])
    return total


def _stride(offset: PrimExpr, var: Var, analyzer: Analyzer) -> str | None:
    """How far a position moves when a variable grows by one, as text; None where it moves unevenly.

    Works on polynomials, which look through conversions between widths of integers.
    """
    forms = analyzer.context.forms
    found = forms.polynomial(analyzer.simplify(offset))
    key = forms.wide_key(var)
    if any(
        each != key and uses_var(forms.atom(each), {var}.__contains__) for each in found.atoms()
    ):
        return None
    if key not in found.atoms():
        return "0"
    parts = found.split_by(key)
    if parts is None:
        return None
    terms = [
        " * ".join(
            [repr(forms.atom(each)) for each in monomial]
            + ([str(factor)] if factor != 1 or not monomial else [])
        )
        for monomial, factor in parts[0].terms.items()
    ]
    return " + ".join(terms)


def _body(block: Spot) -> Iterator[str]:
    for each in pre_order(block.block.body):
        if isinstance(each, IfThenElse | While):
            yield "its body has branches"
            return
        if isinstance(each, Call) and isinstance(each.op, Op) and each.op.name in FOREIGN:
            yield "its body calls foreign code"
            return
