"""Which instances of a block are needed so that what they touch covers a region.

In: the regions that one instance of a block touches, in terms of its iteration variables, and the
regions that are needed, in terms of outer loops. Out: for each iteration variable the set of values
it has to take; the whole domain where nothing can be said.

Where the touched elements are a bijective affine map of the variables, that map is inverted.
Otherwise each dimension is solved for itself: `v`, `v * c`, `v // c` and shifted forms of these are
understood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pellucid.arith.analyzer import Analyzer
from pellucid.arith.form import is_index
from pellucid.arith.int_set import EVERYTHING, IntSet, eval_set, simplified, union
from pellucid.arith.iter_map import IterMapLevel, detect_iter_map, inverse_affine_iter_map
from pellucid.ir.arithmetic import add, cast_to, const, floordiv, maximum, minimum, mul, sub
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloorDiv, IntImm, IterVar, Range, Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.schedule.bindings import bind_loops

Needed = Sequence[tuple[Sequence[Range], Sequence[IntSet]]]


def needed_values(
    iter_vars: Sequence[IterVar], regions: Needed, analyzer: Analyzer
) -> dict[Var, IntSet]:
    """The values that each variable has to take, so that all needed sets are touched.

    `regions` pairs what one instance touches with what is needed of the same buffer.
    """
    domains = {v.var: v.dom for v in iter_vars if v.dom is not None}
    found: dict[Var, list[IntSet]] = {v.var: [] for v in iter_vars}
    for touched, needed in regions:
        solved = _inverted(touched, needed, domains, analyzer)
        if solved is None:
            solved = _by_dimension(touched, needed, domains, analyzer)
        for var in found:
            found[var].append(solved.get(var, EVERYTHING))
    return {
        var: simplified(union(*sets), analyzer) if sets else EVERYTHING
        for var, sets in found.items()
    }


def _inverted(
    touched: Sequence[Range],
    needed: Sequence[IntSet],
    domains: Mapping[Var, Range],
    analyzer: Analyzer,
) -> dict[Var, IntSet] | None:
    """The solution by the inverse of a bijective affine map of the variables that occur."""
    if not all(isinstance(r.extent, IntImm) and r.extent.value == 1 for r in touched):
        return None
    if not all(each.is_bounded() for each in needed):
        return None
    used = {v: d for v, d in domains.items() if any(_uses(r.min, v) for r in touched)}
    found = detect_iter_map(
        [r.min for r in touched], used, check_level=IterMapLevel.BIJECTIVE, analyzer=analyzer
    )
    if found.errors:
        return None
    positions = [Var(f"p{k}", r.min.dtype) for k, r in enumerate(touched)]
    known = bind_loops(analyzer.copy(), used)
    for position, r in zip(positions, touched, strict=True):
        ends = eval_set(r.min, used, known)
        if ends.min_value is not None and ends.max_value is not None:
            known.bind(
                position, Range(min=ends.min_value, extent=ends.max_value - ends.min_value + 1)
            )
    inverse = inverse_affine_iter_map(found.indices, positions, known)
    sets = dict(zip(positions, needed, strict=True))
    return {
        var: simplified(eval_set(cast_to(var.dtype, expr), sets, analyzer), analyzer)
        for var, expr in inverse.items()
    }


def _uses(expr: PrimExpr, var: Var) -> bool:
    return uses_var(expr, {var}.__contains__)


def _by_dimension(
    touched: Sequence[Range],
    needed: Sequence[IntSet],
    domains: Mapping[Var, Range],
    analyzer: Analyzer,
) -> dict[Var, IntSet]:
    """The solution dimension by dimension; a variable that several determine gets the union."""
    found: dict[Var, IntSet] = {}
    for each, wanted in zip(touched, needed, strict=True):
        solved = _solved(each, wanted, domains, analyzer)
        if solved is not None:
            var, values = solved
            found[var] = union(found[var], values) if var in found else values
    return found


def _solved(
    touched: Range, wanted: IntSet, domains: Mapping[Var, Range], analyzer: Analyzer
) -> tuple[Var, IntSet] | None:
    """The variable that moves one dimension, and the values for which it touches the wanted ones:
    `first + extent > low` and `first <= high`.
    """
    if wanted.min_value is None or wanted.max_value is None or not is_index(touched.min.dtype):
        return None
    form = analyzer.context.linear(analyzer.simplify(touched.min))
    moving = [(atom, c) for _, atom, c in form if any(_uses(atom, var) for var in domains)]
    if len(moving) != 1 or moving[0][1] <= 0:
        return None
    atom, factor = moving[0]
    rest = form.to_expr(touched.min.dtype) - mul(atom, factor)
    low = sub(sub(wanted.min_value, touched.extent), rest) + 1
    high = sub(wanted.max_value, rest)
    # factor * atom >= low and factor * atom <= high.
    first: PrimExpr = (
        low if factor == 1 else floordiv(add(low, factor - 1), const(factor, low.dtype))
    )
    last: PrimExpr = high if factor == 1 else floordiv(high, const(factor, high.dtype))
    var = atom
    if isinstance(atom, FloorDiv) and isinstance(atom.a, Var) and isinstance(atom.b, IntImm):
        var = atom.a
        first = mul(first, atom.b.value)
        last = add(mul(last, atom.b.value), atom.b.value - 1)
    if not isinstance(var, Var) or var not in domains:
        return None
    values = IntSet(cast_to(var.dtype, first), cast_to(var.dtype, last))
    return var, simplified(values, analyzer)


def clipped_range(
    wanted: IntSet, domain: Range, analyzer: Analyzer
) -> tuple[PrimExpr, PrimExpr, bool]:
    """Begin and extent of the values of a variable, and whether they may leave its domain."""
    begin, end = domain.min, analyzer.simplify(add(domain.min, sub(domain.extent, 1)))
    low = begin if wanted.min_value is None else wanted.min_value
    high = end if wanted.max_value is None else wanted.max_value
    extent = analyzer.simplify(add(sub(high, low), 1))
    if analyzer.can_prove_greater_equal(extent, domain.extent):
        return begin, domain.extent, False
    inside = analyzer.can_prove_greater_equal(low, begin)
    below = analyzer.can_prove_less_equal(high, end)
    if inside and below:
        return low, extent, False
    clipped_low = low if inside else maximum(low, begin)
    clipped_high = high if below else minimum(high, end)
    clipped = analyzer.simplify(add(sub(clipped_high, clipped_low), 1))
    if isinstance(clipped, IntImm):
        return analyzer.simplify(clipped_low), clipped, False
    return low, extent, True
