"""Visitors and mutators over graph functions, for users and for the passes.

    @relax.expr_functor.mutator
    class Rewriter(relax.PyExprMutator):
        def visit_call_(self, call):
            call = self.visit_expr_post_order(call)
            ...
            return call

    new_function = Rewriter(mod).visit_expr(mod["main"])

A subclass overrides `visit_<kind>_` for the kinds it cares for; all others are walked or rebuilt.
Unlike `ir.visitor`, the mutator works through a `BlockBuilder`: what it builds is normalised, and a
visit may emit bindings (`self.builder_.emit`) in front of the one that is being rewritten. Where
nothing changes, the very same object comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import Mutator, Visitor
from pellucid.relax.base_check import is_base_of, struct_info_lca
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    Constant,
    DataflowBlock,
    DataflowVar,
    DataTypeImm,
    Expr,
    ExternFunc,
    Function,
    If,
    MatchCast,
    PrimValue,
    SeqExpr,
    ShapeExpr,
    StringImm,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
    as_seq,
)
from pellucid.relax.normal_form import relaid, same_elements
from pellucid.relax.struct_info import ObjectStructInfo, StructInfo
from pellucid.relax.symbolic import erase_unknown
from pellucid.support.errors import PassError, did_you_mean
from pellucid.support.recursion import allow_deep_recursion

KINDS: dict[type[Any], str] = {
    Constant: "visit_constant_",
    Tuple: "visit_tuple_",
    Var: "visit_var_",
    DataflowVar: "visit_dataflow_var_",
    ShapeExpr: "visit_shape_expr_",
    ExternFunc: "visit_extern_func_",
    GlobalVar: "visit_global_var_",
    Function: "visit_function_",
    Call: "visit_call_",
    SeqExpr: "visit_seq_expr_",
    If: "visit_if_",
    Op: "visit_op_",
    TupleGetItem: "visit_tuple_getitem_",
    PrimValue: "visit_prim_value_",
    StringImm: "visit_string_imm_",
    DataTypeImm: "visit_data_type_imm_",
}
OTHERS = (
    "visit_var_binding_",
    "visit_match_cast_",
    "visit_binding_block_",
    "visit_dataflow_block_",
    "visit_var_def_",
    "visit_dataflow_var_def_",
)
METHODS = (*KINDS.values(), *OTHERS)

T = TypeVar("T", bound="type[Any]")


class ExprFunctor:
    """Dispatches on the kind of an expression; a method that fits no kind is refused when the class
    is defined.
    """

    _table: ClassVar[dict[type[Any], str]] = KINDS

    def __init_subclass__(cls, **options: Any) -> None:
        """Check the names of the visiting methods."""
        super().__init_subclass__(**options)
        for name in vars(cls):
            if name.startswith("visit_") and name.endswith("_") and name not in METHODS:
                raise PassError(
                    f"{cls.__name__}.{name} fits no kind of graph expression.",
                    cure=did_you_mean(name, METHODS),
                )

    def _rule(self, expr: Any) -> Callable[[Any], Any] | None:
        """The method for the kind of `expr`; None for what is no graph expression."""
        kind = cast("type[Any]", type(expr))
        name = self._table.get(kind)
        return None if name is None else getattr(self, name)

    def _rule_of_var(self, var: Var) -> Callable[[Any], Any]:
        name = "visit_dataflow_var_def_" if isinstance(var, DataflowVar) else "visit_var_def_"
        return getattr(self, name)


class _InfoVisitor(Visitor):
    """Walks what a struct info depends on: scalar expressions and graph variables."""

    def __init__(self, outer: PyExprVisitor) -> None:
        super().__init__()
        self.outer = outer

    def visit(self, node: Any) -> None:
        """Hand scalars and graph expressions to the visitor."""
        if isinstance(node, PrimExpr):
            self.outer.visit_prim_expr(node)
        elif isinstance(node, Expr):
            self.outer.visit_expr(node)
        else:
            self.visit_default(node)


class PyExprVisitor(ExprFunctor):
    """Walks a graph function. `visit_expr(function)` starts; each `visit_<kind>_` may be
    overridden, and calls `super().visit_<kind>_` (or the visits it wants) to go on below.
    """

    def __init__(self, mod: IRModule | None = None) -> None:
        del mod
        allow_deep_recursion()

    def visit_expr(self, expr: Any) -> None:
        """Visit an expression; loop functions are passed over."""
        rule = self._rule(expr)
        if rule is not None:
            rule(expr)

    def visit_constant_(self, op: Constant) -> None:
        """A constant: nothing below."""

    def visit_global_var_(self, op: GlobalVar) -> None:
        """The name of a function: nothing below."""

    def visit_extern_func_(self, op: ExternFunc) -> None:
        """An external function: nothing below."""

    def visit_op_(self, op: Op) -> None:
        """An operator: nothing below."""

    def visit_string_imm_(self, op: StringImm) -> None:
        """A string: nothing below."""

    def visit_data_type_imm_(self, op: DataTypeImm) -> None:
        """A dtype: nothing below."""

    def visit_var_(self, op: Var) -> None:
        """A use of a variable: nothing below."""

    def visit_dataflow_var_(self, op: DataflowVar) -> None:
        """A use of a dataflow variable: as of a variable."""
        self.visit_var_(op)

    def visit_tuple_(self, op: Tuple) -> None:
        """The fields."""
        for each in op.fields:
            self.visit_expr(each)

    def visit_tuple_getitem_(self, op: TupleGetItem) -> None:
        """The tuple."""
        self.visit_expr(op.tuple_value)

    def visit_shape_expr_(self, op: ShapeExpr) -> None:
        """The dimensions."""
        for each in op.values:
            self.visit_prim_expr(each)

    def visit_prim_value_(self, op: PrimValue) -> None:
        """The number."""
        self.visit_prim_expr(op.value)

    def visit_call_(self, op: Call) -> None:
        """The callee, the arguments, and the struct infos that the call takes."""
        self.visit_expr(op.op)
        for each in op.args:
            self.visit_expr(each)
        for info in op.sinfo_args:
            self.visit_expr_dep_struct_info_field(info)

    def visit_if_(self, op: If) -> None:
        """The condition and both branches."""
        self.visit_expr(op.cond)
        self.visit_expr(op.true_branch)
        self.visit_expr(op.false_branch)

    def visit_seq_expr_(self, op: SeqExpr) -> None:
        """The blocks, then the result."""
        for block in op.blocks:
            self.visit_binding_block(block)
        self.visit_expr(op.body)

    def visit_function_(self, op: Function) -> None:
        """The parameters, the body, and the declared result."""
        for each in op.params:
            self.visit_var_def(each)
        self.visit_expr(op.body)
        if op.ret_struct_info is not None:
            self.visit_expr_dep_struct_info_field(op.ret_struct_info)

    def visit_binding_block(self, block: BindingBlock) -> None:
        """A block of either kind."""
        if isinstance(block, DataflowBlock):
            self.visit_dataflow_block_(block)
        else:
            self.visit_binding_block_(block)

    def visit_binding_block_(self, block: BindingBlock) -> None:
        """The bindings of a plain block."""
        for each in block.bindings:
            self.visit_binding(each)

    def visit_dataflow_block_(self, block: DataflowBlock) -> None:
        """The bindings of a dataflow block."""
        for each in block.bindings:
            self.visit_binding(each)

    def visit_binding(self, binding: Binding) -> None:
        """A binding of either kind."""
        if isinstance(binding, MatchCast):
            self.visit_match_cast_(binding)
        elif isinstance(binding, VarBinding):
            self.visit_var_binding_(binding)

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """The value, then the variable."""
        self.visit_expr(binding.value)
        self.visit_var_def(binding.var)

    def visit_match_cast_(self, binding: MatchCast) -> None:
        """The value, the struct info, then the variable."""
        self.visit_expr(binding.value)
        self.visit_expr_dep_struct_info_field(binding.struct_info)
        self.visit_var_def(binding.var)

    def visit_var_def(self, var: Var) -> None:
        """A variable where it is defined."""
        self._rule_of_var(var)(var)

    def visit_var_def_(self, var: Var) -> None:
        """What the variable's struct info depends on."""
        if var.struct_info_ is not None:
            self.visit_expr_dep_struct_info_field(var.struct_info_)

    def visit_dataflow_var_def_(self, var: DataflowVar) -> None:
        """As of any variable."""
        self.visit_var_def_(var)

    def visit_expr_dep_struct_info_field(self, struct_info: StructInfo) -> None:
        """The scalar expressions and variables in a struct info."""
        _InfoVisitor(self).visit(struct_info)

    def visit_prim_expr(self, prim_expr: PrimExpr) -> None:
        """A scalar expression within the graph: nothing below."""


