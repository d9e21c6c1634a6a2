"""Rewriting a model by user passes: a fused multiply-add, matmul and add in functions of their own,
operators lowered by a table, one loop function for each group, and 797 of the 900 images.
"""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid import relax, topi
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.transform import module_pass
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.tir.function import PrimFunc

RIGHT = 797


@I.ir_module
class Products:
    @R.function
    def main(x: R.Tensor((3, 4), "float32"), y: R.Tensor((3, 4), "float32")):
        with R.dataflow():
            product = relax.op.multiply(x, y)
            total = relax.op.add(product, y)
            R.output(total)
        return total


@relax.expr_functor.mutator
class MultiplyAdd(relax.PyExprMutator):
    """add(multiply(a, b), c) → ewise_fma(a, b, c)."""

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        if call.op != Op.get("relax.add"):
            return call
        inner = self.lookup_binding(call.args[0])
        if not isinstance(inner, relax.Call) or inner.op != Op.get("relax.multiply"):
            return call
        arguments = [inner.args[0], inner.args[1], call.args[1]]
        return relax.Call(Op.get("relax.ewise_fma"), arguments, None, None)


def operators_of(function: relax.Function) -> list[str]:
    """The names of the operators that a function calls, in order."""
    return [
        binding.value.op.name
        for binding in relax.analysis.all_bindings(function)
        if isinstance(binding.value, relax.Call) and isinstance(binding.value.op, Op)
    ]


def test_the_parts_of_a_function() -> None:
    function = Products["main"]
    assert type(function).__name__ == "Function"
    assert [param.name_hint for param in function.params] == ["x", "y"]
    assert isinstance(function.body, relax.SeqExpr)
    (block,) = function.body.blocks
    assert isinstance(block, relax.DataflowBlock)
    first, second = block.bindings
    assert (first.var.name_hint, second.var.name_hint) == ("product", "total")
    assert first.value.op == Op.get("relax.multiply")


def test_a_fused_multiply_add() -> None:
    rewritten = MultiplyAdd().visit_expr(Products["main"])
    assert operators_of(rewritten) == ["relax.multiply", "relax.ewise_fma"]
    cleaned = relax.analysis.remove_all_unused(rewritten)
    assert operators_of(cleaned) == ["relax.ewise_fma"]
    assert "R.ewise_fma(x, y, y)" in cleaned.script()
    module = IRModule({"main": cleaned})
    vm = relax.VirtualMachine(relax.build(module, target="llvm"), pellucid.cpu())
    x = np.arange(12, dtype="float32").reshape(3, 4)
    y = np.full((3, 4), 2, "float32")
    np.testing.assert_array_equal(vm["main"](x, y).numpy(), x * y + y)


def network(params: dict[str, np.ndarray]) -> IRModule:
    """The two-layer network, in operators, with its weights as constants."""
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((1, 784), "float32"))
    w0, b0, w1, b1 = (relax.const(params[key], "float32") for key in ("w0", "b0", "w1", "b1"))
    with bb.function("main", [x]):
        with bb.dataflow():
            hidden = bb.emit(relax.op.matmul(x, relax.op.permute_dims(w0)))
            hidden = bb.emit(relax.op.add(hidden, b0))
            hidden = bb.emit(relax.op.nn.relu(hidden))
            scores = bb.emit(relax.op.matmul(hidden, relax.op.permute_dims(w1)))
            scores = bb.emit(relax.op.add(scores, b1))
            result = bb.emit_output(scores)
        bb.emit_func_output(result)
    return bb.get()


@relax.expr_functor.mutator
class MatmulAdd(relax.PyExprMutator):
    """add(matmul(x, w), b) → a call of a function of its own."""

    def __init__(self, mod: IRModule) -> None:
        super().__init__()
        self.mod = mod
        self.count = 0

    def transform(self) -> IRModule:
        for gvar, function in self.mod.functions.items():
            if not isinstance(function, relax.Function):
                continue
            attrs = function.attrs
            if attrs is not None and "Primitive" in attrs.keys() and attrs["Primitive"] != 0:  # noqa: SIM118 (the form that users write)
                continue
            function = relax.analysis.remove_all_unused(self.visit_expr(function))
            self.builder_.update_func(gvar, function)
        return self.builder_.get()

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        if call.op != Op.get("relax.add"):
            return call
        product = self.lookup_binding(call.args[0])
        if not isinstance(product, relax.Call) or product.op != Op.get("relax.matmul"):
            return call
        arguments = [product.args[0], product.args[1], call.args[1]]
        gvar = self.builder_.add_func(*self.function_for(arguments))
        return relax.Call(gvar, arguments, None, None)

    def function_for(self, arguments) -> tuple[relax.Function, str]:
        """A `Primitive` function for arguments of these shapes, made by a builder of its own."""
        params = [
            relax.Var(name, relax.TensorStructInfo(a.struct_info.shape, a.struct_info.dtype))
            for name, a in zip("xwb", arguments, strict=True)
        ]
        name = f"fused_matmul_add{self.count}"
        self.count += 1
        bb = relax.BlockBuilder()
        with bb.function(name, params):
            with bb.dataflow():
                product = bb.emit(relax.op.matmul(params[0], params[1]))
                result = bb.emit_output(relax.op.add(product, params[2]))
            bb.emit_func_output(result)
        return bb.get()[name].with_attr("Primitive", 1), name


