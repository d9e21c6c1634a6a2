"""Extents that have to be equal and cannot be proved to be: native code would read beyond its
arguments, so a match_cast checks them when the program runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import cpu, relax, te, topi
from pellucid.relax import op
from pellucid.support.errors import RunError, TypeMismatchError
from pellucid.topi.shapes import UnequalExtentsError


def var(name: str, *dims: Any, dtype: str = "float32") -> relax.Var:
    extents = [te.var(each, "int64") if isinstance(each, str) else each for each in dims]
    return relax.Var(name, relax.TensorStructInfo(extents, dtype))


def module(build: Callable[..., Any], *params: relax.Var) -> Any:
    bb = relax.BlockBuilder()
    with bb.function("main", list(params)):
        with bb.dataflow():
            out = bb.emit_output(build(*params))
        bb.emit_func_output(out)
    return bb.get()


INT = "int64"
CASES: dict[str, tuple[int, Callable[..., Any], list[relax.Var]]] = {
    "matmul": (1, op.matmul, [var("x", 2, "k"), var("w", "m", 3)]),
    "concat": (1, lambda *xs: op.concat(list(xs)), [var("x", 2, "k"), var("y", 2, "m")]),
    "stack": (1, lambda *xs: op.stack(list(xs)), [var("x", 2, "k"), var("y", 2, "m")]),
    "tensordot": (1, lambda x, y: op.tensordot(x, y, 1), [var("x", 3, "k"), var("y", "n", 2)]),
    "conv2d": (1, op.nn.conv2d, [var("x", 1, "c", 5, 5), var("w", 2, "d", 3, 3)]),
    "layer_norm": (
        2, lambda *xs: op.nn.layer_norm(*xs, -1), [var("x", 1, "c"), var("g", "d"), var("b", "e")],
    ),
    "attention": (
        2, op.nn.attention,
        [var("q", 1, "n", 2, 4), var("k", "b", "m", 2, 4), var("v", 1, "p", 2, 4)],
    ),
    "gather_nd": (
        1, lambda *xs: op.gather_nd(*xs, 1), [var("x", "n", "k"), var("i", "m", 1, dtype=INT)],
    ),
    "scatter_elements": (
        2, op.scatter_elements,
        [var("x", 5, 3), var("i", "n", 2, dtype=INT), var("u", "p", "q")],
    ),
    "slice_scatter": (
        2, lambda *xs: op.slice_scatter(*xs, 0, 2, 1), [var("x", 3, "k"), var("y", "n", "m")],
    ),
    "nll_loss": (
        2, op.nn.nll_loss, [var("x", 5, "k"), var("t", "n", dtype=INT), var("w", "m")],
    ),
    "mse_loss": (1, op.nn.mse_loss, [var("x", 5, "k"), var("t", 5, "n")]),
    "collapse_sum_like": (1, op.collapse_sum_like, [var("x", "n", 3), var("y", "m", 3)]),
    "prelu": (1, op.nn.prelu, [var("x", 5, "k"), var("a", "n")]),
    "grid_sample": (
        1, op.image.grid_sample, [var("x", "n", 1, 3, 3), var("g", "m", 2, 2, 2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_lowering_casts_what_cannot_be_proved(name: str) -> None:
    casts, build, params = CASES[name]
    lowered = relax.transform.LegalizeOps(strict=True)(module(build, *params))
    assert relax.analysis.well_formed(lowered)
    assert lowered["main"].script().count("R.match_cast") == casts


def run(mod: Any, *args: np.ndarray) -> Any:
    return relax.VirtualMachine(relax.build(mod, target="llvm"), cpu())["main"](*args).numpy()


def test_a_product_of_other_extents_stops() -> None:
    mod = module(op.matmul, var("x", 2, "k"), var("w", "m", 3))
    np.testing.assert_array_equal(run(mod, *ones((2, 4), (4, 3))), np.full((2, 3), 4.0))
    with pytest.raises(RunError, match="match_cast"):
        run(mod, *ones((2, 4000), (4, 3)))


def ones(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.ones(each, "float32") for each in shapes]


def test_tensor_expressions_of_a_user_are_checked_as_well() -> None:
    x, w = var("x", 2, "k"), var("w", "m", 3)
    bb = relax.BlockBuilder()
    with bb.function("main", [x, w]):
        bb.emit_func_output(bb.emit_te(topi.matmul, x, w))
    with pytest.raises(RunError, match="match_cast"):
        run(bb.get(), *ones((2, 5), (4, 3)))


def test_without_a_graph_around_them_unequal_extents_are_an_error() -> None:
    a, b = te.placeholder((2, te.var("k"))), te.placeholder((te.var("m"), 3))
    with pytest.raises(UnequalExtentsError, match="cannot be proved equal"):
        topi.matmul(a, b)


def test_indices_that_may_go_beyond_the_data_are_refused() -> None:
    data, indices, updates = var("x", 5, "k"), var("i", 2, "m", dtype=INT), var("u", 2, "m")
    for build, params in (
        (op.gather_elements, (data, indices)),
        (op.scatter_elements, (data, indices, updates)),
    ):
        with pytest.raises(TypeMismatchError, match="may go beyond"):
            relax.transform.LegalizeOps(strict=True)(module(build, *params))


def test_a_reshape_that_may_not_fit_is_checked() -> None:
    mod = module(lambda x: op.reshape(x, (-1, 8)), var("x", "n", 4))
    np.testing.assert_array_equal(run(mod, *ones((4, 4))), np.ones((2, 8)))
    with pytest.raises(RunError, match="number of elements"):
        run(mod, *ones((3, 4)))
