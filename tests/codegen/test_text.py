"""The IR builder, dtypes and compilation: text, running code, errors."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.codegen.llvm import types
from pellucid.codegen.llvm.compile import compile_module
from pellucid.codegen.llvm.text import Function, Module, Value
from pellucid.runtime.native import NativeLibrary, load_object
from pellucid.support.errors import InternalError
from pellucid.target import Target
from tests.codegen.harness import ARM, BASELINE, HOST


def run(module: Module, name: str, *args: np.ndarray | int, result: type | None = None) -> object:
    """Compile, load and call `name` with the addresses of arrays and with int64 values."""
    compiled = compile_module(module.text(), module.target)
    library: NativeLibrary = load_object(compiled.object, [name], {})
    kinds = [ctypes.c_void_p if isinstance(a, np.ndarray) else ctypes.c_int64 for a in args]
    call = ctypes.CFUNCTYPE(result, *kinds)(library.address(name))
    return call(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in args))


def test_the_text_of_a_small_module() -> None:
    module = Module(Target("llvm -mtriple=x86_64-unknown-linux-gnu -mcpu=znver4"), "small")
    f = module.function("scale", "void", [("ptr noalias", "x"), ("i64", "n")])
    x, n = f.params
    with f.loop(0, n) as loop:
        place = f.gep("float", x, loop.index)
        f.store(f.fmul(f.load("float", place, 4), f.fconst("float", 2.0), "contract"), place, 4)
    f.ret()
    assert module.text() == (
        "; small\n"
        'target triple = "x86_64-unknown-linux-gnu"\n'
        "define void @scale(ptr noalias %x, i64 %n) nounwind {\n"
        "entry:\n"
        "  br label %for1\n"
        "for1:\n"
        "  %v1 = phi i64 [ 0, %entry ], [ %v6, %body3 ]\n"
        "  %v2 = icmp slt i64 %v1, %n\n"
        "  br i1 %v2, label %body3, label %done2\n"
        "body3:\n"
        "  %v3 = getelementptr inbounds float, ptr %x, i64 %v1\n"
        "  %v4 = load float, ptr %v3, align 4\n"
        "  %v5 = fmul contract float %v4, 0x4000000000000000\n"
        "  store float %v5, ptr %v3, align 4\n"
        "  %v6 = add nsw i64 %v1, 1\n"
        "  br label %for1\n"
        "done2:\n"
        "  ret void\n"
        "}\n"
    )


def test_constants_fold() -> None:
    f = Module(HOST).function("f", "void", [("i64", "n")])
    n = f.params[0]
    five = f.add(f.iconst("i64", 2), f.mul(f.iconst("i64", 3), 1))
    assert (five.constant, five.name) == (5, "5")
    assert f.add(n, 0) is n
    assert f.mul(n, 1) is n
    assert f.sub(n, 0) is n
    assert f.mul(n, 0).constant == 0
    assert f.add(f.iconst("i8", 127), 1).constant == -128
    assert f.iconst("i8", 255).constant == -1
    assert f.cast("zext", f.iconst("i8", -1), "i32").constant == 255
    assert f.cast("sext", f.iconst("i8", -1), "i32").constant == -1
    assert f.gep("float", f.raw("ptr", "%p"), 0).name == "%p"
    assert f.ramp(f.iconst("i32", 3), 2, 3).name == "<i32 3, i32 5, i32 7>"
    assert f.splat(f.fconst("float", 1.0), 4).name == "splat (float 0x3FF0000000000000)"
    assert not f.lines


def test_loops_carry_values() -> None:
    module = Module(HOST)
    f = module.function("total", "i64", [("ptr", "x"), ("i64", "n"), ("i64", "step")])
    x, n, step = f.params
    zero = f.iconst("i64", 0)
    with f.loop(0, n, step, carried=[zero, zero]) as loop:
        value = f.load("i64", f.gep("i64", x, loop.index), 8)
        total, count = loop.carried
        loop.next = [f.add(total, value), f.add(count, 1)]
    f.ret(f.add(f.mul(loop.results[1], 1000), loop.results[0]))
    values = np.arange(10)
    assert run(module, "total", values, 10, 3, result=ctypes.c_int64) == 4000 + 0 + 3 + 6 + 9
    assert run(module, "total", values, 0, 3, result=ctypes.c_int64) == 0


def test_branches() -> None:
    module = Module(HOST)
    f = module.function("sign", "i64", [("i64", "n")])
    n = f.params[0]
    place = f.alloca("i64")
    f.store(f.iconst("i64", 0), place, 8)
    with f.when(f.icmp("ne", n, 0)), f.when_else(f.icmp("sgt", n, 0)) as other:
        f.store(f.iconst("i64", 1), place, 8)
        f.otherwise(other)
        f.store(f.iconst("i64", -1), place, 8)
    one, rest, done = f.block("one"), f.block("rest"), f.block("end")
    f.switch(n, rest, [(42, one)])
    f.start(one)
    f.ret(f.iconst("i64", 420))
    f.start(rest)
    f.branch(done)
    f.start(done)
    f.ret(f.load("i64", place, 8))
    got = [run(module, "sign", n, result=ctypes.c_int64) for n in (5, 0, -7, 42)]
    assert got == [1, 0, -1, 420]
    entry = module.text().split("entry:\n")[1].splitlines()[0]
    assert entry.strip().startswith("%buf1 = alloca i64")


@pytest.mark.parametrize("target", [HOST, BASELINE], ids=lambda t: t.isa)
def test_vectors_and_memory(target: Target) -> None:
    module = Module(target)
    f = module.function("f", "void", [("ptr", "x"), ("ptr", "y"), ("i64", "n")])
    x, y, n = f.params
    lane = f.ramp(f.iconst("i64", 0), 1, 8)
    mask = f.icmp("slt", lane, f.splat(n, 8))
    some = f.masked_load("<8 x float>", x, 4, mask, f.fconst("<8 x float>", -1.0))
    f.store(some, y, 4)
    f.masked_store(some, f.gep("float", y, 8), 4, mask)
    turned = f.sub(f.iconst("<8 x i64>", 7), lane)
    every_other = f.gep("float", x, f.mul(lane, 2))
    f.scatter(f.gather("<8 x float>", every_other, 4), f.gep("float", y, f.add(turned, 16)), 4)
    whole = f.load("<16 x float>", x, 4)
    low = f.shuffle(whole, None, [0, 1, 2, 3])
    high = f.shuffle(whole, None, [12, 13, 14, 15])
    f.store(f.concat([low, high, low]), f.gep("float", y, 24), 4)
    total = f.reduce("fadd", whole, f.fconst("float", 0.0), "reassoc")
    f.store(f.insert(f.splat(total, 4), f.extract(whole, 3), 2), f.gep("float", y, 36), 4)
    f.copy_memory(f.gep("float", y, 40), x, 16, 4, 4)
    f.set_memory(f.gep("float", y, 44), 0, f.iconst("i64", 8), 4)
    f.prefetch(x)
    f.ret()
    a, b = np.arange(16, dtype=np.float32), np.full(48, 99, np.float32)
    run(module, "f", a, b, 3)
    want = np.concatenate(
        [
            [0, 1, 2, -1, -1, -1, -1, -1],
            [0, 1, 2, 99, 99, 99, 99, 99],
            [14, 12, 10, 8, 6, 4, 2, 0],
            [0, 1, 2, 3, 12, 13, 14, 15, 0, 1, 2, 3],
            [120, 120, 3, 120],
            [0, 1, 2, 3, 0, 0, 99, 99],
        ]
    )
    assert b.tolist() == want.tolist()


def test_atomics_and_calls() -> None:
    module = Module(HOST)
    g = module.function("twice", "i64", [("i64", "n")], linkage="internal")
    g.ret(g.add(g.params[0], g.params[0]))
    f = module.function("f", "i64", [("ptr", "x")])
    x = f.params[0]
    old = f.atomic_rmw("add", x, f.iconst("i64", 5))
    _, wrote = f.compare_exchange(x, f.iconst("i64", 12), f.iconst("i64", 100), "acq_rel")
    f.fence("acquire")
    f.atomic_store(f.add(f.atomic_load("i64", x, 8), 1), x, 8)
    name = module.declare("snprintf", "i32", ["ptr", "i64", "ptr", "..."])
    text = f.alloca("i8", 16)
    length = f.call(
        name,
        "i32",
        [text, f.iconst("i64", 16), module.string('é"%ld'), old],
        signature="i32 (ptr, i64, ptr, ...)",
    )
    result = f.call("twice", "i64", [f.cast("sext", length, "i64")])
    f.ret(f.add(result, f.cast("zext", wrote, "i64")))
    memory = np.array([7])
    assert run(module, "f", memory, result=ctypes.c_int64) == 2 * len('é"7'.encode()) + 1
    assert memory[0] == 101


def test_alias_scopes_let_loads_leave_a_loop() -> None:
    def loads(told: bool) -> int:
        module = Module(HOST)
        f = module.function("f", "void", [("ptr", "a"), ("ptr", "b"), ("i64", "n")])
        a, b, n = f.params
        scopes = module.alias_scopes(["a", "b"]) if told else {"a": "", "b": ""}
        with f.loop(0, n, metadata=module.loop_metadata("llvm.loop.unroll.disable")) as loop:
            value = f.load("float", a, 4, scopes["a"])
            f.store(value, f.gep("float", b, loop.index), 4, scopes["b"])
        f.ret()
        ir = compile_module(module.text(), HOST).ir
        loop_text = ir.split("phi i64")[1].split("br i1")[0]
        return loop_text.count("load float")

    assert loads(told=True) == 0
    assert loads(told=False) == 1


WRONG: list[tuple[str, Callable[[Module, Function], object]]] = [
    ("add wants one type", lambda _, f: f.binary("add", f.params[0], f.iconst("i32", 1))),
    ("icmp wants one type", lambda _, f: f.icmp("eq", f.params[0], f.iconst("i32", 1))),
    ("select wants one type", lambda _, f: f.select(
        f.raw("i1", "true"), f.params[0], f.iconst("i32", 1))),
    ("extract wants a vector", lambda _, f: f.extract(f.params[0], 0)),
    ("returns void, not i64", lambda _, f: f.ret(f.params[0])),
    ("already ends", lambda _, f: (f.ret(), f.ret())),
    ("started twice", lambda _, f: (b := f.block(), f.branch(b), f.start(b), f.start(b))),
    ("has no end", lambda m, _: m.text()),
    ("is defined twice", lambda m, _: m.function("f", "void", [])),
    ("is declared twice", lambda m, _: (m.declare("g", "i32", []), m.declare("g", "i64", []))),
    ("defined twice", lambda m, _: [m.global_value("g", "i8", "0", align=1) for _ in range(2)]),
    ("cannot take a value of i32", lambda _, f: f.phi("i64").add(f.iconst("i32", 1), f.current)),
]  # fmt: skip


@pytest.mark.parametrize(("message", "act"), WRONG, ids=[m for m, _ in WRONG])
def test_misuse_is_an_internal_error(
    message: str, act: Callable[[Module, Function], object]
) -> None:
    module = Module(HOST)
    f = module.function("f", "void", [("i64", "n")])
    with pytest.raises(InternalError, match=message):
        act(module, f)


def test_ir_that_llvm_refuses_shows_its_lines() -> None:
    with pytest.raises(InternalError) as caught:
        compile_module("define void @f() {\n  %a = add i32 1, 2.0\n  ret void\n}", HOST)
    assert str(caught.value).startswith(
        "LLVM cannot parse the IR: floating point constant invalid for type (line 2, column 19)\n"
        "        1 | define void @f() {\n"
        "  >     2 |   %a = add i32 1, 2.0\n"
        "        3 |   ret void\n"
        "        4 | }\n"
    )
    text = "define i32 @f() {\n  br label %a\na:\n  %x = add i32 %y, 1\n  %y = add i32 1, 2\n"
    with pytest.raises(InternalError, match="does not dominate all uses") as caught:
        compile_module(text + "  ret i32 %x\n}", HOST)
    assert "  >     5 |   %y = add i32 1, 2\n" in str(caught.value)
    with pytest.raises(InternalError, match="never generated at level 0"):
        compile_module("", HOST, codegen_level=0)


def tile(target: Target) -> Module:
    """A 4 × 2-vector matrix product tile, as scheduled kernels have it."""
    module = Module(target)
    lanes = target.lanes(32)
    type_ = types.vector("float", lanes)
    params = [("ptr noalias", n) for n in "abc"]
    f = module.function("tile", "void", [*params, ("i64", "k")])
    a, b, c, k = f.params
    start = [f.fconst(type_, 0.0)] * 8
    with f.loop(0, k, carried=start) as loop:
        row = f.gep("float", b, f.mul(loop.index, 2 * lanes))
        right = [f.load(type_, f.gep("float", row, j * lanes), 4) for j in range(2)]
        left = f.gep("float", a, f.mul(loop.index, 4))
        for i in range(4):
            wide = f.splat(f.load("float", f.gep("float", left, i), 4), lanes)
            loop.next += [f.fma(wide, right[j], loop.carried[2 * i + j]) for j in range(2)]
    for number, value in enumerate(loop.results):
        f.store(value, f.gep("float", c, number * lanes), 4)
    f.ret()
    return module


@pytest.mark.parametrize(
    ("target", "instruction"),
    [
        (Target("llvm -mtriple=x86_64-linux-gnu -mcpu=znver4"), r"vfmadd231ps.*%zmm"),
        (Target("llvm -mtriple=x86_64-linux-gnu -mcpu=haswell"), r"vfmadd231ps.*%ymm"),
        (Target("llvm -mtriple=x86_64-linux-gnu -mcpu=x86-64"), r"mulps.*%xmm"),
        (ARM, r"fmla\tv\d+.4s"),
    ],
    ids=["avx512", "avx2", "sse2", "neon"],
)
def test_tiles_become_the_instructions_of_each_target(target: Target, instruction: str) -> None:
    compiled = compile_module(tile(target).text(), target)
    assert compiled.object.startswith(b"\x7fELF")
    assert compiled.target == target
    lines = [line for line in compiled.assembly.splitlines() if "tile" not in line]
    matching = [line for line in lines if re.search(instruction, line)]
    assert len(matching) >= 8
    assert "fma" in compiled.ir or not target.has_fma
    assert not [line for line in lines if "(%rsp)" in line or "[sp" in line]


def test_the_same_text_gives_the_same_object() -> None:
    text = tile(HOST).text()
    assert compile_module(text, HOST).object == compile_module(text, HOST).object


@pytest.mark.parametrize(
    ("dtype", "register", "memory", "size", "align"),
    [
        ("bool", "i1", "i8", 1, 1),
        ("boolx8", "<8 x i1>", "<8 x i8>", 8, 1),
        ("int8", "i8", "i8", 1, 1),
        ("uint64", "i64", "i64", 8, 8),
        ("float32x16", "<16 x float>", "<16 x float>", 64, 4),
        ("float64", "double", "double", 8, 8),
        ("float16x2", "<2 x i16>", "<2 x i16>", 4, 2),
        ("bfloat16", "i16", "i16", 2, 2),
        ("float8_e4m3fnx4", "<4 x i8>", "<4 x i8>", 4, 1),
        ("handle", "ptr", "ptr", 8, 8),
    ],
)
def test_dtypes(dtype: str, register: str, memory: str, size: int, align: int) -> None:
    assert types.register_type(dtype) == register
    assert types.memory_type(dtype) == memory
    assert (types.size(dtype), types.alignment(dtype)) == (size, align)
    base, lanes = types.split(dtype)
    assert types.with_lanes(base.name, lanes) == dtype
    assert types.lanes(register) == lanes


def test_literals() -> None:
    assert types.literal("float32", 0.1) == "0x3FB99999A0000000"
    assert types.literal("float64", 0.1) == "0x3FB999999999999A"
    assert types.literal("float32", 1e300) == "0x7FF0000000000000"
    assert types.literal("float32", float("nan")) == "0x7FF8000000000000"
    assert types.literal("bool", 1) == "true"
    assert types.literal("uint8x4", 255) == "splat (i8 255)"
    assert types.literal("float16", 1.0) == str(0x3C00)
    assert types.literal("bfloat16x2", -1.0) == f"splat (i16 {0xBF80})"
    assert types.vector_literal("int32", [1, -2]) == "<i32 1, i32 -2>"
    assert types.zero("handle") == "null"
    for dtype, value in [("int8", 128), ("uint8", -1), ("handle", 1)]:
        with pytest.raises(InternalError):
            types.literal(dtype, value)
    for dtype in ("float128", "int32x0", "int32x", "x4", "int7"):
        with pytest.raises(InternalError, match="does not know the dtype"):
            types.split(dtype)


@given(st.floats(width=32, allow_nan=False))
def test_float_literals_are_exact(value: float) -> None:
    bits = int(types.literal("float32", value), 16)
    assert np.array(bits, np.uint64).view(np.float64) == value


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-400, max_value=400))
def test_small_float_literals_round_as_ml_dtypes_does(value: float) -> None:
    for dtype in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        kind = np.dtype(getattr(ml_dtypes, dtype))
        want = np.array(value, np.float32).astype(kind)
        word = f"uint{8 * kind.itemsize}"
        assert int(types.literal(dtype, value)) == int(want.view(word))


def test_values_print_as_operands() -> None:
    value = Value("<4 x float>", "%v1")
    assert str(value) == "<4 x float> %v1"
    assert repr(value) == "<<4 x float> %v1>"
