"""Layouts as maps of indices: `R.layout_transform(x, index_map)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.relax.expr import Expr
from pellucid.relax.op.inference import Inference, reshaped
from pellucid.relax.op.record import Tensor, info_of, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo, TensorStructInfo
from pellucid.relax.te_call import known_dims
from pellucid.support.errors import TypeMismatchError
from pellucid.tir import op as tir
from pellucid.tir.index_map import IndexMap


def _as_index_map(values: dict[str, Any]) -> None:
    """A Python function of the indices as an `IndexMap`."""
    given = values["index_map"]
    if isinstance(given, IndexMap) or not callable(given):
        return
    info = info_of(values["x"]) if isinstance(values["x"], Expr) else None
    ndim = info.ndim if isinstance(info, TensorStructInfo) and info.ndim != -1 else None
    values["index_map"] = IndexMap.from_func(cast("Callable[..., Any]", given), ndim)


def _checked(value: Any) -> Any:
    if not isinstance(value, IndexMap):
        raise TypeMismatchError("an IndexMap, or a function of the indices")
    return value


def _layout_info(c: Inference) -> StructInfo:
    info, index_map = c.tensor("x"), c["index_map"]
    count = len(index_map.initial_indices)
    if info.ndim not in (-1, count):
        raise c.error("index_map", "takes another number of indices.", str(info.ndim), str(count))
    dims = known_dims(info)
    if dims is None:
        return reshaped(info, None, len(index_map.final_indices))
    return reshaped(info, index_map.map_shape(list(dims)))


def _np_layout(x: Any, index_map: IndexMap, pad_value: float | None) -> Any:
    found = index_map.map_ndarray(x)
    if not pad_value:
        return found
    taken = index_map.map_ndarray(np.ones(x.shape, np.int8))
    return np.where(taken == 1, found, np.asarray(pad_value).astype(x.dtype))


def _way_back(index_map: IndexMap, shape: list[Any]) -> Callable[[list[Any]], list[PrimExpr]]:
    """The initial indices for final ones; extents may be symbolic where axes are only exchanged."""
    final = list(index_map.final_indices)
    if len(set(final)) == len(final) and set(final) == set(index_map.initial_indices):
        places = [final.index(each) for each in index_map.initial_indices]
        return lambda indices: [indices[place] for place in places]
    inverse = index_map.inverse(shape)
    return lambda indices: inverse.map_indices(indices)


def _split(i: Any, j: Any) -> list[Any]:
    return [j // 2, i, j % 2]


def _turned(i: Any, j: Any) -> list[Any]:
    return [j, i]


@op(
    "layout_transform",
    infer=_layout_info,
    numpy=_np_layout,
    samples=[case(t("n", 4), _turned), case(t(3, 4), _split), case(t(2, 3), _turned, 1.0)],
    prepare=_as_index_map,
    convert={"index_map": _checked},
    tolerance="exact",
)
def layout_transform(x: Tensor, index_map: Any, pad_value: float | None = None) -> Any:
    """The element at `i` moves to `index_map(i)`; places that none moves to hold `pad_value` (0).

    `index_map` is an `IndexMap`, or a function of the indices that gives the new ones.
    """
    back = _way_back(index_map, list(x.shape))
    shape = index_map.map_shape(list(x.shape))

    def element(*i: Any) -> Any:
        place = back(list(i))
        value = x(*place)
        if pad_value is None:
            return value
        inside = [index < extent for index, extent in zip(place, x.shape, strict=True)]
        return te.if_then_else(tir.all(*inside), value, ar.const(pad_value, x.dtype))

    return te.compute(shape, element, name="T_layout_trans", tag="injective")


__all__ = ["layout_transform"]
