"""Modules that are no convolution, pooling, normalization or attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.frontend.nn import op
from pellucid.frontend.nn.module import Module, ModulePath, Parameter
from pellucid.frontend.nn.tensor import Tensor, flattened
from pellucid.support.errors import TypeMismatchError


def check_extent(module: Module, x: Any, axis: int, wanted: Any, what: str) -> None:
    """The input of a module has to be a tensor with this extent along an axis."""
    if not isinstance(x, Tensor):
        raise TypeMismatchError(
            f"{type(module).__name__} takes a tensor of the module that is exported.",
            place=ModulePath(module.path(), module),
            found=f"{type(x).__name__}: {x!r:.60}",
        )
    shape = x.shape
    found = shape[axis] if -len(shape) <= axis < len(shape) else None
    if isinstance(wanted, int) and isinstance(found, int | None) and found != wanted:
        raise TypeMismatchError(
            f"{type(module).__name__} takes {what}, and this tensor has other extents.",
            place=ModulePath(module.path(), module),
            expected=f"{wanted} along axis {axis}",
            found=f"shape {[*shape]}",
        )


class Linear(Module):
    """`x · weightᵀ + bias`: (…, in_features) gives (…, out_features)."""

    def __init__(
        self,
        in_features: Any,
        out_features: Any,
        bias: bool = True,
        dtype: str = "float32",
        out_dtype: str | None = None,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.out_dtype = out_dtype
        self.weight = Parameter((out_features, in_features), dtype)
        self.bias = Parameter((out_features,), out_dtype or dtype) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        check_extent(self, x, -1, self.in_features, f"rows of {self.in_features} features")
        found = op.matmul(x, self.weight.T, self.out_dtype)
        return found if self.bias is None else found + self.bias

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """Rows of a table at indices: (…) of integers gives (…, embedding_dim)."""

    def __init__(self, num_embeddings: Any, embedding_dim: Any, dtype: str = "float32") -> None:
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.weight = Parameter((num_embeddings, embedding_dim), dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(…) of integers to (…, embedding_dim)."""
        return op.embedding(self.weight, x)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Identity(Module):
    """The input itself; arguments are not used."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        del args, keywords

    def forward(self, x: Any) -> Any:
        """The input itself."""
        return x


class Dropout(Identity):
    """The input itself, as a model that is used has it; `p` is kept for `repr`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}"


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` (included) as one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """(n, a, b, …) to (n, a·b·…), with the axes given."""
        return op.reshape(x, flattened(x, self.start_dim, self.end_dim))

    def extra_repr(self) -> str:
        """The settings."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Upsample(Module):
    """An image resized to `size`, or by `scale_factor`; see `nn.op.interpolate`."""

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to another height and width."""
        return op.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)

    def extra_repr(self) -> str:
        """The settings."""
        given = f"size={self.size}" if self.scale_factor is None else f"scale={self.scale_factor}"
        return f"{given}, mode={self.mode!r}"


class Lambda(Module):
    """A function of tensors as a module, for `Sequential`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, *args: Any) -> Any:
        """What the function gives."""
        return self.function(*args)
