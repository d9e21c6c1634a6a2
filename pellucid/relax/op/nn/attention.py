"""Scaled dot-product attention: masked, causal, with windows, with a bias, and with fewer heads of
keys than of queries.
"""

from __future__ import annotations

import math
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.dtype import UNKNOWN
from pellucid.ir.scalar import IntImm
from pellucid.relax.expr import Call, Expr
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.linear_algebra import matmul
from pellucid.relax.op.nn.activation import softmax
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.op.shape_manipulation import permute_dims, reshape
from pellucid.relax.op.unary import astype
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.topi.broadcast import broadcast_indices

_MASKS = (None, "TopLeft", "BottomRight")


def _info(c: Inference) -> StructInfo:
    infos = {name: c.tensor(name, (4,)) for name in ("query", "key", "value")}
    c.require_float("query")
    dtype = c.same_dtype("query", "key", "value")
    if c["causal_mask"] not in _MASKS:
        raise c.error(
            "causal_mask", "is unknown.", '"TopLeft", "BottomRight" or None', c["causal_mask"]
        )
    if c["window_size"] is not None and c["causal_mask"] is None:
        raise c.error("window_size", "needs a causal mask.", None, c["window_size"])
    q, k, v = (known_dims(each) for each in infos.values())
    for name, dims, axis, what in (
        ("key", k, 0, "another batch extent than the query."),
        ("key", k, 3, "heads of another size than the query."),
        ("value", v, 0, "another batch extent than the query."),
    ):
        if q is not None and dims is not None:
            c.require_equal(name, f"has {what}", q[axis], dims[axis])
    if k is not None and v is not None:
        c.require_equal("value", "has another length than the key.", k[1], v[1])
        c.require_equal("value", "has another number of heads than the key.", k[2], v[2])
    if q is not None and k is not None:
        _check_heads(c, as_int(q[2]), as_int(k[2]))
    if c.has("bias"):
        _check_bias(c, q, k)
    if q is None or v is None:
        return tensor_of(None, dtype, 4)
    return tensor_of((*q[:3], v[3]), dtype)


def _check_heads(c: Inference, queries: int | None, keys: int | None) -> None:
    if queries is not None and keys is not None and queries % keys:
        raise c.error(
            "key", "has a number of heads that does not divide the query's.",
            f"a divisor of {queries}", str(keys),
        )  # fmt: skip


def _check_bias(c: Inference, q: Any, k: Any) -> None:
    bias = c.tensor("bias")
    if bias.dtype != UNKNOWN:
        c.same_dtype("query", "bias")
    dims = known_dims(bias)
    if dims is not None and q is not None and k is not None:
        whole = (q[0], q[2], q[1], k[1])
        if len(dims) > 4:
            raise c.error("bias", "has too many dimensions.", "at most 4", str(len(dims)))
        c.broadcast(whole, dims, "bias")


