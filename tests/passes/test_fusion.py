"""AnnotateTIROpPattern, FuseOps and FuseTIR: kinds, groups, loop functions; results stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import relax, te, topi
from pellucid.interp import run
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.structural import assert_structural_equal
from pellucid.ir.transform import PassContext
from pellucid.relax import transform as X
from pellucid.relax.transform.fuse_ops import callee_of
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import PassError
from pellucid.tir.analysis.op_pattern import OpPatternKind, op_pattern
from pellucid.tir.function import PrimFunc
from tests.passes.laws import idle

FUSION = [X.AnnotateTIROpPattern, X.FuseOps, X.FuseTIR]


def matmul(x, w):
    k = te.reduce_axis((0, x.shape[1]), "k")
    shape = (x.shape[0], w.shape[1])
    return te.compute(shape, lambda i, j: te.sum(x[i, k] * w[k, j], axis=k), "matmul")


def add(x, y):
    return te.compute(x.shape, lambda i, j: x[i, j] + y[i, j], "add")


def bias(x, b):
    return te.compute(x.shape, lambda i, j: x[i, j] + b[j], "bias")


def relu(x):
    return te.compute(x.shape, lambda i, j: te.max(x[i, j], 0.0), "relu")


def halve(x):
    return te.compute(x.shape, lambda i, j: x[i, j] * 0.5, "halve")


def transpose(x):
    return te.compute((x.shape[1], x.shape[0]), lambda i, j: x[j, i], "transpose")


def row_sum(x):
    k = te.reduce_axis((0, x.shape[1]), "k")
    return te.compute((x.shape[0],), lambda i: te.sum(x[i, k], axis=k), "row_sum")


def centre(x):
    k = te.reduce_axis((0, x.shape[1]), "k")
    total = te.compute((x.shape[0],), lambda i: te.sum(x[i, k], axis=k), "total")
    return te.compute(x.shape, lambda i, j: x[i, j] - total[i], "centre")


def window(x):
    r = te.reduce_axis((0, 2), "r")
    shape = (x.shape[0], x.shape[1] - 1)
    return te.compute(shape, lambda i, j: te.max(x[i, j + r], axis=r), "window")


def spread(b, rows):
    return te.compute((rows, b.shape[0]), lambda i, j: b[j], "spread")


def cut(x):
    return te.compute((2, 2), lambda i, j: x[i, j], "cut")


def halves(x):
    half = x.shape[1] // 2
    left = te.compute((x.shape[0], half), lambda i, j: x[i, j], "left")
    return [left, te.compute((x.shape[0], half), lambda i, j: x[i, j + half], "right")]


def tensor(name: str, *shape: Any) -> relax.Var:
    """A float parameter."""
    return relax.Var(name, relax.TensorStructInfo(shape, "float32"))


Body = Callable[..., Any]


def graph(params: list[relax.Var], body: Body, outputs: int = 1) -> IRModule:
    """A module whose `main` has one dataflow block: `body(emit, *params)` gives its results."""
    bb = relax.BlockBuilder()
    with bb.function("main", params):
        with bb.dataflow():
            found = body(bb.emit_te, *params)
            found = list(found) if outputs > 1 else [found]
            results = [bb.emit_output(each) for each in found]
        bb.emit_func_output(results if outputs > 1 else results[0])
    return bb.get()


def fused(mod: IRModule, **config: Any) -> IRModule:
    """The module after fusion, every stage checked."""
    for make in FUSION:
        with PassContext(config={"verify": True, **config}):
            after = make()(mod)
            assert make()(after) is after
        mod = after
    return mod


def kernels(mod: IRModule) -> list[str]:
    """The loop functions that `main` calls, in order."""
    bindings = relax.analysis.all_bindings(mod["main"])
    found = [callee_of(each.value) for each in bindings]
    return [each.name_hint for each in found if isinstance(each, GlobalVar)]


def same_results(before: IRModule, after: IRModule, *shapes: tuple[int, ...]) -> None:
    """Both modules give the same for random arguments."""
    rng = np.random.default_rng(0)
    args = [rng.standard_normal(shape).astype("float32") for shape in shapes]
    wanted, found = run(before, *args), run(after, *args)
    if not isinstance(wanted, tuple | list):
        wanted, found = [wanted], [found]
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(x, y)


def kind_of(func: Body, *args: Any, **options: Any) -> OpPatternKind:
    """The kind of a tensor-expression function."""
    out = func(*args, **options)
    outs = out if isinstance(out, list) else [out]
    return op_pattern(te.create_prim_func([*args, *outs]))


def placeholder(*shape: int):
    return te.placeholder(shape, "float32", "A")


KINDS = [
    (relu, [(3, 4)], OpPatternKind.ELEM_WISE),
    (add, [(3, 4), (3, 4)], OpPatternKind.ELEM_WISE),
    (bias, [(3, 4), (4,)], OpPatternKind.ELEM_WISE),
    (transpose, [(3, 4)], OpPatternKind.INJECTIVE),
    (cut, [(3, 4)], OpPatternKind.INJECTIVE),
    (halves, [(3, 4)], OpPatternKind.INJECTIVE),
    (row_sum, [(3, 4)], OpPatternKind.COMM_REDUCE),
    (matmul, [(3, 4), (4, 5)], OpPatternKind.OUT_EWISE_FUSABLE),
    (centre, [(3, 4)], OpPatternKind.OUT_EWISE_FUSABLE),
    (window, [(3, 4)], OpPatternKind.OUT_EWISE_FUSABLE),
]


@pytest.mark.parametrize(("func", "shapes", "kind"), KINDS)
def test_kinds(func, shapes, kind) -> None:
    assert kind_of(func, *[placeholder(*shape) for shape in shapes]) == kind


def test_a_broadcast() -> None:
    b = placeholder(4)
    assert op_pattern(te.create_prim_func([b, spread(b, 3)])) == OpPatternKind.BROADCAST


def test_what_is_unknown_is_opaque() -> None:
    @T.prim_func
    def conditional(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                T.where(i < 2)
                B[vi] = A[vi]

    @T.prim_func
    def scatter(
        A: T.Buffer((4,), "float32"), P: T.Buffer((4,), "int32"), B: T.Buffer((4,), "float32")
    ):
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[P[vi]] = A[vi]

    assert op_pattern(conditional) == OpPatternKind.OPAQUE
    assert op_pattern(scatter) == OpPatternKind.OPAQUE
    a = placeholder(3, 4)
    scheduled = te.create_prim_func([a, relu(a)]).with_attr("tir.is_scheduled", True)
    assert op_pattern(scheduled) == OpPatternKind.OPAQUE


def test_annotation_is_on_loop_functions_that_are_not_called_by_symbol() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def by_symbol(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi]

        @T.prim_func
        def by_name(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi] + T.float32(1)

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Module
            with R.dataflow():
                y = R.call_dps_packed("by_symbol", (x,), R.Tensor((4,), "float32"))
                z = R.call_tir(cls.by_name, (y,), R.Tensor((4,), "float32"))
                R.output(z)
            return z

    after = fused(Module)
    assert after["by_symbol"] is Module["by_symbol"]
    assert after["by_name"].attrs["op_pattern"] == OpPatternKind.ELEM_WISE
    assert after["main"] is Module["main"]


def layers(emit, x, w, b, v, c):
    hidden = emit(relu, emit(bias, emit(matmul, x, w), b))
    return emit(bias, emit(matmul, hidden, v), c)


def mlp() -> IRModule:
    params = [tensor("x", 2, 6), tensor("w", 6, 5), tensor("b", 5)]
    return graph([*params, tensor("v", 5, 3), tensor("c", 3)], layers)


def test_two_layers_are_two_kernels() -> None:
    after = fused(mlp())
    assert kernels(after) == ["fused_matmul_bias_relu", "fused_matmul1_bias1"]
    assert sorted(gvar.name_hint for gvar in after) == [*sorted(kernels(after)), "main"]
    same_results(mlp(), after, (2, 6), (6, 5), (5,), (5, 3), (3,))


def test_a_diamond_is_one_kernel() -> None:
    def body(emit, x, w):
        product = emit(matmul, x, w)
        return emit(add, emit(relu, product), emit(halve, product))

    before = graph([tensor("x", 2, 3), tensor("w", 3, 4)], body)
    after = fused(before)
    assert kernels(after) == ["fused_matmul_relu_halve_add"]
    same_results(before, after, (2, 3), (3, 4))


def test_a_matmul_with_two_other_consumers_is_computed_once() -> None:
    def body(emit, x, w):
        product = emit(matmul, x, w)
        return emit(matmul, product, w), emit(transpose, product)

    before = graph([tensor("x", 3, 3), tensor("w", 3, 3)], body, outputs=2)
    after = fused(before)
    assert len(kernels(after)) == 3
    same_results(before, after, (3, 3), (3, 3))


def test_a_group_has_one_anchor() -> None:
    def body(emit, x, w):
        return emit(add, emit(matmul, x, w), emit(matmul, w, x))

    before = graph([tensor("x", 3, 3), tensor("w", 3, 3)], body)
    after = fused(before)
    assert sorted(kernels(after)) == ["fused_matmul_add", "matmul"]
    same_results(before, after, (3, 3), (3, 3))


def test_a_value_that_is_needed_outside_ends_a_group() -> None:
    def body(emit, x, w):
        product = emit(matmul, x, w)
        return product, emit(relu, product)

    before = graph([tensor("x", 2, 3), tensor("w", 3, 4)], body, outputs=2)
    after = fused(before)
    assert kernels(after) == ["matmul", "relu"]


def test_injective_operators_join_each_other_and_reductions_what_leads_to_them() -> None:
    def body(emit, x):
        turned = emit(transpose, emit(transpose, x))
        return emit(row_sum, emit(halve, emit(relu, turned)))

    before = graph([tensor("x", 4, 3)], body)
    after = fused(before)
    assert kernels(after) == ["fused_transpose_transpose1", "fused_relu_halve_row_sum"]
    same_results(before, after, (4, 3))


def test_several_outputs_and_their_fields() -> None:
    def body(emit, x):
        both = emit(halves, emit(relu, x))
        return emit(add, relax.TupleGetItem(both, 0), relax.TupleGetItem(both, 1))

    before = graph([tensor("x", 4, 6)], body)
    after = fused(before)
    assert kernels(after) == ["fused_relu_halves_add"]
    same_results(before, after, (4, 6))


def test_equal_layers_share_one_function_and_constants_become_arguments() -> None:
    first = relax.const(np.ones((3, 3), "float32"))
    second = relax.const(np.full((3, 3), 2, "float32"))

    def body(emit, x):
        return emit(relu, emit(matmul, emit(relu, emit(matmul, x, first)), second))

    before = graph([tensor("x", 2, 3)], body)
    after = fused(before)
    assert kernels(after) == ["fused_matmul_relu"] * 2
    same_results(before, after, (2, 3))


def test_symbolic_shapes() -> None:
    n = relax_symbol("n")

    def body(emit, x, w, b):
        return emit(relu, emit(bias, emit(matmul, x, w), b))

    before = graph([tensor("x", n, 3), tensor("w", 3, 4), tensor("b", 4)], body)
    after = fused(before)
    assert kernels(after) == ["fused_matmul_bias_relu"]
    same_results(before, after, (5, 3), (3, 4), (4,))


def relax_symbol(name: str):
    return te.size_var(name, "int64")


def test_a_symbol_that_no_tensor_shows_is_handed_over() -> None:
    n = relax_symbol("n")

    def shifted(x, by):
        return te.compute(x.shape, lambda i, j: x[i, j] + by.astype("float32"), "shifted")

    bb = relax.BlockBuilder()
    x, size = tensor("x", 2, 3), relax.Var("s", relax.ShapeStructInfo([n]))
    with bb.function("main", [x, size]):
        with bb.dataflow():
            y = bb.emit_output(bb.emit_te(relu, bb.emit_te(shifted, x, n)))
        bb.emit_func_output(y)
    before = bb.get()
    after = fused(before)
    assert kernels(after) == ["fused_shifted_relu"]
    args = [np.full((2, 3), -1.5, "float32"), (4,)]
    np.testing.assert_array_equal(run(after, *args), np.full((2, 3), 2.5, "float32"))


def test_depth_is_bounded() -> None:
    def body(emit, x):
        for _ in range(6):
            x = emit(halve, x)
        return x

    before = graph([tensor("x", 2, 3)], body)
    assert len(kernels(fused(before, **{"relax.FuseOps.max_depth": 2}))) == 3
    assert len(kernels(fused(before))) == 1


def test_scheduled_functions_and_functions_without_dataflow_stay() -> None:
    before = X.AnnotateTIROpPattern()(mlp())
    scheduled = before.with_functions(
        {
            gvar: func.with_attr("tir.is_scheduled", True) if isinstance(func, PrimFunc) else func
            for gvar, func in before.items()
        }
    )
    idle(X.FuseOps(), scheduled)
    idle(X.FuseOps(), X.ToNonDataflow()(before))
    idle(X.FuseOps(fuse_opt_level=0), before)
    idle(X.FuseTIR(), before)


def test_fuse_tir_of_functions_of_the_users_own() -> None:
    @I.ir_module
    class Before:
        @T.prim_func(private=True)
        def twice(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
            for i in range(4):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = A[vi] * T.float32(2)

        @R.function
        def pair(x: R.Tensor((4,), "float32"), u: R.Tuple(R.Tensor((4,), "float32"))) -> R.Tuple(
            R.Tensor((4,), "float32"), R.Tuple(R.Tensor((4,), "float32"))
        ):
            R.func_attr({"Primitive": 1})
            cls = Before
            with R.dataflow():
                a = R.call_tir(cls.twice, (x,), R.Tensor((4,), "float32"))
                v = u[0]
                b = R.call_tir(cls.twice, (v,), R.Tensor((4,), "float32"))
                c = R.call_tir(cls.twice, (b,), R.Tensor((4,), "float32"))
                R.output(a, c)
            return (a, (c,))

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Before
            r = cls.pair(x, (x,))
            s = r[1]
            t = s[0]
            return t

    @I.ir_module
    class Expected:
        @T.prim_func(private=True)
        def pair(
            x: T.Buffer((T.int64(4),), "float32"),
            u_0: T.Buffer((T.int64(4),), "float32"),
            B: T.Buffer((T.int64(4),), "float32"),
            B_2: T.Buffer((T.int64(4),), "float32"),
        ):
            T.func_attr({"tir.noalias": True})
            B_1 = T.alloc_buffer((T.int64(4),))
            for i in range(4):
                with T.block("B"):
                    vi = T.axis.spatial(4, i)
                    B[vi] = x[vi] * T.float32(2)
            for i in range(4):
                with T.block("B_1"):
                    vi = T.axis.spatial(4, i)
                    B_1[vi] = u_0[vi] * T.float32(2)
            for i in range(4):
                with T.block("B_2"):
                    vi = T.axis.spatial(4, i)
                    B_2[vi] = B_1[vi] * T.float32(2)

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Expected
            gv = R.call_tir(
                cls.pair, (x, x), [R.Tensor((4,), "float32"), R.Tensor((4,), "float32")]
            )
            gv1 = gv[0]
            gv2 = gv[1]
            r = (gv1, (gv2,))
            s = r[1]
            t = s[0]
            return t

    with PassContext(config={"verify": True}):
        after = X.FuseTIR()(Before)
    assert X.FuseTIR()(after) is after
    assert [gvar.name_hint for gvar in after] == ["pair", "main"]
    assert not set(after["pair"].attrs) & {"Primitive"}
    x = np.arange(4, dtype="float32")
    np.testing.assert_array_equal(run(after, x), run(Before, x))
    assert_structural_equal(after["pair"], Expected["pair"])


def test_a_primitive_function_with_an_operator_is_an_error() -> None:
    @I.ir_module
    class Module:
        @R.function(private=True)
        def group(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"Primitive": 1})
            y = R.add(x, x)
            return y

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Module
            y = cls.group(x)
            return y

    with pytest.raises(PassError, match="cannot make one loop function of 'group'"):
        X.FuseTIR()(Module)


def test_a_group_that_hands_its_parameter_through_stays() -> None:
    @I.ir_module
    class Module:
        @R.function(private=True)
        def group(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"Primitive": 1})
            return x

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            cls = Module
            y = cls.group(x)
            return y

    idle(X.FuseTIR(), Module)


def test_regions_of_a_tensor_that_stands_for_two_parameters_are_joined() -> None:
    @I.ir_module
    class Before:
        @T.prim_func(private=True)
        def shifted(
            a: T.Buffer((T.int64(8),), "float32"),
            b: T.Buffer((T.int64(8),), "float32"),
            c: T.Buffer((T.int64(7),), "float32"),
        ):
            for i in range(T.int64(7)):
                with T.block("c"):
                    vi = T.axis.spatial(T.int64(7), i)
                    c[vi] = a[vi] + b[vi + T.int64(1)]

        @R.function
        def group(x: R.Tensor((8,), "float32")) -> R.Tensor((7,), "float32"):
            R.func_attr({"Primitive": 1})
            cls = Before
            with R.dataflow():
                y = R.call_tir(cls.shifted, (x, x), R.Tensor((7,), "float32"))
                R.output(y)
            return y

        @R.function
        def main(x: R.Tensor((8,), "float32")) -> R.Tensor((7,), "float32"):
            cls = Before
            y = cls.group(x)
            return y

    after = relax.transform.FuseTIR()(Before)
    assert "T.reads(x[vi:vi + T.int64(2)])" in after.script()
    assert "global_symbol" not in after["group"].attrs


def test_a_tuple_of_all_outputs_is_what_the_call_gives() -> None:
    @I.ir_module
    class Before:
        @R.function(private=True)
        def group(x: R.Tensor((8,), "float32")):
            R.func_attr({"Primitive": 1})
            with R.dataflow():
                y = R.emit_te(topi.exp, x)
                z = R.emit_te(topi.tanh, y)
                R.output(y, z)
            return (y, z)

        @R.function
        def main(x: R.Tensor((8,), "float32")):
            cls = Before
            with R.dataflow():
                y = cls.group(x)
                R.output(y)
            return y

    after = relax.transform.FuseTIR()(Before)
    (binding,) = after["main"].body.blocks[0].bindings
    assert binding.value.op.name == "relax.call_tir"
