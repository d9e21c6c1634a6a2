"""Ill-formed graph modules, each with its exact message: every rule of `relax.analysis`."""

# Pictures show whole lines of a program, however long.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable

import pytest

from pellucid import relax
from pellucid.ir.module import IRModule
from pellucid.ir.scalar import SizeVar
from pellucid.relax.analysis import assert_well_formed, well_formed
from pellucid.support.errors import WellFormedError
from tests.errors.graphs import (
    BOOL,
    T4,
    Cases,
    bind,
    dataflow,
    function,
    module,
    packed,
    plain,
    script,
    var,
)

CASES = Cases()
case = CASES.case


@case("""\
In the function 'main': the variable 'y' has no struct info.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return x
  cure: relax.transform.Normalize() fills it in""")
def a_variable_without_struct_info() -> IRModule:
    x, y = var("x"), var("y", None)
    return module(main=function([x], [plain(bind(y, packed(x)))], x))


@case("""\
In the function 'main': a Call has no struct info.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return y
  cure: relax.transform.Normalize() fills it in""")
def a_call_without_struct_info() -> IRModule:
    x, y = var("x"), var("y")
    call = relax.call_pure_packed("f", x, sinfo_args=T4)
    return module(main=function([x], [plain(bind(y, call))], y))


@case("""\
In the function 'main': its result has no struct info.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")):
8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^
9         return y
                 ^
  cure: relax.transform.Normalize() adds it""")
def a_result_without_struct_info() -> IRModule:
    x, y = var("x"), var("y", T4)
    seq = relax.SeqExpr([plain(bind(y, packed(x)))], y)
    return module(main=relax.Function([x], seq))


@case("""\
In the function 'main': argument 0 of the call of 'relax.call_tir' names the function 'kernel', which the module does not have.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y = R.call_tir(I.GlobalVar("kernel"), (x,), out_sinfo=R.Tensor((4,), dtype="float32"))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return y
  found: main""")
def an_unknown_function() -> IRModule:
    x, y = var("x"), var("y")
    call = relax.call_tir(relax.GlobalVar("kernel"), [x], T4).replace(struct_info_=T4)
    return module(main=function([x], [plain(bind(y, call))], y))


@case("""\
The function 'main' has another global_symbol.
  expected: 'main'
  found: 'start'
  cure: relax.transform.NormalizeGlobalVar() renames the function to its symbol""")
def another_global_symbol() -> IRModule:
    x = var("x")
    return IRModule({"main": function([x], [], x, attrs={"global_symbol": "start"})})


@case("""\
The functions 'f' and 'g' share the parameter 'x'.
  cure: give each function variables of its own: relax.copy_with_new_vars(f)""")
def a_shared_parameter() -> IRModule:
    x = var("x")
    return module(f=function([x], [], x), g=function([x], [], x))


@case("""\
The functions 'f' and 'g' share the symbolic variable 'n'.
  cure: give each function variables of its own: relax.copy_with_new_vars(f)""")
def a_shared_symbolic_variable() -> IRModule:
    info = relax.TensorStructInfo((SizeVar("n", "int64"),))
    x, y = var("x", info), var("y", info)
    return module(f=function([x], [], x, info), g=function([y], [], y, info))


@case("""\
In the function 'main': the variable 'y' is used before it is defined.
...
 5 class Module:
 6     @R.function
 7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 8         z: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", y, sinfo_args=(R.Tensor((4,), dtype="float32"),))
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 9         y_1: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
10         return z""")
def a_variable_used_before_it_is_defined() -> IRModule:
    x, y, z = var("x"), var("y"), var("z")
    return module(main=function([x], [plain(bind(z, packed(y)), bind(y, packed(x)))], z))


@case("""\
In the function 'main': the variable 'y' is defined twice.
...
 6     @R.function
 7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
 9         y_1: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
10         return y_1
  cure: each binding and each parameter has a variable object of its own""")
def a_variable_defined_twice() -> IRModule:
    x, y = var("x"), var("y")
    return module(main=function([x], [plain(bind(y, packed(x)), bind(y, packed(x)))], y))


@case("""\
In the function 'main': the variable 'x' is defined twice.
...
4 @I.ir_module
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32"), x_1: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
8         return x_1
  cure: each binding and each parameter has a variable object of its own""")
def a_parameter_defined_twice() -> IRModule:
    x = var("x")
    return module(main=function([x, x], [], x))


@case("""\
In the function 'main': the parameter 'x' is a dataflow variable.
...
4 @I.ir_module
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
8         return x""")
def a_dataflow_variable_as_parameter() -> IRModule:
    x = relax.DataflowVar("x", T4)
    return module(main=function([x], [], x))


