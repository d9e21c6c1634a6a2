"""Wrong scripts, each with its exact message: blocks, axes, clauses and frames."""

from __future__ import annotations

import pytest

from pellucid.script import from_source
from pellucid.support.errors import ParseError

HEADER = "@T.prim_func\ndef main(n: T.int32, A: T.Buffer((16, 16), 'float32')):\n"

# Name: (script, message). An indented script is a function's body.
CASES = {
    "with_no_frame": (
        """\
    with open:
        A[0, 0] = 0""",
        """\
A `with` opens a frame of the language.
 --> <script>:3:10
  |
3 |     with open:
  |          ^^^^
  expected: T.block, T.init, T.attr, T.launch_thread, T.allocate …
  found: builtin_function_or_method""",
    ),
    "block_without_with": (
        """\
    T.block('C')""",
        """\
T.block cannot stand here.
 --> <script>:3:5
  |
3 |     T.block('C')
  |     ^^^^^^^^^^^^
  cure: write `with T.block(...):`""",
    ),
    "block_with_name": (
        """\
    with T.block('C') as c:
        pass""",
        """\
T.block gives no value to name.
 --> <script>:3:26
  |
3 |     with T.block('C') as c:
  |                          ^""",
    ),
    "reads_outside": (
        """\
    T.reads(A[0, 0])""",
        """\
T.reads stands outside of a block.
 --> <script>:3:5
  |
3 |     T.reads(A[0, 0])
  |     ^^^^^^^^^^^^^^^^
  cure: put it inside `with T.block(...):`""",
    ),
    "axis_outside": (
        """\
    v = T.axis.spatial(4, 0)""",
        """\
T.axis stands outside of a block.
 --> <script>:3:9
  |
3 |     v = T.axis.spatial(4, 0)
  |         ^^^^^^^^^^^^^^^^^^^^
  cure: put it inside `with T.block(...):`""",
    ),
    "axis_unnamed": (
        """\
    with T.block('C'):
        T.axis.spatial(4, 0)""",
        """\
T.axis must be assigned to a name.
 --> <script>:4:9
  |
4 |         T.axis.spatial(4, 0)
  |         ^^^^^^^^^^^^^^^^^^^^""",
    ),
    "init_outside": (
        """\
    with T.init():
        A[0, 0] = 0""",
        """\
T.init stands outside of a block.
 --> <script>:3:5
  |
3 |     with T.init():
  |     ^^^^^^^^^^^^^^
  cure: put it inside `with T.block(...):`""",
    ),
    "init_twice": (
        """\
    with T.block('C'):
        with T.init():
            pass
        with T.init():
            pass""",
        """\
This block has an init already.
 --> <script>:6:9
  |
6 |         with T.init():
  |         ^^^^^^^^^^^^^^
  cure: merge the two""",
    ),
    "reads_twice": (
        """\
    with T.block('C'):
        T.reads()
        T.reads()""",
        """\
T.reads is given twice in this block.
 --> <script>:5:9
  |
5 |         T.reads()
  |         ^^^^^^^^^
  cure: list all regions once""",
    ),
    "where_twice": (
        """\
    with T.block('C'):
        T.where(n < 1)
        T.where(n < 2)""",
        """\
T.where is given twice in this block.
 --> <script>:5:9
  |
5 |         T.where(n < 2)
  |         ^^^^^^^^^^^^^^
  cure: join the two with `and`""",
    ),
    "block_attr_twice": (
        """\
    with T.block('C'):
        T.block_attr({})
        T.block_attr({})""",
        """\
T.block_attr is given twice in this block.
 --> <script>:5:9
  |
5 |         T.block_attr({})
  |         ^^^^^^^^^^^^^^^^
  cure: merge the two""",
    ),
    "decl_alloc_misuse": (
        """\
    x = T.reads(A[0, 0])""",
        """\
T.reads gives no value to assign.
 --> <script>:3:9
  |
3 |     x = T.reads(A[0, 0])
  |         ^^^^^^^^^^^^^^^^""",
    ),
    "remap_not_a_loop": (
        """\
    for i in range(4):
        with T.block('C'):
            v = T.axis.remap('S', [i + 1])""",
        """\
T.axis.remap takes variables of the loops around.
 --> <script>:5:17
  |
5 |             v = T.axis.remap('S', [i + 1])
  |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: i + 1
  cure: write T.axis.spatial(extent, expression) or T.axis.reduce""",
    ),
    "remap_letters": (
        """\
    for i in range(4):
        with T.block('C'):
            v = T.axis.remap('X', [i])""",
        """\
The kinds of T.axis.remap are letters.
 --> <script>:5:17
  |
5 |             v = T.axis.remap('X', [i])
  |                 ^^^^^^^^^^^^^^^^^^^^^^
  expected: "S" (spatial) or "R" (reduce) for each variable
  found: 'X'
  cure: use T.axis.scan or T.axis.opaque for other kinds""",
    ),
    "remap_count": (
        """\
    for i in range(4):
        with T.block('C'):
            v = T.axis.remap('SS', [i])""",
        """\
T.axis.remap needs a letter for each loop variable.
 --> <script>:5:17
  |
5 |             v = T.axis.remap('SS', [i])
  |                 ^^^^^^^^^^^^^^^^^^^^^^^
  expected: 1 letters
  found: 'SS'""",
    ),
    "remap_names": (
        """\
    for i, j in T.grid(4, 4):
        with T.block('C'):
            v = T.axis.remap('SS', [i, j])""",
        """\
The number of names differs from the number of axes.
 --> <script>:5:13
  |
5 |             v = T.axis.remap('SS', [i, j])
  |             ^
  expected: 2 names
  found: 1""",
    ),
    "region_expected": (
        """\
    with T.block('C'):
        T.reads(n)""",
        """\
This is no buffer region.
 --> <script>:4:9
  |
4 |         T.reads(n)
  |         ^^^^^^^^^^
  expected: A[i, j:k]
  found: n""",
    ),
    "launch_unknown": (
        """\
    with T.launch_thread(n, 4):
        pass""",
        """\
This variable is no thread axis.
 --> <script>:3:10
  |
3 |     with T.launch_thread(n, 4):
  |          ^^^^^^^^^^^^^^^^^^^^^
  found: n
  cure: make it with T.env_thread("threadIdx.x"), or give the tag itself""",
    ),
    "else_outside": (
        """\
    with T.Else():
        pass""",
        """\
T.Else stands outside of T.If.
 --> <script>:3:5
  |
3 |     with T.Else():
  |     ^^^^^^^^^^^^^^""",
    ),
    "if_without_then": (
        """\
    with T.If(n < 1):
        pass""",
        """\
T.If has no T.Then.
 --> <script>:3:5
  |
3 |     with T.If(n < 1):
  |     ^^^^^^^^^^^^^^^^^
  cure: put `with T.Then():` inside""",
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
