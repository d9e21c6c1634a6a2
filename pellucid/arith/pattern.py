"""Rewrite rules as data: two expressions in Python's own syntax, a condition, and a name.

    Rule("floordiv_multiple", "(x*c + y) // c", "x + y // c", "c != 0")

Names that start with `c` or `n` stand for integer constants, those with `p` for conditions, all
others for any expression. Arithmetic is that of unbounded integers, so Python itself can evaluate
both sides, which is how each rule is tested. `min`, `max`, `select`, `truncdiv`, `truncmod`,
`ramp(base, stride, n)` and `broadcast(value, n)` are functions. A condition is a conjunction of
comparisons; one that speaks of constants only is computed, any other must be proved.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any, cast

from pellucid.arith.form import is_index
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    Broadcast,
    Div,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Sub,
)
from pellucid.support.errors import InternalError

Binding = dict[str, Any]
# Proves a comparison of expressions; see `Rule.holds`.
Prover = Callable[[PrimExpr], bool]

_BINARY: dict[type[ast.AST], type[Any]] = {
    ast.Add: Add,
    ast.Sub: Sub,
    ast.Mult: Mul,
    ast.FloorDiv: FloorDiv,
    ast.Mod: FloorMod,
    ast.Lt: LT,
    ast.LtE: LE,
    ast.Gt: GT,
    ast.GtE: GE,
    ast.Eq: EQ,
    ast.NotEq: NE,
    ast.And: And,
    ast.Or: Or,
}
_FUNCTIONS: dict[str, type[Any]] = {
    "min": Min,
    "max": Max,
    "select": Select,
    "truncdiv": Div,
    "truncmod": Mod,
    "ramp": Ramp,
    "broadcast": Broadcast,
}
_COMMUTATIVE = (Add, Mul, Min, Max, And, Or, EQ, NE)
_PYTHON: dict[type[Any], Callable[..., Any]] = {
    Add: operator.add,
    Sub: operator.sub,
    Mul: operator.mul,
    FloorDiv: int.__floordiv__,
    FloorMod: operator.mod,
    Min: min,
    Max: max,
    LT: operator.lt,
    LE: operator.le,
    GT: operator.gt,
    GE: operator.ge,
    EQ: operator.eq,
    NE: operator.ne,
}


def is_constant_name(name: str) -> bool:
    """Whether a pattern variable stands for a constant."""
    return name[0] in "cn"


class _Pattern:
    """One node of a compiled pattern: a constant, a variable, or an operation on patterns."""

    __slots__ = ("kind", "name", "parts", "value")

    def __init__(
        self, kind: type[Any] | None, name: str, value: int, parts: tuple[_Pattern, ...]
    ) -> None:
        self.kind = kind
        self.name = name
        self.value = value
        self.parts = parts

    def constant(self, binding: Binding) -> int | None:
        """The value, where only bound constants occur."""
        if self.kind is None:
            if not self.name:
                return self.value
            found = binding.get(self.name) if is_constant_name(self.name) else None
            return found if isinstance(found, int) else None
        function = _PYTHON.get(self.kind)
        if function is None:
            return None
        values = [part.constant(binding) for part in self.parts]
        return None if None in values else int(function(*values))


def _compile(tree: ast.AST) -> _Pattern:
    if isinstance(tree, ast.Expression):
        return _compile(tree.body)
    if isinstance(tree, ast.Constant):
        return _Pattern(None, "", int(tree.value), ())  # pyright: ignore[reportArgumentType]
    if isinstance(tree, ast.Name):
        return _Pattern(None, tree.id, 0, ())
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _Pattern(Not, "", 0, (_compile(tree.operand),))
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.operand, ast.Constant):
        return _Pattern(None, "", -int(tree.operand.value), ())  # pyright: ignore[reportArgumentType]
    if isinstance(tree, ast.BinOp):
        return _Pattern(_BINARY[type(tree.op)], "", 0, (_compile(tree.left), _compile(tree.right)))
    if isinstance(tree, ast.BoolOp) and len(tree.values) == 2:
        return _Pattern(_BINARY[type(tree.op)], "", 0, tuple(_compile(v) for v in tree.values))
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        sides = (_compile(tree.left), _compile(tree.comparators[0]))
        return _Pattern(_BINARY[type(tree.ops[0])], "", 0, sides)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return _Pattern(_FUNCTIONS[tree.func.id], "", 0, tuple(_compile(a) for a in tree.args))
    raise InternalError(f"A rewrite rule cannot say {ast.unparse(tree)!r}.")


class Rule:
    """A rewrite `left` → `right` that holds whenever `condition` does.

    `uses` counts how often it was applied in this process, so that a test can tell a rule that is
    never reached.
    """

    __slots__ = ("_left", "_right", "_when", "condition", "left", "name", "right", "uses")

    def __init__(self, name: str, left: str, right: str, condition: str = "True") -> None:
        self.name = name
        self.left = left
        self.right = right
        self.condition = condition
        self.uses = 0
        self._left = _compile(ast.parse(left, mode="eval"))
        self._right = _compile(ast.parse(right, mode="eval"))
        self._when = [
            _compile(each) for each in _comparisons(ast.parse(condition, mode="eval").body)
        ]

    @property
    def root(self) -> type[Any]:
        """The class of the expressions that the left side can match."""
        if self._left.kind is None:
            raise InternalError(f"The rule {self.name} matches everything.")
        return self._left.kind

    def match(self, expr: PrimExpr, key: Callable[[Any], int]) -> Iterator[Binding]:
        """The ways in which the left side fits `expr`; `key` tells which parts are the same."""
        return _match(self._left, expr, {}, key)

    def holds(self, binding: Binding, dtype: DataType, prove: Prover) -> bool:
        """Whether the condition holds, by computation or by proof."""
        for each in self._when:
            value = each.constant(binding)
            if value is None:
                value = prove(_build(each, binding, dtype))
            if not value:
                return False
        return True

    def build(self, binding: Binding, dtype: DataType) -> PrimExpr:
        """The right side with the pattern's variables replaced; constants are of `dtype`."""
        self.uses += 1
        return _build(self._right, binding, dtype)

    def apply(self, binding: Binding, dtype: DataType, prove: Prover) -> PrimExpr | None:
        """The right side, when the condition holds."""
        return self.build(binding, dtype) if self.holds(binding, dtype, prove) else None

    def __repr__(self) -> str:
        """Name and both sides."""
        return f"Rule({self.name}: {self.left} → {self.right} if {self.condition})"


