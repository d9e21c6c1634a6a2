"""LLVM modules that users write, linked to a function: they run, are inlined, and are checked."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import interp, relax
from pellucid.driver.build import build
from pellucid.ir.module import IRModule
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, UnsupportedError
from pellucid.tir.schedule import Schedule, TensorIntrin

ADD_SCALED = """
define void @add_scaled(ptr %to, ptr %from, float %factor) {
  %x = load <4 x float>, ptr %from, align 4
  %y = load <4 x float>, ptr %to, align 4
  %one = insertelement <4 x float> poison, float %factor, i64 0
  %all = shufflevector <4 x float> %one, <4 x float> poison, <4 x i32> zeroinitializer
  %scaled = fmul <4 x float> %x, %all
  %sum = fadd <4 x float> %y, %scaled
  store <4 x float> %sum, ptr %to, align 4
  ret void
}
"""


@T.prim_func
def called(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
    for i in range(4):
        with T.block("row"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi, 0:4], B[vi, 0:4])
            T.writes(B[vi, 0:4])
            T.evaluate(
                T.call_extern(
                    "void", "add_scaled", T.address_of(B[vi, 0]), T.address_of(A[vi, 0]), 2.0
                )
            )


def with_import(text: str = ADD_SCALED):
    sch = Schedule(called)
    sch.annotate(sch.get_block("row"), "pragma_import_llvm", text)
    return sch.mod


def operands():
    a = np.arange(16, dtype="float32").reshape(4, 4)
    return a, np.ones((4, 4), "float32")


def test_a_linked_function_runs_and_is_inlined():
    lib = build(with_import())
    a, b = operands()
    lib(a, b)
    np.testing.assert_array_equal(b, 1 + 2 * a)
    assert "call void @add_scaled" not in lib.get_source("ll")
    assert "define internal" not in "".join(
        line for line in lib.get_source("ll").splitlines() if "@add_scaled" in line
    ) or "add_scaled" not in lib.get_source("asm")


def test_loops_and_blocks_that_ask_for_one_text_get_it_once():
    sch = Schedule(called)
    block = sch.get_block("row")
    sch.annotate(block, "pragma_import_llvm", ADD_SCALED)
    (loop,) = sch.get_loops(block)
    sch.annotate(loop, "pragma_import_llvm", ADD_SCALED)
    sch.unroll(loop)
    a, b = operands()
    functions = {"f": sch.mod["main"], "g": with_import()["main"]}
    functions = {name: f.with_attr("global_symbol", name) for name, f in functions.items()}
    build(IRModule(functions))["g"](a, b)
    np.testing.assert_array_equal(b, 1 + 2 * a)


def test_in_a_graph():
    @I.ir_module
    class Module:
        @T.prim_func
        def scale(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
            for i in range(4):
                with T.block("row"):
                    vi = T.axis.spatial(4, i)
                    T.reads(A[vi, 0:4])
                    T.writes(B[vi, 0:4])
                    T.block_attr({"pragma_import_llvm": ADD_SCALED})
                    for j in range(4):
                        B[vi, j] = T.float32(0)
                    T.evaluate(
                        T.call_extern(
                            "void",
                            "add_scaled",
                            T.address_of(B[vi, 0]),
                            T.address_of(A[vi, 0]),
                            T.float32(3),
                        )
                    )

        @R.function
        def main(x: R.Tensor((4, 4), "float32")):
            cls = Module
            y = R.call_tir(cls.scale, (x,), out_sinfo=R.Tensor((4, 4), "float32"))
            return y

    a, _ = operands()
    vm = relax.VirtualMachine(relax.build(Module))
    np.testing.assert_array_equal(vm["main"](a).numpy(), 3 * a)


@T.prim_func
def row_desc(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    with T.block("root"):
        T.reads(A[0:4], B[0:4])
        T.writes(B[0:4])
        for j in range(4):
            with T.block("element"):
                vj = T.axis.spatial(4, j)
                B[vj] = B[vj] + A[vj] * T.float32(2)


@T.prim_func
def row_impl(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    with T.block("root"):
        T.reads(A[0:4], B[0:4])
        T.writes(B[0:4])
        T.block_attr({"pragma_import_llvm": ADD_SCALED})
        T.evaluate(T.call_extern("void", "add_scaled", T.address_of(B[0]), T.address_of(A[0]), 2.0))


@T.prim_func
def rows(A: T.Buffer((6, 8), "float32"), B: T.Buffer((6, 8), "float32")):
    for i, j in T.grid(6, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = B[vi, vj] + A[vi, vj] * T.float32(2)


def tensorized():
    TensorIntrin.register("test.add_scaled", row_desc, row_impl, override=True)
    sch = Schedule(rows)
    j = sch.get_loops("B")[1]
    j_i = sch.split(j, [None, 4])[1]
    sch.tensorize(j_i, "test.add_scaled")
    return sch


def test_a_tensor_intrinsic_in_llvm():
    sch = tensorized()
    a = np.arange(48, dtype="float32").reshape(6, 8)
    b = np.ones((6, 8), "float32")
    build(sch.mod)(a, b)
    np.testing.assert_array_equal(b, 1 + 2 * a)


def test_the_interpreter_says_that_it_cannot():
    a, b = operands()
    with pytest.raises(UnsupportedError) as caught:
        interp.run(with_import(), a, b)
    assert caught.value.message == "The interpreter cannot run the C function 'add_scaled'."
    assert "register_meaning('add_scaled')" in str(caught.value)


def test_the_interpreter_takes_a_meaning():
    @interp.register_meaning("add_scaled")
    def add_scaled(to, source, factor):
        to[:4] += source[:4] * factor

    try:
        sch = tensorized()
        a = np.arange(48, dtype="float32").reshape(6, 8)
        b = np.ones((6, 8), "float32")
        interp.run(sch.mod, a, b)
        np.testing.assert_array_equal(b, 1 + 2 * a)
        with pytest.raises(RegistryError, match="already registered"):
            interp.register_meaning("add_scaled")(add_scaled)
    finally:
        interp.remove_meaning("add_scaled")


WRONG = {
    "what is no LLVM IR": (
        ADD_SCALED + "int other(float *x);",
        'main (at "row"): LLVM cannot read the module to be linked.',
    ),
    "another type": (
        "define i32 @add_scaled(ptr %a, ptr %b, float %c) {\n  ret i32 0\n}",
        "main (at \"row\"): the linked function 'add_scaled' has other types than its call.",
    ),
    "a name of ours": (
        ADD_SCALED + "define i32 @pellucid_raw_main(ptr %a) {\n  ret i32 0\n}",
        "main (at \"row\"): the linked LLVM module defines 'pellucid_raw_main', "
        "which is defined already.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name):
    text, message = WRONG[name]
    with pytest.raises(UnsupportedError) as caught:
        build(with_import(text))
    assert caught.value.message == message


def test_a_function_that_nothing_defines():
    with pytest.raises(RegistryError) as caught:
        build(called)
    assert caught.value.message == (
        "called calls the C function 'add_scaled', which this process does not have."
    )
    assert "pragma_import_llvm" in str(caught.value)


CUBE_ROOT = """
declare double @cbrt(double)
@factor = private constant double 2.0
define double @twice_root(double %x) {
  %y = call double @cbrt(double %x)
  %f = load double, ptr @factor
  %z = fmul double %y, %f
  ret double %z
}
"""


def roots(text: str):
    @T.prim_func
    def f(A: T.Buffer((8,), "float64")):
        for i in range(8):
            with T.block("b"):
                vi = T.axis.spatial(8, i)
                T.block_attr({"pragma_import_llvm": text})
                A[vi] = T.call_pure_extern("float64", "twice_root", A[vi])

    return f


def test_a_linked_module_has_constants_and_calls_c():
    values = np.arange(8.0)
    build(roots(CUBE_ROOT))(values)
    np.testing.assert_allclose(values, 2 * np.cbrt(np.arange(8.0)), rtol=1e-15)


def test_a_linked_module_that_needs_what_is_not_there():
    with pytest.raises(RegistryError) as caught:
        build(roots(CUBE_ROOT.replace("@cbrt", "@no_such_root")))
    assert caught.value.message == (
        "f calls the C function 'no_such_root', which this process does not have."
    )
