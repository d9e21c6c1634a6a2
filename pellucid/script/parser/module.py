"""`I.ir_module`: a class whose methods are the functions of a module.

In: a class definition. Out: an `IRModule`. Two passes: the first declares every function, so that
each may refer to any other through the class (`cls = Module` … `cls.f`); the second parses the
bodies. Other statements of the class body are host assignments (`cls = Module` among them),
`I.module_attrs({...})` and `I.module_global_infos({...})`.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from pellucid.ir.attrs import Attrs
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.relax.expr import ExternFunc
from pellucid.script.parser.core import (
    Context,
    Dialect,
    ModuleContext,
    ModuleProxy,
    StatementParser,
    decorator_of,
    dialects,
)


class ModuleAttrs:
    """What `I.module_attrs` says in a class body."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self.attrs = attrs


class ModuleGlobalInfos:
    """What `I.module_global_infos` says in a class body."""

    def __init__(self, infos: dict[str, Any]) -> None:
        self.infos = infos


class ModuleParser(StatementParser):
    """Parses one class."""

    token = "ir"

    def __init__(self, context: Context, name: str) -> None:
        module = ModuleContext(name)
        super().__init__(replace(context, module=module))
        self.module = module
        self.attrs: dict[str, Any] = {}
        self.externs: dict[str, ExternFunc] = {}
        self.definitions: list[tuple[ast.FunctionDef, Dialect, dict[str, Any]]] = []

    def parse(self, node: ast.ClassDef) -> IRModule:
        """The module that the class stands for."""
        self.statements(node.body)
        shared = replace(self.context, host=self.variables.snapshot())
        for definition, dialect, options in self.definitions:
            var = dialect.parser(shared).declare(definition, options)
            self.module.global_vars[definition.name] = var
        table = self.module.functions
        table.update(self.externs)
        for definition, dialect, options in sorted(self.definitions, key=_is_graph):
            var = self.module.global_vars[definition.name]
            table[var.name_hint] = dialect.parser(shared).function(definition, options)
        names = [*self.externs, *[definition.name for definition, _, _ in self.definitions]]
        found = [*[self.module.global_vars[name] for name in names], *self.module.added]
        functions = {var: table[var.name_hint] for var in found}
        result = IRModule(functions, self.attrs, self.module.global_infos)
        if self.context.check_well_formed:
            for definition, dialect, options in self.definitions:
                function = functions[self.module.global_vars[definition.name]]
                if options.get("check_well_formed", True):
                    dialect.parser.check(function, result, definition.name)
        return result

    def stmt_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function of the module: noted now, parsed when all are declared."""
        if any(node.name == each.name for each, _, _ in self.definitions):
            raise self.error(
                node, f"The module defines {node.name!r} twice.", cure="rename one of them"
            )
        token, options = decorator_of(self, node)
        dialect = dialects.get(token)
        self.definitions.append((node, dialect, options))

    def stmt_Expr(self, node: ast.Expr) -> None:
        """Module attributes, global infos, or a docstring."""
        value = self.evaluate(node.value)
        if isinstance(value, ModuleAttrs):
            if self.attrs:
                raise self.error(node, "The module attributes are given twice.", cure="merge them")
            self.attrs.update(value.attrs)
        elif isinstance(value, ModuleGlobalInfos):
            self.module.global_infos.update(Attrs(value.infos).items())
        elif not isinstance(value, str):
            raise self.error(
                node,
                "This expression means nothing in a module.",
                expected="I.module_attrs({...}), I.module_global_infos({...}) or a docstring",
                found=type(value).__name__,
            )

    def stmt_Assign(self, node: ast.Assign) -> None:
        """A host value, another name of the module, or a function that lives outside of it."""
        value = self.evaluate(node.value)
        for target in node.targets:
            if isinstance(value, ExternFunc) and isinstance(target, ast.Name):
                self.module.global_vars[target.id] = GlobalVar(target.id)
                self.module.signatures[target.id] = value.struct_info
                self.externs[target.id] = value
            else:
                self.assign_host(target, value)


def _is_graph(definition: tuple[ast.FunctionDef, Dialect, dict[str, Any]]) -> bool:
    """Loop functions come before the graph functions that call them."""
    return definition[1].token != "tir"


def is_module_proxy(value: object) -> bool:
    """Whether `value` is a module that is being parsed."""
    return isinstance(value, ModuleProxy)
