"""Strategies for modules with graph functions that run, and NumPy arguments for their `main`.

The values are small integers held as floats (or integers), so that every way of running the module
gives the same bits.
Packed functions used are `testing.twice` (destination passing) and `testing.negate` (returns);
register them with
`register_library`.
"""

# The element functions given to te.compute are lambdas without annotations.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.ir import scalar as ir
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.visitor import pre_order, substitute
from pellucid.relax import call as rc
from pellucid.relax import expr as rx
from pellucid.relax import struct_info as si
from pellucid.relax.block_builder import BlockBuilder
from pellucid.runtime.registry import register_func
from pellucid.runtime.tensor import Tensor, array
from pellucid.tir.function import PrimFunc

COLUMNS = 3


@dataclass
class GraphProgram:
    """A module, arguments for its `main`, and which node classes it has."""

    module: IRModule
    args: list[Any]
    features: set[str]


@dataclass
class _Build:
    """The module under construction; every tensor is (n, 3) with one symbolic n."""

    draw: st.DrawFn
    builder: BlockBuilder = field(default_factory=BlockBuilder)
    kernels: dict[str, GlobalVar] = field(default_factory=dict[str, GlobalVar])
    helpers: list[tuple[GlobalVar, str]] = field(default_factory=list[tuple[GlobalVar, str]])
    rows: ir.Var = field(default_factory=lambda: ir.SizeVar("n", "int64"))
    dtype: str = "float32"
    about: str | None = None
    longest: int = 4

    def info(self) -> si.TensorStructInfo:
        """The info of every tensor."""
        return si.TensorStructInfo((self.rows, COLUMNS), self.dtype)


def _kernel(build: _Build, name: str) -> GlobalVar:
    """The loop function `name`, added at its first use."""
    key = f"{name}_{build.dtype}"
    if key not in build.kernels:
        func = _KERNELS[name](build.dtype).without_attr("global_symbol")
        build.kernels[key] = build.builder.add_func(func, name)
    return build.kernels[key]


def _unary(value: Callable[[Any], Any]) -> Callable[[str], PrimFunc]:
    def make(dtype: str) -> PrimFunc:
        n = te.size_var("n", "int64")
        a = te.placeholder((n, ar.const(COLUMNS, "int64")), dtype, "A")
        b = te.compute(a.shape, lambda i, j: value(a[i, j]), "B")
        return te.create_prim_func([a, b])

    return make


def _binary(value: Callable[[Any, Any], Any]) -> Callable[[str], PrimFunc]:
    def make(dtype: str) -> PrimFunc:
        n = te.size_var("n", "int64")
        shape = (n, ar.const(COLUMNS, "int64"))
        a, b = te.placeholder(shape, dtype, "A"), te.placeholder(shape, dtype, "B")
        c = te.compute(shape, lambda i, j: value(a[i, j], b[i, j]), "C")
        return te.create_prim_func([a, b, c])

    return make


def _both(dtype: str) -> PrimFunc:
    n = te.size_var("n", "int64")
    shape = (n, ar.const(COLUMNS, "int64"))
    a = te.placeholder(shape, dtype, "A")
    low, high = te.compute(
        shape, lambda i, j: (ar.minimum(a[i, j], 0), ar.maximum(a[i, j], 0)), "P"
    )
    return te.create_prim_func([a, low, high])


def _shifted(dtype: str) -> PrimFunc:
    """Takes a number besides the tensor."""
    n, by = te.size_var("n", "int64"), te.var("by", "int64")
    a = te.placeholder((n, ar.const(COLUMNS, "int64")), dtype, "A")
    b = te.compute(a.shape, lambda i, j: a[i, j] + ar.cast_to(dtype, by), "B")
    return te.create_prim_func([a, b, by])


_KERNELS: dict[str, Callable[[str], PrimFunc]] = {
    "increment": _unary(lambda x: x + 1),
    "clip": _unary(lambda x: ar.minimum(ar.maximum(x, -4), 4)),
    "add": _binary(lambda x, y: x + y),
    "largest": _binary(lambda x, y: ar.maximum(x, y)),
    "split": _both,
    "shift": _shifted,
}


def register_library() -> None:
    """Register the packed functions that the modules call."""

    def twice(x: Tensor, out: Tensor) -> None:
        np.copyto(np.from_dlpack(out), x.numpy() * 2)

    def negate(x: Tensor) -> Tensor:
        return array(-x.numpy())

    register_func("testing.twice", twice, override=True)
    register_func("testing.negate", negate, override=True)


