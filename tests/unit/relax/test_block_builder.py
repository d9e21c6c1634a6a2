"""BlockBuilder: functions built binding by binding, in normal form."""

from __future__ import annotations

import pytest

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import SizeVar
from pellucid.ir.structural import assert_structural_equal, structural_equal
from pellucid.relax.block_builder import BuilderError
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T
from pellucid.support.errors import TypeMismatchError, WellFormedError

T4 = relax.TensorStructInfo((4,), "float32")


def packed(name: str, *args: relax.Expr, info: relax.StructInfo = T4) -> relax.Call:
    return relax.call_dps_packed(name, args, info)


def test_a_function_with_a_dataflow_block() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    with builder.function("main", [x]):
        with builder.dataflow():
            a = builder.emit(packed("f", x))
            b = builder.emit(packed("g", packed("h", a)), name_hint="named")
            out = builder.emit_output(b)
        builder.emit_func_output(out)

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
            with R.dataflow():
                lv = R.call_dps_packed("f", (x,), R.Tensor((4,), "float32"))
                lv1 = R.call_dps_packed("h", (lv,), R.Tensor((4,), "float32"))
                named = R.call_dps_packed("g", (lv1,), R.Tensor((4,), "float32"))
                gv = named
                R.output(gv)
            return gv

    assert_structural_equal(builder.get(), Expected)
    (block,) = builder.get()["main"].body.blocks
    assert [binding.var.name_hint for binding in block.bindings] == ["lv", "lv1", "named", "gv"]
    kinds = [type(binding.var) for binding in block.bindings]
    assert kinds == [relax.DataflowVar] * 3 + [relax.Var]


def test_parameters_at_the_end_and_several_results() -> None:
    builder = relax.BlockBuilder()
    n = SizeVar("n", "int64")
    x, y = relax.Var("x", relax.TensorStructInfo((n,))), relax.Var("y", T4)
    with builder.function("main"):
        a = builder.emit(packed("f", x, info=relax.TensorStructInfo((n,))))
        builder.emit_func_output([a, (y,)], params=[x, y])
    main = builder.get()["main"]
    assert main.params == (x, y)
    inner = relax.TupleStructInfo([T4])
    expected = relax.TupleStructInfo([relax.TensorStructInfo((n,)), inner])
    assert structural_equal(main.ret_struct_info, expected)
    assert relax.analysis.well_formed(builder.get())


def test_blocks_around_dataflow_blocks() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    with builder.function("main", [x]):
        a = builder.emit(packed("f", x))
        with builder.dataflow():
            pass
        with builder.dataflow():
            b = builder.emit_output(packed("g", a))
        c = builder.emit(packed("h", b))
        builder.emit_func_output(c)
    kinds = [type(block).__name__ for block in builder.get()["main"].body.blocks]
    assert kinds == ["BindingBlock", "DataflowBlock", "BindingBlock"]


def test_private_pure_and_attributes() -> None:
    builder = relax.BlockBuilder()
    x, y = relax.Var("x", T4), relax.Var("x", T4)
    with builder.function("helper", [x], attrs={"Primitive": 1}, private=True):
        builder.emit_func_output(x)
    with builder.function("main", [y], pure=False):
        builder.emit(relax.call_packed("log", y))
        builder.emit_func_output(y)
    mod = builder.get()
    assert dict(mod["helper"].attrs.items()) == {"Primitive": 1}
    assert dict(mod["main"].attrs.items()) == {"global_symbol": "main"}
    assert [mod["helper"].is_pure, mod["main"].is_pure] == [True, False]


def test_nested_functions() -> None:
    builder = relax.BlockBuilder()
    x, y = relax.Var("x", T4), relax.Var("y", T4)
    with builder.function("outer", [x]):
        a = builder.emit(packed("f", x))
        with builder.function("inner", [y], private=True):
            builder.emit_func_output(builder.emit(packed("h", y)))
        assert relax.BlockBuilder.current() is builder
        inner = builder.get().get_global_var("inner")
        builder.emit_func_output(builder.emit(inner(a)))
    assert relax.BlockBuilder.current() is None
    assert relax.analysis.well_formed(builder.get())
    names = [b.var.name_hint for b in builder.get()["outer"].body.blocks[0].bindings]
    assert names == ["gv", "gv1"]


