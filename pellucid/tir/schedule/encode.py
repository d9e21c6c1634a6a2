"""Arguments of instructions as Python text and as JSON, and back from JSON.

Numbers, strings, lists and dicts are themselves; blocks, loops and drawn numbers go by their names
in the trace; integer expressions and index maps are kept as Python text of a small part of the
language (`+ - * // %`, names, integers, `tir.min` and `tir.max`), which is read back without
running code. Sizes of the scheduled function are `tir.Var("n", "int64")`: the schedule finds them
by name.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from pellucid.ir.arithmetic import add, const, floordiv, floormod, maximum, minimum, mul, sub
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    Add,
    Cast,
    FloorDiv,
    FloorMod,
    IntImm,
    Max,
    Min,
    Mul,
    Sub,
    Var,
)
from pellucid.support.errors import ArtifactError, UnsupportedError
from pellucid.support.naming import NameSupply, identifier
from pellucid.tir.index_map import IndexMap
from pellucid.tir.schedule.rv import BlockRV, LoopRV

_INFIX: dict[type[PrimExpr], str] = {Add: "+", Sub: "-", Mul: "*", FloorDiv: "//", FloorMod: "%"}
_CALLS: dict[type[PrimExpr], str] = {Min: "tir.min", Max: "tir.max"}
Names = Mapping[Any, str]


def text_of(value: Any, names: Names) -> str:
    """An argument as Python text."""
    if isinstance(value, BlockRV | LoopRV):
        return names[value]
    if isinstance(value, IndexMap):
        return map_text(value)
    if isinstance(value, PrimExpr):
        return expr_text(value, names)
    if isinstance(value, list | tuple):
        parts = [text_of(each, names) for each in cast("list[Any]", value)]
        if isinstance(value, list):
            return f"[{', '.join(parts)}]"
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        return (
            "{"
            + ", ".join(f"{text_of(k, names)}: {text_of(v, names)}" for k, v in table.items())
            + "}"
        )
    if isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise UnsupportedError(f"A trace cannot hold a {type(value).__name__}.", found=repr(value))


def expr_text(expr: PrimExpr, names: Names) -> str:
    """An integer expression as Python text."""
    if isinstance(expr, IntImm):
        return str(expr.value)
    if isinstance(expr, Var):
        found = names.get(expr)
        return f'tir.Var("{expr.name}", "{expr.dtype}")' if found is None else found
    if isinstance(expr, Cast):
        return f'tir.Cast("{expr.dtype}", {expr_text(expr.value, names)})'
    if type(expr) in _INFIX:
        pair = cast("Add", expr)
        return f"({expr_text(pair.a, names)} {_INFIX[type(expr)]} {expr_text(pair.b, names)})"
    if type(expr) in _CALLS:
        pair = cast("Min", expr)
        both = f"{expr_text(pair.a, names)}, {expr_text(pair.b, names)}"
        return f"{_CALLS[type(expr)]}({both})"
    raise UnsupportedError(
        "A trace holds sums, products and quotients of integers.", found=repr(expr)
    )


def map_text(index_map: IndexMap) -> str:
    """An index map as a Python function."""
    supply = NameSupply()
    names = {var: supply.fresh(identifier(var.name)) for var in index_map.initial_indices}
    final = [_unwrapped(expr_text(each, names)) for each in index_map.final_indices]
    return f"lambda {', '.join(names.values())}: [{', '.join(final)}]"


def _unwrapped(text: str) -> str:
    """Text without brackets around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if position == len(text) - 1 else text
    return text


def to_json(value: Any, names: Names) -> Any:
    """An argument as JSON data."""
    if isinstance(value, BlockRV | LoopRV) or (isinstance(value, Var) and value in names):
        return {"name": names[value]}
    if isinstance(value, IndexMap):
        inverse = value.inverse_index_map
        indices = (*value.initial_indices, *value.final_indices)
        dtype = str(indices[0].dtype) if indices else "int64"
        return {
            "map": map_text(value),
            "dtype": dtype,
            "inverse": None if inverse is None else map_text(inverse),
        }
    if isinstance(value, PrimExpr):
        return {"expr": expr_text(value, names), "dtype": str(value.dtype)}
    if isinstance(value, list):
        return [to_json(each, names) for each in cast("list[Any]", value)]
    if isinstance(value, tuple):
        return {"tuple": [to_json(each, names) for each in cast("tuple[Any, ...]", value)]}
    if isinstance(value, Mapping):
        table = cast("Mapping[Any, Any]", value)
        return {"dict": [[to_json(k, names), to_json(v, names)] for k, v in table.items()]}
    if isinstance(value, DataType):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UnsupportedError(f"A trace cannot hold a {type(value).__name__}.", found=repr(value))


def from_json(value: Any, table: Mapping[str, Any]) -> Any:
    """The argument that JSON data stands for; `table` has blocks, loops and numbers by name."""
    if isinstance(value, list):
        return [from_json(each, table) for each in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    entry = cast("dict[str, Any]", value)
    if "name" in entry:
        return table[entry["name"]]
    if "tuple" in entry:
        return tuple([from_json(each, table) for each in entry["tuple"]])
    if "dict" in entry:
        return {from_json(k, table): from_json(v, table) for k, v in entry["dict"]}
    if "map" in entry:
        return _map_of(entry)
    if "expr" in entry:
        found = _Reader(table).read(_parsed(entry["expr"]).body)
        return IntImm(entry["dtype"], found) if isinstance(found, int) else found
    raise ArtifactError("This is no argument of a schedule's trace.", found=repr(entry)[:80])


def _map_of(entry: Mapping[str, Any]) -> IndexMap:
    found = _read_map(entry["map"], entry["dtype"])
    if entry["inverse"] is None:
        return found
    return found.replace(inverse_index_map=_read_map(entry["inverse"], entry["dtype"]))


def _read_map(text: str, dtype: str) -> IndexMap:
    """The index map that a text written by `map_text` describes."""
    node = _parsed(text).body
    if not isinstance(node, ast.Lambda) or not isinstance(node.body, ast.List):
        raise ArtifactError("An index map is a lambda that gives a list.", found=text)
    table = {each.arg: Var(each.arg, dtype) for each in node.args.args}
    reader = _Reader(table)
    final = [reader.read(each) for each in node.body.elts]
    return IndexMap(
        tuple(table.values()), [const(e, dtype) if isinstance(e, int) else e for e in final]
    )


def _parsed(text: str) -> ast.Expression:
    try:
        return ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ArtifactError("An expression in a trace cannot be read.", found=text) from error


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
    ast.FloorDiv: floordiv,
    ast.Mod: floormod,
}
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {"tir.min": minimum, "tir.max": maximum}


class _Reader:
    """Reads the expressions that `expr_text` writes."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table

    def read(self, node: ast.expr) -> Any:
        """The value of a part."""
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return mul(self.read(node.operand), -1)
        if isinstance(node, ast.Name) and node.id in self.table:
            return self.table[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self.read(node.left), self.read(node.right))
        if isinstance(node, ast.Call) and len(node.args) == 2:
            name = ast.unparse(node.func)
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self.read(node.args[0]), self.read(node.args[1]))
            values = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if name == "tir.Var" and len(values) == 2:
                return Var(str(values[0]), str(values[1]))
            if name == "tir.Cast" and len(values) == 1:
                return Cast(str(values[0]), self.read(node.args[1]))
        raise ArtifactError(
            "An expression in a trace is not of the kind that traces hold.", found=ast.unparse(node)
        )
