"""Dot products of small numbers: each lane adds up neighbouring products.

    C[j] += sum over p of A[p] * B[group * j + p], in the dtype of C

| name | A, B, C | instruction |
|---|---|---|
| `avx512.bf16.dot_16x2`, `avx512.bf16.dot_8x2` | bfloat16, bfloat16, float32 | `vdpbf16ps` |
| `avx512.u8s8.dot_16x4`, `avx512.u8s8.dot_8x4` | uint8, int8, int32 | `vpdpbusd` |
| `neon.s8.dot_4x4` | int8, int8, int32 | `sdot` |
| `neon.u8.dot_4x4` | uint8, uint8, uint32 | `udot` |

A name ends in the lanes of `C` and the numbers of a group.

`A` is a run of 2 or 4 numbers that all lanes share, `C` one vector of sums, `B` one vector of
numbers in which those of one lane are neighbours. A matrix stored by rows comes to that layout with
`transform_layout(block, ("read", 1), lambda k, j: (j // lanes, k // 4, j % lanes * 4 + k % 4))`.

bfloat16: `vdpbf16ps` adds the second product first, rounds once for each, and takes denormal
numbers for zero: the last bits differ from the description, and where a denormal number meets an
infinity it gives NaN; a schedule with `validate="test"` refuses it for that. The 8-bit
instructions are exact; `C` wraps around. The instructions need the features `avx512bf16`,
`avx512vnni` (with `avx512vl` for 8 lanes) and `dotprod` of the target.
"""

from pellucid.script import tir as T
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.intrin import TensorIntrin


def description(lanes: int, group: int, left: str, right: str, total: str) -> PrimFunc:
    """The computation: `lanes` sums of `group` products each."""
    wide = lanes * group

    @T.prim_func
    def dot_product(
        A: T.Buffer((group,), left), B: T.Buffer((wide,), right), C: T.Buffer((lanes,), total)
    ):
        with T.block("root"):
            T.reads(C[0:lanes], A[0:group], B[0:wide])
            T.writes(C[0:lanes])
            for j, p in T.grid(lanes, group):
                with T.block("update"):
                    vj, vp = T.axis.remap("SR", [j, p])
                    C[vj] = C[vj] + T.cast(A[vp], total) * T.cast(B[vj * group + vp], total)

    return dot_product


def implementation(
    lanes: int, group: int, left: str, right: str, total: str, instruction: str
) -> PrimFunc:
    """The same as one call of the LLVM intrinsic `instruction`: the group of `A` is one number of
    32 bits that is copied into every lane.
    """
    wide = lanes * group
    sums, spread = f"{total}x{lanes}", f"{left}x{wide}"

    @T.prim_func
    def dot_product(
        A: T.Buffer((group,), left), B: T.Buffer((wide,), right), C: T.Buffer((lanes,), total)
    ):
        with T.block("root"):
            T.reads(C[0:lanes], A[0:group], B[0:wide])
            T.writes(C[0:lanes])
            C[T.Ramp(0, 1, lanes)] = T.call_llvm_pure_intrin(
                sums,
                instruction,
                C[T.Ramp(0, 1, lanes)],
                T.reinterpret(
                    spread, T.Broadcast(T.reinterpret("int32", A[T.Ramp(0, 1, group)]), lanes)
                ),
                B[T.Ramp(0, 1, wide)],
            )

    return dot_product


_BF16 = ("bfloat16", "bfloat16", "float32")
_U8S8 = ("uint8", "int8", "int32")
SHIPPED = {
    "avx512.bf16.dot_16x2": (16, 2, *_BF16, "llvm.x86.avx512bf16.dpbf16ps.512"),
    "avx512.bf16.dot_8x2": (8, 2, *_BF16, "llvm.x86.avx512bf16.dpbf16ps.256"),
    "avx512.u8s8.dot_16x4": (16, 4, *_U8S8, "llvm.x86.avx512.vpdpbusd.512"),
    "avx512.u8s8.dot_8x4": (8, 4, *_U8S8, "llvm.x86.avx512.vpdpbusd.256"),
    "neon.s8.dot_4x4": (4, 4, "int8", "int8", "int32", "llvm.aarch64.neon.sdot.v4i32.v16i8"),
    "neon.u8.dot_4x4": (4, 4, "uint8", "uint8", "uint32", "llvm.aarch64.neon.udot.v4i32.v16i8"),
}
"""Name to lanes, group, dtypes of A, B and C, and LLVM intrinsic."""

for _name, (_lanes, _group, _left, _right, _total, _instruction) in SHIPPED.items():
    TensorIntrin.register(
        _name,
        description(_lanes, _group, _left, _right, _total),
        implementation(_lanes, _group, _left, _right, _total, _instruction),
    )
