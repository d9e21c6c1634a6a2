"""Values of parameters: read from files, torch modules and dictionaries of arrays, and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any, cast

import numpy as np
from safetensors import safe_open

from pellucid.runtime.dtypes import name_of
from pellucid.runtime.tensor import Tensor, array
from pellucid.support.errors import RegistryError, TypeMismatchError, did_you_mean


def fitting(value: Any, shape: Sequence[Any], dtype: str, name: str = "") -> Tensor:
    """`value` as a tensor of a parameter's dtype; its shape has to be the parameter's."""
    # A parameter that torch trains has to be taken out of its graph of gradients.
    detach = getattr(value, "detach", None)
    found = array(value if detach is None else detach())
    fits = len(found.shape) == len(shape) and all(
        each == wanted for each, wanted in zip(found.shape, shape, strict=True)
        if isinstance(wanted, int)
    )  # fmt: skip
    what = f"the parameter {name!r}" if name else "a parameter"
    if not fits:
        raise TypeMismatchError(
            f"A value for {what} has another shape.",
            expected=str([*shape]),
            found=str([*found.shape]),
        )
    if found.dtype == dtype:
        return found
    if ("float" in found.dtype) != ("float" in dtype):
        raise TypeMismatchError(
            f"A value for {what} is of another kind.",
            expected=dtype,
            found=found.dtype,
            cure=f"convert it to {dtype} first",
        )
    return array(found, dtype=dtype)


def load(params: Mapping[str, Any], ignored: set[str], source: Any, strict: bool) -> None:
    """Set the values of `params` from `source`; see `Module.load_params`.

    Everything is checked before the first value is set.
    """
    found = _named(source)
    unknown = [each for each in found if each not in params and each not in ignored]
    missing = [each for each in params if each not in found and not _tied(params, each, found)]
    if strict and unknown:
        raise RegistryError(
            f"The module has no parameter {unknown[0]!r}.",
            found=_some(unknown),
            cure=did_you_mean(unknown[0], params) or "pass strict=False to leave such names out",
        )
    if strict and missing:
        raise RegistryError(
            f"There is no value for the parameter {missing[0]!r}.",
            found=f"nothing for {_some(missing)}",
            cure=did_you_mean(missing[0], found) or "pass strict=False to leave them as they are",
        )
    values = {
        name: fitting(value, params[name].declared_shape, params[name].dtype, name)
        for name, value in found.items()
        if name in params
    }
    for name, value in values.items():
        params[name].data = value


def _tied(params: Mapping[str, Any], name: str, found: Mapping[str, Any]) -> bool:
    """Whether the parameter has a value under another of its names."""
    return any(each in found and params[each] is params[name] for each in params)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _named(source: Any) -> Mapping[str, Any]:
    if isinstance(source, str | PathLike):
        return _read(fspath(cast("str", source)))
    state = getattr(source, "state_dict", None)
    found: Any = source
    if state is not None and not isinstance(source, Mapping):
        found = state()
    if not isinstance(found, Mapping):
        raise TypeMismatchError(
            "These are no values of parameters.",
            expected="arrays by name, a torch module, or the path of a safetensors file",
            found=type(cast("object", found)).__name__,
        )
    return cast("Mapping[str, Any]", found)


def _read(path: str) -> dict[str, Any]:
    """The arrays of a safetensors file."""
    with cast("Any", safe_open)(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def initialize(params: Sequence[Any], seed: int) -> None:
    """See `Module.initialize`."""
    rng = np.random.default_rng(seed)
    for each in params:
        shape = each.declared_shape
        if each.data is not None:
            continue
        if not all(isinstance(extent, int) for extent in shape):
            raise TypeMismatchError(
                "A parameter with symbolic extents has no shape that values could be made for.",
                found=repr(each),
                cure="load values with module.load_params(...)",
            )
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 0
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        values = np.asarray(rng.uniform(-bound, bound, shape), "float32")
        each.data = array(values, dtype=name_of(each.dtype))
