"""The shape of the normal form: what may stand as an argument, and how blocks are laid out.

In a normal graph function every argument is a leaf or a tuple of such, nested sequences are
flattened into the blocks around them, neighbouring blocks of one kind are one block, and no block
is empty. `relax.normalize` brings programs into that form.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.op import Op
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Constant,
    DataflowBlock,
    DataTypeImm,
    Expr,
    ExternFunc,
    PrimValue,
    SeqExpr,
    ShapeExpr,
    StringImm,
    Tuple,
    Var,
    VarBinding,
)

LEAVES = (
    Var,
    GlobalVar,
    Constant,
    ShapeExpr,
    PrimValue,
    StringImm,
    DataTypeImm,
    ExternFunc,
    Op,
)


def is_leaf(expr: Any) -> bool:
    """Whether an expression may stand as an argument as it is."""
    return isinstance(expr, LEAVES)


def is_leaf_or_tuple(expr: Any) -> bool:
    """Whether an expression is a leaf, or a tuple (of tuples) of leaves."""
    if isinstance(expr, Tuple):
        return all(is_leaf_or_tuple(each) for each in expr.fields)
    return is_leaf(expr)


def same_elements(a: Iterable[Any], b: Iterable[Any]) -> bool:
    """Whether two sequences hold the very same objects."""
    first, second = list(a), list(b)
    return len(first) == len(second) and all(x is y for x, y in zip(first, second, strict=True))


def _flatten(block: BindingBlock) -> list[BindingBlock]:
    """`block` without bindings of sequences: their blocks come before, their result is bound."""
    if not any(
        isinstance(each, VarBinding) and isinstance(each.value, SeqExpr) for each in block.bindings
    ):
        return [block]
    kind = type(block)
    result: list[BindingBlock] = []
    current: list[Binding] = []
    for binding in block.bindings:
        if not isinstance(binding, VarBinding) or not isinstance(binding.value, SeqExpr):
            current.append(binding)
            continue
        seq = binding.value
        result.append(kind(current))
        for inner in seq.blocks:
            # Within a dataflow block everything is dataflow.
            flat = _flatten(inner)
            result.extend(DataflowBlock(b.bindings) if kind is DataflowBlock else b for b in flat)
        current = [binding.replace(value=seq.body)]
    result.append(kind(current))
    return result


def lay_out(blocks: Iterable[BindingBlock]) -> tuple[BindingBlock, ...]:
    """The blocks with sequences flattened, neighbours of one kind merged, and empty ones
    dropped; blocks that need no change stay the same objects.
    """
    result: list[BindingBlock] = []
    for block in blocks:
        for each in _flatten(block):
            if not each.bindings:
                continue
            if result and type(result[-1]) is type(each):
                result[-1] = type(each)(result[-1].bindings + each.bindings)
            else:
                result.append(each)
    return tuple(result)


def relaid(seq: SeqExpr, blocks: Iterable[BindingBlock], body: Expr) -> SeqExpr:
    """`seq` with other blocks and body, laid out; the same object when nothing changed."""
    laid = lay_out(blocks)
    if body is seq.body and same_elements(laid, seq.blocks):
        return seq
    return SeqExpr(laid, body, span=seq.span)
