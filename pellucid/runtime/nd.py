"""`pellucid.nd`: tensors under the course's names."""

from __future__ import annotations

from pellucid.runtime.device import cpu, device
from pellucid.runtime.tensor import NDArray, Tensor, array, empty, from_dlpack, tensor, zeros

__all__ = [
    "NDArray",
    "Tensor",
    "array",
    "cpu",
    "device",
    "empty",
    "from_dlpack",
    "tensor",
    "zeros",
]
