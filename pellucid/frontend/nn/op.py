"""Operations on `nn.Tensor`.

Every operator of `relax.op`, `relax.op.nn` and `relax.op.image` is here under its own name, taking
and giving tensors of a module: `nn.op.exp(x)`, `nn.op.softmax(x, axis=-1)`, `nn.op.concat([a, b])`.
What stands below has the arguments that torch's functions have, or no operator of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from pellucid.frontend.nn import spec as specs
from pellucid.frontend.nn.tensor import Tensor, as_list, binary, builder, emit, unwrapped, wrapped
from pellucid.ir.function import BaseFunc
from pellucid.relax import op as relax_op
from pellucid.relax.call import call_dps_packed, call_tir
from pellucid.relax.expr import Constant, Expr, const
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.support.errors import TypeMismatchError, did_you_mean

_SPACES: tuple[Any, ...] = (relax_op, relax_op.nn, relax_op.image)


def _names() -> list[str]:
    return sorted(
        {
            name
            for space in _SPACES
            for name in dir(space)
            if not name.startswith("_") and callable(getattr(space, name))
        }
    )


def lifted(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`function`, which builds a graph expression, for tensors of a module."""

    def on_tensors(*args: Any, **keywords: Any) -> Any:
        return emit(function(*unwrapped(args), **unwrapped(keywords)), name)

    on_tensors.__name__ = name
    on_tensors.__doc__ = function.__doc__
    return on_tensors


def __getattr__(name: str) -> Callable[..., Any]:
    """An operator of the graph level, by its name."""
    if not name.startswith("_"):
        for space in _SPACES:
            found = getattr(space, name, None)
            if callable(found):
                return lifted(cast("Callable[..., Any]", found), name)
    hint = did_you_mean(name, _names())
    raise AttributeError(f"nn.op has no operator {name!r}" + (f": {hint}" if hint else ""))


def __dir__() -> list[str]:
    """The names here, and those of the operators."""
    return sorted({*globals(), *_names()})


# Products


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """`x · weightᵀ + bias`: (…, k) by weights (n, k) gives (…, n)."""
    product = matmul(x, emit(relax_op.permute_dims(unwrapped(weight)), "weight_t"))
    return product if bias is None else product + bias


def matmul(a: Any, b: Any, out_dtype: str | None = None) -> Tensor:
    """The matrix product; leading dimensions are broadcast."""
    return emit(relax_op.matmul(unwrapped(a), unwrapped(b), out_dtype), "matmul")


def _convolution(ndim: int, transposed: bool) -> Callable[..., Any]:
    name = f"conv{ndim}d" + ("_transpose" if transposed else "")
    function = getattr(relax_op.nn, name)

    def convolve(
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        **options: Any,
    ) -> Tensor:
        keywords = {"strides": stride, "padding": padding, "dilation": dilation, "groups": groups}
        call = function(unwrapped(x), unwrapped(weight), **keywords, **options)
        found = emit(call, name)
        if bias is None:
            return found
        return found + emit(relax_op.reshape(unwrapped(bias), [1, -1] + [1] * ndim), "bias")

    convolve.__name__ = name
    convolve.__doc__ = (
        f"The {'transposed ' if transposed else ''}convolution of {ndim} spatial dimension(s), "
        "plus a bias for each channel."
    )
    return convolve


conv1d = _convolution(1, False)
conv2d = _convolution(2, False)
conv3d = _convolution(3, False)
conv1d_transpose = _convolution(1, True)
conv2d_transpose = _convolution(2, True)
conv3d_transpose = _convolution(3, True)


# Normalization


def _affine(x: Tensor, weight: Any, bias: Any, shape: Sequence[Any]) -> tuple[Any, Any]:
    """Scale and shift; ones and zeros where there are none."""
    sizes = [each if isinstance(each, int) else 1 for each in shape]
    scale = const(np.ones(sizes, "float32"), x.dtype) if weight is None else unwrapped(weight)
    shift = const(np.zeros(sizes, "float32"), x.dtype) if bias is None else unwrapped(bias)
    return scale, shift


