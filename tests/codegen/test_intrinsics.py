"""The shipped tensor intrinsics: what they compute, the instructions they become, and whole matrix
products that use them.
"""

from __future__ import annotations

import re

import ml_dtypes
import numpy as np
import pytest

from pellucid import interp, te
from pellucid.driver.build import build
from pellucid.intrinsics import register_outer_product
from pellucid.intrinsics.dot_product import SHIPPED
from pellucid.script import tir as T
from pellucid.support.errors import RegistryError, UnsupportedError
from pellucid.target import Target
from pellucid.tir.schedule import Schedule, TensorIntrin
from tests.codegen.test_scheduled_gemm import VECTOR_ON_STACK, loops

OUTER = {
    "avx512.f32.outer_8x32": 16,
    "avx512.f32.outer_8x48": 16,
    "avx512.f32.outer_12x32": 16,
    "avx512.f32.outer_14x32": 16,
    "avx512.f32.outer_4x64": 16,
    "avx2.f32.outer_4x16": 8,
    "avx2.f32.outer_4x24": 8,
    "avx2.f32.outer_6x16": 8,
}
NAMES = [*OUTER, *SHIPPED]
SERVER = "llvm -mtriple=x86_64-unknown-linux-gnu -mcpu=cooperlake"
HASWELL = "llvm -mtriple=x86_64-unknown-linux-gnu -mcpu=haswell"
NEOVERSE = "llvm -mtriple=aarch64-unknown-linux-gnu -mcpu=neoverse-n1"
FEATURES = {"bf16": ["avx512bf16", "avx512vl"], "u8s8": ["avx512vnni", "avx512vl"]}


def target_of(name: str) -> str:
    return {"avx512": SERVER, "avx2": HASWELL, "neon": NEOVERSE}[name.split(".")[0]]


def require_host(name: str) -> None:
    """Skip what this processor has no instructions for."""
    isa, kind, _ = name.split(".")
    host = Target("llvm")
    if isa == "neon":
        if host.arch != "aarch64" or not host.has("dotprod"):
            pytest.skip("this processor is no Arm with dot products; the assembly is tested")
        return
    wanted = ["avx2", "fma"] if isa == "avx2" else ["avx512f", *FEATURES.get(kind, [])]
    missing = [each for each in wanted if not host.has(each)]
    if missing:
        pytest.skip(f"this processor has no {', '.join(missing)}; the assembly is tested")


def operands(func, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for buffer in func.buffers:
        shape = [each.value for each in buffer.shape]
        dtype = str(buffer.dtype)
        if "int" in dtype:
            info = np.iinfo(dtype)
            found.append(rng.integers(info.min, info.max, shape, dtype, endpoint=True))
        else:
            values = rng.standard_normal(shape).astype("float32")
            found.append(values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype))
    return found


def close(name, found, expected):
    if "int" in str(expected.dtype):
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
def test_the_implementation_computes_the_description(name):
    intrin = TensorIntrin.get(name)
    args = operands(intrin.desc)
    found = [each.copy() for each in args]
    with np.errstate(over="ignore"):
        interp.run(intrin.desc, *args)
        interp.run(intrin.impl, *found)
    close(name, found[2], args[2])


@pytest.mark.parametrize("name", NAMES)
def test_this_processor_computes_the_implementation(name):
    require_host(name)
    intrin = TensorIntrin.get(name)
    args = operands(intrin.impl)
    found = [each.copy() for each in args]
    with np.errstate(over="ignore"):
        interp.run(intrin.impl, *args)
    build(intrin.impl)(*found)
    close(name, found[2], args[2])


@pytest.mark.parametrize("name", ["avx512.bf16.dot_16x2", "avx512.bf16.dot_8x2"])
def test_the_meaning_of_bfloat16_pairs_is_exact(name):
    """To the last bit, from denormal numbers to large ones."""
    require_host(name)
    intrin = TensorIntrin.get(name)
    lib = build(intrin.impl)
    rng = np.random.default_rng(2)
    for _ in range(60):
        scale = 10.0 ** rng.integers(-20, 10, 2)
        args = [each * 1 for each in operands(intrin.impl, int(rng.integers(1 << 30)))]
        args[0] = (args[0].astype("float32") * scale[0]).astype(ml_dtypes.bfloat16)
        args[1] = (args[1].astype("float32") * scale[1]).astype(ml_dtypes.bfloat16)
        args[2] = (args[2] * (scale[0] * scale[1])).astype("float32")
        found = [each.copy() for each in args]
        interp.run(intrin.impl, *args)
        lib(*found)
        np.testing.assert_array_equal(found[2].view("uint32"), args[2].view("uint32"))


