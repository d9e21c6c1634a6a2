"""Scalar expressions as text.

An operator is written as Python spells it only where that spelling, applied to the operands as they
will be read back (a bare `1` comes back as a Python number), builds this very node; what the
operators would promote or fold away is written by its constructor, as `T.Add(x, 0)`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from pellucid.ir import arithmetic, scalar
from pellucid.ir.dtype import UNKNOWN, DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import FloatImm, IntImm
from pellucid.ir.types import PointerType, PrimType
from pellucid.script.printer.context import (
    Level,
    Printer,
    Text,
    call_text,
    on_trial,
    prints_expr,
    string_text,
)
from pellucid.support.errors import PellucidError
from pellucid.tir import op as intrinsics
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion

_python: Any = operator
_BINARY: dict[type[Any], tuple[str, int, Callable[[Any, Any], Any]]] = {
    scalar.Add: ("+", Level.SUM, _python.add),
    scalar.Sub: ("-", Level.SUM, _python.sub),
    scalar.Mul: ("*", Level.PRODUCT, _python.mul),
    scalar.Div: ("/", Level.PRODUCT, _python.truediv),
    scalar.FloorDiv: ("//", Level.PRODUCT, _python.floordiv),
    scalar.FloorMod: ("%", Level.PRODUCT, _python.mod),
    scalar.EQ: ("==", Level.COMPARE, _python.eq),
    scalar.NE: ("!=", Level.COMPARE, _python.ne),
    scalar.LT: ("<", Level.COMPARE, _python.lt),
    scalar.LE: ("<=", Level.COMPARE, _python.le),
    scalar.GT: (">", Level.COMPARE, _python.gt),
    scalar.GE: (">=", Level.COMPARE, _python.ge),
    scalar.And: ("and", Level.AND, arithmetic.logical_and),
    scalar.Or: ("or", Level.OR, arithmetic.logical_or),
}
_BITS: dict[str, tuple[str, int, Callable[[Any, Any], Any]]] = {
    "tir.bitwise_and": ("&", Level.BIT_AND, _python.and_),
    "tir.bitwise_or": ("|", Level.BIT_OR, _python.or_),
    "tir.bitwise_xor": ("^", Level.BIT_XOR, _python.xor),
    "tir.shift_left": ("<<", Level.SHIFT, _python.lshift),
    "tir.shift_right": (">>", Level.SHIFT, _python.rshift),
}
# Spelled as a function that folds; the constructor where it would.
_FUNCTIONS: dict[type[Any], tuple[str, Callable[[Any, Any], Any]]] = {
    scalar.Min: ("min", arithmetic.minimum),
    scalar.Max: ("max", arithmetic.maximum),
    scalar.Mod: ("truncmod", arithmetic.truncmod),
}
# On operands like these an operator folds nothing, and needs no trial.
_PLAIN = frozenset({scalar.Add, scalar.Sub, scalar.Mul, scalar.LT, scalar.LE, scalar.GT, scalar.GE})
_CONSTANTS = (IntImm, FloatImm)


def host_value(node: Any, bare: DataType) -> Any:
    """What the text of `node` is when it is read back: a bare constant is a Python number."""
    if type(node) is IntImm and node.dtype == bare and not node.dtype.is_bool:
        return node.value
    return node


def same_operand(found: Any, wanted: Any) -> bool:
    """Whether two expressions are one object, or equal constants."""
    if found is wanted:
        return True
    kind: Any = wanted.__class__
    return kind in _CONSTANTS and type(found) is kind and _same_constant(found, wanted)


def _same_constant(found: Any, wanted: Any) -> bool:
    return found.dtype == wanted.dtype and repr(found.value) == repr(wanted.value)


def attempt(function: Callable[..., Any], *args: Any) -> Any:
    """What reading back would build; None where it raises."""
    with on_trial():
        try:
            return function(*args)
        except (PellucidError, TypeError, ValueError, ArithmeticError):
            return None


def _rebuilds(node: Any, function: Callable[[Any, Any], Any], bare: DataType) -> bool:
    found = attempt(function, host_value(node.a, bare), host_value(node.b, bare))
    return (
        type(found) is type(node)
        and same_operand(found.a, node.a)
        and same_operand(found.b, node.b)
    )


@prints_expr(*_BINARY)
def binary(p: Printer, node: Any, bare: DataType) -> Text:
    """`a op b`, or the constructor."""
    sign, level, function = _BINARY[type(node)]
    a, b = node.a, node.b
    if p.config.verbose_expr:
        return constructor(p, node)
    plain = (
        type(node) in _PLAIN
        and type(a) not in _CONSTANTS
        and type(b) not in _CONSTANTS
        and a.dtype.kind in ("int", "uint", "float")
    )
    if not plain and not _rebuilds(node, function, bare):
        return constructor(p, node)
    left = level + 1 if level == Level.COMPARE else level
    # What stands on the left without parentheses makes nothing deeper.
    same = type(a) in _BINARY and _BINARY[type(a)][1] >= left
    p.nesting -= same
    text = p.expr(a, left, bare)
    p.nesting += same
    return f"{text} {sign} {p.expr(b, level + 1, bare)}", level


def constructor(p: Printer, node: Any) -> Text:
    """`T.Add(a, b)`: exactly this node, from its fields in order."""
    return f"{p.tir(type(node).__name__)}({p.expr(node.a)}, {p.expr(node.b)})", Level.ATOM


@prints_expr(*_FUNCTIONS)
def function_of_two(p: Printer, node: Any, bare: DataType) -> Text:
    """`T.min(a, b)`, or the constructor."""
    del bare
    name, function = _FUNCTIONS[type(node)]
    if p.config.verbose_expr or not _rebuilds(node, function, p.int_dtype):
        return constructor(p, node)
    return f"{p.tir(name)}({p.expr(node.a)}, {p.expr(node.b)})", Level.ATOM


@prints_expr(scalar.Not)
def negation(p: Printer, node: scalar.Not, bare: DataType) -> Text:
    """`not a`."""
    found = attempt(arithmetic.logical_not, host_value(node.a, bare))
    if p.config.verbose_expr or type(found) is not scalar.Not:
        return f"{p.tir('Not')}({p.expr(node.a)})", Level.ATOM
    return f"not {p.expr(node.a, Level.NOT, bare)}", Level.NOT


@prints_expr(IntImm)
def integer(p: Printer, node: IntImm, bare: DataType) -> Text:
    """`4`, `T.int64(4)`, `T.bool(True)`."""
    if node.dtype.is_bool:
        return f"{p.tir('bool')}({bool(node.value)})", Level.ATOM
    if node.dtype == bare and not p.config.verbose_expr:
        return str(node.value), Level.ATOM if node.value >= 0 else Level.UNARY
    if node.dtype.is_handle:
        return f"{p.tir('handle')}({node.value})", Level.ATOM
    return f"{p.tir(node.dtype)}({node.value})", Level.ATOM


def float_text(value: float) -> str:
    """A float that reads back bit by bit: a quoted name for what Python has no literal for."""
    if value != value:
        return '"-nan"' if math.copysign(1, value) < 0 else '"nan"'
    if value in (float("inf"), float("-inf")):
        return f'"{value}"'
    text = repr(value)
    # Whole numbers are written without a point, as the field does; -0.0 would lose its sign.
    if text.endswith(".0") and text != "-0.0":
        return text[:-2]
    return text


@prints_expr(FloatImm)
def floating(p: Printer, node: FloatImm, bare: DataType) -> Text:
    """`T.float32(1.5)`."""
    del bare
    text = float_text(node.value)
    if node.dtype == p.config.float_dtype and not text.startswith('"'):
        return repr(node.value), Level.ATOM
    return f"{p.tir(node.dtype)}({text})", Level.ATOM


@prints_expr(scalar.StringImm)
def string(p: Printer, node: scalar.StringImm, bare: DataType) -> Text:
    """A string literal."""
    del p, bare
    return string_text(node.value), Level.ATOM


@prints_expr(scalar.Var)
def variable(p: Printer, node: scalar.Var, bare: DataType) -> Text:
    """The variable's name."""
    del bare
    return name_of(p, node), Level.ATOM


