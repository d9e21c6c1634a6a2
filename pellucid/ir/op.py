"""Operators: named records that calls refer to, such as `relax.add` or `tir.exp`.

An `Op` is one object per name, so identity is equality. What the system knows about it (struct-info
rule, lowering, NumPy meaning, purity …) are attributes, each set once by the package that owns it.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.node import data, node
from pellucid.ir.prim_expr import operators
from pellucid.support.errors import RegistryError, did_you_mean
from pellucid.support.registry import Registry


@node
class Op(RelaxExpr):
    """An operator known by name; get it with `Op.get(name)`."""

    name: str = data()

    @staticmethod
    def get(name: str) -> Op:
        """The operator of that name; an unknown name is an error."""
        return find_op(name) or _ops.get(name)

    @staticmethod
    def list_op_names() -> list[str]:
        """The names of all operators, sorted."""
        return _ops.names()

    def get_attr(self, key: str) -> Any:
        """The attribute `key`, or None."""
        return _attributes[self.name].get(key)

    def has_attr(self, key: str) -> bool:
        """Whether the attribute `key` is set."""
        return key in _attributes[self.name]

    def set_attr(self, key: str, value: Any, *, override: bool = False) -> None:
        """Set the attribute `key`; setting it again needs `override=True`."""
        table = _attributes[self.name]
        if key in table and not override:
            raise RegistryError(
                f"The attribute {key!r} of the operator {self.name!r} is set already.",
                cure="pass override=True to replace it",
            )
        table[key] = value

    def attr(self, key: str) -> Any:
        """The attribute `key`; a missing one is an error that lists those set."""
        table = _attributes[self.name]
        if key not in table:
            raise RegistryError(
                f"The operator {self.name!r} has no attribute {key!r}.",
                cure=did_you_mean(key, table),
            )
        return table[key]


_ops: Registry[Op] = Registry("operator")
_attributes: dict[str, dict[str, Any]] = {}


def register_op(name: str, **attributes: Any) -> Op:
    """Make the operator `name`, with attributes; a name that exists already is an error."""
    op = _ops.register(name, Op(name))
    _attributes[name] = dict(attributes)
    return op


def find_op(name: str) -> Op | None:
    """The operator of that name, or None. Those of graphs are registered when one is asked for."""
    found = _ops.find(name)
    if found is None and name.startswith("relax."):
        hooks.graph_operators.get()
        found = _ops.find(name)
    return found


def register_op_attr(name: str, key: str, value: Any = None, *, override: bool = False) -> Any:
    """Set attribute `key` of operator `name`; as a decorator when `value` is left out."""
    if value is not None:
        Op.get(name).set_attr(key, value, override=override)
        return value

    def decorate(function: Any) -> Any:
        Op.get(name).set_attr(key, function, override=override)
        return function

    return decorate


def _as_op(op: Any) -> Any:
    return Op.get(op) if isinstance(op, str) else op


operators["op"] = _as_op
