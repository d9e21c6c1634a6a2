"""Visitors and mutators as users write them."""

from __future__ import annotations

import pytest

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm
from pellucid.ir.scalar import Var as TirVar
from pellucid.ir.structural import assert_structural_equal, structural_equal
from pellucid.relax.expr_functor import mutator, visitor
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import PassError

T4 = relax.TensorStructInfo((4,), "float32")


@I.ir_module
class Module:
    @T.prim_func(private=True)
    def kernel(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        B[0] = A[0]

    @R.function
    def main(
        x: R.Tensor((4,), "float32"), n: R.Tensor(("n",), "float32"), c: R.Tensor((), "bool")
    ) -> R.Tuple(R.Tensor((4,), "float32"), R.Tensor(ndim=1, dtype="float32")):
        cls = Module
        m = T.int64()
        with R.dataflow():
            a = R.call_tir(cls.kernel, (x,), R.Tensor((4,), "float32"))
            b = R.call_dps_packed("f", (a, x), R.Tensor((4,), "float32"))
            R.output(b)
        v = R.match_cast(n, R.Tensor((m,), "float32"))

        @R.function
        def local(y: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            z = R.call_dps_packed("f", (y,), R.Tensor((4,), "float32"))
            return z

        d = local(b)
        if c:
            e = R.call_dps_packed("f", (d,), R.Tensor((4,), "float32"))
            r = e
        else:
            r = d
        s = R.shape([m, 4])
        t = (r, v)
        u = t[0]
        return (u, v)


def calls_of(name: str, expr: relax.Expr) -> int:
    @visitor
    class Count(relax.PyExprVisitor):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def visit_call_(self, call: relax.Call) -> None:
            super().visit_call_(call)
            first = call.args[0] if call.args else None
            if isinstance(first, relax.ExternFunc) and first.global_symbol == name:
                self.count += 1

    counter = Count()
    counter.visit_expr(expr)
    return counter.count


def test_a_visitor_reaches_every_call() -> None:
    assert calls_of("f", Module["main"]) == 3
    assert calls_of("g", Module["main"]) == 0


def test_a_visitor_sees_every_kind() -> None:
    seen: set[str] = set()

    class Everything(relax.PyExprVisitor):
        def visit_expr(self, expr: relax.Expr) -> None:
            seen.add(type(expr).__name__)
            super().visit_expr(expr)

        def visit_binding(self, binding: relax.Binding) -> None:
            seen.add(type(binding).__name__)
            super().visit_binding(binding)

        def visit_binding_block(self, block: relax.BindingBlock) -> None:
            seen.add(type(block).__name__)
            super().visit_binding_block(block)

        def visit_prim_expr(self, prim_expr: object) -> None:
            seen.add(f"scalar {type(prim_expr).__name__}")

    Everything().visit_expr(Module["main"])
    wanted = (
        "Function SeqExpr Call If Tuple TupleGetItem ShapeExpr ExternFunc GlobalVar Op Var "
        "DataflowVar VarBinding MatchCast BindingBlock DataflowBlock"
    )
    assert set(wanted.split()) <= seen
    assert {"scalar Var", "scalar IntImm"} & seen


@mutator
class Idle(relax.PyExprMutator):
    """Overrides much and changes nothing."""

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        return self.visit_expr_post_order(call)

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        super().visit_var_binding_(binding)

    def visit_dataflow_block_(self, block: relax.DataflowBlock) -> relax.BindingBlock:
        return super().visit_dataflow_block_(block)


def test_an_idle_mutator_returns_the_same_object() -> None:
    assert Idle(Module).visit_expr(Module["main"]) is Module["main"]
    assert Idle(Module).visit_expr(Module["kernel"]) is Module["kernel"]


def test_rewriting_calls() -> None:
    @mutator
    class Rename(relax.PyExprMutator):
        def visit_extern_func_(self, op: relax.ExternFunc) -> relax.Expr:
            return relax.ExternFunc("g") if op.global_symbol == "f" else op

    after = Rename(Module).visit_expr(Module["main"])
    assert [calls_of("f", after), calls_of("g", after)] == [0, 3]
    assert relax.analysis.well_formed(IRModule({**Module.functions, "main": after}))


def test_looking_up_bindings_and_emitting_in_front() -> None:
    @mutator
    class Fuse(relax.PyExprMutator):
        """`f(kernel(x), y)` becomes `fused(pre(x), y)`."""

        def visit_call_(self, call: relax.Call) -> relax.Expr:
            call = self.visit_expr_post_order(call)
            if call.op.name != "relax.call_dps_packed" or len(call.args[1]) != 2:
                return call
            producer = self.lookup_binding(call.args[1][0])
            if producer is None or producer.op.name != "relax.call_tir":
                return call
            pre = self.builder_.emit(relax.call_dps_packed("pre", [producer.args[1][0]], T4))
            return relax.call_dps_packed("fused", [pre, call.args[1][1]], T4)

    @I.ir_module
    class Before:
        @T.prim_func(private=True)
        def kernel(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            B[0] = A[0]

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            with R.dataflow():
                a = R.call_tir(cls.kernel, (x,), R.Tensor((4,), "float32"))
                b = R.call_dps_packed("f", (a, x), R.Tensor((4,), "float32"))
                R.output(b)
            return b

    @R.function
    def expected(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        R.func_attr({"global_symbol": "main"})
        with R.dataflow():
            p = R.call_dps_packed("pre", (x,), R.Tensor((4,), "float32"))
            b = R.call_dps_packed("fused", (p, x), R.Tensor((4,), "float32"))
            R.output(b)
        return b

    after = relax.analysis.remove_all_unused(Fuse(Before).visit_expr(Before["main"]))
    assert_structural_equal(after, expected)


def test_a_mutator_that_starts_from_nothing_drops_what_it_does_not_visit() -> None:
    @mutator
    class OnlyGraph(relax.PyExprMutator):
        def __init__(self, mod: IRModule) -> None:
            super().__init__()
            self.mod = mod

        def transform(self) -> IRModule:
            for gvar, func in self.mod.functions.items():
                if isinstance(func, relax.Function):
                    self.builder_.update_func(gvar, self.visit_expr(func))
            return self.builder_.get()

    after = OnlyGraph(Module).transform()
    assert [gvar.name_hint for gvar in after] == ["main"]
    assert after["main"] is Module["main"]


def test_what_follows_a_change_is_inferred_anew() -> None:
    @mutator
    class Half(relax.PyExprMutator):
        def visit_call_(self, call: relax.Call) -> relax.Expr:
            call = self.visit_expr_post_order(call)
            info = relax.TensorStructInfo((4,), "float16")
            return relax.call_pure_packed("half", *call.args[1:], sinfo_args=info)

    @R.function
    def before(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        y = R.call_pure_packed("f", x, sinfo_args=R.Tensor((4,), "float32"))
        z = y
        return z

    after = Half().visit_expr(before)
    half = relax.TensorStructInfo((4,), "float16")
    assert structural_equal(after.ret_struct_info, half)
    assert all(
        structural_equal(binding.var.struct_info, half)
        for binding in relax.analysis.all_bindings(after)
    )
    assert relax.analysis.well_formed(after)


def test_symbolic_shapes_through_a_mutator() -> None:
    @mutator
    class Bind(relax.PyExprMutator):
        def visit_prim_expr(self, prim_expr: object) -> object:
            return IntImm("int64", 7) if isinstance(prim_expr, TirVar) else prim_expr

    @R.function
    def before(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
        n = T.int64()
        y = R.call_pure_packed("f", x, R.shape([n]), sinfo_args=R.Tensor((n,), "float32"))
        return y

    @R.function
    def expected(x: R.Tensor((7,), "float32")) -> R.Tensor((7,), "float32"):
        R.func_attr({"global_symbol": "before"})
        y = R.call_pure_packed("f", x, R.shape([7]), sinfo_args=R.Tensor((7,), "float32"))
        return y

    after = Bind().visit_expr(before)
    assert_structural_equal(after, expected)
    assert relax.analysis.well_formed(after)


def test_variables_may_be_replaced_by_hand() -> None:
    x, y = relax.Var("x", T4), relax.Var("y", T4)
    changer = relax.PyExprMutator()
    changer.set_var_remap(x.vid, y)
    assert changer.get_var_remap(x.vid) is y
    assert changer.visit_expr(x) is y
    assert changer.with_struct_info(y, T4) is y
    other = changer.with_struct_info(y, relax.ObjectStructInfo())
    assert other is not y
    assert other.name_hint == "y"


def test_a_branch_may_emit() -> None:
    @mutator
    class Twice(relax.PyExprMutator):
        def visit_call_(self, call: relax.Call) -> relax.Expr:
            call = self.visit_expr_post_order(call)
            return relax.call_dps_packed("g", [self.builder_.emit(call)], T4)

    @R.function
    def before(x: R.Tensor((4,), "float32"), c: R.Tensor((), "bool")) -> R.Tensor((4,), "float32"):
        if c:
            a = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
            r = a
        else:
            r = x
        return r

    after = Twice().visit_expr(before)
    choice = after.body.blocks[0].bindings[0].value
    assert [len(b.blocks) for b in (choice.true_branch, choice.false_branch)] == [1, 0]
    assert len(choice.true_branch.blocks[0].bindings) == 2
    assert relax.analysis.well_formed(after)


def test_a_misspelt_method() -> None:
    with pytest.raises(PassError) as caught:

        class Wrong(relax.PyExprVisitor):
            def visit_cal_(self, call: relax.Call) -> None:
                pass

    assert str(caught.value) == (
        "Wrong.visit_cal_ fits no kind of graph expression.\n"
        "  cure: did you mean 'visit_call_' or 'visit_var_' or 'visit_op_'?"
    )


def test_decorators_want_the_right_base() -> None:
    with pytest.raises(PassError, match=r"derive it from relax\.PyExprMutator"):
        mutator(dict)
    with pytest.raises(PassError, match=r"derive it from relax\.PyExprVisitor"):
        visitor(Idle)
