"""From tensor expressions to a loop function.

In: the tensors that become parameters, in order (placeholders and results), and symbolic variables
among them. Out: a `PrimFunc` with one block per operation, named after it, loops named after the
axes, iteration variables `v_<axis>`, and the tensors in between allocated at the root.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from pellucid.ir import arithmetic as ar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Range, Var
from pellucid.ir.visitor import Mutator, substitute
from pellucid.support.errors import TypeMismatchError
from pellucid.support.naming import NameSupply, identifier
from pellucid.te.bodies import Bodies
from pellucid.te.tensor import ComputeOp, ExternOp, Operation, PlaceholderOp, Tensor
from pellucid.tir import stmt as tir
from pellucid.tir.analysis import complete
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, decl_buffer, full_region
from pellucid.tir.function import PrimFunc
from pellucid.tir.reduction import Reduce
from pellucid.tir.stmt import BufferStore, LetStmt, Stmt

_INFER = {"tir.script_parsing_detect_access": 3}


class _Builder:
    """Collects buffers and blocks."""

    def __init__(self, index_dtype: str | None) -> None:
        self.index_dtype = index_dtype
        self.buffers: dict[tuple[int, int], Buffer] = {}
        self.allocated: list[Buffer] = []
        self.names = NameSupply(("root",))
        self.statements: list[Stmt] = []
        self.variables: dict[Var, PrimExpr] = {}

    def buffer(self, tensor: Tensor) -> Buffer:
        """The buffer of a tensor, made at its first use."""
        found = self.buffers.get(tensor.key)
        if found is None:
            shape = [self.index(extent) for extent in tensor.shape]
            found = decl_buffer(shape, tensor.dtype, identifier(tensor.name))
            self.buffers[tensor.key] = found
        return found

    def index(self, expr: PrimExpr) -> PrimExpr:
        """An index expression in the index dtype asked for."""
        if self.index_dtype is None or not expr.dtype.is_integer:
            return expr
        if isinstance(expr, IntImm):
            return IntImm(self.index_dtype, expr.value)
        return expr

    def block_name(self, operation: Operation) -> str:
        """A block name from the operation's."""
        return self.names.fresh(operation.name.replace(".", "_"))

    def expression(self, expr: PrimExpr, variables: dict[Var, PrimExpr]) -> PrimExpr:
        """A body in terms of buffers and the block's variables."""
        return Bodies(variables, self.buffers).visit(expr)

    def value(self, buffer: Buffer, expr: PrimExpr, variables: dict[Var, PrimExpr]) -> PrimExpr:
        """A body in the dtype of the buffer that it is stored in."""
        return ar.cast_to(buffer.dtype, self.expression(expr, variables))

    def add(self, operation: Operation) -> None:
        """The statement that computes an operation."""
        if isinstance(operation, PlaceholderOp):
            return
        tensors = [operation.output(index) for index in range(operation.num_outputs)]
        buffers = [self.buffer(tensor) for tensor in tensors]
        if isinstance(operation, ComputeOp):
            self.statements.append(self.compute(operation, buffers))
        elif isinstance(operation, ExternOp):
            self.statements.append(self.extern(operation, buffers))
        else:
            raise TypeMismatchError(f"{type(operation).__name__} has no loop form.")

    def compute(self, operation: ComputeOp, buffers: list[Buffer]) -> Stmt:
        """Loops around one block."""
        axes = [*operation.axis, *operation.reduce_axis]
        variables: dict[Var, PrimExpr] = {}
        loops: list[tuple[Var, Range]] = []
        iters: list[IterVar] = []
        for axis in axes:
            assert axis.dom is not None
            low = self.index(self.expression(axis.dom.min, variables))
            extent = self.index(self.expression(axis.dom.extent, variables))
            low, extent = ar.match_types(low, extent)
            dom = Range(min=low, extent=extent)
            loops.append((Var(axis.name, extent.dtype), dom))
            block_var = Var(f"v_{axis.name}", extent.dtype)
            variables[axis.var] = block_var
            iters.append(IterVar(dom, block_var, axis.iter_type))
        values: list[Any] = [var for var, _ in loops]
        indices: list[Any] = [variables[axis.var] for axis in operation.axis]
        if not iters:
            iters.append(IterVar(Range(0, 1), Var("vi", "int32"), IterVar.DataPar))
            values.append(IntImm("int32", 0))
        first = operation.body[0]
        if isinstance(first, Reduce):
            init, body = self.reduction(operation, buffers, variables, indices)
        else:
            init = None
            stores = [
                BufferStore(buffer, self.value(buffer, value, variables), indices)
                for buffer, value in zip(buffers, operation.body, strict=True)
            ]
            body = tir.seq(*stores)
        annotations = {**_INFER, **_plain(operation.attrs.items())}
        block = Block(
            iters, [], [], self.block_name(operation), body, init, annotations=annotations
        )
        nest: Stmt = BlockRealize(values, True, block)
        for var, dom in reversed(loops):
            nest = tir.For(var, dom.min, dom.extent, "serial", nest)
        return nest

    def reduction(
        self,
        operation: ComputeOp,
        buffers: list[Buffer],
        variables: dict[Var, PrimExpr],
        indices: list[Any],
    ) -> tuple[Stmt, Stmt]:
        """The init and the update of a reduction."""
        first = cast("Reduce", operation.body[0])
        starts = first.init or first.combiner.identity_element
        init = tir.seq(
            *[
                BufferStore(b, self.value(b, s, variables), indices)
                for b, s in zip(buffers, starts, strict=True)
            ]
        )
        mapping: dict[Var, PrimExpr] = {}
        sources = [
            self.value(buffer, source, variables)
            for buffer, source in zip(buffers, first.source, strict=True)
        ]
        condition = self.expression(first.condition, variables)
        for k, buffer in enumerate(buffers):
            mapping[first.combiner.lhs[k]] = BufferLoad(buffer, indices)
            source = ar.select(condition, sources[k], first.combiner.identity_element[k])
            mapping[first.combiner.rhs[k]] = source
        results = [substitute(result, mapping) for result in first.combiner.result]
        if len(buffers) == 1:
            return init, BufferStore(buffers[0], results[0], indices)
        return init, _together(buffers, results, indices)

    def extern(self, operation: ExternOp, buffers: list[Buffer]) -> Stmt:
        """An opaque block around the user's statement."""
        inputs = [self.buffer(tensor) for tensor in operation.inputs]
        mapping: dict[Any, Any] = {}
        pairs = [
            *zip(operation.input_placeholders, inputs, strict=True),
            *zip(operation.output_placeholders, buffers, strict=True),
        ]
        for placeholder, buffer in pairs:
            mapping[placeholder] = buffer
            mapping[placeholder.data] = buffer.data
        body = _BufferSwap(mapping).visit(operation.body)
        reads: list[BufferRegion] = [full_region(buffer) for buffer in dict.fromkeys(inputs)]
        writes = [full_region(buffer) for buffer in buffers]
        block = Block([], reads, writes, self.block_name(operation), body)
        return BlockRealize([], True, block)


