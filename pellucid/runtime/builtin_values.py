"""Packed functions that every program can call: values that are no tensors, slices between bounds
that are tensors, checks and messages.

`FUNCTIONS` holds them by the name under which the registry knows them, `pellucid.builtin.<name>`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from pellucid.runtime import arrays
from pellucid.runtime.tensor import Tensor, array
from pellucid.runtime.values import Shape
from pellucid.support.errors import RunError

PREFIX = "pellucid.builtin."


def _values(x: Any) -> Any:
    """The elements of a tensor, without a copy."""
    return arrays.numpy_view(x.handle) if isinstance(x, Tensor) else np.asarray(x)


def shape_of(x: Any) -> Shape:
    """The shape of a tensor, as a value."""
    return Shape(x.shape)


def tensor_to_shape(x: Any) -> Shape:
    """The elements of a vector of integers, as a shape."""
    found = [int(each) for each in _values(x).reshape(-1)]
    if any(each < 0 for each in found):
        raise RunError("tensor_to_shape: a dimension is negative.", found=str(found))
    return Shape(found)


def shape_to_tensor(shape: Any) -> Tensor:
    """The dimensions of a shape, as a vector of int64."""
    return array(np.array([*shape], np.int64))


def dynamic_strided_slice(x: Any, begin: Any, end: Any, strides: Any) -> Tensor:
    """`x[begin:end:strides]` for each axis, with bounds that are vectors of integers.

    Bounds count as Python's do; an end below the tensor, walking backwards, includes its first
    element.
    """
    values = _values(x)
    parts: list[Any] = []
    bounds = (_values(each).reshape(-1).tolist() for each in (begin, end, strides))
    for axis, (low, high, step) in enumerate(zip(*bounds, strict=True)):
        if step == 0:
            raise RunError(f"dynamic_strided_slice: the stride of axis {axis} is 0.")
        last = None if step < 0 and high < -values.shape[axis] else high
        parts.append(slice(low, last, step))
    return array(np.ascontiguousarray(values[tuple(parts)]))


def null_value() -> None:
    """Nothing, as a value."""


def _shown(value: Any) -> Any:
    return _values(value) if isinstance(value, Tensor) else value


def show(form: str, *values: Any) -> None:
    """Write values to the standard output: by a format string with `{}`, or side by side when that
    is empty.
    """
    found = [_shown(each) for each in values]
    text = form.format(*found) if form else " ".join(str(each) for each in found)
    sys.stdout.write(f"{text}\n")


def check(condition: Any, form: str, *values: Any) -> None:
    """Stop the program unless a condition (a bool, or a tensor of one) holds."""
    holds = bool(np.asarray(_shown(condition)).all())
    if holds:
        return
    found = [_shown(each) for each in values]
    message = form.format(*found) if form else " ".join(str(each) for each in found)
    raise RunError("An assertion failed." + (f" {message}" if message else ""))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f"{PREFIX}{name}": cast("Callable[..., Any]", function)
    for name, function in {
        "shape_of": shape_of,
        "tensor_to_shape": tensor_to_shape,
        "shape_to_tensor": shape_to_tensor,
        "dynamic_strided_slice": dynamic_strided_slice,
        "null_value": null_value,
        "print": show,
        "assert": check,
    }.items()
}
"""The functions by the names under which the registry knows them."""