INSTRUCTIONS = {
    **{
        name: (r"vfmadd\w+ps\s.*%zmm" if lanes == 16 else r"vfmadd\w+ps\s.*%ymm")
        for name, lanes in OUTER.items()
    },
    "avx512.bf16.dot_16x2": r"vdpbf16ps\s.*%zmm",
    "avx512.bf16.dot_8x2": r"vdpbf16ps\s.*%ymm",
    "avx512.u8s8.dot_16x4": r"vpdpbusd\s.*%zmm",
    "avx512.u8s8.dot_8x4": r"vpdpbusd\s.*%ymm",
    "neon.s8.dot_4x4": r"\bsdot\s",
    "neon.u8.dot_4x4": r"\budot\s",
}


@pytest.mark.parametrize("name", NAMES)
def test_the_instruction_is_there(name):
    code = build(TensorIntrin.get(name).impl, target_of(name)).get_source("asm")
    count = 1
    if name in OUTER:
        rows, columns = map(int, name.split("_")[1].split("x"))
        count = rows * columns // OUTER[name]
    assert len(re.findall(INSTRUCTIONS[name], code)) == count


def test_every_name_is_covered():
    assert set(NAMES) == set(INSTRUCTIONS)


@pytest.mark.parametrize(
    ("name", "target", "reason"),
    [
        (
            "avx512.bf16.dot_16x2",
            HASWELL,
            "dot_product: llvm.x86.avx512bf16.dpbf16ps.512 needs avx512bf16, which haswell has not",
        ),
        (
            "avx512.u8s8.dot_8x4",
            HASWELL,
            "dot_product: llvm.x86.avx512.vpdpbusd.256 needs avx512vnni and avx512vl, which "
            "haswell has not",
        ),
        (
            "avx512.u8s8.dot_16x4",
            NEOVERSE,
            "dot_product: llvm.x86.avx512.vpdpbusd.512 is an instruction of x86_64, and the "
            "target is aarch64",
        ),
        (
            "neon.s8.dot_4x4",
            "llvm -mtriple=aarch64-unknown-linux-gnu",
            "dot_product: llvm.aarch64.neon.sdot.v4i32.v16i8 needs dotprod, which generic has not",
        ),
    ],
)
def test_a_processor_without_the_instruction_is_refused(name, target, reason):
    with pytest.raises(UnsupportedError) as caught:
        build(TensorIntrin.get(name).impl, target)
    assert caught.value.message.splitlines()[1].strip() == reason


# Whole products


def product(m, n, k, left, right, total):
    a, b = te.placeholder((m, k), left, name="A"), te.placeholder((k, n), right, name="B")
    axis = te.reduce_axis((0, k), name="k")
    c = te.compute(
        (m, n),
        lambda i, j: te.sum(a[i, axis].astype(total) * b[axis, j].astype(total), axis=axis),
        name="C",
    )
    return te.create_prim_func([a, b, c])


