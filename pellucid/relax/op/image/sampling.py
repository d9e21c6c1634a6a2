"""Images read at positions that are given by tensors: affine grids and sampling at grids.

A grid (n, h, w, 2) holds the positions (x, y), from -1 at the left or upper border to 1 at the
other one: the centres of the outermost pixels with `align_corners`, else their outer edges.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.record import Shape, Tensor, op
from pellucid.relax.op.reference import np, widened
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims
from pellucid.tir import op as tir
from pellucid.topi.shapes import where_any

_METHODS = ("bilinear", "nearest")
_PADDINGS = ("zeros", "border")


def _grid_info(c: Inference) -> StructInfo:
    data, grid = c.tensor("data", (4,)), c.tensor("grid", (4,))
    c.require_float("data")
    dtype = c.same_dtype("data", "grid")
    for name, known in (("method", _METHODS), ("padding_mode", _PADDINGS)):
        if c[name] not in known:
            raise c.error(name, "is unknown.", ", ".join(known), c[name])
    x, g = known_dims(data), known_dims(grid)
    if x is None or g is None:
        return tensor_of(None, dtype, 4)
    c.require_equal("grid", "has another batch extent than the data.", x[0], g[0])
    if as_int(g[3]) not in (2, None):
        raise c.error("grid", "must hold pairs.", "a last extent of 2", g[3])
    return tensor_of((x[0], x[1], g[1], g[2]), dtype)


def _np_places(values: Any, extent: int, align_corners: bool) -> Any:
    if align_corners:
        return (values + 1) / 2 * (extent - 1)
    return ((values + 1) * extent - 1) / 2


def _np_read(data: Any, n: Any, y: Any, x: Any, padding_mode: str) -> Any:
    """(n, h, w, c) of pixels at integer positions."""
    height, width = data.shape[2:]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    found = data[n, :, np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return found if padding_mode == "border" else found * inside[..., None]


def _np_sample(data: Any, grid: Any, method: str, padding_mode: str, align_corners: bool) -> Any:
    height, width = data.shape[2:]
    x = _np_places(grid[..., 0], width, align_corners)
    y = _np_places(grid[..., 1], height, align_corners)
    if padding_mode == "border":
        x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    n = np.arange(data.shape[0])[:, None, None]
    if method == "nearest":
        found = _np_read(data, n, np.rint(y).astype(int), np.rint(x).astype(int), padding_mode)
        return found.transpose(0, 3, 1, 2)
    low_x, low_y = np.floor(x).astype(int), np.floor(y).astype(int)
    part_x, part_y = (x - low_x)[..., None], (y - low_y)[..., None]
    total = 0
    for step_y, weight_y in ((0, 1 - part_y), (1, part_y)):
        for step_x, weight_x in ((0, 1 - part_x), (1, part_x)):
            value = _np_read(data, n, low_y + step_y, low_x + step_x, padding_mode)
            total = total + value * weight_y * weight_x
    return np.asarray(total).transpose(0, 3, 1, 2)


_IMAGE = t("n", 2, 3, 4)
_GRID = t("n", 2, 3, 2, low=-1.3, high=1.3)


@op(
    "image.grid_sample",
    infer=_grid_info,
    numpy=widened(_np_sample),
    samples=[
        case(_IMAGE, _GRID),
        case(_IMAGE, _GRID, padding_mode="border"),
        case(_IMAGE, _GRID, align_corners=True),
        case(_IMAGE, _GRID, method="nearest"),
        case(_IMAGE, _GRID, method="nearest", padding_mode="border", align_corners=True),
    ],
    tolerance="reduction",
)
def grid_sample(
    data: Tensor,
    grid: Tensor,
    method: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Any:
    """The image (n, c, h, w) at the positions of a grid: (n, c, h', w').

    "bilinear" weighs four neighbours, "nearest" takes one (halves to the even one). Outside are
    zeros, or the border's pixels.
    """
    batch, channels, height, width = data.shape
    dtype = data.dtype

    def place(value: Any, extent: Any) -> Any:
        size = ar.cast_to(dtype, extent)
        one, two = ar.const(1, dtype), ar.const(2, dtype)
        if align_corners:
            found = (value + one) / two * (size - one)
        else:
            found = ((value + one) * size - one) / two
        if padding_mode == "border":
            found = ar.maximum(ar.minimum(found, size - one), ar.const(0, dtype))
        return found

    def read(n: Any, c: Any, y: Any, x: Any) -> Any:
        inside = tir.all(y >= 0, y < height, x >= 0, x < width)
        row = ar.maximum(ar.minimum(y, height - 1), 0)
        column = ar.maximum(ar.minimum(x, width - 1), 0)
        value = where_any(data(n, c, row, column), height, width)
        return value if padding_mode == "border" else ar.select(inside, value, ar.const(0, dtype))

    def element(n: Any, c: Any, h: Any, w: Any) -> Any:
        x, y = place(grid(n, h, w, 0), width), place(grid(n, h, w, 1), height)
        if method == "nearest":
            return read(n, c, _whole(tir.nearbyint(y)), _whole(tir.nearbyint(x)))
        low_x, low_y = tir.floor(x), tir.floor(y)
        one = ar.const(1, dtype)
        total: Any = None
        for step_y, weight_y in ((0, one - (y - low_y)), (1, y - low_y)):
            for step_x, weight_x in ((0, one - (x - low_x)), (1, x - low_x)):
                value = read(n, c, _whole(low_y) + step_y, _whole(low_x) + step_x)
                part = value * weight_y * weight_x
                total = part if total is None else total + part
        return total

    shape = (batch, channels, grid.shape[1], grid.shape[2])
    return te.compute(shape, element, name="T_grid_sample")


def _whole(value: Any) -> Any:
    return ar.cast_to("int64", value)


def _affine_info(c: Inference) -> StructInfo:
    theta, size = c.tensor("data", (3,)), c.shape("target_shape")
    c.require_float("data")
    dims = known_dims(theta)
    if dims is not None:
        c.require_equal("data", "must hold matrices (2, 3).", 2, dims[1])
        c.require_equal("data", "must hold matrices (2, 3).", 3, dims[2])
    if size.ndim not in (-1, 2):
        raise c.error("target_shape", "must be a height and a width.", "2", str(size.ndim))
    if dims is None or size.values is None:
        return tensor_of(None, theta.dtype, 4)
    return tensor_of((dims[0], *size.values, 2), theta.dtype)


def _np_affine(data: Any, target_shape: Any, align_corners: bool) -> Any:
    height, width = target_shape

    def line(count: int) -> Any:
        if align_corners:
            return np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        return (2 * np.arange(count) + 1) / count - 1

    y, x = np.meshgrid(line(height), line(width), indexing="ij")
    points = np.stack([x, y, np.ones((height, width))], -1)
    return np.einsum("nij,hwj->nhwi", data, points)


@op(
    "image.affine_grid",
    infer=_affine_info,
    numpy=widened(_np_affine),
    samples=[case(t("n", 2, 3), (3, 4)), case(t(1, 2, 3), (2, 3), align_corners=True)],
    tolerance="reduction",
)
def affine_grid(data: Tensor, target_shape: Shape, align_corners: bool = False) -> Any:
    """The grid (n, h, w, 2) of positions that matrices (n, 2, 3) make of those of an image of
    height and width `target_shape`.
    """
    height, width = target_shape
    dtype = data.dtype

    def line(index: Any, count: Any) -> Any:
        i, size = ar.cast_to(dtype, index), ar.cast_to(dtype, count)
        one, two = ar.const(1, dtype), ar.const(2, dtype)
        if not align_corners:
            return (i * two + one) / size - one
        value = i * two / ar.maximum(size - one, one) - one
        return ar.select(ar.eq(count, 1), ar.const(0, dtype), value)

    def element(n: Any, h: Any, w: Any, k: Any) -> Any:
        moved = data(n, k, 0) * line(w, width) + data(n, k, 1) * line(h, height)
        return moved + data(n, k, 2)

    return te.compute((data.shape[0], height, width, 2), element, name="T_affine_grid")


__all__ = ["affine_grid", "grid_sample"]
