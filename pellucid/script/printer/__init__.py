"""From IR to script text: whole modules and functions that read back as they are, and bounded
fragments for `repr`.

In: a module, a function, or any node. Out: text. `printer.config` lists what can be chosen. Each
file here prints one family of nodes and enters its functions in the tables of `printer.context`.
"""

from __future__ import annotations

from typing import Any

from pellucid.ir import hooks
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.relax.expr import Binding, BindingBlock, ExternFunc, If, SeqExpr
from pellucid.relax.expr import Var as RelaxVar
from pellucid.script.printer import (
    block,
    buffers,
    expr,
    free,
    generic,
    module,
    prim_func,
    relax_expr,
    relax_func,
    stmt,
    struct_info,
    values,
)
from pellucid.script.printer.config import PrinterConfig
from pellucid.script.printer.context import (
    ELLIPSIS,
    BudgetSpentError,
    Printer,
    is_trial,
)
from pellucid.script.printer.layout import lay_out
from pellucid.script.printer.paths import node_at
from pellucid.support.errors import UnsupportedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import Stmt

_STATEMENTS = (Stmt, Binding, BindingBlock, SeqExpr, If)
REPR_LENGTH = 400
_REPR_NODES = 120
_NO_OPTIONS = PrinterConfig()


def script(value: Any, **options: Any) -> str:
    """The script of a module, a function, or any node; see `PrinterConfig` for the options."""
    allow_deep_recursion()
    config = PrinterConfig.of(options)
    p = Printer(config)
    _mark_paths(p, value)
    _print(p, value)
    return lay_out([*_header(p, value), *p.lines], p.marks, config)


def _mark_paths(p: Printer, value: Any) -> None:
    underlined = [node_at(value, path) for path in p.config.path_to_underline]
    comments = [(node_at(value, path), text) for path, text in p.config.path_to_annotate.items()]
    p.marks.add(underlined, comments)


def _print(p: Printer, value: Any) -> None:
    if isinstance(value, IRModule):
        module.print_module(p, value)
    elif isinstance(value, BaseFunc) and not isinstance(value, ExternFunc):
        p.stmt(value)
    elif isinstance(value, Node):
        _fragment(p, value)
    else:
        raise UnsupportedError(f"There is no script of a {type(value).__name__}.")


def _fragment(p: Printer, value: Node) -> None:
    """A node that is no function: its free variables are declared first."""
    if isinstance(value, _STATEMENTS):
        for each in free.Uses(value).free:
            if each not in p.names and not isinstance(each, RelaxVar):
                expr.name_of(p, each)
        p.stmt(value)
    elif isinstance(value, Buffer):
        p.lines.append(_buffer_text(p, value))
    else:
        p.statement_line(None, p.expr(value))


def _buffer_text(p: Printer, value: Buffer) -> str:
    buffers.declare_free(p, value)
    return "\n".join(p.pending)


def _header(p: Printer, value: Any) -> list[str]:
    """The imports of the dialects that the text uses, and its constants."""
    if not isinstance(value, IRModule | BaseFunc) or isinstance(value, ExternFunc):
        return []
    prefixes = (
        ("ir", p.config.ir_prefix),
        ("tir", p.config.tir_prefix),
        ("relax", p.config.relax_prefix),
    )
    lines = [
        f"# from pellucid.script import {name} as {prefix}"
        for name, prefix in prefixes
        if name in p.dialects or (name == "ir" and p.metadata and p.config.show_meta)
    ]
    if p.metadata and not p.config.show_meta:
        lines.append("# The constants are left out: show_meta=True prints them.")
        if p.config.describe_constants:
            lines.extend(f"#   {each}" for each in p.metadata.describe())
    lines.append("")
    if p.metadata and p.config.show_meta:
        lines.append(f'metadata = {p.ir("load_metadata")}("""{p.metadata.to_json()}""")')
        lines.append("")
    return lines


def fragment(value: Any) -> str:
    """The script fragment of any node, of at most some 400 characters; never raises."""
    if is_trial():
        return f"<{type(value).__name__}>"
    allow_deep_recursion()
    p = Printer(_NO_OPTIONS, budget=_REPR_NODES)
    try:
        _bounded(p, value)
    except BudgetSpentError:
        p.lines.append(ELLIPSIS)
    except Exception as error:
        # A representation is asked for where other things went wrong already.
        return f"<{type(value).__name__}: not printable, {type(error).__name__}>"
    text = "\n".join(p.lines)
    return text if len(text) <= REPR_LENGTH else f"{text[: REPR_LENGTH - 1]}{ELLIPSIS}"


def _bounded(p: Printer, value: Any) -> None:
    if isinstance(value, Buffer):
        p.lines.append(_buffer_text(p, value))
    elif isinstance(value, _STATEMENTS) or (
        isinstance(value, BaseFunc) and not isinstance(value, ExternFunc)
    ):
        p.stmt(value)
    else:
        text = p.expr(value)
        p.lines.append(text)


hooks.printer.fill(script)
hooks.repr_printer.fill(fragment)

__all__ = [
    "PrinterConfig",
    "block",
    "fragment",
    "generic",
    "prim_func",
    "relax_expr",
    "relax_func",
    "script",
    "stmt",
    "struct_info",
    "values",
]
