"""The state of printing one text: lines so far, visible names, constants met, marks to draw.

The printers of the single node classes are functions `(printer, node) → text` (of expressions) or
`(printer, node, tail) → None` (of statements, which write lines); they enter themselves in the
tables here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from pellucid.ir.dtype import DataType
from pellucid.script.metadata import MetadataWriter
from pellucid.script.printer.config import PrinterConfig
from pellucid.script.printer.layout import Marks
from pellucid.script.printer.names import NameTable

ELLIPSIS = "…"
MOST_NESTED = 80
LEAST_HOISTED = 20


class Level:
    """How tightly Python's operators bind; a text is put in parentheses where a tighter one is
    needed.
    """

    ANY = 0
    OR = 1
    AND = 2
    NOT = 3
    COMPARE = 4
    BIT_OR = 5
    BIT_XOR = 6
    BIT_AND = 7
    SHIFT = 8
    SUM = 9
    PRODUCT = 10
    UNARY = 11
    ATOM = 12


Text = tuple[str, int]
ExprPrinter = Callable[["Printer", Any, DataType], Text]
StmtPrinter = Callable[["Printer", Any, bool], None]
E = TypeVar("E", bound=ExprPrinter)
S = TypeVar("S", bound=StmtPrinter)

# Filled by the files of this package: how each node class is printed.
expr_printers: dict[type[Any], ExprPrinter] = {}
stmt_printers: dict[type[Any], StmtPrinter] = {}


def prints_expr(*classes: type[Any]) -> Callable[[E], E]:
    """Enter a function as the printer of some expression classes."""

    def enter(function: E) -> E:
        for each in classes:
            expr_printers[each] = function
        return function

    return enter


def prints_stmt(*classes: type[Any]) -> Callable[[S], S]:
    """Enter a function as the printer of some statement classes."""

    def enter(function: S) -> S:
        for each in classes:
            stmt_printers[each] = function
        return function

    return enter


class _Trials(threading.local):
    depth = 0


_trials = _Trials()


@contextmanager
def on_trial() -> Generator[None]:
    """What runs inside is tried out: its errors are not shown, so `repr` need not print
    anything.
    """
    _trials.depth += 1
    try:
        yield
    finally:
        _trials.depth -= 1


def is_trial() -> bool:
    """Whether something is being tried out."""
    return _trials.depth > 0


class BudgetSpentError(Exception):
    """The text of a bounded fragment is long enough."""


class Printer:
    """Prints nodes into `lines`; see the module."""

    def __init__(self, config: PrinterConfig, *, budget: int | None = None) -> None:
        self.config = config
        self.marks = Marks(config)
        self.names = NameTable(
            (config.ir_prefix, config.tir_prefix, config.relax_prefix, config.module_alias)
        )
        self.metadata = MetadataWriter()
        self.lines: list[str] = []
        self.depth = 0
        self.dialects: set[str] = set()
        # How GlobalVars of the module at hand are written, by their names; empty outside a module.
        self.global_names: dict[str, str] = {}
        self.uses_module = False
        # How often each variable of the function at hand is used, by identity, where that is known.
        self.use_counts: Mapping[int, int] | None = None
        # The dtype that a call of a loop function of the module has, by the function's name.
        self.result_dtypes: dict[str, DataType] = {}
        # How many more nodes may be printed; None for any number.
        self.budget = budget
        # Declarations that stand before the statement at hand.
        self.pending: list[str] = []
        # Free buffers over variables that the body defines (those in the list).
        self.waiting: list[tuple[list[Any], Any]] = []
        self.int_dtype = DataType(config.int_dtype)
        # Inside quoted dimensions of a signature every symbolic expression becomes a string.
        self.quoting = False
        # How many parentheses may stand around the expression at hand, and whether deep ones may be
        # written in lines before the statement.
        self.nesting = 0
        self.hoisting = False
        # The loops around the statement at hand, by their variables; a nest written in one line is
        # one entry.
        self.loops: list[dict[Any, Any]] = []

    # Prefixes.

    def ir(self, name: str) -> str:
        """`name` in the dialect of modules."""
        self.dialects.add("ir")
        return f"{self.config.ir_prefix}.{name}"

    def tir(self, name: str) -> str:
        """`name` in the dialect of loop functions."""
        self.dialects.add("tir")
        return f"{self.config.tir_prefix}.{name}"

    def relax(self, name: str) -> str:
        """`name` in the dialect of graph functions."""
        self.dialects.add("relax")
        return f"{self.config.relax_prefix}.{name}"

    # Lines.

    def line(self, text: str) -> None:
        """Write a line at the present depth, after the declarations that its expressions
        asked for.
        """
        if self.pending:
            pending, self.pending = self.pending, []
            if self.budget is None:
                for each in pending:
                    self.line(each)
        self.lines.append(f"{' ' * (self.config.indent_spaces * self.depth)}{text}" if text else "")

    def statement_line(self, node: Any, text: str) -> None:
        """Write the (first) line of a statement, marked if the statement is to be marked."""
        self.line(self.marks.wrap(node, text))

    @contextmanager
    def block(self) -> Generator[None]:
        """An indented part with names of its own."""
        self.depth += 1
        with self.names.frame():
            yield
        self.depth -= 1

    # Nodes.

    def spend(self) -> None:
        """Count a printed node against the budget of a bounded fragment."""
        if self.budget is not None:
            self.budget -= 1
            if self.budget < 0:
                raise BudgetSpentError

    def expr(self, node: Any, level: int = Level.ANY, bare: DataType | None = None) -> str:
        """The text of a scalar expression, in parentheses where it binds less tightly than `level`.

        `bare` is the dtype of integer constants that need no dtype here.
        """
        if self.budget is not None:
            self.budget -= 1
            if self.budget < 0:
                return ELLIPSIS
        self.nesting += 1
        if self.nesting > MOST_NESTED and self.hoisting:
            text, own = self._hoisted(node), Level.ATOM
        else:
            text, own = self._text(node, bare)
        self.nesting -= 1
        if own < level:
            text = f"({text})"
        return self.marks.wrap(node, text) if self.marks.active else text

    def _text(self, node: Any, bare: DataType | None) -> Text:
        kind: Any = node.__class__
        return expr_printer(kind)(self, node, self.int_dtype if bare is None else bare)

    def _hoisted(self, node: Any) -> str:
        """A name for a deep part of an expression, which is written in a line before: Python's own
        parser takes no more than 200 nested parentheses.
        """
        nesting, self.nesting = self.nesting, 0
        text, _ = self._text(node, None)
        self.nesting = nesting
        if node.is_variable or len(text) < LEAST_HOISTED:
            return text if node.is_variable else f"({text})"
        name = self.names.fresh("part")
        self.pending.append(f"{name} = {self.tir('meta_var')}({text})")
        return name

    def exprs(self, nodes: Iterable[Any]) -> str:
        """Several expressions, separated by commas."""
        return ", ".join([self.expr(each) for each in nodes])

    def stmt(self, node: Any, tail: bool = True) -> None:
        """Write a statement. `tail` says that nothing follows it in its block."""
        self.spend()
        kind: Any = node.__class__
        stmt_printer(kind)(self, node, tail)


def _find(table: dict[type[Any], Any], kind: type[Any]) -> Any:
    found = table.get(kind)
    if found is None:
        found = next((table[base] for base in kind.__mro__ if base in table), None)
        if found is not None:
            table[kind] = found
    return found


def expr_printer(kind: type[Any]) -> ExprPrinter:
    """The printer of an expression class; that of any node at all prints its constructor."""
    return expr_printers.get(kind) or _find(expr_printers, kind)


def stmt_printer(kind: type[Any]) -> StmtPrinter:
    """The printer of a statement class; that of any statement at all prints its constructor."""
    return stmt_printers.get(kind) or _find(stmt_printers, kind)


def tuple_text(parts: list[str]) -> str:
    """`()`, `(a,)`, `(a, b)`."""
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def string_text(value: str) -> str:
    """A Python string literal, in double quotes where that needs no escapes."""
    text = repr(str(value))
    if text[0] == "'" and '"' not in text:
        return f'"{text[1:-1]}"'
    return text


def call_text(function: str, args: Iterable[str], keywords: Iterable[tuple[str, str]] = ()) -> str:
    """`function(a, b, key=c)`."""
    return f"{function}({', '.join([*args, *[f'{key}={text}' for key, text in keywords]])})"
