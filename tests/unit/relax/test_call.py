"""The calls that join the levels: how they are built, and what they accept."""

from __future__ import annotations

import pytest

from pellucid import relax
from pellucid.ir.op import Op
from pellucid.ir.scalar import SizeVar
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import TypeMismatchError, UnsupportedError

T4 = relax.TensorStructInfo((4,), "float32")
X, Y = relax.Var("x", T4), relax.Var("y", T4)
KERNEL = relax.GlobalVar("kernel")


def test_call_tir() -> None:
    call = relax.call_tir(KERNEL, [X, Y], T4)
    assert call.op is Op.get("relax.call_tir")
    assert call.args[0] is KERNEL
    assert list(call.args[1]) == [X, Y]
    assert structural_equal(call.sinfo_args[0], T4)
    assert relax.op.call_tir is relax.call_tir


def test_a_single_argument_and_several_outputs() -> None:
    call = relax.call_tir(KERNEL, X, [T4, T4], tir_vars=[SizeVar("n", "int64"), 3])
    assert list(call.args[1]) == [X]
    assert structural_equal(call.sinfo_args[0], relax.TupleStructInfo([T4, T4]))
    assert isinstance(call.args[2], relax.ShapeExpr)
    assert len(call.args[2]) == 2


def test_a_variable_that_holds_the_arguments() -> None:
    pair = relax.Var("pair", relax.TupleStructInfo([T4, T4]))
    assert relax.call_tir(KERNEL, pair, T4).args[1] is pair


def test_call_tir_inplace() -> None:
    call = relax.call_tir_inplace(KERNEL, [X, Y], 1, T4)
    assert call.attrs["inplace_indices"] == (1,)


def test_packed_calls() -> None:
    dps = relax.call_dps_packed("f", (X,), T4)
    assert dps.args[0].global_symbol == "f"
    direct = relax.call_packed("f", X, 1, sinfo_args=T4, width=3)
    assert isinstance(direct.op, relax.ExternFunc)
    assert direct.attrs["width"] == 3
    pure = relax.call_pure_packed("f", X, sinfo_args=[T4, relax.ObjectStructInfo()])
    assert len(pure.sinfo_args) == 2
    builtin = relax.call_builtin_with_ctx("vm.builtin.f", [X])
    assert builtin.op is Op.get("relax.call_builtin_with_ctx")


def test_closures_keep_their_signature() -> None:
    builder = relax.BlockBuilder()
    n, m = SizeVar("n", "int64"), SizeVar("m", "int64")
    a = relax.Var("a", relax.TensorStructInfo((n,)))
    captured = relax.Var("captured", relax.TensorStructInfo((n,)))
    builder.add_func(relax.Function([a, captured], a, a.struct_info), "f")
    y = relax.Var("y", relax.TensorStructInfo((m,)))
    call = relax.make_closure(builder.get().get_global_var("f"), [y])
    found = builder.normalize(call).struct_info
    info = relax.TensorStructInfo((m,))
    assert structural_equal(found, relax.FuncStructInfo([info], info))


def test_purity() -> None:
    pure = {
        "relax.call_tir": True,
        "relax.call_tir_inplace": True,
        "relax.call_dps_packed": True,
        "relax.call_pure_packed": True,
        "relax.make_closure": True,
        "relax.invoke_pure_closure": True,
        "relax.invoke_closure": False,
        "relax.call_builtin_with_ctx": False,
    }
    assert {name: Op.get(name).attr("FPurity") for name in pure} == pure


def failure(make: object) -> str:
    with pytest.raises((TypeMismatchError, UnsupportedError)) as caught:
        make()
    return str(caught.value)


def test_call_tir_wants_a_name_of_the_module() -> None:
    assert failure(lambda: relax.call_tir("kernel", [X], T4)) == (
        "call_tir calls a loop function of the module, named by its GlobalVar.\n"
        "  found: str: 'kernel'\n"
        "  cure: call a library function with call_dps_packed(name, args, out_sinfo)"
    )


def test_outputs_have_shapes() -> None:
    assert failure(lambda: relax.call_tir(KERNEL, [X], relax.TensorStructInfo(ndim=1))) == (
        "call_tir allocates its outputs, so it has to know their shapes.\n"
        "  expected: R.Tensor with a shape and a dtype, or a list of such\n"
        '  found: R.Tensor(dtype="float32", ndim=1)'
    )


def test_outputs_are_struct_infos() -> None:
    assert failure(lambda: relax.call_dps_packed("f", [X], (4,))) == (
        "A struct info is wanted here.\n"
        "  expected: R.Tensor((n, m), dtype), or a list of them\n"
        "  found: int: 4"
    )


def test_what_is_not_here_yet() -> None:
    with pytest.raises(UnsupportedError, match=r"pellucid\.relax\.training"):
        relax.__getattr__("training")
    with pytest.raises(AttributeError):
        relax.__getattr__("no_such_name")


def test_the_first_generation_of_variables() -> None:
    x = relax.Var("x", (2, 3), relax.DynTensorType(2, "float16"))
    assert structural_equal(x.struct_info, relax.TensorStructInfo((2, 3), "float16"))
    with pytest.raises(TypeMismatchError, match="ndim differs"):
        relax.Var("x", (2, 3), relax.DynTensorType(3, "float16"))