@case("""\
In the function 'main': a struct info of the call of 'relax.call_pure_packed' uses the symbolic variable 'n', which nothing defines here.
...
 7     @R.function
 8     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 9         n = T.int64(is_size_var=True)
10         y: R.Tensor((n,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((n,), dtype="float32"),))
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
11         return x
  cure: let a parameter show it as a dimension of its own, or bind it with R.match_cast""")
def an_undefined_symbolic_variable() -> IRModule:
    n = SizeVar("n", "int64")
    info = relax.TensorStructInfo((n,))
    x, y = var("x"), var("y", info)
    return module(main=function([x], [plain(bind(y, packed(x, info=info)))], x))


@case("""\
In the function 'main': the struct info of 'x' uses the symbolic variable 'n', which nothing defines here.
...
 5 @I.ir_module
 6 class Module:
 7     @R.function
 8     def main(x: R.Tensor(("n + 1",), dtype="float32")) -> R.Tensor(dtype="float32", ndim=1):
       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 9         n = T.int64(is_size_var=True)
10         return x
  cure: let a parameter show it as a dimension of its own, or bind it with R.match_cast""")
def a_symbolic_expression_as_parameter() -> IRModule:
    x = var("x", relax.TensorStructInfo((SizeVar("n", "int64") + 1,)))
    return module(main=function([x], [], x, relax.TensorStructInfo(ndim=1)))


@case("""\
In the function 'main': argument 2 of the call of 'relax.call_pure_packed' uses the symbolic variable 'n', which nothing defines here.
...
 7     @R.function
 8     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 9         n = T.int64(is_size_var=True)
10         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, R.shape([n]), sinfo_args=(R.Tensor((4,), dtype="float32"),))
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
11         return y
  cure: let a parameter show it as a dimension of its own, or bind it with R.match_cast""")
def an_undefined_symbolic_variable_in_a_shape() -> IRModule:
    x, y = var("x"), var("y")
    shape = relax.ShapeExpr([SizeVar("n", "int64")])
    return module(main=function([x], [plain(bind(y, packed(x, shape)))], y))


@case("""\
In the function 'main': the dataflow variable 'y' is bound outside a dataflow block.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return x
  cure: use a relax.Var there""")
def a_dataflow_variable_in_a_plain_block() -> IRModule:
    x, y = var("x"), relax.DataflowVar("y", T4)
    return module(main=function([x], [plain(bind(y, packed(x)))], x))


@case("""\
In the function 'main': the dataflow variable 'y' is used outside its dataflow block.
...
 6     @R.function
 7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 8         with R.dataflow():
 9             y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
               ^
10             R.output()
11         return y
                  ^
  cure: hand it out of the block with R.output""")
def a_dataflow_variable_outside_its_block() -> IRModule:
    x, y = var("x"), relax.DataflowVar("y", T4)
    return module(main=function([x], [dataflow(bind(y, packed(x)))], y))


@case("""\
In the function 'main': the variable 'y' is used outside the branch or function that binds it.
...
 6     @R.function
 7     def main(c: R.Tensor((), dtype="bool")) -> R.Tensor((), dtype="bool"):
 8         if c:
 9             y: R.Tensor((), dtype="bool") = R.call_pure_packed("f", c, sinfo_args=(R.Tensor((), dtype="bool"),))
               ^
10             r: R.Tensor((), dtype="bool") = y
                                               ^
11         else:
12             r: R.Tensor((), dtype="bool") = c
13         return y
                  ^
  cure: make it the result of the branch""")
def a_variable_of_a_branch_outside() -> IRModule:
    c, y, r = var("c", BOOL), var("y", BOOL), var("r", BOOL)
    branch = relax.SeqExpr([plain(bind(y, packed(c, info=BOOL)))], y)
    choice = relax.If(c, branch, c, struct_info_=BOOL)
    return module(main=function([c], [plain(bind(r, choice))], y, BOOL))


@case("""\
In the function 'main': a sequence stands where only a value may.
...
 6     @R.function
 7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
 9         z: R.Tensor((4,), dtype="float32") = y
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
10         return z
  cure: relax.transform.Normalize() moves its bindings into the block around it""")
def a_sequence_as_value() -> IRModule:
    x, y, z = var("x"), var("y"), var("z")
    seq = relax.SeqExpr([plain(bind(y, packed(x)))], y, struct_info_=T4)
    return module(main=function([x], [plain(bind(z, seq))], z))


@case("""\
In the function 'main': argument 1 of the call of 'relax.call_pure_packed' is not in normal form.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((4,), dtype="float32") = R.call_pure_packed("f", R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),)), sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return y
  expected: a variable, a constant, or a tuple of these
  found: a Call
  cure: bind it to a variable first; relax.transform.Normalize() does so""")
