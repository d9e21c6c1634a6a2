"""BindParams: parameters become constants; the dimensions that they show become numbers."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import relax
from pellucid.interp import run
from pellucid.relax.transform import BindParams, BindSymbolicVars
from pellucid.runtime import nd
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, TypeMismatchError
from tests.passes.laws import check, idle

W = np.arange(12, dtype="float32").reshape(3, 4)
B = np.ones(3, dtype="float32")


@I.ir_module
class Before:
    @R.function
    def main(
        x: R.Tensor(("n", "m"), "float32"),
        w: R.Tensor(("k", "m"), "float32"),
        b: R.Tensor(("k",), "float32"),
    ) -> R.Tensor(("n", "k"), "float32"):
        n, k = T.int64(), T.int64()
        with R.dataflow():
            out = R.call_dps_packed("f", (x, w, b), R.Tensor((n, k), "float32"))
            R.output(out)
        return out


CONST_W, CONST_B = relax.const(W), relax.const(B)


@I.ir_module
class Expected:
    @R.function
    def main(x: R.Tensor(("n", 4), "float32")) -> R.Tensor(("n", 3), "float32"):
        n = T.int64()
        with R.dataflow():
            out = R.call_dps_packed("f", (x, CONST_W, CONST_B), R.Tensor((n, 3), "float32"))
            R.output(out)
        return out


@pytest.mark.parametrize("convert", [np.copy, nd.array, relax.const])
def test_by_name(convert: object) -> None:
    check(
        BindParams("main", {"w": convert(W), "b": convert(B)}), Before, Expected, idempotent=False
    )


def test_by_variable() -> None:
    _, w, b = Before["main"].params
    check(BindParams("main", {w: W, b: B}), Before, Expected, idempotent=False)


def test_torch_parameters_that_are_trained() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")
    values = {"w": torch.nn.Parameter(torch.from_numpy(W.copy())), "b": torch.ones(3)}
    check(BindParams("main", values), Before, Expected, idempotent=False)


def test_of_a_function_by_itself() -> None:
    bound = Before["main"].bind_params({"w": W, "b": B})
    assert [param.name_hint for param in bound.params] == ["x"]


def test_nothing_to_bind() -> None:
    idle(BindParams("main", {}), Before)


def test_results_stay() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def scale(x: T.handle, w: T.handle, y: T.handle):
            n = T.int64()
            X = T.match_buffer(x, (n,))
            W = T.match_buffer(w, (n,))
            Y = T.match_buffer(y, (n,))
            for i in range(n):
                with T.block("scale"):
                    vi = T.axis.spatial(n, i)
                    Y[vi] = X[vi] * W[vi]

        @R.function
        def main(x: R.Tensor(("n",), "float32"), w: R.Tensor(("n",), "float32")):
            n = T.int64()
            cls = Module
            y = R.call_tir(cls.scale, (x, w), R.Tensor((n,), "float32"))
            return y

    x, w = np.arange(5, dtype="float32"), np.full(5, 2, dtype="float32")
    after = BindParams("main", {"w": w})(Module)
    np.testing.assert_array_equal(run(after, x), run(Module, x, w))


def failure(params: dict[str, object]) -> str:
    with pytest.raises((TypeMismatchError, RegistryError)) as caught:
        BindParams("main", params)(Before)
    return str(caught.value)


def test_a_misspelt_name() -> None:
    assert failure({"ww": W}) == (
        "The function has no parameter 'ww'.\n  found: x, w, b\n  cure: did you mean 'w'?"
    )


def test_a_value_of_another_dtype() -> None:
    assert failure({"b": B.astype("float64")}) == (
        "The value for the parameter 'b' does not fit it.\n"
        "  expected: R.Tensor((3,), dtype=\"float32\"), where k = T.int64(3) from 'b'\n"
        '  found: R.Tensor((3,), dtype="float64")\n'
        "  cure: convert it to float32"
    )


def test_two_values_that_disagree_about_a_dimension() -> None:
    assert failure({"w": W, "b": np.ones(5, "float32")}) == (
        "The value for the parameter 'b' does not fit it.\n"
        "  expected: R.Tensor((3,), dtype=\"float32\"), where k = T.int64(3) from 'w'\n"
        '  found: R.Tensor((5,), dtype="float32")'
    )


def test_symbolic_variables_by_name() -> None:
    after = BindSymbolicVars({"n": 2, "k": 3}, "main")(Before)
    x, w, b = [param.struct_info for param in after["main"].params]
    assert [int(x.shape[0]), int(w.shape[0]), int(b.shape[0])] == [2, 3, 3]
    assert relax.analysis.well_formed(after)


def test_symbolic_variables_by_variable_and_with_an_expression() -> None:
    n, m = relax.analysis.defined_symbolic_vars(Before["main"])[:2]
    function = Before["main"].bind_symbolic_vars({m: n * 2})
    assert relax.analysis.well_formed(function)
    assert m not in relax.analysis.all_symbolic_vars(function)


def test_an_unknown_symbolic_variable() -> None:
    with pytest.raises(RegistryError, match="There is no symbolic variable 'q'"):
        BindSymbolicVars({"q": 2})(Before)