@prints_expr(Buffer)
def buffer(p: Printer, node: Buffer, bare: DataType) -> Text:
    """The buffer's name."""
    del bare
    return name_of(p, node), Level.ATOM


def name_hint(p: Printer, node: Any) -> str:
    """The hint from which a name is made."""
    hint = node.name if isinstance(node, scalar.Var | Buffer) else node.name_hint
    return f"{hint}_{id(node):#x}" if p.config.show_object_address else hint


def define(p: Printer, node: Any) -> str:
    """A name for a variable that comes into being here."""
    return p.names.define(node, name_hint(p, node))


def name_of(p: Printer, node: Any) -> str:
    """The text that stands for a variable; one that nothing defines is declared before the
    statement at hand.
    """
    found = p.names.get(node)
    if found is not None:
        return found
    if isinstance(node, Buffer):
        return declare_buffer[0](p, node)
    name = define(p, node)
    p.pending.append(f"{name} = {declaration(p, node)}")
    return name


# How a free buffer is declared; filled by `printer.buffers`.
declare_buffer: list[Callable[[Printer, Buffer], str]] = []


def declaration(p: Printer, node: scalar.Var) -> str:
    """`T.int64()`, `T.int32(is_size_var=True)`, `T.handle("float32", "shared")`: a new variable of
    this type.
    """
    size = "is_size_var=True" if isinstance(node, scalar.SizeVar) else ""
    annotation = node.type_annotation
    if isinstance(annotation, PrimType) and _has_constructor(annotation.dtype):
        return f"{p.tir(annotation.dtype)}({size})"
    pointer = pointer_text(p, annotation)
    if pointer is not None and not size:
        return pointer
    kind = "ir.scalar.SizeVar" if size else "ir.scalar.Var"
    return f'{p.ir("node")}("{kind}", name="", dtype={type_text(p, annotation)})'


