"""What every dialect of the script shares: parsing statement by statement, and the table of
dialects.

**How a dialect plugs in.**

1. It subclasses `StatementParser`, which evaluates expressions (see `parser.evaluate`), keeps the
   variable table, and hands each statement to the method `stmt_<ClassName>` named after Python's
   syntax class (`stmt_For`, `stmt_Assign`, `stmt_With` …); a missing method is an error at the
   statement. It must define `function(node, options)`, which turns a `def` into an IR function, and
   may define `declare(node, options)`, which gives the `GlobalVar` under which other functions of
   the module refer to it before its body is parsed.
2. It calls `register_dialect(Dialect(token, prefix, namespace, parser))`. `namespace` is what the
   user imports as `prefix` (`T`, `R`): scripts given as text find it under that name.
3. Its decorator (`T.prim_func`, `R.function`) is a plain function that carries the attribute
   `dialect = token`, by which class bodies and texts recognise it, and calls
   `parser.entry.decorate`.

A parser object lives for one function. What functions of one module share is in its `context`: the
source, the host values, and the module that is being parsed (`context.module`, None for a single
function), whose `global_vars` hold what was declared. The module under its class name (and whatever
alias was assigned, such as `cls = Module`) evaluates to a `ModuleProxy`, whose attributes are those
GlobalVars.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.structural import structural_equal
from pellucid.script.parser.evaluate import Evaluator
from pellucid.script.parser.source import ScriptSource
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import ParseError, did_you_mean
from pellucid.support.naming import NameSupply
from pellucid.support.registry import Registry


@dataclass(slots=True)
class ModuleContext:
    """The module that is being parsed: its class name and what was declared in it.

    `signatures` holds whatever a dialect wants to remember about a declared function (by name);
    `functions` those that are parsed. Loop functions are parsed first, since graph functions may
    look at their parameters. `added` are functions that the bodies of others brought along.
    """

    name: str
    global_vars: dict[str, GlobalVar] = field(default_factory=dict[str, GlobalVar])
    signatures: dict[str, Any] = field(default_factory=dict[str, Any])
    functions: dict[str, BaseFunc] = field(default_factory=dict[str, BaseFunc])
    global_infos: dict[str, Any] = field(default_factory=dict[str, Any])
    added: list[GlobalVar] = field(default_factory=list[GlobalVar])

    def add(self, func: BaseFunc, hint: str) -> GlobalVar:
        """Add a function under a new name, or find it among those that are parsed."""
        for var in self.global_vars.values():
            known = self.functions.get(var.name_hint)
            if type(known) is type(func) and structural_equal(known, func):
                return var
        taken = (*self.global_vars, *[each.name_hint for each in self.global_vars.values()])
        var = GlobalVar(NameSupply(taken).fresh(hint, separator=""))
        self.global_vars[var.name_hint] = var
        self.functions[var.name_hint] = func
        self.added.append(var)
        return var


class OlderLanguage(Protocol):
    """An older generation of the language: what its scripts may leave out.

    It comes with the decorator that was used; without one, scripts are today's.
    """

    @property
    def names(self) -> Mapping[str, Any]:
        """Names that need no import."""
        ...

    def used(self, what: str, found: str) -> None:
        """A script used the form `what` ("name", "callee" or "size") with the name `found`."""
        ...


@dataclass(slots=True)
class Context:
    """What the functions of one text share; `check_well_formed` asks for the verifier, `older`
    is the generation of the language where it is not today's.
    """

    source: ScriptSource
    host: Mapping[str, Any]
    module: ModuleContext | None = None
    check_well_formed: bool = True
    older: OlderLanguage | None = None


class ModuleProxy:
    """The module under its class name, while it is being parsed: its attributes are GlobalVars."""

    def __init__(self, module: ModuleContext) -> None:
        self._module = module

    def __getattr__(self, name: str) -> GlobalVar:
        """The GlobalVar of a declared function."""
        found = self._module.global_vars.get(name)
        if found is None:
            raise ParseError(
                f"The module {self._module.name!r} has no function {name!r}.",
                cure=did_you_mean(name, self._module.global_vars),
            )
        return found

    def __getitem__(self, name: str) -> GlobalVar:
        """As the attribute."""
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        """The names of the declared functions."""
        return sorted(self._module.global_vars)


class StatementParser(Evaluator):
    """Base of a dialect's parser of one function."""

    token = ""

    def __init__(self, context: Context) -> None:
        super().__init__(context.source, VariableTable(context.host))
        self.context = context
        if context.module is not None:
            self.variables.define(context.module.name, ModuleProxy(context.module))

    # What a dialect says.

    def declare(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> GlobalVar:
        """The name under which other functions of the module refer to this one; its body is not
        parsed yet. The decorator's `name` says it where Python could not define it.
        """
        return GlobalVar(str(options.get("name", node.name)), span=self.span(node))

    def function(self, node: ast.FunctionDef, options: Mapping[str, Any]) -> BaseFunc:
        """The IR function that a `def` stands for; `options` are the keywords of the decorator."""
        raise self.error(node, f"The dialect {self.token!r} has no functions.")

    @classmethod
    def check(cls, function: BaseFunc, module: IRModule | None, name: str) -> None:
        """Raise `WellFormedError` where a finished function breaks a rule of its level; `name` is
        what messages call it.
        """
        del function, module, name

    # Statements.

    def statement(self, node: ast.stmt) -> None:
        """Parse one statement."""
        handler: Callable[[Any], None] | None = getattr(self, f"stmt_{type(node).__name__}", None)
        if handler is None:
            self.unknown_statement(node)
            return
        try:
            handler(node)
        except ParseError as error:
            if error.place is not None:
                raise
            raise self.as_parse_error(error, node) from error
        except Exception as error:
            raise self.as_parse_error(error, node) from error

    def statements(self, nodes: list[ast.stmt]) -> None:
        """Parse statements one after another, in the present frame."""
        for node in nodes:
            self.statement(node)

    def unknown_statement(self, node: ast.stmt) -> None:
        """Syntax that is no statement of the dialect."""
        keyword = _KEYWORDS.get(type(node), type(node).__name__)
        raise self.error(node, f"`{keyword}` is not a statement of this language.")

    def stmt_Pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def bind(
        self,
        target: ast.expr,
        value: Any,
        make: Callable[[ast.expr, str, Any], Any],
        *,
        shadow: bool,
    ) -> None:
        """Define the name or names of `target`.

        `make(target, name, value)` gives what the name stands for (it may emit a statement and
        return its variable).
        """
        if isinstance(target, ast.Name):
            self.define(target, make(target, target.id, value), shadow=shadow)
            return
        for each, part in self.unpack(target, value):
            self.bind(each, part, make, shadow=shadow)

    def define(
        self, target: ast.AST, value: Any, *, name: str | None = None, shadow: bool = False
    ) -> None:
        """Define the name that `target` (or `name`) gives; defining it twice in a frame is an
        error.
        """
        known = target.id if isinstance(target, ast.Name) and name is None else name or ""
        if not self.variables.define(known, value, shadow=shadow):
            raise self.error(
                target,
                f"The name {known!r} is already defined in this scope.",
                cure="choose another name; only an inner scope (for, with, if) may define it anew",
            )


_KEYWORDS: dict[type[ast.stmt], str] = {
    ast.Delete: "del",
    ast.Try: "try",
    ast.Raise: "raise",
    ast.Global: "global",
    ast.Nonlocal: "nonlocal",
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.ClassDef: "class",
    ast.AsyncFunctionDef: "async def",
    ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
    ast.Match: "match",
    ast.Break: "break",
    ast.Continue: "continue",
    ast.FunctionDef: "def",
    ast.Return: "return",
    ast.While: "while",
    ast.For: "for",
    ast.If: "if",
    ast.With: "with",
    ast.Assert: "assert",
    ast.Assign: "an assignment",
    ast.AugAssign: "an augmented assignment",
    ast.AnnAssign: "an annotated assignment",
    ast.Expr: "a bare expression",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """A dialect: its token, the prefix of its namespace in texts, and its parser class."""

    token: str
    prefix: str
    namespace: Any
    parser: type[StatementParser]


dialects: Registry[Dialect] = Registry("script dialect")


def register_dialect(dialect: Dialect) -> None:
    """Enter a dialect in the table."""
    dialects.register(dialect.token, dialect)


def decorator_of(
    evaluator: Evaluator, node: ast.FunctionDef | ast.ClassDef
) -> tuple[str, dict[str, Any]]:
    """The dialect token of a definition's decorator, and the decorator's keywords.

    The last decorator that carries a `dialect` attribute counts; none at all is an error.
    """
    for each in reversed(node.decorator_list):
        call = each if isinstance(each, ast.Call) else None
        function = evaluator.evaluate(call.func if call is not None else each)
        token = getattr(function, "dialect", None)
        if isinstance(token, str):
            keywords = call.keywords if call is not None else []
            return token, {key.arg: evaluator.evaluate(key.value) for key in keywords if key.arg}
        raise evaluator.error(
            each,
            "This decorator is not of the script language.",
            expected="T.prim_func, R.function or I.ir_module",
            found=ast.unparse(each),
        )
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    raise evaluator.error(
        node,
        f"The {kind} {node.name!r} has no decorator.",
        expected="@I.ir_module" if kind == "class" else "@T.prim_func or @R.function",
    )
