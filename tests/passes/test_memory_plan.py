"""Memory plans as they are carried out: no two living tensors share bytes, and networks take little
more than what lives at once.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import relax
from pellucid.codegen.llvm.kernel_signature import kernel_signature
from pellucid.codegen.plan import Constants, build_plan
from pellucid.driver.pipeline import lower
from pellucid.ir.module import IRModule
from pellucid.relax import transform as X
from pellucid.relax.transform.memory_layout import ALIGNMENT, aligned
from pellucid.runtime import dims, dtypes
from pellucid.runtime.plan import Alloc, Copy, GraphPlan, If, View, reads, walk
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.testing.strategies.graphs import GraphProgram, graph_programs
from pellucid.testing.strategies.operators import operator_programs
from pellucid.tir.function import PrimFunc
from tests.passes.test_fusion_counts import CASES, network, weight

WAY = (
    X.LambdaLift,
    X.ToNonDataflow,
    X.RemovePurityChecking,
    X.CallTIRRewrite,
    X.StaticPlanBlockMemory,
)


@dataclass
class Tensor:
    """A tensor of a plan: where it lies (None: storage of its own), its bytes, its first and last
    step.
    """

    offset: int | None
    size: int
    begin: int
    end: int


def plan_of(module: IRModule) -> GraphPlan:
    """The plan of `main` of a module whose memory is planned."""
    lowered = lower(module)
    signatures = {
        var.name_hint: kernel_signature(func, var.name_hint)[0]
        for var, func in lowered.items()
        if isinstance(func, PrimFunc)
    }
    return build_plan(module, "main", Constants(), signatures)


def tensors(plan: GraphPlan, symbols: dict[str, int]) -> list[Tensor]:
    """The tensors that a plan allocates, and when they live: from their allocation to the last step
    that reads them or a view of them.
    """
    found: dict[int, Tensor] = {}
    stands_for: dict[int, int] = {}
    for number, step in enumerate(walk(plan.steps)):
        if isinstance(step, Alloc):
            size = math.prod(dims.evaluate(each, symbols) for each in step.shape)
            place = None if step.offset is None else dims.evaluate(step.offset, symbols)
            bytes_ = size * dtypes.element_bytes(step.dtype)
            found[step.dst] = Tensor(place, bytes_, number, number)
        used = [*reads(step), *([step.then_reg, step.else_reg] if isinstance(step, If) else [])]
        for each in used:
            tensor = found.get(stands_for.get(each, each))
            if tensor is not None:
                tensor.end = number
        if isinstance(step, View):
            stands_for[step.dst] = stands_for.get(step.reg, step.reg)
    if plan.result in found:
        found[plan.result].end = len(list(walk(plan.steps)))
    return list(found.values())


def check_no_overlap(plan: GraphPlan, symbols: dict[str, int]) -> int:
    """No two tensors of the arena that live at once share bytes; gives how many lie there."""
    arena = dims.evaluate(plan.arena_bytes, symbols)
    planned = [each for each in tensors(plan, symbols) if each.offset is not None]
    for each in planned:
        assert each.offset is not None
        assert each.offset % ALIGNMENT == 0
        assert 0 <= each.offset <= each.offset + each.size <= arena
    for a, b in itertools.combinations(planned, 2):
        if a.begin <= b.end and b.begin <= a.end and a.size and b.size:
            assert a.offset is not None
            assert b.offset is not None
            assert a.offset + a.size <= b.offset or b.offset + b.size <= a.offset, plan
    return len(planned)


def largest_live(plan: GraphPlan) -> int:
    """The most bytes of the arena's tensors that live at once, in units of the alignment."""
    planned = [each for each in tensors(plan, {}) if each.offset is not None]
    moments = range(len(list(walk(plan.steps))))
    return max(
        (sum(aligned(t.size) for t in planned if t.begin <= now <= t.end) for now in moments),
        default=0,
    )


def deep_residual(emit, x):
    """Four blocks of different widths, each added to what came before."""
    nn = relax.op.nn
    for width in (8, 12, 6, 10):
        inner = emit(nn.relu(emit(nn.conv2d(x, weight(width, 3, 3, 3), padding=1))))
        x = emit(relax.op.add(emit(nn.conv2d(inner, weight(3, width, 3, 3), padding=1)), x))
    return emit(nn.relu(x))


def branching(emit, x):
    """Matmuls of different widths of one value, joined at the end."""
    parts = [emit(relax.op.matmul(x, weight(6, columns))) for columns in (32, 4, 20, 8)]
    parts = [emit(relax.op.nn.softmax(each)) for each in parts]
    joined = emit(relax.op.concat(parts, axis=1))
    return emit(relax.op.matmul(joined, weight(64, 6)))