def _has_constructor(dtype: DataType) -> bool:
    return dtype.kind not in ("unknown", "void")


def pointer_text(p: Printer, annotation: Any) -> str | None:
    """`T.handle("float32", "shared")` for a pointer to numbers; None for any other type."""
    if not isinstance(annotation, PointerType):
        return None
    element = annotation.element_type
    if not isinstance(element, PrimType):
        return None
    args = [string_text(element.dtype)]
    if annotation.storage_scope not in ("", "global"):
        args.append(string_text(annotation.storage_scope))
    return f"{p.tir('handle')}({', '.join(args)})"


def type_text(p: Printer, annotation: Any) -> str:
    """A type by its constructor."""
    name = p.ir("node")
    if isinstance(annotation, PrimType):
        return f'{name}("ir.types.PrimType", dtype={string_text(annotation.dtype)})'
    if isinstance(annotation, PointerType):
        element = type_text(p, annotation.element_type)
        scope = string_text(annotation.storage_scope)
        return f'{name}("ir.types.PointerType", element_type={element}, storage_scope={scope})'
    fields = ", ".join([type_text(p, each) for each in annotation.fields])
    return f'{name}("ir.types.TupleType", fields=[{fields}])'


@prints_expr(scalar.Cast)
def cast(p: Printer, node: scalar.Cast, bare: DataType) -> Text:
    """`T.Cast("int64", x)`."""
    del bare
    return f"{p.tir('Cast')}({string_text(node.dtype)}, {p.expr(node.value)})", Level.ATOM


@prints_expr(scalar.Select)
def select(p: Printer, node: scalar.Select, bare: DataType) -> Text:
    """`T.Select(condition, a, b)`."""
    del bare
    return (
        f"{p.tir('Select')}({p.exprs([node.condition, node.true_value, node.false_value])})",
        Level.ATOM,
    )


@prints_expr(scalar.Ramp)
def ramp(p: Printer, node: scalar.Ramp, bare: DataType) -> Text:
    """`T.Ramp(base, stride, lanes)`."""
    del bare
    # A bare stride would take the base's dtype.
    plain = node.stride.dtype == node.base.dtype.scalar
    stride = p.expr(node.stride) if plain else p.expr(node.stride, Level.ANY, UNKNOWN)
    return f"{p.tir('Ramp')}({p.expr(node.base)}, {stride}, {node.lanes})", Level.ATOM


@prints_expr(scalar.Broadcast)
def broadcast(p: Printer, node: scalar.Broadcast, bare: DataType) -> Text:
    """`T.Broadcast(value, lanes)`."""
    del bare
    return f"{p.tir('Broadcast')}({p.expr(node.value)}, {node.lanes})", Level.ATOM


@prints_expr(scalar.Shuffle)
def shuffle(p: Printer, node: scalar.Shuffle, bare: DataType) -> Text:
    """`T.Shuffle([a, b], [0, 1])`."""
    del bare
    text = f"[{p.exprs(node.vectors)}], [{p.exprs(node.indices)}]"
    return f"{p.tir('Shuffle')}({text})", Level.ATOM


