"""What is no array, no shape, no device, no executable, each with its exact message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid import relax
from pellucid.runtime import nd
from pellucid.support.errors import PellucidError

CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "text as a shape": (
        lambda: nd.empty("x"),
        "That is not the shape of a tensor.\n  expected: integers\n  found: 'x'",
    ),
    "a fraction in a shape": (
        lambda: nd.empty((2.5,)),
        "That is not the shape of a tensor.\n  expected: integers\n  found: (2.5,)",
    ),
    "an object without DLPack": (
        lambda: nd.from_dlpack(3),
        "Only an array that offers DLPack can be shared.\n"
        "  expected: an array of NumPy or torch, or any other with __dlpack__\n"
        "  found: a int\n"
        "  cure: copy the values: nd.array(values)",
    ),
    "a tensor without storage": (
        lambda: nd.array(torch.ones(3, device="meta")),
        "The memory of this torch.Tensor cannot be shared.\n"
        "  expected: a dense array of real numbers on the processor\n"
        "  found: Cannot pack tensors on meta\n"
        "  cure: convert it first, for instance with .cpu(), .to_dense() or .float()",
    ),
    "complex numbers": (
        lambda: nd.array(torch.ones(2, dtype=torch.complex64)),
        "The memory of this torch.Tensor cannot be shared.\n"
        "  expected: a dense array of real numbers on the processor\n"
        "  found: DLDataType contains unknown type_code=5\n"
        "  cure: convert it first, for instance with .cpu(), .to_dense() or .float()",
    ),
    "text in an array": (
        lambda: nd.array(np.array(["a"])),
        "Tensors cannot hold elements of dtype <U1.\n"
        "  expected: one of bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, "
        "float16, float32, float64, bfloat16, float8_e4m3fn, float8_e5m2\n"
        "  cure: convert the array first, for instance with .astype('float32')",
    ),
    "a device by number": (
        lambda: pellucid.device(3),  # pyright: ignore[reportArgumentType]
        "There is no device named 3.\n"
        "  expected: one of cpu, cuda, opencl, vulkan, metal, rocm, webgpu, with an index as in "
        "'cpu:0'",
    ),
    "text as the index of a device": (
        lambda: pellucid.cpu("a"),  # pyright: ignore[reportArgumentType]
        "The index of a device is no integer.\n  found: 'a'",
    ),
    "no executable": (
        lambda: relax.VirtualMachine(pellucid.IRModule({}), pellucid.cpu()),
        "A virtual machine runs an executable.\n"
        "  expected: what relax.build(mod, target) gives, or the file it was saved to\n"
        "  found: a IRModule\n"
        "  cure: compile the module first: relax.build(mod, target)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    make, message = CASES[name]
    with pytest.raises(PellucidError) as caught:
        make()
    assert str(caught.value) == message