def _tir(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    name = build.draw(st.sampled_from(["increment", "clip", "add", "largest"]))
    count = 2 if name in ("add", "largest") else 1
    # The latest value is taken most often, so that chains of calls appear.
    args = [
        build.draw(st.sampled_from([*values, *values[-1:] * len(values)])) for _ in range(count)
    ]
    return rc.call_tir(_kernel(build, name), args, build.info())


def _tir_pair(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    info = build.info()
    pair = build.builder.emit(rc.call_tir(_kernel(build, "split"), [source], [info, info]))
    return rx.TupleGetItem(pair, build.draw(st.integers(0, 1)))


def _tir_number(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    number = build.draw(st.sampled_from([build.rows, ir.IntImm("int64", 2)]))
    return rc.call_tir(_kernel(build, "shift"), [source], build.info(), rx.ShapeExpr([number]))


def _inplace(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    fresh = build.builder.emit(rc.call_tir(_kernel(build, "clip"), [source], build.info()))
    early = build.builder.emit(rc.call_tir(_kernel(build, "increment"), [fresh], build.info()))
    made = rc.call_tir_inplace(_kernel(build, "increase"), [fresh], [0], build.info())
    if build.draw(st.booleans()):
        return made
    # What was read before the value is overwritten stays what it was.
    late = build.builder.emit(made)
    return rc.call_tir(_kernel(build, "add"), [early, late], build.info())


def _increase(dtype: str) -> PrimFunc:
    """Adds one to its only tensor, in place."""
    from_te = _unary(lambda x: x + 1)(dtype)
    first, second = from_te.buffers
    mapping = {second: first, second.data: first.data}
    return _merged(from_te, mapping)


def _merged(func: PrimFunc, mapping: dict[Any, Any]) -> PrimFunc:
    from_body = substitute(func.body, mapping)
    kept = [param for param in func.params if func.buffer_map[param] not in mapping]
    table = {param: func.buffer_map[param] for param in kept}
    return PrimFunc(kept, from_body, None, table, func.attrs)


_KERNELS["increase"] = _increase


def _dps(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    return rc.call_dps_packed("testing.twice", [source], build.info())


def _pure_packed(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    return rc.call_pure_packed("testing.negate", source, sinfo_args=build.info())


def _tuple(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    fields = [build.draw(st.sampled_from(values)) for _ in range(build.draw(st.integers(1, 3)))]
    made = build.builder.emit(rx.Tuple(fields))
    return rx.TupleGetItem(made, build.draw(st.integers(0, len(fields) - 1)))


def _helper(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    if not build.helpers:
        return _tir(build, values)
    gvar, kind = build.draw(st.sampled_from(build.helpers))
    first, second = (build.draw(st.sampled_from(values)) for _ in range(2))
    if kind == "plain":
        return rx.Call(gvar, [first])
    if kind == "tuple":
        return rx.Call(gvar, [rx.Tuple([first, second])])
    call = rx.Call(gvar, [first, second])
    return call if kind == "unused" else rx.TupleGetItem(build.builder.emit(call), 0)


HELPERS = ("plain", "unused", "tuple", "pair")
"""What the helper functions are like: of one parameter; with one that is not used; of a tuple; with
two results.
"""


_DATAFLOW = [
    _tir,
    _tir,
    _tir,
    _tir_pair,
    _tir_number,
    _inplace,
    _dps,
    _pure_packed,
    _tuple,
    _helper,
]


def _repeatable(value: rx.Expr) -> bool:
    """Whether computing a value twice gives the same (what is overwritten in place does not)."""
    return isinstance(value, rx.Call) and value.op is not rc.CALL_TIR_INPLACE


def _dataflow(build: _Build, values: list[rx.Expr]) -> list[rx.Expr]:
    """A dataflow block; gives its outputs."""
    known = list(values)
    outputs: list[rx.Expr] = []
    with build.builder.dataflow():
        for _ in range(build.draw(st.integers(1, build.longest))):
            made = build.draw(st.sampled_from(_DATAFLOW))(build, known)
            known.append(build.builder.emit(made))
            if _repeatable(made) and build.draw(st.integers(0, 2)) == 0:
                known.append(build.builder.emit(made))
        for _ in range(build.draw(st.integers(1, 2))):
            outputs.append(build.builder.emit_output(known[-1 - build.draw(st.integers(0, 1))]))
    return outputs


def _match_cast(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    source = build.draw(st.sampled_from(values))
    return build.builder.match_cast(source, build.info())


def _closure(build: _Build, values: list[rx.Expr]) -> rx.Expr:
    """A local function that captures a value, and a call of it."""
    captured, arg = (build.draw(st.sampled_from(values)) for _ in range(2))
    inner = rx.Var("inner", build.info())
    outcome = rx.Var("outcome", build.info())
    call = rc.call_tir(_kernel(build, "add"), [inner, captured], build.info())
    body = rx.SeqExpr([rx.BindingBlock([rx.VarBinding(outcome, call)])], outcome)
    function = build.builder.emit(rx.Function([inner], body, build.info()))
    return build.builder.emit(rx.Call(function, [arg]))


def _branch(build: _Build, values: list[rx.Expr], flag: rx.Expr) -> rx.Expr:
    """One of two values, by a flag."""
    a, b = (build.draw(st.sampled_from(values)) for _ in range(2))
    info = build.info()
    then_value = rc.call_tir(_kernel(build, "increment"), [a], info)
    else_value: Any = b
    if build.draw(st.booleans()):
        else_value = rc.call_tir(_kernel(build, "clip"), [b], info)
    return build.builder.emit(rx.If(flag, then_value, else_value))


def _constant(build: _Build) -> rx.Expr:
    rng = np.random.default_rng(build.draw(st.integers(0, 2**16)))
    return rx.const(rng.integers(-3, 4, (1, COLUMNS)).astype(build.dtype))


def _body(build: _Build, params: list[rx.Expr], flag: rx.Expr) -> rx.Expr:
    """The bindings of a function; gives its result."""
    values = list(params)
    for _ in range(build.draw(st.integers(1, 4))):
        kind = build.draw(st.integers(0, 7))
        if kind <= 2:
            values += _dataflow(build, values)
        elif kind == 3:
            values.append(_branch(build, values, flag))
        elif kind <= 6:
            values.append(_closure(build, values))
        else:
            values.append(_match_cast(build, values))
    last = values[-1]
    form = build.draw(st.integers(0, 4))
    if form == 0:
        extra: list[rx.Expr] = [
            _constant(build),
            rx.ShapeExpr([build.rows, 4]),
            rx.PrimValue(ar.add(build.rows, 1)),
        ]
        picked = build.draw(st.lists(st.sampled_from(extra), min_size=1, max_size=3))
        return rx.Tuple([last, *picked])
    return last


def features(module: IRModule) -> set[str]:
    """The node classes of a module, and the operators it calls."""
    found: set[str] = set()
    for function in module.functions.values():
        for node in pre_order(function):
            found.add(type(node).__name__)
            if isinstance(node, rx.Call):
                found.add(str(getattr(node.op, "name", type(node.op).__name__)))
    return found


def _define_main(build: _Build) -> None:
    """`main`; it calls the first helper where the program is about helpers."""
    build.rows = ir.SizeVar("n", "int64")
    params = [rx.Var(f"x{k}", build.info()) for k in range(build.draw(st.integers(1, 2)))]
    flag = rx.Var("flag", si.PrimStructInfo("bool"))
    with build.builder.function("main", [*params, flag]):
        given: list[rx.Expr] = list(params)
        if build.about is not None:
            given.insert(0, build.builder.emit(_helper(build, given)))
        build.builder.emit_func_output(_body(build, given, flag))


def _define_helper(build: _Build, name: str) -> None:
    """A function for `main` (and later helpers) to call, of one of the kinds of `HELPERS`."""
    kind = build.about or build.draw(st.sampled_from(HELPERS))
    private = build.about is not None or build.draw(st.integers(0, 2)) > 0
    build.rows = ir.SizeVar("n", "int64")
    infos: list[Any] = [build.info(), build.info()]
    if kind == "tuple":
        infos = [si.TupleStructInfo(infos)]
    params = [rx.Var(f"x{k}", info) for k, info in enumerate(infos[: 1 + (kind != "plain")])]
    with build.builder.function(name, params, private=private):
        given: list[rx.Expr] = list(params)
        if kind == "tuple":
            given = [build.builder.emit(rx.TupleGetItem(params[0], k)) for k in range(2)]
        result = _dataflow(build, given[:1] if kind == "unused" else given)[-1]
        build.builder.emit_func_output(rx.Tuple([result, given[1]]) if kind == "pair" else result)
    made = build.builder.get()
    # The builder keeps one of two private functions that are the same.
    if name in made:
        build.helpers.append((made.get_global_var(name), kind))


@st.composite
def graph_programs(draw: st.DrawFn, helper: str | None = None, longest: int = 4) -> GraphProgram:
    """A module that runs, with arguments.

    With `helper`, one of `HELPERS`, the module has private functions of that kind that are called.
    Dataflow blocks compute up to `longest` values (some of them twice).
    """
    dtype = draw(st.sampled_from(["float32", "float32", "int32", "float64"]))
    build = _Build(draw, dtype=dtype, about=helper, longest=longest)
    for number in range(draw(st.integers(int(helper is not None), 2))):
        _define_helper(build, f"helper{number}")
    _define_main(build)
    module = build.builder.get()
    rows = draw(st.sampled_from([1, 2, 5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = len(module["main"].params) - 1
    args: list[Any] = [
        rng.integers(-4, 5, (rows, COLUMNS)).astype(build.dtype) for _ in range(count)
    ]
    args.append(draw(st.booleans()))
    return GraphProgram(module, args, features(module))
