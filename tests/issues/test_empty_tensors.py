"""Operators that read at computed places do not read of a tensor without elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import cpu, relax, te
from pellucid.relax import op

INT = np.array([0, 1])
CASES: dict[str, Callable[[Any], Any]] = {
    "take": lambda x: op.take(x, relax.const(INT), 0),
    "gather_nd": lambda x: op.gather_nd(x, relax.const(INT.reshape(2, 1))),
    "index_tensor": lambda x: op.index_tensor(x, [relax.const(INT)]),
    "embedding": lambda x: op.nn.embedding(x, relax.const(INT)),
    **{
        f"pad_{mode}": lambda x, mode=mode: op.nn.pad(x, [1, 1, 0, 0], mode)
        for mode in ("reflect", "symmetric", "edge", "wrap")
    },
    "topk": lambda x: op.topk(x, k=2, axis=0, ret_type="values"),
    "median": lambda x: op.median(x, 0)[0],
    "grid_sample": lambda x: op.image.grid_sample(
        op.reshape(x, (1, 1, -1, 3)), relax.const(np.zeros((1, 1, 2, 2), "float32"))
    ),
    "nll_loss": lambda x: op.nn.nll_loss(
        op.permute_dims(x), relax.const(np.zeros(3, "int64")), reduction="sum"
    ),
    "resize": lambda x: op.image.resize1d(op.expand_dims(x, 0), (4,), layout="NWC"),
}


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_read_where_nothing_is(name: str) -> None:
    x = relax.Var("x", relax.TensorStructInfo((te.var("n", "int64"), 3), "float32"))
    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        bb.emit_func_output(bb.emit(CASES[name](x)))
    executable = relax.build(bb.get(), target="llvm", bounds_check=True)
    main = relax.VirtualMachine(executable, cpu())["main"]
    assert not main(np.ones((0, 3), "float32")).numpy().any()
    assert main(np.ones((2, 3), "float32")).numpy().any()
