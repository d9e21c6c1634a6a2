"""Wrong scripts, each with its exact message: names, operators, calls and values."""

from __future__ import annotations

import pytest

from pellucid.script import from_source
from pellucid.support.errors import ParseError

HEADER = "@T.prim_func\ndef main(n: T.int32, A: T.Buffer((16, 16), 'float32')):\n"

# Name: (script, message). An indented script is a function's body.
CASES = {
    "syntax": (
        """\
@T.prim_func
def main(:
    pass""",
        """\
This is not Python syntax: invalid syntax.
 --> <script>:2:10
  |
2 | def main(:
  |          ^""",
    ),
    "undefined_name": (
        """\
    A[0, 0] = B[0, 0]""",
        """\
The name 'B' is not defined.
 --> <script>:3:15
  |
3 |     A[0, 0] = B[0, 0]
  |               ^""",
    ),
    "misspelt_namespace": (
        """\
    for i in T.gird(16):
        A[i, 0] = 0""",
        """\
T has no attribute 'gird'.
 --> <script>:3:14
  |
3 |     for i in T.gird(16):
  |              ^^^^^^
  cure: did you mean 'grid'?""",
    ),
    "unknown_type": (
        """\
    x = T.float33(1)""",
        """\
T has no attribute 'float33'.
 --> <script>:3:9
  |
3 |     x = T.float33(1)
  |         ^^^^^^^^^
  cure: did you mean 'float32' or 'float64' or 'float16'?""",
    ),
    "name_of_an_ended_scope": (
        """\
    for i in range(4):
        x = i + 1
    A[x, 0] = 0""",
        """\
The name 'x' is not defined.
 --> <script>:5:7
  |
5 |     A[x, 0] = 0
  |       ^
  cure: it was defined inside statements that have ended; define it before them""",
    ),
    "chained_comparison": (
        """\
    if 0 < n < 4:
        A[0, 0] = 0""",
        """\
Comparisons of scalar expressions cannot be chained.
 --> <script>:3:8
  |
3 |     if 0 < n < 4:
  |        ^^^^^^^^^
  cure: write `0 < n and n < 4`""",
    ),
    "integer_division": (
        """\
    A[0, n / 2] = 0""",
        """\
`/` divides floats only.
 --> <script>:3:10
  |
3 |     A[0, n / 2] = 0
  |          ^^^^^
  found: int32
  cure: use `//` (rounds down) or truncdiv (rounds towards zero), or cast to a float first""",
    ),
    "division_by_zero": (
        """\
    A[n // 0, 0] = 0""",
        """\
Division by the constant zero.
 --> <script>:3:7
  |
3 |     A[n // 0, 0] = 0
  |       ^^^^^^
  found: FloorDiv(…, 0)""",
    ),
    "truth_of_expression": (
        """\
    x = [1 for k in (1, 2) if n < k]""",
        """\
A scalar expression has no truth value while the program is being built.
 --> <script>:3:31
  |
3 |     x = [1 for k in (1, 2) if n < k]
  |                               ^^^^^
  found: n < 1
  cure: use T.And, T.Or, T.Not or T.if_then_else in scripts; compare with `is` or structural_equal in Python code""",  # noqa: E501
    ),
    "bool_with_number": (
        """\
    if n < 3 and n:
        pass""",
        """\
A condition must be bool.
 --> <script>:3:8
  |
3 |     if n < 3 and n:
  |        ^^^^^^^^^^^
  found: int32: n
  cure: compare with `!= 0`""",
    ),
    "operands_without_common_dtype": (
        """\
    B = T.alloc_buffer((1,), 'bfloat16')
    C = T.alloc_buffer((1,), 'float16')
    x = B[0] + C[0]""",
        """\
These operands have no common dtype.
 --> <script>:5:9
  |
5 |     x = B[0] + C[0]
  |         ^^^^^^^^^^^
  found: bfloat16 and float16
  cure: cast one""",
    ),
    "comprehend_expr": (
        """\
    x = [i for i in n]""",
        """\
A comprehension runs over host values only.
 --> <script>:3:21
  |
3 |     x = [i for i in n]
  |                     ^
  found: Var
  cure: a loop of the program is a `for` over T.grid or range""",
    ),
    "call_a_number": (
        """\
    x = (3)(n)""",
        """\
This cannot be called.
 --> <script>:3:10
  |
3 |     x = (3)(n)
  |          ^
  found: int: 3""",
    ),
    "host_error": (
        """\
    x = [1, 2][5]""",
        """\
Evaluating this raised IndexError: list index out of range
 --> <script>:3:9
  |
3 |     x = [1, 2][5]
  |         ^^^^^^^^^""",
    ),
    "wrong_call": (
        """\
    with T.block(name='C', realize=True):
        pass""",
        """\
The arguments do not fit T.block.
 --> <script>:3:10
  |
3 |     with T.block(name='C', realize=True):
  |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: T.block(name, no_realize)
  found: got an unexpected keyword argument 'realize'
  cure: did you mean 'no_realize'?""",
    ),
    "walrus": (
        """\
    T.evaluate((m := 3))""",
        """\
`:=` is not part of the script language.
 --> <script>:3:17
  |
3 |     T.evaluate((m := 3))
  |                 ^^^^^^
  cure: compute the value in Python code before the function, and use its name here""",
    ),
    "yield": (
        """\
    yield n""",
        """\
`yield` is not part of the script language.
 --> <script>:3:5
  |
3 |     yield n
  |     ^^^^^^^
  cure: compute the value in Python code before the function, and use its name here""",
    ),
    "string_value": (
        """\
    A[0, 0] = T.float32('four')""",
        """\
A string is no value of float32.
 --> <script>:3:15
  |
3 |     A[0, 0] = T.float32('four')
  |               ^^^^^^^^^^^^^^^^^
  expected: a number, or "inf", "-inf", "nan" for a float type
  found: 'four'""",
    ),
    "constant_range": (
        """\
    x = T.int8(300)""",
        """\
The constant 300 does not fit int8.
 --> <script>:3:9
  |
3 |     x = T.int8(300)
  |         ^^^^^^^^^^^
  expected: a value from -128 to 127""",
    ),
    "iterate_buffer": (
        """\
    a, b = A""",
        """\
The buffer 'A' cannot be iterated over; index it.
 --> <script>:3:5
  |
3 |     a, b = A
  |     ^^^^^^^^""",
    ),
    "unpack_count": (
        """\
    a, b = 1, 2, 3""",
        """\
The number of names differs from the number of values.
 --> <script>:3:5
  |
3 |     a, b = 1, 2, 3
  |     ^^^^
  expected: 3 names
  found: 2""",
    ),
    "metadata": (
        """\
@T.prim_func
def f():
    T.evaluate(metadata['x'][0])""",
        """\
The name 'metadata' is not defined.
 --> <script>:3:16
  |
3 |     T.evaluate(metadata['x'][0])
  |                ^^^^^^^^
  cure: the text was printed without its constants: print it with show_meta=True""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    text, message = CASES[name]
    if text.startswith(" "):
        text = HEADER + text
    with pytest.raises(ParseError) as caught:
        from_source(text + "\n")
    assert str(caught.value) == message
