"""Expressions of graph functions: struct infos with names, calls of functions, values of all
kinds.
"""

from __future__ import annotations

import ast
import inspect
import types
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar, RelaxExpr
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.relax.expr import Call, Constant, Function, If, PrimValue, Tuple, Var
from pellucid.relax.normal_form import is_leaf
from pellucid.relax.struct_info import StructInfo
from pellucid.script import relax_ops
from pellucid.script.parser import relax_types
from pellucid.script.parser.core import Context, StatementParser
from pellucid.script.parser.macro import MacroCall, ScriptMacro
from pellucid.script.parser.relax_builder import ScriptBuilder
from pellucid.script.parser.relax_records import Dataflow, EmitSpec, EmitTe, MatchCastSpec
from pellucid.script.parser.relax_symbols import SymbolTable, dimension
from pellucid.script.parser.relax_types import InfoSpec
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.function import PrimFunc


class RelaxExpressions(StatementParser):
    """Evaluates the expressions of one graph function."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.symbols: SymbolTable = SymbolTable()
        self.builder: ScriptBuilder = ScriptBuilder(self.find_signature, context.module)
        # The expression whose value is being bound, for messages.
        self.value_node: ast.AST | None = None
        # Whether an annotation is being evaluated, where older scripts name new sizes.
        self.in_info: bool = False
        # The dataflow block that is being parsed, if any.
        self.dataflow: Dataflow | None = None

    def find_signature(self, gvar: GlobalVar) -> Any:
        """A loop function of the module, or the signature of a graph function, or None."""
        module = self.context.module
        if module is None:
            return None
        function = module.functions.get(gvar.name_hint)
        if isinstance(function, PrimFunc):
            return function
        return module.signatures.get(gvar.name_hint)

    # Struct infos.

    def names(self, text: str, dtype: str) -> PrimExpr:
        """The expression that a string in a struct info stands for."""
        return dimension(text, dtype, self.variables, self.symbols)

    def struct_info(self, node: ast.expr) -> StructInfo:
        """The struct info that an annotation stands for."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise self.error(node, "A string is no struct info.", cure="write it without quotes")
        around, self.in_info = self.in_info, True
        value = self.evaluate(node)
        self.in_info = around
        return self.as_info(value, node)

    def as_info(self, value: Any, node: ast.AST) -> StructInfo:
        """A struct info from what an expression evaluated to."""
        if isinstance(value, list | tuple):
            value = relax_types.tuple_of(*cast("list[Any]", value))
        with self.placed(node):
            return relax_types.resolve(value, self.names)

    def _resolved(self, value: Any) -> Any:
        """A value on its way into a call: struct infos with names become real ones."""
        if isinstance(value, InfoSpec):
            return value.make(self.names)
        given: object = value
        if isinstance(given, types.FunctionType) and relax_types.has_info(given):
            return relax_types.resolve(given)
        if isinstance(given, list | tuple) and _mentions_specs(given):
            items: list[Any] = [self._resolved(each) for each in cast("list[Any]", given)]
            return items if isinstance(given, list) else tuple(items)
        return value

    # Values.

    def as_expr(self, value: Any, node: ast.AST) -> RelaxExpr:
        """A graph expression from whatever stands for one: numbers are constants."""
        with self.placed(node):
            if isinstance(value, MatchCastSpec | EmitSpec):
                prefix = "gv" if self.dataflow is None else "lv"
                return self.bind_value(node, self.builder.get_unique_name(prefix), value)
            if isinstance(value, PrimExpr):
                return PrimValue(value)
            if isinstance(value, tuple | list):
                items = cast("list[Any]", value)
                return Tuple([self.as_expr(each, node) for each in items])
            return relax_ops.as_operand(value)

    def bind_value(
        self, node: ast.AST, name: str, value: Any, annotation: ast.expr | None = None
    ) -> Var:
        """Bind a value to a new variable; see `RelaxStatements`."""
        raise NotImplementedError

    def normalized(self, value: RelaxExpr, node: ast.AST, declared: StructInfo | None) -> RelaxExpr:
        """A value in normal form; what its arguments need is bound first."""
        if declared is not None and isinstance(value, Call) and self._is_unknown(value):
            # Nothing tells the result of this call but the annotation.
            value = value.replace(struct_info_=declared)
        if is_leaf(value) and not isinstance(value, Var):
            return value
        with self.placed(node):
            return self.builder.normalize(value)

    def _is_unknown(self, call: Call) -> bool:
        """Whether nothing says what a call gives: no rule of the operator, no signature."""
        if call.struct_info_ is not None:
            return False
        if isinstance(call.op, Op):
            return call.op.get_attr("FInferStructInfo") is None
        return isinstance(call.op, GlobalVar) and self.find_signature(call.op) is None

    def argument(self, value: Any, node: ast.AST) -> RelaxExpr:
        """A value as a leaf or a tuple of leaves; anything else is bound to a variable."""
        found = self.normalized(self.as_expr(value, node), node, None)
        if is_leaf(found) or isinstance(found, Tuple):
            return found
        return self.builder.bind(found)

    def operand(self, value: Any) -> Any:
        """A graph value on its way into an operator: its struct info is known."""
        if isinstance(value, MatchCastSpec | EmitSpec):
            raise TypeMismatchError(
                "A match_cast is no operand.", cure="bind it to a name, and use that"
            )
        if isinstance(value, RelaxExpr) and value.struct_info_ is None and not is_leaf(value):
            return self.builder.normalize(value)
        return value

    # Python's syntax.

    def expr_IfExp(self, node: ast.IfExp) -> Any:
        """`a if c else b`, of a host condition."""
        self._no_truth_value(node.test, "a statement `if` with an `else`")
        return super().expr_IfExp(node)

    def expr_BoolOp(self, node: ast.BoolOp) -> Any:
        """`and` and `or`, of host values and scalar expressions."""
        for each in node.values:
            self._no_truth_value(each, "the operator for it, such as R.logical_and")
        return super().expr_BoolOp(node)

    def expr_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """`-x`; `not x` of host values and scalar expressions."""
        if isinstance(node.op, ast.Not):
            self._no_truth_value(node.operand, "the operator for it, such as R.logical_not")
        return super().expr_UnaryOp(node)

    def _no_truth_value(self, node: ast.expr, instead: str) -> None:
        """Whether a graph value holds is only known when the program runs."""
        # What has no effect is looked at beforehand; a call's result is never a host value's.
        plain = isinstance(node, ast.Name | ast.Subscript | ast.Attribute | ast.Compare)
        if plain and isinstance(self.evaluate(node), RelaxExpr):
            raise self.error(
                node,
                "A graph value has no truth value while the program is being built.",
                found=ast.unparse(node),
                cure=f"use {instead}",
            )

    def subscript(self, node: ast.Subscript, value: Any, index: Any) -> Any:
        """`t[0]`, a field of a tuple; a host value is indexed as in Python."""
        if isinstance(value, RelaxExpr) and not isinstance(value, Tuple):
            value = self.argument(value, node.value)
        return super().subscript(node, value, index)

    def unpack(self, target: ast.expr, value: Any) -> list[tuple[ast.expr, Any]]:
        """The fields of a tuple value, each for its name."""
        if isinstance(value, MatchCastSpec | EmitSpec):
            value = self.as_expr(value, target)
        if isinstance(value, RelaxExpr):
            found = self.argument(value, target)
            value = list(found.fields) if isinstance(found, Tuple) else list(found)
        return super().unpack(target, value)

    def expr_Call(self, node: ast.Call) -> Any:
        """A call; an older script's `match_shape` names new sizes."""
        names = self.context.older is not None and getattr(node.func, "attr", "") == "match_shape"
        around, self.in_info = self.in_info, self.in_info or names
        value = super().expr_Call(node)
        self.in_info = around
        return value

    def call(self, node: ast.Call, function: Any, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Calls: of graph functions and closures, of macros, of the functions of `R`."""
        if getattr(function, "bare_info", None) is None:
            args = [self._resolved(each) for each in args]
            keywords = {key: self._resolved(each) for key, each in keywords.items()}
        if isinstance(function, GlobalVar | Var | Function | If | Call):
            if keywords:
                raise self.error(node, "A graph function is called with plain arguments.")
            callee = self.argument(function, node.func)
            return Call(callee, [self.as_expr(a, n) for a, n in zip(args, node.args, strict=False)])
        if isinstance(function, Constant | RelaxExpr) and not callable(function):
            raise self.error(node.func, "This value is no function.", found=repr(function))
        if not isinstance(function, MatchCastSpec):
            args = [self._bound(each, node) for each in args]
        result = super().call(node, function, args, keywords)
        if isinstance(result, EmitTe):
            with self.placed(node):
                return self.builder.call_te(result.func, *result.args, **result.kwargs)
        return self.expand(result, node) if isinstance(result, MacroCall) else result

    def _bound(self, value: Any, node: ast.AST) -> Any:
        """A match_cast within an expression is bound before it."""
        if isinstance(value, MatchCastSpec | EmitSpec):
            return self.as_expr(value, node)
        given: object = value
        if isinstance(given, tuple | list) and any(
            isinstance(each, MatchCastSpec | EmitSpec) for each in value
        ):
            items: list[Any] = value
            return [self._bound(each, node) for each in items]
        return value

    def undefined(self, node: ast.Name) -> Any:
        """A name that nothing defines: an older generation of the language may know it."""
        older, module = self.context.older, self.context.module
        called = module is not None and node.id in module.global_vars
        if older is not None:
            if module is not None and called:
                older.used("callee", node.id)
                return module.global_vars[node.id]
            if node.id in older.names:
                older.used("name", node.id)
                return older.names[node.id]
            if self.in_info or self.symbols.find(node.id) is not None:
                older.used("size", node.id)
                return self.symbols.use(node.id)
        if module is not None and called:
            raise self.error(
                node,
                f"The function {node.id!r} of the module is not named by itself.",
                cure=f"write `cls.{node.id}`, after `cls = {module.name}`",
            )
        symbol = self.symbols.find(node.id)
        if symbol is not None:
            raise self.error(
                node,
                f"The symbolic variable {node.id!r} is not named in the body yet.",
                cure=f"write `{node.id} = T.{symbol.dtype}()` first",
            )
        return super().undefined(node)

    # Macros.

    def define_macro(self, node: ast.FunctionDef) -> bool:
        """A macro defined inside the function; False where `node` is no macro."""
        if len(node.decorator_list) != 1:
            return False
        decorator = node.decorator_list[0]
        call = decorator if isinstance(decorator, ast.Call) else None
        function = self.evaluate(call.func if call is not None else decorator)
        if getattr(function, "macro_token", None) != self.token:
            return False
        keywords = call.keywords if call is not None else []
        hygienic = all(bool(self.evaluate(each.value)) for each in keywords)
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        host = self.variables.snapshot()
        macro = ScriptMacro(self.token, self.source, node, host, signature, hygienic=hygienic)
        self.define(node, macro, name=node.name)
        return True

    def expand(self, call: MacroCall, node: ast.AST) -> Any:
        """Parse the body of a macro here; its value is what it returns."""
        macro = call.macro
        if macro.token != self.token:
            raise self.error(
                node, "A macro of another dialect cannot be used here.", found=repr(macro)
            )
        host = macro.host
        if not macro.hygienic:
            host = {**macro.host, **self.variables.snapshot()}
        kept = self.source, self.variables
        self.source, self.variables = macro.source, VariableTable(host)
        with self.variables.frame():
            for name, value in call.arguments.items():
                self.variables.define(name, value)
            with self.variables.frame():
                result = self._macro_body(macro.node.body)
        self.source, self.variables = kept
        return result

    def _macro_body(self, body: list[ast.stmt]) -> Any:
        """The statements of a macro; a `return` at the end gives its value."""
        last = body[-1]
        if isinstance(last, ast.Return) and last.value is not None:
            self.statements(body[:-1])
            return self.evaluate(last.value)
        self.statements(body)
        return None


def _mentions_specs(value: Any) -> bool:
    items = cast("list[Any]", value)
    return any(
        isinstance(each, InfoSpec | types.FunctionType)
        or (isinstance(each, list | tuple) and _mentions_specs(each))
        for each in items
    )
