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
from pellucid.relax.op.shape_manipulation import expand_dims, permute_dims, reshape, squeeze
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


# Several sequences in one


def _var_len_info(c: Inference) -> StructInfo:
    q, k, v = (known_dims(c.tensor(name, (3,))) for name in ("query", "key", "value"))
    c.require_float("query")
    dtype = c.same_dtype("query", "key", "value")
    if c["causal_mask"] not in _MASKS:
        raise c.error(
            "causal_mask", "is unknown.", '"TopLeft", "BottomRight" or None', c["causal_mask"]
        )
    if c["window_size"] is not None and c["causal_mask"] is None:
        raise c.error("window_size", "needs a causal mask.", None, c["window_size"])
    for name in ("seqstart_q", "seqstart_k"):
        if c.has(name):
            c.tensor(name, (1,))
            c.require_integer(name)
    starts = [known_dims(c.tensor(n)) for n in ("seqstart_q", "seqstart_k") if c.has(n)]
    if len(starts) == 2 and starts[0] is not None and starts[1] is not None:
        what = "has another number of sequences than the query."
        c.require_equal("seqstart_k", what, starts[0][0], starts[1][0])
    if q is not None and k is not None:
        c.require_equal("key", "has heads of another size than the query.", q[2], k[2])
        _check_heads(c, as_int(q[1]), as_int(k[1]))
    if k is not None and v is not None:
        c.require_equal("value", "has another length than the key.", k[0], v[0])
        c.require_equal("value", "has another number of heads than the key.", k[1], v[1])
    if q is None or v is None:
        return tensor_of(None, dtype, 3)
    return tensor_of((*q[:2], v[2]), dtype)


def _np_var_len(
    query: Any,
    key: Any,
    value: Any,
    seqstart_q: Any,
    seqstart_k: Any = None,
    *,
    scale: float | None,
    causal_mask: str | None,
    window_size: int | None,
) -> Any:
    starts = seqstart_q if seqstart_k is None else seqstart_k
    out = np.zeros((*query.shape[:2], value.shape[2]), query.dtype)
    for i in range(len(seqstart_q) - 1):
        rows = slice(seqstart_q[i], seqstart_q[i + 1])
        columns = slice(starts[i], starts[i + 1])
        if rows.start < rows.stop and columns.start < columns.stop:
            out[rows] = _reference(
                query[None, rows],
                key[None, columns],
                value[None, columns],
                scale=scale,
                causal_mask=causal_mask,
                window_size=window_size,
            )[0]
    return out


def _sequence(starts: te.Tensor, index: Any) -> tuple[Any, Any, Any]:
    """The number of the sequence that a row belongs to, and where that begins and ends."""
    count = starts.shape[0]
    number: Any = ar.const(0, "int64")
    begin: Any = ar.const(0, "int64")
    end: Any = ar.cast_to("int64", starts(0))
    for place in range(1, as_int(count) or 1):
        here = ar.cast_to("int64", starts(place))
        after = index >= here
        number = number + ar.cast_to("int64", after)
        begin = ar.select(after, here, begin)
        before = ar.cast_to("int64", starts(place - 1))
        end = ar.select(index >= before, here, end)
    return number, begin, end


def _sequence_bias(
    starts_q: te.Tensor,
    starts_k: te.Tensor,
    rows: Any,
    columns: Any,
    options: tuple[str, str | None, int | None],
) -> te.Tensor:
    """0 where a query sees a key, -infinity elsewhere: (rows, columns)."""
    dtype, causal_mask, window_size = options

    def element(i: Any, j: Any) -> Any:
        row, column = ar.cast_to("int64", i), ar.cast_to("int64", j)
        own, begin, end = _sequence(starts_q, row)
        other, first, last = _sequence(starts_k, column)
        seen = ar.eq(own, other)
        if causal_mask is not None:
            # Places within the sequence; the last query sees the last key with "BottomRight".
            shift = (last - first) - (end - begin) if causal_mask == "BottomRight" else 0
            place = row - begin + shift
            seen = ar.logical_and(seen, column - first <= place)
            if window_size is not None:
                seen = ar.logical_and(seen, column - first > place - window_size)
        return ar.select(seen, ar.const(0, dtype), ar.const(-math.inf, dtype))

    return te.compute((rows, columns), element, name="T_sequence_bias", tag="broadcast")


def _expand_var_len(builder: Any, call: Call) -> Expr:
    """One attention whose bias hides the keys of other sequences."""
    query, key, value, starts_q, *more = call.args
    starts_k = more[0] if more else starts_q
    infos = [query.struct_info_, key.struct_info_, starts_q.struct_info_, starts_k.struct_info_]
    dims = [known_dims(each) if isinstance(each, TensorStructInfo) else None for each in infos]
    q, k, first, second = dims
    if q is None or k is None or first is None or second is None:
        return call
    if as_int(first[0]) is None or as_int(second[0]) is None:
        return call
    dtype = str(query.struct_info.dtype)
    options = (dtype, call.attrs.get("causal_mask"), call.attrs.get("window_size"))
    bias = builder.emit(
        builder.call_te(
            _sequence_bias, starts_q, starts_k, q[0], k[0], options,
            primfunc_name_hint="sequence_bias",
        )
    )  # fmt: skip
    wide = [builder.emit(expand_dims(each, [0])) for each in (query, key, value)]
    found = builder.emit(attention_bias(*wide, bias, call.attrs.get("scale")))
    return squeeze(found, [0])


_STARTS = t(values=[0, 1, 4], dtype="int32")


@op(
    "nn.attention_var_len",
    infer=_var_len_info,
    numpy=widened(_np_var_len),
    samples=[
        case(t(4, 2, 3), t(4, 2, 3), t(4, 2, 2), _STARTS),
        case(t(4, 2, 3), t(4, 1, 3), t(4, 1, 2), _STARTS, None, 0.5, "TopLeft"),
        case(
            t(4, 2, 3),
            t(6, 2, 3),
            t(6, 2, 2),
            _STARTS,
            t(values=[0, 2, 6], dtype="int64"),
            causal_mask="BottomRight",
            window_size=2,
        ),
    ],
    legalize=_expand_var_len,
    tolerance="reduction",
)
def attention_var_len(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    seqstart_q: Tensor,
    seqstart_k: Tensor = None,
    scale: float | None = None,
    causal_mask: str | None = None,
    window_size: int | None = None,
) -> Any:
    """`attention` of several sequences that lie one after another in (length, heads, size).

    `seqstart_q` (sequences + 1) says where each begins, and the whole ends; `seqstart_k` that of
    the keys, where they lie otherwise. A query sees keys of its own sequence alone.
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


__all__ = ["attention", "attention_bias", "attention_var_len"]
