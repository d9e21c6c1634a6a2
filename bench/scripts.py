"""The script modules that are measured."""

from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class AddOne:
    """One add of sixteen floats: what remains is the cost of the call."""

    @T.prim_func
    def add_one(X: T.Buffer((16,), "float32"), Y: T.Buffer((16,), "float32")):
        for i in T.vectorized(16):
            with T.block("add_one"):
                vi = T.axis.spatial(16, i)
                Y[vi] = X[vi] + T.float32(1)

    @R.function
    def main(x: R.Tensor((16,), "float32")):
        cls = AddOne
        with R.dataflow():
            y = R.call_tir(cls.add_one, (x,), out_sinfo=R.Tensor((16,), "float32"))
            R.output(y)
        return y
