"""Questions about graph functions: variables, uses, effects, the call graph."""

from __future__ import annotations

import numpy as np

from pellucid import relax
from pellucid.relax import analysis
from pellucid.script import ir as I
from pellucid.script import relax as R
from pellucid.script import tir as T


@I.ir_module
class Module:
    @R.function(pure=False)
    def log(x: R.Tensor(("n",), "float32")) -> R.Tensor(("n",), "float32"):
        _ = R.call_packed("print", x, sinfo_args=R.Object)
        return x

    @R.function(private=True)
    def quiet(x: R.Tensor(("m",), "float32")) -> R.Tensor(("m",), "float32"):
        return x

    @R.function
    def main(x: R.Tensor(("k", 2), "float32"), w: R.Tensor((2,), "float32")) -> R.Tensor(
        ("k",), "float32"
    ):
        cls = Module
        k = T.int64()
        with R.dataflow():
            a = R.call_dps_packed("f", (x, w), R.Tensor((k,), "float32"))
            b = cls.quiet(a)
            c = R.call_dps_packed("g", (w,), R.Tensor((2,), "float32"))
            d = R.call_dps_packed("h", (a, b), R.Tensor((k,), "float32"))
            R.output(d)
        return d


MAIN = Module["main"]
NAMED = {name: found[0].var for name, found in analysis.name_to_binding(MAIN).items()}
X, W = MAIN.params


def names(variables: list[relax.Var]) -> list[str]:
    return [each.name_hint for each in variables]


def test_variables() -> None:
    assert analysis.free_vars(MAIN) == []
    assert names(analysis.bound_vars(MAIN)) == ["x", "w", "a", "b", "c", "d"]
    assert names(analysis.used_vars(MAIN)) == ["x", "w", "a", "b", "d"]
    assert names(analysis.all_vars(MAIN)) == ["x", "w", "a", "b", "c", "d"]
    assert names(analysis.free_vars(MAIN.body)) == ["x", "w"]
    assert analysis.free_vars(X) == [X]
    assert [v.name_hint for v in analysis.all_global_vars(MAIN)] == ["quiet"]


def test_symbolic_variables() -> None:
    (k,) = analysis.all_symbolic_vars(MAIN)
    assert k.name == "k"
    assert analysis.defined_symbolic_vars(MAIN) == [k]
    assert analysis.free_symbolic_vars(MAIN) == []
    assert analysis.free_symbolic_vars(MAIN.body) == [k]


def test_uses_and_definitions() -> None:
    (block,) = MAIN.body.blocks
    chain = analysis.udchain(block)
    assert names(chain[NAMED["a"]]) == ["b", "d"]
    assert names(chain[W]) == ["a", "c"]
    assert chain[NAMED["c"]] == []
    assert analysis.get_var2val(MAIN)[NAMED["b"]].op.name_hint == "quiet"
    count = analysis.count_uses(MAIN)
    assert [count[each] for each in (X, W, NAMED["a"], NAMED["c"])] == [1, 2, 2, 0]


def test_effects() -> None:
    assert analysis.contains_impure_call(Module["log"])
    assert not analysis.contains_impure_call(MAIN, mod=Module)
    # Without the module nothing is known of `quiet`.
    assert analysis.contains_impure_call(MAIN)
    assert analysis.find_impure_call(Module["log"]).op.global_symbol == "print"


def test_unused_bindings_go() -> None:
    after = analysis.remove_all_unused(MAIN, Module)
    assert names([b.var for b in analysis.all_bindings(after)]) == ["a", "b", "d"]
    assert analysis.remove_all_unused(after, Module) is after
    # A parameter stays, used or not.
    assert after.params == MAIN.params


def test_what_is_known_before_the_program_runs() -> None:
    marked = MAIN.with_attr("num_input", 1)
    assert names(analysis.computable_at_compile_time(marked)) == ["c"]
    assert analysis.computable_at_compile_time(MAIN) == []


def test_the_call_graph() -> None:
    calls = {
        caller.name_hint: [each.name_hint for each in callees]
        for caller, callees in analysis.collect_call_map(Module).items()
    }
    assert calls == {"log": [], "quiet": [], "main": ["quiet"]}
    assert analysis.reachable(Module, ["main"]) == {"main", "quiet"}
    assert analysis.called_symbols(MAIN) == ["f", "g", "h"]
    assert analysis.recursive_groups(Module) == []


def test_functions_that_call_each_other_are_a_group() -> None:
    @I.ir_module
    class Loop:
        @R.function
        def even(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            cls = Loop
            y = cls.odd(x)
            return y

        @R.function
        def odd(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            cls = Loop
            y = cls.even(x)
            return y

        @R.function
        def main(x: R.Tensor((), "bool")) -> R.Tensor((), "bool"):
            cls = Loop
            y = cls.even(x)
            return y

    (group,) = analysis.recursive_groups(Loop)
    assert [gvar.name_hint for gvar in group] == ["even", "odd"]


def test_a_copy_shares_no_variable() -> None:
    copy = relax.copy_with_new_vars(MAIN)
    assert not set(analysis.all_vars(copy)) & set(analysis.all_vars(MAIN))
    assert not set(analysis.all_symbolic_vars(copy)) & set(analysis.all_symbolic_vars(MAIN))
    assert analysis.well_formed(copy, check_struct_info=True) or Module
    both = Module.clone()
    both["other"] = copy.with_attr("global_symbol", "other")
    assert analysis.well_formed(both)


def test_constants_count_by_value() -> None:
    a, b = relax.const(np.ones(3)), relax.const(np.ones(3))
    x = relax.Var("x", a.struct_info)
    first = relax.Function([x], relax.SeqExpr((), relax.Tuple([x, a])))
    second = relax.Function([x], relax.SeqExpr((), relax.Tuple([x, b])))
    assert relax.BlockBuilder().add_func(first, "f") is not None
    builder = relax.BlockBuilder()
    assert builder.add_func(first, "f") is builder.add_func(second, "g")
