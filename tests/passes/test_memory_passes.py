"""CallTIRRewrite, StaticPlanBlockMemory, KillAfterLastUse."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import relax
from pellucid.relax import transform as X
from pellucid.relax.transform.memory_layout import ALIGNMENT, Life, place
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import PassError
from tests.passes.laws import check, idle


@I.ir_module
class Calls:
    @T.prim_func(private=True)
    def step(x: T.handle, y: T.handle):
        n = T.int64()
        X = T.match_buffer(x, (n,))
        Y = T.match_buffer(y, (n,))
        for i in range(n):
            with T.block("step"):
                vi = T.axis.spatial(n, i)
                Y[vi] = X[vi] + T.float32(1)

    @T.prim_func(private=True)
    def both(x: T.handle, y: T.handle, z: T.handle, k: T.int64):
        n = T.int64()
        X = T.match_buffer(x, (n,))
        Y = T.match_buffer(y, (n,))
        Z = T.match_buffer(z, (n,))
        for i in range(n):
            with T.block("both"):
                vi = T.axis.spatial(n, i)
                Y[vi] = X[vi]
                Z[vi] = X[vi] + T.Cast("float32", k)

    @R.function
    def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
        cls = Calls
        R.func_attr({"relax.force_pure": True})
        a = R.call_tir(cls.step, (x,), R.Tensor((64,), "float32"))
        t = R.call_tir(
            cls.both,
            (a,),
            [R.Tensor((64,), "float32"), R.Tensor((64,), "float32")],
            tir_vars=R.shape([3]),
        )
        b = t[0]
        c = t[1]
        d = R.call_tir(cls.step, (b,), R.Tensor((64,), "float32"))
        e = R.call_tir_inplace(cls.step, (d, c), [1], R.Tensor((64,), "float32"))
        return e


@I.ir_module
class Before:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(64),), "float32"), B: T.Buffer((T.int64(64),), "float32")):
        for i in range(64):
            with T.block("step"):
                vi = T.axis.spatial(64, i)
                B[vi] = A[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
        R.func_attr({"relax.force_pure": True})
        cls = Before
        a = R.call_tir(cls.step, (x,), R.Tensor((64,), "float32"))
        b = R.call_tir(cls.step, (a,), R.Tensor((64,), "float32"))
        c = R.call_tir(cls.step, (b,), R.Tensor((64,), "float32"))
        return c


@I.ir_module
class Rewritten:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(64),), "float32"), B: T.Buffer((T.int64(64),), "float32")):
        for i in range(64):
            with T.block("step"):
                vi = T.axis.spatial(64, i)
                B[vi] = A[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
        R.func_attr({"relax.force_pure": True})
        cls = Rewritten
        alloc = R.builtin.alloc_tensor(
            R.shape([64]), R.dtype("float32"), R.prim_value(0), R.str("global")
        )
        _ = cls.step(x, alloc)
        a = alloc
        alloc1 = R.builtin.alloc_tensor(
            R.shape([64]), R.dtype("float32"), R.prim_value(0), R.str("global")
        )
        _1 = cls.step(a, alloc1)
        b = alloc1
        alloc2 = R.builtin.alloc_tensor(
            R.shape([64]), R.dtype("float32"), R.prim_value(0), R.str("global")
        )
        _2 = cls.step(b, alloc2)
        c = alloc2
        return c


@I.ir_module
class Planned:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(64),), "float32"), B: T.Buffer((T.int64(64),), "float32")):
        for i in range(64):
            with T.block("step"):
                vi = T.axis.spatial(64, i)
                B[vi] = A[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
        R.func_attr({"relax.force_pure": True})
        cls = Planned
        storage = R.memory.alloc_storage(
            R.shape([512]), R.prim_value(0), R.str("global"), R.dtype("uint8")
        )
        alloc = R.memory.alloc_tensor(storage, R.prim_value(0), R.shape([64]), R.dtype("float32"))
        _ = cls.step(x, alloc)
        a = alloc
        alloc1 = R.memory.alloc_tensor(
            storage, R.prim_value(256), R.shape([64]), R.dtype("float32")
        )
        _1 = cls.step(a, alloc1)
        b = alloc1
        alloc2 = R.builtin.alloc_tensor(
            R.shape([64]), R.dtype("float32"), R.prim_value(0), R.str("global")
        )
        _2 = cls.step(b, alloc2)
        c = alloc2
        return c


@I.ir_module
class Killed:
    @T.prim_func(private=True)
    def step(A: T.Buffer((T.int64(64),), "float32"), B: T.Buffer((T.int64(64),), "float32")):
        for i in range(64):
            with T.block("step"):
                vi = T.axis.spatial(64, i)
                B[vi] = A[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
        R.func_attr({"relax.force_pure": True})
        cls = Killed
        storage = R.memory.alloc_storage(
            R.shape([512]), R.prim_value(0), R.str("global"), R.dtype("uint8")
        )
        alloc = R.memory.alloc_tensor(storage, R.prim_value(0), R.shape([64]), R.dtype("float32"))
        _ = cls.step(x, alloc)
        a = alloc
        alloc1 = R.memory.alloc_tensor(
            storage, R.prim_value(256), R.shape([64]), R.dtype("float32")
        )
        _1 = cls.step(a, alloc1)
        k1 = R.memory.kill_tensor(alloc)
        b = alloc1
        alloc2 = R.builtin.alloc_tensor(
            R.shape([64]), R.dtype("float32"), R.prim_value(0), R.str("global")
        )
        _2 = cls.step(b, alloc2)
        k2 = R.memory.kill_tensor(alloc1)
        k3 = R.memory.kill_storage(storage)
        c = alloc2
        return c


def test_call_tir_rewrite() -> None:
    check(X.CallTIRRewrite(), Before, Rewritten)


def test_plan_then_kill() -> None:
    check(X.StaticPlanBlockMemory(), Rewritten, Planned)
    check(X.KillAfterLastUse(), Planned, Killed)
    idle(X.StaticPlanBlockMemory(), Killed)


def test_several_outputs_numbers_and_in_place() -> None:
    after = X.Sequential([X.CallTIRRewrite(), X.CanonicalizeBindings()])(Calls)
    assert relax.analysis.well_formed(after)
    calls = [
        binding.value
        for binding in relax.analysis.all_bindings(after["main"])
        if isinstance(binding.value, relax.Call)
    ]
    kernels = [call for call in calls if isinstance(call.op, relax.GlobalVar)]
    assert [len(call.args) for call in kernels] == [2, 4, 2, 2]
    assert isinstance(kernels[1].args[3], relax.PrimValue)
    # The last call writes into what the second one made.
    assert kernels[3].args[1] is kernels[1].args[2]
    assert sum(getattr(call.op, "name", "") == "relax.builtin.alloc_tensor" for call in calls) == 4


def test_a_library_call_keeps_its_form() -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((64,), "float32")) -> R.Tensor((64,), "float32"):
            R.func_attr({"relax.force_pure": True})
            a = R.call_dps_packed("library", (x,), R.Tensor((64,), "float32"))
            return a

    idle(X.CallTIRRewrite(), Module)
    idle(X.StaticPlanBlockMemory(), Module)


def test_a_packed_call_of_a_loop_function_is_a_kernel_call() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def step(A: T.Buffer((T.int64(4),), "float32"), B: T.Buffer((T.int64(4),), "float32")):
            B[0] = A[0]

        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            R.func_attr({"relax.force_pure": True})
            a = R.call_dps_packed("step", (x,), R.Tensor((4,), "float32"))
            return a

    after = X.CallTIRRewrite()(Module)["main"]
    ops = [b.value.op for b in after.body.blocks[0].bindings if isinstance(b.value, relax.Call)]
    assert [getattr(op, "name_hint", op.node_name) for op in ops] == ["op", "step"]


@pytest.mark.parametrize(
    ("the_pass", "message"),
    [
        (X.CallTIRRewrite, "CallTIRRewrite was given a function whose purity is checked."),
        (X.RemovePurityChecking, "RemovePurityChecking was given a function with dataflow blocks."),
    ],
)
def test_the_order_of_the_passes(the_pass: object, message: str) -> None:
    @I.ir_module
    class Module:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                a = R.call_dps_packed("step", (x,), R.Tensor((4,), "float32"))
                R.output(a)
            return a

    with pytest.raises(PassError) as caught:
        the_pass()(Module)
    assert caught.value.message == message


LIVES = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 30), st.integers(0, 10)), max_size=30
)


@given(LIVES)
def test_no_two_living_tensors_share_bytes(drawn: list[tuple[int, int, int]]) -> None:
    var = relax.Var("t", relax.ObjectStructInfo())
    lives = [Life(var, size, begin, begin + length) for size, begin, length in drawn]
    total = place(lives)
    assert total % ALIGNMENT == 0
    for life in lives:
        assert life.offset % ALIGNMENT == 0
        assert 0 <= life.offset <= life.offset + life.size <= total
    for a, b in itertools.combinations(lives, 2):
        if a.meets(b) and a.size and b.size:
            assert a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
