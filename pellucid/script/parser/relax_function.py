"""`R.function`: from a `def` to a `relax.Function`.

Parameters are annotated with struct infos, whose names become symbolic variables. The body's
statements are those of `parser.relax_statements`; this file has what is around them: signatures,
the functions of a module that are known before their bodies, and closures.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.relax.analysis.well_formed_function import FunctionChecker
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.expr import DataflowVar, Function, SeqExpr, Var, VarBinding
from pellucid.relax.normal_form import lay_out
from pellucid.relax.struct_info import FuncStructInfo, ObjectStructInfo, StructInfo
from pellucid.script.parser.core import decorator_of
from pellucid.script.parser.relax_builder import ScriptBuilder
from pellucid.script.parser.relax_statements import RelaxStatements
from pellucid.script.parser.relax_symbols import SymbolTable
from pellucid.script.parser.tir_types import DtypeFunction
from pellucid.support.errors import ParseError

_OPTIONS = ("pure", "private", "check_well_formed", "name")


class RelaxParser(RelaxStatements):
    """Parses one graph function, with the functions inside it."""

    token = "relax"

    # Declaration.

    def declare(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> GlobalVar:
        """The function's name; its signature is kept for calls from other functions."""
        name = str(options.get("name", node.name))
        module = self.context.module
        if module is not None:
            params = self._params(node)
            ret = self._declared_result(node)
            infos = [each.struct_info_ or ObjectStructInfo() for each in params]
            pure = bool(options.get("pure", True))
            info = FuncStructInfo(infos, ret or ObjectStructInfo(), pure)
            module.signatures[name] = info
        return GlobalVar(name, span=self.span(node))

    # The function.

    def function(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> BaseFunc:
        """The function in normal form."""
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise self.error(
                node.decorator_list[0],
                f"R.function has no option {unknown[0]!r}.",
                expected=", ".join(_OPTIONS),
            )
        name = str(options.get("name", node.name))
        private = bool(options.get("private", False))
        with self.variables.frame():
            result = self._body(node, bool(options.get("pure", True)))
        attrs = dict(result.attrs.entries)
        if private and "global_symbol" in attrs:
            raise self.error(
                node,
                "A private function has no global_symbol.",
                cure="drop private=True or the attribute",
            )
        if not private:
            attrs.setdefault("global_symbol", name)
        result = result.with_attrs(attrs)
        if self.context.module is not None:
            self.context.module.signatures[name] = result.struct_info_
        return result

    @classmethod
    def check(cls, function: BaseFunc, module: IRModule | None, name: str) -> None:
        """The rules of graph functions."""
        FunctionChecker(name, module, True).function(function)  # pyright: ignore[reportArgumentType]

    def _body(self, node: ast.FunctionDef, pure: bool) -> Function:
        """The function that `node` stands for, in the present frame; without its name."""
        self.announce(node.body)
        params = self._params(node)
        for each, argument in zip(params, _arguments(node), strict=True):
            self.define(argument, each, name=argument.arg)
        declared = self._declared_result(node)
        state = self.enter(params)
        self.statements(node.body)
        if state.result is None:
            raise self.error(
                node.body[-1],
                f"The function {node.name!r} does not return anything.",
                expected="`return value` as its last statement",
            )
        body = self.argument(state.result, state.result_node or node)
        self.leave(state)
        declared = state.declared or declared
        seq = SeqExpr(lay_out(state.blocks), body)
        function = Function(params, seq, declared, pure, state.attrs, self.header_span(node))
        with self.placed(node):
            finished: Any = ScriptBuilder(
                self.find_signature, self.context.module, self.builder
            ).normalize(function)
        self._check_result(node, finished)
        return finished

    def header_span(self, node: ast.FunctionDef) -> Any:
        """The place of a function: its whole definition, of which pictures show the first line."""
        return self.span(node)

    def _check_result(self, node: ast.FunctionDef, function: Function) -> None:
        """The declared result has to fit what the body returns."""
        declared, found = function.ret_struct_info, function.body.struct_info_
        if node.returns is None or declared is None or found is None:
            return
        verdict = struct_info_base_check(declared, found)
        if verdict is BaseCheckResult.FAIL_L0:
            raise self.error(
                node.returns,
                f"The function {node.name!r} returns something else than it declares.",
                expected=repr(declared),
                found=repr(found),
            )
        if verdict is not BaseCheckResult.PASS and self.context.check_well_formed:
            raise self.error(
                node.returns,
                f"The function {node.name!r} declares more than is known of its result.",
                expected=f"something that holds for {found!r}",
                found=repr(declared),
                cure="check the result at run time: R.match_cast(value, info)",
            )

    # Signatures.

    def _params(self, node: ast.FunctionDef) -> list[Var]:
        arguments = node.args
        for each in (*arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if each is not None:
                raise self.error(each, "A graph function has plain parameters only.")
        if arguments.defaults:
            raise self.error(
                arguments.defaults[0], "A parameter of a graph function has no default."
            )
        found: list[Var] = []
        with self.variables.frame():
            for each in _arguments(node):
                if each.annotation is None:
                    raise self.error(
                        each,
                        f"The parameter {each.arg!r} has no struct info.",
                        cure='annotate it, as in R.Tensor(("n", 4), "float32")',
                    )
                info = self.struct_info(each.annotation)
                var = Var(each.arg, info, span=self.span(each))
                # A later parameter may have an earlier one's value as its shape.
                self.define(each, var, name=each.arg)
                found.append(var)
        return found

    def _declared_result(self, node: ast.FunctionDef) -> StructInfo | None:
        if node.returns is None:
            return None
        if isinstance(node.returns, ast.Constant) and node.returns.value is None:
            return None
        return self.struct_info(node.returns)

    def announce(self, body: list[ast.stmt]) -> None:
        """Note what the body says about symbolic variables that the signature uses before it."""
        for each in body:
            if not isinstance(each, ast.Assign) or len(each.targets) != 1:
                continue
            target, value = each.targets[0], each.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(target.elts, value.elts, strict=False))
            for name, made in pairs:
                if isinstance(name, ast.Name) and isinstance(made, ast.Call) and not made.args:
                    self._announce(name.id, made)

    def _announce(self, name: str, made: ast.Call) -> None:
        try:
            kind = self.evaluate(made.func)
            var = self.evaluate(made) if isinstance(kind, DtypeFunction) else None
        except ParseError:
            # It is an error of the body, and reported there.
            return
        if var is not None:
            self.symbols.announced[name] = var

    # Closures.

    def stmt_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function inside the function; it sees the names around it, and may call itself."""
        if self.define_macro(node):
            return
        token, options = decorator_of(self, node)
        if token != "relax":
            raise self.error(
                node.decorator_list[-1],
                "Only graph functions stand inside a graph function.",
                expected="@R.function",
                cure="define a loop function in the module, and call it with R.call_tir",
            )
        pure = bool(options.get("pure", True))
        kind = DataflowVar if self.in_dataflow(node) else Var
        symbols, dataflow = self.symbols, self.dataflow
        self.dataflow = None
        self.symbols = SymbolTable(symbols)
        with self.variables.frame():
            params = self._params(node)
            ret = self._declared_result(node)
            infos = [each.struct_info_ or ObjectStructInfo() for each in params]
            self.symbols = SymbolTable(symbols)
            info = FuncStructInfo(infos, ret or ObjectStructInfo(), pure)
            var = kind(node.name, info, span=self.span(node))
            self.builder.scope.define(var)
            self.define(node, var, name=node.name)
            with self.variables.frame():
                function = self._body(node, pure)
        self.symbols, self.dataflow = symbols, dataflow
        # The declared variable stays where the function calls itself by it.
        if not self.uses(function, var):
            var = kind(node.name, function.struct_info_, span=self.span(node))
        self.add_binding(VarBinding(var, function, span=self.span(node)), node, node.name)
        self.define(node, var, name=node.name, shadow=True)


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args]
