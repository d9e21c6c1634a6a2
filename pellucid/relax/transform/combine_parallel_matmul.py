"""CombineParallelMatmul: matmuls of one value by several weights become one matmul.

    a = R.matmul(x, w)                  c = R.matmul(x, R.concat((w, v), axis=1))
    b = R.matmul(x, v)         →        s = R.split(c, [n], axis=-1)
                                        a, b = s[0], s[1]

In: a module of operators. Out: in each dataflow block, matmuls that share their left side, and
whose right sides are matrices of known size and equal dtype that are there before the first of
them, are computed at once. With weights that are constants the concatenation folds.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    Call,
    DataflowBlock,
    DataflowVar,
    Expr,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
)
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.transform.passes import dataflowblock_pass

# Whether matmuls of an input by some weights shall be combined.
Check = Callable[[Expr, list[Expr]], bool]


def _columns(weight: Expr) -> int | None:
    """The number of columns of a matrix of known size."""
    info = weight.struct_info_
    if not isinstance(info, TensorStructInfo) or not isinstance(info.shape, ShapeExpr):
        return None
    dims = info.shape.values
    known = len(dims) == 2 and all(isinstance(each, IntImm) for each in dims)
    return int(dims[1].value) if known and isinstance(dims[1], IntImm) else None


def _groups(block: DataflowBlock) -> list[list[VarBinding]]:
    """The matmuls that can be combined, at least two in a group."""
    matmul = Op.get("relax.matmul")
    place: dict[Var, int] = {each.var: i for i, each in enumerate(block.bindings)}
    groups: dict[object, list[VarBinding]] = {}
    for binding in block.bindings:
        value = binding.value
        if not isinstance(binding, VarBinding) or not isinstance(value, Call):
            continue
        if value.op is not matmul or _columns(value.args[1]) is None:
            continue
        left, weight = value.args
        if not isinstance(left, Var) or _ndim(left) < 2:
            continue
        info = weight.struct_info
        dtype = str(info.dtype) if isinstance(info, TensorStructInfo) else ""
        group = groups.setdefault((left, dtype, value.attrs.entries), [])
        first = place[group[0].var] if group else place[binding.var]
        if not isinstance(weight, Var) or place.get(weight, -1) < first:
            group.append(binding)
    return [each for each in groups.values() if len(each) > 1]


def _ndim(value: Expr) -> int:
    info = value.struct_info_
    return info.ndim if isinstance(info, TensorStructInfo) else -1


def _combined(mod: IRModule, group: list[VarBinding]) -> list[Binding]:
    """The bindings that take the place of a group."""
    builder = BlockBuilder(mod)
    calls = [each.value for each in group if isinstance(each.value, Call)]
    weights = [each.args[1] for each in calls]
    sizes = [_columns(each) or 0 for each in weights]
    found: list[Binding] = []

    def bind(call: Call, name: str) -> Var:
        value = builder.normalize(call)
        var = DataflowVar(name, builder.info_of(value))
        found.append(VarBinding(var, value))
        return var

    concat, split = Op.get("relax.concat"), Op.get("relax.split")
    weight = bind(Call(concat, [Tuple(weights)], {"axis": 1}), "weights")
    product = bind(Call(calls[0].op, [calls[0].args[0], weight], calls[0].attrs), "combined")
    places = tuple(accumulate(sizes))[:-1]
    parts = bind(
        Call(split, [product], {"indices_or_sections": places, "axis": _ndim(product) - 1}), "parts"
    )
    found.extend(VarBinding(each.var, TupleGetItem(parts, i)) for i, each in enumerate(group))
    return found


def CombineParallelMatmul(check: Check | None = None) -> Pass:
    """The pass that computes matmuls of the same value together.

    `check(input, weights)` may refuse a group.
    """

    @dataflowblock_pass(opt_level=0, name="CombineParallelMatmul")
    def combine(block: DataflowBlock, mod: IRModule, ctx: PassContext) -> DataflowBlock:
        del ctx
        new: dict[Binding, list[Binding]] = {}
        for group in _groups(block):
            calls = [each.value for each in group if isinstance(each.value, Call)]
            if check is not None and not check(calls[0].args[0], [each.args[1] for each in calls]):
                continue
            new.update({each: [] for each in group})
            new[group[0]] = _combined(mod, group)
        if not new:
            return block
        bindings = [b for each in block.bindings for b in new.get(each, [each])]
        return DataflowBlock(bindings, span=block.span)

    return combine


__all__ = ["CombineParallelMatmul"]
