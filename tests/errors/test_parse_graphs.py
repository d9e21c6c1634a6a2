"""Wrong graph functions, each with its exact message: signatures, blocks, branches, calls."""

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
    "no_return": (
        """\
    y = R.q(x)""",
        "ParseError",
        """\
The function 'main' does not return anything.
 --> <script>:3:5
  |
3 |     y = R.q(x)
  |     ^^^^^^^^^^
  expected: `return value` as its last statement""",
    ),
    "after_return": (
        """\
    return x
    y = R.q(x)""",
        "ParseError",
        """\
Nothing can come after `return`.
 --> <script>:4:5
  |
4 |     y = R.q(x)
  |     ^^^^^^^^^^
  cure: remove it""",
    ),
    "return_none": (
        """\
    return""",
        "ParseError",
        """\
A graph function returns a value.
 --> <script>:3:5
  |
3 |     return
  |     ^^^^^^
  cure: `return R.tuple()` for none""",
    ),
    "no_output": (
        """\
    with R.dataflow():
        y = R.q(x)
    return y""",
        "ParseError",
        """\
The dataflow block hands nothing out.
 --> <script>:3:10
  |
3 |     with R.dataflow():
  |          ^^^^^^^^^^^^
  cure: end it with R.output(...), which names the variables used after it""",
    ),
    "output_not_last": (
        """\
    with R.dataflow():
        y = R.q(x)
        R.output(y)
        z = R.q(y)
    return y""",
        "ParseError",
        """\
R.output is the last statement of its block.
 --> <script>:6:9
  |
6 |         z = R.q(y)
  |         ^^^^^^^^^^""",
    ),
    "output_outside": (
        """\
    R.output(x)
    return x""",
        "ParseError",
        """\
R.output stands outside of a dataflow block.
 --> <script>:3:5
  |
3 |     R.output(x)
  |     ^^^^^^^^^^^
  cure: `with R.dataflow():`""",
    ),
    "output_foreign": (
        """\
    with R.dataflow():
        y = R.q(x)
        R.output(x)
    return y""",
        "ParseError",
        """\
R.output names variables that are bound in its block.
 --> <script>:5:18
  |
5 |         R.output(x)
  |                  ^
  found: x""",
    ),
    "dataflow_var_outside": (
        """\
    with R.dataflow():
        y = R.q(x)
        z = R.q(y)
        R.output(z)
    return y""",
        "ParseError",
        """\
The name 'y' is not defined.
 --> <script>:7:12
  |
7 |     return y
  |            ^
  cure: it was defined inside statements that have ended; define it before them""",
    ),
    "dataflow_in_dataflow": (
        """\
    with R.dataflow():
        with R.dataflow():
            R.output()
        R.output()
    return x""",
        "ParseError",
        """\
A dataflow block cannot stand inside another one.
 --> <script>:4:9
  |
4 |         with R.dataflow():
  |         ^^^^^^^^^^^^^^^^^^""",
    ),
    "return_in_dataflow": (
        """\
    with R.dataflow():
        return x""",
        "ParseError",
        """\
A graph function returns at its end, not inside a dataflow block.
 --> <script>:4:9
  |
4 |         return x
  |         ^^^^^^^^
  cure: bind the value to a variable, and return that at the end""",
    ),
    "if_in_dataflow": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    with R.dataflow():
        if c:
            y = x
        else:
            y = x
        R.output(y)
    return y""",
        "ParseError",
        """\
A dataflow block has no branches.
 --> <script>:4:9
  |
4 |         if c:
  |         ^^^^^
  cure: end the block before the `if`""",
    ),
    "if_without_else": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    if c:
        y = x
    return y""",
        "ParseError",
        """\
An `if` of a graph function has an `else`.
 --> <script>:3:5
  |
3 |     if c:
  |     ^^^^^
  cure: both branches bind the variable that comes out of the choice""",
    ),
    "branch_names": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    if c:
        y = x
    else:
        z = x
    return y""",
        "ParseError",
        """\
The two branches end in different variables.
 --> <script>:6:9
  |
6 |         z = x
  |         ^^^^^
  expected: a binding of 'y' as in the first branch
  found: a binding of 'z'""",
    ),
    "branch_no_binding": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    if c:
        y = x
    else:
        pass
    return y""",
        "ParseError",
        """\
A branch ends in a binding.
 --> <script>:6:9
  |
6 |         pass
  |         ^^^^
  cure: bind the same variable as the last statement of both branches""",
    ),
    "branch_return": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    if c:
        return x
    else:
        y = x
    return y""",
        "ParseError",
        """\
