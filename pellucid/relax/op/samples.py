"""Samples of operators: arguments to try an operator with, written next to it.

    samples=[case(t("n", 4), t(4)), case(t(2, 3, dtype="int32"), 1)]

`t(...)` stands for a tensor of random elements, everything else for itself. A dimension given as a
letter has the size in `SIZES`; the tests also try it as a symbolic variable of that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from pellucid.runtime.dtypes import to_numpy

Array = np.ndarray[Any, Any]

SIZES = {"n": 2, "m": 3, "k": 4, "h": 5, "w": 6}


@dataclass(frozen=True, slots=True)
class TensorSample:
    """A tensor argument: its shape, dtype, and either the range of its elements or the elements."""

    shape: tuple[int | str, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    values: Any = None

    @property
    def symbolic(self) -> bool:
        """Whether a dimension is given by a letter."""
        return any(isinstance(each, str) for each in self.shape)

    def array(self, rng: np.random.Generator) -> Array:
        """The elements, each time from `rng`."""
        kind = to_numpy(self.dtype)
        if self.values is not None:
            return np.array(self.values, kind)
        shape = [SIZES[each] if isinstance(each, str) else each for each in self.shape]
        if self.dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if kind.kind in "iu":
            low = (0 if kind.kind == "u" else -5) if self.low is None else int(self.low)
            high = 7 if self.high is None else int(self.high)
            return rng.integers(low, high, shape).astype(kind)
        low = -2.0 if self.low is None else self.low
        high = 2.0 if self.high is None else self.high
        return rng.uniform(low, high, shape).astype(kind)


def t(
    *shape: int | str,
    dtype: str = "float32",
    low: float | None = None,
    high: float | None = None,
    values: Any = None,
) -> TensorSample:
    """A tensor argument of random elements from `low` up to `high`, or of the given `values`."""
    if values is not None:
        shape = np.asarray(values).shape
    return TensorSample(shape, dtype, low, high, values)


@dataclass(frozen=True, slots=True)
class Sample:
    """The arguments of one call, as a user writes them."""

    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def symbolic(self) -> bool:
        """Whether any tensor has a dimension given by a letter."""
        return any(each.symbolic for each in tensors_in((*self.args, *self.keywords.values())))


def case(*args: Any, **keywords: Any) -> Sample:
    """A sample: the positional and keyword arguments of a call."""
    return Sample(args, keywords)


def tensors_in(value: Any) -> list[TensorSample]:
    """The tensor arguments in a value, in order."""
    if isinstance(value, TensorSample):
        return [value]
    if isinstance(value, tuple | list):
        items = cast("list[Any]", value)
        return [found for each in items for found in tensors_in(each)]
    return []
