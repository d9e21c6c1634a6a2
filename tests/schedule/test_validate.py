"""Validation of schedules: each verdict is reached, and steps that change results are caught."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid import tir
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import IntImm
from pellucid.script import tir as T
from pellucid.script.parser.entry import from_source
from pellucid.support.errors import ScheduleError
from pellucid.testing import Validator, compare_scripts
from pellucid.testing.validate_inputs import KINDS, arguments
from pellucid.testing.validate_run import differences
from pellucid.tir.schedule import Schedule, Trace, ValidationError
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.rv import LoopRV
from pellucid.tir.schedule.verdict import Verdict
from tests.schedule.programs import elementwise, loops, matmul, running_sum, two_stages


class Broken(Schedule):
    """Primitives that are wrong, each in its own way."""

    @primitive
    def cut(self, loop: LoopRV) -> None:
        """Leave out the last iteration."""
        old = self.loop(loop).loop
        name = self.name_of(loop)
        self.commit(
            name, replace(self.tree(name).func.body, {old: old.replace(extent=old.extent - 1)})
        )

    @primitive
    def stretch(self, loop: LoopRV) -> None:
        """Run once too often."""
        old = self.loop(loop).loop
        name = self.name_of(loop)
        self.commit(
            name, replace(self.tree(name).func.body, {old: old.replace(extent=old.extent + 1)})
        )

    @primitive
    def change_constant(self, loop: LoopRV) -> None:
        """Another constant: the first float of the function grows by one."""
        name = self.name_of(loop)
        text = self.mod[name].script()
        assert "T.float32(2)" in text
        self.commit(name, from_source(text.replace("T.float32(2)", "T.float32(3)")))

    @primitive
    def swap_nan(self, loop: LoopRV) -> None:
        """`a > 0` where `not a <= 0` stood: another value for NaN alone."""
        name = self.name_of(loop)
        func = self.mod[name]
        self.commit(name, nan_after.with_attr("global_symbol", func.attrs["global_symbol"]))


@T.prim_func
def nan_before(A: T.Buffer((40,)), B: T.Buffer((40,))) -> None:
    for i in range(40):
        with T.block("B"):
            vi = T.axis.spatial(40, i)
            B[vi] = T.Select(A[vi] <= 0.0, T.float32(0), T.float32(1))


@T.prim_func
def nan_after(A: T.Buffer((40,)), B: T.Buffer((40,))) -> None:
    for i in range(40):
        with T.block("B"):
            vi = T.axis.spatial(40, i)
            B[vi] = T.Select(A[vi] > 0.0, T.float32(1), T.float32(0))


@T.prim_func
def gather(P: T.Buffer((6,), "int32"), A: T.Buffer((5, 4)), B: T.Buffer((6, 4))) -> None:
    for i, j in T.grid(6, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[P[vi], vj]


def words(sch: Schedule) -> list[str]:
    return [each.verdict.word for each in sch.trace if each.verdict is not None]


def test_order_alone_is_proved() -> None:
    sch = Schedule(matmul, validate="test")
    i, _j, k = loops(sch, "C")
    outer, inner = sch.split(k, [None, 4])
    sch.reorder(outer, inner, i)
    sch.parallel(sch.fuse(*loops(sch, "C")[3:]))
    assert words(sch) == ["proved"] * 4


def test_other_bodies_are_tested() -> None:
    sch = Schedule(two_stages, validate="test")
    sch.compute_inline(sch.get_block("B"))
    sch.cache_write(sch.get_block("C"), 0, "global")
    assert words(sch) == ["tested", "tested"]
    assert sch.trace.as_python(verdicts=True)[1].endswith("  # tested")


def test_what_is_too_large_is_unchecked() -> None:
    sch = Schedule(two_stages, validate=Validator(iterations=1, native_iterations=1))
    sch.compute_inline(sch.get_block("B"))
    verdict = sch.trace.insts[-1].verdict
    assert verdict == Verdict("unchecked", "more than 1 iterations")
    assert "# unchecked: more than 1 iterations" in str(sch.trace)


def test_above_the_budget_compiled_code_is_compared() -> None:
    sch = Schedule(two_stages, validate=Validator(iterations=10))
    sch.compute_inline(sch.get_block("B"))
    assert words(sch) == ["tested"]
    broken = Broken(elementwise, validate=Validator(iterations=10))
    with pytest.raises(ValidationError, match="native=True"):
        broken.change_constant(loops(broken)[0])


@pytest.mark.parametrize("name", ["cut", "stretch", "change_constant"])
def test_a_broken_primitive_is_caught(name: str) -> None:
    sch = Broken(elementwise, validate="test")
    loop = loops(sch)[1]
    before, length = sch.mod, len(sch.trace)
    with pytest.raises(ValidationError) as caught:
        getattr(sch, name)(loop)
    assert sch.mod is before
    assert len(sch.trace) == length
    error = caught.value
    assert isinstance(error, ScheduleError)
    assert error.message == f"`{name}` changes what the function 'main' computes."
    with pytest.raises(ValidationError) as again:
        exec(error.reproduction, {})
    assert repr(again.value.difference) == repr(error.difference)


def test_the_first_element_that_differs_is_shown() -> None:
    sch = Broken(elementwise, validate="test")
    with pytest.raises(ValidationError) as caught:
        sch.cut(loops(sch)[1])
    error = caught.value
    args = arguments(elementwise, {}, "whole", 0)
    wanted = args[0] * 2
    rows, columns = np.nonzero(wanted[:, 29:] != args[1][:, 29:])
    assert error.difference.argument == "B"
    assert error.difference.index == (rows[0], 29 + columns[0])
    assert error.difference.before == wanted[rows[0], 29]
    assert error.difference.after == args[1][rows[0], 29]
    assert error.expected == f"B[{rows[0]}, 29] = {wanted[rows[0], 29]}, as before"
    assert "  reproduction:\n    # B[" in str(error)


def test_an_error_of_the_new_program_is_a_difference() -> None:
    sch = Broken(elementwise, validate="test")
    with pytest.raises(ValidationError) as caught:
        sch.stretch(loops(sch)[1])
    assert caught.value.expected == "the call = no error, as before"
    assert "outside its domain" in caught.value.found


def test_nan_is_compared() -> None:
    sch = Broken(nan_before, validate="test")
    with pytest.raises(ValidationError) as caught:
        sch.swap_nan(loops(sch)[0])
    assert "kind='special'" in caught.value.reproduction
    assert (caught.value.difference.before, caught.value.difference.after) == (1.0, 0.0)


def test_symbolic_sizes_get_values() -> None:
    sch = Schedule(running_sum, validate="test")
    sch.rfactor(loops(sch)[1], 0)
    assert words(sch) == ["tested"]


def test_values_that_index_stay_inside() -> None:
    sch = Schedule(gather, validate=Validator(prove=False))
    sch.split(loops(sch)[0], [None, 4])
    assert words(sch) == ["tested"]


def test_other_orders_of_sums_are_no_difference() -> None:
    sch = Schedule(matmul, validate=Validator(prove=False))
    sch.rfactor(loops(sch, "C")[2], 0)
    sch.reorder(*loops(sch, "C_rf")[::-1])
    assert words(sch) == ["tested"] * 2


def test_another_layout_of_an_argument_is_unchecked() -> None:
    sch = Schedule(elementwise, validate="test")
    sch.transform_layout("B", ("write", 0), lambda i, j: [i, 29 - j])
    sch.split(loops(sch)[1], [None, 4])
    assert [str(each.verdict) for each in sch.trace if each.verdict is not None] == [
        "unchecked: its arguments have another layout or dtype",
        "proved",
    ]


def test_what_is_unsafe_is_unchecked() -> None:
    sch = Schedule(two_stages, validate="test")
    sch.unsafe_set_dtype("B", 0, "float16")
    assert str(sch.trace.insts[-1].verdict) == "unchecked: it may change results"


def test_copies_of_indices_stay_inside() -> None:
    sch = Schedule(gather, validate=Validator(prove=False))
    sch.cache_read("B", 1, "local")
    sch.loop_partition(loops(sch)[1], [3, 1])
    assert words(sch) == ["tested"] * 2


def test_verdicts_are_kept() -> None:
    sch = Schedule(matmul, validate="test")
    outer, _inner = sch.split(loops(sch, "C")[2], [None, 4])
    sch.decompose_reduction("C", outer)
    kept = ["proved", "tested"]
    assert words(sch) == kept
    assert words(sch.copy()) == kept
    saved = Trace.from_json(json.dumps(sch.trace.as_json()))
    assert [e.verdict.word for e in saved if e.verdict] == kept
    replayed = Schedule(matmul)
    saved.apply_to_schedule(replayed)
    assert words(replayed) == kept
    assert str(replayed.trace) == str(sch.trace)
    elsewhere = Schedule(matmul.with_attr("other", 1))
    saved.apply_to_schedule(elsewhere)
    assert words(elsewhere) == []


def test_another_decision_has_no_verdict() -> None:
    sch = Schedule(matmul, seed=1, validate="test")
    i = loops(sch, "C")[0]
    sch.split(i, sch.sample_perfect_tile(i, 2))
    sampled = next(each for each in sch.trace if each.decision is not None)
    assert words(sch) == ["proved"]
    other = sch.trace.with_decision(sampled, [2, 3])
    assert not any(each.verdict for each in other)


def test_a_function_of_ones_own_decides() -> None:
    seen: list[tuple[IRModule, IRModule]] = []

    def check(before: IRModule, after: IRModule) -> str:
        seen.append((before, after))
        return "tested"

    sch = Schedule(elementwise, validate=check)
    before = sch.mod
    sch.unroll(loops(sch)[0])
    assert seen == [(before, sch.mod)]
    assert words(sch) == ["tested"]
    wrong = Schedule(elementwise, validate=lambda before, after: "fine")
    with pytest.raises(ScheduleError, match="returned no verdict"):
        wrong.unroll(loops(wrong)[0])
    with pytest.raises(ScheduleError, match="validate has no value 'everything'"):
        Schedule(elementwise, validate="everything")


def test_scripts_are_compared() -> None:
    text = elementwise.script()
    module = IRModule({"main": elementwise}).script()
    compare_scripts(module, module)
    with pytest.raises(ValidationError, match="The second script changes"):
        compare_scripts(module, module.replace("T.float32(2)", "T.float32(4)"))
    assert "T.float32(2)" in text


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16", "float8_e5m2", "int8", "bool"])
def test_special_values(dtype: str) -> None:
    A = tir.decl_buffer((9, 30), dtype)
    handle = tir.Var("a", "handle")
    func = tir.PrimFunc([handle], tir.Evaluate(IntImm("int32", 0)), buffer_map={handle: A})
    (whole,), (random,), (special,) = (arguments(func, {}, kind, 3) for kind in KINDS)
    again = arguments(func, {}, "special", 3)[0]
    assert special.tobytes() == again.tobytes() != arguments(func, {}, "special", 4)[0].tobytes()
    wide = special.astype(np.float64)
    assert np.isfinite(whole.astype(np.float64)).all()
    assert np.isfinite(random.astype(np.float64)).all()
    if "float" in dtype:
        assert np.isnan(wide).any()
        assert np.isinf(wide).any()
    if dtype == "int8":
        assert {special.min(), special.max()} == {-128, 127}


def test_differences() -> None:
    a = np.array([1.0, np.nan, np.inf, -0.0, 2.0], "float32")
    b = np.array([1.0 + 1e-7, np.nan, -np.inf, 0.0, np.nan], "float32")
    assert differences(a, b, "float32", "arithmetic").tolist() == [False, False, True, False, True]
    assert differences(a, b, "float32", "exact").tolist()[0]
