"""The demo's classifier as a script module: two loop functions and the graph that calls them.

In: images (n, m) and the weights of two layers. Out: scores (n, k), one column a digit.

Every size is symbolic. `m`, `h` and `k` become numbers when the weights are bound; `n`, the number
of images in a call, stays open, so the compiled program takes batches of any size.
"""

from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class DigitsMLP:
    @T.prim_func
    def linear(x: T.handle, w: T.handle, b: T.handle, y: T.handle):
        n, m, h = T.int64(), T.int64(), T.int64()
        X = T.match_buffer(x, (n, m), "float32")
        W = T.match_buffer(w, (h, m), "float32")
        B = T.match_buffer(b, (h,), "float32")
        Y = T.match_buffer(y, (n, h), "float32")
        product = T.alloc_buffer((n, h), "float32")
        for i, j, k in T.grid(n, h, m):
            with T.block("product"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    product[vi, vj] = T.float32(0)
                product[vi, vj] = product[vi, vj] + X[vi, vk] * W[vj, vk]
        for i, j in T.grid(n, h):
            with T.block("bias"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = product[vi, vj] + B[vj]

    @T.prim_func
    def relu(x: T.handle, y: T.handle):
        n, h = T.int64(), T.int64()
        X = T.match_buffer(x, (n, h), "float32")
        Y = T.match_buffer(y, (n, h), "float32")
        for i, j in T.grid(n, h):
            with T.block("relu"):
                vi, vj = T.axis.remap("SS", [i, j])
                Y[vi, vj] = T.max(X[vi, vj], T.float32(0))

    @R.function
    def main(
        x: R.Tensor(("n", "m"), "float32"),
        w0: R.Tensor(("h", "m"), "float32"),
        b0: R.Tensor(("h",), "float32"),
        w1: R.Tensor(("k", "h"), "float32"),
        b1: R.Tensor(("k",), "float32"),
    ):
        n, h, k = T.int64(), T.int64(), T.int64()
        cls = DigitsMLP
        with R.dataflow():
            lifted = R.call_tir(cls.linear, (x, w0, b0), out_sinfo=R.Tensor((n, h), "float32"))
            hidden = R.call_tir(cls.relu, (lifted,), out_sinfo=R.Tensor((n, h), "float32"))
            scores = R.call_tir(cls.linear, (hidden, w1, b1), out_sinfo=R.Tensor((n, k), "float32"))
            R.output(scores)
        return scores