class _BufferSwap(Mutator):
    """Replaces placeholder buffers, and the pointers behind them."""

    def __init__(self, mapping: dict[Any, Any]) -> None:
        super().__init__()
        self.replaced.update(mapping)


def _together(buffers: list[Buffer], results: list[PrimExpr], indices: list[Any]) -> Stmt:
    """Several results at once: all are computed before the first is stored."""
    lets = [
        Var(f"v_{buffer.name}", value.dtype) for buffer, value in zip(buffers, results, strict=True)
    ]
    stores = [BufferStore(b, var, indices) for b, var in zip(buffers, lets, strict=True)]
    body: Stmt = tir.seq(*stores)
    for var, value in zip(reversed(lets), reversed(results), strict=True):
        body = LetStmt(var, value, body)
    return body


def _plain(attrs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The attributes of an operation that a block can carry."""
    return {key: value for key, value in attrs if isinstance(value, str | int | float | tuple)}


def _operations(tensors: list[Tensor]) -> list[Operation]:
    """The operations behind some tensors, producers first."""
    order: list[Operation] = []
    seen: set[int] = set()
    stack: list[tuple[Operation, bool]] = [(tensor.op, False) for tensor in reversed(tensors)]
    while stack:
        operation, done = stack.pop()
        if done:
            order.append(operation)
            continue
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        stack.append((operation, True))
        stack.extend((tensor.op, False) for tensor in reversed(operation.input_tensors))
    return order


def _as_list(values: Any) -> list[Any]:
    return list(cast("list[Any]", values)) if isinstance(values, list | tuple) else [values]


def create_prim_func(ops: Any, index_dtype_override: str | None = None) -> PrimFunc:
    """The loop function whose parameters are `ops`: tensors (inputs and results) and scalar
    variables.

    Every operation that the results need is included. `index_dtype_override` is the dtype of
    constant extents.
    """
    given = _as_list(ops)
    tensors = [each for each in given if isinstance(each, Tensor)]
    builder = _Builder(index_dtype_override)
    params: list[Var] = []
    table: dict[Var, Buffer] = {}
    for each in given:
        if isinstance(each, Tensor):
            buffer = builder.buffer(each)
            handle = Var(f"var_{buffer.name}", "handle")
            params.append(handle)
            table[handle] = buffer
        elif isinstance(each, Var):
            params.append(each)
        else:
            raise TypeMismatchError(
                "A parameter is a tensor or a variable.", found=each.__class__.__name__
            )
    keys = {tensor.key for tensor in tensors}
    for operation in _operations(tensors):
        _require_parameter(operation, keys)
        for index in range(operation.num_outputs):
            tensor = operation.output(index)
            if tensor.key not in keys:
                builder.allocated.append(builder.buffer(tensor))
        builder.add(operation)
    body = tir.seq(*builder.statements)
    root = Block([], [], [], "root", body, alloc_buffers=builder.allocated)
    attrs: dict[str, Any] = {"global_symbol": "main", "tir.noalias": True}
    func = PrimFunc(params, BlockRealize([], True, root), None, table, attrs)
    return complete(func)


def _require_parameter(operation: Operation, keys: set[tuple[int, int]]) -> None:
    if isinstance(operation, PlaceholderOp) and operation.output(0).key not in keys:
        raise TypeMismatchError(
            f"The placeholder {operation.name!r} is used and is no parameter.",
            cure="add it to the list of parameters",
        )


def create_prim_func_from_outputs(
    outputs: Any, index_dtype_override: str | None = None
) -> PrimFunc:
    """As `create_prim_func`, with the placeholders behind `outputs` as the first parameters."""
    found = _as_list(outputs)
    inputs = [op.output(0) for op in _operations(found) if isinstance(op, PlaceholderOp)]
    return create_prim_func([*inputs, *found], index_dtype_override)


__all__ = ["create_prim_func", "create_prim_func_from_outputs"]
