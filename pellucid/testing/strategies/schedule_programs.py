"""Loop programs for the laws of schedules: small, in bounds, with inputs that add up exactly.

Each is what users schedule: contractions, stencils, normalisations, reductions of several kinds,
accesses through indices, predicates, symbolic sizes, modules of several functions. Arguments whose
names begin with `idx` hold positions; see `schedule_cases`.
"""

from pellucid.script import tir as T


@T.prim_func
def elementwise(A: T.Buffer((6, 8)), B: T.Buffer((6, 8))) -> None:
    for i, j in T.grid(6, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0


@T.prim_func
def chain(A: T.Buffer((4, 8)), D: T.Buffer((4, 8))) -> None:
    B = T.alloc_buffer((4, 8))
    C = T.alloc_buffer((4, 8))
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 2.0
    for i, j in T.grid(4, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0
    for i, j in T.grid(4, 8):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = C[vi, vj] - A[vi, vj]


@T.prim_func
def matmul(A: T.Buffer((6, 10)), B: T.Buffer((10, 8)), C: T.Buffer((6, 8))) -> None:
    for i, j, k in T.grid(6, 8, 10):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def matmul_relu(A: T.Buffer((8, 8)), B: T.Buffer((8, 8)), D: T.Buffer((8, 8))) -> None:
    C = T.alloc_buffer((8, 8))
    for i, j, k in T.grid(8, 8, 8):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0.0
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(8, 8):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], 0.0)


@T.prim_func
def quantized(
    A: T.Buffer((4, 8), "int8"), B: T.Buffer((6, 8), "int8"), C: T.Buffer((4, 6), "int32")
):
    for i, j, k in T.grid(4, 6, 8):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = 0
            C[vi, vj] = C[vi, vj] + T.Cast("int32", A[vi, vk]) * T.Cast("int32", B[vj, vk])


@T.prim_func
def batched(A: T.Buffer((2, 4, 6)), B: T.Buffer((2, 6, 4)), C: T.Buffer((2, 4, 4))) -> None:
    for b, i, j, k in T.grid(2, 4, 4, 6):
        with T.block("C"):
            vb, vi, vj, vk = T.axis.remap("SSSR", [b, i, j, k])
            with T.init():
                C[vb, vi, vj] = 0.0
            C[vb, vi, vj] = C[vb, vi, vj] + A[vb, vi, vk] * B[vb, vk, vj]


@T.prim_func
def conv(A: T.Buffer((2, 5, 6)), W: T.Buffer((3, 2, 3, 3)), C: T.Buffer((3, 5, 6))) -> None:
    P = T.alloc_buffer((2, 7, 8))
    for c, y, x in T.grid(2, 7, 8):
        with T.block("P"):
            vc, vy, vx = T.axis.remap("SSS", [c, y, x])
            P[vc, vy, vx] = T.if_then_else(
                1 <= vy and vy < 6 and 1 <= vx and vx < 7, A[vc, vy - 1, vx - 1], 0.0
            )
    for f, y, x, c, ry, rx in T.grid(3, 5, 6, 2, 3, 3):
        with T.block("C"):
            vf, vy, vx, vc, vry, vrx = T.axis.remap("SSSRRR", [f, y, x, c, ry, rx])
            with T.init():
                C[vf, vy, vx] = 0.0
            C[vf, vy, vx] = C[vf, vy, vx] + P[vc, vy + vry, vx + vrx] * W[vf, vc, vry, vrx]


@T.prim_func
def depthwise(A: T.Buffer((3, 6, 6)), W: T.Buffer((3, 3, 3)), D: T.Buffer((3, 4, 4))) -> None:
    C = T.alloc_buffer((3, 4, 4))
    for c, y, x, ry, rx in T.grid(3, 4, 4, 3, 3):
        with T.block("C"):
            vc, vy, vx, vry, vrx = T.axis.remap("SSSRR", [c, y, x, ry, rx])
            with T.init():
                C[vc, vy, vx] = 0.0
            C[vc, vy, vx] = C[vc, vy, vx] + A[vc, vy + vry, vx + vrx] * W[vc, vry, vrx]
    for c, y, x in T.grid(3, 4, 4):
        with T.block("D"):
            vc, vy, vx = T.axis.remap("SSS", [c, y, x])
            D[vc, vy, vx] = T.max(C[vc, vy, vx], T.float32(0))


