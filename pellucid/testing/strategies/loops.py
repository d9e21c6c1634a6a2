"""Strategies for loop functions that run: a few stages, each computing a buffer from earlier ones.

Every program is well formed and in bounds by construction, so that the interpreter accepts it and
native code must
agree. Between them the programs use every statement, loop kind, dtype and scalar operation;
`features` of a program
says which, so that a run can check its coverage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pellucid.interp.values import numpy_dtype
from pellucid.ir import arithmetic as ar
from pellucid.ir import scalar as ir
from pellucid.ir.dtype import DataType
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.visitor import pre_order, substitute
from pellucid.testing.strategies.scalars import DTYPES, constant, expression
from pellucid.tir import stmt as tir
from pellucid.tir.analysis import complete
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, decl_buffer, full_region
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Stmt


@dataclass
class LoopProgram:
    """A loop function, and arrays to call it with (outputs last, all writable)."""

    func: PrimFunc
    arrays: list[np.ndarray[Any, Any]]
    features: set[str]


@dataclass
class _Build:
    """The program under construction."""

    draw: st.DrawFn
    inputs: list[Buffer] = field(default_factory=list[Buffer])
    made: list[Buffer] = field(default_factory=list[Buffer])
    scalars: list[ir.Var] = field(default_factory=list[ir.Var])
    symbol: ir.Var | None = None
    size: int = 0
    names: int = 0

    def name(self, hint: str) -> str:
        """A new name."""
        self.names += 1
        return f"{hint}{self.names}"

    def dims(self, buffer: Buffer) -> list[Any]:
        """The dimensions of a buffer: ints, and the symbol."""
        return [d if d is self.symbol else constant_extent(d) for d in buffer.shape]

    def extent(self, dim: PrimExpr) -> int:
        """The number that a dimension stands for in this run."""
        return self.size if dim is self.symbol else constant_extent(dim)


def constant_extent(dim: PrimExpr) -> int:
    """The value of a constant dimension."""
    assert isinstance(dim, ir.IntImm)
    return dim.value


def _shape(build: _Build) -> list[Any]:
    dims = build.draw(st.lists(st.sampled_from([1, 2, 3, 4, 5, 8]), min_size=0, max_size=3))
    found: list[Any] = list(dims)
    if build.symbol is not None and found and build.draw(st.booleans()):
        found[0] = build.symbol
    return found


def _dtype(draw: st.DrawFn) -> DataType:
    common = ["float32"] * 6 + ["int32", "int64", "float64"] * 2
    return DataType(draw(st.sampled_from([*common, *DTYPES])))


def _loops(build: _Build, shape: Any, prefix: str, kinds: bool = True) -> list[tuple[Any, ...]]:
    """A loop for each dimension: (variable, extent, kind)."""
    loops: list[tuple[Any, ...]] = []
    for axis, extent in enumerate(shape):
        choices = ["serial"] * 3 + ["unrolled", "parallel"]
        if isinstance(extent, int) and axis == len(shape) - 1 and extent > 1:
            choices += ["vectorized", "vectorized"]
        kind = build.draw(st.sampled_from(choices)) if kinds else "serial"
        dtype = "int64" if not isinstance(extent, int) else "int32"
        loops.append((ir.Var(f"{prefix}{axis}", dtype), extent, kind))
    return loops


def _nest(loops: list[tuple[Any, ...]], body: Stmt) -> Stmt:
    for var, extent, kind in reversed(loops):
        low = ir.IntImm(var.dtype, 0)
        body = tir.For(var, low, ar.cast_to(var.dtype, ar.const(extent, None)), kind, body)
    return body


def _load(build: _Build, buffer: Buffer, variables: list[Any]) -> PrimExpr:
    """A load in bounds: each index is a fitting variable, a clamped one, or a constant."""
    indices: list[PrimExpr] = []
    for dim in buffer.shape:
        limit = build.extent(dim)
        fitting = [v for v, extent in variables if extent <= limit]
        if fitting and build.draw(st.integers(0, 3)) > 0:
            indices.append(build.draw(st.sampled_from(fitting)))
        elif variables and build.draw(st.booleans()):
            var = build.draw(st.sampled_from(variables))[0]
            indices.append(ar.floormod(var, limit) if limit > 1 else ar.const(0, var.dtype))
        else:
            indices.append(ir.IntImm("int32", build.draw(st.integers(0, limit - 1))))
    return BufferLoad(buffer, indices)


def _leaves(build: _Build, variables: list[Any]) -> list[PrimExpr]:
    sources = [*build.inputs, *build.made]
    count = build.draw(st.integers(1, 3))
    loads = [_load(build, build.draw(st.sampled_from(sources)), variables) for _ in range(count)]
    return [*loads, *[v for v, _ in variables], *build.scalars]


def _iters(build: _Build, loops: list[tuple[Any, ...]], kind: int) -> tuple[list[Any], list[Any]]:
    iters: list[ir.IterVar] = []
    variables: list[Any] = []
    for var, extent, _ in loops:
        block_var = ir.Var(f"v{var.name}", var.dtype)
        low = ir.IntImm(var.dtype, 0)
        dom = ir.Range(min=low, extent=ar.cast_to(var.dtype, ar.const(extent, None)))
        iters.append(ir.IterVar(dom, block_var, kind))
        variables.append(
            (block_var, build.extent(extent) if not isinstance(extent, int) else extent)
        )
    return iters, variables


def _block(build: _Build, iters: Any, body: Stmt, **more: Any) -> Block:
    """A block with reads and writes left to be inferred."""
    annotations = {"tir.script_parsing_detect_access": 3}
    return Block(iters, [], [], build.name("b"), body, annotations=annotations, **more)


def _store(build: _Build, target: Buffer, value: PrimExpr, indices: list[Any]) -> Stmt:
    """A store, sometimes inside a let, a condition with both branches, or an assertion."""
    store: Stmt = tir.BufferStore(target, value, indices)
    form = build.draw(st.integers(0, 9))
    if form == 0:
        var = ir.Var(build.name("x"), value.dtype)
        return tir.LetStmt(var, value, tir.BufferStore(target, var, indices))
    if form == 1 and indices:
        other = tir.BufferStore(target, constant(build.draw, target.dtype), indices)
        return tir.IfThenElse(ir.LT(indices[0], ar.const(2, indices[0].dtype)), store, other)
    if form == 2:
        return tir.AssertStmt(ir.IntImm("bool", 1), "never", store)
    if form == 3:
        steps = ir.IntImm("int32", build.draw(st.integers(0, 8)))
        return tir.AttrStmt(ir.StringImm("x"), "pragma_auto_unroll_max_step", steps, store)
    return store


def _elementwise(build: _Build, target: Buffer) -> Stmt:
    """Every element of the target from an expression."""
    shape = build.dims(target)
    loops = _loops(build, shape, build.name("i"))
    iters, variables = _iters(build, loops, ir.IterVar.DataPar)
    leaves = _leaves(build, variables)
    value = expression(build.draw, target.dtype, leaves, build.draw(st.integers(0, 3)))
    indices = [v for v, _ in variables]
    store = _store(build, target, value, indices)
    if build.draw(st.integers(0, 3)) == 0 and not build.scalars:
        plain = {iter_.var: loop[0] for iter_, loop in zip(iters, loops, strict=True)}
        return _nest(loops, _substituted(store, plain))
    block = _block(build, iters, store)
    return _split(build, loops, block)


def _substituted(store: Stmt, mapping: dict[Any, Any]) -> Stmt:
    """The store in an opaque block over the loop variables themselves."""
    from_block = Block(
        [], [], [], "opaque", store, annotations={"tir.script_parsing_detect_access": 3}
    )
    return substitute(BlockRealize([], True, from_block), mapping)


def _split(build: _Build, loops: list[tuple[Any, ...]], block: Block) -> Stmt:
    """The loops around a block, one of them sometimes split with a predicate."""
    constant_loops = [k for k, loop in enumerate(loops) if isinstance(loop[1], int) and loop[1] > 1]
    values: list[Any] = [loop[0] for loop in loops]
    if not constant_loops or build.draw(st.integers(0, 2)) > 0:
        return _nest(loops, BlockRealize(values, True, block))
    k = build.draw(st.sampled_from(constant_loops))
    var, extent, kind = loops[k]
    factor = build.draw(st.integers(2, 4))
    outer, inner = ir.Var(f"{var.name}_0", var.dtype), ir.Var(f"{var.name}_1", var.dtype)
    index = ar.add(ar.mul(outer, factor), inner)
    rows = -(-extent // factor)
    predicate = True if rows * factor == extent else ir.LT(index, ar.const(extent, var.dtype))
    values[k] = index
    parts = [(outer, rows, "serial"), (inner, factor, kind)]
    return _nest([*loops[:k], *parts, *loops[k + 1 :]], BlockRealize(values, predicate, block))


def _reduction(build: _Build, target: Buffer) -> Stmt:
    """A sum, product of signs, minimum or maximum over one or two more axes."""
    shape = build.dims(target)
    loops = _loops(build, shape, build.name("i"))
    reduced = build.draw(st.lists(st.integers(1, 4), min_size=1, max_size=2))
    inner = _loops(build, reduced, build.name("k"), kinds=False)
    iters, variables = _iters(build, loops, ir.IterVar.DataPar)
    extra, more = _iters(build, inner, ir.IterVar.CommReduce)
    leaves = _leaves(build, [*variables, *more])
    value = expression(build.draw, target.dtype, leaves, 1)
    indices = [v for v, _ in variables]
    old = BufferLoad(target, indices)
    node = build.draw(st.sampled_from([ir.Add, ir.Min, ir.Max]))
    body = tir.BufferStore(target, node(old, value), indices)
    init = tir.BufferStore(target, constant(build.draw, target.dtype), indices)
    block = _block(build, [*iters, *extra], body, init=init)
    order = [*loops, *inner]
    if build.draw(st.booleans()) and all(kind == "serial" for *_, kind in loops):
        order = [*inner, *loops]
    return _nest(
        order, BlockRealize([*[v for v, *_ in loops], *[v for v, *_ in inner]], True, block)
    )


def _scan(build: _Build, target: Buffer) -> Stmt:
    """A running value along the first axis: in order."""
    if not target.shape or target.shape[0] is build.symbol:
        return _elementwise(build, target)
    shape = build.dims(target)
    loops = _loops(build, shape, build.name("i"), kinds=False)
    iters, variables = _iters(build, loops, ir.IterVar.Ordered)
    first = variables[0][0]
    indices = [v for v, _ in variables]
    leaves = _leaves(build, variables)
    value = expression(build.draw, target.dtype, leaves, 1)
    if target.dtype.is_bool:
        return _elementwise(build, target)
    previous = BufferLoad(target, [ar.sub(first, 1), *indices[1:]])
    running = ir.Max(previous, value)
    start = expression(build.draw, target.dtype, leaves, 1)
    step = ir.Call(
        target.dtype, "tir.if_then_else", [ir.GT(first, ar.const(0, first.dtype)), running, start]
    )
    block = _block(build, iters, tir.BufferStore(target, step, indices))
    return _nest(loops, BlockRealize([v for v, *_ in loops], True, block))


def _local(build: _Build, target: Buffer) -> Stmt:
    """A block with a buffer of its own, filled by a while loop, then copied to the target."""
    if any(d is build.symbol for d in target.shape):
        return _elementwise(build, target)
    shape = build.dims(target)
    loops = _loops(build, shape, build.name("i"), kinds=False)
    iters, variables = _iters(build, loops, ir.IterVar.DataPar)
    cell = decl_buffer([2], target.dtype, build.name("cell"))
    count = decl_buffer([1], "int32", build.name("count"))
    leaves = _leaves(build, variables)
    value = expression(build.draw, target.dtype, leaves, 1)
    turns = build.draw(st.integers(1, 3))
    zero, position = ir.IntImm("int32", 0), BufferLoad(count, [0])
    body = tir.seq(
        tir.BufferStore(count, zero, [0]),
        tir.While(
            ir.LT(position, ir.IntImm("int32", turns)),
            tir.seq(
                tir.BufferStore(cell, value, [ar.floormod(position, 2)]),
                tir.BufferStore(count, ir.Add(position, ir.IntImm("int32", 1)), [0]),
            ),
        ),
        tir.BufferStore(target, BufferLoad(cell, [0]), [v for v, _ in variables]),
    )
    block = _block(build, iters, body, alloc_buffers=[cell, count])
    return _nest(loops, BlockRealize([v for v, *_ in loops], True, block))


_STAGES: list[Callable[[_Build, Buffer], Stmt]] = [
    _elementwise,
    _elementwise,
    _elementwise,
    _reduction,
    _reduction,
    _scan,
    _local,
]


def _array(draw: st.DrawFn, shape: tuple[int, ...], dtype: DataType) -> np.ndarray[Any, Any]:
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    if dtype.is_bool:
        return np.array(random.integers(0, 2, shape), dtype=bool)
    low = 0 if dtype.is_uint else -8
    numbers = np.array(random.integers(low, 9, shape))
    if dtype.is_float and dtype.bits > 8:
        return np.array(numbers / 4).astype(numpy_dtype(dtype))
    return numbers.astype(numpy_dtype(dtype))


def features(func: PrimFunc) -> set[str]:
    """The names of node classes, dtypes and loop kinds in a function."""
    found: set[str] = set()
    for node in pre_order(func):
        found.add(type(node).__name__)
        if isinstance(node, tir.For):
            found.add(node.kind.name.lower())
        if isinstance(node, PrimExpr):
            found.add(str(node.dtype.scalar))
        if isinstance(node, ir.Call):
            found.add(str(getattr(node.op, "name", "")))
    return found


@st.composite
def loop_programs(draw: st.DrawFn) -> LoopProgram:
    """A loop function that runs, with arrays to call it with."""
    build = _Build(draw)
    if draw(st.integers(0, 2)) == 0:
        build.symbol = ir.SizeVar("n", "int64")
        build.size = draw(st.sampled_from([1, 2, 3, 7]))
    if draw(st.integers(0, 3)) == 0:
        build.scalars.append(ir.Var("s", "int32"))
    for _ in range(draw(st.integers(1, 3))):
        build.inputs.append(decl_buffer(_shape(build), _dtype(draw), build.name("A")))
    bound = any(d is build.symbol for b in build.inputs for d in b.shape)
    if build.symbol is not None and not bound:
        build.inputs.append(decl_buffer([build.symbol], "float32", build.name("A")))
    stages: list[Stmt] = []
    for _ in range(draw(st.integers(1, 3))):
        target = decl_buffer(_shape(build), _dtype(draw), build.name("B"))
        stages.append(draw(st.sampled_from(_STAGES))(build, target))
        build.made.append(target)
    output = build.made[-1]
    allocs = build.made[:-1]
    body: Stmt = tir.seq(*stages)
    root = Block([], [], [], "root", body, alloc_buffers=allocs)
    buffers = [*build.inputs, output]
    params: list[Any] = [ir.Var(f"{b.name}_handle", "handle") for b in buffers]
    table = dict(zip(params, buffers, strict=True))
    func = PrimFunc(
        [*params, *build.scalars],
        BlockRealize([], True, root),
        None,
        table,
        {"global_symbol": "main", "tir.noalias": True},
    )
    func = complete(func)
    arrays: list[Any] = []
    for buffer in buffers:
        shape = tuple(build.extent(d) for d in buffer.shape)
        arrays.append(_array(draw, shape, buffer.dtype))
    arrays += [draw(st.integers(-3, 3)) for _ in build.scalars]
    return LoopProgram(func, arrays, features(func))


__all__ = ["LoopProgram", "features", "full_region", "loop_programs"]
