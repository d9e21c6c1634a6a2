"""Programs as users of the language write them: expressions that are not yet bound, Python's
operators, shared parts, mutators and rewriting.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid import IRModule, interp, relax
from pellucid.relax import PyExprMutator, dpl
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.support.errors import PassError

X = np.arange(1, 7, dtype="float32").reshape(2, 3)


def var(name: str, *shape: int) -> relax.Var:
    return relax.Var(name, relax.TensorStructInfo(shape, "float32"))


def run(build: Any, *arrays: np.ndarray) -> Any:
    params = [var(f"p{i}", *each.shape) for i, each in enumerate(arrays)]
    bb = relax.BlockBuilder()
    with bb.function("main", params):
        with bb.dataflow():
            out = bb.emit_output(build(*params))
        bb.emit_func_output(out)
    assert relax.analysis.well_formed(bb.get())
    return interp.run(bb.get(), *arrays)


def test_numbers_take_the_dtype_of_what_is_not_bound_yet() -> None:
    np.testing.assert_allclose(
        run(lambda x: ((x * 2 + 1)[0] ** 2 - 3) / 4, X), ((X * 2 + 1)[0] ** 2 - 3) / 4
    )
    np.testing.assert_allclose(
        run(lambda x: 2 - (x @ np.ones((3, 2), "float32")), X), 2 - X @ np.ones((3, 2))
    )
    np.testing.assert_allclose(run(lambda x: abs(-x) + 2**x, X), X + 2**X)


def test_a_call_that_gives_a_tuple_is_unpacked_before_it_is_bound() -> None:
    def build(x: Any) -> Any:
        first, rest = relax.op.split(x, [1], axis=1)
        return relax.op.sum(first) * relax.op.sum(rest)

    assert run(build, X) == X[:, :1].sum() * X[:, 1:].sum()


def test_an_expression_that_is_used_twice_is_computed_once() -> None:
    x = var("x", 2, 3)
    shared = relax.op.exp(x)
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        with bb.dataflow():
            a = bb.emit(relax.op.add(shared, relax.op.nn.relu(shared)))
            out = bb.emit_output(relax.op.multiply(a, shared))
        bb.emit_func_output(out)
    assert bb.get().script().count("R.exp") == 1
    np.testing.assert_allclose(interp.run(bb.get(), X), 2 * np.exp(X) ** 2, rtol=1e-5)


def test_rewritten_bindings_share_what_they_have_in_common() -> None:
    @R.function
    def main(
        x: R.Tensor((4, 3), "float32"), w0: R.Tensor((3, 2), "float32"),
        w1: R.Tensor((3, 2), "float32"),
    ):  # fmt: skip
        with R.dataflow():
            a = R.matmul(x, w0)
            b = R.matmul(x, w1)
            o = R.add(a, b)
            R.output(o)
        return o

    with dpl.PatternContext() as ctx:
        x, q, k = dpl.wildcard(), dpl.wildcard(), dpl.wildcard()
        first, second = (dpl.is_op("relax.matmul")(x, each) for each in (q, k))

        def join(found: Any, bindings: Any) -> Any:
            whole = relax.op.matmul(found[x], relax.op.concat([found[q], found[k]], axis=1))
            half = found[q].struct_info.shape[1]
            return {
                found[first]: relax.op.strided_slice(whole, [1], [0], [half]),
                found[second]: relax.op.strided_slice(whole, [1], [half], [half * 2]),
            }

        new = dpl.rewrite_bindings(ctx, join, main)
    assert new.script().count("R.matmul") == 1
    rng = np.random.default_rng(0)
    arrays = [rng.random(each, "float32") for each in ((4, 3), (3, 2), (3, 2))]
    expected = interp.run(IRModule({"main": main}), *arrays)
    np.testing.assert_allclose(interp.run(IRModule({"main": new}), *arrays), expected, rtol=1e-6)


@I.ir_module
class Nested:
    @R.function
    def main(x: R.Tensor((2,), "float32")):
        @R.function
        def inner(y: R.Tensor((2,), "float32")) -> R.Tensor((2,), "float32"):
            z = R.add(y, x)
            return z

        w = inner(x)
        return w


def test_a_mutator_goes_into_local_functions() -> None:
    @relax.expr_functor.mutator
    class Swap(PyExprMutator):
        def visit_call_(self, call: Any) -> Any:
            new = self.visit_expr_post_order(call)
            if new.op is relax.op.add(var("a", 1), var("b", 1)).op:
                return relax.op.multiply(*new.args)
            return new

    new = Swap(Nested).visit_expr(Nested["main"])
    x = np.array([2, 3], "float32")
    np.testing.assert_array_equal(interp.run(IRModule({"main": new}), x), x * x)


def test_struct_infos_know_what_they_are_a_base_of() -> None:
    known = relax.TensorStructInfo((2,), "float32")
    assert relax.TensorStructInfo(None, "float32", ndim=1).is_base_of(known)
    assert not known.is_base_of(relax.TensorStructInfo(None, "float32", ndim=1))


def test_a_rewrite_of_a_block_adds_expressions() -> None:
    @R.function
    def main(x: R.Tensor((2,), "float32")):
        with R.dataflow():
            y = R.exp(x)
            R.output(y)
        return y

    rewrite = relax.DataflowBlockRewrite(main.body.blocks[0], main)
    with pytest.raises(PassError, match="of a graph expression"):
        rewrite.add("name", relax.op.exp(main.params[0]))
