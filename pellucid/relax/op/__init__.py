"""Operators of the graph level, as functions that build calls: `relax.op.call_tir(...)`."""

from pellucid.relax.call import (
    call_builtin_with_ctx,
    call_dps_packed,
    call_packed,
    call_pure_packed,
    call_tir,
    call_tir_inplace,
    invoke_closure,
    invoke_pure_closure,
    make_closure,
)
from pellucid.relax.op import builtin, image, memory, nn, random, subscript, vision, vm
from pellucid.relax.op.base import *  # noqa: F403
from pellucid.relax.op.binary import *  # noqa: F403
from pellucid.relax.op.create import *  # noqa: F403
from pellucid.relax.op.cumulative import *  # noqa: F403
from pellucid.relax.op.index import *  # noqa: F403
from pellucid.relax.op.join import *  # noqa: F403
from pellucid.relax.op.layout import *  # noqa: F403
from pellucid.relax.op.linear_algebra import *  # noqa: F403
from pellucid.relax.op.qdq import *  # noqa: F403
from pellucid.relax.op.random import multinomial_from_uniform
from pellucid.relax.op.scatter import *  # noqa: F403
from pellucid.relax.op.selection import *  # noqa: F403
from pellucid.relax.op.shape_manipulation import *  # noqa: F403
from pellucid.relax.op.shape_values import *  # noqa: F403
from pellucid.relax.op.sorting import *  # noqa: F403
from pellucid.relax.op.statistical import *  # noqa: F403
from pellucid.relax.op.ternary import *  # noqa: F403
from pellucid.relax.op.unary import *  # noqa: F403

__all__ = [
    "builtin",
    "call_builtin_with_ctx",
    "call_dps_packed",
    "call_packed",
    "call_pure_packed",
    "call_tir",
    "call_tir_inplace",
    "image",
    "invoke_closure",
    "invoke_pure_closure",
    "make_closure",
    "memory",
    "multinomial_from_uniform",
    "nn",
    "random",
    "subscript",
    "vision",
    "vm",
]
