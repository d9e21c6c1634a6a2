"""The symbolic variables of a graph function, by name.

A name comes into being by a string in an annotation (`R.Tensor(("n", 4))`), or by `n = T.int64()`
in the body; both mean the same variable. A function inside another one sees the outer names, and
adds its own.
"""

from __future__ import annotations

import ast
import keyword
import types
from typing import Any

from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var, as_expr
from pellucid.script.parser.evaluate import Evaluator
from pellucid.script.parser.source import ScriptSource
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import ParseError, TypeMismatchError


class SymbolTable:
    """Symbolic variables by name; `outer` is the table of the function around."""

    def __init__(self, outer: SymbolTable | None = None) -> None:
        self._outer = outer
        self._table: dict[str, Var] = {}
        # What `n = T.int64(is_size_var=True)` in the body says of names that a signature uses
        # first.
        self.announced: dict[str, Var] = {}

    def find(self, name: str) -> Var | None:
        """The variable of that name, or None."""
        found = self._table.get(name)
        if found is None and self._outer is not None:
            return self._outer.find(name)
        return found

    def define(self, name: str, var: Var) -> Var:
        """Enter a new variable."""
        self._table[name] = var
        return var

    def use(self, name: str, dtype: str | None = None) -> Var:
        """The variable that `name` stands for, made when it is new; of `dtype`, if given."""
        found = self.find(name)
        if found is None:
            announced = self.announced.get(name)
            kind: type[Var] = type(announced) if announced is not None else Var
            default = "int64" if announced is None else announced.dtype
            found = self.define(name, kind(name, default if dtype is None else dtype))
        if dtype is not None and found.dtype != dtype:
            raise TypeMismatchError(
                f"The symbolic variable {name!r} has another dtype here.",
                expected=str(found.dtype),
                found=str(dtype),
            )
        return found


class _DimensionEvaluator(Evaluator):
    """Evaluates the text of a dimension: every plain name is a symbolic variable."""

    def __init__(self, source: ScriptSource, names: VariableTable, symbols: SymbolTable) -> None:
        super().__init__(source, names)
        self._symbols = symbols
        self.dtype: str | None = None

    def expr_Name(self, node: ast.Name) -> Any:
        """A symbolic variable, or the namespace of a dialect."""
        if self._symbols.find(node.id) is None:
            value = self.variables.lookup(node.id)
            if isinstance(value, types.ModuleType):
                return value
        return self._symbols.use(node.id, self.dtype)


def dimension(text: str, dtype: str, names: VariableTable, symbols: SymbolTable) -> PrimExpr:
    """The expression that the string `text` stands for, such as "n" or "n * 2 + 1"."""
    if text.isidentifier() and not keyword.iskeyword(text):
        return symbols.use(text, dtype)
    try:
        source = ScriptSource(text, "<dimension>")
        node = source.body[0] if len(source.body) == 1 else None
        if not isinstance(node, ast.Expr):
            raise ParseError("It is no expression.")
        evaluator = _DimensionEvaluator(source, names, symbols)
        evaluator.dtype = str(DataType(dtype)) if isinstance(node.value, ast.Name) else None
        value = evaluator.evaluate(node.value)
    except ParseError as error:
        raise TypeMismatchError(
            f"The string {text!r} is no dimension: {error.message}",
            expected=error.expected or 'a symbolic name such as "n", or an expression of names',
            cure=error.cure,
        ) from None
    return as_expr(value)
