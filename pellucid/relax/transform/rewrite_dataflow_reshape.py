"""RewriteDataflowReshape: loop functions that only reshape become the operator `reshape` again.

    y = R.call_tir(cls.reshape, (x,), R.Tensor((6,), "float32"))   →   y = R.reshape(x, (6,))

In: a module of `call_tir`s. Out: the same, where a call in a dataflow block copies each element to
the place with the same number in row-major order. Such a reshape needs no loop function at run
time: it is another view of the same memory, or, where someone outside may keep it, a plain copy
(`codegen/ownership.py` decides).
"""

from __future__ import annotations

from typing import cast

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.arithmetic import add, floordiv, floormod, mul
from pellucid.ir.module import IRModule
from pellucid.ir.op import find_op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm
from pellucid.ir.transform import Pass, PassContext
from pellucid.ir.visitor import pre_order
from pellucid.relax.expr import Call, Expr, Function, ShapeExpr, Tuple, VarBinding
from pellucid.relax.expr_functor import PyExprMutator, mutator
from pellucid.relax.struct_info import TensorStructInfo
from pellucid.relax.transform.fuse_ops import callee_of
from pellucid.relax.transform.passes import function_pass
from pellucid.support.errors import PassError
from pellucid.tir.block import Block
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore


def is_reshape(func: PrimFunc) -> bool:
    """Whether a loop function copies its one input to its one output, element by element in
    row-major order, in one step or in several.
    """
    buffers = func.buffers
    if len(func.params) != 2 or len(buffers) != 2 or func.attrs.get("tir.is_scheduled", False):
        return False
    at, target = buffers
    nodes = list(pre_order(func.body))
    blocks = [each for each in nodes if isinstance(each, Block) and each.iter_vars]
    if len(blocks) != sum(isinstance(each, BufferStore) for each in nodes):
        return False
    for block in blocks:
        store = block.body
        if not isinstance(store, BufferStore) or not _keeps_order(block, store, at):
            return False
        at = store.buffer
    return at is target and bool(blocks)


def _keeps_order(block: Block, store: BufferStore, source: Buffer) -> bool:
    """Whether a block copies `source` to the buffer that it stores to, in order."""
    load, target = store.value, store.buffer
    if not isinstance(load, BufferLoad) or load.buffer is not source or block.init is not None:
        return False
    if store.predicate is not None or source.dtype != target.dtype:
        return False
    analyzer = Analyzer()
    for each in block.iter_vars:
        analyzer.bind(each.var, each.dom)
    if not analyzer.can_prove_equal(_size(source), _size(target)):
        return False
    place = _place(store.indices, target)
    if analyzer.can_prove_equal(_place(load.indices, source), place):
        return True
    # Index by index: each in the form that simplifying gives to a digit of the place.
    return all(
        analyzer.can_prove_equal(index.astype("int64"), digit)
        for index, digit in zip(load.indices, _digits(place, source), strict=True)
    )


def _size(buffer: Buffer) -> PrimExpr:
    total: PrimExpr = IntImm("int64", 1)
    for extent in buffer.shape:
        total = mul(total, extent.astype("int64"))
    return total


def _place(indices: tuple[PrimExpr, ...], buffer: Buffer) -> PrimExpr:
    """The number of an element in row-major order."""
    place: PrimExpr = IntImm("int64", 0)
    for index, extent in zip(indices, buffer.shape, strict=True):
        place = add(mul(place, extent.astype("int64")), index.astype("int64"))
    return place


def _digits(place: PrimExpr, buffer: Buffer) -> list[PrimExpr]:
    """The indices of the element with a number in row-major order."""
    digits: list[PrimExpr] = []
    below: PrimExpr = IntImm("int64", 1)
    for axis in reversed(range(len(buffer.shape))):
        extent = buffer.shape[axis].astype("int64")
        digit = floordiv(place, below)
        digits.append(floormod(digit, extent) if axis else digit)
        below = mul(below, extent)
    return digits[::-1]


@mutator
class _Rewrite(PyExprMutator):
    def __init__(self, mod: IRModule) -> None:
        super().__init__(mod)
        self.mod = mod
        self.known: dict[str, bool] = {}

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """A reshape in a dataflow block."""
        new = self.reshaped(binding.value) if self.builder_.current_block_is_dataflow() else None
        if new is None:
            super().visit_var_binding_(binding)
        else:
            super().visit_var_binding_(VarBinding(binding.var, new, span=binding.span))

    def reshaped(self, value: Expr) -> Expr | None:
        """The operator call for a call of a reshaping loop function; None for anything else."""
        callee = callee_of(value)
        func = None if callee is None else self.mod.get(callee)
        if callee is None or not isinstance(func, PrimFunc) or not isinstance(value, Call):
            return None
        info = value.sinfo_args[0]
        args = cast("Tuple", value.args[1]).fields
        shaped = isinstance(info, TensorStructInfo) and isinstance(info.shape, ShapeExpr)
        if len(args) != 1 or len(value.args) > 2 or not shaped:
            return None
        if callee.name_hint not in self.known:
            self.known[callee.name_hint] = is_reshape(func)
        if not self.known[callee.name_hint]:
            return None
        op = find_op("relax.reshape")
        if op is None:
            raise PassError(
                "RewriteDataflowReshape needs the operator relax.reshape.",
                cure="import pellucid.relax.op, which defines the operators",
            )
        shape = cast("ShapeExpr", cast("TensorStructInfo", info).shape)
        return self.builder_.normalize(Call(op, [args[0], shape]))


@function_pass(opt_level=0, name="RewriteDataflowReshape")
def _rewrite(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del ctx
    return _Rewrite(mod).visit_expr(func)


def RewriteDataflowReshape() -> Pass:
    """The pass that finds the reshapes that need no copy."""
    return _rewrite
