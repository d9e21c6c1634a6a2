"""Normalizations as modules; scales begin as ones and shifts as zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.frontend.nn import op
from pellucid.frontend.nn.layers import check_extent
from pellucid.frontend.nn.module import Module, Parameter
from pellucid.frontend.nn.tensor import Tensor, as_list


def filled(shape: Any, value: float, dtype: str) -> Parameter:
    """A parameter whose elements are all `value`."""
    return Parameter(shape, dtype, np.full(shape, value, "float32"))


class LayerNorm(Module):
    """The last dimensions normalized, times `weight`, plus `bias`."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: str = "float32",
    ) -> None:
        self.normalized_shape = tuple(as_list(normalized_shape))
        self.eps = eps
        shape = self.normalized_shape
        self.weight = filled(shape, 1, dtype) if elementwise_affine else None
        self.bias = filled(shape, 0, dtype) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        count = len(self.normalized_shape)
        for axis, extent in enumerate(self.normalized_shape):
            check_extent(self, x, axis - count, extent, f"tensors of (…, {self.extra_repr()})")
        return op.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{', '.join(str(each) for each in self.normalized_shape)}, eps={self.eps}"


class RMSNorm(Module):
    """`x / sqrt(mean(x²) + eps) · weight` over the last dimension."""

    def __init__(self, hidden_size: int, eps: float = 1e-5, dtype: str = "float32") -> None:
        self.hidden_size = hidden_size
        self.eps = eps
        self.weight = filled((hidden_size,), 1, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        check_extent(self, x, -1, self.hidden_size, f"rows of {self.hidden_size} elements")
        return op.rms_norm(x, self.weight, -1, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.hidden_size}, eps={self.eps}"


class GroupNorm(Module):
    """Channels (the second dimension) in groups, each normalized."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: str = "float32",
    ) -> None:
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.weight = filled((num_channels,), 1, dtype) if affine else None
        self.bias = filled((num_channels,), 0, dtype) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        check_extent(self, x, 1, self.num_channels, f"tensors of {self.num_channels} channels")
        return op.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"


class InstanceNorm2D(Module):
    """Each channel of each example normalized."""

    def __init__(
        self, num_features: int, eps: float = 1e-5, affine: bool = False, dtype: str = "float32"
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.weight = filled((num_features,), 1, dtype) if affine else None
        self.bias = filled((num_features,), 0, dtype) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        check_extent(self, x, 1, self.num_features, f"images of {self.num_features} channels")
        return op.instance_norm(x, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_features}, eps={self.eps}"


class BatchNorm2D(Module):
    """Channels normalized by the means and variances that training found."""

    ignored_state = ("num_batches_tracked",)

    def __init__(
        self, num_features: int, eps: float = 1e-5, affine: bool = True, dtype: str = "float32"
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.weight = filled((num_features,), 1, dtype) if affine else None
        self.bias = filled((num_features,), 0, dtype) if affine else None
        self.running_mean = filled((num_features,), 0, dtype)
        self.running_var = filled((num_features,), 1, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        check_extent(self, x, 1, self.num_features, f"tensors of {self.num_features} channels")
        mean, var = self.running_mean, self.running_var
        return op.batch_norm(x, mean, var, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_features}, eps={self.eps}"


class BatchNorm1D(BatchNorm2D):
    """`BatchNorm2D` of (n, channels) or (n, channels, w)."""


class BatchNorm3D(BatchNorm2D):
    """`BatchNorm2D` of (n, channels, d, h, w)."""
