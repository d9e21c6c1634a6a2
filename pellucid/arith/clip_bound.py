"""The bounds that a condition sets to single variables.

In: a condition, and the variables asked about. Out: for each variable the least and the greatest
value with which the condition can hold, as expressions of everything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import Linear
from pellucid.arith.region import conjuncts, non_negative_forms
from pellucid.ir.arithmetic import const, floordiv, maximum, minimum, neg
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import uses_var


def detect_clip_bound(
    condition: PrimExpr, variables: Sequence[Var], analyzer: Analyzer | None = None
) -> list[PrimExpr | None]:
    """`[least1, greatest1, …, leastN, greatestN]`, both inclusive, None where there is no bound.

    The condition is a conjunction of comparisons. Empty where a conjunct mentions several of the
    variables, or one of them in another way than as `c·v` with a constant `c`, or is no comparison
    of integers. A conjunct without the variables says nothing of them and is left out.
    """
    known = Analyzer() if analyzer is None else analyzer
    wanted = set(variables)
    least: dict[Var, PrimExpr] = {}
    greatest: dict[Var, PrimExpr] = {}
    for each in conjuncts(known.simplify(condition)):
        if not uses_var(each, wanted.__contains__):
            continue
        forms = non_negative_forms(each, known)
        if not forms:
            return []
        for form in forms:
            found = _single(form, wanted)
            if found is None:
                return []
            var, coefficient, rest = found
            bound = bound_of_variable(var, coefficient, rest)
            if coefficient > 0:
                least[var] = maximum(least[var], bound) if var in least else bound
            else:
                greatest[var] = minimum(greatest[var], bound) if var in greatest else bound
    pairs = [(least.get(each), greatest.get(each)) for each in variables]
    return [None if bound is None else known.simplify(bound) for pair in pairs for bound in pair]


def _single(form: Linear, wanted: set[Var]) -> tuple[Var, int, Linear] | None:
    """The only wanted variable of a sum, its factor, and the rest of the sum."""
    found: tuple[Var, int] | None = None
    rest = Linear(const=form.const)
    for key, atom, coefficient in form:
        if not uses_var(atom, wanted.__contains__):
            rest.add_term(key, atom, coefficient)
        elif found is None and isinstance(atom, Var):
            found = atom, coefficient
        else:
            return None
    return None if found is None else (*found, rest)


def bound_of_variable(var: Var, coefficient: int, rest: Linear) -> PrimExpr:
    """What `coefficient · var + rest >= 0` says: the least value of `var`, or its greatest."""
    dtype: DataType = var.dtype
    if coefficient > 0:
        # var >= -rest / coefficient, rounded up, which is minus (rest / coefficient) rounded down.
        return neg(floordiv(rest.to_expr(dtype), const(coefficient, dtype)))
    return floordiv(rest.to_expr(dtype), const(-coefficient, dtype))
