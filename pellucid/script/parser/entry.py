"""The ways into the parser: the decorators, and texts.

In: a decorated Python function or class, or a text. Out: a function or an `IRModule`. A function
decorated inside a class body stays unparsed until it is asked for, since `I.ir_module` parses the
class as a whole; in a class that is no module it is parsed when it is first read (`Case.before`).
"""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.script.parser.capture import (
    class_source,
    function_source,
    host_values,
    member_functions,
)
from pellucid.script.parser.core import (
    Context,
    OlderLanguage,
    StatementParser,
    decorator_of,
    dialects,
)
from pellucid.script.parser.evaluate import Evaluator
from pellucid.script.parser.module import ModuleParser
from pellucid.script.parser.source import ScriptSource
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import ParseError


class MemberFunction:
    """A function decorated in a class body: parsed when it is first read, unless `I.ir_module`
    takes the class.
    """

    def __init__(
        self,
        token: str,
        function: types.FunctionType,
        host: dict[str, Any],
        options: Mapping[str, Any],
        older: OlderLanguage | None = None,
    ) -> None:
        self.script_function = function
        self._token = token
        self._host = host
        self._options = options
        self._older = older
        self._parsed: Any = None

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The parsed function."""
        if self._parsed is None:
            self._parsed = parse_function(
                self._token, self.script_function, self._host, self._options, self._older
            )
        return self._parsed


def decorate(
    token: str,
    function: Any,
    frame: types.FrameType,
    options: Mapping[str, Any],
    older: OlderLanguage | None = None,
) -> Any:
    """What the function decorator of dialect `token` returns; `frame` is where it was written.

    The option `check_well_formed` (true by default) is taken here; the others go to the dialect.
    `older` is the decorator's generation of the language, if it is not today's.
    """
    if not isinstance(function, types.FunctionType):
        raise ParseError(
            "Only a Python function can be decorated.",
            found=f"{type(function).__name__}: {function!r:.80}",
        )
    host = host_values(frame, [function])
    outer = function.__qualname__.split(".")[:-1]
    if outer and outer[-1] != "<locals>":
        return MemberFunction(token, function, host, options, older)
    return parse_function(token, function, host, options, older)


def parse_function(
    token: str,
    function: types.FunctionType,
    host: dict[str, Any],
    options: Mapping[str, Any],
    older: OlderLanguage | None = None,
) -> Any:
    """Parse a Python function in the dialect `token`, with the names in `host` in scope."""
    source, node = function_source(function)
    return _function(Context(source, host, older=older), node, token, dict(options))


def _function(context: Context, node: ast.FunctionDef, token: str, options: dict[str, Any]) -> Any:
    """Parse and check one function that stands alone."""
    context.check_well_formed = bool(options.pop("check_well_formed", context.check_well_formed))
    parser = dialects.get(token).parser
    result = parser(context).function(node, options)
    if context.check_well_formed:
        parser.check(result, None, node.name)
    return result


def decorate_class(
    cls: Any,
    frame: types.FrameType,
    *,
    check_well_formed: bool = True,
    older: OlderLanguage | None = None,
) -> IRModule:
    """What `I.ir_module` returns for a class written in `frame`; `older` is as in `decorate`."""
    if not isinstance(cls, type):
        raise ParseError(
            "I.ir_module decorates a class.", found=f"{type(cls).__name__}: {cls!r:.80}"
        )
    source, node = class_source(cls, frame)
    host = host_values(frame, member_functions(cls))
    return _module(Context(source, host, None, check_well_formed, older), node)


def _module(context: Context, node: ast.ClassDef) -> IRModule:
    module = ModuleParser(context, node.name).parse(node)
    module.__name__ = node.name
    return module


class _TextEvaluator(Evaluator):
    """Evaluates what stands around the definitions of a text."""

    def run(self, node: ast.stmt) -> None:
        """A statement at the top of a text: a host assignment, or an import of a dialect."""
        if isinstance(node, ast.Assign):
            value = self.evaluate(node.value)
            for target in node.targets:
                self.assign_host(target, value)
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return
        elif isinstance(node, ast.ImportFrom) and node.module == "pellucid.script":
            for alias in node.names:
                token = _IMPORTED.get(alias.name)
                if token is None:
                    raise self.error(
                        node, f"A script cannot import {alias.name!r}.", cure=_NO_IMPORT
                    )
                name = alias.asname or alias.name
                self.variables.define(name, namespaces()[token], shadow=True)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                raise self.error(node, "A script text imports nothing.", cure=_NO_IMPORT)
            raise self.error(
                node, "A script text holds one function or one class, and assignments before it."
            )


_NO_IMPORT = "pass the values that the script needs as extra_vars"
_IMPORTED = {"ir": "I", "tir": "T", "relax": "R"}


def namespaces() -> dict[str, Any]:
    """The dialects' namespaces by the prefix under which texts find them."""
    return {dialects.get(token).prefix: dialects.get(token).namespace for token in dialects}


def from_source(
    text: str,
    extra_vars: Mapping[str, Any] | None = None,
    check_well_formed: bool = True,
    *,
    name: str = "<script>",
    older: OlderLanguage | None = None,
) -> Any:
    """Parse a text that holds one decorated function or class, as `.script()` prints it.

    `extra_vars` are host values that the text may use besides `I`, `T` and `R`. `name` stands for
    the file in messages, `older` is as in `decorate`. Returns a `PrimFunc`, a `relax.Function` or
    an `IRModule`; raises
    `ParseError` (or `WellFormedError` unless `check_well_formed` is false).
    """
    if not isinstance(text, str):
        raise ParseError(
            "A script is text.",
            found=f"a {type(text).__name__}",
            cure="pass mod.script(show_meta=True), or what a file holds",
        )
    source = ScriptSource(text, name)
    variables = VariableTable({**namespaces(), **(extra_vars or {})})
    evaluator = _TextEvaluator(source, variables)
    definition: ast.FunctionDef | ast.ClassDef | None = None
    for node in source.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            evaluator.run(node)
        elif definition is not None:
            raise evaluator.error(
                node,
                "A script text holds one definition only.",
                cure="put the functions into one @I.ir_module class",
            )
        else:
            definition = node
    if definition is None:
        raise ParseError("The text defines no function and no class.", found=f"{text[:60]!r}")
    token, options = decorator_of(evaluator, definition)
    context = Context(source, variables.snapshot(), None, check_well_formed, older)
    if isinstance(definition, ast.ClassDef):
        if token != "ir":
            raise evaluator.error(
                definition, "A class is a module.", cure="decorate it with I.ir_module"
            )
        context.check_well_formed = bool(options.get("check_well_formed", check_well_formed))
        return _module(context, definition)
    if token == "ir":
        raise evaluator.error(
            definition, "I.ir_module decorates a class.", cure="use T.prim_func or R.function"
        )
    return _function(context, definition, token, options)


def parser_of(token: str) -> type[StatementParser]:
    """The parser class of a dialect."""
    return dialects.get(token).parser
