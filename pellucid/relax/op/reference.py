"""NumPy as the references of operators use it.

`np` is NumPy without its static types: a reference takes arrays of every dtype that tensors have,
those of ml_dtypes included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

np: Any = numpy

__all__ = ["np", "widened"]


def widened(reference: Callable[..., Any]) -> Callable[..., Any]:
    """A reference that computes in float64 and rounds its results to the dtype of the first array.

    Float arrays among the arguments, also in tuples, are widened; integers stay as they are.
    """

    def widen(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple([widen(each) for each in _items(value)])
        if isinstance(value, np.ndarray) and not _is_plain(value):
            return _any(value).astype(np.float64)
        return value

    def narrow(value: Any, dtype: Any) -> Any:
        if isinstance(value, tuple):
            return tuple([narrow(each, dtype) for each in _items(value)])
        found = np.asarray(value)
        return found.astype(dtype) if found.dtype == np.float64 else found

    def numpy_(*args: Any, **attrs: Any) -> Any:
        dtype = _first_dtype(args)
        found = reference(*[widen(each) for each in args], **attrs)
        return found if dtype is None else narrow(found, dtype)

    return numpy_


def _any(value: object) -> Any:
    return value


def _items(value: Any) -> list[Any]:
    return list(value)


def _is_plain(value: Any) -> bool:
    return value.dtype.kind in "iub"


def _first_dtype(args: tuple[Any, ...]) -> Any:
    for each in args:
        if isinstance(each, np.ndarray):
            return _any(each).dtype
        if isinstance(each, tuple):
            found = _first_dtype(tuple(_items(each)))
            if found is not None:
                return found
    return None