A graph function returns at its end, not inside a branch.
 --> <script>:4:9
  |
4 |         return x
  |         ^^^^^^^^
  cure: bind the value to a variable, and return that at the end""",
    ),
    "branch_var_outside": (
        """\
@R.function
def main(x: R.Tensor(("n", 4), "float32"), c: R.Tensor((), "bool")):
    if c:
        a = x
        y = a
    else:
        y = x
    return a""",
        "ParseError",
        """\
The name 'a' is not defined.
 --> <script>:8:12
  |
8 |     return a
  |            ^
  cure: it was defined inside statements that have ended; define it before them""",
    ),
    "no_param_info": (
        """\
@R.function
def main(x):
    return x""",
        "ParseError",
        """\
The parameter 'x' has no struct info.
 --> <script>:2:10
  |
2 | def main(x):
  |          ^
  cure: annotate it, as in R.Tensor(("n", 4), "float32")""",
    ),
    "param_default": (
        """\
@R.function
def main(x: R.Object = 1):
    return x""",
        "ParseError",
        """\
A parameter of a graph function has no default.
 --> <script>:2:24
  |
2 | def main(x: R.Object = 1):
  |                        ^""",
    ),
    "kwonly": (
        """\
@R.function
def main(*, x: R.Object):
    return x""",
        "ParseError",
        """\
A graph function has plain parameters only.
 --> <script>:2:13
  |
2 | def main(*, x: R.Object):
  |             ^^^^^^^^^^^""",
    ),
    "for": (
        """\
    for i in range(3):
        x = R.q(x)
    return x""",
        "ParseError",
        """\
A graph function has no loops.
 --> <script>:3:5
  |
3 |     for i in range(3):
  |     ^^^^^^^^^^^^^^^^^^
  cure: write a loop function and call it with R.call_tir, or use recursion""",
    ),
    "while": (
        """\
    while x:
        pass
    return x""",
        "ParseError",
        """\
A graph function has no loops.
 --> <script>:3:5
  |
3 |     while x:
  |     ^^^^^^^^
  cure: use a function that calls itself""",
    ),
    "assert": (
        """\
    assert x
    return x""",
        "ParseError",
        """\
A graph function has no `assert`.
 --> <script>:3:5
  |
3 |     assert x
  |     ^^^^^^^^
  cure: R.match_cast checks shapes and dtypes at run time""",
    ),
    "tir_in_relax": (
        """\
    @T.prim_func
    def f(a: T.handle):
        pass
    return x""",
        "ParseError",
        """\
Only graph functions stand inside a graph function.
 --> <script>:3:6
  |
3 |     @T.prim_func
  |      ^^^^^^^^^^^
  expected: @R.function
  cure: define a loop function in the module, and call it with R.call_tir""",
    ),
    "with_other": (
        """\
    with x:
        pass
    return x""",
        "ParseError",
        """\
A `with` in a graph function opens a dataflow block.
 --> <script>:3:10
  |
3 |     with x:
  |          ^
  expected: R.dataflow()
  found: x""",
    ),
    "dataflow_as": (
        """\
    with R.dataflow() as d:
        R.output()
    return x""",
        "ParseError",
        """\
R.dataflow gives no value to name.
 --> <script>:3:26
  |
3 |     with R.dataflow() as d:
  |                          ^""",
    ),
    "dataflow_expr": (
        """\
    R.dataflow()
    return x""",
        "ParseError",
        """\
A dataflow block is a `with`.
 --> <script>:3:5
  |
3 |     R.dataflow()
  |     ^^^^^^^^^^^^
  cure: write `with R.dataflow():`""",
    ),
    "func_attr_twice": (
        """\
    R.func_attr({'a': 1})
    R.func_attr({'b': 1})
    return x""",
        "ParseError",
        """\
R.func_attr is given twice.
 --> <script>:4:5
  |
4 |     R.func_attr({'b': 1})
  |     ^^^^^^^^^^^^^^^^^^^^^
  cure: merge the two""",
    ),
    "func_attr_inside": (
        """\
    with R.dataflow():
        R.func_attr({'a': 1})
        R.output()
    return x""",
        "ParseError",
        """\
R.func_attr stands at the top of a function.
 --> <script>:4:9
  |
4 |         R.func_attr({'a': 1})
  |         ^^^^^^^^^^^^^^^^^^^^^
  cure: move it there""",
    ),
    "func_attr_type": (
        """\
    R.func_attr(1)
    return x""",
        "ParseError",
        """\
