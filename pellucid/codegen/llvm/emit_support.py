"""What the code generator can take: all that it cannot is listed before anything is emitted.

In: a function after the lowering stages. Out: nothing, or one `UnsupportedError` that names every
place.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pellucid.codegen.llvm.emit_call import CALLS, MATH_CALLS
from pellucid.codegen.llvm.types import SCALARS
from pellucid.ir import scalar as ir
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import RegistryError, UnsupportedError
from pellucid.tir import stmt as tir
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import ForKind
from pellucid.tir.transform.check_annotations import IMPORT_LLVM

_DECLARATION = re.compile(r'^\s*declare\b[^@\n]*@"?([\w.$-]+)', re.MULTILINE)
_DEFINITION = re.compile(r'^\s*define\b[^@\n]*@"?([\w.$-]+)', re.MULTILINE)
HINTS = frozenset(
    {
        "storage_scope",
        "storage_alignment",
        "compute_scope",
        "realize_scope",
        "extern_scope",
        "volatile_scope",
        "prefetch_scope",
        "device_id",
        "device_type",
        "target",
        "hand_threaded",
        "layout_transforms",
        "rolling_buffer_scope",
        "loop_kind",
    }
)


def _call_problem(call: ir.Call, functions: Mapping[str, PrimFunc]) -> str | None:
    if isinstance(call.op, GlobalVar):
        name = call.op.name_hint
        if name not in functions:
            return f"it calls {name!r}, which is no loop function of the module"
        return _callee_problem(name, functions[name], call)
    name = call.op.name if isinstance(call.op, Op) else ""
    if name in CALLS or name in MATH_CALLS or name in ("tir.ret", "tir.type_annotation"):
        return None
    if name in ("tir.tvm_stack_make_array", "tir.tvm_stack_make_shape"):
        return None
    return f"the intrinsic {name} has no code on this target"


def _callee_problem(name: str, callee: PrimFunc, call: ir.Call) -> str | None:
    if len(callee.params) != len(call.args):
        return f"{name!r} takes {len(callee.params)} arguments, and is called with {len(call.args)}"
    if any(_is_packed(node) for node in pre_order(callee.body)):
        return f"{name!r} is called from a loop function, and calls packed functions"
    for buffer in callee.buffers:
        for extent in (*buffer.shape, *buffer.strides):
            free = isinstance(extent, ir.Var) and extent not in callee.params
            if free:
                return f"{name!r} is called from a loop function, and has symbolic dimensions"
    return None


def _is_packed(node: Any) -> bool:
    return isinstance(node, ir.Call) and getattr(node.op, "name", "") == "tir.call_packed"


def _statement_problem(node: Any) -> str | None:
    if isinstance(node, tir.For) and node.kind == ForKind.THREAD_BINDING:
        tag = node.thread_binding.thread_tag if node.thread_binding is not None else "a thread axis"
        return f"the loop {node.loop_var.name!r} is bound to {tag}, which a processor has not"
    if isinstance(node, tir.AttrStmt):
        key = node.attr_key
        if key in ("thread_extent", "virtual_thread"):
            return f"{key!r} launches threads, which a processor has not"
        if key != IMPORT_LLVM and key not in HINTS:
            return f"the attribute {key!r} is not known"
    return None


def _problem(node: Any, functions: Mapping[str, PrimFunc]) -> str | None:
    if isinstance(node, tir.Stmt):
        found = _statement_problem(node)
        if found is not None:
            return found
    if isinstance(node, ir.Call):
        return _call_problem(node, functions)
    if isinstance(node, BufferLoad | tir.BufferStore) and len(node.indices) != 1:
        return (
            f"the buffer {node.buffer.name!r} keeps {len(node.indices)} dimensions "
            "(axis_separators), which this target has not"
        )
    if isinstance(node, BufferRegion):
        return "a buffer region stands where only packed functions take one"
    dtype = getattr(node, "dtype", None)
    scalar = getattr(dtype, "scalar", None)
    if scalar is not None and not isinstance(node, Buffer | ir.Call):
        known = str(scalar) in SCALARS or str(scalar) in ("void", "handle")
        if not known:
            return f"the dtype {dtype} has no code"
    return None


def _returns_in_parallel(func: PrimFunc) -> Iterable[str]:
    for loop in pre_order(func.body):
        if not isinstance(loop, tir.For) or loop.kind != ForKind.PARALLEL:
            continue
        for node in pre_order(loop.body):
            if isinstance(node, ir.Call) and getattr(node.op, "name", "") == "tir.ret":
                yield "T.ret stands in a parallel loop"


def problems(func: PrimFunc, name: str, functions: Mapping[str, PrimFunc]) -> list[str]:
    """Everything in a function that has no code here, each with its place."""
    found: dict[str, None] = {}
    for node in pre_order(func.body):
        what = _problem(node, functions)
        if what is not None:
            found.setdefault(f"{name}: {what}\n      at: {_place(node)}")
    for what in _returns_in_parallel(func):
        found.setdefault(f"{name}: {what}")
    return list(found)


def _place(node: Any) -> str:
    """Where a node is: its line in the source if there is one, and the line itself."""
    text = repr(node).strip().splitlines()[0][:100]
    span = node.span
    return text if span is None else f"{span.source.name}:{span.line}: {text}"


def extern_names(func: PrimFunc) -> list[str]:
    """The C functions that a function calls, and those that the LLVM modules declare which it
    links.
    """
    found: dict[str, None] = {}
    for node in pre_order(func.body):
        for name in _DECLARATION.findall(_linked_text(node)):
            if not name.startswith("llvm."):
                found.setdefault(name)
        name = node.op.name if isinstance(node, ir.Call) and isinstance(node.op, Op) else ""
        if name in ("tir.call_extern", "tir.call_pure_extern", "tir.call_cpacked"):
            found.setdefault(node.args[0].value)
    return list(found)


def defined_symbols(functions: Iterable[PrimFunc]) -> frozenset[str]:
    """The functions that the LLVM modules define which loop functions link."""
    found: set[str] = set()
    for func in functions:
        for node in pre_order(func.body):
            found.update(_DEFINITION.findall(_linked_text(node)))
    return frozenset(found)


def _linked_text(node: Any) -> str:
    """The LLVM module that a statement links; "" for any other."""
    if not isinstance(node, tir.AttrStmt) or node.attr_key != IMPORT_LLVM:
        return ""
    return node.value.value if isinstance(node.value, ir.StringImm) else ""


def require_extern(func: PrimFunc, name: str, linked: frozenset[str] = frozenset()) -> None:
    """Raise a `RegistryError` for a C function that this process does not have, and no LLVM module
    among the `linked` ones.
    """
    symbols = [each for each in extern_names(func) if each not in linked]
    if not symbols or os.name != "posix":
        return
    process = ctypes.CDLL(None)
    for symbol in symbols:
        if not hasattr(process, symbol):
            raise RegistryError(
                f"{name} calls the C function {symbol!r}, which this process does not have.",
                cure="load its library first: ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL); or link "
                "LLVM IR that defines it: annotate a block with 'pragma_import_llvm'",
            )


def refuse(found: list[str]) -> None:
    """Raise one error for all problems; nothing when there are none."""
    if not found:
        return
    count = f"{len(found)} thing" + ("" if len(found) == 1 else "s")
    raise UnsupportedError(
        f"This module has {count} that cannot be compiled for the processor:\n    "
        + "\n    ".join(found),
        cure="the interpreter runs all of them: pellucid.interp; or rewrite these places",
    )