def _reference(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    *,
    scale: float | None,
    causal_mask: str | None,
    window_size: int | None,
) -> Any:
    group = query.shape[2] // key.shape[2]
    q = query.transpose(0, 2, 1, 3)
    k = np.repeat(key.transpose(0, 2, 3, 1), group, 1)
    v = np.repeat(value.transpose(0, 2, 1, 3), group, 1)
    scores = q @ k * (1 / math.sqrt(query.shape[3]) if scale is None else scale)
    if bias is not None:
        scores = scores + bias
    if causal_mask is not None:
        rows, columns = scores.shape[-2:]
        offset = columns - rows if causal_mask == "BottomRight" else 0
        place = np.arange(rows)[:, None] + offset
        seen = np.arange(columns)[None, :] <= place
        if window_size is not None:
            seen &= np.arange(columns)[None, :] > place - window_size
        scores = np.where(seen, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    return np.ascontiguousarray((weights @ v).transpose(0, 2, 1, 3))


# Lowering


def _scores(
    scores: te.Tensor,
    bias: te.Tensor | None,
    scale: float,
    causal_mask: str | None,
    window_size: int | None,
) -> te.Tensor:
    """Scores (b, n, s, t) scaled, with the bias added and what is masked made -infinity."""
    shape = scores.shape
    dtype = scores.dtype
    offset = shape[3] - shape[2] if causal_mask == "BottomRight" else IntImm("int64", 0)

    def element(b: Any, n: Any, s: Any, k: Any) -> Any:
        value = scores(b, n, s, k) * ar.const(scale, dtype)
        if bias is not None:
            value = value + bias(*broadcast_indices((b, n, s, k), bias.shape, shape)).astype(dtype)
        if causal_mask is None:
            return value
        seen = k <= s + offset
        if window_size is not None:
            seen = ar.logical_and(seen, k > s + offset - window_size)
        return ar.select(seen, value, ar.const(-math.inf, dtype))

    return te.compute(shape, element, name="T_attention_scores", tag="broadcast")


def _expand(builder: Any, call: Call) -> Expr:
    """Two matrix products around a softmax; heads that share keys are rows of one product."""
    query, key, value, *bias = call.args
    infos = [each.struct_info_ for each in (query, key, value)]
    dims = [known_dims(each) if isinstance(each, TensorStructInfo) else None for each in infos]
    q, k, v = dims
    if q is None or k is None or v is None:
        return call
    dtype = infos[0].dtype if isinstance(infos[0], TensorStructInfo) else UNKNOWN
    wide = "float64" if dtype == "float64" else "float32"
    batch, rows, heads, size = q
    shared, columns = k[2], k[1]
    group = (as_int(heads) or 1) // (as_int(shared) or 1)
    emit = builder.emit

    def grouped(x: Expr, last: Any) -> Expr:
        return x if group == 1 else emit(reshape(x, (batch, shared, rows * group, last)))

    def spread(x: Expr, last: Any) -> Expr:
        return x if group == 1 else emit(reshape(x, (batch, heads, rows, last)))

    left = grouped(emit(permute_dims(query, [0, 2, 1, 3])), size)
    right = emit(permute_dims(key, [0, 2, 3, 1]))
    scores = spread(emit(matmul(left, right, out_dtype=wide)), columns)
    scale = call.attrs.get("scale")
    length = as_int(size)
    if scale is None and length is None:
        return call
    factor = 1 / math.sqrt(length or 1) if scale is None else scale
    options = (factor, call.attrs.get("causal_mask"), call.attrs.get("window_size"))
    given = bias[0] if bias else None
    name = "attention_scores"
    scores = emit(builder.call_te(_scores, scores, given, *options, primfunc_name_hint=name))
    weights = emit(softmax(scores))
    if wide != dtype:
        weights = emit(astype(weights, dtype))
    moved = emit(permute_dims(value, [0, 2, 1, 3]))
    out = emit(matmul(grouped(weights, columns), moved))
    return permute_dims(spread(out, v[3]), [0, 2, 1, 3])


_QKV = (t("n", 3, 2, 4), t("n", 4, 2, 4), t("n", 4, 2, 3))


@op(
    "nn.attention",
    infer=_info,
    numpy=widened(_reference),
    samples=[
        case(*_QKV),
        case(t(1, 3, 2, 2), t(1, 3, 2, 2), t(1, 3, 2, 2), causal_mask="TopLeft"),
        case(t(1, 2, 4, 2), t(1, 4, 2, 2), t(1, 4, 2, 2), causal_mask="BottomRight"),
        case(t(1, 4, 1, 2), t(1, 4, 1, 2), t(1, 4, 1, 2), 0.5, "TopLeft", 2),
        case(t(1, "n", 4, 2), t(1, "m", 1, 2), t(1, "m", 1, 2)),
        case(*[t(1, 2, 1, 2, dtype="float16")] * 3),
    ],
    legalize=_expand,
    tolerance="reduction",
)
def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float | None = None,
    causal_mask: str | None = None,
    window_size: int | None = None,
) -> Any:
    """softmax(query · keyᵀ · scale) · value, with shapes (batch, length, heads, size).

    The scale is 1 / sqrt(size) unless given. `causal_mask` hides later keys: "TopLeft" lets query i
    see the keys up to i, "BottomRight" the last query the last key; `window_size` lets it see only
    that many of them. Heads of queries may be a multiple of those of keys and values, which they
    share in turn.
    """
    ...


@op(
    "nn.attention_bias",
    infer=_info,
    numpy=widened(_reference),
    samples=[
        case(*_QKV, t("n", 2, 3, 4)),
        case(t(1, 3, 2, 2), t(1, 3, 2, 2), t(1, 3, 2, 2), t(3, 3), causal_mask="TopLeft"),
        case(t(1, 2, 4, 2), t(1, 3, 2, 2), t(1, 3, 2, 2), t(1, 1, 2, 3), 1.0),
    ],
    legalize=_expand,
    tolerance="reduction",
)
def attention_bias(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor,
    scale: float | None = None,
    causal_mask: str | None = None,
    window_size: int | None = None,
) -> Any:
    """`attention` with a bias, which is broadcast to (batch, heads, length, length of the keys) and
    added to the scaled products.
    """
    ...


def attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    scale: float | None = None,
    causal_mask: str | None = None,
    window_size: int | None = None,
) -> Call:
    """softmax(query · keyᵀ · scale + bias) · value, with shapes (batch, length, heads, size).

    Without a bias it is a call of `relax.nn.attention`, else of `relax.nn.attention_bias`; see
    there.
    """
    if bias is None:
        return _attention(query, key, value, scale, causal_mask, window_size)
    return attention_bias(query, key, value, bias, scale, causal_mask, window_size)


__all__ = ["attention", "attention_bias"]
