"""Activations as modules."""

from __future__ import annotations

from typing import Any

from pellucid.frontend.nn import op
from pellucid.frontend.nn.module import Module, Parameter
from pellucid.frontend.nn.tensor import Tensor


class _Elementwise(Module):
    """An operator of one tensor, named by the class."""

    operator = ""

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself; the shape stays."""
        return getattr(op, self.operator)(x)


class ReLU(_Elementwise):
    """max(x, 0)."""

    operator = "relu"


class ReLU6(_Elementwise):
    """min(max(x, 0), 6)."""

    operator = "relu6"


class SiLU(_Elementwise):
    """x · sigmoid(x)."""

    operator = "silu"


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x))."""

    operator = "sigmoid"


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    operator = "tanh"


class Mish(_Elementwise):
    """x · tanh(softplus(x))."""

    operator = "mish"


class SELU(_Elementwise):
    """The scaled elu."""

    operator = "selu"


class Softsign(_Elementwise):
    """x / (1 + |x|)."""

    operator = "softsign"


class Hardswish(_Elementwise):
    """x · hard_sigmoid(x)."""

    operator = "hard_swish"


class Hardsigmoid(_Elementwise):
    """min(max(x + 3, 0), 6) / 6."""

    operator = "hard_sigmoid"


class LogSigmoid(_Elementwise):
    """log(sigmoid(x))."""

    operator = "log_sigmoid"


class GELU(Module):
    """x · Φ(x); `approximate="tanh"` uses a tanh instead."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself."""
        return op.gelu_tanh(x) if self.approximate == "tanh" else op.gelu(x)

    def extra_repr(self) -> str:
        """The settings."""
        return f"approximate={self.approximate!r}"


class LeakyReLU(Module):
    """x where it is positive, else negative_slope · x."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself."""
        return op.leakyrelu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The settings."""
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, else alpha · (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself."""
        return op.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha}"


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself."""
        return op.softplus(x, self.beta, self.threshold)


class PReLU(Module):
    """x where it is positive, else weight · x; one slope for all, or one for each channel."""

    def __init__(self, num_parameters: int = 1, dtype: str = "float32") -> None:
        self.num_parameters = num_parameters
        self.weight = Parameter((num_parameters,), dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Every element by itself; channels are the second dimension."""
        return op.prelu(x, self.weight, 1 if x.ndim > 1 else 0)

    def extra_repr(self) -> str:
        """The settings."""
        return f"num_parameters={self.num_parameters}"


class Softmax(Module):
    """exp(x) / sum(exp(x)) along `dim`."""

    operator = "softmax"

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The shape stays."""
        found: Any = getattr(op, self.operator)
        return found(x, self.dim)

    def extra_repr(self) -> str:
        """The settings."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`."""

    operator = "log_softmax"


class GLU(Softmax):
    """The first half along `dim` times the sigmoid of the second."""

    operator = "glu"
