"""CallTIRRewrite: destination passing made explicit.

`x = R.call_tir(f, (a, b), R.Tensor(shape, dtype))` becomes

    alloc = R.builtin.alloc_tensor(shape, dtype)
    f(a, b, alloc)
    x = alloc

The integers of `tir_vars` follow the tensors. `call_dps_packed` of a loop function of the module is
treated alike; of a library function it stays, since a library may keep the tensor it is handed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.call import CALL_DPS_PACKED, CALL_TIR, CALL_TIR_INPLACE
from pellucid.relax.expr import (
    Call,
    DataflowBlock,
    Expr,
    ExternFunc,
    Function,
    PrimValue,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    Var,
)
from pellucid.relax.expr_functor import PyExprMutator, mutator
from pellucid.relax.op import builtin
from pellucid.relax.struct_info import TensorStructInfo, TupleStructInfo
from pellucid.relax.transform.passes import function_pass
from pellucid.support.errors import PassError
from pellucid.tir.function import PrimFunc


@mutator
class _Rewrite(PyExprMutator):
    def __init__(self, mod: IRModule) -> None:
        super().__init__(mod)
        self.kernels = {
            str(function.attrs.get("global_symbol", gvar.name_hint)): gvar
            for gvar, function in mod.items()
            if isinstance(function, PrimFunc)
        }

    def visit_dataflow_block_(self, block: DataflowBlock) -> Any:
        """Dataflow blocks have to be gone."""
        raise PassError(
            "CallTIRRewrite was given a function with dataflow blocks.",
            found=repr(block),
            cure="run relax.transform.ToNonDataflow() before it",
        )

    def visit_function_(self, op: Function) -> Expr:
        """Pure functions have to be freed of purity checking, since the calls that appear have
        effects.
        """
        if op.is_pure and not op.attrs.get("relax.force_pure", False):
            raise PassError(
                "CallTIRRewrite was given a function whose purity is checked.",
                cure="run relax.transform.RemovePurityChecking() before it",
            )
        return super().visit_function_(op)

    def visit_tuple_getitem_(self, op: TupleGetItem) -> Expr:
        """A field of several outputs is the output itself."""
        new = super().visit_tuple_getitem_(op)
        if isinstance(new, TupleGetItem) and isinstance(new.tuple_value, Var):
            whole = self.lookup_binding(new.tuple_value)
            if isinstance(whole, Tuple):
                return whole.fields[new.index]
        return new

    def visit_call_(self, op: Call) -> Expr:
        """A call in destination-passing style as allocation and call."""
        call = super().visit_call_(op)
        if not isinstance(call, Call):
            return call
        kernel = self.kernel_of(call)
        if kernel is None:
            return call
        call = cast("Call", self.builder_.normalize(call))
        args = list(cast("Tuple", call.args[1]).fields)
        numbers: tuple[Any, ...] = ()
        if len(call.args) > 2:
            numbers = cast("ShapeExpr", call.args[2]).values
        places: Sequence[int] = call.attrs.get("inplace_indices", ())
        info = call.sinfo_args[0]
        infos = info.fields if isinstance(info, TupleStructInfo) else (info,)
        fresh: list[Expr] = []
        outputs: list[Expr] = []
        for index, each in enumerate(infos):
            place = places[index] if places else -1
            if place >= 0:
                outputs.append(args[place])
                continue
            tensor = cast("TensorStructInfo", each)
            fresh.append(
                self.builder_.emit(builtin.alloc_tensor(tensor.shape, tensor.dtype), "alloc")
            )
            outputs.append(fresh[-1])
        extra = [PrimValue(each) for each in numbers]
        self.builder_.emit(Call(kernel, [*args, *fresh, *extra]), "_")
        return outputs[0] if not isinstance(info, TupleStructInfo) else Tuple(outputs)

    def kernel_of(self, call: Call) -> GlobalVar | None:
        """The loop function that a destination-passing call runs, if it is one of the module."""
        if call.op is CALL_TIR or call.op is CALL_TIR_INPLACE:
            return cast("GlobalVar", call.args[0])
        if call.op is CALL_DPS_PACKED and isinstance(call.args[0], ExternFunc):
            return self.kernels.get(call.args[0].global_symbol)
        return None


@function_pass(opt_level=0, name="CallTIRRewrite")
def _rewrite(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    new = _Rewrite(mod).visit_expr(func)
    return func if new is func else remove_all_unused(new, mod)


def CallTIRRewrite() -> Pass:
    """The pass that makes allocations and destinations visible."""
    return _rewrite
