"""Struct-info rules that many operators share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.dtype import UNKNOWN
from pellucid.relax.op.inference import Inference, rank_of, tensor_of
from pellucid.relax.op.record import Infer
from pellucid.relax.struct_info import StructInfo, TensorStructInfo, TupleStructInfo
from pellucid.relax.te_call import known_dims

FLOATS = ("float", "bfloat", "float8")
NUMBERS = ("int", "uint", *FLOATS)


def like(argument: str, *kinds: str, dtype: str | None = None) -> Infer:
    """A tensor like the argument, which is of one of `kinds`; of `dtype` where that is given."""

    def rule(c: Inference) -> StructInfo:
        info = c.tensor(argument)
        if kinds:
            c.require_dtype(argument, " or ".join(dict.fromkeys(map(_word, kinds))), *kinds)
        if dtype is None:
            return info
        return TensorStructInfo(info.shape, dtype, info.vdevice, info.ndim)

    return rule


def _word(kind: str) -> str:
    if kind in FLOATS:
        return "floats"
    return {"int": "integers", "uint": "unsigned integers", "bool": "bools"}[kind]


def broadcast(*arguments: str, dtype: str | None = None, kinds: tuple[str, ...] = ()) -> Infer:
    """The broadcast of arguments of one dtype; the result is of that dtype, or of `dtype`."""

    def rule(c: Inference) -> StructInfo:
        common = c.same_dtype(*arguments)
        for each in arguments:
            if kinds:
                words = " or ".join(dict.fromkeys(map(_word, kinds)))
                c.require_dtype(each, words, *kinds)
        return broadcast_of(c, arguments, common if dtype is None else dtype)

    return rule


def broadcast_of(c: Inference, arguments: tuple[str, ...], dtype: str) -> StructInfo:
    """The tensor of `dtype` that arguments broadcast to."""
    infos = [c.tensor(each) for each in arguments]
    dims = known_dims(infos[0])
    for name, info in zip(arguments[1:], infos[1:], strict=True):
        dims = c.broadcast(dims, known_dims(info), name)
    if dims is None:
        held = infos[0].shape
        if held is not None and all(each.shape is held for each in infos):
            # One shape value, unknown as it is.
            return TensorStructInfo(held, dtype)
        return tensor_of(None, dtype, rank_of(*[each.ndim for each in infos]))
    same_shape = next((each for each in infos if known_dims(each) == dims), None)
    shape: Any = dims if same_shape is None else same_shape.shape
    return TensorStructInfo(shape, dtype)


def reduction(
    argument: str,
    dtype: str | Callable[[Inference], str] | None = None,
    kinds: tuple[str, ...] = (),
) -> Infer:
    """A reduction over the attribute `axis`, with `keepdims`."""

    def rule(c: Inference) -> StructInfo:
        info = c.tensor(argument)
        if kinds:
            c.require_dtype(argument, " or ".join(dict.fromkeys(map(_word, kinds))), *kinds)
        wanted = dtype(c) if callable(dtype) else dtype
        return reduced(c, info, wanted or info.dtype)

    return rule


def reduced(c: Inference, info: TensorStructInfo, dtype: str) -> StructInfo:
    """`info` without the axes of the attribute `axis`, or with extents of 1 there."""
    keep = bool(c["keepdims"])
    if info.ndim == -1:
        return tensor_of(() if c["axis"] is None and not keep else None, dtype)
    axes = c.axes("axis", info.ndim)
    dims = known_dims(info)
    if dims is None:
        ndim = info.ndim if keep else info.ndim - len(axes)
        return tensor_of(() if ndim == 0 else None, dtype, ndim)
    if keep:
        return tensor_of([1 if i in axes else dim for i, dim in enumerate(dims)], dtype)
    return tensor_of([dim for i, dim in enumerate(dims) if i not in axes], dtype)


def same_or(dtype: str | None, info: TensorStructInfo) -> str:
    """The dtype asked for, or that of the tensor."""
    return str(info.dtype) if dtype in (None, UNKNOWN) else str(dtype)


def by_lowering(
    unknown: Callable[[Inference], StructInfo], check: Callable[[Inference], None] | None = None
) -> Infer:
    """What the lowering gives, after `check`; `unknown` tells what is known without the shapes."""

    def rule(c: Inference) -> StructInfo:
        if check is not None:
            check(c)
        found = c.results()
        if found is None:
            return unknown(c)
        return found[0] if len(found) == 1 else TupleStructInfo(found)

    return rule


def fields_by_lowering(
    unknown: Callable[[Inference], StructInfo], check: Callable[[Inference], None] | None = None
) -> Infer:
    """As `by_lowering`, of operators that always give a tuple."""

    def rule(c: Inference) -> StructInfo:
        if check is not None:
            check(c)
        found = c.results()
        return unknown(c) if found is None else TupleStructInfo(found)

    return rule
