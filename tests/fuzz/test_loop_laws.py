"""Laws of loop programs: printed and parsed back they are the same; native code does what the
interpreter does.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from hypothesis import given, settings

import pellucid
from pellucid.driver.pipeline import lower_stages
from pellucid.interp import run
from pellucid.ir.module import IRModule
from pellucid.ir.structural import first_difference, structural_equal, structural_hash
from pellucid.script import from_source
from pellucid.testing.strategies.loops import LoopProgram, features, loop_programs
from pellucid.testing.strategies.scalars import DTYPES
from pellucid.testing.tolerance import assert_agree
from tests.fuzz.coverage import Coverage

STATEMENTS = {
    "For",
    "While",
    "IfThenElse",
    "LetStmt",
    "SeqStmt",
    "BufferStore",
    "AssertStmt",
    "AttrStmt",
    "Block",
    "BlockRealize",
}
LOOPS = {"serial", "parallel", "vectorized", "unrolled"}
SCALARS = {
    *("Add", "Sub", "Mul", "Div", "Mod", "FloorDiv", "FloorMod", "Min", "Max", "Cast", "Select"),
    *("EQ", "NE", "LT", "LE", "GT", "GE", "And", "Or", "Not", "Let", "Call", "BufferLoad"),
    *("IntImm", "FloatImm", "Var", "SizeVar"),
}
LOWERED = {"Allocate", "DeclBuffer"}
WANTED = STATEMENTS | LOOPS | SCALARS | set(DTYPES)

printed = Coverage(
    "parse(print(m)) = m", WANTED | LOWERED, "test_parse_after_print_is_the_same_program"
)
compiled = Coverage("interpreter = native", WANTED, "test_native_code_agrees_with_the_interpreter")


def assert_same(parsed, module, text: str) -> None:
    difference = first_difference(module, parsed)
    assert difference is None, f"{difference}\n{text}"


@settings(max_examples=300)
@given(loop_programs())
def test_parse_after_print_is_the_same_program(program: LoopProgram) -> None:
    module = IRModule({"main": program.func})
    text = module.script()
    assert_same(from_source(text), module, text)
    seen = set(program.features)
    func = program.func
    for stage in lower_stages():
        func = stage(func)
        lowered = IRModule({"main": func})
        text = lowered.script()
        assert_same(from_source(text, check_well_formed=False), lowered, text)
    printed.note(seen | features(func), 1 + len(lower_stages()))


@settings(max_examples=300)
@given(loop_programs())
def test_native_code_agrees_with_the_interpreter(program: LoopProgram) -> None:
    expected, actual = deepcopy(program.arrays), deepcopy(program.arrays)
    run(program.func, *expected)
    built = pellucid.build(program.func, target="llvm", bounds_check=True)
    built["main"](*actual)
    for index, (want, found) in enumerate(zip(expected, actual, strict=True)):
        if isinstance(want, np.ndarray):
            assert_agree(found, want, "exact", f"argument {index} of\n{program.func.script()}")
    compiled.note(program.features)


@settings(max_examples=200)
@given(loop_programs(), loop_programs())
def test_equality_agrees_with_hash(one: LoopProgram, other: LoopProgram) -> None:
    copy = from_source(IRModule({"main": one.func}).script())["main"]
    assert structural_equal(copy, one.func)
    assert structural_hash(copy) == structural_hash(one.func)
    if structural_equal(one.func, other.func):
        assert structural_hash(one.func) == structural_hash(other.func)
    else:
        assert first_difference(one.func, other.func) is not None


def test_the_programs_cover_the_language() -> None:
    printed.check()
    compiled.check()
