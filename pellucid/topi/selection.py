"""Which elements hold, when their number is known beforehand.

A number that the data decide needs a packed function instead: `pellucid.builtin.argwhere`.
"""

from __future__ import annotations

from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt, seq
from pellucid.topi.loops import block, grid, store, when
from pellucid.topi.shapes import as_list, require_equal


def argwhere(output_shape: Any, condition: te.Tensor, dtype: str = "int64") -> te.Tensor:
    """The indices of the elements that are not zero, in row-major order: (n, d) for d dimensions.

    `output_shape` is (n, d). When fewer than n elements hold, the rows that are left are zero; when
    more hold, the first n are given.
    """
    rows, columns = _pair(output_shape)
    require_equal(columns, condition.ndim, "The columns asked for and the dimensions")

    def body(ins: list[Buffer], outs: list[Buffer]) -> Stmt:
        (source,), (result, state) = ins, outs
        count = state[ar.const(0)]

        def one(i: list[Any]) -> Stmt:
            value = source[tuple(i)] if i else source[()]
            holds = value if value.dtype.is_bool else ar.ne(value, ar.const(0, value.dtype))
            stores = [store(result, [count, column], index) for column, index in enumerate(i)]
            found = ar.logical_and(holds, count < rows)
            return when(found, [*stores, store(state, [0], count + 1)])

        return seq(
            grid([rows, columns], lambda i: store(result, i, 0), "z"),
            store(state, [0], ar.const(0, "int64")),
            grid(condition.shape, one),
        )

    return block([[rows, columns], [1]], [dtype, "int64"], [condition], body, "argwhere")[0]


def _pair(output_shape: Any) -> tuple[Any, Any]:
    found = as_list(output_shape)
    if len(found) != 2:
        raise TypeMismatchError(
            "The result of argwhere has two dimensions.", expected="(n, d)", found=repr(found)
        )
    return found[0], found[1]