@T.prim_func
def strided_conv(A: T.Buffer((17,)), W: T.Buffer((3,)), C: T.Buffer((8,))) -> None:
    for x, r in T.grid(8, 3):
        with T.block("C"):
            vx, vr = T.axis.remap("SR", [x, r])
            with T.init():
                C[vx] = 0.0
            C[vx] = C[vx] + A[vx * 2 + vr] * W[vr]


@T.prim_func
def softmax(A: T.Buffer((4, 8)), D: T.Buffer((4, 8))) -> None:
    M = T.alloc_buffer((4,))
    S = T.alloc_buffer((4,))
    E = T.alloc_buffer((4, 8))
    for i, k in T.grid(4, 8):
        with T.block("M"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                M[vi] = T.min_value("float32")
            M[vi] = T.max(M[vi], A[vi, vk])
    for i, k in T.grid(4, 8):
        with T.block("E"):
            vi, vk = T.axis.remap("SS", [i, k])
            E[vi, vk] = T.exp2(A[vi, vk] - M[vi])
    for i, k in T.grid(4, 8):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                S[vi] = 0.0
            S[vi] = S[vi] + E[vi, vk]
    for i, k in T.grid(4, 8):
        with T.block("D"):
            vi, vk = T.axis.remap("SS", [i, k])
            D[vi, vk] = E[vi, vk] / S[vi]


@T.prim_func
def layer_norm(A: T.Buffer((4, 8)), G: T.Buffer((8,)), D: T.Buffer((4, 8))) -> None:
    S = T.alloc_buffer((4,))
    Q = T.alloc_buffer((4,))
    for i, k in T.grid(4, 8):
        with T.block("S"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.reads(A[vi, vk])
            T.writes(S[vi], Q[vi])
            with T.init():
                S[vi] = T.float32(0)
                Q[vi] = T.float32(0)
            v_S: T.float32 = S[vi] + A[vi, vk]
            v_Q: T.float32 = Q[vi] + A[vi, vk] * A[vi, vk]
            S[vi] = v_S
            Q[vi] = v_Q
    for i, k in T.grid(4, 8):
        with T.block("D"):
            vi, vk = T.axis.remap("SS", [i, k])
            D[vi, vk] = (A[vi, vk] * 8.0 - S[vi]) / (Q[vi] + 1.0) * G[vk]


@T.prim_func
def rms_norm(a: T.handle, d: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 8))
    D = T.match_buffer(d, (n, 8))
    Q = T.alloc_buffer((n,))
    for i, k in T.grid(n, 8):
        with T.block("Q"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                Q[vi] = 0.0
            Q[vi] = Q[vi] + A[vi, vk] * A[vi, vk]
    for i, k in T.grid(n, 8):
        with T.block("D"):
            vi, vk = T.axis.remap("SS", [i, k])
            D[vi, vk] = A[vi, vk] / T.sqrt(Q[vi] + 1.0)


@T.prim_func
def attention(
    Q: T.Buffer((3, 4)), K: T.Buffer((5, 4)), V: T.Buffer((5, 4)), O: T.Buffer((3, 4))
) -> None:
    P = T.alloc_buffer((3, 5))
    M = T.alloc_buffer((3,))
    E = T.alloc_buffer((3, 5))
    for i, j, k in T.grid(3, 5, 4):
        with T.block("P"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                P[vi, vj] = 0.0
            P[vi, vj] = P[vi, vj] + Q[vi, vk] * K[vj, vk]
    for i, j in T.grid(3, 5):
        with T.block("M"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                M[vi] = -1000.0
            M[vi] = T.max(M[vi], P[vi, vj])
    for i, j in T.grid(3, 5):
        with T.block("E"):
            vi, vj = T.axis.remap("SS", [i, j])
            E[vi, vj] = T.max(P[vi, vj] - M[vi] + 8.0, 0.0)
    for i, k, j in T.grid(3, 4, 5):
        with T.block("O"):
            vi, vk, vj = T.axis.remap("SSR", [i, k, j])
            with T.init():
                O[vi, vk] = 0.0
            O[vi, vk] = O[vi, vk] + E[vi, vj] * V[vj, vk]


@T.prim_func
def gather(idx: T.Buffer((6,), "int32"), A: T.Buffer((5, 4)), B: T.Buffer((6, 4))) -> None:
    for i, j in T.grid(6, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[idx[vi], vj] + 1.0


@T.prim_func
def scatter(idx: T.Buffer((6,), "int32"), A: T.Buffer((6, 4)), B: T.Buffer((5, 4))) -> None:
    for i, j in T.grid(5, 4):
        with T.block("Z"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = 0.0
    for i, j in T.grid(6, 4):
        with T.block("B"):
            vi = T.axis.reduce(6, i)
            vj = T.axis.spatial(4, j)
            T.reads(idx[vi], A[vi, vj], B[0:5, vj])
            T.writes(B[0:5, vj])
            B[idx[vi], vj] = B[idx[vi], vj] + A[vi, vj]


@T.prim_func
def triangle(A: T.Buffer((6, 6)), B: T.Buffer((6, 6))) -> None:
    for i in range(6):
        for j in range(i + 1):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + 3.0


@T.prim_func
def guarded(A: T.Buffer((30,)), B: T.Buffer((30,))) -> None:
    for i, j in T.grid(4, 8):
        with T.block("B"):
            vi = T.axis.spatial(30, i * 8 + j)
            T.where(i * 8 + j < 30)
            B[vi] = A[vi] * A[vi]


@T.prim_func
def guarded_sum(A: T.Buffer((4, 10)), B: T.Buffer((4,))) -> None:
    for i, k0, k1 in T.grid(4, 3, 4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            vk = T.axis.reduce(10, k0 * 4 + k1)
            T.where(k0 * 4 + k1 < 10)
            with T.init():
                B[vi] = 0.0
            B[vi] = B[vi] + A[vi, vk]


@T.prim_func
def symbolic_matmul(a: T.handle, b: T.handle, c: T.handle) -> None:
    n, m = T.int64(), T.int64()
    A = T.match_buffer(a, (n, 6))
    B = T.match_buffer(b, (6, m))
    C = T.match_buffer(c, (n, m))
    for i, j, k in T.grid(n, m, T.int64(6)):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]


@T.prim_func
def symbolic_chain(a: T.handle, c: T.handle) -> None:
    n = T.int32()
    A = T.match_buffer(a, (n, 4))
    C = T.match_buffer(c, (n, 4))
    B = T.alloc_buffer((n, 4))
    for i, j in T.grid(n, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] * 3.0
    for i, j in T.grid(n, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] + 1.0


@T.prim_func
def argmax(A: T.Buffer((3, 8)), I: T.Buffer((3,), "int32"), V: T.Buffer((3,))) -> None:
    for i, k in T.grid(3, 8):
        with T.block("V"):
            vi, vk = T.axis.remap("SR", [i, k])
            T.reads(A[vi, vk])
            T.writes(I[vi], V[vi])
            with T.init():
                I[vi] = T.max_value("int32")
                V[vi] = T.min_value("float32")
            better: T.bool = V[vi] > A[vi, vk] or (V[vi] == A[vi, vk] and I[vi] < vk)
            v_I: T.int32 = T.Select(better, I[vi], vk)
            v_V: T.float32 = T.Select(better, V[vi], A[vi, vk])
            I[vi] = v_I
            V[vi] = v_V


@T.prim_func
def max_pool(A: T.Buffer((2, 8, 6)), B: T.Buffer((2, 4, 3))) -> None:
    for c, y, x, ry, rx in T.grid(2, 4, 3, 2, 2):
        with T.block("B"):
            vc, vy, vx, vry, vrx = T.axis.remap("SSSRR", [c, y, x, ry, rx])
            with T.init():
                B[vc, vy, vx] = T.min_value("float32")
            B[vc, vy, vx] = T.max(B[vc, vy, vx], A[vc, vy * 2 + vry, vx * 2 + vrx])


@T.prim_func
def mean_pool(A: T.Buffer((10,)), B: T.Buffer((8,))) -> None:
    S = T.alloc_buffer((8,))
    for x, r in T.grid(8, 3):
        with T.block("S"):
            vx, vr = T.axis.remap("SR", [x, r])
            with T.init():
                S[vx] = 0.0
            S[vx] = S[vx] + A[vx + vr]
    for x in range(8):
        with T.block("B"):
            vx = T.axis.spatial(8, x)
            B[vx] = S[vx] * 0.25


@T.prim_func
def padding(A: T.Buffer((4, 6)), C: T.Buffer((6, 8))) -> None:
    P = T.alloc_buffer((6, 8))
    for i, j in T.grid(6, 8):
        with T.block("P"):
            vi, vj = T.axis.remap("SS", [i, j])
            P[vi, vj] = T.if_then_else(
                1 <= vi and vi < 5 and 1 <= vj and vj < 7, A[vi - 1, vj - 1], 5.0
            )
    for i, j in T.grid(6, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = P[vi, vj] + 1.0


@T.prim_func
def pad_row(A: T.Buffer((6,)), P: T.Buffer((10,))) -> None:
    for i in range(10):
        with T.block("P"):
            vi = T.axis.spatial(10, i)
            P[vi] = T.if_then_else(2 <= vi and vi < 8, A[vi - 2], 0.0)


@T.prim_func
def blur(A: T.Buffer((12,)), C: T.Buffer((10,))) -> None:
    B = T.alloc_buffer((12,))
    for i in range(12):
        with T.block("B"):
            vi = T.axis.spatial(12, i)
            B[vi] = A[vi] * 2.0
    for i in range(10):
        with T.block("C"):
            vi = T.axis.spatial(10, i)
            C[vi] = B[vi] + B[vi + 1] + B[vi + 2]


@T.prim_func
def blur_rows(A: T.Buffer((8, 6)), D: T.Buffer((6, 4))) -> None:
    B = T.alloc_buffer((8, 4))
    for i, j in T.grid(8, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + A[vi, vj + 1] + A[vi, vj + 2]
    for i, j, r in T.grid(6, 4, 3):
        with T.block("D"):
            vi, vj, vr = T.axis.remap("SSR", [i, j, r])
            with T.init():
                D[vi, vj] = 0.0
            D[vi, vj] = D[vi, vj] + B[vi + vr, vj]


@T.prim_func
def scan(A: T.Buffer((4, 6)), B: T.Buffer((4, 6))) -> None:
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            vj = T.axis.scan(6, j)
            B[vi, vj] = A[vi, vj] + T.if_then_else(vj > 0, B[vi, vj - 1], 0.0)


@T.prim_func
def in_place(A: T.Buffer((4, 6)), B: T.Buffer((4, 6))) -> None:
    for i, j in T.grid(4, 6):
        with T.block("A"):
            vi, vj = T.axis.remap("SS", [i, j])
            A[vi, vj] = A[vi, vj] + 1.0
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = B[vi, vj] * 2.0


@T.prim_func
def several_users(A: T.Buffer((4, 6)), C: T.Buffer((4, 6)), D: T.Buffer((6, 4)), E: T.Buffer((4,))):
    B = T.alloc_buffer((4, 6))
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + 1.0
    for i, j in T.grid(4, 6):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] * 2.0
    for i, j in T.grid(6, 4):
        with T.block("D"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = B[vj, vi] * 3.0
    for i, j in T.grid(4, 6):
        with T.block("E"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                E[vi] = 0.0
            E[vi] = E[vi] + B[vi, vj]


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


@T.prim_func
def digits(A: T.Buffer((32,)), C: T.Buffer((16,))) -> None:
    for i in range(16):
        with T.block("C"):
            vi = T.axis.spatial(16, i)
            C[vi] = A[vi // 4 * 8 + vi % 4] + A[vi // 4 * 8 + vi % 4 + 4]


@T.prim_func
def shifted(A: T.Buffer((12,)), B: T.Buffer((12,))) -> None:
    for i in T.serial(2, 10):
        with T.block("B"):
            vi = T.axis.spatial((2, 10), i)
            B[vi] = A[vi] + A[vi - 2]


@T.prim_func
def units(A: T.Buffer((1, 6, 1)), C: T.Buffer((1, 6, 1))) -> None:
    B = T.alloc_buffer((1, 6, 1))
    for i, j, k in T.grid(1, 6, 1):
        with T.block("B"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            B[vi, vj, vk] = A[vi, vj, vk] + 1.0
    for i, j, k in T.grid(1, 6, 1):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSS", [i, j, k])
            C[vi, vj, vk] = B[vi, vj, vk] * 2.0


@T.prim_func
def branches(A: T.Buffer((4, 4)), B: T.Buffer((4, 4))) -> None:
    for i, j in T.grid(4, 4):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            if vi < vj:
                B[vi, vj] = A[vi, vj]
            else:
                B[vi, vj] = A[vj, vi] + 1.0


@T.prim_func
def product(A: T.Buffer((3, 4), "int32"), B: T.Buffer((3,), "int32"), C: T.Buffer((3,), "int32")):
    for i, k in T.grid(3, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = 1
            B[vi] = B[vi] * A[vi, vk]
    for i, k in T.grid(3, 4):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = 100
            C[vi] = T.min(C[vi], A[vi, vk])


@T.prim_func
def total(A: T.Buffer((4, 4)), B: T.Buffer(())) -> None:
    for i, k in T.grid(4, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("RR", [i, k])
            with T.init():
                B[()] = 0.0
            B[()] = B[()] + A[vi, vk]


@T.prim_func
def repeated(A: T.Buffer((4, 4)), B: T.Buffer((4,))) -> None:
    for u, i, k in T.grid(2, 4, 4):
        with T.block("B"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                B[vi] = 0.0
            B[vi] = B[vi] + A[vi, vk]


@T.prim_func
def repeated_rows(A: T.Buffer((4, 8)), C: T.Buffer((4,))) -> None:
    B = T.alloc_buffer((4, 8))
    for i, k0, u, k1 in T.grid(4, 2, 2, 4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            vk = T.axis.spatial(8, k0 * 4 + k1)
            B[vi, vk] = A[vi, vk] * 2.0
    for i, k in T.grid(4, 8):
        with T.block("C"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                C[vi] = 0.0
            C[vi] = C[vi] + B[vi, vk]


@T.prim_func
def halves(A: T.Buffer((8,)), B: T.Buffer((8,)), C: T.Buffer((8,))) -> None:
    for i in range(4):
        with T.block("L"):
            vi = T.axis.spatial(4, i)
            B[vi] = A[vi] + 1.0
    for i in range(4):
        with T.block("H"):
            vi = T.axis.spatial(4, i)
            B[vi + 4] = A[vi + 4] * 2.0
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = B[7 - vi]


@T.prim_func
def opaque(A: T.Buffer((8,)), B: T.Buffer((8,))) -> None:
    for i in range(4):
        with T.block("B"):
            vi = T.axis.opaque(4, i)
            T.reads(A[vi * 2 : vi * 2 + 2])
            T.writes(B[vi * 2 : vi * 2 + 2])
            for j in range(2):
                B[vi * 2 + j] = A[vi * 2 + 1 - j]


@T.prim_func
def mixed_width(A: T.Buffer((T.int64(4), T.int64(6))), C: T.Buffer((T.int64(4), T.int64(6)))):
    B = T.alloc_buffer((T.int64(4), T.int64(6)), "float64")
    for i, j in T.grid(T.int64(4), T.int64(6)):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.Cast("float64", A[vi, vj]) + T.float64(1)
    for i, j in T.grid(T.int64(4), T.int64(6)):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.Cast("float32", B[vi, vj] * T.float64(2))


@T.prim_func
def conditional(A: T.Buffer((8,)), C: T.Buffer((8,)), D: T.Buffer((8,))) -> None:
    B = T.alloc_buffer((8,))
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            if A[vi] > 0.0:
                B[vi] = A[vi] + 1.0
    for i in range(8):
        with T.block("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = T.if_then_else(A[7 - vi] > 0.0, B[7 - vi], 0.0)
    for i in range(8):
        with T.block("D"):
            vi = T.axis.spatial(8, i)
            if A[vi] > 0.0:
                D[vi] = B[vi] * 2.0


@T.prim_func
def partly(A: T.Buffer((4, 6)), C: T.Buffer((4, 6))) -> None:
    B = T.alloc_buffer((4, 6))
    for i, j in T.grid(4, 4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            vj = T.axis.spatial(4, j)
            B[vi, vj + 1] = A[vi, vj + 1] * 2.0
    for i, j in T.grid(4, 6):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = T.if_then_else(1 <= vj and vj < 5, B[vi, vj], A[vi, vj])


@T.prim_func
def tiles(A: T.Buffer((8, 6)), C: T.Buffer((8, 6))) -> None:
    B = T.alloc_buffer((8, 6))
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi * 2 : vi * 2 + 2, 0:6])
            T.writes(B[vi * 2 : vi * 2 + 2, 0:6])
            for r, j in T.grid(2, 6):
                B[vi * 2 + r, j] = A[vi * 2 + 1 - r, j]
    for i in range(2):
        with T.block("C"):
            vi = T.axis.spatial(2, i)
            T.reads(B[vi * 4 : vi * 4 + 4, 0:6])
            T.writes(C[vi * 4 : vi * 4 + 4, 0:6])
            for r in range(4):
                for j in range(3):
                    C[vi * 4 + r, j] = B[vi * 4 + r, j + 3]
                for j in range(3):
                    C[vi * 4 + r, j + 3] = B[vi * 4 + 3 - r, j]


@T.prim_func
def sparse(idx_ptr: T.Buffer((5,), "int32"), A: T.Buffer((16,)), B: T.Buffer((4,))) -> None:
    S = T.alloc_buffer((4,))
    for i in range(4):
        with T.block("S"):
            vi = T.axis.spatial(4, i)
            T.reads(idx_ptr[vi : vi + 2], A[0:16])
            T.writes(S[vi])
            S[vi] = 0.0
            for k in range(T.min(idx_ptr[vi], idx_ptr[vi + 1]), idx_ptr[vi + 1]):
                S[vi] = S[vi] + A[k]
    for i in range(4):
        with T.block("B"):
            vi = T.axis.spatial(4, i)
            B[vi] = S[vi] + T.Cast("float32", idx_ptr[vi])


@T.prim_func
def moments(A: T.Buffer((4, 6)), M: T.Buffer((4,)), Q: T.Buffer((4,)), V: T.Buffer((4,))) -> None:
    for i, k in T.grid(4, 6):
        with T.block("M"):
            vi, vk = T.axis.remap("SR", [i, k])
            with T.init():
                M[vi] = 0.0
                Q[vi] = 0.0
            x: T.float32 = M[vi] + A[vi, vk]
            y: T.float32 = Q[vi] + A[vi, vk] * A[vi, vk]
            M[vi] = x
            Q[vi] = y
    for i in range(4):
        with T.block("V"):
            vi = T.axis.spatial(4, i)
            mean = T.float32()
            with T.LetStmt(M[vi] * 0.25, var=mean):
                V[vi] = Q[vi] * 0.25 - mean * mean


@T.prim_func
def views(A: T.Buffer((8, 8)), C: T.Buffer((8, 8))) -> None:
    B = T.alloc_buffer((8, 8))
    for i, j in T.grid(2, 2):
        with T.block("B_o"):
            vio, vjo = T.axis.remap("SS", [i, j])
            T.reads(A[vio * 4 : vio * 4 + 4, vjo * 4 : vjo * 4 + 4])
            T.writes(B[vio * 4 : vio * 4 + 4, vjo * 4 : vjo * 4 + 4])
            src = T.match_buffer(
                A[vio * 4 : vio * 4 + 4, vjo * 4 : vjo * 4 + 4],
                (4, 4),
                strides=[T.int32(8), 1],
                offset_factor=1,
            )
            for x, y in T.grid(4, 4):
                with T.block("B"):
                    vx, vy = T.axis.remap("SS", [x, y])
                    B[vio * 4 + vx, vjo * 4 + vy] = src[vx, vy] * 2.0
    for i, j in T.grid(8, 8):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vj, vi] + 1.0


@T.prim_func
def search(keys: T.Buffer((8,), "int32"), idx: T.Buffer((6,), "int32"), P: T.Buffer((6,), "int32")):
    for i in range(6):
        with T.block("P"):
            vi = T.axis.spatial(6, i)
            T.reads(keys[0:8], idx[vi])
            T.writes(P[vi])
            P[vi] = 0
            while P[vi] < 8 and keys[P[vi]] < idx[vi]:
                P[vi] = P[vi] + 1


@T.prim_func
def masked(M: T.Buffer((4, 6), "bool"), A: T.Buffer((4, 6), "float16"), C: T.Buffer((4,))) -> None:
    B = T.alloc_buffer((4, 6))
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.Select(M[vi, vj], T.Cast("float32", A[vi, vj]), T.float32(-100))
    for i, j in T.grid(4, 6):
        with T.block("C"):
            vi, vj = T.axis.remap("SR", [i, j])
            with T.init():
                C[vi] = T.float32(-100)
            C[vi] = T.max(C[vi], B[vi, vj])


@T.prim_func
def later_start(A: T.Buffer((8, 6)), C: T.Buffer((8, 6))) -> None:
    B = T.alloc_buffer((8, 6))
    for i in T.serial(2, 8):
        for j in range(6):
            with T.block("B"):
                vi = T.axis.spatial((2, 8), i)
                vj = T.axis.spatial(6, j)
                B[vi, vj] = A[vi - 2, vj] + 1.0
    for i, j in T.grid(6, 6):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi + 1, vj] = B[vi + 2, vj] * 2.0


@T.prim_func
def strided(a: T.handle, c: T.handle) -> None:
    A = T.match_buffer(a, (4, 6), strides=[T.int32(6), T.int32(1)])
    C = T.match_buffer(c, (6, 4))
    B = T.alloc_buffer((4, 6), strides=[T.int32(8), T.int32(1)])
    for i, j in T.grid(4, 6):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = T.abs(A[vi, vj])
    for i, j in T.grid(6, 4):
        with T.block("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vj, vi] - A[vj, vi]


@T.prim_func
def inside(A: T.Buffer((4, 8)), D: T.Buffer((4, 8))) -> None:
    for i in range(4):
        with T.block("row"):
            vi = T.axis.spatial(4, i)
            T.reads(A[vi, 0:8])
            T.writes(D[vi, 0:8])
            S = T.alloc_buffer((1,))
            E = T.alloc_buffer((8,))
            for j in range(8):
                with T.block("E"):
                    vj = T.axis.spatial(8, j)
                    E[vj] = A[vi, vj] * 2.0
            for k in range(8):
                with T.block("S"):
                    v0 = T.axis.spatial(1, 0)
                    vk = T.axis.reduce(8, k)
                    with T.init():
                        S[v0] = 0.0
                    S[v0] = S[v0] + E[vk]
            for j in range(8):
                with T.block("D"):
                    vj = T.axis.spatial(8, j)
                    D[vi, vj] = E[vj] - S[0]
