"""CheckAnnotations: what an annotation asks for is done by a later stage, or is an error here.

Before: any stage with blocks or loops. After: the same function. An annotation of a block or loop
is one of three kinds.

- *Honoured*: `buffer_dim_align` (LowerOpaqueBlock pads strides), `pragma_auto_unroll_max_step` and
  `pragma_unroll_explicit` (AutoUnroll), `pragma_import_llvm` (the code generator links the LLVM IR
  in it). Their values are checked.
- *Refused*: every other key that begins with `pragma_`, `software_pipeline_` or `double_buffer_`:
  they ask for another order of execution or other memory, and nothing here gives it.
- *Notes*: all other keys. They say nothing about how the program runs: tools that make or read
  schedules keep what they need in them.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.place import ScriptPlace
from pellucid.ir.scalar import IntImm, StringImm
from pellucid.ir.transform import Pass
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import UnsupportedError, did_you_mean
from pellucid.tir.block import Block
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import For
from pellucid.tir.transform.passes import stage

UNROLL_STEPS = "pragma_auto_unroll_max_step"
UNROLL_EXPLICIT = "pragma_unroll_explicit"
IMPORT_LLVM = "pragma_import_llvm"
_NUMBERS = (UNROLL_STEPS, UNROLL_EXPLICIT)
HONOURED = ("buffer_dim_align", UNROLL_STEPS, UNROLL_EXPLICIT, IMPORT_LLVM)
_DEMANDS = ("pragma_", "software_pipeline_", "double_buffer_")
_CURES = {
    "software_pipeline_": "unannotate it; a processor overlaps iterations by itself, and "
    "T.prefetch asks for memory ahead of time",
    "double_buffer_": "unannotate it; cache_read and compute_at place a second buffer explicitly",
}


def _refuse(func: PrimFunc, node: Block | For, key: str, message: str, **parts: str) -> None:
    what = f"block {node.name_hint!r}" if isinstance(node, Block) else f"loop {_name(node)!r}"
    raise UnsupportedError(
        message.format(key=repr(key), what=what), place=ScriptPlace.of(func, node), **parts
    )


def _name(loop: For) -> str:
    return loop.loop_var.name


def _check(func: PrimFunc, node: Block | For, key: str, value: Any) -> None:
    if key in _NUMBERS:
        if _integer(value) is None:
            message = "The annotation {key} of the {what} is a number that is not negative."
            _refuse(func, node, key, message, found=repr(value))
    elif key == IMPORT_LLVM:
        if not isinstance(value, str | StringImm):
            message = "The annotation {key} of the {what} is the text of an LLVM module."
            _refuse(func, node, key, message, found=repr(value)[:80])
    elif key not in HONOURED and key.startswith(_DEMANDS):
        cures = [cure for start, cure in _CURES.items() if key.startswith(start)]
        message = "The annotation {key} of the {what} asks for something that is not done here."
        close = did_you_mean(key, HONOURED)
        _refuse(
            func,
            node,
            key,
            message,
            expected=", ".join(HONOURED) + ", or a key of your own without such a prefix",
            cure=cures[0] if cures else close or "unannotate it",
        )


def _integer(value: Any) -> int | None:
    number = value.value if isinstance(value, IntImm) else value
    return number if isinstance(number, int) and number >= 0 else None


def check_annotations(func: PrimFunc) -> PrimFunc:
    """The function itself; an annotation that nothing honours is an error."""
    for node in pre_order(func.body):
        if isinstance(node, Block | For):
            for key, value in node.annotations.items():
                _check(func, node, key, value)
    return func


def CheckAnnotations() -> Pass:
    """The pass that refuses annotations which no later stage honours."""
    return stage("CheckAnnotations", check_annotations)
