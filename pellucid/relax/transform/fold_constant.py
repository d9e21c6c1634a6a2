"""FoldConstant: what is computed from constants alone becomes a constant.

    lv = R.permute_dims(metadata[...])   →   uses of lv are uses of another constant

In: a module of operators or of `call_tir`s. Out: the same without the calls whose tensor arguments
are all constants, which are run once, here, by the interpreter. A call stays when it is impure,
when its shape is only known at run time, when its result is larger than its arguments and than
`relax.FoldConstant.max_elements`, and when it runs a loop function over more elements than that.
"""

from __future__ import annotations

from math import prod
from typing import Any, cast

from pellucid.ir import hooks
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass, PassContext, module_pass, register_pass_option
from pellucid.relax.analysis.unused import remove_all_unused
from pellucid.relax.call import CALL_TIR
from pellucid.relax.expr import (
    BindingBlock,
    Call,
    Constant,
    DataflowVar,
    Expr,
    Function,
    PrimValue,
    SeqExpr,
    ShapeExpr,
    StringImm,
    Tuple,
    Var,
    VarBinding,
    const,
)
from pellucid.relax.expr_functor import PyExprMutator, mutator
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.tir.function import PrimFunc

MAX_ELEMENTS = 1 << 16
register_pass_option(
    "relax.FoldConstant.max_elements",
    int,
    MAX_ELEMENTS,
    "the largest number of elements that folding adds to the constants of a program, for one call",
)
_FOREIGN = ("Primitive", "Codegen", "Composite")


def _elements(value: Expr) -> int | None:
    """How many elements of constants an argument holds; None when it is not fixed."""
    if isinstance(value, Constant):
        return prod(int(each) for each in value.data.shape)
    if isinstance(value, Tuple):
        parts = [_elements(each) for each in value.fields]
        known = [each for each in parts if each is not None]
        return sum(known) if len(known) == len(parts) else None
    if isinstance(value, ShapeExpr):
        return 0 if all(isinstance(each, IntImm) for each in value.values) else None
    if isinstance(value, PrimValue):
        return 0 if isinstance(value.value, IntImm) else None
    return 0 if isinstance(value, StringImm) else None


def _size(info: Any) -> int | None:
    """How many elements a tensor has; None when that is not known."""
    dims = known_dims(info) if isinstance(info, TensorStructInfo) else None
    if dims is None or info.dtype == "":
        return None
    sizes = [each.value for each in dims if isinstance(each, IntImm)]
    return prod(sizes) if len(sizes) == len(dims) else None


@mutator
class _Fold(PyExprMutator):
    def __init__(self, mod: IRModule, limit: int) -> None:
        super().__init__(mod)
        self.mod = mod
        self.limit = limit
        self.constants: dict[Var, Constant] = {}

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """A binding; later uses of one that became a constant are that constant."""
        super().visit_var_binding_(binding)
        var = self.get_var_remap(binding.var)
        value = self.lookup_binding(var)
        if isinstance(value, Constant):
            self.constants[var] = value

    def visit_var_(self, op: Var) -> Expr:
        """The constant that a variable holds, or the variable."""
        var = self.get_var_remap(op)
        return self.constants.get(var, var)

    def visit_dataflow_var_(self, op: DataflowVar) -> Expr:
        """As of any variable."""
        return self.visit_var_(op)

    def visit_call_(self, op: Call) -> Expr:
        """The value of a call of constants."""
        new = super().visit_call_(op)
        if not isinstance(new, Call) or not isinstance(new.op, Op):
            return new
        call: Any = self.builder_.normalize(new)
        return self.folded(call) if isinstance(call, Call) else call

    def folded(self, call: Call) -> Expr:
        """The constant that a call gives, or the call where it stays."""
        is_loops = call.op is CALL_TIR
        has_meaning = is_loops or cast("Op", call.op).has_attr("record")
        if not has_meaning or cast("Op", call.op).get_attr("FPurity") is not True:
            return call
        counts = [_elements(each) for each in (call.args[1:] if is_loops else call.args)]
        known = [each for each in counts if each is not None]
        size = _size(call.struct_info_)
        total = sum(known)
        if len(known) < len(counts) or size is None or total == 0:
            return call
        if size > max(total, self.limit) or (is_loops and max(size, total) > self.limit):
            return call
        return const(self.value_of(call))

    def value_of(self, call: Call) -> Any:
        """What the interpreter computes."""
        functions: dict[Any, Any] = {}
        if call.op is CALL_TIR:
            callee = cast("GlobalVar", call.args[0])
            functions[callee] = cast("PrimFunc", self.mod[callee])
        info = call.struct_info
        result = Var("result", info)
        block = BindingBlock([VarBinding(result, call)])
        body = SeqExpr((block,), result, struct_info_=info)
        name = self.mod.fresh_name("fold")
        functions[name] = Function([], body, info, True, {"global_symbol": name})
        return hooks.evaluator.get()(IRModule(functions), name=name)


def FoldConstant() -> Pass:
    """The pass that computes with constants before the program runs."""
    return _fold


@module_pass(opt_level=0, name="FoldConstant")
def _fold(mod: IRModule, ctx: PassContext) -> IRModule:
    limit = int(ctx.get("relax.FoldConstant.max_elements"))
    functions: dict[Any, Any] = {}
    for gvar, func in mod.items():
        functions[gvar] = func
        if isinstance(func, Function) and not any(key in func.attrs for key in _FOREIGN):
            new = _Fold(mod, limit).visit_expr(func)
            functions[gvar] = func if new is func else remove_all_unused(new, mod)
    return mod.with_functions(functions)
