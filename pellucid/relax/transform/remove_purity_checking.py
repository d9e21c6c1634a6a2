"""RemovePurityChecking: pure functions are marked as such by decree, and wrappers fall away.

In: functions without dataflow blocks. Out: pure functions carry `relax.force_pure`, so that later
stages may put calls with effects (allocation, destination passing) into them; `call_pure_packed`
and `invoke_pure_closure` become direct calls.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.call import (
    CALL_PURE_PACKED,
    INVOKE_CLOSURE,
    INVOKE_PURE_CLOSURE,
)
from pellucid.relax.expr import Call, DataflowBlock, Function
from pellucid.relax.substitution import GraphSubstitution
from pellucid.relax.transform.passes import function_pass
from pellucid.support.errors import PassError


class _Unwrap(GraphSubstitution):
    def visit(self, node: Any) -> Any:
        """Calls unwrapped, functions marked."""
        if isinstance(node, DataflowBlock):
            raise PassError(
                "RemovePurityChecking was given a function with dataflow blocks.",
                found=repr(node),
                cure="run relax.transform.ToNonDataflow() before it",
            )
        new = super().visit(node)
        if isinstance(new, Function) and new.is_pure and "relax.force_pure" not in new.attrs:
            return new.with_attr("relax.force_pure", True)
        if isinstance(new, Call) and isinstance(new.op, Op):
            return _unwrapped(new)
        return new


def _unwrapped(call: Call) -> Call:
    if call.op is CALL_PURE_PACKED:
        return call.replace(op=call.args[0], args=call.args[1:], struct_info_=call.struct_info_)
    if call.op is INVOKE_PURE_CLOSURE:
        return call.replace(op=INVOKE_CLOSURE, struct_info_=call.struct_info_)
    return call


@function_pass(opt_level=0, name="RemovePurityChecking")
def _remove(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del mod, ctx
    return _Unwrap({}).visit(func)


def RemovePurityChecking() -> Pass:
    """The pass after which effects are no longer tracked; `ToNonDataflow` comes before it."""
    return _remove
