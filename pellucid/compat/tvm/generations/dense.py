"""`relax.op.dense`, which the first generation had as an operator of its own.

Patterns look for `relax.nn.dense`, so it is one here too: `x @ w.T`, lowered to the operator
inventory's `nn.dense`.
"""

from __future__ import annotations

from typing import Any

from pellucid import topi
from pellucid.relax.op.inference import Inference, tensor_of
from pellucid.relax.op.linear_algebra import require_inner
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims


def _dense_info(c: Inference) -> StructInfo:
    data, weight = c.tensor("data"), c.tensor("weight")
    dtype = c["out_dtype"] or c.same_dtype("data", "weight")
    x, w = known_dims(data), known_dims(weight)
    if x is None or w is None:
        return tensor_of(None, dtype, 2)
    require_inner(c, "weight", x[-1], w[-1])
    return tensor_of((*x[:-1], w[0]), dtype)


def _dense_reference(data: Any, weight: Any, out_dtype: str | None) -> Any:
    product = data.astype(np.float64) @ weight.T.astype(np.float64)
    return product.astype(out_dtype or data.dtype)


@op(
    "nn.dense",
    infer=_dense_info,
    numpy=_dense_reference,
    samples=[case(t(2, 3), t(4, 3))],
)
def dense(data: Tensor, weight: Tensor, out_dtype: str | None = None) -> Any:
    """`data @ weight.T` for a matrix of `data`, shape (n, k), and `weight`, shape (m, k)."""
    return topi.nn.dense(data, weight, None, out_dtype)
