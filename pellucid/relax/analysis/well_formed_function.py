"""The rules that a single graph function has to keep, each with its message.

Variables are defined before they are used, once, and used only where they are known; arguments are
leaves; sequences stand only as bodies and branches; dataflow blocks are free of control flow and
effects; annotations are true. The rules about several functions are in `well_formed`.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.place import ScriptPlace
from pellucid.relax.analysis.purity import is_impure_call
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.call_derivation import callee_name, derive_call_ret_struct_info
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    Call,
    DataflowBlock,
    DataflowVar,
    Expr,
    Function,
    If,
    MatchCast,
    PrimValue,
    SeqExpr,
    ShapeExpr,
    Tuple,
    TupleGetItem,
    Var,
)
from pellucid.relax.normal_form import is_leaf, is_leaf_or_tuple
from pellucid.relax.struct_info import (
    FuncStructInfo,
    StructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.relax.symbolic import (
    definable_tir_vars_in_struct_info,
    signature_vars,
    tir_vars_in_expr,
    tir_vars_in_struct_info,
)
from pellucid.support.errors import PellucidError, WellFormedError
from pellucid.support.recursion import allow_deep_recursion
from pellucid.tir.function import PrimFunc


def _no_leaf(expr: Expr) -> Expr:
    """What in an argument is no leaf."""
    while isinstance(expr, Tuple):
        expr = next(each for each in expr.fields if not is_leaf_or_tuple(each))
    return expr


class FunctionChecker:
    """Checks one function; `fail` raises a `WellFormedError` that names the function and place."""

    def __init__(self, name: str, mod: IRModule | None, check_struct_info: bool) -> None:
        allow_deep_recursion()
        self.name = name
        self.mod = mod
        # The function of the module that is checked: what pictures of places show.
        self.program: Function | None = None
        self.spot: Node | None = None
        self.check_struct_info = check_struct_info
        self.builder = BlockBuilder(mod)
        self.known: list[dict[Any, None]] = [{}]
        self.ever: dict[Any, None] = {}
        self.block: BindingBlock | None = None
        self.binding: Binding | None = None
        self.must_be_pure = True
        self.own_vars: set[Any] = set()

    def fail(self, message: str, node: Node | None = None, **parts: Any) -> NoReturn:
        """Raise the error of a broken rule."""
        nodes = [each for each in (node, self.binding) if each is not None]
        spans = [each.span for each in nodes if each.span is not None]
        spot = nodes[:1] or [self.spot or self.program]
        shown = self.program if self.mod is None else self.mod
        place = spans[0] if spans else ScriptPlace.of(shown, *spot)
        raise WellFormedError(f"In the function {self.name!r}: {message}", place=place, **parts)

    def in_scope(self, variable: Any) -> bool:
        """Whether a graph or symbolic variable is known here; call derivation asks it too."""
        return any(variable in each for each in self.known)

    def define(self, var: Var) -> None:
        """Note the definition of a graph variable."""
        if var in self.ever:
            self.fail(
                f"the variable {var.name_hint!r} is defined twice.",
                cure="each binding and each parameter has a variable object of its own",
            )
        self.ever[var] = None
        self.known[-1][var] = None

    def define_symbols(self, info: StructInfo) -> None:
        """Note the symbolic variables that an info defines."""
        self.known[-1].update(dict.fromkeys(definable_tir_vars_in_struct_info(info)))

    # Functions and sequences

    def function(self, func: Function) -> None:
        """A function: of the module, or the value of a binding."""
        saved = self.must_be_pure, self.block
        self.program = self.program or func
        forced = bool(func.attrs.get("relax.force_pure", False))
        if forced and not func.is_pure:
            self.fail(
                'it has the attribute "relax.force_pure" and is not marked as pure.',
                cure='declare it with pure=True, or drop "relax.force_pure"',
            )
        self.must_be_pure = func.is_pure and not forced
        self.block = None
        self.known.append({})
        infos = [each.struct_info_ for each in func.params]
        self.known[-1].update(dict.fromkeys(signature_vars([i for i in infos if i is not None])))
        for param in func.params:
            if isinstance(param, DataflowVar):
                self.fail(f"the parameter {param.name_hint!r} is a dataflow variable.")
            self.define(param)
            self.variable_info(param)
        self.sequence(func.body, is_branch=False)
        if func.ret_struct_info is not None:
            self.info(func.ret_struct_info, "the declared result")
        self.result(func)
        self.known.pop()
        self.must_be_pure, self.block = saved

    def result(self, func: Function) -> None:
        """The declared result has to hold for what the body returns."""
        declared, found = func.ret_struct_info, self.info_of(func.body.body)
        if not self.check_struct_info:
            return
        if declared is None:
            self.fail("its result has no struct info.", cure="relax.transform.Normalize() adds it")
        if found is not None:
            verdict = struct_info_base_check(declared, found)
            if verdict is not BaseCheckResult.PASS:
                self.untrue("the declared result", declared, found, verdict)

    def sequence(self, seq: Expr, is_branch: bool) -> None:
        """A body or a branch, in a scope of its own."""
        if not isinstance(seq, SeqExpr):
            self.fail("a body or branch is no sequence.", found=type(seq).__name__)
        self.known.append({})
        self.spot = None
        for block in seq.blocks:
            self.bindings(block)
        self.spot = seq.body
        what = "the result of a branch" if is_branch else "the result"
        self.argument(seq.body, what)
        self.known.pop()

    def bindings(self, block: BindingBlock) -> None:
        """A block; dataflow variables are forgotten at its end."""
        saved = self.block, self.binding
        self.block = block
        for binding in block.bindings:
            self.binding = binding
            self.one_binding(binding)
        for binding in block.bindings:
            if isinstance(binding.var, DataflowVar):
                self.known[-1].pop(binding.var, None)
        self.block, self.binding = saved

    def one_binding(self, binding: Binding) -> None:
        """A binding: its value, then its variable."""
        var, value = binding.var, binding.value
        if isinstance(var, DataflowVar) and not isinstance(self.block, DataflowBlock):
            self.fail(
                f"the dataflow variable {var.name_hint!r} is bound outside a dataflow block.",
                cure="use a relax.Var there",
            )
        if isinstance(value, Function):
            # A local function may call itself.
            self.define(var)
            self.own_vars.add(var)
            self.function(value)
            self.variable_info(var)
        elif isinstance(binding, MatchCast):
            self.argument(value, "the value of a match_cast")
            self.define_symbols(binding.struct_info)
            self.info(binding.struct_info, "the struct info of a match_cast")
            self.define(var)
            self.variable_info(var)
        else:
            self.value(value)
            self.define(var)
            self.variable_info(var)
        self.annotation(binding)

    def annotation(self, binding: Binding) -> None:
        """What a variable is said to be has to be true of what it is bound to."""
        declared = binding.var.struct_info_
        given = binding.struct_info if isinstance(binding, MatchCast) else None
        found = given if given is not None else self.info_of(binding.value)
        if not self.check_struct_info or declared is None or found is None:
            return
        verdict = struct_info_base_check(declared, found)
        if verdict is not BaseCheckResult.PASS:
            name = f"the annotation of {binding.var.name_hint!r}"
            self.untrue(name, declared, found, verdict)

    def untrue(
        self, what: str, declared: StructInfo, found: StructInfo, verdict: BaseCheckResult
    ) -> NoReturn:
        """Fail with an annotation that does not follow from what is known."""
        possible = verdict is not BaseCheckResult.FAIL_L0
        self.fail(
            f"{what} {'is not certain' if possible else 'is wrong'}.",
            expected=repr(declared),
            found=repr(found),
            cure="check it at run time: R.match_cast(value, info)" if possible else None,
        )

    # Expressions

    def value(self, expr: Expr) -> None:
        """The value of a binding: a leaf, or one operation on arguments."""
        if isinstance(expr, SeqExpr):
            self.fail(
                "a sequence stands where only a value may.",
                cure="relax.transform.Normalize() moves its bindings into the block around it",
            )
        if isinstance(expr, PrimFunc):
            self.fail(
                "a loop function stands in the graph function.",
                cure="add it to the module, and call it with R.call_tir(cls.f, ...)",
            )
        if isinstance(expr, If):
            self.conditional(expr)
        elif isinstance(expr, Call):
            self.call(expr)
        elif isinstance(expr, TupleGetItem):
            self.argument(expr.tuple_value, "the tuple of an item access")
            self.item(expr)
        else:
            self.argument(expr, "a value")
        self.has_info(expr)

    def item(self, expr: TupleGetItem) -> None:
        """The field of a tuple has to exist."""
        info = expr.tuple_value.struct_info_
        if isinstance(info, TupleStructInfo) and not 0 <= expr.index < len(info.fields):
            self.fail(
                "a tuple has no such field.",
                expected=f"an index from 0 to {len(info.fields) - 1}",
                found=str(expr.index),
            )

    def conditional(self, expr: If) -> None:
        """An `If`: not in dataflow, on a bool scalar, each branch in a scope of its own."""
        if isinstance(self.block, DataflowBlock):
            self.fail(
                "an If stands in a dataflow block.",
                cure="end the dataflow block before it, and begin another one after it",
            )
        self.argument(expr.cond, "the condition of an If")
        info = expr.cond.struct_info_
        scalar = isinstance(info, TensorStructInfo) and info.ndim in (-1, 0)
        if isinstance(info, TensorStructInfo) and (not scalar or info.dtype not in ("", "bool")):
            self.fail(
                "the condition of an If is no bool scalar.",
                expected='R.Tensor((), "bool")',
                found=repr(info),
            )
        saved = self.block, self.binding
        for branch in (expr.true_branch, expr.false_branch):
            self.block = None
            self.sequence(branch, is_branch=True)
        self.block, self.binding = saved

    def call(self, expr: Call) -> None:
        """A call: its arguments, its effects, and what its operator demands."""
        name = callee_name(expr.op)
        if isinstance(expr.op, PrimFunc):
            self.fail(
                "a loop function is called where it is written.",
                cure="add it to the module, and call it with R.call_tir(cls.f, ...)",
            )
        self.argument(expr.op, "the callee")
        for index, each in enumerate(expr.args):
            self.argument(each, f"argument {index} of the call of {name!r}")
        for info in expr.sinfo_args:
            self.info(info, f"a struct info of the call of {name!r}")
        if expr.op not in self.own_vars and is_impure_call(expr, self.mod):
            self.impure(name)
        self.operator_rules(expr)

    def impure(self, name: str) -> None:
        """A call with effects stands only in a plain block of an impure function."""
        if isinstance(self.block, DataflowBlock):
            self.fail(
                f"the call of {name!r}, which may have effects, stands in a dataflow block.",
                cure="move it out of the block, or use R.call_pure_packed where it has none",
            )
        if self.must_be_pure:
            self.fail(
                f"it is pure and calls {name!r}, which may have effects.",
                cure="declare it with pure=False, or use R.call_pure_packed where it has none",
            )

    def operator_rules(self, expr: Call) -> None:
        """The rules of the operator's record, and the call's info against what follows."""
        op = expr.op
        if isinstance(op, Op):
            validate = op.get_attr("FValidate")
            if validate is not None:
                self.obey(validate, expr, self.mod)
            normalize = op.get_attr("FNormalize")
            if normalize is not None and normalize(expr, self.builder) is not expr:
                self.fail(
                    f"the call of {op.name!r} is not in its normal form.",
                    expr,
                    cure="relax.transform.Normalize() brings it into that form",
                )
        if not self.check_struct_info or expr.struct_info_ is None:
            return
        found = self.inferred(expr)
        if found is not None:
            verdict = struct_info_base_check(expr.struct_info_, found)
            if verdict <= BaseCheckResult.FAIL_L1:
                name = callee_name(op)
                self.untrue(
                    f"the struct info of the call of {name!r}", expr.struct_info_, found, verdict
                )

    def inferred(self, expr: Call) -> StructInfo | None:
        """What follows for a call from its callee, or None where nothing does."""
        op = expr.op
        if isinstance(op, Op):
            rule = op.get_attr("FInferStructInfo")
            return None if rule is None else self.obey(rule, expr, self.builder)
        info = self.info_of(op)
        if isinstance(info, FuncStructInfo):
            return self.obey(derive_call_ret_struct_info, info, expr, self)
        return None

    def obey(self, rule: Any, *args: Any) -> Any:
        """Call a rule of an operator; its error becomes one that names the function."""
        try:
            return rule(*args)
        except PellucidError as error:
            self.fail(
                f"{error.message[0].lower()}{error.message[1:]}",
                expected=error.expected,
                found=error.found,
                cure=error.cure,
            )

    def info_of(self, expr: Expr) -> StructInfo | None:
        """The struct info of an expression; of a GlobalVar its function's signature."""
        return self.builder.info_of(expr)

    def argument(self, expr: Expr, what: str) -> None:
        """An argument: a leaf, or a tuple of such."""
        if not is_leaf_or_tuple(expr):
            self.fail(
                f"{what} is not in normal form.",
                expected="a variable, a constant, or a tuple of these",
                found=f"a {type(_no_leaf(expr)).__name__}",
                cure="bind it to a variable first; relax.transform.Normalize() does so",
            )
        if isinstance(expr, Tuple):
            for each in expr.fields:
                self.argument(each, what)
        elif is_leaf(expr):
            self.leaf(expr, what)

    def leaf(self, expr: Expr, what: str) -> None:
        """A leaf: what it refers to has to be known here."""
        if isinstance(expr, Var):
            self.use(expr)
        elif isinstance(expr, GlobalVar):
            if self.mod is not None and expr not in self.mod:
                self.fail(
                    f"{what} names the function {expr.name_hint!r}, which the module does not "
                    "have.",
                    found=", ".join(each.name_hint for each in self.mod),
                )
        elif isinstance(expr, ShapeExpr):
            for each in expr.values:
                self.symbols(tir_vars_in_expr(each), what)
        elif isinstance(expr, PrimValue):
            self.symbols(tir_vars_in_expr(expr.value), what)
        self.has_info(expr)

    def use(self, var: Var) -> None:
        """A use of a graph variable."""
        if self.in_scope(var):
            return
        name = var.name_hint
        if isinstance(var, DataflowVar) and var in self.ever:
            self.fail(
                f"the dataflow variable {name!r} is used outside its dataflow block.",
                cure="hand it out of the block with R.output",
            )
        if var in self.ever:
            self.fail(
                f"the variable {name!r} is used outside the branch or function that binds it.",
                cure="make it the result of the branch",
            )
        self.fail(f"the variable {name!r} is used before it is defined.")

    def has_info(self, expr: Expr) -> None:
        """Every expression carries its struct info."""
        if self.check_struct_info and not isinstance(expr, GlobalVar | Op):
            holds = isinstance(expr, Tuple) and all(is_leaf_or_tuple(e) for e in expr.fields)
            if expr.struct_info_ is None and not holds:
                self.fail(
                    f"a {type(expr).__name__} has no struct info.",
                    cure="relax.transform.Normalize() fills it in",
                )

    def variable_info(self, var: Var) -> None:
        """A variable where it is defined: it has a struct info, whose variables are known."""
        if var.struct_info_ is not None:
            self.info(var.struct_info_, f"the struct info of {var.name_hint!r}")
        elif self.check_struct_info:
            self.fail(
                f"the variable {var.name_hint!r} has no struct info.",
                cure="relax.transform.Normalize() fills it in",
            )

    def info(self, info: StructInfo, what: str) -> None:
        """A struct info: the variables in it are known."""
        self.symbols(tir_vars_in_struct_info(info), what)
        parts = info.fields if isinstance(info, TupleStructInfo) else (info,)
        for part in parts:
            shape = part.shape if isinstance(part, TensorStructInfo) else None
            if isinstance(shape, Var):
                self.use(shape)

    def symbols(self, variables: list[Any], what: str) -> None:
        """Symbolic variables are defined where they are used."""
        for each in variables:
            if not self.in_scope(each):
                self.fail(
                    f"{what} uses the symbolic variable {each.name!r}, which nothing defines here.",
                    cure="let a parameter show it as a dimension of its own, or bind it with "
                    "R.match_cast",
                )
