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
