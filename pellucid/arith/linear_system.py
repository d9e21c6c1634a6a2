"""Solving systems of linear equations over the integers.

In: equations between integers that are linear in some variables, with anything else as parameters.
Out: the variables as expressions of the parameters and of new, free integers, and the conditions on
the parameters under which there is a solution.

The coefficients are brought to a lower triangle by operations on columns that can be undone over
the integers; the triangle is solved from the top, and each division by its diagonal leaves a
condition that it be without remainder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import is_index
from pellucid.arith.linear_equation import detect_linear_equation
from pellucid.arith.region import conjuncts
from pellucid.ir.arithmetic import add, const, eq, floordiv, floormod, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import EQ, IntImm, Var
from pellucid.support.errors import TypeMismatchError

Matrix = list[list[int]]


@dataclass
class EquationSolution:
    """All solutions of a system of equations.

    `values` gives each variable, in terms of the parameters and of the variables `free`, which may
    be any integers. `relations` are the conditions on parameters under which this holds; without
    them there is no solution.
    """

    values: dict[Var, PrimExpr]
    free: list[Var]
    relations: list[PrimExpr]

    @property
    def infeasible(self) -> bool:
        """Whether the equations are known to contradict each other."""
        return any(isinstance(each, IntImm) and each.value == 0 for each in self.relations)


def solve_linear_equations(
    variables: Sequence[Var],
    equations: PrimExpr | Iterable[PrimExpr],
    analyzer: Analyzer | None = None,
) -> EquationSolution:
    """Solve equations (conjunctions of them too) for integer variables.

    Raises `TypeMismatchError` for what is no equation of integers, linear in the variables with
    constant coefficients.
    """
    known = Analyzer() if analyzer is None else analyzer
    given = [equations] if isinstance(equations, PrimExpr) else list(equations)
    matrix: Matrix = []
    sides: list[PrimExpr] = []
    for equation in [part for each in given for part in conjuncts(each)]:
        coefficients, side = _row(equation, variables, known)
        matrix.append(coefficients)
        sides.append(side)
    columns = _triangle(matrix, len(variables))
    return _substituted(matrix, columns, sides, variables, known)


def _row(
    equation: PrimExpr, variables: Sequence[Var], analyzer: Analyzer
) -> tuple[list[int], PrimExpr]:
    """The factors of the variables, and what their sum has to be."""
    if isinstance(equation, EQ) and is_index(equation.a.dtype):
        parts = detect_linear_equation(sub(equation.a, equation.b), variables, analyzer)
        factors = [each.value for each in parts[:-1] if isinstance(each, IntImm)]
        if parts and len(factors) == len(variables):
            return factors, analyzer.simplify(mul(parts[-1], -1))
    raise TypeMismatchError(
        "This is no linear equation of integers with constant coefficients.", found=repr(equation)
    )


def _triangle(matrix: Matrix, width: int) -> Matrix:
    """Make the matrix a lower triangle in place; gives the matrix of the operations on columns."""
    turns: Matrix = [[int(i == j) for j in range(width)] for i in range(width)]
    column = 0
    for row in matrix:
        while column < width:
            used = [j for j in range(column, width) if row[j]]
            if not used:
                break
            least = min(used, key=lambda j: abs(row[j]))
            for line in (*matrix, *turns):
                line[column], line[least] = line[least], line[column]
            if len(used) == 1:
                column += 1
                break
            for j in range(column + 1, width):
                times = row[j] // row[column]
                for line in (*matrix, *turns):
                    line[j] -= times * line[column]
    return turns


def _substituted(
    matrix: Matrix,
    turns: Matrix,
    sides: list[PrimExpr],
    variables: Sequence[Var],
    analyzer: Analyzer,
) -> EquationSolution:
    """Solve the triangle from the top, and turn its solution back."""
    found: list[PrimExpr] = []
    relations: list[PrimExpr] = []
    for row, side in zip(matrix, sides, strict=True):
        rest = side
        for value, factor in zip(found, row, strict=False):
            rest = sub(rest, mul(value, factor))
        diagonal = row[len(found)] if len(found) < len(variables) else 0
        zero = const(0, rest.dtype)
        if not diagonal:
            relations.append(analyzer.simplify(eq(rest, zero)))
            continue
        divisor = const(diagonal, rest.dtype)
        relations.append(analyzer.simplify(eq(floormod(rest, divisor), zero)))
        found.append(analyzer.simplify(floordiv(rest, divisor)))
    free = [Var(f"t{k}", each.dtype) for k, each in enumerate(variables[len(found) :])]
    values: dict[Var, PrimExpr] = {}
    for var, line in zip(variables, turns, strict=True):
        total: PrimExpr = const(0, var.dtype)
        for value, factor in zip([*found, *free], line, strict=True):
            total = add(total, mul(value, factor))
        values[var] = analyzer.simplify(total)
    kept = [each for each in relations if not (isinstance(each, IntImm) and each.value)]
    return EquationSolution(values, free, kept)
