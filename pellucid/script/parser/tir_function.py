"""`T.prim_func`: from a `def` to a `PrimFunc`.

Parameters are buffers (`A: T.Buffer((128,), "float32")`), pointers (`a: T.handle`, seen through
`T.match_buffer`) and scalars (`n: T.int32`). A public function gets its name as `global_symbol`;
`private=True` leaves it without.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from typing import Any

from pellucid.ir.attrs import as_attrs
from pellucid.ir.dtype import HANDLE, DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import Var
from pellucid.ir.types import Type
from pellucid.script.parser.core import Context
from pellucid.script.parser.macro import ScriptMacro
from pellucid.script.parser.tir_frames import BufferSpec, FuncAttr, MatchBuffer
from pellucid.script.parser.tir_scopes import named
from pellucid.script.parser.tir_statements import TirStatements
from pellucid.script.parser.tir_types import DtypeFunction
from pellucid.tir.analysis.completion import complete
from pellucid.tir.analysis.well_formed import assert_well_formed
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc

_OPTIONS = ("private", "check_well_formed", "name")


class PrimFuncParser(TirStatements):
    """Parses one loop function."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.params: list[Var] = []
        self.buffer_map: dict[Var, Buffer] = {}
        self.attrs: dict[str, Any] | None = None

    def declare(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> GlobalVar:
        """The function's name; its result's dtype is kept for calls."""
        if self.context.module is not None:
            returned = self.return_type(node)
            if returned is not None:
                name = str(options.get("name", node.name))
                self.context.module.signatures[name] = dtype_of(returned)
        return super().declare(node, options)

    def function(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> BaseFunc:
        """The function with its regions and root block completed."""
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise self.error(
                node.decorator_list[0] if node.decorator_list else node,
                f"T.prim_func has no option {unknown[0]!r}.",
                expected="private, check_well_formed",
            )
        private = bool(options.get("private", False))

        def parse() -> None:
            self._parameters(node.args)
            self.statements(node.body)

        body = self.scope(parse)
        attrs = dict(self.attrs or {})
        if not private:
            attrs.setdefault("global_symbol", str(options.get("name", node.name)))
        elif "global_symbol" in attrs:
            raise self.error(
                node,
                "A private function has no global_symbol.",
                cure="drop private=True or the attribute",
            )
        function = PrimFunc(
            self.params,
            body,
            self.return_type(node),
            self.buffer_map,
            attrs,
            self.span(node),
        )
        with self.placed(node):
            return complete(function, tuple(self.root_buffers))

    @classmethod
    def check(cls, function: BaseFunc, module: IRModule | None, name: str) -> None:
        """The rules of loop functions."""
        if isinstance(function, PrimFunc):
            assert_well_formed(function, name, module)

    def return_type(self, node: ast.FunctionDef) -> Type | DataType | None:
        """What the annotation of the result says; None for no result."""
        if node.returns is None:
            return None
        value = self.evaluate(node.returns)
        if value is None:
            return None
        if isinstance(value, DtypeFunction):
            return value.dtype
        if isinstance(value, Var) and not value.name:
            return value.type_annotation
        raise self.error(
            node.returns, "A loop function returns a scalar or nothing.", expected="T.int32, None …"
        )

    def _parameters(self, arguments: ast.arguments) -> None:
        extra = [*arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for each in extra:
            if each is not None:
                raise self.error(each, "A loop function has plain parameters only.")
        if arguments.defaults:
            raise self.error(
                arguments.defaults[0], "A parameter of a loop function has no default."
            )
        for each in (*arguments.posonlyargs, *arguments.args):
            self.define(each, self._parameter(each), name=each.arg)

    def _parameter(self, node: ast.arg) -> Any:
        """The variable or buffer that a parameter stands for."""
        name = node.arg
        if node.annotation is None:
            raise self.error(
                node,
                f"The parameter {name!r} has no type.",
                cure='annotate it with T.Buffer((128,), "float32"), T.handle or T.int32',
            )
        kind = self.evaluate(node.annotation)
        if isinstance(kind, BufferSpec):
            with self.placed(node.annotation):
                buffer = self.at(kind.make(name), node)
            handle = Var(f"{name}_handle", HANDLE, self.span(node))
            self.params.append(handle)
            self.buffer_map[handle] = buffer
            return buffer
        if isinstance(kind, DtypeFunction):
            kind = kind()
        if not isinstance(kind, Var) or kind.name:
            raise self.error(
                node.annotation,
                f"This is no parameter type: {ast.unparse(node.annotation)}.",
                expected="T.Buffer, T.handle, or a scalar type such as T.int32",
            )
        self.params.append(self.at(named(kind, name), node))
        return kind

    def name_MatchBuffer(self, spec: MatchBuffer, name: str, node: ast.AST) -> Buffer:
        """The buffer of a parameter, or a view of a region."""
        if not isinstance(spec.source, Var):
            return self.view(spec, name, node)
        if spec.source not in self.params:
            raise self.error(
                node,
                "T.match_buffer needs a parameter of the function, or a region of a buffer.",
                found=spec.source.name,
            )
        if not spec.source.dtype.is_handle:
            raise self.error(
                node,
                f"The parameter {spec.source.name!r} is no pointer.",
                expected="T.handle",
                found=str(spec.source.dtype),
            )
        if spec.source in self.buffer_map:
            raise self.error(node, f"The parameter {spec.source.name!r} has a buffer already.")
        buffer = self.at(spec.buffer.make(name), node)
        self.buffer_map[spec.source] = buffer
        return buffer

    def name_BufferSpec(self, spec: BufferSpec, name: str, node: ast.AST) -> Buffer:
        """`A = T.Buffer(...)` in a body: a view of memory, without a statement."""
        return self.at(spec.make(name), node)

    def clause_FuncAttr(self, clause: FuncAttr, node: ast.AST) -> None:
        """`T.func_attr({...})`."""
        if self.attrs is not None:
            raise self.error(node, "T.func_attr is given twice.", cure="merge the two")
        self.attrs = dict(as_attrs(clause.attrs).items())

    def stmt_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A macro defined inside the function."""
        hygienic = True
        function: Any = None
        if len(node.decorator_list) == 1:
            decorator = node.decorator_list[0]
            call = decorator if isinstance(decorator, ast.Call) else None
            function = self.evaluate(call.func if call is not None else decorator)
            for each in call.keywords if call is not None else []:
                hygienic = bool(self.evaluate(each.value))
        if getattr(function, "macro_token", None) != self.token:
            raise self.error(
                node,
                "A loop function has no functions inside.",
                cure="define it before the function, or make it a macro with @T.macro",
            )
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        defaults = self.evaluate_all(node.args.defaults)
        values = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        signature = inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=values.get(name, inspect.Parameter.empty),
                )
                for name in names
            ]
        )
        macro = ScriptMacro(
            self.token, self.source, node, self.variables.snapshot(), signature, hygienic=hygienic
        )
        self.define(node, macro, name=node.name)


def dtype_of(returned: Type | DataType) -> DataType:
    """The dtype of a result."""
    return returned if isinstance(returned, DataType) else getattr(returned, "dtype", HANDLE)
