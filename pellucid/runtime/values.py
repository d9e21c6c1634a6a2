"""Values across the native boundary: ours to tvm_ffi's (`lower`), and tvm_ffi's to ours (`lift`).

| ours | tvm_ffi's |
|---|---|
| `Tensor`, NumPy array, torch tensor | `Tensor` |
| tuple, list | `Array` |
| `Shape` (a tuple of ints) | `Shape` |
| int, float, bool, str, bytes, None | the same |
| callable | `Function` |
| anything else | an opaque Python object, which comes back as itself |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np

from pellucid.runtime import arrays, failures, ffi
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.tensor import Tensor, array, wrap

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})


class Shape(tuple[int, ...]):
    """A shape as a value of a program: a tuple of ints that native code takes for a shape, not for
    a tuple.
    """

    __slots__ = ()


class _Opaque:
    """A Python object that crosses as it is; without this tvm_ffi would translate dictionaries and
    the like.
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


@cache
def _foreign_kinds() -> tuple[type, ...]:
    """The classes of tvm_ffi's own values, which cross as they are."""
    core = ffi.core()
    return core.Object, core.PyNativeObject, ffi.module().dtype, ffi.module().Device


class NativeFunction:
    """A function on the other side of the boundary, called with our values."""

    __slots__ = ("function",)

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: object) -> Any:
        """Call it; an exception raised by Python code inside it arrives here as itself."""
        try:
            return lift(self.function(*[lower(each) for each in args]))
        except Exception as error:
            failure = failures.original(error)
        try:
            raise failure
        finally:
            # The frame is in the exception's traceback: no cycle that runs through native memory.
            del failure


def lower(value: Any) -> Any:
    """`value` as tvm_ffi takes it."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is Tensor:
        return value.handle
    if kind in _PLAIN:
        return value
    if kind is Shape:
        return ffi.module().Shape(value)
    if isinstance(value, (tuple, list)):
        return tuple(lower(each) for each in cast("tuple[object, ...]", value))
    if isinstance(value, np.ndarray):
        return arrays.handle_of_numpy(cast("AnyArray", value))
    if isinstance(value, np.generic):
        return cast("np.generic[Any]", value).item()
    if arrays.is_torch(value):
        return arrays.handle_of_dlpack(value)
    if isinstance(value, NativeFunction):
        return value.function
    if isinstance(value, _foreign_kinds()):
        return value
    if callable(value):
        return native_callback(value)
    return _Opaque(value)


def lift(value: Any) -> Any:
    """A value of tvm_ffi's as ours."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    core = ffi.core()
    if kind is core.Tensor:
        return wrap(value)
    if kind in _PLAIN:
        return value
    module = ffi.module()
    if isinstance(value, module.Shape):
        return Shape(value)
    if isinstance(value, (module.Array, module.List)):
        return tuple(lift(each) for each in value)
    if isinstance(value, core.Function):
        return NativeFunction(value)
    if isinstance(value, str):
        return str(value)
    if kind is _Opaque:
        return value.value
    return value


def ours(value: Any) -> Any:
    """What a Python function returned, with arrays as tensors of ours, also inside tuples."""
    if isinstance(value, np.ndarray) or arrays.is_torch(value):
        return wrap(lower(value))
    if isinstance(value, (tuple, list)) and not isinstance(value, Shape):
        return tuple(ours(each) for each in cast("tuple[object, ...]", value))
    if isinstance(value, np.generic):
        return cast("np.generic[Any]", value).item()
    return value


def native_callback(function: Callable[..., Any]) -> Any:
    """A tvm_ffi function that calls `function` with our values; its exceptions arrive whole at the
    outer caller.
    """

    def call(*args: Any) -> Any:
        try:
            return lower(function(*[_lift_argument(each) for each in args]))
        except BaseException as error:
            failure = failures.carried(error)
        try:
            raise failure
        finally:
            # The frame is in the traceback of what `failure` carries: no cycle through native
            # memory.
            del failure

    return ffi.module().convert(call)


def _lift_argument(value: Any) -> Any:
    if type(value) is ffi.core().Tensor and not value.__chandle__():
        # A borrowed DLTensor: the function may keep what it is given, so it gets a copy.
        return array(arrays.numpy_view(value))
    return lift(value)
