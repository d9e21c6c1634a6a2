"""Between space and depth: blocks of pixels as channels and back, and repeated pixels."""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.image.resize import resize2d, resize3d
from pellucid.topi.layout import layout as parse_layout
from pellucid.topi.shapes import compute, constant, simplify


def _axes(data: te.Tensor, layout: str) -> tuple[int, int, int]:
    found = parse_layout(layout, data.shape)
    if sorted(found.axes) != ["C", "H", "N", "W"]:
        raise TypeMismatchError(
            "This operator needs a layout of N, C, H and W.", found=repr(layout)
        )
    return found.position("C"), found.position("H"), found.position("W")


def depth_to_space(
    data: te.Tensor, block_size: int, layout: str = "NCHW", mode: str = "DCR"
) -> te.Tensor:
    """Channels become blocks of pixels: (n, c·b², h, w) gives (n, c, h·b, w·b).

    In the channels the position in the block counts first ("DCR", depth-column-row) or last
    ("CRD", which is pixel shuffle).
    """
    c, h, w = _axes(data, layout)
    depth = constant(data.shape[c])
    if depth is not None and depth % (block_size * block_size):
        raise TypeMismatchError(
            "The channels must be a multiple of the block.",
            expected=f"a multiple of {block_size * block_size}",
            found=str(depth),
        )
    if mode not in ("DCR", "CRD"):
        raise TypeMismatchError(
            "There is no such mode.", expected='"DCR" or "CRD"', found=repr(mode)
        )
    shape = list(data.shape)
    shape[c] = simplify(data.shape[c] // (block_size * block_size))
    shape[h], shape[w] = simplify(data.shape[h] * block_size), simplify(data.shape[w] * block_size)

    def element(*indices: Any) -> Any:
        place = list(indices)
        inner = indices[h] % block_size * block_size + indices[w] % block_size
        place[h], place[w] = indices[h] // block_size, indices[w] // block_size
        if mode == "DCR":
            place[c] = inner * shape[c] + indices[c]
        else:
            place[c] = indices[c] * (block_size * block_size) + inner
        return data(*place)

    return compute(shape, element, "T_depth_to_space")


def space_to_depth(data: te.Tensor, block_size: int, layout: str = "NCHW") -> te.Tensor:
    """Blocks of pixels become channels: (n, c, h, w) gives (n, c·b², h / b, w / b); the position in
    the block counts first.
    """
    c, h, w = _axes(data, layout)
    for axis in (h, w):
        extent = constant(data.shape[axis])
        if extent is not None and extent % block_size:
            raise TypeMismatchError(
                "Height and width must be multiples of the block.",
                expected=f"a multiple of {block_size}",
                found=str(extent),
            )
    shape = list(data.shape)
    shape[c] = simplify(data.shape[c] * (block_size * block_size))
    shape[h], shape[w] = (
        simplify(data.shape[h] // block_size),
        simplify(data.shape[w] // block_size),
    )
    depth = data.shape[c]

    def element(*indices: Any) -> Any:
        place = list(indices)
        inner = indices[c] // depth
        place[c] = indices[c] % depth
        place[h] = indices[h] * block_size + inner // block_size
        place[w] = indices[w] * block_size + inner % block_size
        return data(*place)

    return compute(shape, element, "T_space_to_depth")


def _scaled(extent: Any, scale: float) -> Any:
    known = constant(extent)
    if known is not None:
        return int(known * scale + 0.5)
    if float(scale).is_integer():
        return simplify(extent * int(scale))
    raise TypeMismatchError(
        "A symbolic extent is scaled by a whole number only.", found=repr(scale)
    )


_METHODS = {
    "nearest_neighbor": "nearest_neighbor",
    "nearest": "nearest_neighbor",
    "bilinear": "linear",
    "trilinear": "linear",
    "linear": "linear",
    "bicubic": "cubic",
    "cubic": "cubic",
}


def _method(method: str) -> str:
    if method not in _METHODS:
        raise TypeMismatchError(
            "There is no such method of upsampling.",
            expected=", ".join(_METHODS),
            found=repr(method),
        )
    return _METHODS[method]


def upsampling(
    data: te.Tensor,
    scale_h: float,
    scale_w: float,
    layout: str = "NCHW",
    method: str = "nearest_neighbor",
    align_corners: bool = False,
    output_shape: Any = None,
) -> te.Tensor:
    """An image enlarged by `scale_h` and `scale_w` ("nearest_neighbor", "bilinear", "bicubic")."""
    _, h, w = _axes(data, layout)
    size = output_shape or (_scaled(data.shape[h], scale_h), _scaled(data.shape[w], scale_w))
    mode = "align_corners" if align_corners else "asymmetric"
    return resize2d(data, None, size, layout, _method(method), coordinate_transformation_mode=mode)


def upsampling3d(
    data: te.Tensor,
    scale_d: float,
    scale_h: float,
    scale_w: float,
    layout: str = "NCDHW",
    method: str = "nearest_neighbor",
    coordinate_transformation_mode: str = "half_pixel",
    output_shape: Any = None,
) -> te.Tensor:
    """A volume enlarged along D, H and W ("nearest_neighbor" or "trilinear")."""
    found = parse_layout(layout, data.shape)
    scales = {"D": scale_d, "H": scale_h, "W": scale_w}
    size = output_shape or [
        _scaled(data.shape[found.position(axis)], scale) for axis, scale in scales.items()
    ]
    return resize3d(
        data,
        None,
        size,
        layout,
        _method(method),
        coordinate_transformation_mode=coordinate_transformation_mode,
    )
