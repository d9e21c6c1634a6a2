"""Arguments as Python has them, made into what a native entry takes.

In: tensors of ours, NumPy arrays, torch tensors, numbers, shapes, tuples, anything. Out: the values
that `tvm_ffi.Function` is called with. Nothing is copied but what a graph function must have
compact (`copies`). What does not fit goes through as it is where that is safe: the native entry
refuses it and `check.py` explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from pellucid.runtime import arrays, check, dtypes, ffi, values
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
)
from pellucid.runtime.tensor import Tensor, array, wrap
from pellucid.support.errors import ArgumentError, InternalError

Converter = Callable[[Any], Any]


def converters(signature: Signature, *, copies: bool = False) -> tuple[Converter, ...]:
    """One function per parameter: a Python value in, what the native entry is handed out.

    `copies`: arrays that are only read and not compact are copied (as graph functions do), not
    refused.
    """
    return tuple(_converter(spec, copies) for spec in signature.params)


def convert(
    signature: Signature,
    functions: tuple[Converter, ...],
    args: Sequence[object],
    *,
    copies: bool = False,
) -> list[Any]:
    """What to hand to the native entry for `args`, by its `converters`; `ArgumentError` where that
    cannot be made.
    """
    if len(args) != len(functions):
        check.check(signature, args, copies=copies)
    try:
        return [function(value) for function, value in zip(functions, args)]  # noqa: B905
    except _Refused:
        pass
    # The words come from the one place that has them.
    check.check(signature, args, copies=copies)
    raise InternalError(f"an argument of {signature.name} could not be handed over, but fits")


def ours(signature: Signature, args: Sequence[object], *, copies: bool = False) -> list[Any]:
    """`args` as values of this package: arrays as tensors, numbers and shapes as Python's own;
    checked.
    """
    check.check(signature, args, copies=copies)
    return [_ours(spec, value, copies) for spec, value in zip(signature.params, args, strict=True)]


def _ours(spec: Spec, value: Any, copies: bool) -> Any:
    if isinstance(spec, TensorSpec):
        may_copy = copies and not spec.writable and spec.strides is None
        return wrap(_as_handle(_value(spec.writable, may_copy, value)))
    if isinstance(spec, TupleSpec):
        fields = zip(spec.fields, value, strict=True)
        return tuple(_ours(field, each, copies) for field, each in fields)
    if isinstance(spec, ScalarSpec):
        return _number(spec, value)
    if isinstance(spec, ShapeSpec):
        return values.Shape(int(each) for each in value)
    return value


def _as_handle(value: Any) -> Any:
    return (
        arrays.handle_of_numpy(cast("AnyArray", value)) if isinstance(value, np.ndarray) else value
    )


class _Refused(Exception):
    """An argument that must not reach native code."""


def _converter(spec: Spec, copies: bool) -> Converter:
    if isinstance(spec, ScalarSpec):
        return partial(_number, spec)
    if isinstance(spec, ShapeSpec):
        return _shape
    if isinstance(spec, TupleSpec):
        return partial(_tuple, tuple(_converter(each, copies) for each in spec.fields))
    if isinstance(spec, TensorSpec):
        may_copy = copies and not spec.writable and spec.strides is None
        return partial(_value, spec.writable, may_copy)
    return partial(_value, False, False)


def _tuple(fields: tuple[Converter, ...], value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        items = cast("tuple[Any, ...]", value)
        if len(items) == len(fields):
            return tuple(field(each) for field, each in zip(fields, items, strict=True))
    return values.lower(value)


def _value(writable: bool, may_copy: bool, value: Any) -> Any:
    if type(value) is np.ndarray:
        return _numpy(writable, may_copy, cast("AnyArray", value))
    if isinstance(value, Tensor):
        if may_copy and not value.handle.is_contiguous():
            return array(value).handle
        return value.handle
    if arrays.is_torch(value):
        return _torch(may_copy, value)
    if isinstance(value, np.ndarray):
        return _numpy(writable, may_copy, np.asarray(cast("AnyArray", value)))
    return values.lower(value)


# The element types that NumPy's DLPack knows, by their letters.
_PLAIN = frozenset("?bBhHiIlLqQefd")
_KNOWN = frozenset(row[2] for row in dtypes.SCALARS.values())


def _numpy(writable: bool, may_copy: bool, value: AnyArray) -> Any:
    flags, dtype = value.flags, value.dtype
    if flags.c_contiguous and flags.writeable and flags.aligned:
        if dtype.char in _PLAIN and dtype.isnative:
            # tvm_ffi takes the array itself, and faster than through a tensor object.
            return value
    elif (writable and not flags.writeable) or not flags.aligned:
        raise _Refused
    if dtype not in _KNOWN or not dtype.isnative:
        raise _Refused
    if may_copy and not flags.c_contiguous:
        return array(value).handle
    if any(each % value.itemsize for each in value.strides):
        raise _Refused
    return arrays.handle_of_numpy(value)


def _torch(may_copy: bool, value: Any) -> Any:
    try:
        if value.requires_grad:
            value = value.detach()
        if may_copy and not value.is_contiguous():
            value = value.contiguous()
        if value.is_neg():
            # A pending negation is not in the memory yet.
            value = value.resolve_neg()
        return ffi.module().from_dlpack(value)
    except (RuntimeError, BufferError, TypeError, ValueError):
        # Sparse, on another device, of an element type that DLPack does not have …
        raise _Refused from None


def _number(spec: ScalarSpec, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = cast("np.generic[Any]", value).item()
    if isinstance(value, (Tensor, np.ndarray)) or arrays.is_torch(value):
        raise _Refused
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise _Refused
    if type(value) is int and spec.dtype.startswith(("float", "bfloat")):
        return float(value)
    if type(value) is int and spec.dtype == "bool" and value in (0, 1):
        return bool(value)
    return values.lower(value)


def _shape(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        items = cast("tuple[Any, ...]", value)
        if all(isinstance(each, (int, np.integer)) for each in items):
            return ffi.module().Shape(tuple(int(each) for each in items))
    return values.lower(value)


def refused(signature: Signature, args: Sequence[object], *, copies: bool = False) -> Exception:
    """The error for arguments that the native entry of this signature refused."""
    try:
        check.check(signature, args, copies=copies)
    except ArgumentError as error:
        return error
    return InternalError(f"{signature.name} refused arguments that fit its signature")
