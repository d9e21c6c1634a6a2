"""Convolutions, against torch; and the shape of the loops that they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from pellucid import te
from pellucid.interp import run_prim_func
from pellucid.ir import structural_equal
from pellucid.script import tir as T
from pellucid.support.errors import TypeMismatchError
from pellucid.topi import nn
from pellucid.topi.layout import layout_transform
from pellucid.topi.nn.windows import pad_widths

RNG = np.random.default_rng(2)


def values(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.integers(-4, 5, shape).astype("float32")


def check(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-6, atol=1e-6)


def t(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(array)


CASES = [(1, 0, 1, 1), (2, 1, 1, 1), ((2, 1), (0, 1), (1, 2), 2), (1, 2, 2, 4)]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), CASES)
def test_conv2d(
    evaluate: Callable[..., Any], stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    x, w = values(1, 4, 6, 5), values(4, 4 // groups, 3, 2)
    found = evaluate(nn.conv2d, x, w, stride, padding, dilation, "NCHW", "OIHW", None, groups)
    check(found, functional.conv2d(t(x), t(w), None, stride, padding, dilation, groups))


def test_conv2d_in_other_layouts(evaluate: Callable[..., Any]) -> None:
    x, w = values(1, 8, 4, 5), values(4, 8, 2, 3)
    expected = functional.conv2d(t(x), t(w), None, 2, 1).numpy()
    nhwc = x.transpose(0, 2, 3, 1), w.transpose(2, 3, 1, 0)
    found = evaluate(nn.conv2d_nhwc, *nhwc, 2, 1, 1)
    check(found, expected.transpose(0, 2, 3, 1))
    found = evaluate(nn.conv2d, nhwc[0], w.transpose(0, 2, 3, 1), 2, 1, 1, "NHWC", "OHWI")
    check(found, expected.transpose(0, 2, 3, 1))
    found = evaluate(nn.conv2d_hwcn, x.transpose(2, 3, 1, 0), nhwc[1], 2, 1, 1)
    check(found, expected.transpose(2, 3, 1, 0))
    packed = x.reshape(1, 2, 4, 4, 5).transpose(0, 1, 3, 4, 2)
    kernel = w.reshape(2, 2, 2, 4, 2, 3).transpose(0, 2, 4, 5, 3, 1)
    found = evaluate(nn.conv2d_NCHWc, packed, kernel, 2, 1, 1)
    check(found.transpose(0, 1, 4, 2, 3).reshape(expected.shape), expected)


def test_conv1d_and_conv3d(evaluate: Callable[..., Any]) -> None:
    x, w = values(2, 4, 7), values(6, 2, 3)
    found = evaluate(nn.conv1d, x, w, 2, 1, 1, 2)
    check(found, functional.conv1d(t(x), t(w), None, 2, 1, 1, 2))
    found = evaluate(nn.conv1d_nwc, x.transpose(0, 2, 1), values(3, 4, 2))
    assert found.shape == (2, 5, 2)
    x, w = values(1, 2, 3, 4, 3), values(2, 2, 2, 3, 1)
    found = evaluate(nn.conv3d, x, w, 1, (1, 0, 1), 1)
    check(found, functional.conv3d(t(x), t(w), None, 1, (1, 0, 1)))


def test_asymmetric_and_named_paddings(evaluate: Callable[..., Any]) -> None:
    x, w = values(1, 1, 5, 5), values(1, 1, 3, 3)
    expected = functional.conv2d(functional.pad(t(x), (2, 1, 0, 3)), t(w))
    check(evaluate(nn.conv2d, x, w, 1, (0, 2, 3, 1), 1), expected)
    found = evaluate(nn.conv2d, x, w, 1, "SAME", 1)
    check(found, functional.conv2d(t(x), t(w), padding="same"))
    assert evaluate(nn.conv2d, x, w, 2, "SAME", 1).shape == (1, 1, 3, 3)
    assert pad_widths("SAME", [6], [3], [2]) == ([0], [1])
    with pytest.raises(TypeMismatchError, match="no such padding"):
        pad_widths("FULL", [6], [3], [2])


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise(evaluate: Callable[..., Any], multiplier: int, channels_last: bool) -> None:
    x, w = values(1, 3, 5, 4), values(3, multiplier, 2, 3)
    expected = functional.conv2d(
        t(x), t(w.reshape(3 * multiplier, 1, 2, 3)), None, 2, 1, (2, 1), groups=3
    ).numpy()
    if channels_last:
        x, w = x.transpose(0, 2, 3, 1), w.transpose(2, 3, 0, 1)
        expected = expected.transpose(0, 2, 3, 1)
    function = nn.depthwise_conv2d_nhwc if channels_last else nn.depthwise_conv2d_nchw
    check(evaluate(function, x, w, 2, 1, (2, 1)), expected)


TRANSPOSED = [(1, 0, 0, 1, 1), (2, 1, 1, 1, 1), ((3, 2), (2, 0), (1, 0), 1, 2), (2, 3, 0, 2, 2)]


@pytest.mark.parametrize(("stride", "padding", "extra", "dilation", "groups"), TRANSPOSED)
def test_conv2d_transpose(
    evaluate: Callable[..., Any], stride: Any, padding: Any, extra: Any, dilation: int, groups: int
) -> None:
    x, w = values(1, 4, 3, 4), values(4, 2, 3, 3)
    found = evaluate(nn.conv2d_transpose, x, w, stride, padding, None, extra, dilation, groups)
    expected = functional.conv_transpose2d(
        t(x), t(w), None, stride, padding, extra, groups, dilation
    )
    check(found, expected)


def test_conv1d_and_conv3d_transpose(evaluate: Callable[..., Any]) -> None:
    x, w = values(1, 2, 4), values(2, 3, 3)
    found = evaluate(nn.conv1d_transpose_ncw, x, w, 2, 1)
    check(found, functional.conv_transpose1d(t(x), t(w), None, 2, 1))
    found = evaluate(nn.conv1d_transpose, x.transpose(0, 2, 1), w, 2, 1, data_layout="NWC")
    check(found.transpose(0, 2, 1), functional.conv_transpose1d(t(x), t(w), None, 2, 1))
    x, w = values(1, 2, 2, 3, 2), values(2, 1, 2, 2, 3)
    found = evaluate(nn.conv3d_transpose_ncdhw, x, w, 2, 1, None, 1)
    check(found, functional.conv_transpose3d(t(x), t(w), None, 2, 1, 1))


def test_symbolic_batch_and_image(evaluate: Callable[..., Any]) -> None:
    del evaluate
    n, h = te.var("n", "int64"), te.var("h", "int64")
    a, b = te.placeholder((n, 2, h, 4), name="A"), te.placeholder((3, 2, 3, 3), name="B")
    function = te.create_prim_func([a, b, nn.conv2d(a, b, 2, 1, 1)], "int64")
    x, w = values(2, 2, 5, 4), values(3, 2, 3, 3)
    expected = functional.conv2d(t(x), t(w), None, 2, 1).numpy()
    out = np.empty_like(expected)
    run_prim_func(function, [x, w, out])
    check(out, expected)


def test_products_are_in_the_dtype_asked_for(evaluate: Callable[..., Any]) -> None:
    x = np.full((1, 2, 3, 3), 100, "int8")
    found = evaluate(nn.conv2d, x, x, 1, 0, 1, "NCHW", "OIHW", "int32")
    assert found.dtype == np.int32
    assert found[0, 0, 0, 0] == 180000


def test_wrong_convolutions() -> None:
    x = te.placeholder((1, 4, 5, 5))
    with pytest.raises(TypeMismatchError, match="channels"):
        nn.conv2d(x, te.placeholder((2, 3, 3, 3)), 1, 0, 1)
    with pytest.raises(TypeMismatchError, match="larger than the padded"):
        nn.conv2d(x, te.placeholder((2, 4, 7, 7)), 1, 0, 1)
    with pytest.raises(TypeMismatchError, match="kernel's layout"):
        nn.conv2d(x, te.placeholder((2, 4, 3)), 1, 0, 1, "NCHW", "OIW")
    with pytest.raises(TypeMismatchError, match="multiple of the number of groups"):
        nn.group_conv2d_nchw(x, te.placeholder((3, 2, 3, 3)), 1, 0, 1, 2)
    with pytest.raises(TypeMismatchError, match="output padding"):
        nn.conv2d_transpose_nchw(x, te.placeholder((4, 2, 3, 3)), 1, 0, None, 1)


@T.prim_func
def expected_conv2d(
    A: T.Buffer((1, 2, 4, 4), "float32"),
    B: T.Buffer((3, 2, 3, 3), "float32"),
    conv2d_nchw: T.Buffer((1, 3, 4, 4), "float32"),
):
    T.func_attr({"global_symbol": "main", "tir.noalias": True})
    pad_temp = T.alloc_buffer((1, 2, 6, 6))
    for i0, i1, i2, i3 in T.grid(1, 2, 6, 6):
        with T.block("pad_temp"):
            v0, v1, v2, v3 = T.axis.remap("SSSS", [i0, i1, i2, i3])
            pad_temp[v0, v1, v2, v3] = T.if_then_else(
                v2 >= 1 and v2 < 5 and v3 >= 1 and v3 < 5,
                A[v0, v1, v2 - 1, v3 - 1],
                T.float32(0),
            )
    for n0, ff, yy, xx, rc, ry, rx in T.grid(1, 3, 4, 4, 2, 3, 3):
        with T.block("conv2d_nchw"):
            n, f, y, x, c, dy, dx = T.axis.remap("SSSSRRR", [n0, ff, yy, xx, rc, ry, rx])
            with T.init():
                conv2d_nchw[n, f, y, x] = T.float32(0)
            conv2d_nchw[n, f, y, x] = (
                conv2d_nchw[n, f, y, x] + pad_temp[n, c, y + dy, x + dx] * B[f, c, dy, dx]
            )


def test_the_loops_of_conv2d() -> None:
    a, b = te.placeholder((1, 2, 4, 4), name="A"), te.placeholder((3, 2, 3, 3), name="B")
    found = te.create_prim_func([a, b, nn.conv2d(a, b, 1, 1, 1)])
    assert structural_equal(found, expected_conv2d)
    for name in ("pad_temp", "conv2d_nchw"):
        assert f'T.block("{name}")' in found.script()
    assert "for nn, ff, yy, xx, rc, ry, rx in T.grid(1, 3, 4, 4, 2, 3, 3):" in found.script()


def test_layout_transform(evaluate: Callable[..., Any]) -> None:
    x = values(1, 6, 2, 3)
    np.testing.assert_array_equal(
        evaluate(layout_transform, x, "NCHW", "NHWC"), x.transpose(0, 2, 3, 1)
    )
    packed = evaluate(layout_transform, x, "NCHW", "NCHW4c")
    padded = np.pad(x, ((0, 0), (0, 2), (0, 0), (0, 0)))
    expected = padded.reshape(1, 2, 4, 2, 3).transpose(0, 1, 3, 4, 2)
    np.testing.assert_array_equal(packed, expected)
    back = evaluate(layout_transform, packed, "NCHW4c", "NCHW")
    np.testing.assert_array_equal(back, padded)
    found = evaluate(layout_transform, packed, "NCHW4c", "NCHW2c")
    expected = padded.reshape(1, 4, 2, 2, 3).transpose(0, 1, 3, 4, 2)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(TypeMismatchError, match="needs a factor"):
        layout_transform(te.placeholder((1, 2, 3, 4)), "NCHW", "NCHWc")
    with pytest.raises(TypeMismatchError, match="same dimensions"):
        layout_transform(te.placeholder((1, 2, 3, 4)), "NCHW", "NCDW")