def a_call_as_argument() -> IRModule:
    x, y = var("x"), var("y")
    return module(main=function([x], [plain(bind(y, packed(packed(x))))], y))


@case("""\
In the function 'main': a value is not in normal form.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tuple(R.Tensor((4,), dtype="float32"), R.Tensor((4,), dtype="float32")) = (x, R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),)))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return x
  expected: a variable, a constant, or a tuple of these
  found: a Call
  cure: bind it to a variable first; relax.transform.Normalize() does so""")
def a_call_in_a_tuple() -> IRModule:
    x, y = var("x"), var("y", relax.TupleStructInfo([T4, T4]))
    return module(main=function([x], [plain(bind(y, relax.Tuple([x, packed(x)])))], x))


@case("""\
In the function 'main': the result is not in normal form.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         return R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  expected: a variable, a constant, or a tuple of these
  found: a Call
  cure: bind it to a variable first; relax.transform.Normalize() does so""")
def a_call_as_result() -> IRModule:
    x = var("x")
    return module(main=function([x], [], packed(x)))


@case("""\
In the function 'main': an If stands in a dataflow block.
...
 6     @R.function
 7     def main(c: R.Tensor((), dtype="bool")) -> R.Tensor((), dtype="bool"):
 8         with R.dataflow():
 9             if c:
               ^^^^^
10                 r: R.Tensor((), dtype="bool") = c
11             else:
12                 r: R.Tensor((), dtype="bool") = c
...
  cure: end the dataflow block before it, and begin another one after it""")
def an_if_in_a_dataflow_block() -> IRModule:
    c, r = var("c", BOOL), var("r", BOOL)
    choice = relax.If(c, c, c, struct_info_=BOOL)
    return module(main=function([c], [dataflow(bind(r, choice))], r, BOOL))


@case("""\
In the function 'main': the condition of an If is no bool scalar.
...
 5 class Module:
 6     @R.function
 7     def main(c: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
 8         if c:
           ^^^^^
 9             r: R.Tensor((4,), dtype="float32") = c
10         else:
11             r: R.Tensor((4,), dtype="float32") = c
...
  expected: R.Tensor((), "bool")
  found: R.Tensor((4,), dtype="float32")""")
def an_if_on_a_vector() -> IRModule:
    c, r = var("c"), var("r")
    choice = relax.If(c, c, c, struct_info_=T4)
    return module(main=function([c], [plain(bind(r, choice))], r))


@case("""\
In the function 'main': the call of 'log', which may have effects, stands in a dataflow block.
 --> <script>:7:13
  |
7 |             y = R.call_packed("log", x, sinfo_args=R.Tensor((4,), "float32"))
  |             ^
  cure: move it out of the block, or use R.call_pure_packed where it has none""")
def an_effect_in_a_dataflow_block() -> IRModule:
    return script(
        """
@I.ir_module
class Module:
    @R.function(pure=False)
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        with R.dataflow():
            y = R.call_packed("log", x, sinfo_args=R.Tensor((4,), "float32"))
            R.output(y)
        return y
"""
    )


@case("""\
In the function 'main': it is pure and calls 'log', which may have effects.
 --> <script>:6:9
  |
6 |         y = R.call_packed("log", x, sinfo_args=R.Tensor((4,), "float32"))
  |         ^
  cure: declare it with pure=False, or use R.call_pure_packed where it has none""")
def an_effect_in_a_pure_function() -> IRModule:
    return script(
        """
@I.ir_module
class Module:
    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        y = R.call_packed("log", x, sinfo_args=R.Tensor((4,), "float32"))
        return y
"""
    )


@case("""\
In the function 'main': it is pure and calls 'log', which may have effects.
  --> <script>:11:9
   |
11 |         y = cls.log(x)
   |         ^
  cure: declare it with pure=False, or use R.call_pure_packed where it has none""")
def an_impure_function_in_a_pure_one() -> IRModule:
    return script(
        """
@I.ir_module
class Module:
    @R.function(pure=False)
    def log(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        return x

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Module
        y = cls.log(x)
        return y
"""
    )


@case('''\
In the function 'main': it has the attribute "relax.force_pure" and is not marked as pure.
...
4 @I.ir_module
5 class Module:
6     @R.function(pure=False)
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
8         R.func_attr({"relax.force_pure": True})
9         return x
  cure: declare it with pure=True, or drop "relax.force_pure"''')
def forced_purity_without_purity() -> IRModule:
    x = var("x")
    attrs = {"relax.force_pure": True}
    return module(main=function([x], [], x, is_pure=False, attrs=attrs))