@module_pass(opt_level=2, name="MatmulAddFuse")
class FuseMatmulAdd:
    """The fusor as a pass."""

    def transform_module(self, mod, ctx):
        return MatmulAdd(mod).transform()


@relax.expr_functor.mutator
class Lower(relax.PyExprMutator):
    """Operators → loop functions, by a table."""

    def __init__(self, mod: IRModule, table) -> None:
        super().__init__()
        self.mod = mod
        self.table = {Op.get(name): rule for name, rule in table.items()}

    def visit_call_(self, call):
        call = self.visit_expr_post_order(call)
        return self.table[call.op](self.builder_, call) if call.op in self.table else call

    def transform(self) -> IRModule:
        for gvar, function in self.mod.functions.items():
            if isinstance(function, relax.Function):
                self.builder_.update_func(gvar, self.visit_expr(function))
        return self.builder_.get()


TABLE = {
    "relax.matmul": lambda bb, call: bb.call_te(topi.nn.matmul, *call.args),
    "relax.add": lambda bb, call: bb.call_te(topi.add, *call.args),
    "relax.nn.relu": lambda bb, call: bb.call_te(topi.nn.relu, call.args[0]),
    "relax.permute_dims": lambda bb, call: bb.call_te(topi.transpose, call.args[0]),
}


@module_pass(opt_level=0, name="LowerByTable")
class LowerByTable:
    """The lowering as a pass."""

    def transform_module(self, mod, ctx):
        return Lower(mod, TABLE).transform()


def names(mod: IRModule, kind: type) -> list[str]:
    """The names of the functions of one kind, sorted."""
    return sorted(gvar.name_hint for gvar, function in mod.items() if isinstance(function, kind))


@pytest.fixture
def stages(mlp_params) -> list[IRModule]:
    """The network as written, with functions of its own, lowered, and with one loop function for
    each.
    """
    written = network(mlp_params)
    grouped = FuseMatmulAdd()(written)
    lowered = LowerByTable()(grouped)
    return [written, grouped, lowered, relax.transform.FuseTIR()(lowered)]


def test_matmul_and_add_get_functions_of_their_own(stages) -> None:
    grouped = stages[1]
    assert relax.analysis.well_formed(grouped)
    own = ["fused_matmul_add0", "fused_matmul_add1"]
    assert names(grouped, relax.Function) == [*own, "main"]
    for name in own:
        assert grouped[name].attrs["Primitive"] == 1
        assert operators_of(grouped[name]) == ["relax.matmul", "relax.add"]
    assert operators_of(grouped["main"]) == [
        *("relax.permute_dims", "relax.nn.relu", "relax.permute_dims")
    ]
    assert FuseMatmulAdd().info.name == "MatmulAddFuse"


def test_a_mutator_without_a_module_drops_what_it_does_not_visit(stages) -> None:
    again = FuseMatmulAdd()(stages[1])
    # The functions that it passes over are not in its builder.
    assert names(again, relax.Function) == ["main"]


def test_each_group_becomes_one_loop_function(stages) -> None:
    lowered, final = stages[2:]
    assert relax.analysis.well_formed(lowered)
    assert relax.analysis.well_formed(final)
    assert len(names(lowered, PrimFunc)) == 7
    own = ["fused_matmul_add0", "fused_matmul_add1"]
    assert [each for each in names(final, PrimFunc) if each.startswith("fused")] == own
    assert names(final, relax.Function) == ["main"]
    assert len(names(final, PrimFunc)) == 5
    assert set(operators_of(final["main"])) == {"relax.call_tir"}


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_every_stage_classifies_alike(stage, stages, images, labels, expected) -> None:
    executable = relax.build(stages[stage], target="llvm")
    vm = relax.VirtualMachine(executable, pellucid.cpu())
    rows = [vm["main"](pellucid.nd.array(image.reshape(1, 784))).numpy() for image in images]
    scores = np.concatenate(rows)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert int((scores.argmax(1) == labels).sum()) == RIGHT
