"""Outer products in registers: one step of a float32 matrix product on a tile.

    C[rows, columns] += A[rows, 1] * B[columns]

The rows of `A` may lie anywhere (a column of a matrix stored by rows), `B` is one run of memory
(a row of a packed panel), and `C` is the tile; kept in a local buffer and tensorized inside the
loop over the reduction, it lives in vector registers: rows × columns / lanes of them, and one for
each vector of `B`. A tile that needs more than the registers of the machine (32 with AVX-512, 16
with AVX2) is legal and slow.
"""

from pellucid.script import tir as T
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.intrin import TensorIntrin


def description(rows: int, columns: int) -> PrimFunc:
    """The computation as two loops."""

    @T.prim_func
    def outer_product(
        A: T.Buffer((rows, 1), "float32"),
        B: T.Buffer((columns,), "float32"),
        C: T.Buffer((rows, columns), "float32"),
    ):
        with T.block("root"):
            T.reads(C[0:rows, 0:columns], A[0:rows, 0:1], B[0:columns])
            T.writes(C[0:rows, 0:columns])
            for i, j in T.grid(rows, columns):
                with T.block("update"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = C[vi, vj] + A[vi, 0] * B[vj]

    return outer_product


def implementation(rows: int, columns: int, lanes: int) -> PrimFunc:
    """The same with each row of the tile in vectors of `lanes`."""

    @T.prim_func
    def outer_product(
        A: T.Buffer((rows, 1), "float32"),
        B: T.Buffer((columns,), "float32"),
        C: T.Buffer((rows, columns), "float32"),
    ):
        with T.block("root"):
            T.reads(C[0:rows, 0:columns], A[0:rows, 0:1], B[0:columns])
            T.writes(C[0:rows, 0:columns])
            for i in T.unroll(rows):
                for j in T.unroll(columns // lanes):
                    C[i, T.Ramp(j * lanes, 1, lanes)] = C[i, T.Ramp(j * lanes, 1, lanes)] + (
                        T.Broadcast(A[i, 0], lanes) * B[T.Ramp(j * lanes, 1, lanes)]
                    )

    return outer_product


def register_outer_product(isa: str, rows: int, columns: int, lanes: int) -> TensorIntrin:
    """Make the intrinsic `<isa>.f32.outer_<rows>x<columns>` known."""
    return TensorIntrin.register(
        f"{isa}.f32.outer_{rows}x{columns}",
        description(rows, columns),
        implementation(rows, columns, lanes),
    )


for _rows, _columns in ((8, 32), (8, 48), (12, 32), (14, 32), (4, 64)):
    register_outer_product("avx512", _rows, _columns, 16)
for _rows, _columns in ((4, 16), (4, 24), (6, 16)):
    register_outer_product("avx2", _rows, _columns, 8)
