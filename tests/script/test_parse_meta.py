"""Meta-programming: host values in scripts, macros, and what the Python code around can see."""
# ruff: noqa: B007 - loop variables that a macro uses

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.structural import assert_structural_equal
from pellucid.script import from_source
from pellucid.script import tir as T
from pellucid.support.errors import ParseError
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import Evaluate, SeqStmt

SIZE = 16


def scaled(factor: int, dtype: str = "float32") -> PrimFunc:
    @T.prim_func
    def main(A: T.Buffer((SIZE, factor), dtype)):
        for i, j in T.grid(SIZE, factor):
            A[i, j] = A[i, j] * T.Cast(dtype, factor)

    return main


def test_closures_and_globals() -> None:
    func = scaled(4)
    assert [each.value for each in func.buffers[0].shape] == [16, 4]
    assert scaled(3, "float64").buffers[0].dtype == "float64"
    with pytest.raises(ValueError, match="differ"):
        assert_structural_equal(scaled(3), scaled(4))


def test_names_used_in_annotations_only() -> None:
    rows, spec = 3, T.Buffer((5,), "int8")

    @T.prim_func
    def main(A: T.Buffer((rows,), "float32"), B: spec):
        A[0] = T.Cast("float32", B[0])

    assert main.buffers[0].shape[0].value == 3
    assert main.buffers[1].name == "B"


def test_host_functions_and_lists() -> None:
    def offset(index: Any, by: int) -> Any:
        return index + by

    weights = [0.5, 0.25]

    @T.prim_func
    def main(A: T.Buffer((16,), "float32"), B: T.Buffer((16,), "float32")):
        for i in range(14):
            B[i] = sum([A[offset(i, k)] * w for k, w in enumerate(weights)])

    assert main.body.body.value.dtype == "float32"


def test_meta_var() -> None:
    func = from_source(
        "@T.prim_func\ndef main(x: T.int32):\n    y = T.meta_var(x + 1)\n    T.evaluate(y)\n"
    )
    assert isinstance(func.body, Evaluate)


def test_host_values_are_bound_as_they_are() -> None:
    func = from_source(
        "@T.prim_func\ndef main(x: T.int32):\n"
        "    name = 'g'\n    table = {'k': 2}\n    f = lambda v: v + table['k']\n"
        "    T.evaluate(T.call_extern('int32', name, f(x)))\n"
    )
    assert func.body.value.args[0].value == "g"


@T.macro
def assign(buffer, index, value):
    """Store a value."""
    buffer[index] = value


@T.macro
def twice(buffer):
    assign(buffer, 0, 1.0)
    for i in range(1, SIZE):
        assign(buffer, i, value=2.0)


def test_macros() -> None:
    @T.prim_func
    def main(A: T.Buffer((16,), "float32")):
        twice(A)

    @T.prim_func
    def expected(A: T.Buffer((16,), "float32")):
        T.func_attr({"global_symbol": "main"})
        A[0] = 1.0
        for i in range(1, 16):
            A[i] = 2.0

    assert_structural_equal(main, expected)
    assert main.span is not None


def test_macros_allocate_where_they_are_called() -> None:
    @T.macro
    def with_buffer(out):
        tmp = T.alloc_buffer((4,))
        tmp[0] = 1.0
        out[0] = tmp[0]

    @T.prim_func
    def main(A: T.Buffer((16,), "float32")):
        with_buffer(A)
        with T.block("b"):
            with_buffer(A)

    names = [each.name for each in main.body.block.alloc_buffers]
    assert names == ["tmp"]


def test_hygienic_macros_see_their_definition() -> None:
    x_value = 128

    @T.macro(hygienic=True)
    def static(A, B):
        A[()] = B[x_value]

    @T.macro(hygienic=False)
    def dynamic(A, B):
        A[()] = B[x_value]

    @T.prim_func(check_well_formed=False)
    def use_static(A: T.Buffer((), "int32"), B: T.Buffer((1024,), "int32")):
        for x_value in range(10):
            static(A, B)

    @T.prim_func(check_well_formed=False)
    def use_dynamic(A: T.Buffer((), "int32"), B: T.Buffer((1024,), "int32")):
        for x_value in range(10):
            dynamic(A, B)

    assert use_static.body.body.value.indices[0].value == 128
    assert use_dynamic.body.body.value.indices[0] is use_dynamic.body.loop_var


def test_macro_inside_a_function() -> None:
    func = from_source(
        """
@T.prim_func
def main(A: T.Buffer((16,), "int32"), n: T.int32):
    @T.macro
    def put(i, value=7):
        A[i] = value + n

    put(0)
    put(1, value=8)
"""
    )
    assert isinstance(func.body, SeqStmt)
    assert func.body.seq[1].value.b is func.params[1] or func.body.seq[1].value.a is func.params[1]


def test_an_error_in_a_macro_shows_the_macro() -> None:
    @T.macro
    def broken(A):
        A[undefined_name] = 1

    with pytest.raises(ParseError) as caught:

        @T.prim_func
        def main(A: T.Buffer((16,), "int32")):
            broken(A)

    assert "A[undefined_name] = 1" in str(caught.value)


def test_wrong_arguments_of_a_macro() -> None:
    with pytest.raises(ParseError, match="missing a required argument: 'value'"):

        @T.prim_func
        def main(A: T.Buffer((16,), "float32")):
            assign(A, 0)


def test_names_of_a_macro_stay_inside() -> None:
    @T.macro
    def local(A):
        x = A[0] + 1
        A[0] = x

    @T.prim_func
    def main(A: T.Buffer((16,), "int32")):
        local(A)
        local(A)

    assert main.body.body.seq[1].var is not main.body.var
