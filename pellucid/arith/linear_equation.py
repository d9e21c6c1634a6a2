"""Linear forms of expressions in given variables.

In: an expression and variables. Out: the coefficient of each variable and what is left, where the
expression is linear in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import Linear, is_index
from pellucid.ir.arithmetic import const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Mul, Var
from pellucid.ir.visitor import uses_var


def detect_linear_equation(
    expr: PrimExpr, variables: Sequence[Var], analyzer: Analyzer | None = None
) -> list[PrimExpr]:
    """`[c1, …, cn, base]` with `expr = Σ ci · vi + base`; empty where the expression is not linear.

    Neither coefficients nor base mention the variables.
    """
    if not is_index(expr.dtype):
        return []
    known = Analyzer() if analyzer is None else analyzer
    form = known.context.linear(known.simplify(expr))
    wanted = set(variables)
    factors: dict[Var, PrimExpr] = {each: const(0, expr.dtype) for each in variables}
    base = Linear(const=form.const)
    for key, atom, coefficient in form:
        if not uses_var(atom, wanted.__contains__):
            base.add_term(key, atom, coefficient)
            continue
        found = _factor_of(atom, wanted)
        if found is None:
            return []
        var, factor = found
        scaled = const(coefficient, expr.dtype) if factor is None else factor * coefficient
        factors[var] = factors[var] + scaled
    return [known.simplify(factors[each]) for each in variables] + [base.to_expr(expr.dtype)]


def _factor_of(atom: PrimExpr, wanted: set[Var]) -> tuple[Var, PrimExpr | None] | None:
    """A variable and what multiplies it (None for 1), where an atom is just that."""
    if isinstance(atom, Var):
        return (atom, None) if atom in wanted else None
    if not isinstance(atom, Mul):
        return None
    for side, other in ((atom.a, atom.b), (atom.b, atom.a)):
        if isinstance(side, Var) and side in wanted and not uses_var(other, wanted.__contains__):
            return side, other
    return None
