"""Arguments as Python has them, made into what a native entry takes.

In: tensors of ours, NumPy arrays, torch tensors, numbers, shapes, tuples, anything. Out: the values
that `tvm_ffi.Function` is called with. Nothing is copied but what a graph function must have
compact (`copies`). What does not fit goes through as it is where that is safe: the native entry
refuses it and `check.py` explains.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def convert(signature: Signature, args: Sequence[object], *, copies: bool = False) -> list[Any]:
    """What to hand to the native entry for `args`; `ArgumentError` where that cannot be made.

    `copies`: arrays that are only read and not compact are copied (as graph functions do), instead
    of refused.
    """
    if len(args) != len(signature.params):
        check.check(signature, args, copies=copies)
    try:
        return [
            _one(spec, value, copies) for spec, value in zip(signature.params, args, strict=True)
        ]
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
        return wrap(_value(value, writable=spec.writable, may_copy=may_copy))
    if isinstance(spec, TupleSpec):
        fields = zip(spec.fields, value, strict=True)
        return tuple(_ours(field, each, copies) for field, each in fields)
    if isinstance(spec, ScalarSpec):
        return _number(spec, value)
    if isinstance(spec, ShapeSpec):
        return values.Shape(int(each) for each in value)
    return value


class _Refused(Exception):
    """An argument that must not reach native code."""


def _one(spec: Spec, value: Any, copies: bool) -> Any:
    if isinstance(spec, ScalarSpec):
        return _number(spec, value)
    if isinstance(spec, ShapeSpec):
        return _shape(value)
    if isinstance(spec, TupleSpec) and isinstance(value, (tuple, list)):
        fields = cast("tuple[object, ...]", value)
        if len(fields) == len(spec.fields):
            return tuple(
                _one(field, each, copies) for field, each in zip(spec.fields, fields, strict=True)
            )
    writable = isinstance(spec, TensorSpec) and spec.writable
    may_copy = copies and not writable and isinstance(spec, TensorSpec) and spec.strides is None
    return _value(value, writable=writable, may_copy=may_copy)


def _value(value: Any, *, writable: bool, may_copy: bool) -> Any:
    if isinstance(value, Tensor):
        if may_copy and not value.handle.is_contiguous():
            return array(value).handle
        return value.handle
    if isinstance(value, np.ndarray):
        return _numpy(cast("AnyArray", value), writable=writable, may_copy=may_copy)
    if arrays.is_torch(value):
        return _torch(value, may_copy=may_copy)
    return values.lower(value)


def _numpy(value: AnyArray, *, writable: bool, may_copy: bool) -> Any:
    flags = value.flags
    if (writable and not flags.writeable) or not flags.aligned or not value.dtype.isnative:
        raise _Refused
    if value.dtype not in _KNOWN:
        raise _Refused
    if may_copy and not flags.c_contiguous:
        return array(value).handle
    if any(each % value.itemsize for each in value.strides):
        raise _Refused
    return arrays.handle_of_numpy(value)


_KNOWN = frozenset(row[2] for row in dtypes.SCALARS.values())


def _torch(value: Any, *, may_copy: bool) -> Any:
    if value.device.type != "cpu" or str(value.layout) != "torch.strided":
        raise _Refused
    if str(value.dtype).removeprefix("torch.") not in dtypes.SCALARS:
        raise _Refused
    if may_copy and not value.is_contiguous():
        value = value.contiguous()
    # Pending conjugation or negation is not in the memory yet.
    return arrays.handle_of_dlpack(value.resolve_conj().resolve_neg())


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


def refused(
    signature: Signature, args: Sequence[object], culprit: str, *, copies: bool = False
) -> Exception:
    """The error for a native entry that refused its arguments; `culprit` is the function it names.

    A function called inside another may be the one: then only its signature can be told.
    """
    if culprit != signature.name:
        return ArgumentError(
            f"{culprit}, called inside {signature.name}, got arguments that do not fit.",
            cure=f"compare the call with the parameters of {culprit}",
        )
    try:
        check.check(signature, args, copies=copies)
    except ArgumentError as error:
        return error
    return InternalError(f"{signature.name} refused arguments that fit its signature")
