"""`repr` of any node is its script fragment: bounded in length and in work, and it never raises."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.ir import arithmetic as ar
from pellucid.ir.attrs import Attrs
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.scalar import Add, IntImm, IterVar, Range, Var
from pellucid.ir.types import PointerType, PrimType
from pellucid.relax import expr as rx
from pellucid.relax.struct_info import ObjectStructInfo, TensorStructInfo
from pellucid.tir.buffer import BufferRegion, decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, Evaluate, For, LetStmt, seq

A = decl_buffer((16, 16), "float32", "A")
i = Var("i")
tensor = TensorStructInfo((2, 3), "float32")
x = rx.Var("x", tensor)

FRAGMENTS: dict[str, tuple[Any, str]] = {
    "variable": (i, "i"),
    "constant": (IntImm("int64", 4), "T.int64(4)"),
    "sum": (i + 1, "i + 1"),
    "load": (A[i, 0], "A[i, 0]"),
    "region": (A[i, 0:4], "A[i, 0:4]"),
    "buffer": (A, 'A = T.Buffer((16, 16), "float32")'),
    "range": (Range(0, 4), "T.Range(min=0, extent=4)"),
    "axis": (IterVar((0, 4), "v", 0), 'T.iter_var(v, T.Range(min=0, extent=4), "DataPar", "")'),
    "store": (BufferStore(A, ar.const(1.0), [i, i]), "A[i, i] = T.float32(1)"),
    "operator": (Op.get("tir.exp"), 'I.Op.get("tir.exp")'),
    "global variable": (GlobalVar("f"), 'I.GlobalVar("f")'),
    "attributes": (Attrs({"a": 1}), "{'a': 1}"),
    "type": (PrimType("int8"), 'I.node("ir.types.PrimType", dtype="int8")'),
    "struct info": (tensor, 'R.Tensor((2, 3), dtype="float32")'),
    "object": (ObjectStructInfo(), "R.Object"),
    "graph variable": (x, "x"),
    "tuple": (rx.Tuple([x, x]), "(x, x)"),
    "item": (rx.TupleGetItem(rx.Tuple([x, x]), 1), None),
    "binding": (
        rx.VarBinding(rx.Var("y", tensor), x),
        'y: R.Tensor((2, 3), dtype="float32") = x',
    ),
    "block": (
        rx.DataflowBlock([rx.VarBinding(rx.Var("y", tensor), x)]),
        'with R.dataflow():\n    y: R.Tensor((2, 3), dtype="float32") = x\n    R.output(y)',
    ),
    "constant tensor": (rx.const([1.0, 2.0]), 'metadata["relax.expr.Constant"][0]'),
    "pointer": (PointerType(PrimType("int8"), "local"), None),
}


@pytest.mark.parametrize("name", FRAGMENTS)
def test_fragment(name: str) -> None:
    node, text = FRAGMENTS[name]
    found = repr(node)
    assert 0 < len(found) <= 400
    if text is not None:
        assert found == text


def test_long_programs_are_cut() -> None:
    body = seq(*[BufferStore(A, ar.const(1.0), [n, n]) for n in range(10_000)])
    text = repr(PrimFunc([A], body))
    assert len(text) == 400
    assert text.endswith("…")


def test_shared_parts_cost_no_more_than_the_bound() -> None:
    node: Any = i
    for _ in range(200):
        node = Add(node, node)
    assert len(repr(node)) == 400


def test_deep_programs() -> None:
    chain: Any = i
    body: Any = Evaluate(0)
    for _ in range(5_000):
        chain = Add(chain, i)
        body = LetStmt(Var("x"), chain, body)
    assert len(repr(chain)) == 400
    assert len(repr(body)) == 400


def test_long_names_and_strings() -> None:
    assert len(repr(Var("n" * 5_000))) == 400
    assert len(repr(rx.StringImm("s" * 5_000))) == 400


def test_what_cannot_be_printed_says_so() -> None:
    broken = Add(i, i)
    object.__setattr__(broken, "a", 5)
    assert repr(broken) == "<Add: not printable, AttributeError>"


def test_lists_of_nodes() -> None:
    assert repr([i, A[i, i]]) == "[i, A[i, i]]"
    region = BufferRegion(A, [Range(min=i, extent=ar.const(2)), Range(0, 16)])
    assert repr((region,)) == "(A[i:i + 2, 0:16],)"


def test_modules_print_whole() -> None:
    func = PrimFunc([A], For(i, 0, 16, 0, BufferStore(A, ar.const(1.0), [i, i])))
    module = IRModule({"f": func})
    assert repr(module) == module.script()
    assert repr(func) == func.script().split("\n\n", 1)[1]
