"""Expressions of a script are evaluated as Python, one syntax node at a time.

In: a node of Python's syntax tree. Out: the value: an expression of the IR, or any host value.
Names are looked up in the variable table; operators, calls, attributes and subscripts do what
Python does with the values at hand, so that scalar expressions build nodes and host values compute.
On top of Python: `and`, `or`, `not` and `a if c else b` on scalar expressions build And, Or, Not
and if_then_else, and a chain of comparisons of them is an error.

Whatever goes wrong is reported at the smallest expression concerned. Nodes that are made get its
place as `span`.
"""

from __future__ import annotations

import ast
import inspect
import operator
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

from pellucid.ir.arithmetic import if_then_else, logical_and, logical_not, logical_or
from pellucid.ir.node import Node
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IterVar, Var
from pellucid.script.parser.source import ScriptSource
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import ParseError, PellucidError, did_you_mean
from pellucid.support.span import Span

_MISSING: Any = object()

_operator = cast("Any", operator)
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _operator.add,
    ast.Sub: _operator.sub,
    ast.Mult: _operator.mul,
    ast.Div: _operator.truediv,
    ast.FloorDiv: _operator.floordiv,
    ast.Mod: _operator.mod,
    ast.Pow: _operator.pow,
    ast.LShift: _operator.lshift,
    ast.RShift: _operator.rshift,
    ast.BitAnd: _operator.and_,
    ast.BitOr: _operator.or_,
    ast.BitXor: _operator.xor,
    ast.MatMult: _operator.matmul,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
# Syntax that makes a new node, which then belongs to this place.
_MAKERS = frozenset(
    {ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Call, ast.Subscript, ast.IfExp}
)


_SYNTAX: dict[type[ast.expr], str] = {
    ast.NamedExpr: ":=",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield from",
    ast.Starred: "*",
}


def _unchained(node: ast.Compare) -> str:
    """A chain of comparisons as a conjunction."""
    operands = [node.left, *node.comparators]
    parts = [
        ast.unparse(ast.Compare(left, [op], [right]))
        for left, op, right in zip(operands, node.ops, operands[1:], strict=False)
    ]
    return " and ".join(parts)


def is_scalar(value: object) -> bool:
    """Whether `value` is a scalar expression (which has no truth value of its own)."""
    return isinstance(value, PrimExpr | IterVar)


