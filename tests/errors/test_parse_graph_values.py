"""Wrong values in graph functions, each with its exact message: struct infos, names, bindings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pellucid.script import from_source
from pellucid.support.errors import PellucidError
from tests.script.roundtrip import operators


@pytest.fixture(autouse=True, scope="module")
def _operators() -> Iterator[None]:
    with operators("relax.q"):
        yield


HEADER = '@R.function\ndef main(x: R.Tensor(("n", 4), "float32")):\n'

# Name: (script, class, message). An indented script is a function's body.
CASES = {
    "symbolic_dtype": (
        """\
    n = T.int32()
    return x""",
        "ParseError",
        """\
The symbolic variable 'n' has another dtype already.
 --> <script>:3:5
  |
3 |     n = T.int32()
  |     ^
  expected: int64
  found: int32""",
    ),
    "symbolic_twice": (
        """\
    n = T.int64()
    n = T.int32()
    return x""",
        "ParseError",
        """\
The symbolic variable 'n' has another dtype already.
 --> <script>:4:5
  |
4 |     n = T.int32()
  |     ^
  expected: int64
  found: int32""",
    ),
    "symbolic_unnamed": (
        """\
    return R.shape([n])""",
        "ParseError",
        """\
The symbolic variable 'n' is not named in the body yet.
 --> <script>:3:21
  |
3 |     return R.shape([n])
  |                     ^
  cure: write `n = T.int64()` first""",
    ),
    "annotation_wrong": (
        """\
    y: R.Tensor((2,), 'int8') = R.q(x)
    return y""",
        "ParseError",
        """\
The annotation of 'y' is wrong.
 --> <script>:3:8
  |
3 |     y: R.Tensor((2,), 'int8') = R.q(x)
  |        ^^^^^^^^^^^^^^^^^^^^^^
  expected: something that holds for R.Tensor((n, 4), dtype="float32")
  found: R.Tensor((2,), dtype="int8")""",
    ),
    "annotation_more": (
        """\
    y: R.Tensor((2, 4), 'float32') = R.q(x)
    return y""",
        "ParseError",
        """\
The annotation of 'y' says more than is known of the value.
 --> <script>:3:8
  |
3 |     y: R.Tensor((2, 4), 'float32') = R.q(x)
  |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: something that holds for R.Tensor((n, 4), dtype="float32")
  found: R.Tensor((2, 4), dtype="float32")
  cure: check it at run time: R.match_cast(value, info)""",
    ),
    "annotation_int": (
        """\
    y: 5 = R.q(x)
    return y""",
        "ParseError",
        """\
This is no struct info.
 --> <script>:3:8
  |
3 |     y: 5 = R.q(x)
  |        ^
  expected: R.Tensor, R.Shape, R.Prim, R.Tuple, R.Callable or R.Object
  found: int: 5""",
    ),
    "annotation_string": (
        """\
    y: 'R.Tensor' = R.q(x)
    return y""",
        "ParseError",
        """\
A string is no struct info.
 --> <script>:3:8
  |
3 |     y: 'R.Tensor' = R.q(x)
  |        ^^^^^^^^^^
  cure: write it without quotes""",
    ),
    "annotation_no_value": (
        """\
    y: R.Tensor
    return x""",
        "ParseError",
        """\
The variable 'y' has no value.
 --> <script>:3:5
  |
3 |     y: R.Tensor
  |     ^^^^^^^^^^^
  cure: bind it to an expression, or make it a parameter""",
    ),
    "match_never": (
        """\
    y = R.match_cast(x, R.Tensor((2,), 'float32'))
    return y""",
        "ParseError",
        """\
A match_cast that can never succeed.
 --> <script>:3:9
  |
3 |     y = R.match_cast(x, R.Tensor((2,), 'float32'))
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: R.Tensor((2,), dtype="float32")
  found: R.Tensor((n, 4), dtype="float32")""",
    ),
    "unknown_op": (
        """\
    return R.reluu(x)""",
        "ParseError",
        """\
R has no attribute 'reluu'.
 --> <script>:3:12
  |
3 |     return R.reluu(x)
  |            ^^^^^^^""",
    ),
    "unknown_name": (
        """\
    return R.q(z)""",
        "ParseError",
        """\
The name 'z' is not defined.
 --> <script>:3:16
  |
3 |     return R.q(z)
  |                ^""",
    ),
    "bad_dim": (
        """\
@R.function
def main(x: R.Tensor((1.5,), 'float32')):
    return x""",
        "ParseError",
        """\
