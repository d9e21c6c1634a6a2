"""Laws of modules with graph functions: printing and parsing, and three ways of running them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from hypothesis import given, settings

import pellucid
from pellucid import relax
from pellucid.interp import run
from pellucid.ir.structural import first_difference, structural_hash
from pellucid.relax.analysis import well_formed
from pellucid.script import from_source
from pellucid.testing.strategies.graphs import GraphProgram, graph_programs, register_library
from pellucid.testing.tolerance import assert_agree
from tests.fuzz.coverage import Coverage

WANTED = {
    *("Function", "SeqExpr", "BindingBlock", "DataflowBlock", "VarBinding", "MatchCast", "If"),
    *("Call", "Tuple", "TupleGetItem", "Constant", "ShapeExpr", "PrimValue", "ExternFunc"),
    *("Var", "DataflowVar", "GlobalVar", "PrimFunc"),
    *("relax.call_tir", "relax.call_tir_inplace", "relax.call_dps_packed"),
    "relax.call_pure_packed",
}
printed = Coverage(
    "parse(print(m)) = m, graphs", WANTED, "test_parse_after_print_is_the_same_module"
)
compiled = Coverage(
    "interpreter = native, graphs",
    WANTED,
    "test_native_and_stepped_runs_agree_with_the_interpreter",
)


@settings(max_examples=200)
@given(graph_programs())
def test_parse_after_print_is_the_same_module(program: GraphProgram) -> None:
    assert well_formed(program.module)
    text = program.module.script(show_meta=True)
    parsed = from_source(text)
    difference = first_difference(program.module, parsed)
    assert difference is None, f"{difference}\n{text}"
    assert structural_hash(parsed) == structural_hash(program.module)
    printed.note(program.features)


def leaves(value: Any) -> list[Any]:
    """The parts of a result, as NumPy arrays and plain values."""
    if isinstance(value, tuple | list):
        return [leaf for each in value for leaf in leaves(each)]
    return [value.numpy() if hasattr(value, "numpy") else value]


@settings(max_examples=150)
@given(graph_programs())
def test_native_and_stepped_runs_agree_with_the_interpreter(program: GraphProgram) -> None:
    register_library()
    expected = leaves(run(program.module, *deepcopy(program.args)))
    executable = relax.build(program.module, target="llvm")
    for debug in (False, True):
        vm = relax.VirtualMachine(executable, pellucid.cpu(), debug=debug)
        actual = leaves(vm["main"](*deepcopy(program.args)))
        assert len(actual) == len(expected)
        for found, want in zip(actual, expected, strict=True):
            if isinstance(want, np.ndarray):
                assert_agree(found, want, "exact", program.module.script())
            else:
                assert found == want
    compiled.note(program.features)


def test_the_modules_cover_the_language() -> None:
    printed.check()
    compiled.check()
