"""Matching one pattern against an expression.

In: a pattern, an expression, and what variables are bound to. Out: what each part of the pattern
matched, or None. Where an argument is a variable, the pattern is tried on what it is bound to; the
part then counts as matched by the variable, so that the value need not be computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.structural import structural_equal
from pellucid.relax.base_check import is_base_of, prove_equal
from pellucid.relax.dpl import pattern as p
from pellucid.relax.dpl.pattern import DFPattern, late
from pellucid.relax.expr import (
    Call,
    Constant,
    DataflowVar,
    Expr,
    ExternFunc,
    Function,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    Var,
)
from pellucid.relax.struct_info import TensorStructInfo

Match = dict[DFPattern, Expr]
Bindings = Mapping[Var, Expr]


class Matcher:
    """Tries patterns; `bound` says what variables are bound to (a mapping, or a function)."""

    def __init__(self, bound: Callable[[Var], Expr | None]) -> None:
        self.bound = bound

    def match(self, pattern: DFPattern, expr: Expr, known: Match) -> Iterator[Match]:
        """The ways in which a pattern matches, each on top of what is `known`."""
        before = known.get(pattern)
        if before is not None:
            if before is expr or (isinstance(expr, Constant) and structural_equal(before, expr)):
                yield known
            return
        for found in _RULES[type(pattern)](self, pattern, expr, known):
            yield {**found, pattern: expr}

    def value(self, expr: Expr) -> Expr:
        """What an expression is, looking through the variables that it is bound to."""
        seen = 0
        while isinstance(expr, Var) and seen < 1000:
            found = self.bound(expr)
            if found is None:
                return expr
            expr, seen = found, seen + 1
        return expr

    def each(
        self, patterns: tuple[DFPattern, ...], exprs: tuple[Expr, ...], known: Match
    ) -> Iterator[Match]:
        """The ways in which patterns match expressions one by one."""
        if not patterns:
            yield known
            return
        for found in self.match(patterns[0], exprs[0], known):
            yield from self.each(patterns[1:], exprs[1:], found)


def _anything(m: Matcher, pattern: Any, expr: Expr, known: Match) -> Iterator[Match]:
    del m, pattern, expr
    yield known


def _expr(m: Matcher, pattern: p.ExprPattern, expr: Expr, known: Match) -> Iterator[Match]:
    wanted = pattern.expr
    candidates = (expr,) if isinstance(wanted, Op) else (expr, m.value(expr))
    if any(each is wanted or structural_equal(each, wanted) for each in candidates):
        yield known


def _var(m: Matcher, pattern: p.VarPattern, expr: Expr, known: Match) -> Iterator[Match]:
    del m
    kinds = {"any": Var, "dataflow": DataflowVar, "global": GlobalVar}
    if isinstance(expr, kinds[pattern.kind]):
        name: str = getattr(expr, "name_hint", "")
        if pattern.name in ("", name):
            yield known


def _constant(m: Matcher, pattern: Any, expr: Expr, known: Match) -> Iterator[Match]:
    del pattern
    if isinstance(m.value(expr), Constant):
        yield known


def _extern(m: Matcher, pattern: p.ExternFuncPattern, expr: Expr, known: Match) -> Iterator[Match]:
    del m
    if isinstance(expr, ExternFunc) and expr.global_symbol == pattern.symbol:
        yield known


def _call(m: Matcher, pattern: p.CallPattern, expr: Expr, known: Match) -> Iterator[Match]:
    value = m.value(expr)
    if not isinstance(value, Call):
        return
    count = len(pattern.args)
    if len(value.args) != count and not (pattern.more and len(value.args) > count):
        return
    for found in m.match(pattern.op, value.op, known):
        yield from m.each(pattern.args, value.args[:count], _without(found, pattern.op))


def _without(found: Match, op: DFPattern) -> Match:
    """A match that does not fix the operator's pattern, which one object may stand for twice."""
    return {key: value for key, value in found.items() if key is not op}


def _tuple(m: Matcher, pattern: p.TuplePattern, expr: Expr, known: Match) -> Iterator[Match]:
    value = m.value(expr)
    if not isinstance(value, Tuple) or len(value.fields) != len(pattern.fields):
        return
    orders = permutations(value.fields) if pattern.unordered else [value.fields]
    for fields in orders:
        yield from m.each(pattern.fields, tuple(fields), known)


def _function(m: Matcher, pattern: p.FunctionPattern, expr: Expr, known: Match) -> Iterator[Match]:
    value = m.value(expr)
    if isinstance(value, Function) and len(value.params) == len(pattern.params):
        for found in m.each(pattern.params, value.params, known):
            yield from m.match(pattern.body, value.body.body, found)


def _sizes(m: Matcher, pattern: p.PrimArrPattern, expr: Expr, known: Match) -> Iterator[Match]:
    value = m.value(expr)
    if isinstance(value, ShapeExpr) and _same_dims(value.values, ShapeExpr(pattern.fields).values):
        yield known


def _field(m: Matcher, pattern: p.TupleGetItemPattern, expr: Expr, known: Match) -> Iterator[Match]:
    value = m.value(expr)
    if isinstance(value, TupleGetItem) and pattern.index in (None, -1, value.index):
        yield from m.match(pattern.tuple_value, value.tuple_value, known)