A dimension of a tensor is a number, a symbolic expression, or a string.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor((1.5,), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: float: 1.5""",
    ),
    "neg_dim": (
        """\
@R.function
def main(x: R.Tensor((-1,), 'float32')):
    return x""",
        "ParseError",
        """\
A dimension of a tensor is not negative.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor((-1,), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: -1""",
    ),
    "bad_dim_str": (
        """\
@R.function
def main(x: R.Tensor(('n +',), 'float32')):
    return x""",
        "ParseError",
        """\
The string 'n +' is no dimension: This is not Python syntax: invalid syntax.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor(('n +',), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: a symbolic name such as "n", or an expression of names""",
    ),
    "dim_float": (
        """\
@R.function
def main(x: R.Tensor(('n / 2',), 'float32')):
    return x""",
        "ParseError",
        """\
The string 'n / 2' is no dimension: `/` divides floats only.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor(('n / 2',), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: a symbolic name such as "n", or an expression of names
  cure: use `//` (rounds down) or truncdiv (rounds towards zero), or cast to a float first""",
    ),
    "bad_dtype": (
        """\
@R.function
def main(x: R.Tensor((1,), 'floot32')):
    return x""",
        "ParseError",
        """\
There is no data type 'floot32'.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor((1,), 'floot32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^
  cure: did you mean 'float32'?""",
    ),
    "ndim": (
        """\
@R.function
def main(x: R.Tensor((1,), 'float32', ndim=2)):
    return x""",
        "ParseError",
        """\
ndim differs from the length of the shape.
 --> <script>:2:13
  |
2 | def main(x: R.Tensor((1,), 'float32', ndim=2)):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: 1
  found: 2""",
    ),
    "augassign": (
        """\
    x += 1
    return x""",
        "ParseError",
        """\
A graph variable is bound once and never changed.
 --> <script>:3:5
  |
3 |     x += 1
  |     ^^^^^^
  cure: bind a new one: `x = ...`""",
    ),
    "chain": (
        """\
    a = b = x
    return a""",
        "ParseError",
        """\
A script assigns to one target at a time.
 --> <script>:3:5
  |
3 |     a = b = x
  |     ^^^^^^^^^
  cure: write an assignment for each""",
    ),
    "unpack_count": (
        """\
    a, b, c = (x, x)
    return a""",
        "ParseError",
        """\
The number of names differs from the number of values.
 --> <script>:3:5
  |
3 |     a, b, c = (x, x)
  |     ^^^^^^^
  expected: 2 names
  found: 3""",
    ),
    "unpack_non_tuple": (
        """\
    a, b = x
    return a""",
        "ParseError",
        """\
Only a tuple can be unpacked.
 --> <script>:3:5
  |
3 |     a, b = x
  |     ^^^^^^^^
  found: R.Tensor((n, 4), dtype="float32")
  cure: pick a field by its number: t[0]""",
    ),
    "index_out": (
        """\
    t = (x, x)
    return t[2]""",
        "ParseError",
        """\
The index is outside the tuple.
 --> <script>:4:12
  |
4 |     return t[2]
  |            ^^^^
  expected: 0 to 1
  found: 2""",
    ),
    "impure_call": (
        """\
    y = R.call_packed('f', x)
    return y""",
        "WellFormedError",
        """\
In the function 'main': it is pure and calls 'f', which may have effects.
 --> <script>:3:5
  |
3 |     y = R.call_packed('f', x)
  |     ^
  cure: declare it with pure=False, or use R.call_pure_packed where it has none""",
    ),
    "call_tir_str": (
        """\
    y = R.call_tir('f', (x,), R.Tensor((2,), 'float32'))
    return y""",
        "ParseError",
        """\
call_tir calls a loop function of the module, named by its GlobalVar.
 --> <script>:3:9
  |
3 |     y = R.call_tir('f', (x,), R.Tensor((2,), 'float32'))
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: str: 'f'
  cure: call a library function with call_dps_packed(name, args, out_sinfo)""",
    ),
    "call_tir_no_shape": (
        """\
    y = R.call_dps_packed('f', (x,), R.Tensor('float32'))
    return y""",
        "ParseError",
        """\
call_dps_packed allocates its outputs, so it has to know their shapes.
 --> <script>:3:9
  |
3 |     y = R.call_dps_packed('f', (x,), R.Tensor('float32'))
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: R.Tensor with a shape and a dtype, or a list of such
  found: R.Tensor(dtype="float32")""",
    ),
    "call_tir_no_out": (
        """\
    y = R.call_dps_packed('f', (x,))
    return y""",
        "ParseError",
        """\
The arguments do not fit R.call_dps_packed.
 --> <script>:3:9
  |
3 |     y = R.call_dps_packed('f', (x,))
  |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: R.call_dps_packed(func, args, out_sinfo)
  found: missing 1 required positional argument: 'out_sinfo'""",
    ),
    "metadata": (
        """\
@R.function
def main():
    return metadata['relax.expr.Constant'][0]""",
        "ParseError",
        """\
The name 'metadata' is not defined.
 --> <script>:3:12
  |
3 |     return metadata['relax.expr.Constant'][0]
  |            ^^^^^^^^
  cure: the text was printed without its constants: print it with show_meta=True""",
    ),
    "badmeta": (
        """\
metadata = I.load_metadata('{}')
@R.function
def main():
    return R.const(1)""",
        "ParseError",
        """\
This metadata cannot be read.
 --> <script>:1:12
  |
1 | metadata = I.load_metadata('{}')
  |            ^^^^^^^^^^^^^^^^^^^^^
  expected: the JSON that .script(show_meta=True) writes
  found: version None, where this release reads 1
  cure: print the module anew with show_meta=True""",
    ),
    "call_non_fn": (
        """\
    return x(x)""",
        "TypeMismatchError",
        """\
'x' is called and is no function.
 --> <script>:3:12
  |
3 |     return x(x)
  |            ^^^^
  found: R.Tensor((n, 4), dtype="float32")""",
    ),
    "kwargs": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), f: R.Callable):
    return f(x, a=x)""",
        "ParseError",
        """\
A graph function is called with plain arguments.
 --> <script>:3:12
  |
3 |     return f(x, a=x)
  |            ^^^^^^^^^""",
    ),
    "matchcast_operand": (
        """\
    return R.match_cast(x, R.Object) + x""",
        "ParseError",
        """\
A match_cast is no operand.
 --> <script>:3:12
  |
3 |     return R.match_cast(x, R.Object) + x
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  cure: bind it to a name, and use that""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    text, kind, message = CASES[name]
    if text.startswith(" "):
        text = HEADER + text
    with pytest.raises(PellucidError) as caught:
        from_source(text + "\n")
    assert type(caught.value).__name__ == kind
    assert str(caught.value) == message
