"""`tvm.relax.testing.vm`: the packed functions that programs in tests call by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.runtime.registry import register_func
from pellucid.runtime.tensor import Tensor, array
from pellucid.runtime.vm import VirtualMachine


@register_func("test.vm.move", override=True)
def move(source: Tensor) -> Tensor:
    """The tensor itself."""
    return source


@register_func("test.vm.add", override=True)
def add(a: Tensor, b: Tensor) -> Tensor:
    """The sum."""
    return array(np.asarray(a.numpy() + b.numpy()))


@register_func("test.vm.mul", override=True)
def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The product."""
    return array(np.asarray(a.numpy() * b.numpy()))


@register_func("test.vm.equal_zero", override=True)
def equal_zero(a: Tensor) -> Tensor:
    """Whether the only element is 0."""
    return array(np.all(a.numpy() == 0))


@register_func("test.vm.subtract_one", override=True)
def subtract_one(a: Tensor) -> Tensor:
    """One less."""
    return array(np.asarray(a.numpy() - 1, a.dtype))


@register_func("test.vm.identity", override=True)
def identity(source: Tensor, out: Tensor) -> None:
    """Copy into `out`."""
    out.copyfrom(source)


@register_func("test.vm.tile", override=True)
def tile(source: Tensor, out: Tensor) -> None:
    """Twice side by side, into `out`."""
    out.copyfrom(np.tile(source.numpy(), (1, 2)))


@register_func("test.vm.add_scalar", override=True)
def add_scalar(a: Any, b: Any) -> Any:
    """The sum of two numbers."""
    return a + b


def check_saved_func(vm: VirtualMachine, func_name: str, *inputs: Any) -> Any:
    """Save a function with its arguments, and call what was saved."""
    saved = f"{func_name}_saved"
    vm.save_function(func_name, saved, *inputs)
    return vm[saved]()
