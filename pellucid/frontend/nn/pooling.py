"""Pooling as modules: windows over the dimensions after the second."""

from __future__ import annotations

from typing import Any

from pellucid.frontend.nn import op
from pellucid.frontend.nn.module import Module
from pellucid.frontend.nn.tensor import Tensor


class _Pool(Module):
    """What poolings share."""

    operator = ""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode
        self.count_include_pad = False

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, …) to (n, c, …), one element a window."""
        function = getattr(op, self.operator)
        return function(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool1D(_Pool):
    """The largest element of each window of (n, c, w)."""

    operator = "max_pool1d"


class MaxPool2D(_Pool):
    """The largest element of each window of (n, c, h, w)."""

    operator = "max_pool2d"


class MaxPool3D(_Pool):
    """The largest element of each window of (n, c, d, h, w)."""

    operator = "max_pool3d"


class _AvgPool(_Pool):
    """What means of windows share."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = count_include_pad


class AvgPool1D(_AvgPool):
    """The mean of each window of (n, c, w)."""

    operator = "avg_pool1d"


class AvgPool2D(_AvgPool):
    """The mean of each window of (n, c, h, w)."""

    operator = "avg_pool2d"


class AvgPool3D(_AvgPool):
    """The mean of each window of (n, c, d, h, w)."""

    operator = "avg_pool3d"


class _Adaptive(Module):
    """What poolings to a given size share."""

    operator = ""

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, …) to (n, c, *output_size)."""
        return getattr(op, self.operator)(x, self.output_size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1D(_Adaptive):
    """The mean of each of `output_size` windows of (n, c, w)."""

    operator = "adaptive_avg_pool1d"


class AdaptiveAvgPool2D(_Adaptive):
    """The mean of each of `output_size` windows of (n, c, h, w)."""

    operator = "adaptive_avg_pool2d"


class AdaptiveMaxPool2D(_Adaptive):
    """The largest element of each of `output_size` windows of (n, c, h, w)."""

    operator = "adaptive_max_pool2d"
