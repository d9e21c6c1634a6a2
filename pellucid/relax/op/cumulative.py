"""Running sums, products and extremes along an axis, and differences of neighbours."""

# References are lambdas, whose parameters have no annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.inference import Inference, product, tensor_of
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.runtime.dtypes import to_numpy
from pellucid.topi import scan


def _scan_info(c: Inference) -> StructInfo:
    info = c.tensor("data")
    dtype = c["dtype"] or ("int32" if info.dtype == "bool" else str(info.dtype))
    if c["axis"] is None:
        dims = known_dims(info)
        return tensor_of(None if dims is None else [product(dims)], dtype, 1)
    if info.ndim != -1:
        c.axis("axis", info.ndim)
    return TensorStructInfo(info.shape, dtype, ndim=info.ndim)


def _np_scan(function: Callable[..., Any], identity: int) -> Callable[..., Any]:
    def reference(data: Any, axis: int | None, dtype: str | None, exclusive: bool) -> Any:
        kind = to_numpy(dtype or ("int32" if data.dtype == np.bool_ else data.dtype.name))
        wide = np.int64 if kind.kind in "iu" else np.float64
        source = data.astype(kind).astype(wide)
        along = 0 if axis is None else axis
        found = function(source if axis is not None else source.reshape(-1), along)
        if exclusive:
            found = np.roll(found, 1, along)
            first: list[Any] = [slice(None)] * found.ndim
            first[along] = 0
            found[tuple(first)] = identity
        return found.astype(kind)

    return reference


_SAMPLES = [
    case(t("n", 4), 1),
    case(t("n", 3), axis=0, exclusive=True),
    case(t(2, 3)),
    case(t(5, dtype="int8"), 0, "int32"),
    case(t(4, dtype="bool"), -1),
]


def _sums(
    name: str, function: Callable[..., Any], identity: int, lower: Callable[..., Any], what: str
) -> Callable[..., Call]:
    def operator(
        data: Tensor, axis: int | None = None, dtype: str | None = None, exclusive: bool = False
    ) -> Any:
        return lower(data, axis, dtype, exclusive)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = (
        f"The running {what} along `axis` (of the flat tensor without one), in `dtype`; with "
        "`exclusive` of the elements before only. Bools are counted as int32."
    )
    return op(
        name,
        infer=_scan_info,
        numpy=_np_scan(function, identity),
        samples=_SAMPLES,
        tolerance="reduction",
    )(operator)


cumsum = _sums("cumsum", np.cumsum, 0, scan.cumsum, "sum")
cumprod = _sums("cumprod", np.cumprod, 1, scan.cumprod, "product")


def _along(c: Inference) -> StructInfo:
    info = c.tensor("data")
    if info.ndim != -1:
        c.axis("axis", info.ndim)
    return info


def _extreme(
    name: str, function: Callable[..., Any], lower: Callable[..., Any], doc: str
) -> Callable[..., Call]:
    def operator(data: Tensor, axis: int = -1) -> Any:
        return lower(data, axis)

    operator.__name__ = operator.__qualname__ = name
    operator.__doc__ = doc
    return op(
        name,
        infer=_along,
        numpy=function,
        samples=[case(t("n", 4), 1), case(t(3, 2, dtype="int32"), axis=0)],
        tolerance="exact",
    )(operator)


cummax = _extreme(
    "cummax", lambda data, axis: np.maximum.accumulate(data, axis), scan.cummax,
    "The largest element so far along `axis`.",
)  # fmt: skip
cummin = _extreme(
    "cummin", lambda data, axis: np.minimum.accumulate(data, axis), scan.cummin,
    "The smallest element so far along `axis`.",
)  # fmt: skip


def _float_along(c: Inference) -> StructInfo:
    c.require_float("data")
    return _along(c)


@op(
    "logcumsumexp",
    infer=_float_along,
    numpy=widened(lambda data, axis: np.logaddexp.accumulate(data, axis)),
    samples=[case(t("n", 4), 1), case(t(3, dtype="float64"))],
    tolerance="reduction",
)
def logcumsumexp(data: Tensor, axis: int = -1) -> Any:
    """`log(cumsum(exp(data)))` along `axis`, without overflow."""
    return scan.logcumsumexp(data, axis)


def _check_axis(c: Inference) -> None:
    _along(c)


def _diff_unknown(c: Inference) -> StructInfo:
    info = c.tensor("data")
    return tensor_of(None, info.dtype, info.ndim)


@op(
    "diff",
    infer=rules.by_lowering(_diff_unknown, _check_axis),
    numpy=lambda data, n, axis: np.diff(data, n, axis),
    samples=[case(t("n", 4)), case(t(4, 2), n=2, axis=0), case(t(3, dtype="int32"))],
)
def diff(data: Tensor, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours along `axis`, `n` times over."""
    return scan.diff(data, n, axis)


__all__ = ["cummax", "cummin", "cumprod", "cumsum", "diff", "logcumsumexp"]
