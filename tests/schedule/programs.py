"""Programs that several tests schedule."""

from __future__ import annotations

from typing import Any

from pellucid.script import tir as T


def loops(sch: Any, name: str = "B") -> Any:
    """The loops of a block."""
    return sch.get_loops(sch.get_block(name))


@T.prim_func
def elementwise(A: T.Buffer((6, 30)), B: T.Buffer((6, 30))) -> None:
    for i, j in T.grid(6, 30):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0


@T.prim_func
def matmul(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
    for i, j, k in T.grid(6, 8, 10):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def two_stages(A: T.Buffer((16, 16)), C: T.Buffer((16, 16))) -> None:
    B = T.alloc_buffer((16, 16))
    for i, j in T.grid(16, 16):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(16, 16):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def triangle(A: T.Buffer((8, 8)), B: T.Buffer((8, 8))) -> None:
    for i in range(8):
        for j in range(i + 1):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj]


@T.prim_func
def scan(A: T.Buffer((4, 8)), B: T.Buffer((4, 8))) -> None:
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            vj = T.axis.scan(8, j)
            B[vi, vj] = A[vi, vj]


@T.prim_func
def running_sum(a: T.handle, b: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    B = T.match_buffer(b, (n,))
    for i, k in T.grid(n, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = 0.0
            B[vi] = B[vi] + A[vi, vk]


@T.prim_func
def blur(A: T.Buffer((18,)), C: T.Buffer((16,))) -> None:
    B = T.alloc_buffer((18,))
    for i in range(18):
        with T.block("B"):
            vi = T.axis.spatial(18, i)
            B[vi] = A[vi] * 2.0
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def conv(A: T.Buffer((3, 8, 8)), W: T.Buffer((4, 3, 3, 3)), C: T.Buffer((4, 8, 8))) -> None:
    P = T.alloc_buffer((3, 10, 10))
    for c, y, x in T.grid(3, 10, 10):
        with T.block("P"):
            vc, vy, vx = T.axis.remap("SSS", [c, y, x])
            P[vc, vy, vx] = T.if_then_else(
                1 <= vy and vy < 9 and 1 <= vx and vx < 9, A[vc, vy - 1, vx - 1], 0.0
            )
    for f, y, x, c, ry, rx in T.grid(4, 8, 8, 3, 3, 3):
        with T.block("C"):
            vf, vy, vx, vc, vry, vrx = T.axis.remap("SSSRRR", [f, y, x, c, ry, rx])
            with T.init():
                C[vf, vy, vx] = 0.0
            C[vf, vy, vx] = C[vf, vy, vx] + P[vc, vy + vry, vx + vrx] * W[vf, vc, vry, vrx]


@T.prim_func
def matmul_relu(A: T.Buffer((16, 16)), B: T.Buffer((16, 16)), D: T.Buffer((16, 16))) -> None:
    C = T.alloc_buffer((16, 16))
    for i, j, k in T.grid(16, 16, 16):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(16, 16):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], 0.0)


@T.prim_func
def normalise(A: T.Buffer((6, 12)), D: T.Buffer((6, 12))) -> None:
    M = T.alloc_buffer((6,))
    S = T.alloc_buffer((6,))
    E = T.alloc_buffer((6, 12))
    for i, k in T.grid(6, 12):
        with T.block("M"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                M[vi] = T.min_value("float32")
            M[vi] = T.max(M[vi], A[vi, vk])
    for i, k in T.grid(6, 12):
        with T.block("E"):
            vi, vk = T.axis.remap("SS", [i, k])
            E[vi, vk] = A[vi, vk] - M[vi]
    for i, k in T.grid(6, 12):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = 0.0
            S[vi] = S[vi] + E[vi, vk]
    for i, k in T.grid(6, 12):
        with T.block("D"):
            vi, vk = T.axis.remap("SS", [i, k])
            D[vi, vk] = E[vi, vk] * S[vi]


@T.prim_func
def reshape(A: T.Buffer((4, 6)), C: T.Buffer((24,))) -> None:
    B = T.alloc_buffer((24,))
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi * 6 + vj] = A[vi, vj] * 2.0
    for i in range(24):
        with T.block("C"):
            vi = T.axis.spatial(24, i)
            C[vi] = B[vi] + 1.0
