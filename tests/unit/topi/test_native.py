"""One operator of each kind as machine code: it gives what the interpreter gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid import te, topi
from pellucid.interp import run_prim_func
from pellucid.ir.module import IRModule
from pellucid.testing.tolerance import assert_agree

RNG = np.random.default_rng(9)
X = RNG.normal(size=(2, 3, 8)).astype("float32")
IMAGE = RNG.normal(size=(1, 4, 7, 6)).astype("float32")
KERNEL = RNG.normal(size=(4, 2, 3, 3)).astype("float32")
INDICES = RNG.integers(-3, 3, (2, 3, 8))
BYTES = RNG.integers(-9, 9, (1, 4, 5, 5)).astype("int8")

CASES: dict[str, tuple[Any, ...]] = {
    "broadcast": (topi.add, X, X[0]),
    "integer power": (topi.power, INDICES, INDICES),
    "argmax": (topi.argmax, X, 1),
    "variance": (topi.variance, X, (0, 2)),
    "logsumexp": (topi.logsumexp, X, 1),
    "conv2d": (topi.nn.conv2d, IMAGE, KERNEL, 2, 1, 1, "NCHW", "OIHW", None, 2),
    "conv2d of bytes": (topi.nn.conv2d, BYTES, BYTES, 1, 1, 1, "NCHW", "OIHW", "int32"),
    "conv2d_transpose": (topi.nn.conv2d_transpose, IMAGE, KERNEL, 2, 1),
    "pool": (topi.nn.pool2d, IMAGE, 3, 2, 1, 1, "avg", True, "NCHW", False),
    "adaptive pool": (topi.nn.adaptive_pool, IMAGE, (4, 2), "max"),
    "softmax": (topi.nn.softmax, X),
    "layer_norm": (topi.nn.layer_norm, X, X[0, 0], X[0, 1], -1),
    "matmul": (topi.nn.matmul, X, X, None, None, False, True),
    "gelu": (topi.nn.gelu, X),
    "reflect_pad": (topi.nn.reflect_pad, X, (0, 1, 3), (1, 0, 2)),
    "resize": (topi.image.resize2d, IMAGE, None, (5, 9), "NCHW", "cubic"),
    "take": (topi.take, X, INDICES[0, 0], 1),
    "gather": (topi.gather, X, 1, INDICES),
    "strided_slice": (topi.strided_slice, X, (1, 2), (-3, 0), (-1, -1)),
    "layout_transform": (topi.layout_transform, IMAGE, "NCHW", "NCHW3c"),
    "cumsum": (topi.cumsum, X, 1),
    "scatter": (topi.scatter_elements, X, INDICES, X, 0, "mean"),
    "argsort": (topi.argsort, X, None, -1),
    "topk": (topi.topk, X, 2, 1),
    "searchsorted": (topi.searchsorted, np.sort(X[0, 0]), X),
}


def function_of(name: str) -> tuple[Any, list[Any], list[Any]]:
    operator, *arguments = CASES[name]
    tensors: list[Any] = []
    given: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            tensors.append(te.placeholder(argument.shape, str(argument.dtype), f"A{len(tensors)}"))
            given.append(tensors[-1])
        else:
            given.append(argument)
    found = operator(*given)
    results = list(found) if isinstance(found, tuple | list) else [found]
    symbol = name.replace(" ", "_")
    function = te.create_prim_func([*tensors, *results]).with_attr("global_symbol", symbol)
    outputs = [np.zeros([int(e) for e in r.shape], str(r.dtype)) for r in results]
    return function, [a for a in arguments if isinstance(a, np.ndarray)], outputs


@pytest.fixture(scope="module")
def library() -> Any:
    functions = {name.replace(" ", "_"): function_of(name)[0] for name in CASES}
    return pellucid.build(IRModule(functions), "llvm")


@pytest.mark.parametrize("name", CASES)
def test_native(library: Any, name: str) -> None:
    function, inputs, expected = function_of(name)
    run_prim_func(function, [*inputs, *expected])
    found = [np.zeros_like(each) for each in expected]
    library[name.replace(" ", "_")](*inputs, *found)
    for one, wanted in zip(found, expected, strict=True):
        assert_agree(one, wanted, "reduction", name)