NETWORKS = {
    **{name: (body, shapes) for name, (body, shapes, _) in CASES.items()},
    "deep_residual": (deep_residual, [(1, 3, 8, 8)]),
    "branching": (branching, [(16, 6)]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_take_little_more_than_what_lives_at_once(name: str) -> None:
    body, shapes = NETWORKS[name]
    plan = plan_of(relax.get_pipeline("default")(network(shapes, body)))
    check_no_overlap(plan, {})
    assert isinstance(plan.arena_bytes, int)
    assert plan.arena_bytes <= 1.2 * largest_live(plan)


@settings(max_examples=25)
@given(operator_programs())
def test_no_two_living_tensors_of_a_network_share_bytes(program: GraphProgram) -> None:
    check_no_overlap(plan_of(relax.get_pipeline("default")(program.module)), {})


@settings(max_examples=40)
@given(graph_programs(longest=8), st.booleans())
def test_no_two_living_tensors_share_bytes(program: GraphProgram, known: bool) -> None:
    rows = int(program.args[0].shape[0])
    module = program.module
    if known:
        module = X.BindSymbolicVars({"n": rows}, "main")(module)
    for each in WAY:
        module = each()(module)
    plan = plan_of(module)
    names = [each for each in plan.signature.symbols()]
    check_no_overlap(plan, dict.fromkeys(names, rows))


@I.ir_module
class Branches:
    @T.prim_func(private=True)
    def step(x: T.handle, y: T.handle):
        n = T.int64()
        X = T.match_buffer(x, (n,))
        Y = T.match_buffer(y, (n,))
        for i in range(n):
            with T.block("step"):
                vi = T.axis.spatial(n, i)
                Y[vi] = X[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((64,), "float32"), flag: R.Tensor((), "bool")):
        cls = Branches
        a = R.call_tir(cls.step, (x,), R.Tensor((64,), "float32"))
        if flag:
            b = R.call_tir(cls.step, (a,), R.Tensor((64,), "float32"))
            r = R.call_tir(cls.step, (b,), R.Tensor((64,), "float32"))
        else:
            c = R.call_tir(cls.step, (a,), R.Tensor((64,), "float32"))
            d = R.call_tir(cls.step, (c,), R.Tensor((64,), "float32"))
            r = R.call_tir(cls.step, (d,), R.Tensor((64,), "float32"))
        return r


def test_branches_share_the_memory_of_tensors_that_only_they_use() -> None:
    module = Branches
    for each in WAY:
        module = each()(module)
    plan = plan_of(module)
    assert check_no_overlap(plan, {}) == 4
    # What is computed before the branch, and one tensor of either side at a time.
    assert plan.arena_bytes == 2 * 256


@I.ir_module
class Symbolic:
    @T.prim_func(private=True)
    def step(x: T.handle, y: T.handle):
        n = T.int64()
        m = T.int64()
        X = T.match_buffer(x, (n,))
        Y = T.match_buffer(y, (m,))
        for i in range(m):
            with T.block("step"):
                vi = T.axis.spatial(m, i)
                Y[vi] = X[vi % n] + T.float32(1)

    @R.function
    def main(x: R.Tensor(("n", 2), "float32"), y: R.Tensor(("m",), "float32")):
        cls = Symbolic
        n, m = T.int64(), T.int64()
        flat = R.call_pure_packed("flat", x, sinfo_args=R.Tensor((n * 2,), "float32"))
        a = R.call_tir(cls.step, (flat,), R.Tensor((n + n,), "float32"))
        b = R.call_tir(cls.step, (a,), R.Tensor((m,), "float32"))
        c = R.call_tir(cls.step, (b,), R.Tensor((2 * n,), "float32"))
        d = R.call_tir(cls.step, (c,), R.Tensor((m,), "float32"))
        e = R.call_tir(cls.step, (d,), R.Tensor((n * 2,), "float32"))
        f = R.call_tir(cls.step, (e,), R.Tensor((m,), "float32"))
        return f


def test_symbolic_sizes_that_are_provably_equal_share_memory() -> None:
    module = Symbolic
    for each in WAY:
        module = each()(module)
    plan = plan_of(module)
    symbols = {"n": 10, "m": 7}
    assert check_no_overlap(plan, symbols) == 5
    # One slot for n * 2 floats, since a, c and e do not live at once, and one for m of them.
    assert dims.evaluate(plan.arena_bytes, symbols) == 128 + 64
    assert not any(isinstance(each, Copy) for each in walk(plan.steps))


def test_a_size_known_only_when_it_runs_has_storage_of_its_own() -> None:
    @I.ir_module
    class Module:
        @T.prim_func(private=True)
        def step(x: T.handle, y: T.handle):
            k = T.int64()
            X = T.match_buffer(x, (k,))
            Y = T.match_buffer(y, (k,))
            for i in range(k):
                with T.block("step"):
                    vi = T.axis.spatial(k, i)
                    Y[vi] = X[vi] + T.float32(1)

        @R.function
        def main(x: R.Tensor(ndim=1, dtype="float32")):
            cls = Module
            k = T.int64()
            a = R.match_cast(x, R.Tensor((k,), "float32"))
            b = R.call_tir(cls.step, (a,), R.Tensor((k,), "float32"))
            c = R.call_tir(cls.step, (b,), R.Tensor((k,), "float32"))
            return c

    module = Module
    for each in WAY:
        module = each()(module)
    plan = plan_of(module)
    assert plan.arena_bytes == 0
    assert all(each.offset is None for each in walk(plan.steps) if isinstance(each, Alloc))
    vm = relax.VirtualMachine(relax.build(Module, target="llvm"))
    np.testing.assert_array_equal(vm["main"](np.zeros(3, "float32")).numpy(), [2, 2, 2])
