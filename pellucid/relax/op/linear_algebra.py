"""Products of matrices and vectors."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from typing import Any

from pellucid import te, topi
from pellucid.ir.dtype import UNKNOWN
from pellucid.relax.expr import Call, Constant, Expr, const
from pellucid.relax.op import rules
from pellucid.relax.op.binary import add
from pellucid.relax.op.inference import Dims, Inference, same, tensor_of
from pellucid.relax.op.record import Tensor, Tensors, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.op.shape_manipulation import permute_dims
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi.nn.matmul import matmul as te_matmul


def _out_dtype(c: Inference, *arguments: str) -> str:
    wanted = c["out_dtype"]
    return wanted or c.same_dtype(*arguments)


def _matmul_info(c: Inference) -> StructInfo:
    a, b = c.tensor("x1"), c.tensor("x2")
    for name, info in (("x1", a), ("x2", b)):
        if info.ndim == 0:
            raise c.error(name, "has no dimensions.", "a matrix, a vector, or a stack of them")
    dtype = _out_dtype(c, "x1", "x2")
    if a.ndim == -1 or b.ndim == -1:
        return tensor_of(None, dtype)
    ndim = max(a.ndim, b.ndim, 2) - (a.ndim == 1) - (b.ndim == 1)
    x, y = known_dims(a), known_dims(b)
    if x is None or y is None:
        return tensor_of(() if ndim == 0 else None, dtype, ndim)
    require_inner(c, "x2", x[-1], y[-1] if len(y) == 1 else y[-2])
    lead = c.broadcast(x[:-2], y[:-2], "x2")
    if lead is None:
        return tensor_of(None, dtype, ndim)
    rows = x[-2:-1]
    columns = y[-1:] if len(y) > 1 else ()
    return tensor_of((*lead, *rows, *columns), dtype)


def require_inner(c: Inference, argument: str, expected: Any, found: Any) -> None:
    """Raise if the two inner extents of a product are known to differ."""
    c.require_equal(argument, "has another inner extent than the first operand.", expected, found)


def _matmul_reference(x1: Any, x2: Any, out_dtype: str | None) -> Any:
    kind = x1.dtype if out_dtype is None else np.dtype(out_dtype)
    wide = np.int64 if kind.kind in "iu" else np.float64
    return np.matmul(x1.astype(wide), x2.astype(wide)).astype(kind)


@op(
    "matmul",
    infer=_matmul_info,
    numpy=_matmul_reference,
    samples=[
        case(t("n", 3), t(3, 4)),
        case(t("n", "m", "k"), t("k", 3)),
        case(t(2, 1, 2, 3), t(4, 3, 2)),
        case(t(3), t(3)),
        case(t(3), t("n", 3, 2)),
        case(t("n", 2, 3), t(3)),
        case(t(2, 3, dtype="float16"), t(3, 2, dtype="float16"), out_dtype="float32"),
        case(t(2, 3, dtype="int8"), t(3, 2, dtype="int8"), out_dtype="int32"),
        case(t(2, 3, dtype="bfloat16"), t(3, 2, dtype="bfloat16"), out_dtype="float32"),
    ],
    tolerance="reduction",
)
def matmul(x1: Tensor, x2: Tensor, out_dtype: str | None = None) -> Any:
    """The product of (…, m, k) and (…, k, n): (…, m, n); leading dimensions are broadcast.

    An operand of one dimension is a vector, whose dimension is not in the result. Products and sums
    are in `out_dtype`, which is the operands' unless given.
    """
    return te_matmul(x1, x2, out_dtype=out_dtype)


def _linear_info(c: Inference) -> StructInfo:
    data, weight = c.tensor("data"), c.tensor("weight", (1, 2))
    arguments = ("data", "weight", "bias") if c.has("bias") else ("data", "weight")
    dtype = c["out_dtype"] or c.same_dtype(*arguments)
    x, y = known_dims(data), known_dims(weight)
    if data.ndim == -1 or weight.ndim == -1:
        return tensor_of(None, dtype)
    ndim = data.ndim - (weight.ndim == 1)
    if x is None or y is None:
        return tensor_of(None, dtype, ndim)
    require_inner(c, "weight", x[-1], y[-1])
    return tensor_of((*x[:-1], *y[:-1]), dtype)


def _linear_reference(
    data: Any, weight: Any, bias: Any = None, out_dtype: str | None = None
) -> Any:
    found = _matmul_reference(data, weight.T, out_dtype)
    return found if bias is None else (found + bias).astype(found.dtype)


def _expand_linear(builder: Any, call: Call) -> Expr:
    data, weight, *bias = call.args
    if isinstance(weight, Constant):
        transposed: Expr = const(np.ascontiguousarray(weight.data.numpy().T))
    else:
        transposed = builder.emit(permute_dims(weight))
    product = builder.emit(matmul(data, transposed, out_dtype=call.attrs.get("out_dtype")))
    return add(product, bias[0]) if bias else product


@op(
    "linear",
    infer=_linear_info,
    numpy=_linear_reference,
    samples=[
        case(t("n", 3), t(4, 3), t(4)),
        case(t(2, "n", 3), t(2, 3)),
        case(t(3), t(4, 3), t(4)),
    ],
    legalize=_expand_linear,
    tolerance="reduction",
)
def linear(
    data: Tensor, weight: Tensor, bias: Tensor | None = None, out_dtype: str | None = None
) -> Any:
    """`data · weightᵀ + bias`: (…, k) by weights (n, k) gives (…, n).

    It is lowered as permute_dims, matmul and add.
    """
    ...


def _outer_info(c: Inference) -> StructInfo:
    a, b = c.tensor("x1", (1,)), c.tensor("x2", (1,))
    x, y = known_dims(a), known_dims(b)
    dims = None if x is None or y is None else (*x, *y)
    return tensor_of(dims, c.same_dtype("x1", "x2"), 2)


@op(
    "outer",
    infer=_outer_info,
    numpy=np.outer,
    samples=[case(t("n"), t("m")), case(t(3, dtype="int32"), t(2, dtype="int32"))],
)
def outer(x1: Tensor, x2: Tensor) -> Any:
    """The products of all pairs of elements of two vectors: (n) and (m) give (n, m)."""

    def element(i: Any, j: Any) -> Any:
        return x1(i) * x2(j)

    return te.compute((x1.shape[0], x2.shape[0]), element, name="T_outer", tag="broadcast")


def _dims_or_none(c: Inference, argument: str) -> Dims | None:
    return c.dims(argument)


def _tensordot_info(c: Inference) -> StructInfo:
    a, b = c.tensor("x1"), c.tensor("x2")
    count = c["axes"]
    dtype = c.same_dtype("x1", "x2")
    for name, info in (("x1", a), ("x2", b)):
        if info.ndim != -1 and info.ndim < count:
            raise c.error(name, "has too few dimensions.", f"at least {count}", str(info.ndim))
    if a.ndim == -1 or b.ndim == -1:
        return tensor_of(None, dtype)
    x, y = _dims_or_none(c, "x1"), _dims_or_none(c, "x2")
    if x is None or y is None:
        return tensor_of(None, dtype, a.ndim + b.ndim - 2 * count)
    for p, q in zip(x[len(x) - count :], y[:count], strict=True):
        if not same(p, q):
            require_inner(c, "x2", p, q)
    return tensor_of((*x[: len(x) - count], *y[count:]), dtype)


@op(
    "tensordot",
    infer=_tensordot_info,
    numpy=lambda x1, x2, axes: np.tensordot(x1, x2, axes).astype(x1.dtype),
    samples=[
        case(t("n", 2, 3), t(2, 3, 2)),
        case(t(2, 3), t(3, 2), axes=1),
        case(t(2), t(3), axes=0),
    ],
    tolerance="reduction",
)
def tensordot(x1: Tensor, x2: Tensor, axes: int = 2) -> Any:
    """The sum of products over the last `axes` dimensions of `x1` and the first of `x2`."""
    rows, columns = x1.ndim - axes, x2.ndim - axes
    over = [te.reduce_axis((0, x2.shape[number]), f"k{number}") for number in range(axes)]
    inner = [each.var for each in over]

    def element(*i: Any) -> Any:
        left, right = i[:rows], i[rows:]
        product = x1(*left, *inner) * x2(*inner, *right)
        return te.sum(product, over) if over else product

    names = [f"ax{number}" for number in range(rows + columns)]
    shape = (*x1.shape[:rows], *x2.shape[axes:])
    return te.compute(shape, element, "T_tensordot", "matmul", varargs_names=names)


def _einsum_unknown(c: Inference) -> StructInfo:
    infos = c.tensors("operands")
    dtypes = {each.dtype for each in infos or ()}
    return tensor_of(None, dtypes.pop() if len(dtypes) == 1 else "")


def _check_einsum(c: Inference) -> None:
    known = {each.dtype for each in c.tensors("operands") or () if each.dtype != UNKNOWN}
    if len(known) > 1:
        found = ", ".join(sorted(known))
        raise c.error("operands", "has tensors of several dtypes.", "one dtype", found)


def _np_einsum(operands: Any, subscripts: str) -> Any:
    dtype = operands[0].dtype
    wide = np.int64 if dtype.kind in "iu" else np.float64
    return np.asarray(np.einsum(subscripts, *[x.astype(wide) for x in operands])).astype(dtype)


@op(
    "einsum",
    infer=rules.by_lowering(_einsum_unknown, _check_einsum),
    numpy=_np_einsum,
    samples=[
        case([t("n", 3), t(3, 2)], "ij,jk->ik"),
        case([t("n", 2, 3), t("n", 3, 2)], "bij,bjk"),
        case([t(3, 3)], "ii"),
        case([t(3, 3)], "ii->i"),
        case([t(2, "m"), t(2, "m")], "ij,ij->"),
        case([t(2, 3, 2), t(2, 2)], "...ij,jk->...ik"),
        case([t("n"), t("m")], "i,j->ji"),
    ],
    tolerance="reduction",
)
def einsum(operands: Tensors, subscripts: str) -> Any:
    """The sum of products that `subscripts` says, such as "ij,jk->ik".

    Letters that the result does not have are summed over; `...` stands for dimensions that are
    broadcast; a letter twice in one operand picks its diagonal.
    """
    return topi.einsum(subscripts, *operands)


__all__ = ["einsum", "linear", "matmul", "outer", "tensordot"]
