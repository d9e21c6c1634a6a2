"""Matrix products, with leading dimensions broadcast.

Blocks are named `T_matmul_NN` (`T` in place of `N` for an operand that is transposed), the
reduction axis `k`. Products and sums are in `out_dtype` (the common dtype of the operands unless
given).
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.broadcast import broadcast_indices, broadcast_shape
from pellucid.topi.shapes import require_equal, require_rank


def _product(
    a: te.Tensor,
    b: te.Tensor,
    bias: te.Tensor | None,
    out_dtype: str | None,
    transpose_a: bool,
    transpose_b: bool,
    name: str,
) -> te.Tensor:
    dtype = out_dtype or str(ar.common_dtype(a.dtype, b.dtype))
    vector_a, vector_b = a.ndim == 1, b.ndim == 1
    if not a.ndim or not b.ndim:
        raise TypeMismatchError("A matrix product has no operand without dimensions.")
    lead_a, lead_b = list(a.shape[:-2]), list(b.shape[:-2])
    batch = broadcast_shape(lead_a, lead_b)
    inner_a = a.shape[-2 if transpose_a and not vector_a else -1]
    inner_b = b.shape[-1 if transpose_b or vector_b else -2]
    require_equal(inner_a, inner_b, "The inner extents of a matrix product")
    rows = [] if vector_a else [a.shape[-1 if transpose_a else -2]]
    columns = [] if vector_b else [b.shape[-2 if transpose_b else -1]]
    k = te.reduce_axis((0, inner_a), "k")

    def element(*indices: Any) -> Any:
        lead, rest = indices[: len(batch)], list(indices[len(batch) :])
        row = [] if vector_a else [rest.pop(0)]
        column = [] if vector_b else [rest.pop(0)]
        left = [k.var, *row] if transpose_a else [*row, k.var]
        right = [*column, k.var] if transpose_b else [k.var, *column]
        x = a(*broadcast_indices(lead, lead_a, batch), *left)
        y = b(*broadcast_indices(lead, lead_b, batch), *right)
        return te.sum(x.astype(dtype) * y.astype(dtype), k)

    shape = [*batch, *rows, *columns]
    names = [f"b{axis}" for axis in range(len(batch))] if len(batch) > 1 else ["b"] * len(batch)
    names += ["i"] * len(rows) + ["j"] * len(columns)
    found = te.compute(shape, element, name, "matmul", varargs_names=names)
    if bias is None:
        return found
    given = bias

    def add_bias(*indices: Any) -> Any:
        return found(*indices) + given(*broadcast_indices(indices, given.shape, shape))

    return te.compute(shape, add_bias, "T_add", "broadcast", varargs_names=names)


def _letters(transpose_a: bool, transpose_b: bool) -> str:
    return f"{'T' if transpose_a else 'N'}{'T' if transpose_b else 'N'}"


def matmul(
    tensor_a: te.Tensor,
    tensor_b: te.Tensor,
    bias: te.Tensor | None = None,
    out_dtype: str | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    name: str | None = None,
) -> te.Tensor:
    """(…, m, k) by (…, k, n) gives (…, m, n); leading dimensions are broadcast.

    An operand of one dimension is a vector, whose dimension is not in the result. `transpose_a` and
    `transpose_b` exchange an operand's last two dimensions; `bias` is added, broadcast.
    """
    letters = _letters(transpose_a, transpose_b)
    return _product(
        tensor_a,
        tensor_b,
        bias,
        out_dtype,
        transpose_a and tensor_a.ndim > 1,
        transpose_b and tensor_b.ndim > 1,
        name or f"T_matmul_{letters}",
    )


def dense(
    data: te.Tensor,
    weight: te.Tensor,
    bias: te.Tensor | None = None,
    out_dtype: str | None = None,
) -> te.Tensor:
    """(…, k) by weights (n, k) gives (…, n), plus a bias (n); the block is `T_matmul_NT`."""
    require_rank(weight, (2,), "dense")
    return matmul(data, weight, bias, out_dtype, False, True)


def batch_matmul(
    tensor_a: te.Tensor,
    tensor_b: te.Tensor,
    oshape: Any = None,
    out_dtype: str | None = None,
    transpose_a: bool = False,
    transpose_b: bool = True,
) -> te.Tensor:
    """(b, m, k) by (b, n, k) gives (b, m, n); without `transpose_b` the second is (b, k, n).

    A batch extent of 1 is repeated. `oshape`, if given, must be the shape that follows.
    """
    require_rank(tensor_a, (3,), "batch_matmul")
    require_rank(tensor_b, (3,), "batch_matmul")
    name = f"T_batch_matmul_{_letters(transpose_a, transpose_b)}"
    found = _product(tensor_a, tensor_b, None, out_dtype, transpose_a, transpose_b, name)
    for wanted, extent in zip(oshape or (), found.shape, strict=False):
        require_equal(wanted, extent, "The shape asked for and that of the product")
    return found