def test_functions_are_added_once() -> None:
    builder = relax.BlockBuilder()

    def identity() -> relax.Function:
        x = relax.Var("x", T4)
        return relax.Function([x], relax.SeqExpr((), x), T4)

    first, second = builder.add_func(identity(), "f"), builder.add_func(identity(), "g")
    assert first is second
    x = relax.Var("x", relax.ObjectStructInfo())
    other = builder.add_func(relax.Function([x], x), "f")
    assert [first.name_hint, other.name_hint] == ["f", "f1"]
    builder.update_func(relax.GlobalVar("new"), identity())
    assert [gvar.name_hint for gvar in builder.get()] == ["f", "f1", "new"]


def test_the_module_it_starts_from_stays() -> None:
    x = relax.Var("x", T4)
    mod = IRModule({"f": relax.Function([x], x, T4)}, attrs={"key": 1})
    builder = relax.BlockBuilder(mod)
    y = relax.Var("y", T4)
    with builder.function("main", [y]):
        builder.emit_func_output(builder.emit(mod.get_global_var("f")(y)))
    assert [gvar.name_hint for gvar in mod] == ["f"]
    assert builder.get().attrs["key"] == 1
    assert builder.get().get_global_var("f") is mod.get_global_var("f")


def test_finalize_puts_public_functions_under_their_symbol() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    public = relax.Function([x], x, T4, attrs={"global_symbol": "main"})
    builder.add_func(public, "some_name")
    assert [gvar.name_hint for gvar in builder.get()] == ["some_name"]
    assert [gvar.name_hint for gvar in builder.finalize()] == ["main"]
    y = relax.Var("y", relax.ObjectStructInfo())
    builder.add_func(relax.Function([y], y, attrs={"global_symbol": "main"}), "again")
    with pytest.raises(WellFormedError, match="Two public functions have the global_symbol 'main'"):
        builder.finalize()


def test_match_cast_defines_symbolic_variables() -> None:
    builder = relax.BlockBuilder()
    m = SizeVar("m", "int64")
    x = relax.Var("x", relax.TensorStructInfo(ndim=1))
    with builder.function("main", [x]):
        assert not builder.in_scope(m)
        y = builder.match_cast(x, relax.TensorStructInfo((m,)))
        assert builder.in_scope(m)
        assert builder.lookup_binding(y) is None
        z = builder.emit(packed("f", y, info=relax.TensorStructInfo((m,))))
        builder.emit_func_output(z)
    main = builder.get()["main"]
    assert structural_equal(main.ret_struct_info, relax.TensorStructInfo(ndim=1))
    assert relax.analysis.well_formed(main)


def test_an_if_joins_what_its_branches_know() -> None:
    builder = relax.BlockBuilder()
    c = relax.Var("c", relax.TensorStructInfo((), "bool"))
    x, y = relax.Var("x", T4), relax.Var("y", relax.TensorStructInfo((5,), "float32"))
    with builder.function("main", [c, x, y]):
        r = builder.emit(relax.If(c, packed("f", x), y))
        builder.emit_func_output(r)
    main = builder.get()["main"]
    assert structural_equal(main.ret_struct_info, relax.TensorStructInfo(ndim=1))
    choice = main.body.blocks[0].bindings[0].value
    assert len(choice.true_branch.blocks[0].bindings) == 1
    assert choice.false_branch.blocks == ()
    assert relax.analysis.well_formed(main)


def test_arguments_are_bound_and_tuples_stay() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    with builder.testing_scope():
        call = builder.normalize(
            relax.call_pure_packed("f", (packed("g", x), (x, 1)), sinfo_args=T4)
        )
        _, pair = call.args
        assert isinstance(pair, relax.Tuple)
        assert builder.lookup_binding(pair[0]).args[0].global_symbol == "g"
        assert isinstance(pair[1][1], relax.PrimValue)
        assert builder.normalize(call) is call


