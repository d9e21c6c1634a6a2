"""Attention with several heads as a module; weights are laid out as torch's."""

from __future__ import annotations

from typing import Any

from pellucid.frontend.nn import op
from pellucid.frontend.nn.layers import Linear, check_extent
from pellucid.frontend.nn.module import Module, Parameter
from pellucid.frontend.nn.tensor import Tensor
from pellucid.support.errors import TypeMismatchError


class MultiHeadAttention(Module):
    """Queries, keys and values (batch, length, embed_dim) projected, shared out to heads, attended
    to, and projected again.

    It is torch's `MultiheadAttention` with `batch_first=True` and gives the result alone.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, bias: bool = True, dtype: str = "float32"
    ) -> None:
        if embed_dim % num_heads:
            raise TypeMismatchError(
                "The embedding is shared out to the heads of an attention.",
                expected=f"embed_dim a multiple of {num_heads}",
                found=str(embed_dim),
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.in_proj_weight = Parameter((3 * embed_dim, embed_dim), dtype)
        self.in_proj_bias = Parameter((3 * embed_dim,), dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        attn_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(batch, length, embed_dim) to the same; key and value are the query unless given.

        A mask of floats is added to the scores; one of bools hides keys where it is True, as
        torch's module has it.
        """
        keys = query if key is None else key
        values = keys if value is None else value
        for each in (query, keys, values):
            check_extent(self, each, -1, self.embed_dim, f"rows of {self.embed_dim} elements")
        parts = [self._heads(each, index) for index, each in enumerate((query, keys, values))]
        mask = attn_mask
        if isinstance(mask, Tensor) and mask.dtype == "bool":
            mask = op.logical_not(mask)
        found = op.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=is_causal)
        merged = found.permute(0, 2, 1, 3).flatten(2)
        return self.out_proj(merged)

    def _heads(self, x: Tensor, index: int) -> Tensor:
        """The projection of queries (0), keys (1) or values (2): (batch, heads, length, size)."""
        size = self.embed_dim
        rows = slice(index * size, (index + 1) * size)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = op.linear(x, self.in_proj_weight[rows], bias)
        batch, length = x.shape[:2]
        whole = projected.reshape(batch, length, self.num_heads, size // self.num_heads)
        return whole.permute(0, 2, 1, 3)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.embed_dim}, {self.num_heads}"
