"""Expressions of scripts: what Python syntax evaluates to, with host values and with nodes."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir.scalar import (
    EQ,
    Add,
    And,
    Call,
    FloatImm,
    IntImm,
    Let,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Sub,
    Var,
)
from pellucid.ir.structural import structural_equal
from pellucid.script import from_source
from pellucid.support.errors import ParseError
from pellucid.tir.stmt import Evaluate, LetStmt


def value(expression: str, **host: Any) -> Any:
    """What `T.evaluate(expression)` evaluates, in a function of x: int32, b: bool, f: float32."""
    text = (
        "@T.prim_func\n"
        "def main(x: T.int32, y: T.int32, b: T.bool, f: T.float32, A: T.Buffer((8, 8), 'int32')):\n"
        f"    T.evaluate({expression})\n"
    )
    func = from_source(text, host, check_well_formed=False)
    assert isinstance(func.body, Evaluate)
    found = func.body.value
    names = dict(zip(["x", "y", "b", "f"], func.params, strict=False))
    return found, names


def same(expression: str, expected: Any, **host: Any) -> None:
    found, names = value(expression, **host)
    wanted = expected(**names) if callable(expected) else expected
    assert structural_equal(found, wanted), f"{expression}: {found!r} is not {wanted!r}"


def test_literals() -> None:
    same("1", IntImm("int32", 1))
    same("True", IntImm("bool", 1))
    same("1.5", FloatImm("float32", 1.5))
    same("5000000000", IntImm("int64", 5_000_000_000))


def test_dtype_constructors() -> None:
    same("T.int64(4)", IntImm("int64", 4))
    same("T.float32(0)", FloatImm("float32", 0.0))
    same("T.float16(1.5)", FloatImm("float16", 1.5))
    same("T.bfloat16(1)", FloatImm("bfloat16", 1.0))
    same("T.float8_e4m3fn(2)", FloatImm("float8_e4m3fn", 2.0))
    same("T.e4m3_float8(2)", FloatImm("float8_e4m3fn", 2.0))
    same("T.boolean(1)", IntImm("bool", 1))
    same('T.float32("inf")', FloatImm("float32", float("inf")))
    same('T.float32("-inf")', FloatImm("float32", float("-inf")))
    same('T.float64("nan")', FloatImm("float64", float("nan")))
    same("T.uint8(255)", IntImm("uint8", 255))


def test_conversion_of_an_expression() -> None:
    found, names = value("T.int64(x)")
    assert found.dtype == "int64"
    assert found.value is names["x"]
    found, _ = value("T.float32x4(1)")
    assert found.dtype == "float32x4"


def test_operators_promote_and_fold() -> None:
    same("x + 1", lambda x, **_: Add(x, IntImm("int32", 1)))
    same("x + 0", lambda x, **_: x)
    same("x * 2 - y", lambda x, y, **_: Sub(Mul(x, IntImm("int32", 2)), y))
    same("2 ** 3 + 1", IntImm("int32", 9))
    found, _ = value("x + f")
    assert found.dtype == "float32"


def test_exact_constructors_do_not_fold() -> None:
    same("T.Add(x, 0)", lambda x, **_: Add(x, IntImm("int32", 0)))
    same("T.Mul(1, T.int64(2))", Mul(IntImm("int64", 1), IntImm("int64", 2)))
    same("T.Not(T.bool(True))", Not(IntImm("bool", 1)))
    same("T.Select(b, x, 0)", lambda x, b, **_: Select(b, x, IntImm("int32", 0)))
    same("T.EQ(x, y)", lambda x, y, **_: EQ(x, y))


def test_logic_of_expressions() -> None:
    same("x < 1 and y < 2", lambda x, y, **_: And(x < 1, y < 2))
    same("x < 1 or b or y < 2", lambda x, y, b, **_: Or(Or(x < 1, b), y < 2))
    same("not b", lambda b, **_: Not(b))


def test_logic_of_host_values_is_python_s() -> None:
    same("flag and x", IntImm("bool", 0), flag=False)
    same("flag and x < 1", lambda x, **_: x < 1, flag=True)
    same("b and flag", lambda b, **_: b, flag=True)
    same("b or flag", IntImm("bool", 1), flag=True)
    same("n or 7", IntImm("int32", 7), n=0)
    same("1 if not n else 2", IntImm("int32", 1), n=0)


def test_comparison_chains_of_host_values() -> None:
    same("1 if 0 < n < 5 else 2", IntImm("int32", 1), n=3)
    same("1 if n in (1, 2) and n is not None else 2", IntImm("int32", 2), n=3)


def test_conditional_expression_of_a_scalar_is_lazy() -> None:
    found, names = value("x if b else 1")
    assert isinstance(found, Call)
    assert found.op.name == "tir.if_then_else"
    assert found.args[0] is names["b"]


def test_host_functions_build_expressions() -> None:
    def double(value: Any) -> Any:
        return value + value

    same("double(x)", lambda x, **_: Add(x, x), double=double)
    same("fs[1](x)", lambda x, **_: Add(x, x), fs=[None, double])


def test_host_containers() -> None:
    same("sum([n * 2 for n in range(4) if n % 2 == 0])", IntImm("int32", 4))
    same("d['k'][0]", IntImm("int32", 9), d={"k": [9]})
    same("len({**d, 'b': 1})", IntImm("int32", 2), d={"a": 1})
    same("max([*xs, 7])", IntImm("int32", 7), xs=[1, 2])
    same("len(f'{n:03d}-{name!r}')", IntImm("int32", 7), n=5, name="a")
    same("xs[1:][0]", IntImm("int32", 2), xs=[1, 2])
    same("len({k for k in xs})", IntImm("int32", 1), xs=[1, 1])
    same("{k: v for k, v in xs}[2]", IntImm("int32", 3), xs=[(2, 3)])


def test_comprehension_over_expressions() -> None:
    found, _ = value("sum([A[0, j] for j in range(1, 3)])")
    assert isinstance(found, Add)
    assert [load.indices[1].value for load in (found.a, found.b)] == [1, 2]


def test_lambda_sees_script_variables() -> None:
    same("(lambda a, c=2: a * c + x)(y)", lambda x, y, **_: Add(Mul(y, IntImm("int32", 2)), x))


def test_star_arguments() -> None:
    same("T.max(*pair)", IntImm("int32", 4), pair=(3, 4))
    same("T.if_then_else(b, *(x, y)).args[1]", lambda x, **_: x)


def test_let_expression() -> None:
    text = (
        "@T.prim_func\n"
        "def main(x: T.int32):\n"
        "    v = T.int32()\n"
        "    T.evaluate(T.Let(v + v, where={v: x * x}))\n"
    )
    func = from_source(text)
    x = func.params[0]
    v = Var("v")
    assert structural_equal(func.body.value, Let(v, Mul(x, x), Add(v, v)))


def test_regions_are_vectors_in_expressions() -> None:
    found, _ = value("A[0, 0:4] + A[1, 0:4]")
    assert found.dtype == "int32x4"
    assert isinstance(found.a.indices[1], Ramp)
    found, _ = value("A[0, 0:8:2]")
    assert structural_equal(found.indices[1], Ramp(IntImm("int32", 0), IntImm("int32", 2), 4))


def test_intrinsics_take_their_dtype_first_or_as_keyword() -> None:
    first, _ = value('T.call_extern("float32", "g", x)')
    keyword, _ = value('T.call_extern("g", x, dtype="float32")')
    typed, _ = value('T.call_extern(T.float32, "g", x)')
    for each in (first, keyword, typed):
        assert each.dtype == "float32"
        assert each.args[0].value == "g"


def test_a_long_sum() -> None:
    found, _ = value(" + ".join(["x"] * 3000))
    depth = 0
    while isinstance(found, Add):
        found, depth = found.a, depth + 1
    assert depth == 2999


def test_nodes_carry_their_place() -> None:
    found, _ = value("x + (y * 2)")
    span = found.span
    assert span is not None
    assert (span.line, span.column) == (3, 15)
    assert found.b.span.picture().splitlines()[-1].count("^") == len("y * 2")


def test_host_error_is_wrapped_with_its_place() -> None:
    def broken() -> None:
        raise KeyError("lost")

    with pytest.raises(ParseError) as caught:
        value("broken()", broken=broken)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "^^^^^^^^" in str(caught.value)


def test_assignment_of_a_number_is_a_let() -> None:
    func = from_source(
        "@T.prim_func\ndef main(A: T.Buffer(1, 'int32')):\n    x = 3\n    A[0] = x\n"
    )
    assert isinstance(func.body, LetStmt)
    assert func.body.var.name == "x"
    assert isinstance(func.body.value, IntImm)


def test_the_dtype_of_any_intrinsic_may_be_stated() -> None:
    stated, _ = value('T.if_then_else(b, x, y, dtype="int32")')
    plain, _ = value("T.if_then_else(b, x, y)")
    assert structural_equal(stated, plain, map_free_vars=True)


def test_a_stated_dtype_must_be_that_of_the_result() -> None:
    with pytest.raises(ParseError) as caught:
        value('T.exp(f, dtype="float16")')
    assert str(caught.value).endswith("  expected: float32\n  found: dtype='float16'")


def test_vectors_in_small_letters() -> None:
    small, _ = value("A[0, T.ramp(0, 1, 4)] + T.broadcast(x, 4)")
    capital, _ = value("A[0, T.Ramp(0, 1, 4)] + T.Broadcast(x, 4)")
    assert structural_equal(small, capital, map_free_vars=True)
