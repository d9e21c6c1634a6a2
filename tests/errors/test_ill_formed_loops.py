"""Ill-formed loop functions, each breaking one rule, with the exact message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pellucid import tir
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import Call, IterVar, Range, Var
from pellucid.support.errors import WellFormedError
from pellucid.tir.analysis import verify_well_formed
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.stmt import For, SeqStmt

ONE = tir.const(1.0, "float32")


def buffer(name: str = "A", extent: Any = 8, **options: Any) -> Any:
    return tir.decl_buffer((extent,), "float32", name, **options)


def function(body: Any, *params: Any, **options: Any) -> Any:
    return tir.PrimFunc(params, body, **options)


def loop(var: Any, body: Any, extent: Any = None, kind: str = "serial", **options: Any) -> Any:
    end = tir.const(8, var.dtype) if extent is None else extent
    return For(var, tir.const(0, var.dtype), end, kind, body, **options)


def store(target: Any, index: Any) -> Any:
    return tir.BufferStore(target, ONE, [index])


def block(name: str, iters: Any, body: Any, **options: Any) -> Any:
    """A realized block; `iters` are (variable, binding) pairs over eight points."""
    iter_vars = [
        IterVar(Range(tir.const(0, v.dtype), tir.const(8, v.dtype)), v, 0) for v, _ in iters
    ]
    return BlockRealize(
        [value for _, value in iters], True, Block(iter_vars, [], [], name, body, **options)
    )


def undefined_variable() -> Any:
    a = buffer()
    return function(loop(Var("i"), store(a, Var("j"))), a)


def undefined_dimension() -> Any:
    n = Var("n")
    a = buffer(extent=n + 1)
    return function(store(a, 0), a)


def undefined_buffer() -> Any:
    return function(store(buffer("B"), 0), buffer())


def variable_after_its_loop() -> Any:
    a, i = buffer(), Var("i")
    return function(tir.stmt_seq(loop(i, store(a, i)), store(a, i)), a)


def buffer_after_its_block() -> Any:
    a, local = buffer(), buffer("L")
    inside = block("b", [], store(local, 0), alloc_buffers=[local])
    return function(tir.stmt_seq(inside, store(local, 1)), a)


def loop_variable_twice() -> Any:
    a, i = buffer(), Var("i")
    return function(tir.stmt_seq(loop(i, store(a, i)), loop(i, store(a, i))), a)


def loop_variable_nested() -> Any:
    a, i = buffer(), Var("i")
    return function(loop(i, loop(i, store(a, i))), a)


def buffer_twice() -> Any:
    a, local = buffer(), buffer("L")
    one = block("b", [], store(local, 0), alloc_buffers=[local])
    two = block("c", [], store(local, 0), alloc_buffers=[local])
    return function(tir.stmt_seq(one, two), a)


def loop_variable_inside_block() -> Any:
    a, i, v = buffer(), Var("i"), Var("v")
    return function(loop(i, block("b", [(v, i)], store(a, i))), a)


def loop_variable_in_regions() -> Any:
    a, i, v = buffer(), Var("i"), Var("v")
    realize = block("b", [(v, i)], store(a, v))
    reads = [tir.BufferRegion(a, [Range.from_min_extent(i, 1)])]
    return function(loop(i, realize.replace(block=realize.block.replace(reads=reads))), a)


def block_without_realize() -> Any:
    a = buffer()
    return function(Block([], [], [], "b", store(a, 0)), a)


def regions_missing() -> Any:
    a = buffer()
    annotations = {"tir.script_parsing_detect_access": 3}
    return function(block("b", [], store(a, 0), annotations=annotations), a)


def binding_dtype() -> Any:
    a, i, v = buffer(), Var("i", "int64"), Var("v")
    return function(loop(i, block("b", [(v, i)], store(a, v))), a)


def domain_missing() -> Any:
    a, v = buffer(), Var("v")
    inside = Block([IterVar(None, v, 0)], [], [], "b", store(a, v))
    return function(BlockRealize([tir.const(0)], True, inside), a)


def domain_dtype() -> Any:
    a, v = buffer(), Var("v", "int64")
    inside = Block([IterVar(Range(0, 8), v, 0)], [], [], "b", store(a, v))
    return function(BlockRealize([tir.const(0, "int64")], True, inside), a)


def extent_dtype() -> Any:
    a, i = buffer(), Var("i")
    return function(loop(i, store(a, i), extent=tir.const(8, "int64")), a)


def loop_variable_float() -> Any:
    a, i = buffer(), Var("i", "float32")
    return function(loop(i, store(a, 0), extent=tir.const(8.0)), a)


def index_float() -> Any:
    a = buffer()
    return function(store(a, tir.const(0.0)), a)


def condition_integer() -> Any:
    a, n = buffer(), Var("n")
    return function(tir.IfThenElse(n, store(a, 0)), a, n)


def predicate_integer() -> Any:
    a = buffer()
    return function(BlockRealize([], tir.const(1), Block([], [], [], "b", store(a, 0))), a)


def let_dtype() -> Any:
    a, x = buffer(), Var("x", "int64")
    return function(tir.LetStmt(x, tir.const(0), store(a, x)), a)


def thread_without_axis() -> Any:
    a, i = buffer(), Var("i")
    return function(loop(i, store(a, i), kind="thread_binding"), a)


def axis_without_thread() -> Any:
    a, i = buffer(), Var("i")
    axis = IterVar(None, Var("t"), IterVar.ThreadIndex, "threadIdx.x")
    return function(loop(i, store(a, i), thread_binding=axis), a)


def axis_with_two_variables() -> Any:
    a = buffer()

    def launch(body: Any) -> Any:
        axis = IterVar(Range(0, 8), Var("t"), IterVar.ThreadIndex, "threadIdx.x")
        return tir.AttrStmt(axis, "thread_extent", 8, body)

    return function(tir.stmt_seq(launch(store(a, 0)), launch(store(a, 1))), a)


def vectorized_symbolic() -> Any:
    n, i = Var("n"), Var("i")
    a = buffer(extent=n)
    return function(loop(i, store(a, i), extent=n, kind="vectorized"), a)


def parameter_twice() -> Any:
    n = Var("n")
    return function(tir.Evaluate(n), n, n)


def tensor_parameter_no_handle() -> Any:
    a, x = buffer(), Var("x", "int32")
    return tir.PrimFunc([x], store(a, 0), None, {x: a})


def sequence_in_sequence() -> Any:
    a = buffer()
    return function(SeqStmt([store(a, 0), SeqStmt([store(a, 1), store(a, 2)])]), a)


def returned_dtype() -> Any:
    return function(tir.Evaluate(tir.ret(tir.const(1, "int64"))), ret_type="int32")


def unknown_callee() -> Any:
    main = function(tir.Evaluate(Call("int32", GlobalVar("helpr"), [])))
    return IRModule({"main": main, "helper": function(tir.Evaluate(0))})


def callee_arity() -> Any:
    helper = GlobalVar("helper")
    main = function(tir.Evaluate(Call("int32", helper, [1])))
    return IRModule({"main": main, helper: function(tir.Evaluate(0))})


def variable_of_two_functions() -> Any:
    i, a, b = Var("i"), buffer(), buffer("B")
    return IRModule(
        {"f": function(loop(i, store(a, i)), a), "g": function(loop(i, store(b, i)), b)}
    )


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "undefined_variable": (
        undefined_variable,
        """\