def test_items_of_a_tuple_that_stands_there_are_its_fields() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    with builder.testing_scope():
        assert builder.normalize(relax.TupleGetItem(relax.Tuple([x, x]), 1)) is x


def test_a_tuple_variable_as_arguments_is_taken_apart() -> None:
    builder = relax.BlockBuilder()
    t = relax.Var("t", relax.TupleStructInfo([T4, T4]))
    with builder.function("main", [t]):
        a = builder.emit(relax.call_dps_packed("f", t, T4))
        pair = builder.emit(relax.Tuple([a, a]))
        b = builder.emit(relax.call_dps_packed("g", pair, T4))
        builder.emit_func_output(b)
    first, second = (
        binding.value
        for binding in builder.get()["main"].body.blocks[0].bindings
        if isinstance(binding.value, relax.Call)
    )
    assert [type(arg).__name__ for arg in first.args[1]] == ["Var", "Var"]
    assert list(second.args[1]) == [a, a]
    assert relax.analysis.well_formed(builder.get())


def test_a_sequence_is_flattened_into_the_block_around_it() -> None:
    builder = relax.BlockBuilder()
    x, y = relax.Var("x", T4), relax.Var("y", T4)
    inner = relax.SeqExpr([relax.BindingBlock([relax.VarBinding(y, packed("f", x))])], y)
    with builder.function("main", [x]):
        a = builder.emit(packed("g", inner))
        builder.emit_func_output(a)
    (block,) = builder.get()["main"].body.blocks
    assert block.bindings[0].var.name_hint == "y"
    assert relax.analysis.well_formed(builder.get())


def test_variables_without_struct_info_get_what_they_are_bound_to() -> None:
    x, y = relax.Var("x", T4), relax.Var("y")
    body = relax.SeqExpr([relax.BindingBlock([relax.VarBinding(y, packed("f", x))])], y)
    function = relax.BlockBuilder().normalize(relax.Function([x], body, T4))
    assert structural_equal(function.body.body.struct_info, T4)
    assert relax.analysis.well_formed(function)


def test_a_failed_emit_leaves_the_builder_as_it_was() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", T4)
    with builder.function("main", [x]):
        bad = relax.If(relax.const(True), packed("f", x), relax.Var("untyped"))
        with pytest.raises(TypeMismatchError, match="used before its struct info is known"):
            builder.emit(bad)
        builder.emit_func_output(builder.emit(packed("f", x)))
    (block,) = builder.get()["main"].body.blocks
    assert len(block.bindings) == 1


def test_operators_on_expressions() -> None:
    t = relax.Var("t", relax.TupleStructInfo([T4, relax.ObjectStructInfo()]))
    first, second = t
    assert structural_equal(first.struct_info, T4)
    assert [first.index, second.index, t[-1].index] == [0, 1, 1]
    with pytest.raises(TypeMismatchError, match="Only a tuple can be unpacked"):
        list(relax.Var("x", T4))
    with pytest.raises(TypeMismatchError, match="The index is outside the tuple"):
        t[2]


def wrong_order(steps: str) -> str:
    """The message of a builder that is used out of order."""
    builder, x, info = relax.BlockBuilder(), relax.Var("x", T4), T4
    names = {"builder": builder, "x": x, "info": info, "packed": packed, "relax": relax}
    with pytest.raises((BuilderError, TypeMismatchError)) as caught:
        exec(steps, names)
    return str(caught.value)


