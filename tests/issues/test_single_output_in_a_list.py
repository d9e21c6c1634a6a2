"""A list of one output is that output; a tuple with one field is written as such."""

from __future__ import annotations

from pellucid import relax
from pellucid.ir.structural import structural_equal
from pellucid.relax.struct_info import TensorStructInfo, TupleStructInfo
from pellucid.script import from_source
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class Doubles:
    @T.prim_func(private=True)
    def double(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            B[i] = A[i] * T.float32(2)

    @R.function
    def main(x: R.Tensor((4,), "float32")):
        cls = Doubles
        with R.dataflow():
            y = R.call_tir(cls.double, (x,), out_sinfo=[R.Tensor((4,), "float32")])
            z = R.exp(y)
            R.output(z)
        return z


def test_a_list_of_one_is_one_tensor() -> None:
    call = Doubles["main"].body.blocks[0].bindings[0].value
    assert isinstance(call.struct_info, TensorStructInfo)


def test_a_tuple_with_one_field_reads_back() -> None:
    info = relax.TupleStructInfo([relax.TensorStructInfo((4,), "float32")])
    x = relax.Var("x", relax.TensorStructInfo((4,), "float32"))
    call = relax.op.call_dps_packed("f", (x,), info)
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(call))
    mod = builder.get()
    assert isinstance(mod["main"].ret_struct_info, TupleStructInfo)
    assert structural_equal(from_source(mod.script()), mod)