@prints_expr(scalar.Let)
def let(p: Printer, node: scalar.Let, bare: DataType) -> Text:
    """`T.Let(body, where={x: value})`, with the variable declared before the statement."""
    del bare
    value = p.expr(node.value)
    name = define(p, node.var)
    p.pending.append(f"{name} = {declaration(p, node.var)}")
    return f"{p.tir('Let')}({p.expr(node.body)}, where={{{name}: {value}}})", Level.ATOM


@prints_expr(BufferLoad)
def load(p: Printer, node: BufferLoad, bare: DataType) -> Text:
    """`A[i, j]`."""
    del bare
    name = p.expr(node.buffer)
    if node.predicate is not None:
        indices = f"[{p.exprs(node.indices)}]"
        return (
            f"{p.tir('BufferLoad')}({name}, {indices}, {p.expr(node.predicate)})",
            Level.ATOM,
        )
    return f"{name}[{indices_text(p, node.indices)}]", Level.ATOM


def indices_text(p: Printer, indices: tuple[PrimExpr, ...]) -> str:
    """What stands between the brackets."""
    return p.exprs(indices) if indices else "()"


@prints_expr(BufferRegion)
def region(p: Printer, node: BufferRegion, bare: DataType) -> Text:
    """`A[i, j:j + 4]`, in a place where a region is expected; a region of one element is an
    index.
    """
    del bare
    parts = [_range_text(p, each) for each in node.region]
    return f"{p.expr(node.buffer)}[{', '.join(parts) or '()'}]", Level.ATOM


def _range_text(p: Printer, each: scalar.Range) -> str:
    low, extent = each.min, each.extent
    if type(extent) is IntImm and extent.value == 1 and extent.dtype == low.dtype:
        return p.expr(low)
    end = end_of(p, each.min, each.extent)
    return range_text(p, each)[0] if end is None else f"{p.expr(low)}:{p.expr(end)}"


def end_of(p: Printer, begin: PrimExpr, extent: PrimExpr) -> PrimExpr | None:
    """The end from which reading `begin:end` back computes this extent; None where there is
    none.
    """
    end = attempt(arithmetic.add, begin, extent)
    if end is None:
        return None
    pair: Any = attempt(
        arithmetic.match_types, host_value(begin, p.int_dtype), host_value(end, p.int_dtype)
    )
    if pair is None or not same_operand(pair[0], begin):
        return None
    found = attempt(arithmetic.distance, *pair)
    return end if found is not None and same_operand(found, extent) else None


@prints_expr(scalar.Range)
def range_printer(p: Printer, node: scalar.Range, bare: DataType) -> Text:
    """`T.Range.from_min_extent(min, extent)`."""
    del bare
    return range_text(p, node)


def range_text(p: Printer, node: scalar.Range) -> Text:
    """A range by its fields, whatever their dtypes."""
    return f"{p.tir('Range')}(min={p.expr(node.min)}, extent={p.expr(node.extent)})", Level.ATOM


ITER_TYPES = (
    "DataPar",
    "ThreadIndex",
    "CommReduce",
    "Ordered",
    "Opaque",
    "Unrolled",
    "Vectorized",
    "Parallelized",
    "Tensorized",
)


@prints_expr(scalar.IterVar)
def iter_var(p: Printer, node: scalar.IterVar, bare: DataType) -> Text:
    """`T.iter_var(v, dom, "ThreadIndex", "threadIdx.x")`, with the variable declared before the
    statement.
    """
    del bare
    name = p.names.get(node.var)
    if name is None:
        name = define(p, node.var)
        p.pending.append(f"{name} = {declaration(p, node.var)}")
    dom = "None" if node.dom is None else p.expr(node.dom)
    kind = string_text(ITER_TYPES[node.iter_type])
    return f"{p.tir('iter_var')}({name}, {dom}, {kind}, {string_text(node.thread_tag)})", Level.ATOM


@prints_expr(scalar.Call)
def call(p: Printer, node: scalar.Call, bare: DataType) -> Text:
    """`T.exp(x)` where that builds this node; else `T.call_intrin("float32", "tir.exp", x)`."""
    op = node.op
    if not isinstance(op, Op):
        return _call_of_function(p, node)
    if not p.config.verbose_expr:
        text = _operator_call(p, node, op.name, bare) or _intrinsic_call(p, node, op)
        if text is not None:
            return text
    parts = [string_text(node.dtype), string_text(op.name), *_arguments(p, node)]
    return call_text(p.tir("call_intrin"), parts), Level.ATOM