def _or(m: Matcher, pattern: p.OrPattern, expr: Expr, known: Match) -> Iterator[Match]:
    yield from m.match(pattern.left, expr, known)
    yield from m.match(pattern.right, expr, known)


def _and(m: Matcher, pattern: p.AndPattern, expr: Expr, known: Match) -> Iterator[Match]:
    for found in m.match(pattern.left, expr, known):
        yield from m.match(pattern.right, expr, found)


def _not(m: Matcher, pattern: p.NotPattern, expr: Expr, known: Match) -> Iterator[Match]:
    if next(m.match(pattern.inner, expr, known), None) is None:
        yield known


def _attr(m: Matcher, pattern: p.AttrPattern, expr: Expr, known: Match) -> Iterator[Match]:
    value: Any = m.value(expr)
    attrs: Any = getattr(value, "attrs", None)
    if attrs is not None and all(
        key in attrs and _same_plain(attrs[key], wanted) for key, wanted in pattern.attrs.items()
    ):
        yield from m.match(pattern.inner, expr, known)


def _same_plain(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list | tuple) and isinstance(found, list | tuple):
        mine: list[Any] = list(found)  # pyright: ignore[reportUnknownArgumentType]
        theirs: list[Any] = list(wanted)  # pyright: ignore[reportUnknownArgumentType]
        return len(mine) == len(theirs) and all(
            _same_plain(a, b) for a, b in zip(mine, theirs, strict=True)
        )
    if hasattr(found, "value"):
        found = found.value
    return bool(found == wanted)


def _tensor(m: Matcher, expr: Expr) -> TensorStructInfo | None:
    info = expr.struct_info_ or m.value(expr).struct_info_
    return info if isinstance(info, TensorStructInfo) else None


def _dtype(m: Matcher, pattern: p.DataTypePattern, expr: Expr, known: Match) -> Iterator[Match]:
    info = _tensor(m, expr)
    if info is not None and info.dtype == pattern.dtype:
        yield from m.match(pattern.inner, expr, known)


def _dims(info: TensorStructInfo | None) -> tuple[Any, ...] | None:
    shape = None if info is None else info.shape
    return shape.values if isinstance(shape, ShapeExpr) else None


def _same_dims(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> bool:
    if a is None or b is None or len(a) != len(b):
        return False
    return all(prove_equal(x, y) for x, y in zip(a, b, strict=True))


def _shape(m: Matcher, pattern: p.ShapePattern, expr: Expr, known: Match) -> Iterator[Match]:
    if _same_dims(_dims(_tensor(m, expr)), ShapeExpr(pattern.shape).values):
        yield from m.match(pattern.inner, expr, known)


def _same_shape(
    m: Matcher, pattern: p.SameShapePattern, expr: Expr, known: Match
) -> Iterator[Match]:
    mine = _dims(_tensor(m, expr))
    others = [known[each] for each in pattern.others if each in known]
    if all(_same_dims(mine, _dims(_tensor(m, each))) for each in others):
        yield from m.match(pattern.inner, expr, known)


def _struct_info(
    m: Matcher, pattern: p.StructInfoPattern, expr: Expr, known: Match
) -> Iterator[Match]:
    info = expr.struct_info_ or m.value(expr).struct_info_
    if info is not None and is_base_of(pattern.struct_info, info):
        yield from m.match(pattern.inner, expr, known)


_RULES: dict[type[DFPattern], Callable[[Matcher, Any, Expr, Match], Iterator[Match]]] = {
    p.WildcardPattern: _anything,
    p.ExprPattern: _expr,
    p.VarPattern: _var,
    p.DataflowVarPattern: _var,
    p.GlobalVarPattern: _var,
    p.FunctionPattern: _function,
    p.PrimArrPattern: _sizes,
    p.ConstantPattern: _constant,
    p.ExternFuncPattern: _extern,
    p.CallPattern: _call,
    p.TuplePattern: _tuple,
    p.UnorderedTuplePattern: _tuple,
    p.TupleGetItemPattern: _field,
    p.OrPattern: _or,
    p.AndPattern: _and,
    p.NotPattern: _not,
    p.AttrPattern: _attr,
    p.DataTypePattern: _dtype,
    p.ShapePattern: _shape,
    p.SameShapePattern: _same_shape,
    p.StructInfoPattern: _struct_info,
}


def extract_matched_expr(
    pattern: DFPattern, expr: Expr, var2val: Bindings | None = None
) -> Match | None:
    """What each part of `pattern` matched in `expr`; None when it does not match.

    `var2val` says what variables are bound to (`relax.analysis.get_var2val(func)`); without it
    nothing is looked through.
    """

    def bound(var: Var) -> Expr | None:
        return None if var2val is None else var2val.get(var)

    return next(Matcher(bound).match(pattern, expr, {}), None)


def match_expr(pattern: DFPattern, expr: Expr, var2val: Bindings | None = None) -> bool:
    """Whether `pattern` matches `expr`; see `extract_matched_expr`."""
    return extract_matched_expr(pattern, expr, var2val) is not None


late["match"] = match_expr
late["extract"] = extract_matched_expr
