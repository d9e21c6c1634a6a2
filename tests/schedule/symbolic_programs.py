"""Loop programs of symbolic size."""

from __future__ import annotations

from pellucid.script import tir as T


@T.prim_func
def stages(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def sums(a: T.handle, c: T.handle) -> None:
    n, m = T.int32(), T.int32()
    A = T.match_buffer(a, (n, m))
    C = T.match_buffer(c, (n,))
    for i, k in T.grid(n, m):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = 0.0
            C[vi] = C[vi] + A[vi, vk]


@T.prim_func
def window(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n,))
    C = T.match_buffer(c, (n,))
    B = T.alloc_buffer((n + 2,))
    for i in range(n + 2):
        with T.block("B"):
            vi = T.axis.spatial(n + 2, i)
            B[vi] = T.if_then_else(1 <= vi and vi < n + 1, A[vi - 1], 0.0)
    for i in range(n):
        with T.block("C"):
            vi = T.axis.spatial(n, i)
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]