def outer_schedule(name, m, n, k):
    """A float32 product whose tile is one intrinsic."""
    rows, columns = map(int, name.split("_")[1].split("x"))
    lanes = OUTER[name]
    sch = Schedule(product(m, n, k, "float32", "float32", "float32"))
    block = sch.get_block("C")
    back = sch.cache_write(block, 0, "local")
    sch.cache_read(block, 1, "global")
    sch.transform_layout(block, ("read", 1), lambda k, j: (j // columns, k, j % columns))
    i, j, k = sch.get_loops(block)
    io, ii = sch.split(i, [None, rows])
    jo, ji = sch.split(j, [None, columns])
    sch.reorder(io, jo, k, ii, ji)
    sch.reverse_compute_at(back, jo)
    init = sch.decompose_reduction(block, k)
    for each in (init, back):
        *_, row, column = sch.get_loops(each)
        vector, lane = sch.split(column, [None, lanes])
        sch.unroll(row)
        sch.unroll(vector)
        sch.vectorize(lane)
    sch.tensorize(ii, name)
    return sch


def dot_schedule(name, m, n, k, rows=4, vectors=2):
    """A product of small numbers: `rows` × `vectors` intrinsics make a tile."""
    lanes, group, left, right, total, _ = SHIPPED[name]
    sch = Schedule(product(m, n, k, left, right, total))
    block = sch.get_block("C")
    back = sch.cache_write(block, 0, "local")
    sch.cache_read(block, 1, "global")
    sch.transform_layout(
        block,
        ("read", 1),
        lambda k, j: (j // lanes, k // group, j % lanes * group + k % group),
    )
    i, j, k = sch.get_loops(block)
    io, ii = sch.split(i, [None, rows])
    jo, jn, ji = sch.split(j, [None, vectors, lanes])
    ko, ki = sch.split(k, [None, group])
    sch.reorder(io, jo, ko, ii, jn, ji, ki)
    sch.reverse_compute_at(back, jo)
    init = sch.decompose_reduction(block, ko)
    for each in (init, back):
        *_, column = loops_of = sch.get_loops(each)
        if each is back:
            column, lane = sch.split(column, [None, lanes])
            sch.unroll(column)
            sch.vectorize(lane)
        else:
            sch.unroll(loops_of[-2])
            sch.vectorize(column)
        sch.unroll(loops_of[-2] if each is back else loops_of[-3])
    for loop in (ii, jn):
        sch.unroll(loop)
    sch.tensorize(ji, name)
    return sch


def expected_of(args):
    a, b, c = args
    wide = "int64" if "int" in str(c.dtype) else "float64"
    return (a.astype(wide) @ b.astype(wide)).astype(c.dtype)


SCHEDULES = [
    (outer_schedule, "avx512.f32.outer_8x32", (16, 64, 6)),
    (outer_schedule, "avx512.f32.outer_8x48", (8, 96, 6)),
    (outer_schedule, "avx512.f32.outer_14x32", (28, 32, 6)),
    (outer_schedule, "avx2.f32.outer_6x16", (12, 32, 6)),
    (dot_schedule, "avx512.bf16.dot_16x2", (8, 64, 8)),
    (dot_schedule, "avx512.u8s8.dot_16x4", (8, 64, 8)),
    (dot_schedule, "avx512.u8s8.dot_8x4", (8, 32, 8)),
    (dot_schedule, "neon.s8.dot_4x4", (4, 16, 8)),
    (dot_schedule, "neon.u8.dot_4x4", (4, 16, 8)),
]
IDS = [name for _, name, _ in SCHEDULES]


@pytest.mark.parametrize(("make", "name", "size"), SCHEDULES, ids=IDS)
def test_a_tensorized_product_means_the_same(make, name, size):
    sch = make(name, *size)
    args = operands(sch.mod["main"])
    with np.errstate(over="ignore"):
        expected = expected_of(args)
        interp.run(sch.mod, *args)
    np.testing.assert_allclose(args[2], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("make", "name", "size"), SCHEDULES, ids=IDS)
def test_a_tensorized_product_runs_here(make, name, size):
    require_host(name)
    m, n, k = size
    sch = make(name, m, n, 8 * k)
    args = operands(sch.mod["main"])
    expected = expected_of(args)
    build(sch.mod)(*args)
    np.testing.assert_allclose(args[2], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("make", "name", "size"), SCHEDULES, ids=IDS)
def test_the_tile_stays_in_registers(make, name, size):
    m, n, k = size
    code = build(make(name, m, n, 64 * k).mod, target_of(name)).get_source("asm")
    wanted = re.compile(INSTRUCTIONS[name] if "neon" not in name else r"\b[su]dot\s")
    inner = max(loops(code), key=lambda loop: sum(bool(wanted.search(line)) for line in loop))
    assert sum(bool(wanted.search(line)) for line in inner) >= 4
    assert [line for line in inner if VECTOR_ON_STACK.search(line)] == []


# Registering


def test_other_sizes():
    name = "avx512.f32.outer_6x32"
    if TensorIntrin.get(name, allow_missing=True) is None:
        register_outer_product("avx512", 6, 32, 16)
    args = operands(TensorIntrin.get(name).desc)
    found = [each.copy() for each in args]
    interp.run(TensorIntrin.get(name).desc, *args)
    interp.run(TensorIntrin.get(name).impl, *found)
    np.testing.assert_allclose(found[2], args[2], rtol=1e-6)
    with pytest.raises(RegistryError, match="exists already"):
        register_outer_product("avx512", 6, 32, 16)


def test_another_computation_is_refused():
    @T.prim_func
    def differences(
        A: T.Buffer((8, 4), "float32"),
        B: T.Buffer((4, 32), "float32"),
        C: T.Buffer((8, 32), "float32"),
    ):
        for k, i, j in T.grid(4, 8, 32):
            with T.block("C"):
                vk, vi, vj = T.axis.remap("RSS", [k, i, j])
                T.reads(C[vi, vj], A[vi, vk], B[vk, vj])
                T.writes(C[vi, vj])
                C[vi, vj] = C[vi, vj] - A[vi, vk] * B[vk, vj]

    sch = Schedule(differences)
    _, i, _ = sch.get_loops("C")
    with pytest.raises(ValueError, match="does not compute what the intrinsic"):
        sch.tensorize(i, "avx512.f32.outer_8x32")