R.func_attr takes a dictionary.
 --> <script>:3:5
  |
3 |     R.func_attr(1)
  |     ^^^^^^^^^^^^^^
  found: 1""",
    ),
    "private_symbol": (
        """\
@R.function(private=True)
def main(x: R.Tensor(("n", 4), "float32")):
    R.func_attr({'global_symbol': 'f'})
    return x""",
        "ParseError",
        """\
A private function has no global_symbol.
 --> <script>:2:1
  |
2 | def main(x: R.Tensor(("n", 4), "float32")):
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  cure: drop private=True or the attribute""",
    ),
    "option": (
        """\
@R.function(foo=True)
def main(x: R.Tensor(("n", 4), "float32")):
    return x""",
        "ParseError",
        """\
R.function has no option 'foo'.
 --> <script>:1:2
  |
1 | @R.function(foo=True)
  |  ^^^^^^^^^^^^^^^^^^^^
  expected: pure, private, check_well_formed, name""",
    ),
    "ret_wrong": (
        """\
@R.function
def main(x: R.Tensor((2, 3), 'float32')) -> R.Tensor((2,), 'float32'):
    return x""",
        "ParseError",
        """\
The function 'main' returns something else than it declares.
 --> <script>:2:45
  |
2 | def main(x: R.Tensor((2, 3), 'float32')) -> R.Tensor((2,), 'float32'):
  |                                             ^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: R.Tensor((2,), dtype="float32")
  found: R.Tensor((2, 3), dtype="float32")""",
    ),
    "ret_more": (
        """\
@R.function
def main(x: R.Tensor(ndim=2)) -> R.Tensor((2, 3)):
    return x""",
        "ParseError",
        """\
The function 'main' declares more than is known of its result.
 --> <script>:2:34
  |
2 | def main(x: R.Tensor(ndim=2)) -> R.Tensor((2, 3)):
  |                                  ^^^^^^^^^^^^^^^^
  expected: something that holds for R.Tensor(ndim=2)
  found: R.Tensor((2, 3))
  cure: check the result at run time: R.match_cast(value, info)""",
    ),
    "arity": (
        """\
@I.ir_module
class M:
    @R.function
    def f(x: R.Object) -> R.Object:
        return x
    @R.function
    def main(x: R.Object):
        return M.f(x, x)""",
        "TypeMismatchError",
        """\
The call of 'f' has the wrong number of arguments.
 --> <script>:8:16
  |
8 |         return M.f(x, x)
  |                ^^^^^^^^^
  expected: 1
  found: 2""",
    ),
    "argtype": (
        """\
@I.ir_module
class M:
    @R.function
    def f(x: R.Tensor((2,), 'int8')) -> R.Object:
        return x
    @R.function
    def main(x: R.Tensor((3,), 'int8')):
        return M.f(x)""",
        "TypeMismatchError",
        """\
Argument 0 of the call of 'f' does not fit its parameter.
 --> <script>:8:16
  |
8 |         return M.f(x)
  |                ^^^^^^
  expected: R.Tensor((2,), dtype="int8")
  found: R.Tensor((3,), dtype="int8")""",
    ),
    "nofunc": (
        """\
@I.ir_module
class M:
    @R.function
    def main(x: R.Object):
        cls = M
        return cls.g(x)""",
        "ParseError",
        """\
The module 'M' has no function 'g'.
 --> <script>:6:16
  |
6 |         return cls.g(x)
  |                ^^^^^""",
    ),
    "expr_stmt": (
        """\
    5
    return x""",
        "ParseError",
        """\
This expression is no statement.
 --> <script>:3:5
  |
3 |     5
  |     ^
  expected: a call, or a clause such as R.func_attr
  found: int: 5""",
    ),
    "truth_value": (
        """\
    return x if x else x""",
        "ParseError",
        """\
A graph value has no truth value while the program is being built.
 --> <script>:3:17
  |
3 |     return x if x else x
  |                 ^
  found: x
  cure: use a statement `if` with an `else`""",
    ),
    "closure_type": (
        """\
    @R.function
    def inner(a: R.Tensor((3,), 'int8')) -> R.Object:
        return a
    return inner(x)""",
        "TypeMismatchError",
        """\
Argument 0 of the call of 'inner' does not fit its parameter.
 --> <script>:6:12
  |
6 |     return inner(x)
  |            ^^^^^^^^
  expected: R.Tensor((3,), dtype="int8")
  found: R.Tensor((n, 4), dtype="float32")""",
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