class Evaluator:
    """Evaluates expressions of `source` with the names of `variables`."""

    def __init__(self, source: ScriptSource, variables: VariableTable) -> None:
        self.source = source
        self.variables = variables
        self._handlers: dict[type[ast.AST], Callable[[Any], Any]] = {}

    # Places and errors.

    def span(self, node: ast.AST) -> Span:
        """The place of a syntax node."""
        return self.source.span(node)

    def error(
        self,
        node: ast.AST,
        message: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        cure: str | None = None,
    ) -> ParseError:
        """An error at a syntax node, to be raised by the caller."""
        return ParseError(message, place=self.span(node), expected=expected, found=found, cure=cure)

    @contextmanager
    def placed(self, node: ast.AST) -> Generator[None]:
        """Errors raised inside are reported at `node`, unless they have a place of their own."""
        try:
            yield
        except Exception as error:
            raise self.as_parse_error(error, node) from error

    def as_parse_error(self, error: Exception, node: ast.AST) -> Exception:
        """`error` with the place of `node`: a typed one keeps its parts, any other is described."""
        if isinstance(error, PellucidError):
            if error.place is not None:
                return error
            return ParseError(
                error.message,
                place=self.span(node),
                expected=error.expected,
                found=error.found,
                cure=error.cure,
            )
        text = str(error) or "no message"
        return self.error(node, f"Evaluating this raised {type(error).__name__}: {text}")

    # Evaluation.

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression."""
        kind = type(node)
        handler = self._handlers.get(kind)
        if handler is None:
            handler = getattr(self, f"expr_{kind.__name__}", self.expr_unknown)
            self._handlers[kind] = handler
        try:
            value = handler(node)
        except Exception as error:
            if isinstance(error, PellucidError) and error.place is not None:
                raise
            raise self.as_parse_error(error, node) from error
        if (
            kind in _MAKERS
            and isinstance(value, Node)
            and value.span is None
            and not value.is_variable
        ):
            # The node is fresh: giving it its place is the last step of making it.
            object.__setattr__(value, "span", self.source.span(node))
        return value

    def evaluate_all(self, nodes: Iterable[ast.expr]) -> list[Any]:
        """The values of several expressions; starred ones are spread."""
        values: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values.extend(self.evaluate(node.value))
            else:
                values.append(self.evaluate(node))
        return values

    def expr_unknown(self, node: ast.expr) -> Any:
        """Syntax that means nothing in a script."""
        raise self.error(
            node,
            f"`{_SYNTAX.get(type(node), type(node).__name__)}` is not part of the script language.",
            cure="compute the value in Python code before the function, and use its name here",
        )

    def expr_Constant(self, node: ast.Constant) -> Any:
        """A literal."""
        return node.value

    def expr_Name(self, node: ast.Name) -> Any:
        """A script variable, a host value, or a builtin."""
        value = self.variables.lookup(node.id, _MISSING)
        return self.undefined(node) if value is _MISSING else value

    def undefined(self, node: ast.Name) -> Any:
        """What a name means that nothing defines: an error, unless a dialect knows better."""
        if self.variables.has_ended(node.id):
            cure = "it was defined inside statements that have ended; define it before them"
        elif node.id == "metadata":
            cure = "the text was printed without its constants: print it with show_meta=True"
        else:
            cure = did_you_mean(node.id, self.variables.names())
        raise self.error(node, f"The name {node.id!r} is not defined.", cure=cure)

    def expr_Attribute(self, node: ast.Attribute) -> Any:
        """An attribute of a value."""
        value = self.evaluate(node.value)
        found = getattr(value, node.attr, _MISSING)
        if found is _MISSING:
            owner = ast.unparse(node.value)
            known = getattr(value, "__all__", None) or dir(value)
            raise self.error(
                node,
                f"{owner} has no attribute {node.attr!r}.",
                # Names of Python's own machinery are of no help, unless one of them was meant.
                cure=did_you_mean(
                    node.attr,
                    [each for each in known if each[:2] != "__" or node.attr[:1] == "_"],
                ),
            )
        return found

    def expr_Subscript(self, node: ast.Subscript) -> Any:
        """`value[index]`, where an index may be a slice, and several form a tuple."""
        value = self.evaluate(node.value)
        return self.subscript(node, value, self.index(node.slice))

    def subscript(self, node: ast.Subscript, value: Any, index: Any) -> Any:
        """What `value[index]` means."""
        del node
        return value[index]

    def index(self, node: ast.expr) -> Any:
        """The index of a subscript: a value, a slice, or a tuple of them."""
        if isinstance(node, ast.Slice):
            return self.expr_Slice(node)
        if isinstance(node, ast.Tuple):
            return tuple(self.evaluate_all(node.elts))
        return self.evaluate(node)

    def expr_Slice(self, node: ast.Slice) -> slice:
        """`start:stop:step`."""
        parts = [
            None if part is None else self.evaluate(part)
            for part in (node.lower, node.upper, node.step)
        ]
        return slice(*parts)

    def operand(self, value: Any) -> Any:
        """A value on its way into an operator; a dialect may convert it."""
        return value

    def expr_BinOp(self, node: ast.BinOp) -> Any:
        """`left op right`."""
        left = self.operand(self.evaluate(node.left))
        right = self.operand(self.evaluate(node.right))
        return _BINARY[type(node.op)](left, right)

    def expr_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """`-x`, `+x`, `~x`, `not x`."""
        value = self.operand(self.evaluate(node.operand))
        if isinstance(node.op, ast.Not):
            return logical_not(value) if is_scalar(value) else not value
        return _UNARY[type(node.op)](value)

    def expr_Compare(self, node: ast.Compare) -> Any:
        """A comparison; a chain of them only of host values."""
        left = self.operand(self.evaluate(node.left))
        if len(node.ops) == 1:
            return _COMPARE[type(node.ops[0])](
                left, self.operand(self.evaluate(node.comparators[0]))
            )
        result: Any = True
        for each, comparator in zip(node.ops, node.comparators, strict=True):
            right = self.operand(self.evaluate(comparator))
            if is_scalar(left) or is_scalar(right):
                raise self.error(
                    node,
                    "Comparisons of scalar expressions cannot be chained.",
                    cure=f"write `{_unchained(node)}`",
                )
            result = _COMPARE[type(each)](left, right)
            if not result:
                return result
            left = right
        return result

    def expr_BoolOp(self, node: ast.BoolOp) -> Any:
        """`and` and `or`: nodes for scalar expressions, Python's short circuit for host values."""
        is_and = isinstance(node.op, ast.And)
        result: Any = _MISSING
        for each in node.values:
            if result is not _MISSING and not is_scalar(result) and bool(result) is not is_and:
                return result
            value = self.operand(self.evaluate(each))
            if result is _MISSING or not (is_scalar(result) or is_scalar(value)):
                result = value
            else:
                # A host value on the left did not decide, so that only the right one is left.
                joined = logical_and if is_and else logical_or
                result = joined(result if is_scalar(result) else bool(result), value)
        return result

    def expr_IfExp(self, node: ast.IfExp) -> Any:
        """`a if c else b`: a choice now for a host condition, `if_then_else` for a scalar
        expression.
        """
        test = self.operand(self.evaluate(node.test))
        if is_scalar(test):
            return if_then_else(test, self.evaluate(node.body), self.evaluate(node.orelse))
        return self.evaluate(node.body if test else node.orelse)

    def expr_Call(self, node: ast.Call) -> Any:
        """A call of whatever the function evaluates to."""
        function = self.evaluate(node.func)
        args = self.evaluate_all(node.args)
        keywords: dict[str, Any] = {}
        for each in node.keywords:
            value = self.evaluate(each.value)
            keywords.update(value if each.arg is None else {each.arg: value})
        return self.call(node, function, args, keywords)

    def call(self, node: ast.Call, function: Any, args: list[Any], keywords: dict[str, Any]) -> Any:
        """What calling `function` means."""
        if not callable(function):
            raise self.error(
                node.func,
                "This cannot be called.",
                found=f"{type(function).__name__}: {function!r:.80}",
            )
        try:
            return function(*args, **keywords)
        except TypeError as error:
            traceback = error.__traceback__
            if traceback is None or traceback.tb_next is not None:
                raise
            # Raised by the call itself: the arguments do not fit the function's parameters.
            raise self._wrong_arguments(node, function, keywords, error) from error

    def _wrong_arguments(
        self, node: ast.Call, function: Any, keywords: dict[str, Any], error: TypeError
    ) -> ParseError:
        name = ast.unparse(node.func)
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return self.error(node, f"The arguments do not fit {name}.", found=str(error))
        unknown = [each for each in keywords if each not in signature.parameters]
        return self.error(
            node,
            f"The arguments do not fit {name}.",
            expected=f"{name}({', '.join(signature.parameters)})",
            found=str(error).partition("() ")[2] or str(error),
            cure=did_you_mean(unknown[0], signature.parameters) if unknown else None,
        )

    def expr_Tuple(self, node: ast.Tuple) -> Any:
        """A tuple."""
        return tuple(self.evaluate_all(node.elts))

    def expr_List(self, node: ast.List) -> Any:
        """A list."""
        return self.evaluate_all(node.elts)

    def expr_Set(self, node: ast.Set) -> Any:
        """A set."""
        return set(self.evaluate_all(node.elts))

    def expr_Dict(self, node: ast.Dict) -> Any:
        """A dictionary."""
        table: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                table.update(self.evaluate(value))
            else:
                table[self.evaluate(key)] = self.evaluate(value)
        return table

    def expr_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """An f-string."""
        return "".join([str(self.evaluate(each)) for each in node.values])

    def expr_FormattedValue(self, node: ast.FormattedValue) -> Any:
        """One `{…}` of an f-string."""
        value = self.evaluate(node.value)
        if node.conversion != -1:
            value = {"s": str, "r": repr, "a": ascii}[chr(node.conversion)](value)
        return format(value, "" if node.format_spec is None else self.evaluate(node.format_spec))

    def expr_Lambda(self, node: ast.Lambda) -> Any:
        """A function of host values; its body sees the variables as they are when it is called."""
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        defaults = self.evaluate_all(node.args.defaults)
        positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
        with_default = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        parameters = [
            inspect.Parameter(
                name, positional, default=with_default.get(name, inspect.Parameter.empty)
            )
            for name in names
        ]
        if node.args.vararg is not None:
            parameters.append(
                inspect.Parameter(node.args.vararg.arg, inspect.Parameter.VAR_POSITIONAL)
            )
        signature = inspect.Signature(parameters)

        def function(*args: Any, **keywords: Any) -> Any:
            bound = signature.bind(*args, **keywords)
            bound.apply_defaults()
            with self.variables.frame():
                for name, value in bound.arguments.items():
                    self.variables.define(name, value)
                return self.evaluate(node.body)

        function.__signature__ = signature
        function.__name__ = "<lambda>"
        return function

    def expr_ListComp(self, node: ast.ListComp) -> Any:
        """A list made in a loop over host values."""
        return list(self._comprehend(node.generators, lambda: self.evaluate(node.elt)))

    def expr_SetComp(self, node: ast.SetComp) -> Any:
        """A set made in a loop over host values."""
        return set(self._comprehend(node.generators, lambda: self.evaluate(node.elt)))

    def expr_GeneratorExp(self, node: ast.GeneratorExp) -> Any:
        """All values at once: a script has no lazy iteration."""
        return list(self._comprehend(node.generators, lambda: self.evaluate(node.elt)))

    def expr_DictComp(self, node: ast.DictComp) -> Any:
        """A dictionary made in a loop over host values."""

        def pair() -> tuple[Any, Any]:
            return self.evaluate(node.key), self.evaluate(node.value)

        return dict(self._comprehend(node.generators, pair))

    def _comprehend(
        self, generators: list[ast.comprehension], make: Callable[[], Any]
    ) -> Generator[Any]:
        if not generators:
            yield make()
            return
        first, rest = generators[0], generators[1:]
        values: Any = self.evaluate(first.iter)
        if is_scalar(values) or not isinstance(values, Iterable):
            raise self.error(
                first.iter,
                "A comprehension runs over host values only.",
                found=f"{type(values).__name__}",
                cure="a loop of the program is a `for` over T.grid or range",
            )
        for value in cast("Iterable[Any]", values):
            with self.variables.frame():
                self.assign_host(first.target, value)
                if all(self._holds(each) for each in first.ifs):
                    yield from self._comprehend(rest, make)

    def _holds(self, test: ast.expr) -> bool:
        """Whether the condition of a comprehension holds."""
        value = self.evaluate(test)
        with self.placed(test):
            return bool(value)

    def assign_host(self, target: ast.expr, value: Any) -> None:
        """Define the names of `target` as host values, as Python's assignment does."""
        if isinstance(target, ast.Name):
            self.variables.define(target.id, value, shadow=True)
            return
        for each, part in self.unpack(target, value):
            self.assign_host(each, part)

    def unpack(self, target: ast.expr, value: Any) -> list[tuple[ast.expr, Any]]:
        """The parts of a tuple or list target, each with its part of `value`."""
        if not isinstance(target, ast.Tuple | ast.List):
            raise self.error(
                target, "This cannot be assigned to.", expected="a name, or a tuple of names"
            )
        if isinstance(value, Var | PrimExpr) or not isinstance(value, Iterable):
            raise self.error(
                target,
                f"{len(target.elts)} names stand for a single value.",
                found=f"{type(value).__name__}",
            )
        values: list[Any] = list(cast("Iterable[Any]", value))
        stars = [i for i, each in enumerate(target.elts) if isinstance(each, ast.Starred)]
        if len(values) != len(target.elts) if not stars else len(values) < len(target.elts) - 1:
            raise self.error(
                target,
                "The number of names differs from the number of values.",
                expected=f"{len(values)} names",
                found=f"{len(target.elts)}",
            )
        if stars:
            at = stars[0]
            after = len(target.elts) - at - 1
            values = [
                *values[:at],
                values[at : len(values) - after],
                *values[len(values) - after :],
            ]
        names = [each.value if isinstance(each, ast.Starred) else each for each in target.elts]
        return list(zip(names, values, strict=True))


def is_name(node: ast.expr | None, name: str) -> bool:
    """Whether `node` is the plain name `name`."""
    return isinstance(node, ast.Name) and node.id == name
