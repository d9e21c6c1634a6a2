"""Visitors, mutators, substitution, copies, specialisation."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid import tir
from pellucid.ir.scalar import Add, IntImm, Var
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order
from pellucid.script import from_source
from pellucid.support.errors import PassError, TypeMismatchError
from pellucid.tir.analysis import undefined_vars, verify_well_formed
from pellucid.tir.function import PrimFunc
from pellucid.tir.functor import StmtExprMutator, StmtMutator, StmtVisitor

TEXT = """
from pellucid.script import tir as T
@T.prim_func
def main(a: T.handle, C: T.Buffer((10,), "float32"), k: T.int32):
    n = T.int32()
    A = T.match_buffer(a, (n, 4), "float32")
    L = T.alloc_buffer((n,), "float32")
    for i in range(n):
        with T.block("copy"):
            vi = T.axis.spatial(n, i)
            L[vi] = A[vi, k] + T.float32(1)
    for i in range(10):
        with T.block("use"):
            vi = T.axis.spatial(10, i)
            C[vi] = L[vi % n] * T.float32(2)
"""


@pytest.fixture
def func() -> PrimFunc:
    return from_source(TEXT)


def symbol(func: PrimFunc) -> Var:
    found = next(iter(func.buffer_map.values())).shape[0]
    assert isinstance(found, Var)
    return found


def test_a_users_mutator(func: PrimFunc) -> None:
    @tir.functor.mutator
    class Doubler(tir.PyStmtExprMutator):
        def visit_float_imm_(self, op: Any) -> Any:
            return tir.const(op.value * 2, op.dtype)

        def visit_buffer_store_(self, op: Any) -> Any:
            return super().visit_buffer_store_(op)

    new = func.with_body(Doubler().visit_stmt(func.body))
    floats = [each.value for each in pre_order(new.body) if isinstance(each, tir.FloatImm)]
    assert floats == [2.0, 4.0]
    assert verify_well_formed(new)


def test_a_mutator_without_changes_gives_the_same_object(func: PrimFunc) -> None:
    assert tir.PyStmtExprMutator().visit_stmt(func.body) is func.body
    assert StmtExprMutator().visit(func.body) is func.body
    assert StmtMutator().visit(func.body) is func.body


def test_a_users_visitor(func: PrimFunc) -> None:
    seen: list[str] = []

    @tir.functor.visitor
    class Names(tir.PyStmtExprVisitor):
        def visit_binary_op_(self, op: Any) -> None:
            seen.append(type(op).__name__)
            self.visit_default(op)

        def visit_block_(self, op: Any) -> None:
            seen.append(op.name_hint)
            super().visit_block_(op)

    Names().visit_stmt(func.body)
    assert [each for each in seen if each != "FloorMod"] == ["root", "copy", "Add", "use", "Mul"]


def test_a_method_for_no_node_is_refused() -> None:
    misspelt = {"visit_bufer_load_": lambda self, op: None}
    with pytest.raises(PassError) as caught:
        type("Wrong", (tir.PyStmtExprVisitor,), misspelt)
    assert "visit_bufer_load_ fits no node" in str(caught.value)
    assert "did you mean 'buffer_load'" in str(caught.value)


def test_the_decorators_want_the_right_base() -> None:
    with pytest.raises(TypeError, match="must inherit from PyStmtExprMutator"):
        tir.functor.mutator(tir.PyStmtExprVisitor)


def test_statements_that_vanish_leave_flat_sequences(func: PrimFunc) -> None:
    class Drop(StmtExprMutator):
        def visit_for_(self, loop: Any) -> Any:
            return None if loop.extent is symbol(func) else tir.stmt_seq(loop, loop)

    body = Drop().visit(func.body).block.body
    assert len(tir.stmt_list(body)) == 2
    assert all(isinstance(each, tir.For) for each in tir.stmt_list(body))


def test_a_statement_visitor_enters_no_expression(func: PrimFunc) -> None:
    class Loads(StmtVisitor):
        def visit_buffer_load_(self, load: Any) -> None:
            raise AssertionError(load)

    Loads().visit(func.body)


def test_orders_of_visiting(func: PrimFunc) -> None:
    post: list[Any] = []
    tir.stmt_functor.post_order_visit(func.body, post.append)
    pre: list[Any] = []
    tir.stmt_functor.pre_order_visit(func.body, pre.append)
    assert post[-1] is func.body is pre[0]
    assert len(post) == len(set(post))
    outer: list[Any] = []

    def until_loops(node: Any) -> bool:
        outer.append(node)
        return not isinstance(node, tir.For)

    tir.stmt_functor.pre_order_visit(func.body, until_loops)
    assert not any(isinstance(each, tir.BufferStore) for each in outer)


def test_ir_transform(func: PrimFunc) -> None:
    transform = tir.stmt_functor.ir_transform

    def to_zero(load: Any) -> Any:
        return tir.const(0.0, load.dtype)

    new = transform(func.body, to_zero, None, ["tir.BufferLoad"])
    assert not any(isinstance(each, tir.BufferLoad) for each in pre_order(new))
    same = transform(func.body, lambda op: None, lambda op: None)
    assert same is func.body
    doubled = transform(func.body, None, lambda op: Add(op, op), ["FloatImm"])
    assert sum(isinstance(each, Add) for each in pre_order(doubled)) == 3


def test_substitute() -> None:
    x, y = Var("x"), Var("y")
    expr = x * 2 + y
    substitute = tir.stmt_functor.substitute
    assert structural_equal(substitute(expr, {x: 3}), Add(tir.Mul(IntImm("int32", 3), 2), y))
    assert substitute(expr, {Var("x"): 3}) is expr
    assert structural_equal(substitute(expr, lambda v: y if v is x else None), y * 2 + y)
    buffer = tir.decl_buffer((x,), "float32", "A")
    load = substitute(buffer[y], {x: IntImm("int32", 8)})
    assert load.buffer is not buffer
    assert load.buffer.shape[0].value == 8


def test_renew_defs(func: PrimFunc) -> None:
    copy = tir.renew_defs(func)
    assert structural_equal(copy, func)
    assert verify_well_formed(copy)
    mine = {each for each in pre_order(func) if each.is_variable}
    theirs = {each for each in pre_order(copy) if each.is_variable}
    assert not mine & theirs


def test_undefined_vars(func: PrimFunc) -> None:
    assert undefined_vars(func) == []
    loop = tir.stmt_list(func.body.block.body)[0]
    names = [each.name for each in undefined_vars(loop)]
    assert names[0] == "n"
    assert set(names) == {"n", "L", "A", "k"}
    assert "k" not in [each.name for each in undefined_vars(loop, [func.params[2]])]


def test_specialize_a_dimension(func: PrimFunc) -> None:
    new = func.specialize({symbol(func): 16})
    assert [each.value for each in new.buffers[0].shape] == [16, 4]
    assert undefined_vars(new) == []
    assert verify_well_formed(new)
    assert len(new.params) == 3


def test_specialize_by_a_buffer_and_a_scalar(func: PrimFunc) -> None:
    scalar = func.params[2]
    new = func.specialize({func.params[0]: tir.decl_buffer((16, 4), "float32"), scalar: 3})
    assert new.params == func.params[:2]
    assert structural_equal(new, func.specialize({symbol(func): 16, scalar: 3}))
    assert verify_well_formed(new)


def test_specialize_refuses_what_does_not_fit(func: PrimFunc) -> None:
    with pytest.raises(TypeMismatchError) as caught:
        func.specialize({Var("m"): 1})
    assert str(caught.value) == (
        "'m' is neither a parameter nor a symbolic dimension of the function.\n"
        "  expected: a, C_handle, k, n\n"
        "  cure: use the variable object of this function"
    )
    with pytest.raises(TypeMismatchError) as caught:
        func.specialize({func.params[0]: tir.decl_buffer((16, 5), "float32")})
    assert str(caught.value) == (
        "The buffer for the parameter 'a' does not fit.\n  expected: 4\n  found: 5"
    )
    with pytest.raises(TypeMismatchError, match="expected: 2 dimensions of float32"):
        func.specialize({func.params[0]: tir.decl_buffer((16,), "float32")})
    assert func.specialize({}) is func