def _comparisons(tree: ast.expr) -> list[ast.expr]:
    """The comparisons that a condition joins; chained ones are taken apart."""
    if isinstance(tree, ast.BoolOp):
        return [each for value in tree.values for each in _comparisons(value)]
    if isinstance(tree, ast.Compare):
        sides = [tree.left, *tree.comparators]
        return [ast.Compare(sides[i], [op], [sides[i + 1]]) for i, op in enumerate(tree.ops)]
    return [] if isinstance(tree, ast.Constant) and tree.value is True else [tree]


def _match(
    pattern: _Pattern, expr: Any, binding: Binding, key: Callable[[Any], int]
) -> Iterator[Binding]:
    if pattern.kind is None:
        found = _bind(pattern, expr, binding, key)
        if found is not None:
            yield found
        return
    if type(expr) is not pattern.kind:
        return
    operands = operands_of(expr)
    orders = [operands, operands[::-1]] if pattern.kind in _COMMUTATIVE else [operands]
    for order in orders:
        yield from _match_all(pattern.parts, order, binding, key)


def _match_all(
    parts: tuple[_Pattern, ...],
    operands: tuple[Any, ...],
    binding: Binding,
    key: Callable[[Any], int],
) -> Iterator[Binding]:
    if not parts:
        yield binding
        return
    for found in _match(parts[0], operands[0], binding, key):
        yield from _match_all(parts[1:], operands[1:], found, key)


def _bind(
    pattern: _Pattern, expr: Any, binding: Binding, key: Callable[[Any], int]
) -> Binding | None:
    """The binding with one more variable, or None when this does not fit."""
    value = expr.value if isinstance(expr, IntImm) else expr
    if not pattern.name:
        return binding if isinstance(value, int) and value == pattern.value else None
    if is_constant_name(pattern.name):
        if not isinstance(value, int):
            return None
        known = binding.get(pattern.name)
        return {**binding, pattern.name: value} if known is None or known == value else None
    known = binding.get(pattern.name)
    if known is None:
        return {**binding, pattern.name: expr}
    return binding if key(known) == key(expr) else None


def operands_of(expr: Any) -> tuple[Any, ...]:
    """The operands of the operations that patterns know."""
    if isinstance(expr, Select):
        return (expr.condition, expr.true_value, expr.false_value)
    if isinstance(expr, Ramp):
        return (expr.base, expr.stride, expr.lanes)
    if isinstance(expr, Broadcast):
        return (expr.value, expr.lanes)
    return (expr.a,) if isinstance(expr, Not) else (expr.a, expr.b)


def _build(pattern: _Pattern, binding: Binding, dtype: DataType) -> Any:
    constant = pattern.constant(binding)
    if constant is not None:
        return IntImm(dtype, constant)
    if pattern.kind is None:
        return binding[pattern.name]
    if pattern.kind in (Ramp, Broadcast):
        values = [_build(part, binding, dtype) for part in pattern.parts[:-1]]
        vector = cast("Any", pattern.kind)
        return vector(*values, pattern.parts[-1].constant(binding))
    make = cast("Any", pattern.kind)
    return make(*[_build(part, binding, dtype) for part in pattern.parts])


def applies_to(dtype: DataType) -> bool:
    """Whether rules about integers may be used on expressions of this dtype."""
    return is_index(dtype) or dtype.is_bool
