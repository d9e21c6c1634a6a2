"""Wrong scripts, each with its exact message: loops, choices, assignments and stores."""

from __future__ import annotations

import pytest

from pellucid.script import from_source
from pellucid.support.errors import ParseError

HEADER = "@T.prim_func\ndef main(n: T.int32, A: T.Buffer((16, 16), 'float32')):\n"

# Name: (script, message). An indented script is a function's body.
CASES = {
    "defined_twice": (
        """\
    x = n
    x = n + 1""",
        """\
The name 'x' is already defined in this scope.
 --> <script>:4:5
  |
4 |     x = n + 1
  |     ^
  cure: choose another name; only an inner scope (for, with, if) may define it anew""",
    ),
    "loop_redefines_in_scope": (
        """\
    B = T.alloc_buffer((4,))
    B = T.alloc_buffer((4,))""",
        """\
The name 'B' is already defined in this scope.
 --> <script>:4:5
  |
4 |     B = T.alloc_buffer((4,))
  |     ^
  cure: choose another name; only an inner scope (for, with, if) may define it anew""",
    ),
    "same_loop_names": (
        """\
    for i, i in T.grid(4, 4):
        pass""",
        """\
The name 'i' is already defined in this scope.
 --> <script>:3:12
  |
3 |     for i, i in T.grid(4, 4):
  |            ^
  cure: choose another name; only an inner scope (for, with, if) may define it anew""",
    ),
    "condition_not_bool": (
        """\
    if n:
        A[0, 0] = 0""",
        """\
A condition must be bool.
 --> <script>:3:8
  |
3 |     if n:
  |        ^
  found: int32
  cure: compare with `!= 0`""",
    ),
    "wrong_rank": (
        """\
    A[0] = 0""",
        """\
The buffer 'A' has 2 dimensions.
 --> <script>:3:5
  |
3 |     A[0] = 0
  |     ^^^^
  expected: 2 indices
  found: 1""",
    ),
    "wrong_rank_load": (
        """\
    A[0, 0] = A[0, 0, 0]""",
        """\
The buffer 'A' has 2 dimensions.
 --> <script>:3:15
  |
3 |     A[0, 0] = A[0, 0, 0]
  |               ^^^^^^^^^^
  expected: 2 indices
  found: 3""",
    ),
    "store_needs_cast": (
        """\
    B = T.alloc_buffer((16,), "float16")
    B[0] = A[0, 0]""",
        """\
The value stored into 'B' has another dtype than the buffer.
 --> <script>:4:12
  |
4 |     B[0] = A[0, 0]
  |            ^^^^^^^
  expected: float16
  found: float32
  cure: write T.Cast("float16", value)""",
    ),
    "store_float_to_int": (
        """\
    B = T.alloc_buffer((16,), "int32")
    B[0] = 1.5""",
        """\
The number 1.5 is not an integer.
 --> <script>:4:12
  |
4 |     B[0] = 1.5
  |            ^^^
  expected: int32""",
    ),
    "store_to_scalar": (
        """\
    n[0] = 1""",
        """\
Only elements of buffers can be assigned to.
 --> <script>:3:5
  |
3 |     n[0] = 1
  |     ^
  found: Var""",
    ),
    "vector_lanes": (
        """\
    A[0, 0:4] = A[0, 0:8]""",
        """\
The value stored into 'A' has another number of elements.
 --> <script>:3:17
  |
3 |     A[0, 0:4] = A[0, 0:8]
  |                 ^^^^^^^^^
  expected: 4
  found: 8""",
    ),
    "symbolic_vector": (
        """\
    A[0, 0:n] = 1.0""",
        """\
A vector store needs a constant number of elements.
 --> <script>:3:5
  |
3 |     A[0, 0:n] = 1.0
  |     ^^^^^^^^^""",
    ),
    "augmented_name": (
        """\
    x = n
    x += 1""",
        """\
Only an element of a buffer can be changed; a name stands for one value.
 --> <script>:4:5
  |
4 |     x += 1
  |     ^
  cure: use a buffer of one element, or a new name""",
    ),
    "assign_attribute": (
        """\
    A.shape = 3""",
        """\
Attributes cannot be assigned to in a script.
 --> <script>:3:5
  |
3 |     A.shape = 3
  |     ^^^^^^^""",
    ),
    "assign_chain": (
        """\
    x = y = n""",
        """\
A script assigns to one target at a time.
 --> <script>:3:5
  |
3 |     x = y = n
  |     ^^^^^^^^^
  cure: write an assignment for each""",
    ),
    "annotated_dtype": (
        """\
    x: T.float32 = n""",
        """\
The value of 'x' has another dtype than its annotation.
 --> <script>:3:20
  |
3 |     x: T.float32 = n
  |                    ^
  expected: float32
  found: int32
  cure: write T.float32(value)""",
    ),
    "annotated_no_value": (
        """\
    x: T.int64""",
        """\
The variable 'x' has no value.
 --> <script>:3:5
  |
3 |     x: T.int64
  |     ^^^^^^^^^^
  cure: write `x = T.int64()` for a symbolic variable""",
    ),
    "annotation_no_type": (
        """\
    x: 3 = n""",
        """\
This is no type of a variable.
 --> <script>:3:8
  |
3 |     x: 3 = n
  |        ^
  expected: T.int32, T.float32, T.handle("float32") …
  found: 3""",
    ),
    "expression_no_statement": (
        """\
    A""",
        """\
This expression is no statement.
 --> <script>:3:5
  |
3 |     A
  |     ^
  expected: a store, T.evaluate, or a clause such as T.reads
  found: Buffer: A = T.Buffer((16, 16), "float32")""",
    ),
    "loop_over_list": (
        """\
    for i in [1, 2]:
        A[i, 0] = 0""",
        """\
A `for` runs over a loop of the language.
 --> <script>:3:14
  |
3 |     for i in [1, 2]:
  |              ^^^^^^
  expected: range, T.grid, T.serial, T.parallel, T.vectorized, T.unroll …
  found: list: [1, 2]
  cure: compute with host lists in comprehensions, or before the function""",
    ),
    "range_step": (
        """\
    for i in range(0, 16, 2):
        A[i, 0] = 0""",
        """\
A loop has the step 1.
 --> <script>:3:14
  |
3 |     for i in range(0, 16, 2):
  |              ^^^^^^^^^^^^^^^
  found: step 2
  cure: loop over the number of steps and multiply inside""",
    ),
    "wrong_number_of_loops": (
        """\
    for i, j, k in T.grid(4, 4):
        A[i, j] = 0""",
        """\
The number of loop variables differs from the number of loops.
 --> <script>:3:9
  |
3 |     for i, j, k in T.grid(4, 4):
  |         ^^^^^^^
  expected: 2 names
  found: 3""",
    ),
    "float_extent": (
        """\
    for i in T.serial(2.5):
        A[i, 0] = 0""",
        """\
The extent of a loop is an integer.
 --> <script>:3:14
  |
3 |     for i in T.serial(2.5):
  |              ^^^^^^^^^^^^^
  found: float32
  cure: use // for division, or cast""",
    ),
    "unknown_thread": (
        """\
    for i in T.thread_binding(4, thread='threadIdx.w'):
        A[i, 0] = 0""",
        """\
There is no such thread axis.
 --> <script>:3:14
  |
3 |     for i in T.thread_binding(4, thread='threadIdx.w'):
  |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: threadIdx.x, blockIdx.x, vthread …
  found: 'threadIdx.w'""",
    ),
    "for_else": (
        """\
    for i in range(4):
        A[i, 0] = 0
    else:
        A[0, 0] = 0""",
        """\
A loop of a script has no `else`.
 --> <script>:6:9
  |
6 |         A[0, 0] = 0
  |         ^^^^^^^^^^^""",
    ),
    "break": (
        """\
    for i in range(4):
        break""",
        """\
`break` is not a statement of this language.
 --> <script>:4:9
  |
4 |         break
  |         ^^^^^""",
    ),
    "try": (
        """\
    try:
        A[0, 0] = 0
    except:
        pass""",
        """\
`try` is not a statement of this language.
 --> <script>:3:5
  |
3 |     try:
  |     ^^^^""",
    ),
    "del": (
        """\
    del A""",
        """\
`del` is not a statement of this language.
 --> <script>:3:5
  |
3 |     del A
  |     ^^^^^""",
    ),
    "global": (
        """\
    global x""",
        """\
`global` is not a statement of this language.
 --> <script>:3:5
  |
3 |     global x
  |     ^^^^^^^^""",
    ),
    "import_inside": (
        """\
    import math""",
        """\
`import` is not a statement of this language.
 --> <script>:3:5
  |
3 |     import math
  |     ^^^^^^^^^^^""",
    ),
    "grid_without_for": (
        """\
    T.grid(4, 4)""",
        """\
A loop stands in a `for`.
 --> <script>:3:5
  |
3 |     T.grid(4, 4)
  |     ^^^^^^^^^^^^
  cure: write `for i in ...:`""",
    ),
    "return_nothing": (
        """\
    return""",
        """\
A loop function that gives no value needs no `return`.
 --> <script>:3:5
  |
3 |     return
  |     ^^^^^^
  cure: leave it out""",
    ),
    "assert_message": (
        """\
    assert n > 0, 3""",
        """\
The message of an assert is a string.
 --> <script>:3:19
  |
3 |     assert n > 0, 3
  |                   ^""",
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
