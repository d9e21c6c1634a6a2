"""Questions of yes and no about loop programs: effects, branches, memory."""

from __future__ import annotations

from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.scalar import Call
from pellucid.ir.visitor import pre_order
from pellucid.support.errors import WellFormedError
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import AssertStmt, BufferStore, IfThenElse


def has_if_then_else(stmt: Node) -> bool:
    """Whether a statement branches: an `if`, or the choice `T.if_then_else`."""
    return any(
        isinstance(each, IfThenElse)
        or (
            isinstance(each, Call)
            and isinstance(each.op, Op)
            and each.op.name == "tir.if_then_else"
        )
        for each in pre_order(stmt)
    )


def _effect(func: PrimFunc) -> str | None:
    """The first effect that can be seen outside of a function, in words; None if there is none."""
    outside: set[Buffer] = set(func.buffer_map.values())
    pointers = {buffer.data for buffer in outside} | set(func.params)
    for each in pre_order(func.body):
        if isinstance(each, BufferStore) and (
            each.buffer in outside or each.buffer.data in pointers
        ):
            return f"it stores into the argument {each.buffer.name!r}"
        if isinstance(each, AssertStmt):
            return "it may stop at an assertion"
        if isinstance(each, Call) and not _is_pure(each):
            return f"it calls {getattr(each.op, 'name', getattr(each.op, 'name_hint', '?'))!r}"
    return None


def _is_pure(call: Call) -> bool:
    if not isinstance(call.op, Op):
        return False
    return bool(call.op.get_attr("pure")) or call.op.name == "tir.ret"


def is_pure_function(func: PrimFunc) -> bool:
    """Whether calling the function has no effect but giving a value."""
    return _effect(func) is None


def assert_pure_function(func: PrimFunc) -> bool:
    """Raise a `WellFormedError` that names the effect of a function that has one; else True."""
    effect = _effect(func)
    if effect is not None:
        raise WellFormedError(f"The function is not pure: {effect}.", place=func.span)
    return True


def verify_memory(func: PrimFunc) -> bool:
    """Whether no buffer is accessed where its memory cannot be reached.

    Processors reach all memory, so this holds of every function that is not bound to threads.
    """
    target = func.attrs.get("target")
    kind = str(getattr(target, "kind", target) or "llvm")
    if kind in ("llvm", "c"):
        return True
    tags = (getattr(each, "thread_binding", None) for each in pre_order(func.body))
    return any(each is not None for each in tags)
