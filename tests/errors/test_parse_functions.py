"""Wrong scripts, each with its exact message: parameters, functions, modules and texts."""

from __future__ import annotations

import pytest

from pellucid.script import from_source
from pellucid.support.errors import ParseError

HEADER = "@T.prim_func\ndef main(n: T.int32, A: T.Buffer((16, 16), 'float32')):\n"

# Name: (script, message). An indented script is a function's body.
CASES = {
    "unknown_dtype": (
        """\
@T.prim_func
def main(A: T.Buffer((4,), 'floot32')):
    pass""",
        """\
There is no data type 'floot32'.
 --> <script>:2:13
  |
2 | def main(A: T.Buffer((4,), 'floot32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^
  cure: did you mean 'float32'?""",
    ),
    "string_dimension": (
        """\
@T.prim_func
def main(A: T.Buffer((4, 'n'), 'float32')):
    pass""",
        """\
A dimension of a buffer is no string.
 --> <script>:2:13
  |
2 | def main(A: T.Buffer((4, 'n'), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: a number or an integer expression
  found: 'n'
  cure: write `n = T.int64()` in the body and bind it with T.match_buffer""",
    ),
    "float_dimension": (
        """\
@T.prim_func
def main(A: T.Buffer((4, 8 / 2), 'float32')):
    pass""",
        """\
A dimension of a buffer is an integer.
 --> <script>:2:13
  |
2 | def main(A: T.Buffer((4, 8 / 2), 'float32')):
  |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: 4.0
  cure: use // for division""",
    ),
    "parameter_without_type": (
        """\
@T.prim_func
def main(A):
    pass""",
        """\
The parameter 'A' has no type.
 --> <script>:2:10
  |
2 | def main(A):
  |          ^
  cure: annotate it with T.Buffer((128,), "float32"), T.handle or T.int32""",
    ),
    "parameter_of_python_type": (
        """\
@T.prim_func
def main(n: int):
    pass""",
        """\
This is no parameter type: int.
 --> <script>:2:13
  |
2 | def main(n: int):
  |             ^^^
  expected: T.Buffer, T.handle, or a scalar type such as T.int32""",
    ),
    "parameter_default": (
        """\
@T.prim_func
def main(n: T.int32 = 3):
    pass""",
        """\
A parameter of a loop function has no default.
 --> <script>:2:23
  |
2 | def main(n: T.int32 = 3):
  |                       ^""",
    ),
    "varargs": (
        """\
@T.prim_func
def main(*args: T.int32):
    pass""",
        """\
A loop function has plain parameters only.
 --> <script>:2:11
  |
2 | def main(*args: T.int32):
  |           ^^^^^^^^^^^^^""",
    ),
    "parameter_twice_matched": (
        """\
@T.prim_func
def main(a: T.handle):
    A = T.match_buffer(a, (4,))
    B = T.match_buffer(a, (4,))""",
        """\
The parameter 'a' has a buffer already.
 --> <script>:4:9
  |
4 |     B = T.match_buffer(a, (4,))
  |         ^^^^^^^^^^^^^^^^^^^^^^^""",
    ),
    "match_scalar": (
        """\
    B = T.match_buffer(n, (4,))""",
        """\
The parameter 'n' is no pointer.
 --> <script>:3:9
  |
3 |     B = T.match_buffer(n, (4,))
  |         ^^^^^^^^^^^^^^^^^^^^^^^
  expected: T.handle
  found: int32""",
    ),
    "match_without_shape": (
        """\
@T.prim_func
def main(a: T.handle):
    A = T.match_buffer(a)""",
        """\
The buffer of a parameter needs a shape.
 --> <script>:3:9
  |
3 |     A = T.match_buffer(a)
  |         ^^^^^^^^^^^^^^^^^""",
    ),
    "nested_function": (
        """\
    def f():
        pass""",
        """\
A loop function has no functions inside.
 --> <script>:3:5
  |
3 |     def f():
  |     ^^^^^^^^
  cure: define it before the function, or make it a macro with @T.macro""",
    ),
    "macro_assigned": (
        """\
@T.prim_func
def main(n: T.int32):
    @T.macro
    def m():
        T.evaluate(0)
    x = m()""",
        """\
A macro gives no value to assign.
 --> <script>:6:9
  |
6 |     x = m()
  |         ^^^""",
    ),
    "func_attr_twice": (
        """\
    T.func_attr({})
    T.func_attr({})""",
        """\
T.func_attr is given twice.
 --> <script>:4:5
  |
4 |     T.func_attr({})
  |     ^^^^^^^^^^^^^^^
  cure: merge the two""",
    ),
    "bad_attribute_value": (
        """\
    T.func_attr({'f': print})""",
        """\
This value cannot be an attribute.
 --> <script>:3:5
  |
3 |     T.func_attr({'f': print})
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: a string, number, bool, node, or a list or dict of them
  found: builtin_function_or_method: <built-in function print>""",
    ),
    "private_symbol": (
        """\
@T.prim_func(private=True)
def f():
    T.func_attr({'global_symbol': 'g'})""",
        """\
A private function has no global_symbol.
 --> <script>:2:1
  |
2 | def f():
  | ^^^^^^^^
  cure: drop private=True or the attribute""",
    ),
    "unknown_option": (
        """\
@T.prim_func(privat=True)
def f():
    pass""",
        """\
T.prim_func has no option 'privat'.
 --> <script>:1:2
  |
1 | @T.prim_func(privat=True)
  |  ^^^^^^^^^^^^^^^^^^^^^^^^
  expected: private, check_well_formed""",
    ),
    "no_decorator": (
        """\
def f():
    pass""",
        """\
The function 'f' has no decorator.
 --> <script>:1:1
  |
1 | def f():
  | ^^^^^^^^
  expected: @T.prim_func or @R.function""",
    ),
    "other_decorator": (
        """\
@staticmethod
def f():
    pass""",
        """\
This decorator is not of the script language.
 --> <script>:1:2
  |
1 | @staticmethod
  |  ^^^^^^^^^^^^
  expected: T.prim_func, R.function or I.ir_module
  found: staticmethod""",
    ),
    "two_definitions": (
        """\
@T.prim_func
def f():
    pass
@T.prim_func
def g():
    pass""",
        """\
A script text holds one definition only.
 --> <script>:5:1
  |
5 | def g():
  | ^^^^^^^^
  cure: put the functions into one @I.ir_module class""",
    ),
    "no_definition": (
        """\
x = 1""",
        """\
The text defines no function and no class.
  found: 'x = 1\\n'""",
    ),
    "import_numpy": (
        """\
import numpy""",
        """\
A script text imports nothing.
 --> <script>:1:1
  |
1 | import numpy
  | ^^^^^^^^^^^^
  cure: pass the values that the script needs as extra_vars""",
    ),
    "module_unknown_function": (
        """\
@I.ir_module
class M:
    @T.prim_func
    def add(x: T.int32) -> T.int32:
        return x
    @T.prim_func
    def main(x: T.int32):
        M.adds(x)""",
        """\
The module 'M' has no function 'adds'.
 --> <script>:8:9
  |
8 |         M.adds(x)
  |         ^^^^^^
  cure: did you mean 'add'?""",
    ),
    "module_twice": (
        """\
@I.ir_module
class M:
    @T.prim_func
    def f(x: T.int32):
        pass
    @T.prim_func
    def f(x: T.int32):
        pass""",
        """\
The module defines 'f' twice.
 --> <script>:7:5
  |
7 |     def f(x: T.int32):
  |     ^^^^^^^^^^^^^^^^^^
  cure: rename one of them""",
    ),
    "module_plain_function": (
        """\
@I.ir_module
class M:
    def f(x):
        pass""",
        """\
The function 'f' has no decorator.
 --> <script>:3:5
  |
3 |     def f(x):
  |     ^^^^^^^^^
  expected: @T.prim_func or @R.function""",
    ),
    "module_expression": (
        """\
@I.ir_module
class M:
    3""",
        """\
This expression means nothing in a module.
 --> <script>:3:5
  |
3 |     3
  |     ^
  expected: I.module_attrs({...}), I.module_global_infos({...}) or a docstring
  found: int""",
    ),
    "module_statement": (
        """\
@I.ir_module
class M:
    for i in range(3):
        pass""",
        """\
`for` is not a statement of this language.
 --> <script>:3:5
  |
3 |     for i in range(3):
  |     ^^^^^^^^^^^^^^^^^^""",
    ),
    "class_decorated_as_function": (
        """\
@T.prim_func
class M:
    pass""",
        """\
A class is a module.
 --> <script>:2:1
  |
2 | class M:
  | ^^^^^^^^
  cure: decorate it with I.ir_module""",
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
