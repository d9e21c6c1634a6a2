"""What is known while expressions are simplified: ranges of variables, values, facts.

A `Context` belongs to one `Analyzer`. Changing it drops what was derived from the old knowledge.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pellucid.arith.form import Forms, Linear, Polynomial
from pellucid.arith.interval import Interval
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var


class VarRange(NamedTuple):
    """A variable lies between two expressions, both inclusive."""

    low: PrimExpr
    high: PrimExpr


class Residue(NamedTuple):
    """A value is `base` modulo `coeff`; with `coeff` 0 it is `base` itself."""

    coeff: int
    base: int


class Context:
    """Knowledge about variables and expressions, and memories of what follows from it."""

    def __init__(self) -> None:
        self.forms = Forms()
        # Symbolic ranges, in the order of binding: an inner variable's may mention outer ones.
        self.ranges: dict[Var, VarRange] = {}
        self.values: dict[Var, PrimExpr] = {}
        self.intervals: dict[Any, Interval] = {}
        self.residues: dict[Var, Residue] = {}
        # Facts from conditions: polynomials that are not negative, intervals of atoms by wide key,
        # and conditions known to hold or not by key.
        self.facts: list[Polynomial] = []
        self.atom_intervals: dict[int, Interval] = {}
        self.truths: dict[int, bool] = {}
        self.bound_memory: dict[int, tuple[PrimExpr, Interval]] = {}
        self.simplified: dict[int, tuple[PrimExpr, PrimExpr]] = {}
        self.being_proved: set[Any] = set()

    def changed(self) -> None:
        """Forget what was derived."""
        self.bound_memory.clear()
        self.simplified.clear()

    def linear(self, expr: PrimExpr) -> Linear:
        """The canonical sum of an index expression."""
        return self.forms.linear(expr)

    def polynomial(self, expr: PrimExpr) -> Polynomial:
        """An integer expression multiplied out."""
        return self.forms.polynomial(expr)

    def key(self, expr: PrimExpr) -> int:
        """The key of an expression."""
        return self.forms.key(expr)

    def save(self) -> tuple[Any, ...]:
        """The facts, to be restored when a constraint ends."""
        return (list(self.facts), dict(self.atom_intervals), dict(self.truths))

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Go back to facts that were saved."""
        self.facts, self.atom_intervals, self.truths = saved
        self.changed()
