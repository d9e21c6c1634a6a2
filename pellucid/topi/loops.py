"""Loops written out: small functions that build statements, for operators that no single element
describes (scans, sorts, scatters).

Each operator becomes one opaque block, made by `te.extern`, whose body is a loop nest. Loops over
independent rows stand outside, in order; what a row needs between its steps lies in extra outputs
of the block, which become temporaries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.scalar import Var
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import BufferStore, For, IfThenElse, Stmt, While, seq
from pellucid.topi.shapes import as_list


def loop(name: str, extent: Any, body: Callable[[Var], Any], start: Any = 0) -> Stmt:
    """`for name in range(start, start + extent): body(name)`."""
    low, count = ar.match_types(start, extent)
    var = Var(name, count.dtype)
    return For(var, low, count, "serial", seq(body(var)))


def grid(extents: Sequence[Any], body: Callable[[list[Any]], Any], prefix: str = "i") -> Stmt:
    """Nested loops over all indices of a shape."""
    loops = [Var(f"{prefix}{number}", ar.convert(e).dtype) for number, e in enumerate(extents)]
    nest: Stmt = seq(body(list(loops)))
    for var, extent in zip(reversed(loops), reversed(list(extents)), strict=True):
        nest = For(var, ar.const(0, var.dtype), extent, "serial", nest)
    return nest


def store(buffer: Buffer, indices: Sequence[Any], value: Any) -> Stmt:
    """`buffer[indices] = value`, in the buffer's dtype."""
    return BufferStore(buffer, ar.cast_to(buffer.dtype, ar.convert(value)), list(indices))


def when(condition: Any, then: Any, otherwise: Any = None) -> Stmt:
    """`if condition: then else: otherwise`."""
    return IfThenElse(condition, seq(then), None if otherwise is None else seq(otherwise))


def repeat_while(condition: Any, *body: Any) -> Stmt:
    """`while condition: body`."""
    return While(condition, seq(*body))


def block(
    shapes: Sequence[Sequence[Any]],
    dtypes: Sequence[Any],
    inputs: Sequence[te.Tensor],
    body: Callable[[list[Buffer], list[Buffer]], Stmt],
    name: str,
) -> list[te.Tensor]:
    """The tensors that an opaque block with this body fills; the last ones may be temporaries."""
    found = te.extern(
        [list(shape) for shape in shapes],
        list(inputs),
        body,
        name=name,
        dtype=[str(dtype) for dtype in dtypes],
        tag="opaque",
    )
    return as_list(found)


def moved(indices: Sequence[Any], axis: int, index: Any) -> list[Any]:
    """The indices of a row with `index` put in at `axis`."""
    return [*indices[:axis], index, *indices[axis:]]


def without(shape: Sequence[Any], axis: int) -> list[Any]:
    """The shape without one axis."""
    return [extent for number, extent in enumerate(shape) if number != axis]
