"""Tensor intrinsics that come with the compiler; importing this package makes them known by name.

`sch.tensorize(loop, "avx512.f32.outer_8x32")` lets one of them do what the loop computes.
`outer_product` has register tiles of float32 products, `dot_product` the instructions for bfloat16
and 8-bit numbers. They are written in script like any user's intrinsic:
`TensorIntrin.register(name, description, implementation)`.
"""

from pellucid.intrinsics import dot_product, meanings, outer_product
from pellucid.intrinsics.outer_product import register_outer_product

__all__ = ["dot_product", "meanings", "outer_product", "register_outer_product"]
