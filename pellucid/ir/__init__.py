"""What both levels share: nodes, dtypes, scalar expressions, operators, modules, passes."""

from pellucid.ir import instruments, transform
from pellucid.ir.arithmetic import const
from pellucid.ir.attrs import Attrs
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar, RelaxExpr
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.ir.op import Op, register_op, register_op_attr
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Range
from pellucid.ir.structural import (
    assert_structural_equal,
    first_difference,
    structural_equal,
    structural_hash,
)
from pellucid.ir.types import PointerType, PrimType, TupleType, Type

DictAttrs = Attrs
instrument = instruments

__all__ = [
    "Attrs",
    "BaseFunc",
    "DataType",
    "DictAttrs",
    "GlobalVar",
    "IRModule",
    "Node",
    "Op",
    "PointerType",
    "PrimExpr",
    "PrimType",
    "Range",
    "RelaxExpr",
    "TupleType",
    "Type",
    "assert_structural_equal",
    "const",
    "first_difference",
    "instrument",
    "instruments",
    "register_op",
    "register_op_attr",
    "structural_equal",
    "structural_hash",
    "transform",
]
