import typing

from . import analysis as analysis
from . import block_builder as block_builder
from . import dpl as dpl
from . import expr as expr
from . import expr_functor as expr_functor
from . import op as op
from . import struct_info as struct_info
from . import transform as transform
from .binding_rewrite import DataflowBlockRewrite as DataflowBlockRewrite
from .block_builder import BlockBuilder as BlockBuilder
from .call import call_builtin_with_ctx as call_builtin_with_ctx
from .call import call_dps_packed as call_dps_packed
from .call import call_packed as call_packed
from .call import call_pure_packed as call_pure_packed
from .call import call_tir as call_tir
from .call import call_tir_inplace as call_tir_inplace
from .call import invoke_closure as invoke_closure
from .call import invoke_pure_closure as invoke_pure_closure
from .call import make_closure as make_closure
from .expr import Binding as Binding
from .expr import BindingBlock as BindingBlock
from .expr import Call as Call
from .expr import Constant as Constant
from .expr import DataflowBlock as DataflowBlock
from .expr import DataflowVar as DataflowVar
from .expr import DataTypeImm as DataTypeImm
from .expr import Expr as Expr
from .expr import ExternFunc as ExternFunc
from .expr import Function as Function
from .expr import GlobalVar as GlobalVar
from .expr import If as If
from .expr import MatchCast as MatchCast
from .expr import PrimValue as PrimValue
from .expr import SeqExpr as SeqExpr
from .expr import ShapeExpr as ShapeExpr
from .expr import StringImm as StringImm
from .expr import Tuple as Tuple
from .expr import TupleGetItem as TupleGetItem
from .expr import Var as Var
from .expr import VarBinding as VarBinding
from .expr import const as const
from .expr import extern as extern
from .expr import get_shape_of as get_shape_of
from .expr import te_tensor as te_tensor
from .expr_functor import ExprMutator as ExprMutator
from .expr_functor import ExprVisitor as ExprVisitor
from .expr_functor import PyExprMutator as PyExprMutator
from .expr_functor import PyExprVisitor as PyExprVisitor
from .first_generation import DynTensorType as DynTensorType
from .struct_info import FuncStructInfo as FuncStructInfo
from .struct_info import ObjectStructInfo as ObjectStructInfo
from .struct_info import PrimStructInfo as PrimStructInfo
from .struct_info import ShapeStructInfo as ShapeStructInfo
from .struct_info import StructInfo as StructInfo
from .struct_info import TensorStructInfo as TensorStructInfo
from .struct_info import TupleStructInfo as TupleStructInfo
from .struct_info import VDevice as VDevice
from .substitution import copy_with_new_vars as copy_with_new_vars

build: typing.Any
get_pipeline: typing.Any
VirtualMachine: typing.Any
Executable: typing.Any
vm: typing.Any
frontend: typing.Any