The function 'main' is ill-formed: the variable 'j' is not defined.
...
4 def main(A: T.Buffer((8,), "float32")):
5     j = T.int32()
6     for i in range(8):
7         A[j] = T.float32(1)
          ^^^^^^^^^^^^^^^^^^^
  cure: make it a parameter, or a whole dimension of a parameter's shape""",
    ),
    "undefined_dimension": (
        undefined_dimension,
        """\
The function 'main' is ill-formed: the variable 'n' is not defined.
1 # from pellucid.script import tir as T
2
3 @T.prim_func(private=True)
4 def main(A_handle: T.handle):
5     n = T.int32()
6     A = T.match_buffer(A_handle, (n + 1,))
7     A[0] = T.float32(1)
  cure: make it a parameter, or a whole dimension of a parameter's shape""",
    ),
    "undefined_buffer": (
        undefined_buffer,
        """\
The function 'main' is ill-formed: the buffer 'B' is not defined here.
...
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     B = T.Buffer((8,), "float32")
6     B[0] = T.float32(1)
      ^^^^^^^^^^^^^^^^^^^
  cure: make it a parameter, or allocate it with T.alloc_buffer""",
    ),
    "variable_after_its_loop": (
        variable_after_its_loop,
        """\
The function 'main' is ill-formed: the variable 'i' is used outside of the scope that defines it.
...
5     for i in range(8):
6         A[i] = T.float32(1)
7     i = T.int32()
8     A[i] = T.float32(1)
      ^^^^^^^^^^^^^^^^^^^
  cure: use it inside that loop or block, or compute it there""",
    ),
    "buffer_after_its_block": (
        buffer_after_its_block,
        """\
The function 'main' is ill-formed: the buffer 'L' is not defined here.
...
 8         L = T.alloc_buffer((8,))
 9         L[0] = T.float32(1)
10     L = T.Buffer((8,), "float32")
11     L[1] = T.float32(1)
       ^^^^^^^^^^^^^^^^^^^
  cure: allocate it in a block around all of its uses""",
    ),
    "loop_variable_twice": (
        loop_variable_twice,
        """\
The function 'main' is ill-formed: the variable 'i' is defined in two places.
...
4 def main(A: T.Buffer((8,), "float32")):
5     for i in range(8):
6         A[i] = T.float32(1)
7     for i in range(8):
      ^^^^^^^^^^^^^^^^^^
8         A[i] = T.float32(1)
  cure: every definition has a variable object of its own: use renew_defs to copy""",
    ),
    "loop_variable_nested": (
        loop_variable_nested,
        """\
The function 'main' is ill-formed: the variable 'i' is defined again inside its own scope.
...
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     for i in range(8):
6         for i_1 in range(8):
          ^^^^^^^^^^^^^^^^^^^^
7             A[i_1] = T.float32(1)
  cure: every definition has a variable object of its own: use renew_defs to copy""",
    ),
    "buffer_twice": (
        buffer_twice,
        """\
The function 'main' is ill-formed: the buffer 'L' is defined in two places.
...
 7         T.writes()
 8         L = T.alloc_buffer((8,))
 9         L[0] = T.float32(1)
10     with T.block("c"):
       ^^^^^^^^^^^^^^^^^^
11         T.reads()
12         T.writes()
13         L = T.alloc_buffer((8,))
...
  cure: make a new buffer for each: decl_buffer, or renew_defs to copy""",
    ),
    "loop_variable_inside_block": (
        loop_variable_inside_block,
        """\
The function 'main' is ill-formed: the loop variable 'i' of the outside is used in the block 'b'.
...
 7             v = T.axis.spatial(8, i)
 8             T.reads()
 9             T.writes()
10             A[i] = T.float32(1)
               ^^^^^^^^^^^^^^^^^^^
  cure: bind it: v = T.axis.spatial(extent, i), and use v""",
    ),
    "loop_variable_in_regions": (
        loop_variable_in_regions,
        """\
The function 'main' is ill-formed: the loop variable 'i' of the outside is used in the block 'b'.
...
 3 @T.prim_func(private=True)
 4 def main(A: T.Buffer((8,), "float32")):
 5     for i in range(8):
 6         with T.block("b"):
           ^^^^^^^^^^^^^^^^^^
 7             v = T.axis.spatial(8, i)
 8             T.reads(A[i])
 9             T.writes()
...
  cure: bind it: v = T.axis.spatial(extent, i), and use v""",
    ),
    "block_without_realize": (
        block_without_realize,
        """\
The function 'main' is ill-formed: the block 'b' stands alone.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     with T.block("b", no_realize=True):
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
6         T.reads()
7         T.writes()
8         A[0] = T.float32(1)
  cure: put it into a BlockRealize, which binds its iteration variables""",
    ),
    "regions_missing": (
        regions_missing,
        """\
The function 'main' is ill-formed: the regions of the block 'b' were left to be inferred.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     with T.block("b"):
      ^^^^^^^^^^^^^^^^^^
6         T.reads()
7         T.writes()
8         T.block_attr({"tir.script_parsing_detect_access": 3})
...
  cure: call tir.analysis.complete on the function""",
    ),
    "binding_dtype": (
        binding_dtype,
        """\
The function 'main' is ill-formed: the binding differs in dtype from the iteration variable 'v'.
...
5 def main(A: T.Buffer((8,), "float32")):
6     for i in range(T.int64(8)):
7         v = T.int32()
8         I.node(…)
  expected: int32
  found: int64: i
  cure: cast it""",
    ),
    "domain_missing": (
        domain_missing,
        """\
The function 'main' is ill-formed: the iteration variable 'v' has no domain.
...
4 @T.prim_func(private=True)
5 def main(A: T.Buffer((8,), "float32")):
6     v = T.int32()
7     I.node(…)
  cure: give it one: T.axis.spatial(extent, value)""",
    ),
    "domain_dtype": (
        domain_dtype,
        """\
The function 'main' is ill-formed: the domain differs in dtype from the iteration variable 'v'.
...
4 @T.prim_func(private=True)
5 def main(A: T.Buffer((8,), "float32")):
6     v = T.int64()
7     I.node(…)
  expected: int64
  found: int32: 0
  cure: cast it""",
    ),
    "extent_dtype": (
        extent_dtype,
        """\
The function 'main' is ill-formed: the extent of the loop differs in dtype from its variable 'i'.
...
4 @T.prim_func(private=True)
5 def main(A: T.Buffer((8,), "float32")):
6     i = T.int32()
7     I.node(…)
  expected: int32
  found: int64: T.int64(8)
  cure: cast it""",
    ),
    "loop_variable_float": (
        loop_variable_float,
        """\
The function 'main' is ill-formed: the loop variable 'i' is no integer.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     for i in range(T.float32(0), T.float32(8)):
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
6         A[0] = T.float32(1)
  found: float32""",
    ),
    "index_float": (
        index_float,
        """\
The function 'main' is ill-formed: an index of 'A' is no integer.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     A[T.float32(0)] = T.float32(1)
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  found: float32: T.float32(0)
  cure: cast it to int32 or int64""",
    ),
    "condition_integer": (
        condition_integer,
        """\
The function 'main' is ill-formed: the condition of an if is no bool.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32"), n: T.int32):
5     if n:
      ^^^^^
6         A[0] = T.float32(1)
  found: int32: n
  cure: compare with `!= 0`""",
    ),
    "predicate_integer": (
        predicate_integer,
        """\
The function 'main' is ill-formed: the predicate of the block 'b' is no bool.
...
2
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     with T.block("b"):
      ^^^^^^^^^^^^^^^^^^
6         T.where(1)
7         T.reads()
8         T.writes()
...
  found: int32: 1
  cure: compare with `!= 0`""",
    ),
    "let_dtype": (
        let_dtype,
        """\
The function 'main' is ill-formed: the value differs in dtype from the variable 'x'.
...
3 @T.prim_func(private=True)
4 def main(A: T.Buffer((8,), "float32")):
5     x = T.int64()
6     T.LetStmt(0, var=x)
      ^^^^^^^^^^^^^^^^^^^
7     A[x] = T.float32(1)
  expected: int64
  found: int32: 0
  cure: cast it""",
    ),
    "thread_without_axis": (
        thread_without_axis,
        """\
The function 'main' is ill-formed: the loop over 'i' is bound to threads without an axis.
...
4 @T.prim_func(private=True)
5 def main(A: T.Buffer((8,), "float32")):
6     i = T.int32()
7     I.node(…)
  cure: name it: T.thread_binding(extent, thread="threadIdx.x")""",
    ),
    "axis_without_thread": (
        axis_without_thread,
        """\
The function 'main' is ill-formed: the loop over 'i' has a thread axis and is serial.
...
5 def main(A: T.Buffer((8,), "float32")):
6     i = T.int32()
7     t = T.int32()
8     I.node(…)
  cure: give it the kind thread_binding, or drop the axis""",
    ),
    "axis_with_two_variables": (
        axis_with_two_variables,
        """\
The function 'main' is ill-formed: the thread axis 'threadIdx.x' has two variables.
...
4 def main(A: T.Buffer((8,), "float32")):
5     with T.launch_thread("threadIdx.x", 8) as t:
6         A[0] = T.float32(1)
7     t_1 = T.launch_thread("threadIdx.x", 8)
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
8     A[1] = T.float32(1)
  found: 't' and 't'
  cure: use one variable for the axis wherever it is bound""",
    ),
    "vectorized_symbolic": (
        vectorized_symbolic,
        """\
The function 'main' is ill-formed: the vectorized loop over 'i' has no constant extent.
...
4 def main(A_handle: T.handle):
5     n = T.int32()
6     A = T.match_buffer(A_handle, (n,))
7     for i in T.vectorized(n):
      ^^^^^^^^^^^^^^^^^^^^^^^^^
8         A[i] = T.float32(1)
  found: n
  cure: split it by a constant first, and vectorize the inner loop""",
    ),
    "parameter_twice": (
        parameter_twice,
        """\
The function 'main' is ill-formed: the variable 'n' is defined again inside its own scope.
1 # from pellucid.script import tir as T
2
3 @T.prim_func(private=True)
4 def main(n: T.int32, n_1: T.int32):
  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
5     T.evaluate(n_1)
  cure: every definition has a variable object of its own: use renew_defs to copy""",
    ),
    "tensor_parameter_no_handle": (
        tensor_parameter_no_handle,
        """\
The function 'main' is ill-formed: the tensor parameter 'x' is no handle.
1 # from pellucid.script import tir as T
2
3 @T.prim_func(private=True)
4 def main(x: T.int32):
  ^^^^^^^^^^^^^^^^^^^^^
5     A = T.match_buffer(x, (8,))
6     A[0] = T.float32(1)
  expected: handle
  found: int32""",
    ),
    "sequence_in_sequence": (
        sequence_in_sequence,
        """\
The function 'main' is ill-formed: a sequence holds a sequence, or fewer than two statements.
...
3
4 @T.prim_func(private=True)
5 def main(A: T.Buffer((8,), "float32")):
6     I.node(…)
  cure: build it with tir.stmt_seq, which keeps it flat""",
    ),
    "returned_dtype": (
        returned_dtype,
        """\
The function 'main' is ill-formed: the returned value has not the dtype that the function declares.
...
2
3 @T.prim_func(private=True)
4 def main() -> T.int32:
5     T.ret(T.int64(1))
      ^^^^^^^^^^^^^^^^^
  expected: int32
  found: int64: T.int64(1)
  cure: cast it, or change the function's return annotation""",
    ),
    "unknown_callee": (
        unknown_callee,
        """\
The function 'main' is ill-formed: the module has no function 'helpr'.
...
3
4 @T.prim_func(private=True)
5 def main():
6     T.Call("int32", I.GlobalVar("helpr"), [])
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  cure: did you mean 'helper'?""",
    ),
    "callee_arity": (
        callee_arity,
        """\
The function 'main' is ill-formed: the call of 'helper' has the wrong number of arguments.
...
3
4 @T.prim_func(private=True)
5 def main():
6     T.Call("int32", I.GlobalVar("helper"), [1])
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: 0
  found: 1""",
    ),
    "variable_of_two_functions": (
        variable_of_two_functions,
        """\
The function 'g' is ill-formed: 'i' is also defined in the function 'f'.
1 # from pellucid.script import tir as T
2
3 @T.prim_func(private=True)
4 def main(B: T.Buffer((8,), "float32")):
  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
5     for i in range(8):
6         B[i] = T.float32(1)
  cure: copy a function with renew_defs before using it twice""",
    ),
}


def shown(error: WellFormedError) -> str:
    """A message without the lines of the picture that are no script but constructors."""
    kept: list[str] = []
    for line in str(error).splitlines():
        if kept and kept[-1].endswith("I.node(…)") and line.strip().startswith("^"):
            continue
        kept.append(line[: line.index("I.node(")] + "I.node(…)" if "I.node(" in line else line)
    return "\n".join(kept)


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    build, message = CASES[name]
    with pytest.raises(WellFormedError) as caught:
        verify_well_formed(build())
    assert shown(caught.value) == message