class _InfoMutator(Mutator):
    """Rewrites what a struct info depends on."""

    def __init__(self, outer: PyExprMutator) -> None:
        super().__init__()
        self.outer = outer

    def visit(self, node: Any) -> Any:
        """Hand scalars and graph expressions to the mutator."""
        if isinstance(node, PrimExpr):
            return self.outer.visit_prim_expr(node)
        if isinstance(node, Expr):
            return self.outer.visit_expr(node)
        return self.visit_default(node)


class PyExprMutator(ExprFunctor):
    """Rebuilds a graph function. `visit_expr(function)` gives the new one.

    `builder_` is the `BlockBuilder` at work; it starts with the functions of `mod`, or empty. What
    a `visit_<kind>_` returns is normalised. `visit_expr_post_order(e)` applies the default rule to
    `e` itself: its children are visited by the overridden methods, `e` is rebuilt and normalised.
    """

    def __init__(self, mod: IRModule | None = None) -> None:
        allow_deep_recursion()
        self.builder_ = BlockBuilder(mod)
        self._var_remap: dict[Var, Var] = {}

    def visit_expr(self, expr: Any) -> Any:
        """The replacement of an expression, normalised; loop functions stay as they are."""
        rule = self._rule(expr)
        return expr if rule is None else self._normalized(expr, rule(expr))

    def visit_expr_post_order(self, expr: Expr) -> Any:
        """The default rule for `expr`, whatever is overridden for its kind; its children are
        visited as usual.
        """
        name = self._table.get(type(expr))
        if name is None:
            return expr
        return self._normalized(expr, getattr(PyExprMutator, name)(self, expr))

    def _normalized(self, old: Any, new: Any) -> Any:
        # Functions and sequences are normalised by the rules that open a scope for them.
        if isinstance(new, Function | SeqExpr) and (new is old or new.struct_info_ is not None):
            return new
        return self.builder_.normalize(new)

    def lookup_binding(self, var: Var) -> Expr | None:
        """What `var` is bound to in the function as rebuilt so far; None for parameters."""
        return self.builder_.lookup_binding(var)

    def set_var_remap(self, vid: Var, var: Var) -> None:
        """From now on `var` stands for the variable `vid`."""
        self._var_remap[vid] = var

    def get_var_remap(self, vid: Var) -> Var:
        """What stands for the variable `vid`: itself unless it was replaced."""
        return self._var_remap.get(vid, vid)

    def with_struct_info(self, var: Var, struct_info: StructInfo | None) -> Var:
        """A variable like `var` with that struct info; the same object when it has it already."""
        known = var.struct_info_
        if struct_info is None or known is struct_info:
            return var
        if known is not None and structural_equal(known, struct_info):
            return var
        return type(var)(var.name_hint, struct_info, span=var.span)

    def visit_constant_(self, op: Constant) -> Expr:
        """The constant itself."""
        return op

    def visit_global_var_(self, op: GlobalVar) -> Expr:
        """The name itself."""
        return op

    def visit_extern_func_(self, op: ExternFunc) -> Expr:
        """The function itself."""
        return op

    def visit_op_(self, op: Op) -> Expr:
        """The operator itself."""
        return op

    def visit_string_imm_(self, op: StringImm) -> Expr:
        """The string itself."""
        return op

    def visit_data_type_imm_(self, op: DataTypeImm) -> Expr:
        """The dtype itself."""
        return op

    def visit_var_(self, op: Var) -> Expr:
        """What stands for the variable now."""
        return self.get_var_remap(op)

    def visit_dataflow_var_(self, op: DataflowVar) -> Expr:
        """As of any variable."""
        return self.visit_var_(op)

    def visit_tuple_(self, op: Tuple) -> Expr:
        """The tuple of the new fields."""
        fields = [self.visit_expr(each) for each in op.fields]
        return op if same_elements(fields, op.fields) else Tuple(fields, span=op.span)

    def visit_tuple_getitem_(self, op: TupleGetItem) -> Expr:
        """The field of the new tuple."""
        value = self.visit_expr(op.tuple_value)
        if value is op.tuple_value:
            return op
        if isinstance(value, Tuple):
            return value.fields[op.index]
        return TupleGetItem(value, op.index, span=op.span)

    def visit_shape_expr_(self, op: ShapeExpr) -> Expr:
        """The shape of the new dimensions."""
        values = [self.visit_prim_expr(each) for each in op.values]
        return op if same_elements(values, op.values) else ShapeExpr(values, span=op.span)

    def visit_prim_value_(self, op: PrimValue) -> Expr:
        """The new number."""
        value = self.visit_prim_expr(op.value)
        return op if value is op.value else PrimValue(value, span=op.span)

    def visit_call_(self, op: Call) -> Expr:
        """The call of the new callee on the new arguments."""
        callee = self.visit_expr(op.op)
        args = [self.visit_expr(each) for each in op.args]
        infos = [self.visit_expr_dep_struct_info_field(each) for each in op.sinfo_args]
        same = callee is op.op and same_elements(args, op.args)
        if same and same_elements(infos, op.sinfo_args):
            return op
        return Call(callee, args, op.attrs, infos, span=op.span)

    def visit_if_(self, op: If) -> Expr:
        """The conditional with the new branches, each in a scope of its own."""
        cond = self.visit_expr(op.cond)
        true_branch = self.visit_with_inner_scope(op.true_branch)
        false_branch = self.visit_with_inner_scope(op.false_branch)
        same = cond is op.cond and true_branch is op.true_branch
        if same and false_branch is op.false_branch:
            return op
        info = struct_info_lca(true_branch.struct_info, false_branch.struct_info)
        return If(cond, true_branch, false_branch, span=op.span, struct_info_=info)

    def visit_seq_expr_(self, op: SeqExpr) -> Expr:
        """The new blocks, laid out in normal form, and the new result."""
        blocks = [self.visit_binding_block(block) for block in op.blocks]
        self.builder_.begin_binding_block()
        body = self.builder_.normalize_argument(self.visit_expr(op.body))
        blocks.append(self.builder_.end_block())
        seq = relaid(op, blocks, body)
        if seq is op or seq.struct_info_ is not None:
            return seq
        info = self.builder_.info_of(body) or ObjectStructInfo()
        return seq.replace(struct_info_=erase_unknown(info, self.builder_.scope.outlived_by))

    def visit_function_(self, op: Function) -> Expr:
        """The function of the new parameters and the new body.

        The declared result stays where it is still right; else it is derived from the body.
        """
        params = [self.visit_var_def(each) for each in op.params]
        body = self.visit_with_new_scope(op.body, params)
        if body is op.body and same_elements(params, op.params):
            return op
        ret = op.ret_struct_info
        if ret is not None:
            ret = self.visit_expr_dep_struct_info_field(ret)
            ret = ret if is_base_of(ret, body.struct_info) else None
        return Function(params, body, ret, op.is_pure, op.attrs, op.span)

    def visit_with_new_scope(self, expr: Expr, params: Any = None) -> SeqExpr:
        """A function's body, visited in a scope in which `params` are known."""
        self.builder_.begin_scope(params)
        try:
            return self._visited_sequence(as_seq(expr))
        finally:
            self.builder_.end_scope()

    def visit_with_inner_scope(self, expr: Expr) -> SeqExpr:
        """A branch, visited in a scope of its own."""
        return self.visit_with_new_scope(expr)

    def _visited_sequence(self, seq: SeqExpr) -> SeqExpr:
        new = self.visit_expr(seq)
        if new is seq and seq.struct_info_ is not None:
            return seq
        if isinstance(new, SeqExpr) and new.struct_info_ is not None:
            return new
        return self.builder_.normalize_sequence(new)

    def visit_binding_block(self, block: BindingBlock) -> BindingBlock:
        """The replacement of a block of either kind."""
        if isinstance(block, DataflowBlock):
            return self.visit_dataflow_block_(block)
        return self.visit_binding_block_(block)

    def visit_binding_block_(self, block: BindingBlock) -> BindingBlock:
        """A plain block: each binding visited, which emits what takes its place."""
        self.builder_.begin_binding_block()
        return self._visited_block(block)

    def visit_dataflow_block_(self, block: DataflowBlock) -> BindingBlock:
        """A dataflow block: each binding visited, which emits what takes its place."""
        self.builder_.begin_dataflow_block()
        return self._visited_block(block)

    def _visited_block(self, block: BindingBlock) -> BindingBlock:
        for each in block.bindings:
            self.visit_binding(each)
        new = self.builder_.end_block()
        return block if same_elements(new.bindings, block.bindings) else new

    def visit_binding(self, binding: Binding) -> None:
        """Visit a binding of either kind."""
        if isinstance(binding, MatchCast):
            self.visit_match_cast_(binding)
        elif isinstance(binding, VarBinding):
            self.visit_var_binding_(binding)

    def visit_var_binding_(self, binding: VarBinding) -> None:
        """Visit value and variable, and emit the binding."""
        value = self.visit_expr(binding.value)
        var = self.visit_var_def(binding.var)
        if value is binding.value and var is binding.var:
            self.builder_.emit_normalized(binding)
            return
        new = self.with_struct_info(var, self.builder_.info_of(value))
        if new is not binding.var:
            self._var_remap[binding.var] = new
        self.builder_.emit_normalized(VarBinding(new, value, span=binding.span))

    def visit_match_cast_(self, binding: MatchCast) -> None:
        """Visit value, struct info and variable, and emit the binding."""
        value = self.builder_.normalize_argument(self.visit_expr(binding.value))
        info = self.visit_expr_dep_struct_info_field(binding.struct_info)
        var = self.with_struct_info(self.visit_var_def(binding.var), info)
        same = value is binding.value and info is binding.struct_info
        if not same or var is not binding.var:
            self._var_remap[binding.var] = var
            binding = MatchCast(var, value, info, span=binding.span)
        self.builder_.emit_normalized(binding)

    def visit_var_def(self, var: Var) -> Var:
        """The replacement of a variable where it is defined."""
        return self._rule_of_var(var)(var)

    def visit_var_def_(self, var: Var) -> Var:
        """The variable, or a new one when its struct info changes; its uses follow."""
        if var.struct_info_ is None:
            return var
        info = self.visit_expr_dep_struct_info_field(var.struct_info_)
        if info is var.struct_info_:
            return var
        new = self.with_struct_info(var, info)
        self._var_remap[var] = new
        return new

    def visit_dataflow_var_def_(self, var: DataflowVar) -> Var:
        """As of any variable."""
        return self.visit_var_def_(var)

    def visit_expr_dep_struct_info_field(self, struct_info: StructInfo) -> StructInfo:
        """A struct info with its scalar expressions and variables replaced."""
        return _InfoMutator(self).visit(struct_info)

    def visit_prim_expr(self, prim_expr: PrimExpr) -> PrimExpr:
        """The replacement of a scalar expression within the graph: itself."""
        return prim_expr


ExprVisitor = PyExprVisitor
ExprMutator = PyExprMutator


def visitor(cls: T) -> T:
    """Class decorator of visitors: checks that the class is one."""
    if not issubclass(cls, PyExprVisitor):
        raise PassError(f"{cls.__name__} is no visitor.", cure="derive it from relax.PyExprVisitor")
    return cls


def mutator(cls: T) -> T:
    """Class decorator of mutators: checks that the class is one."""
    if not issubclass(cls, PyExprMutator):
        raise PassError(f"{cls.__name__} is no mutator.", cure="derive it from relax.PyExprMutator")
    return cls