@case("""\
In the function 'main': a loop function stands in the graph function.
...
 9         A = T.handle("float32")
10         A_handle = T.handle()
11         A_1 = I.node("tir.buffer.Buffer", data=A, dtype="float32", shape=[4], strides=[], elem_offset=0, name="A", data_alignment=64, offset_factor=1, buffer_type="", axis_separators=[])
12         y: R.Object = I.node("tir.function.PrimFunc", attrs={"global_symbol": "k"}, params=[A_handle], body=I.node("tir.stmt.BufferStore", buffer=A_1, value=T.float32(0), indices=[0]), ret_type=I.node("ir.types.TupleType", fields=[]), buffer_map={A_handle: A_1})
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
13         return x
  cure: add it to the module, and call it with R.call_tir(cls.f, ...)""")
def a_loop_function_inline() -> IRModule:
    kernel = script("@T.prim_func\ndef k(A: T.Buffer((4,), 'float32')):\n    A[0] = T.float32(0)")
    x, y = var("x"), var("y", relax.ObjectStructInfo())
    return module(main=function([x], [plain(bind(y, kernel))], x))


@case("""\
In the function 'main': the annotation of 'y' is wrong.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((5,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return x
  expected: R.Tensor((5,), dtype="float32")
  found: R.Tensor((4,), dtype="float32")""")
def a_wrong_annotation() -> IRModule:
    x, y = var("x"), var("y", relax.TensorStructInfo((5,)))
    return module(main=function([x], [plain(bind(y, packed(x)))], x))


@case("""\
In the function 'main': the annotation of 'y' is not certain.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor(dtype="float32", ndim=1)) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((4,), dtype="float32") = x
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return y
  expected: R.Tensor((4,), dtype="float32")
  found: R.Tensor(dtype="float32", ndim=1)
  cure: check it at run time: R.match_cast(value, info)""")
def an_annotation_that_is_not_certain() -> IRModule:
    x, y = var("x", relax.TensorStructInfo(ndim=1)), var("y")
    return module(main=function([x], [plain(bind(y, x))], y))


@case("""\
In the function 'main': the declared result is wrong.
...
4 @I.ir_module
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="int32"):
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
8         return x
                 ^
  expected: R.Tensor((4,), dtype="int32")
  found: R.Tensor((4,), dtype="float32")""")
def a_wrong_result() -> IRModule:
    x = var("x")
    return module(main=function([x], [], x, relax.TensorStructInfo((4,), "int32")))


@case("""\
In the function 'main': the struct info of the call of 'relax.call_pure_packed' is wrong.
...
5 class Module:
6     @R.function
7     def main(x: R.Tensor((4,), dtype="float32")) -> R.Tensor((4,), dtype="float32"):
8         y: R.Tensor((5,), dtype="float32") = R.call_pure_packed("f", x, sinfo_args=(R.Tensor((4,), dtype="float32"),))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return x
  expected: R.Tensor((5,), dtype="float32")
  found: R.Tensor((4,), dtype="float32")""")
def a_wrong_info_of_a_call() -> IRModule:
    x, y = var("x"), var("y", relax.TensorStructInfo((5,)))
    call = packed(x).replace(struct_info_=relax.TensorStructInfo((5,)))
    return module(main=function([x], [plain(bind(y, call))], x))


@case("""\
In the function 'main': the arguments of relax.call_dps_packed must be a tuple written in the call.
...
5 class Module:
6     @R.function
7     def main(t: R.Tuple(R.Tensor((4,), dtype="float32"))) -> R.Tensor((4,), dtype="float32"):
8         y = R.call_dps_packed("f", t, out_sinfo=R.Tensor((4,), dtype="float32"))
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
9         return y
  found: t
  cure: relax.transform.Normalize() brings it into that form""")
def arguments_that_are_no_tuple() -> IRModule:
    t, y = var("t", relax.TupleStructInfo([T4])), var("y")
    call = relax.call_dps_packed("f", t, T4).replace(struct_info_=T4)
    return module(main=function([t], [plain(bind(y, call))], y))


@case("""\
In the function 'main': call_tir calls 'inner', which is no loop function.
  --> <script>:11:9
   |
11 |         y = R.call_tir(cls.inner, (x,), R.Tensor((4,), "float32"))
   |         ^
  expected: a T.prim_func
  found: a Function
  cure: call a graph function directly: cls.f(x)""")
def a_graph_function_called_as_a_loop_function() -> IRModule:
    return script(
        """
@I.ir_module
class Module:
    @R.function
    def inner(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        return x

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Module
        y = R.call_tir(cls.inner, (x,), R.Tensor((4,), "float32"))
        return y
"""
    )


@pytest.mark.parametrize(("make", "message"), CASES, ids=CASES.names())
def test_message(make: Callable[[], IRModule], message: str) -> None:
    mod = make()
    with pytest.raises(WellFormedError) as caught:
        assert_well_formed(mod)
    assert str(caught.value) == message
    assert not well_formed(mod)
