"""Every node class has its part in each station: printer, parser, interpreter, code generator.

A node that is added without one of them fails here, and the message names what is missing.
"""

from __future__ import annotations

import pytest

from pellucid import te
from pellucid.codegen.llvm import emit_expr, emit_stmt
from pellucid.interp import graph, loops, scalar
from pellucid.ir.expr_base import RelaxExpr
from pellucid.ir.node import Node, node_classes
from pellucid.ir.prim_expr import PrimExpr
from pellucid.relax import expr as relax_expr
from pellucid.script import printer
from pellucid.script import tir as T
from pellucid.script.printer import context
from pellucid.tir.buffer import BufferLoad
from pellucid.tir.stmt import Stmt

# Classes that only others derive from, and functions and operators, which have stations of their
# own.
ABSTRACT = {"Stmt", "PrimExpr", "RelaxExpr", "BinaryOp", "CmpOp", "LogicalOp", "BaseFunc"}
ELSEWHERE = {"Op", "PrimFunc"}

# What a node need not have, and why.
NOT_NEEDED = {
    ("Block", "interpreter"): "it runs as part of its BlockRealize",
    ("Block", "code generator"): "lower_opaque_block has replaced it by then",
    ("BlockRealize", "code generator"): "lower_opaque_block has replaced it by then",
    ("BufferRealize", "code generator"): "only older scripts have it; build refuses it by name",
    ("Reduce", "interpreter"): "create_prim_func has made a block with an init of it",
    ("Reduce", "code generator"): "create_prim_func has made a block with an init of it",
    ("Reduce", "parser"): "it is written with te, not in script",
    ("ProducerLoad", "interpreter"): "create_prim_func has made a BufferLoad of it",
    ("ProducerLoad", "code generator"): "create_prim_func has made a BufferLoad of it",
    ("ProducerLoad", "parser"): "it is written with te, not in script",
}

# Expressions that the script writes as something other than `T.Name(…)`.
OWN_SYNTAX = {"Var": "int32", "SizeVar": "int32", "IntImm": "int32", "FloatImm": "float32"}

# Imported so that all their classes are known.
WITH_NODES = (te, relax_expr, printer)

INTERPRETED = {
    # A load needs the memory of the loop interpreter: LoopInterpreter.eval_other.
    BufferLoad,
    *scalar._RULES,
    *scalar._BINARY,
    *loops._STATEMENTS,
    *graph._RULES,
}
EMITTED = {*emit_expr._RULES, *emit_stmt._RULES}


def concrete() -> list[type[Node]]:
    """Every node class that a program can hold."""
    return [
        cls
        for cls in node_classes.values()
        if issubclass(cls, Stmt | PrimExpr | RelaxExpr) and cls.__name__ not in ABSTRACT | ELSEWHERE
    ]


def missing(cls: type[Node]) -> list[str]:
    """The stations that know nothing of the class."""
    name = cls.__name__
    found: list[str] = []
    tables = (context.expr_printers, context.stmt_printers)
    if all(context._find(table, cls) is None for table in tables):
        found.append("printer")
    if issubclass(cls, PrimExpr) and not hasattr(T, OWN_SYNTAX.get(name, name)):
        found.append("parser")
    if cls not in INTERPRETED:
        found.append("interpreter")
    if issubclass(cls, Stmt | PrimExpr) and cls not in EMITTED:
        found.append("code generator")
    return [station for station in found if (name, station) not in NOT_NEEDED]


@pytest.mark.parametrize("cls", concrete(), ids=lambda cls: cls.__name__)
def test_no_station_is_missing(cls: type[Node]) -> None:
    assert missing(cls) == []


def test_exceptions_are_needed() -> None:
    names = {cls.__name__ for cls in concrete()}
    assert {name for name, _ in NOT_NEEDED} <= names
