"""Graph functions made by hand: each prints to a text that reads back as the same program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from pellucid.ir import scalar
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.relax import call as calls
from pellucid.relax.expr import (
    BindingBlock,
    Call,
    Constant,
    DataflowBlock,
    DataflowVar,
    DataTypeImm,
    Expr,
    ExternFunc,
    Function,
    If,
    MatchCast,
    PrimValue,
    SeqExpr,
    ShapeExpr,
    StringImm,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
    const,
)
from pellucid.relax.struct_info import (
    FuncStructInfo,
    ObjectStructInfo,
    PrimStructInfo,
    ShapeStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
    VDevice,
)
from pellucid.script import from_source
from pellucid.support.errors import ParseError
from tests.script.roundtrip import assert_round_trip, operators

n, m, other = [scalar.Var(name, "int64") for name in ("n", "m", "n")]
INFO = TensorStructInfo((n, 4), "float32")
PAIR = TupleStructInfo([INFO, INFO])


@pytest.fixture(autouse=True, scope="module")
def _operators() -> Iterator[None]:
    with operators("relax.print_test", "relax.print_test.nested", "print_test.elsewhere"):
        yield


def tensor(name: str = "x", info: StructInfo = INFO) -> Var:
    return Var(name, info)


def unary(value: Expr, **attrs: Any) -> Call:
    return Call(Op.get("relax.print_test"), [value], attrs or None)


def function(params: Any, bindings: Any, result: Expr, **options: Any) -> Function:
    blocks = [BindingBlock(bindings)] if bindings else []
    ret = options.pop("ret", None) or result.struct_info
    pure = options.pop("pure", True)
    return Function(params, SeqExpr(blocks, result), ret, pure, {"global_symbol": "main"})


def one_binding(value: Expr, info: StructInfo, x: Var, **options: Any) -> Function:
    y = Var("y", info)
    return function([x], [VarBinding(y, value)], y, **options)


LEAVES: dict[str, Expr] = {
    "float": const(1.5),
    "int": const(2),
    "bool": const(True),
    "nan": const(float("nan")),
    "infinity": const(-float("inf")),
    "negative zero": const(-0.0),
    "int64": const(1, "int64"),
    "uint8": const(3, "uint8"),
    "float64": const(0.1, "float64"),
    "float16": const(0.1, "float16"),
    "bfloat16": const(1.0, "bfloat16"),
    "float8": const(0.5, "float8_e4m3fn"),
    "other nan": Constant(const(np.array(0x7FC00001, "uint32").view("float32")).data),
    "array": const(np.arange(6, dtype="float32").reshape(2, 3)),
    "empty array": const(np.zeros((0, 3), "int8")),
    "array of bools": const(np.array([True, False])),
    "array of bfloat16": const(np.ones(3, ml_dtypes.bfloat16)),
    "array of float8": const(np.ones((1, 2), ml_dtypes.float8_e5m2)),
    "number": PrimValue(5),
    "symbolic number": PrimValue(n + 1),
    "unfolded number": PrimValue(scalar.Add(n, scalar.IntImm("int64", 0))),
    "int32 number": PrimValue(scalar.IntImm("int32", 3)),
    "float number": PrimValue(1.5),
    "bool number": PrimValue(True),
    "comparison": PrimValue(scalar.LT(n, n)),
    "string": StringImm("a\"b'\n"),
    "dtype": DataTypeImm("float16"),
    "shape": ShapeExpr([n, 4, n * 2 + 1]),
    "no shape": ShapeExpr([]),
    "no tuple": Tuple([]),
    "nested tuple": Tuple([const(1), Tuple([const(2)])]),
}


@pytest.mark.parametrize("name", LEAVES)
def test_leaf(name: str) -> None:
    value = LEAVES[name]
    assert_round_trip(one_binding(value, value.struct_info, tensor()), check_well_formed=True)


INFOS: dict[str, StructInfo] = {
    "object": ObjectStructInfo(),
    "int64": PrimStructInfo("int64"),
    "bool": PrimStructInfo("bool"),
    "value": PrimStructInfo(value=n),
    "expression": PrimStructInfo(value=n + 1),
    "number": PrimStructInfo("int64", 4),
    "int32 number": PrimStructInfo(value=scalar.IntImm("int32", 4)),
    "int32 symbol": PrimStructInfo(value=scalar.Var("k", "int32")),
    "any shape": ShapeStructInfo(None),
    "shape of two": ShapeStructInfo(None, 2),
    "shape": ShapeStructInfo([n, 4]),
    "empty shape": ShapeStructInfo([]),
    "any tensor": TensorStructInfo(None, None),
    "tensor of a dtype": TensorStructInfo(None, "float32"),
    "tensor of a rank": TensorStructInfo(None, "float32", ndim=3),
    "scalar tensor": TensorStructInfo((), "int8"),
    "tensor of any dtype": TensorStructInfo((n, n // 2), None),
    "small floats": TensorStructInfo((1,), "float8_e5m2"),
    "dimensions of functions": TensorStructInfo(
        (scalar.Min(n, scalar.IntImm("int64", 4)), scalar.Max(n, n)), "float32"
    ),
    "size variable": TensorStructInfo((scalar.SizeVar("size", "int64"),), "float32"),
    "on a device": TensorStructInfo((2, 3), "float32", VDevice("llvm", 0, "global")),
    "no tuple": TupleStructInfo([]),
    "tuple": TupleStructInfo([TensorStructInfo((n,), "int64"), TupleStructInfo([INFO])]),
    "function": FuncStructInfo([TensorStructInfo((n,), "int32")], INFO),
    "impure function": FuncStructInfo([], ObjectStructInfo(), False),
    "function with a symbol of its own": FuncStructInfo(
        [TensorStructInfo((other,), "int32")], TensorStructInfo((other,), "int32")
    ),
    "any function": FuncStructInfo.opaque_func(),
    "any pure function": FuncStructInfo.opaque_func(ret=INFO, purity=True),
}


@pytest.mark.parametrize("name", INFOS)
def test_struct_info_of_a_parameter(name: str) -> None:
    shape, x = Var("shape", ShapeStructInfo([n])), Var("x", INFOS[name])
    assert_round_trip(function([shape, x], [], x), check_well_formed=True)


@pytest.mark.parametrize("name", INFOS)
def test_struct_info_of_a_match_cast(name: str) -> None:
    shape, x = Var("shape", ShapeStructInfo([n])), Var("x", ObjectStructInfo())
    y = Var("y", INFOS[name])
    func = function([shape, x], [MatchCast(y, x, INFOS[name])], y, ret=ObjectStructInfo())
    assert_round_trip(func)


def test_a_tensor_whose_shape_is_a_variable() -> None:
    shape = Var("s", ShapeStructInfo(None, 2))
    x = Var("x", TensorStructInfo(shape, "float32"))
    assert_round_trip(function([shape, x], [], x))


f = GlobalVar("f")
CALLS: dict[str, Callable[[Var], Call]] = {
    "call_tir": lambda x: calls.call_tir(f, [x], INFO),
    "call_tir of several": lambda x: calls.call_tir(f, (x, const(np.ones((2, 2)))), [INFO, INFO]),
    "call_tir with numbers": lambda x: calls.call_tir(f, [x], INFO, [n, 4]),
    "call_tir of nothing": lambda x: calls.call_tir(f, [], INFO),
    "in place": lambda x: calls.call_tir_inplace(f, [x], [0], INFO),
    "partly in place": lambda x: calls.call_tir_inplace(f, [x], [0, -1], [INFO, INFO], [n]),
    "library": lambda x: calls.call_dps_packed("lib.f", [x], INFO),
    "library by object": lambda x: calls.call_dps_packed(ExternFunc("f"), [x, const(1)], [INFO]),
    "packed": lambda x: calls.call_packed("p", x, sinfo_args=INFO),
    "packed with attributes": lambda x: calls.call_packed(
        "p",
        x,
        StringImm("s"),
        DataTypeImm("int8"),
        ShapeExpr([n]),
        sinfo_args=[INFO],
        attrs={"k": 1, "l": [1, 2], "lambda": 3},
    ),
    "packed without result": lambda x: calls.call_packed("p"),
    "packed object": lambda x: calls.call_packed("p", x, sinfo_args=ObjectStructInfo()),
    "pure packed": lambda x: calls.call_pure_packed("p", x, sinfo_args=(INFO,)),
    "builtin": lambda x: calls.call_builtin_with_ctx("vm.f", [x], sinfo_args=INFO),
    "extern with attributes": lambda x: Call(ExternFunc("p", attrs={"a": 1}), [x], None, [INFO]),
    "operator": unary,
    "operator with attributes": lambda x: unary(
        x, axis=[1, 2], keep=True, dtype="float32", v=1.5, n=None, d={"x": 1}
    ),
    "nested operator": lambda x: Call(Op.get("relax.print_test.nested"), [x, x], {"a": 1}),
    "operator elsewhere": lambda x: Call(Op.get("print_test.elsewhere"), [x], {"a": 1}),
    "attribute that is a keyword": lambda x: unary(x, **{"class": 2}),
    "attribute that is a node": lambda x: unary(x, e=scalar.IntImm("int32", 1), i=INFO),
    "operator with struct infos": lambda x: Call(Op.get("relax.print_test"), [x], None, [INFO]),
}


@pytest.mark.parametrize("dataflow", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, dataflow: bool) -> None:
    x = tensor()
    value = CALLS[name](x)
    plain = value.sinfo_args[0] if value.sinfo_args else ObjectStructInfo()
    info = INFO if isinstance(value.op, Op) and "print_test" in value.op.name else plain
    y, z = (DataflowVar if dataflow else Var)("y", info), Var("z", info)
    kind = DataflowBlock if dataflow else BindingBlock
    body = SeqExpr([kind([VarBinding(y, value), VarBinding(z, y)])], z)
    func = Function([x], body, info, False, {"global_symbol": "main"})
    assert_round_trip(func)


def test_short_forms() -> None:
    x = tensor()
    texts = [
        repr(CALLS[name](x)) for name in ("operator with attributes", "attribute that is a keyword")
    ]
    assert texts == [
        'R.print_test(x, axis=[1, 2], d={"x": 1}, dtype="float32", keep=True, n=None, v=1.5)',
        'R.call_op("relax.print_test", (x,), attrs={"class": 2})',
    ]


def test_dataflow_blocks() -> None:
    x, a, b, c = tensor(), DataflowVar("lv", INFO), tensor("gv"), DataflowVar("lv", INFO)
    d, e, g, h = tensor("gv"), tensor("gv"), DataflowVar("lv", INFO), tensor("gv")
    blocks = [
        DataflowBlock(
            [
                VarBinding(a, unary(x)),
                VarBinding(b, unary(a)),
                VarBinding(c, unary(b)),
                VarBinding(d, c),
            ]
        ),
        BindingBlock([VarBinding(e, unary(d))]),
        DataflowBlock([VarBinding(g, unary(b)), VarBinding(h, unary(g))]),
    ]
    attrs = {"global_symbol": "main", "num_input": 1}
    func = Function([x], SeqExpr(blocks, Tuple([b, h])), PAIR, True, attrs)
    assert assert_round_trip(func, check_well_formed=True).endswith(DATAFLOW)


DATAFLOW = """\
def main(x: R.Tensor(("n", 4), dtype="float32")) -> \
R.Tuple(R.Tensor(("n", 4), dtype="float32"), R.Tensor(("n", 4), dtype="float32")):
    R.func_attr({"num_input": 1})
    n = T.int64()
    with R.dataflow():
        lv: R.Tensor((n, 4), dtype="float32") = R.print_test(x)
        gv: R.Tensor((n, 4), dtype="float32") = R.print_test(lv)
        lv_1: R.Tensor((n, 4), dtype="float32") = R.print_test(gv)
        gv_1: R.Tensor((n, 4), dtype="float32") = lv_1
        R.output(gv, gv_1)
    gv_2: R.Tensor((n, 4), dtype="float32") = R.print_test(gv_1)
    with R.dataflow():
        lv_2: R.Tensor((n, 4), dtype="float32") = R.print_test(gv)
        gv_3: R.Tensor((n, 4), dtype="float32") = R.print_test(lv_2)
        R.output(gv_3)
    return (gv, gv_3)"""


def test_a_dataflow_block_that_hands_nothing_out() -> None:
    x = tensor()
    block = DataflowBlock([VarBinding(DataflowVar("lv", INFO), unary(x))])
    assert_round_trip(Function([x], SeqExpr([block], x), INFO, True, {"global_symbol": "main"}))


def test_fields_and_new_symbols() -> None:
    t, y = Var("t", PAIR), tensor("y")
    cast = TensorStructInfo((m, 4), "float32")
    z, w = Var("z", cast), Var("w", cast)
    bindings = [VarBinding(y, TupleGetItem(t, 1)), MatchCast(z, y, cast), VarBinding(w, z)]
    func = function([t], bindings, w, ret=TensorStructInfo(None, "float32", ndim=2))
    assert_round_trip(func, check_well_formed=True)


FLAG = TensorStructInfo((), "bool")


def test_branches() -> None:
    c, x, a, r, inner = Var("c", FLAG), tensor(), tensor("a"), tensor("r"), tensor("r")
    lv, b = DataflowVar("lv", INFO), tensor("b")
    flow = DataflowBlock([VarBinding(lv, unary(x)), VarBinding(b, unary(lv))])
    nested = If(c, SeqExpr([BindingBlock([MatchCast(a, x, INFO)])], a), SeqExpr([], x))
    choice = If(c, SeqExpr([flow], b), SeqExpr([BindingBlock([VarBinding(inner, nested)])], inner))
    text = assert_round_trip(function([c, x], [VarBinding(r, choice)], r), check_well_formed=True)
    assert "        else:\n            r_1:" in text


def test_unused_results_are_underscores() -> None:
    x = tensor()
    unused = [Var("_", ObjectStructInfo()) for _ in range(2)]
    func = function([x], [VarBinding(v, calls.call_packed("p")) for v in unused], x, pure=False)
    assert assert_round_trip(func).count("    _: R.Object = ") == 2


def local(p: Var, value: Expr, **options: Any) -> Function:
    y = Var("y", p.struct_info)
    body = SeqExpr([BindingBlock([VarBinding(y, value)])], y)
    return Function([p], body, p.struct_info, **options)


def test_closures() -> None:
    x, p, r = tensor(), tensor("p"), tensor("r")
    inner = local(p, unary(p))
    g = Var("inner", inner.struct_info)
    bindings = [VarBinding(g, inner), VarBinding(r, Call(g, [x]))]
    assert_round_trip(function([x], bindings, r), check_well_formed=True)


def test_closures_with_symbols_of_their_own() -> None:
    x, r = tensor(), tensor("r")
    p = Var("p", TensorStructInfo((other, 4), "float32"))
    inner = local(p, unary(p), is_pure=False)
    g = Var("inner", inner.struct_info)
    bindings = [VarBinding(g, inner), VarBinding(r, Call(g, [x]))]
    assert_round_trip(function([x], bindings, r, pure=False), check_well_formed=True)


def test_a_closure_that_calls_itself() -> None:
    x, p, r = tensor(), tensor("p"), tensor("r")
    g = Var("again", FuncStructInfo([INFO], INFO))
    bindings = [VarBinding(g, local(p, Call(g, [p]))), VarBinding(r, Call(g, [x]))]
    assert_round_trip(function([x], bindings, r), check_well_formed=True)


def test_closures_of_the_virtual_machine() -> None:
    x, c, r = tensor(), Var("c", ObjectStructInfo()), tensor("r")
    bindings = [
        VarBinding(c, calls.make_closure(f, [x])),
        VarBinding(r, calls.invoke_pure_closure(c, [x], INFO)),
    ]
    assert_round_trip(function([x], bindings, r))


def calling(name: str, callee: str) -> Function:
    """A function of a module that calls another one."""
    info = TensorStructInfo((scalar.Var("n", "int64"), 4), "float32")
    x, y = Var("x", info), Var("y", info)
    body = SeqExpr([BindingBlock([VarBinding(y, Call(GlobalVar(callee), [x]))])], y)
    return Function([x], body, info, True, {"global_symbol": name})


def test_functions_that_call_each_other() -> None:
    module = IRModule(
        {
            "even": calling("even", "odd"),
            "odd": calling("odd", "even"),
            "odd one": calling("odd one", "odd one"),
        }
    )
    text = assert_round_trip(module, check_well_formed=True)
    assert '@R.function(name="odd one")\n    def odd_one(' in text
    assert "cls.odd_one(x)" in text


def test_constants_need_their_metadata() -> None:
    x = tensor()
    func = one_binding(const(np.ones((2, 2))), TensorStructInfo((2, 2), "float64"), x)
    assert "# The constants are left out" in func.script()
    with pytest.raises(ParseError, match="show_meta=True"):
        from_source(func.script())


def test_one_constant_stands_once() -> None:
    x, y, z = tensor(), Var("y", ObjectStructInfo()), Var("z", ObjectStructInfo())
    data = const(np.ones((2, 2)))
    again = Constant(data.data)
    bindings = [
        VarBinding(y, calls.call_pure_packed("p", data, again)),
        VarBinding(z, calls.call_pure_packed("p", const(np.ones((2, 2))))),
    ]
    text = assert_round_trip(function([x], bindings, z))
    assert text.count('metadata["relax.expr.Constant"][0]') == 2
    assert text.count('metadata["relax.expr.Constant"][1]') == 1


def test_annotations_can_be_left_out() -> None:
    x = tensor()
    text = one_binding(unary(x), INFO, x).script(show_all_struct_info=False)
    assert "    y = R.print_test(x)" in text


def test_functions_outside_the_module() -> None:
    outside = ExternFunc("lib.f")
    x, y = tensor(), Var("y", ObjectStructInfo())
    main = function([x], [VarBinding(y, Call(GlobalVar("lib"), [x]))], y, pure=False)
    text = assert_round_trip(IRModule({"lib": outside, "main": main}))
    assert '    lib = R.ExternFunc("lib.f")\n' in text


def test_a_function_by_itself_keeps_its_calls_of_others() -> None:
    x, y = tensor(), tensor("y")
    func = function([x], [VarBinding(y, Call(GlobalVar("elsewhere"), [x]))], y, pure=False)
    assert 'I.GlobalVar("elsewhere")(x)' in assert_round_trip(func)