WRONG = {
    "without_output": (
        "with builder.function('f', [x]): pass",
        "The function 'f' was left without an output.\n"
        "  cure: call emit_func_output(value) as the last step in the function",
    ),
    "two_outputs": (
        "with builder.function('f', [x]):\n"
        "  builder.emit_func_output(x)\n"
        "  builder.emit_func_output(x)",
        "The output of 'f' was given already.\n"
        "  cure: call emit_func_output once, as the last step in the function",
    ),
    "parameters_twice": (
        "with builder.function('f', [x]): builder.emit_func_output(x, [x])",
        "The parameters of 'f' were given already.\n"
        "  cure: give them either to function(...) or to emit_func_output(...)",
    ),
    "a_name_twice": (
        "with builder.function('f', [x]): builder.emit_func_output(x)\n"
        "with builder.function('f', [x]): builder.emit_func_output(x)",
        "The module has a function 'f' already.\n"
        "  cure: choose another name, make it private, or replace it with update_func",
    ),
    "no_variable_as_parameter": (
        "with builder.function('f', [1]): pass",
        "A parameter is a relax.Var.\n  found: 1",
    ),
    "dataflow_outside": (
        "with builder.dataflow(): pass",
        "A dataflow block stands in a function.\n"
        '  cure: open one first: with bb.function("main", params):',
    ),
    "emit_outside": (
        "builder.emit(packed('f', x))",
        "No block is open that this could be bound in.\n"
        '  cure: work within: with bb.function("main", params):, or bb.testing_scope()',
    ),
    "output_outside": (
        "builder.emit_func_output(x)",
        "There is no function whose output this could be.\n"
        '  cure: call it within: with bb.function("main", params):',
    ),
    "output_in_dataflow": (
        "with builder.function('f', [x]):\n  with builder.dataflow(): builder.emit_func_output(x)",
        "The output of a function is given outside its dataflow blocks.\n"
        "  cure: leave `with bb.dataflow():` first; emit_output hands a value out of it",
    ),
    "emit_output_in_a_plain_block": (
        "with builder.function('f', [x]): builder.emit_output(x)",
        "emit_output belongs into a dataflow block.\n"
        "  cure: use it within `with bb.dataflow():`, or use emit",
    ),
    "no_block_to_end": (
        "builder.end_block()",
        "No block is open.\n  cure: call begin_binding_block() first",
    ),
    "no_scope_to_end": (
        "builder.end_scope()",
        "No scope is open.\n  cure: call begin_scope() first",
    ),
    "a_match_cast_that_cannot_succeed": (
        "with builder.function('f', [x]): builder.match_cast(x, relax.ShapeStructInfo((4,)))",
        "A match_cast that can never succeed.\n"
        "  expected: R.Shape([4])\n"
        '  found: R.Tensor((4,), dtype="float32")',
    ),
    "an_unknown_function": (
        "with builder.function('f', [x]): builder.emit(relax.GlobalVar('g')(x))",
        "The function 'g' is not in the builder's module, so the result of calling it is "
        "unknown.\n"
        "  cure: make the builder with the module: BlockBuilder(mod), or add the function",
    ),
    "a_tensor_that_is_called": (
        "with builder.function('f', [x]): builder.emit(relax.Call(x, [x]))",
        "'x' is called and is no function.\n  found: R.Tensor((4,), dtype=\"float32\")",
    ),
    "a_field_of_no_tuple": (
        "with builder.function('f', [x]): builder.emit(relax.TupleGetItem(x, 0))",
        'Only a tuple has fields.\n  expected: a tuple\n  found: R.Tensor((4,), dtype="float32")',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_messages(name: str) -> None:
    steps, message = WRONG[name]
    assert wrong_order(steps) == message


def test_another_error_in_the_function_is_the_one_that_is_seen() -> None:
    builder = relax.BlockBuilder()
    with pytest.raises(ZeroDivisionError), builder.function("f", []):
        raise ZeroDivisionError
    assert relax.BlockBuilder.current() is None
    assert len(builder.get()) == 0


def test_loop_functions_in_the_module() -> None:
    @T.prim_func
    def kernel(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        B[0] = A[0]

    builder = relax.BlockBuilder()
    gvar = builder.add_func(kernel.without_attr("global_symbol"), "kernel")
    x = relax.Var("x", T4)
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(relax.call_tir(gvar, [x], T4)))
    assert relax.analysis.well_formed(builder.get())
    assert structural_equal(
        builder.info_of(gvar), relax.analysis.prim_func_struct_info(kernel), map_free_vars=True
    )
