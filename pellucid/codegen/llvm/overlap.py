"""Arguments that share memory: refused where a function is compiled on the promise that none do.

In: the arguments of an entry, taken apart. Out: a comparison for each written tensor with each
other one, and an error that names the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.codegen.llvm.emit_failure import fail
from pellucid.codegen.llvm.entry import Argument, TensorArgument
from pellucid.codegen.llvm.text import Function
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import abi, dtypes
from pellucid.runtime.signature import Signature, TensorSpec

Piece = tuple[TensorSpec, Value, Value]
"""A tensor, the address of its first byte, and that behind its last."""


def refuse_overlaps(f: Function, signature: Signature, arguments: Sequence[Argument]) -> None:
    """Leave with an error where a written tensor overlaps another one."""
    pieces: list[Piece] = []
    for spec, argument in zip(signature.params, arguments, strict=True):
        if isinstance(spec, TensorSpec) and isinstance(argument, TensorArgument):
            pieces.append(_piece(f, spec, argument))
    for position, one in enumerate(pieces):
        for other in pieces[position + 1 :]:
            if one[0].writable or other[0].writable:
                _compare(f, signature.name, one, other)


def _piece(f: Function, spec: TensorSpec, argument: TensorArgument) -> Piece:
    begin = f.cast("ptrtoint", argument.data, "i64")
    size = dtypes.element_bytes(spec.dtype or "uint8")
    total: Value = f.iconst("i64", size)
    shape = argument.shape or ()
    if argument.strides:
        for extent, stride in zip(shape, argument.strides, strict=True):
            last = f.mul(f.mul(f.sub(extent, 1), stride), size)
            total = f.add(total, f.intrinsic("llvm.smax", "i64", [last, f.iconst("i64", 0)]))
    else:
        for extent in shape:
            total = f.mul(total, extent)
    return spec, begin, f.add(begin, total)


def _compare(f: Function, name: str, one: Piece, other: Piece) -> None:
    overlap = f.land(f.icmp("ult", one[1], other[2]), f.icmp("ult", other[1], one[2]))
    for piece in (one, other):
        overlap = f.land(overlap, f.icmp("ne", piece[1], piece[2]))
    shared, apart = f.block("shared"), f.block("apart")
    f.branch_if(overlap, shared, apart)
    f.start(shared)
    first, second = (one[0], other[0]) if one[0].writable else (other[0], one[0])
    message = (
        f"The arguments {first.name!r} and {second.name!r} of {name} share memory, and "
        f"{first.name!r} is written.\n  cure: pass a copy of one of them, or declare the function "
        'with T.func_attr({"tir.noalias": False})'
    )
    fail(f, abi.RUN_ERROR, message)
    f.ret(f.iconst("i32", -1))
    f.start(apart)
