"""The dialect of graph functions from text: what each spelling means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pellucid.ir.structural import assert_structural_equal
from pellucid.relax.expr import (
    Call,
    DataflowBlock,
    DataflowVar,
    Function,
    If,
    MatchCast,
    PrimValue,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    VarBinding,
    const,
)
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.script import from_source, ir_module
from pellucid.script import relax as R
from pellucid.script import tir as T
from tests.script.roundtrip import assert_round_trip, operators

IMPURE = "@R.function(pure=False)"
SIGNATURE = 'x: R.Tensor(("n", 4), "float32"), y: R.Tensor(("n", 4), "float32")'


@pytest.fixture(autouse=True, scope="module")
def _operators() -> Iterator[None]:
    with operators("relax.q", "relax.family.q"):
        yield


def parse(
    body: str, signature: str = SIGNATURE, decorator: str = "@R.function", **values: Any
) -> Any:
    lines = "\n".join(f"    {line}" for line in body.strip().split("\n"))
    func = from_source(f"{decorator}\ndef main({signature}):\n{lines}\n", values)
    assert_round_trip(func)
    return func


def bindings(func: Function) -> list[Any]:
    return [each for block in func.body.blocks for each in block.bindings]


def same(body: str, expected: str, **options: Any) -> None:
    """Two bodies that mean the same."""
    assert_structural_equal(parse(body, **options), parse(expected, **options))


def test_nested_calls_are_bound_one_by_one() -> None:
    same("return R.q(R.q(x))", "a = R.q(x)\nb = R.q(a)\nreturn b")


def test_names_are_hints() -> None:
    func = parse("lv0 = R.q(x)\nout = R.q(lv0)\nreturn out")
    assert [each.var.name_hint for each in bindings(func)] == ["lv0", "out"]
    assert [each.name_hint for each in func.params] == ["x", "y"]


def test_a_name_may_be_bound_again() -> None:
    same("x = R.q(x)\nx = R.q(x)\nreturn x", "a = R.q(x)\nb = R.q(a)\nreturn b")


def test_dataflow_blocks() -> None:
    func = parse("with R.dataflow():\n    a = R.q(x)\n    b = R.q(a)\n    R.output(b)\nreturn b")
    (block,) = func.body.blocks
    assert isinstance(block, DataflowBlock)
    assert isinstance(block.bindings[0].var, DataflowVar)
    assert not isinstance(block.bindings[1].var, DataflowVar)


def test_after_a_dataflow_block_names_mean_what_they_meant_before() -> None:
    func = parse(
        "with R.dataflow():\n    x = R.q(x)\n    z = R.q(x)\n    R.output(z)\nreturn (x, z)"
    )
    assert func.body.body.fields[0] is func.params[0]


def test_the_last_of_several_bindings_is_handed_out() -> None:
    func = parse("with R.dataflow():\n    z = R.q(x)\n    z = R.q(z)\n    R.output(z)\nreturn z")
    kinds = [isinstance(each.var, DataflowVar) for each in bindings(func)]
    assert kinds == [True, False]


def test_an_output_that_a_host_condition_bound() -> None:
    func = parse(
        "with R.dataflow():\n    if flag:\n        z = R.q(x)\n    else:\n        z = R.q(y)\n"
        "    w = R.q(z)\n    R.output(z, w)\nreturn w",
        flag=True,
    )
    assert not any(isinstance(each.var, DataflowVar) for each in bindings(func))
    assert bindings(func)[1].value.args[0] is bindings(func)[0].var


def test_symbolic_variables_of_the_signature_get_a_name_in_the_body() -> None:
    func = parse("n, k = T.int64(), T.int64()\nreturn R.shape([n, n * 2])")
    n = func.params[0].struct_info.shape[0]
    assert func.body.body.values[0] is n
    assert func.body.body.values[1].a is n


def test_a_size_variable_announced_in_the_body() -> None:
    func = parse("n = T.int64(is_size_var=True)\nreturn x")
    assert type(func.params[0].struct_info.shape[0]).__name__ == "SizeVar"


def test_strings_are_dimensions_everywhere() -> None:
    same(
        "z = R.call_dps_packed('f', (x,), R.Tensor(('n * 2', 'T.min(n, 4)'), 'int8'))\nreturn z",
        "n = T.int64()\n"
        "z = R.call_dps_packed('f', (x,), R.Tensor((n * 2, T.min(n, 4)), 'int8'))\nreturn z",
    )


INFOS = {
    "R.Object": ObjectStructInfo(),
    "R.Tensor": TensorStructInfo(None, None),
    'R.Tensor("int8")': TensorStructInfo(None, "int8"),
    "R.Tensor((2, 3))": TensorStructInfo((2, 3), None),
    "R.Tensor((2, 3), T.float16)": TensorStructInfo((2, 3), "float16"),
    'R.Tensor(dtype="float32", ndim=2)': TensorStructInfo(None, "float32", ndim=2),
    "R.Shape": ShapeStructInfo(None),
    "R.Shape([1, 2])": ShapeStructInfo([1, 2]),
    "R.Shape(ndim=3)": ShapeStructInfo(None, 3),
    'R.Prim("bool")': PrimStructInfo("bool"),
    "R.Prim(value=4)": PrimStructInfo("int64", 4),
    "R.Tuple": TupleStructInfo([]),
    "R.Tuple(R.Object, R.Shape)": TupleStructInfo([ObjectStructInfo(), ShapeStructInfo(None)]),
    "R.Tuple([R.Object])": TupleStructInfo([ObjectStructInfo()]),
    "R.Callable": FuncStructInfo.opaque_func(),
    "R.Callable((R.Object,), R.Shape)": FuncStructInfo([ObjectStructInfo()], ShapeStructInfo(None)),
    "R.Callable((), R.Shape, False)": FuncStructInfo([], ShapeStructInfo(None), False),
}


@pytest.mark.parametrize("spelling", INFOS)
def test_struct_infos(spelling: str) -> None:
    func = parse("return a", signature=f"a: {spelling}")
    assert_structural_equal(func.params[0].struct_info, INFOS[spelling])


def test_struct_infos_are_values_in_python() -> None:
    assert_structural_equal(R.Tensor((2, 3), "float32"), TensorStructInfo((2, 3), "float32"))
    info = R.Tensor((2, 3), "float32")
    func = parse("z = R.call_dps_packed('f', (x,), info)\nreturn z", info=info)
    assert func.ret_struct_info is info


def test_annotations_say_less_or_the_same() -> None:
    func = parse("z: R.Tensor(ndim=2) = R.q(x)\nreturn z")
    assert_structural_equal(func.ret_struct_info, TensorStructInfo(None, None, ndim=2))


def test_match_cast_binds_new_symbols() -> None:
    func = parse("m = T.int64()\nz = R.match_cast(x, R.Tensor((m, 4), 'float32'))\nreturn R.q(z)")
    cast = bindings(func)[0]
    assert isinstance(cast, MatchCast)
    assert cast.var.struct_info.shape[0].name == "m"
    assert_structural_equal(func.ret_struct_info, TensorStructInfo(None, "float32", ndim=2))


def test_match_cast_within_an_expression() -> None:
    same(
        "return R.q(R.match_cast(x, R.Tensor((2, 4), 'float32')))",
        "a = R.match_cast(x, R.Tensor((2, 4), 'float32'))\nreturn R.q(a)",
    )


def test_tuples() -> None:
    func = parse("t = (x, (y, x))\na, (b, c) = t\nreturn (c, t[1][0], t[-1])")
    values = [each.value for each in bindings(func)]
    assert isinstance(values[0], Tuple)
    assert all(isinstance(each, TupleGetItem) for each in values[1:])
    assert isinstance(func.body.body, Tuple)


def test_several_values_at_once() -> None:
    func = parse("a, b = R.q(x), y\nreturn (a, b)")
    assert [each.var.name_hint for each in bindings(func)] == ["a", "b"]


def test_host_values_are_no_bindings() -> None:
    func = parse(
        "k = 2\naxis = [k, k + 1]\nz = R.q(x, axis=axis, scale=width * 2)\nreturn z", width=4
    )
    (binding,) = bindings(func)
    assert dict(binding.value.attrs.entries) == {"axis": (2, 3), "scale": 8}


def test_numbers_are_constants() -> None:
    func = parse("return R.q(1.5, 2)")
    args = bindings(func)[0].value.args
    assert_structural_equal(args[0], const(1.5, "float32"))
    assert_structural_equal(args[1], const(2, "int32"))


def test_leaves() -> None:
    func = parse(
        "n = T.int64()\n"
        "a = R.call_pure_packed('f', R.const([1.0, 2.0]), R.const(1, 'int64'), R.shape([n, 2]), "
        "R.prim_value(n + 1), R.prim_value(2), R.str('s'), R.dtype('int8'), R.tuple(x, 1))\n"
        "return a"
    )
    args = bindings(func)[0].value.args[1:]
    assert [type(each).__name__ for each in args] == [
        "Constant", "Constant", "ShapeExpr", "PrimValue", "PrimValue", "StringImm", "DataTypeImm",
        "Tuple",
    ]  # fmt: skip
    assert isinstance(args[2], ShapeExpr)
    assert isinstance(args[4], PrimValue)
    assert args[4].value.dtype == "int64"


def test_constants_of_the_host_program() -> None:
    weights = np.arange(6, dtype="float32").reshape(2, 3)
    func = parse("return R.call_pure_packed('f', R.const(weights))", weights=weights)
    np.testing.assert_array_equal(bindings(func)[0].value.args[1].data.numpy(), weights)


def test_packed_calls_have_effects() -> None:
    func = parse(
        "_ = R.call_packed('f', x)\nR.call_packed('g')\nreturn x",
        decorator="@R.function(pure=False)",
    )
    assert [each.var.name_hint for each in bindings(func)] == ["_", "_"]
    assert not func.is_pure


def test_emit_binds_at_once() -> None:
    same("return R.q(R.emit(R.q(x)))", "return R.q(R.q(x))")


FLAG = 'c: R.Tensor((), "bool"), x: R.Tensor((2,), "float32")'


def test_branches() -> None:
    func = parse("if c:\n    z = R.q(x)\nelse:\n    z = x\nreturn z", signature=FLAG)
    (binding,) = bindings(func)
    choice = binding.value
    assert isinstance(choice, If)
    assert binding.var.name_hint == "z"
    assert choice.true_branch.body is choice.true_branch.blocks[0].bindings[0].var
    assert choice.false_branch.body is func.params[1]
    assert not choice.false_branch.blocks


def test_branches_in_branches() -> None:
    parse(
        "if c:\n    if c:\n        z = x\n    else:\n        z = R.q(x)\n"
        "elif c:\n    with R.dataflow():\n        a = R.q(x)\n        z = R.q(a)\n"
        "        R.output(z)\n"
        "else:\n    a = R.q(x)\n    z = R.match_cast(a, R.Tensor((2,), 'float32'))\nreturn z",
        signature=FLAG,
    )


def test_host_conditions_choose_now() -> None:
    same("if flag:\n    z = R.q(x)\nelse:\n    z = x\nreturn z", "z = R.q(x)\nreturn z", flag=1)


def test_closures_see_outer_names() -> None:
    func = parse(
        "@R.function\ndef inner(a: R.Tensor(('m', 4), 'float32')):\n"
        "    return R.call_pure_packed('f', a, x)\nreturn inner(y)"
    )
    inner = bindings(func)[0].value
    assert isinstance(inner, Function)
    assert bindings(inner)[0].value.args[2] is func.params[0]


def test_closures_may_call_themselves() -> None:
    func = parse(
        "@R.function\ndef again(a: R.Object) -> R.Object:\n    return again(a)\nreturn again(x)"
    )
    binding = bindings(func)[0]
    assert bindings(binding.value)[0].value.op is binding.var


def test_function_values_are_called() -> None:
    func = parse(
        "return f(x)", signature="f: R.Callable, x: R.Object", decorator="@R.function(pure=False)"
    )
    assert bindings(func)[0].value.op is func.params[0]
    func = parse(
        "return f(x)",
        signature='f: R.Callable((R.Tensor(("k",)),), R.Tensor(("k",))), x: R.Tensor((3,))',
    )
    assert_structural_equal(func.ret_struct_info, TensorStructInfo((3,), None))


def test_function_attributes_and_result() -> None:
    func = parse(
        "R.func_attr({'Primitive': 1})\nR.func_ret_struct_info(R.Tensor(ndim=2))\nreturn x"
    )
    assert func.attrs["Primitive"] == 1
    assert_structural_equal(func.ret_struct_info, TensorStructInfo(None, None, ndim=2))
    private = parse("return x", decorator="@R.function(private=True)")
    assert "global_symbol" not in private.attrs


def test_operators_of_a_family() -> None:
    func = parse("return R.family.q(x)")
    assert bindings(func)[0].value.op.name == "relax.family.q"


def test_any_call() -> None:
    same("return R.q(x, axis=1)", 'return R.call_op("relax.q", (x,), attrs={"axis": 1})')


@R.macro
def twice(value):
    once = R.q(value)
    return R.q(once)


@R.macro(hygienic=False)
def add_binding():
    other = R.q(x)


def test_macros() -> None:
    same("z = twice(x)\nreturn z", "once = R.q(x)\nz = R.q(once)\nreturn z", twice=twice)
    func = parse("add_binding()\nreturn x", add_binding=add_binding)
    assert bindings(func)[0].value.args[0] is func.params[0]


def test_macros_inside_a_function() -> None:
    same("@R.macro\ndef f(a):\n    return R.q(a)\nreturn f(f(x))", "return R.q(R.q(x))")


def test_decorated_functions_see_the_python_around_them() -> None:
    size = 3

    @R.function
    def scaled(x: R.Tensor((size,), "float32")):
        return R.q(x, by=size)

    assert_structural_equal(scaled.params[0].struct_info, TensorStructInfo((3,), "float32"))
    assert bindings(scaled)[0].value.attrs["by"] == 3
    assert scaled.attrs["global_symbol"] == "scaled"
    assert scaled.params[0].span is not None


@ir_module
class Program:
    @T.prim_func
    def double(X: T.Buffer((4,), "float32"), Y: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("Y"):
                vi = T.axis.spatial(4, i)
                Y[vi] = X[vi] * 2.0

    @R.function
    def even(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
        cls = Program
        return cls.odd(x)

    @R.function
    def odd(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
        return Program.even(x)

    @R.function
    def main(x: R.Tensor((4,), "float32")):
        cls = Program
        with R.dataflow():
            lv = R.call_tir(cls.double, (x,), out_sinfo=R.Tensor((4,), "float32"))
            gv = R.call_tir(cls.double, (lv,), R.Tensor((4,), "float32"))
            R.output(gv)
        out = cls.even(gv)
        return out


def test_modules() -> None:
    assert_round_trip(Program, check_well_formed=True)
    main = Program["main"]
    values = [each.value for each in bindings(main)]
    assert all(isinstance(each, Call) for each in values)
    assert values[0].args[0] is values[1].args[0] is Program.get_global_var("double")
    # The result of a call of a function that comes later follows from its signature.
    assert_structural_equal(main.ret_struct_info, TensorStructInfo((4,), "float32"))
    assert isinstance(bindings(main)[0], VarBinding)


def test_bindings_have_places() -> None:
    func = parse("z = R.q(x)\nreturn z")
    binding = bindings(func)[0]
    assert (binding.span.line, binding.span.column) == (3, 4)
    assert (binding.value.span.line, binding.value.span.column) == (3, 8)