def _call_of_function(p: Printer, node: scalar.Call) -> Text:
    """A call of a function of the module."""
    callee = global_text(p, node.op) if isinstance(node.op, GlobalVar) else p.expr(node.op)
    if isinstance(node.op, GlobalVar):
        expected = p.result_dtypes.get(node.op.name_hint, "void")
        if node.dtype == expected:
            return call_text(callee, _arguments(p, node)), Level.ATOM
    return (
        f"{p.tir('Call')}({string_text(node.dtype)}, {callee}, [{', '.join(_arguments(p, node))}])",
        Level.ATOM,
    )


def _arguments(p: Printer, node: scalar.Call) -> list[str]:
    return [_region_argument(p, each) or p.expr(each) for each in node.args]


def _region_argument(p: Printer, node: Any) -> str | None:
    """A region of a single element, whose short form would be the element itself."""
    if not isinstance(node, BufferRegion):
        return None
    parts = [_range_text(p, each) for each in node.region]
    if any(":" in part for part in parts):
        return None
    ranges = ", ".join([range_text(p, each)[0] for each in node.region])
    return f"{p.expr(node.buffer)}[{ranges}]" if ranges else None


def _same_call(found: Any, node: scalar.Call) -> bool:
    return (
        type(found) is scalar.Call
        and found.op is node.op
        and found.dtype == node.dtype
        and len(found.args) == len(node.args)
        and all(
            same_operand(a, b) or _same_string(a, b)
            for a, b in zip(found.args, node.args, strict=True)
        )
    )


def _same_string(a: Any, b: Any) -> bool:
    return (
        isinstance(a, scalar.StringImm) and isinstance(b, scalar.StringImm) and a.value == b.value
    )


def _operator_call(p: Printer, node: scalar.Call, name: str, bare: DataType) -> Text | None:
    """`a & b`, `~a`."""
    if name in _BITS and len(node.args) == 2:
        sign, level, function = _BITS[name]
        args = [host_value(each, bare) for each in node.args]
        if _same_call(attempt(function, *args), node):
            left, right = node.args
            return f"{p.expr(left, level, bare)} {sign} {p.expr(right, level + 1, bare)}", level
    if name == "tir.bitwise_not" and len(node.args) == 1:
        found = attempt(operator.invert, host_value(node.args[0], bare))
        if _same_call(found, node):
            return f"~{p.expr(node.args[0], Level.UNARY, bare)}", Level.UNARY
    return None


# What the dialect calls an intrinsic whose own name is taken.
_ALIASES = {"tir.pow": "pow"}


def _intrinsic_call(p: Printer, node: scalar.Call, op: Op) -> Text | None:
    """`T.exp(x)`, `T.call_extern("float32", "f", x)`."""
    name = _ALIASES.get(op.name, op.name.removeprefix("tir."))
    function = getattr(intrinsics, name, None)
    if not callable(function):
        return None
    first = [node.dtype] if op.get_attr("dtype_first") else []
    args = [host_value(each, p.int_dtype) for each in node.args]
    if not _same_call(attempt(function, *first, *args), node):
        return None
    texts = [string_text(each) for each in first] + _arguments(p, node)
    return call_text(p.tir(name), texts), Level.ATOM


def global_text(p: Printer, var: GlobalVar) -> str:
    """`cls.f` inside a module that has it; else `I.GlobalVar("f")`."""
    found = p.global_names.get(var.name_hint)
    if found is None:
        return f"{p.ir('GlobalVar')}({string_text(var.name_hint)})"
    p.uses_module = True
    return f"{p.config.module_alias}.{found}"


@prints_expr(GlobalVar)
def global_var(p: Printer, node: GlobalVar, bare: DataType) -> Text:
    """A function of the module."""
    del bare
    return global_text(p, node), Level.ATOM


@prints_expr(Op)
def operator_record(p: Printer, node: Op, bare: DataType) -> Text:
    """`I.Op.get("tir.exp")`."""
    del bare
    return f"{p.ir('Op')}.get({string_text(node.name)})", Level.ATOM
