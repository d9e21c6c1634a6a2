"""The operators of graph functions by the names that scripts use: `R.add`, `R.nn.relu`.

In: a dotted name. Out: the function of `relax.op` that builds the call, or for an operator that
only has a record a function that takes its arguments in order and its attributes by keyword. The
printer tries the same functions, so that it writes the short form only where reading it builds the
same call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.ir.op import Op, find_op
from pellucid.relax import op as functions
from pellucid.relax.expr import Call, Expr, as_relax_expr, const

PREFIX = "relax."


def as_operand(value: Any) -> Expr:
    """An argument of an operator: a Python number is a constant tensor."""
    if isinstance(value, bool | int | float):
        return const(value)
    return as_relax_expr(value)


def op_function(name: str) -> Callable[..., Any] | None:
    """What `R.<name>` calls; None where there is no such operator."""
    found: Any = functions
    *family, last = name.split(".")
    for index, part in enumerate(family):
        found = getattr(found, part, None)
        if find_op(PREFIX + ".".join(family[: index + 1])) is not None:
            # The operator hides what has its name as a first part.
            return None
    found = getattr(found, last, None)
    if callable(found):
        return found
    op = find_op(PREFIX + name)
    if op is None:
        return None
    # An operator that a user has defined has its record, and no name in `relax.op`.
    record = op.get_attr("record")
    return record_function(op) if record is None else record.build


def is_family(name: str) -> bool:
    """Whether `R.<name>` holds operators, as `R.nn` does."""
    start = f"{PREFIX}{name}."
    return any(each.startswith(start) for each in Op.list_op_names())


def names() -> list[str]:
    """The first parts of all names."""
    records = [
        each.removeprefix(PREFIX).split(".")[0]
        for each in Op.list_op_names()
        if each.startswith(PREFIX)
    ]
    return sorted({*records, *[each for each in dir(functions) if not each.startswith("_")]})


def record_function(op: Op) -> Callable[..., Call]:
    """A function that builds calls of an operator of which there is only a record."""

    def build(*args: Any, sinfo_args: Any = (), **attrs: Any) -> Call:
        return Call(op, [as_operand(each) for each in args], attrs or None, sinfo_args)

    build.__name__ = op.name.removeprefix(PREFIX).rsplit(".", 1)[-1]
    return build