def layer_norm(
    x: Tensor, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """The last dimensions normalized, times `weight`, plus `bias`."""
    shape = as_list(normalized_shape)
    scale, shift = _affine(x, weight, bias, shape)
    axes = list(range(-len(shape), 0))
    call = relax_op.nn.layer_norm(
        x.expr, scale, shift, axes, eps, center=bias is not None, scale=weight is not None
    )
    return emit(call, "layer_norm")


def rms_norm(x: Tensor, weight: Any, axes: Any = -1, epsilon: float = 1e-5) -> Tensor:
    """`x / sqrt(mean(x²) + epsilon) · weight`, the mean over `axes`."""
    return emit(relax_op.nn.rms_norm(x.expr, unwrapped(weight), axes, epsilon), "rms_norm")


def group_norm(
    x: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Channels (the second dimension) in groups, each normalized; times `weight`, plus `bias`."""
    scale, shift = _affine(x, weight, bias, [x.shape[1]])
    call = relax_op.nn.group_norm(
        x.expr, scale, shift, num_groups, 1, list(range(2, x.ndim)), eps,
        center=bias is not None, scale=weight is not None,
    )  # fmt: skip
    return emit(call, "group_norm")


def instance_norm(x: Tensor, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Each channel of each example normalized; times `weight`, plus `bias`."""
    scale, shift = _affine(x, weight, bias, [x.shape[1]])
    call = relax_op.nn.instance_norm(
        x.expr, scale, shift, 1, list(range(2, x.ndim)), eps,
        center=bias is not None, scale=weight is not None,
    )  # fmt: skip
    return emit(call, "instance_norm")


def batch_norm(
    x: Tensor, mean: Any, var: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Channels normalized by the means and variances given; times `weight`, plus `bias`."""
    scale, shift = _affine(x, weight, bias, [x.shape[1]])
    call = relax_op.nn.batch_norm(
        x.expr, scale, shift, unwrapped(mean), unwrapped(var), 1, eps,
        center=bias is not None, scale=weight is not None,
    )  # fmt: skip
    return emit(call, "batch_norm")[0]


# Attention


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(query · keyᵀ · scale + mask) · value, of shapes (batch, heads, length, size).

    A mask of bools says where a query sees a key; one of floats is added. Heads of the query may be
    a multiple of those of key and value.
    """
    q, k, v = [each.permute(0, 2, 1, 3).expr for each in (query, key, value)]
    mask = unwrapped(attn_mask)
    if isinstance(attn_mask, Tensor) and attn_mask.dtype == "bool":
        low, zero = const(-math.inf, query.dtype), const(0.0, query.dtype)
        mask = emit(relax_op.where(mask, zero, low), "mask").expr
    causal = "TopLeft" if is_causal else None
    found = emit(relax_op.nn.attention(q, k, v, mask, scale, causal), "attention")
    return found.permute(0, 2, 1, 3)


# Shapes


def permute(x: Tensor, *axes: Any) -> Tensor:
    """The axes in another order."""
    return x.permute(*axes)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """A new axis of extent 1."""
    return x.unsqueeze(dim)


def concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after another along `dim`."""
    return emit(relax_op.concat([unwrapped(each) for each in tensors], dim), "concat")


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """That many equal parts along `dim`."""
    return emit(relax_op.split(x.expr, chunks, dim), "chunk")


def match_cast(x: Tensor, shape: Sequence[Any], dtype: str | None = None) -> Tensor:
    """`x` seen with this shape, which is checked when the program runs."""
    info = TensorStructInfo([*shape], dtype or x.dtype)
    return Tensor(builder().match_cast(x.expr, info, "match"))


def interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """An image (n, c, h, w) resized to `size`, or by `scale_factor`; as torch's function.

    `mode` is "nearest", "bilinear" or "bicubic".
    """
    methods = {"nearest": "nearest_neighbor", "bilinear": "linear", "bicubic": "cubic"}
    if mode not in methods:
        raise TypeMismatchError(
            f"There is no interpolation {mode!r}.",
            expected=", ".join(repr(each) for each in methods),
        )
    if (size is None) == (scale_factor is None):
        raise TypeMismatchError(
            "An image is resized to a size or by a factor.", expected="size or scale_factor"
        )
    extents = x.shape[2:]
    given = size if scale_factor is None else scale_factor
    pair = as_list(given) if isinstance(given, list | tuple) else [given] * len(extents)
    if scale_factor is not None:
        pair = [_scaled(each, factor) for each, factor in zip(extents, pair, strict=True)]
    nearest = mode == "nearest"
    coordinates = "align_corners" if align_corners else "half_pixel"
    return emit(
        relax_op.image.resize2d(
            x.expr,
            pair,
            method=methods[mode],
            coordinate_transformation_mode="asymmetric" if nearest else coordinates,
            rounding_method="floor" if nearest else "round",
        ),
        "interpolate",
    )


def _scaled(extent: Any, factor: Any) -> Any:
    if isinstance(extent, int):
        return int(extent * factor)
    if float(factor).is_integer():
        return extent * int(factor)
    raise TypeMismatchError(
        "A symbolic extent is resized by a whole number.", found=f"{extent!r} times {factor}"
    )


# Elements


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """`x1` where the condition holds, else `x2`."""
    return emit(relax_op.where(unwrapped(condition), unwrapped(x1), unwrapped(x2)), "where")


def equal(a: Any, b: Any) -> Tensor:
    """Whether both are equal, element by element."""
    return binary(relax_op.equal, a, b)


def maximum(a: Any, b: Any) -> Tensor:
    """The larger one, element by element."""
    return binary(relax_op.maximum, a, b)


def minimum(a: Any, b: Any) -> Tensor:
    """The smaller one, element by element."""
    return binary(relax_op.minimum, a, b)


def constant(value: Any, dtype: str | None = None) -> Tensor:
    """A tensor that is fixed when the module is exported: a number, a list, or an array."""
    found: Constant = const(value, dtype)
    return Tensor(found)


# Functions of other kinds


def wrap_nested(expr: Expr, name: str = "value") -> Any:
    """A graph expression bound in the open function, as tensors of a module."""
    return emit(expr, name)


def tensor_expr_op(func: Callable[..., Any], name_hint: str, args: Sequence[Any]) -> Any:
    """What a function of tensor expressions computes: `func(*args)` sees te tensors."""
    open_builder = builder()
    found = open_builder.emit_te(func, *unwrapped(list(args)), primfunc_name_hint=name_hint)
    return wrapped(found)


def tensor_ir_op(func: BaseFunc, name_hint: str, args: Sequence[Any], out: Any) -> Any:
    """What a loop function computes: it gets `args`, then memory for `out`."""
    open_builder = builder()
    gvar = open_builder.add_func(func, name_hint)
    return emit(call_tir(gvar, unwrapped(list(args)), _out_info(out)), name_hint)


def extern(name: str, args: Sequence[Any], out: Any) -> Any:
    """What a registered function computes: it gets `args`, then memory for `out`."""
    return emit(call_dps_packed(name, unwrapped(list(args)), _out_info(out)), "extern")


def _out_info(out: Any) -> Any:
    """Results as struct infos: `spec.Tensor`s, tensors like the result, or several of them."""
    if isinstance(out, list | tuple):
        return [_out_info(each) for each in cast("list[Any]", out)]
    if isinstance(out, specs.Tensor):
        return TensorStructInfo([*out.shape], out.dtype)
    if isinstance(out, Tensor):
        return out.expr.struct_info
    if isinstance(out, StructInfo):
        return out
    raise TypeMismatchError(
        "The result of a function has to be described.",
        expected="nn.spec.Tensor(shape, dtype), or a list of them",
        found=f"{type(out).__name__}: {out!r:.60}",
    )
