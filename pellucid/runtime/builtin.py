"""Packed functions that every program can call: operators whose result's shape depends on the data.

In: tensors, and plain numbers as options. Out: new tensors, several as a tuple. `FUNCTIONS` holds
them by the name under which the registry knows them, `pellucid.builtin.<name>`. Positions and
counts are int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.runtime import arrays
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.builtin_vision import non_max_suppression
from pellucid.runtime.tensor import Tensor, array
from pellucid.support.errors import ArgumentError

PREFIX = "pellucid.builtin."


def _values(x: Any) -> Any:
    """The elements of a tensor, without a copy."""
    return arrays.numpy_view(x.handle) if isinstance(x, Tensor) else np.asarray(x)


def _axis(axis: Any, rank: int, what: str) -> int:
    if not -rank <= int(axis) < rank:
        raise ArgumentError(
            f"{what}: there is no such axis.",
            expected=f"an integer from {-rank} to {rank - 1}",
            found=str(axis),
        )
    return int(axis) % rank


def nonzero(x: Any) -> Tensor:
    """Where elements are not zero: (d, n), one row for each of the d dimensions of `x` (a tensor
    without dimensions counts as one of one element).
    """
    found = np.nonzero(np.atleast_1d(_values(x)))
    return array(np.stack(found).astype(np.int64))


def argwhere(x: Any) -> Tensor:
    """Where elements are not zero: (n, d), one row an element."""
    return array(np.argwhere(_values(x)).astype(np.int64))


def _results(first: AnyArray, *others: tuple[Any, AnyArray]) -> Any:
    """One tensor, or a tuple of it and those of the others that are asked for."""
    wanted = [array(np.ascontiguousarray(each.astype(np.int64))) for ask, each in others if ask]
    value = array(np.ascontiguousarray(first))
    return (value, *wanted) if wanted else value


def unique(
    x: Any,
    is_sorted: Any = 1,
    return_index: Any = 0,
    return_inverse: Any = 0,
    return_counts: Any = 0,
    axis: Any = None,
) -> Any:
    """The different elements of the flat tensor (the different slices along `axis`), sorted or in
    the order of their first occurrence.

    On demand also the positions of the first occurrences, for each element the place of its value,
    and how often each occurs.
    """
    values = _values(x)
    along = None if axis is None else _axis(axis, values.ndim, "unique")
    found, index, inverse, counts = np.unique(
        values, return_index=True, return_inverse=True, return_counts=True, axis=along
    )
    places: Any = inverse.reshape(-1)
    if not is_sorted:
        order = np.argsort(index, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        found = np.take(found, order, 0 if along is None else along)
        index, counts, places = index[order], counts[order], place[places]
    if along is None:
        places = places.reshape(values.shape)
    return _results(found, (return_index, index), (return_inverse, places), (return_counts, counts))


def unique_consecutive(
    x: Any, return_inverse: Any = 0, return_counts: Any = 0, axis: Any = None
) -> Any:
    """The elements (slices along `axis`) that differ from the one before.

    On demand also for each element the place of its value, and how long each run is.
    """
    values = _values(x)
    rows = values.reshape(-1)
    if axis is not None:
        along = _axis(axis, values.ndim, "unique_consecutive")
        rows = np.moveaxis(values, along, 0)
    count = rows.shape[0]
    flat = rows.reshape(count, math.prod(rows.shape[1:]))
    starts = np.ones(count, bool)
    starts[1:] = (flat[1:] != flat[:-1]).any(axis=1)
    inverse = np.cumsum(starts) - 1
    counts = np.bincount(inverse) if count else np.zeros(0, np.int64)
    found = rows[starts]
    if axis is None:
        inverse = inverse.reshape(values.shape)
    else:
        found = np.moveaxis(found, 0, _axis(axis, values.ndim, "unique_consecutive"))
    return _results(found, (return_inverse, inverse), (return_counts, counts))


def masked_select(x: Any, mask: Any) -> Tensor:
    """The elements where the mask (bool) holds, in row-major order; both are broadcast."""
    values, test = np.broadcast_arrays(_values(x), _values(mask))
    if test.dtype != np.bool_:
        raise ArgumentError("masked_select: the mask must be bool.", found=str(test.dtype))
    return array(values[test])


def compress(condition: Any, x: Any, axis: Any = None) -> Tensor:
    """The elements of the flat tensor (slices along `axis`) where `condition`, a vector, holds."""
    return array(np.compress(_values(condition), _values(x), axis=axis))


def repeat_interleave(x: Any, repeats: Any, axis: Any = None) -> Tensor:
    """Elements of the flat tensor (slices along `axis`), each as often as `repeats` says."""
    return array(np.repeat(_values(x), _values(repeats), axis=axis))


def bincount(x: Any, minlength: Any = 0, weights: Any = None) -> Tensor:
    """How often each number from 0 on occurs in a vector; with `weights`, the sums of those."""
    values = _values(x)
    if values.size and values.min() < 0:
        raise ArgumentError("bincount: there is a negative number.", found=str(values.min()))
    given = None if weights is None else _values(weights)
    found = np.bincount(values, given, int(minlength))
    return array(found if given is None else found.astype(given.dtype))


def arange(start: Any, stop: Any, step: Any) -> Tensor:
    """The numbers from `start` up to and without `stop`, given by tensors of one element."""
    low, high, by = (_values(each).reshape(()) for each in (start, stop, step))
    if by == 0:
        raise ArgumentError("arange: the step is zero.")
    return array(np.arange(low, high, by, dtype=low.dtype))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    f"{PREFIX}{function.__name__}": function
    for function in (
        arange,
        argwhere,
        bincount,
        compress,
        masked_select,
        non_max_suppression,
        nonzero,
        repeat_interleave,
        unique,
        unique_consecutive,
    )
}
"""The functions by the names under which the registry knows them."""
