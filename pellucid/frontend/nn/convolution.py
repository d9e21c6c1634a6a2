"""Convolutions as modules: channels are the second dimension, weights are laid out as torch's."""

from __future__ import annotations

from typing import Any

from pellucid.frontend.nn import op
from pellucid.frontend.nn.layers import check_extent
from pellucid.frontend.nn.module import Module, Parameter
from pellucid.frontend.nn.tensor import Tensor, as_list
from pellucid.support.errors import TypeMismatchError


def sizes(value: Any, ndim: int, what: str) -> list[int]:
    """A number for every spatial dimension, or one for each."""
    found = as_list(value) if isinstance(value, list | tuple) else [value] * ndim
    if len(found) != ndim:
        raise TypeMismatchError(
            f"{what} is a number, or one for each spatial dimension.",
            expected=f"{ndim} numbers",
            found=str(found),
        )
    return found


class _Convolution(Module):
    """What convolutions share; `ndim` is the number of spatial dimensions."""

    ndim = 0
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: str = "float32",
    ) -> None:
        for what, channels in (("input", in_channels), ("output", out_channels)):
            if channels % groups:
                raise TypeMismatchError(
                    f"The {what} channels of a convolution are shared out to its groups.",
                    expected=f"a multiple of {groups}",
                    found=str(channels),
                )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = sizes(kernel_size, self.ndim, "kernel_size")
        self.stride = sizes(stride, self.ndim, "stride")
        self.dilation = sizes(dilation, self.ndim, "dilation")
        self.padding = self._padding(padding)
        self.groups = groups
        first, second = out_channels, in_channels // groups
        if self.transposed:
            first, second = in_channels, out_channels // groups
        self.weight = Parameter((first, second, *self.kernel_size), dtype)
        self.bias = Parameter((out_channels,), dtype) if bias else None

    def _padding(self, padding: Any) -> list[int]:
        """Padding before all dimensions, then behind them; "same" keeps the extents."""
        if padding == "valid":
            padding = 0
        if padding != "same":
            return sizes(padding, self.ndim, "padding") * 2
        if any(each != 1 for each in self.stride):
            raise TypeMismatchError(
                'padding "same" needs a stride of 1.', found=f"stride {self.stride}"
            )
        pairs = zip(self.kernel_size, self.dilation, strict=True)
        whole = [(size - 1) * step for size, step in pairs]
        return [each // 2 for each in whole] + [each - each // 2 for each in whole]

    def options(self) -> dict[str, Any]:
        """What the operator needs besides tensors and common settings."""
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, …) to (n, out_channels, …)."""
        check_extent(self, x, 1, self.in_channels, f"images of {self.in_channels} channels")
        name = f"conv{self.ndim}d" + ("_transpose" if self.transposed else "")
        function = getattr(op, name)
        return function(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups,
            **self.options(),
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )


class Conv1D(_Convolution):
    """A convolution of (n, in_channels, w)."""

    ndim = 1


class Conv2D(_Convolution):
    """A convolution of (n, in_channels, h, w)."""

    ndim = 2


class Conv3D(_Convolution):
    """A convolution of (n, in_channels, d, h, w)."""

    ndim = 3


class _Transposed(_Convolution):
    """What transposed convolutions share."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, dtype
        )
        self.output_padding = sizes(output_padding, self.ndim, "output_padding")

    def options(self) -> dict[str, Any]:
        """The padding of the result."""
        return {"output_padding": self.output_padding}


class ConvTranspose1D(_Transposed):
    """The transposed convolution of (n, in_channels, w)."""

    ndim = 1


class ConvTranspose2D(_Transposed):
    """The transposed convolution of (n, in_channels, h, w)."""

    ndim = 2


class ConvTranspose3D(_Transposed):
    """The transposed convolution of (n, in_channels, d, h, w)."""

    ndim = 3
