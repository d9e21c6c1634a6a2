"""The statements of graph functions: bindings, dataflow blocks, branches, returns."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, cast

from pellucid.ir.attrs import EMPTY
from pellucid.ir.expr_base import GlobalVar, RelaxExpr
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var as SymbolicVar
from pellucid.ir.structural import structural_equal
from pellucid.ir.visitor import pre_order, substitute
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    DataflowBlock,
    DataflowVar,
    If,
    MatchCast,
    SeqExpr,
    Var,
    VarBinding,
)
from pellucid.relax.normal_form import is_leaf_or_tuple, lay_out
from pellucid.relax.struct_info import StructInfo
from pellucid.script.parser.relax_expressions import RelaxExpressions
from pellucid.script.parser.relax_records import (
    Dataflow,
    DataflowFrame,
    EmitSpec,
    FuncAttrClause,
    MatchCastSpec,
    OutputClause,
    ReturnInfoClause,
)
from pellucid.script.parser.tir_scopes import named


@dataclass(slots=True)
class Sequence:
    """A body or branch that is being parsed: its blocks so far, and what it ends in."""

    is_function: bool
    blocks: list[BindingBlock] = field(default_factory=list[BindingBlock])
    result: Any = None
    result_node: ast.AST | None = None
    attrs: Any = EMPTY
    declared: StructInfo | None = None
    # The name bound last, and the statement that did it.
    last: tuple[str, ast.AST] | None = None


class RelaxStatements(RelaxExpressions):
    """Parses the statements of one graph function."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.sequences: list[Sequence] = []

    # Sequences.

    def enter(self, params: list[Var] | None = None) -> Sequence:
        """Open a body (with parameters) or a branch."""
        state = Sequence(params is not None)
        self.sequences.append(state)
        self.builder.begin_scope(params)
        self.builder.begin_binding_block()
        return state

    def leave(self, state: Sequence) -> None:
        """Close it; its blocks are complete then."""
        state.blocks.append(self.builder.end_block())
        self.builder.end_scope()
        self.sequences.pop()

    def statement(self, node: ast.stmt) -> None:
        """Parse one statement; nothing comes after a `return`, or after `R.output` in its block."""
        if self.sequences and self.sequences[-1].result is not None:
            raise self.error(node, "Nothing can come after `return`.", cure="remove it")
        if self.dataflow is not None and self.dataflow.output is not None:
            raise self.error(node, "R.output is the last statement of its block.")
        super().statement(node)

    def in_dataflow(self, node: ast.AST) -> bool:
        """Whether the variable that `node` assigns is known in the present dataflow block alone."""
        return self.dataflow is not None and id(node) not in self.dataflow.outputs

    def uses(self, tree: Any, var: Var) -> bool:
        """Whether a variable occurs in a tree."""
        return any(each is var for each in pre_order(tree))

    # Bindings.

    def add_binding(self, binding: Binding, node: ast.AST, name: str) -> None:
        """Add a binding to the present block."""
        self.builder.emit_normalized(binding)
        if self.dataflow is not None:
            self.dataflow.bindings.append(binding)
        if self.sequences:
            self.sequences[-1].last = (name, node)

    def bind_value(
        self, node: ast.AST, name: str, value: Any, annotation: ast.expr | None = None
    ) -> Var:
        """Bind a value to a new variable called `name`, with the struct info of the annotation."""
        declared = None if annotation is None else self.struct_info(annotation)
        if isinstance(value, EmitSpec):
            declared = declared or (None if value.info is None else self.as_info(value.info, node))
            value = value.value
        kind = DataflowVar if self.in_dataflow(node) else Var
        if isinstance(value, MatchCastSpec):
            return self._bind_match(node, name, value, kind, declared, annotation)
        found = self.normalized(self.as_expr(value, node), node, declared)
        info = self.builder.info_of(found)
        if declared is not None:
            self._check_annotation(annotation or node, name, declared, info)
        var = kind(name, declared or info, span=self.span(node))
        self.add_binding(VarBinding(var, found, span=self.span(node)), node, name)
        return var

    def _bind_match(
        self,
        node: ast.AST,
        name: str,
        spec: MatchCastSpec,
        kind: type[Var],
        declared: StructInfo | None,
        annotation: ast.expr | None,
    ) -> Var:
        value = self.argument(spec.value, node)
        info = self.as_info(spec.info, node)
        known = self.builder.info_of(value)
        if known is not None:
            verdicts = struct_info_base_check(known, info), struct_info_base_check(info, known)
            if BaseCheckResult.FAIL_L0 in verdicts:
                raise self.error(
                    self.value_node or node,
                    "A match_cast that can never succeed.",
                    expected=repr(info),
                    found=repr(known),
                )
        if declared is not None:
            self._check_annotation(annotation or node, name, declared, info)
        var = kind(name, declared or info, span=self.span(node))
        self.add_binding(MatchCast(var, value, info, span=self.span(node)), node, name)
        return var

    def _check_annotation(
        self, node: ast.AST, name: str, declared: StructInfo, found: StructInfo | None
    ) -> None:
        """An annotation has to hold for the value."""
        if found is None:
            return
        verdict = struct_info_base_check(declared, found)
        if verdict is BaseCheckResult.FAIL_L0:
            raise self.error(
                node,
                f"The annotation of {name!r} is wrong.",
                expected=f"something that holds for {found!r}",
                found=repr(declared),
            )
        if verdict is not BaseCheckResult.PASS and self.context.check_well_formed:
            raise self.error(
                node,
                f"The annotation of {name!r} says more than is known of the value.",
                expected=f"something that holds for {found!r}",
                found=repr(declared),
                cure="check it at run time: R.match_cast(value, info)",
            )

    # Assignments.

    def stmt_Assign(self, node: ast.Assign) -> None:
        """`x = value`, `a, b = value`."""
        if len(node.targets) != 1:
            raise self.error(
                node,
                "A script assigns to one target at a time.",
                cure="write an assignment for each",
            )
        value = self.evaluate(node.value)
        self.value_node = node.value
        self.bind(node.targets[0], value, self._named, shadow=True)

    def stmt_AnnAssign(self, node: ast.AnnAssign) -> None:
        """`x: info = value`."""
        if not isinstance(node.target, ast.Name):
            raise self.error(node.target, "Only a name can be annotated.")
        if node.value is None:
            raise self.error(
                node,
                f"The variable {node.target.id!r} has no value.",
                cure="bind it to an expression, or make it a parameter",
            )
        value = self.evaluate(node.value)
        self.value_node = node.value
        var = self.bind_value(node.target, node.target.id, value, node.annotation)
        self.define(node.target, var, shadow=True)

    def stmt_AugAssign(self, node: ast.AugAssign) -> None:
        """There is no assignment in place."""
        raise self.error(
            node,
            "A graph variable is bound once and never changed.",
            cure=f"bind a new one: `{ast.unparse(node.target)} = ...`",
        )

    def _named(self, target: ast.expr, name: str, found: object) -> Any:
        """What `name = value` makes `name` stand for: a new variable, or the host value itself."""
        value: Any = found
        if isinstance(value, SymbolicVar):
            return self._symbol(target, name, value)
        if isinstance(value, DataflowFrame | OutputClause | FuncAttrClause | ReturnInfoClause):
            raise self.error(target, "This gives no value to assign.")
        if isinstance(found, tuple | list) and _holds_exprs(found):
            return self.bind_value(target, name, self.as_expr(value, target))
        if isinstance(value, GlobalVar) or not isinstance(
            value, RelaxExpr | MatchCastSpec | EmitSpec
        ):
            # A number, a symbolic expression, a function of the host program …
            return value
        return self.bind_value(target, name, value)

    def _symbol(self, target: ast.expr, name: str, var: SymbolicVar) -> SymbolicVar:
        """`n = T.int64()`: the symbolic variable `n`, which a signature may have introduced."""
        if var.name:
            return var
        known = self.symbols.find(name)
        if known is None:
            return self.symbols.define(name, named(var, name))
        if known.dtype != var.dtype:
            raise self.error(
                target,
                f"The symbolic variable {name!r} has another dtype already.",
                expected=str(known.dtype),
                found=str(var.dtype),
            )
        return known

    # Other statements.

    def stmt_Expr(self, node: ast.Expr) -> None:
        """A call for its effect, a clause, or a docstring."""
        value = self.evaluate(node.value)
        self.value_node = node.value
        if isinstance(value, OutputClause):
            self._output(value, node)
        elif isinstance(value, FuncAttrClause):
            state = self._function_state(node, "R.func_attr")
            if len(state.attrs):
                raise self.error(node, "R.func_attr is given twice.", cure="merge the two")
            state.attrs = value.attrs
        elif isinstance(value, ReturnInfoClause):
            state = self._function_state(node, "R.func_ret_struct_info")
            state.declared = self.as_info(value.info, node)
        elif isinstance(value, DataflowFrame):
            raise self.error(
                node, "A dataflow block is a `with`.", cure="write `with R.dataflow():`"
            )
        elif isinstance(value, RelaxExpr | MatchCastSpec | EmitSpec):
            if not isinstance(value, Var):
                self.bind_value(node, "_", value)
        elif value is not None and not isinstance(value, str):
            raise self.error(
                node,
                "This expression is no statement.",
                expected="a call, or a clause such as R.func_attr",
                found=f"{type(value).__name__}: {value!r:.60}",
            )

    def _function_state(self, node: ast.AST, what: str) -> Sequence:
        if not self.sequences or not self.sequences[-1].is_function or self.dataflow is not None:
            raise self.error(node, f"{what} stands at the top of a function.", cure="move it there")
        return self.sequences[-1]

    def stmt_Return(self, node: ast.Return) -> None:
        """`return value`."""
        if self.dataflow is not None or not self.sequences[-1].is_function:
            where = "a dataflow block" if self.dataflow is not None else "a branch"
            raise self.error(
                node,
                f"A graph function returns at its end, not inside {where}.",
                cure="bind the value to a variable, and return that at the end",
            )
        if node.value is None:
            raise self.error(
                node, "A graph function returns a value.", cure="`return R.tuple()` for none"
            )
        value = self.evaluate(node.value)
        state = self.sequences[-1]
        with self.placed(node.value):
            state.result = self.argument(value, node.value)
        state.result_node = node.value

    # Dataflow blocks.

    def stmt_With(self, node: ast.With) -> None:
        """`with R.dataflow():`."""
        item = node.items[0]
        frame = self.evaluate(item.context_expr)
        if not isinstance(frame, DataflowFrame) or len(node.items) > 1:
            raise self.error(
                item.context_expr,
                "A `with` in a graph function opens a dataflow block.",
                expected="R.dataflow()",
                found=ast.unparse(item.context_expr),
            )
        if item.optional_vars is not None:
            raise self.error(item.optional_vars, "R.dataflow gives no value to name.")
        if self.dataflow is not None:
            raise self.error(node, "A dataflow block cannot stand inside another one.")
        state = self.sequences[-1]
        state.blocks.append(self.builder.end_block())
        self.builder.begin_dataflow_block()
        dataflow = self.dataflow = Dataflow(_output_targets(node.body))
        with self.variables.frame():
            self.statements(node.body)
        self.dataflow = None
        if dataflow.output is None:
            raise self.error(
                item.context_expr,
                "The dataflow block hands nothing out.",
                cure="end it with R.output(...), which names the variables used after it",
            )
        state.blocks.append(self.builder.end_block())
        self.builder.begin_binding_block()
        for name, var in dataflow.output.items():
            self.variables.define(name, var, shadow=True)

    def _output(self, clause: OutputClause, node: ast.Expr) -> None:
        """`R.output(a, b)`."""
        dataflow = self.dataflow
        if dataflow is None:
            raise self.error(
                node, "R.output stands outside of a dataflow block.", cure="`with R.dataflow():`"
            )
        call = cast("ast.Call", node.value)
        bound = {id(each.var) for each in dataflow.bindings}
        output: dict[str, Var] = {}
        for argument, value in zip(call.args, clause.values, strict=True):
            name = argument.id if isinstance(argument, ast.Name) else None
            if name is None or not isinstance(value, Var) or id(value) not in bound:
                raise self.error(
                    argument,
                    "R.output names variables that are bound in its block.",
                    found=ast.unparse(argument),
                )
            output[name] = value
            self.sequences[-1].last = (name, node)
        hidden = [each for each in output.values() if isinstance(each, DataflowVar)]
        dataflow.output = self._revealed(output, hidden) if hidden else output

    def _revealed(self, output: dict[str, Var], hidden: list[DataflowVar]) -> dict[str, Var]:
        """Dataflow variables made known outside, where their assignments did not tell."""
        table = {each: Var(each.name_hint, each.struct_info_, span=each.span) for each in hidden}
        block = substitute(self.builder.end_block(), table)
        self.builder.begin_dataflow_block()
        for binding in block.bindings:
            self.builder.emit_normalized(binding)
        return {name: table.get(cast("DataflowVar", var), var) for name, var in output.items()}

    # Branches.

    def stmt_If(self, node: ast.If) -> None:
        """`if`: two branches that bind the same name, or a choice now for a host value."""
        test = self.evaluate(node.test)
        if not isinstance(test, RelaxExpr | PrimExpr | MatchCastSpec | EmitSpec):
            self.statements(node.body if test else node.orelse)
            return
        if self.dataflow is not None:
            raise self.error(
                node,
                "A dataflow block has no branches.",
                cure="end the block before the `if`",
            )
        if not node.orelse:
            raise self.error(
                node,
                "An `if` of a graph function has an `else`.",
                cure="both branches bind the variable that comes out of the choice",
            )
        cond = self.argument(test, node.test)
        true_branch, name, info = self._branch(node.body)
        false_branch, other, other_info = self._branch(node.orelse)
        if name != other:
            raise self.error(
                node.orelse[-1],
                "The two branches end in different variables.",
                expected=f"a binding of {name!r} as in the first branch",
                found=f"a binding of {other!r}",
            )
        choice = self.normalized(
            If(cond, true_branch, false_branch, span=self.span(node)), node, None
        )
        found = self.builder.info_of(choice)
        if info is not None and other_info is not None and structural_equal(info, other_info):
            self._check_annotation(node, name, info, found)
            found = info
        var = Var(name, found, span=self.span(node))
        self.add_binding(VarBinding(var, choice, span=self.span(node)), node, name)
        self.define(node, var, name=name, shadow=True)

    def _branch(self, body: list[ast.stmt]) -> tuple[SeqExpr, str, StructInfo | None]:
        """A branch: its sequence, the name that it binds last, and that variable's struct info."""
        state = self.enter()
        with self.variables.frame():
            self.statements(body)
        if state.last is None:
            raise self.error(
                body[-1],
                "A branch ends in a binding.",
                cure="bind the same variable as the last statement of both branches",
            )
        self.leave(state)
        name = state.last[0]
        blocks = [each for each in state.blocks if each.bindings]
        last = blocks[-1].bindings[-1]
        value, info = last.var, last.var.struct_info_
        plain = isinstance(last, VarBinding) and not isinstance(blocks[-1], DataflowBlock)
        if plain and is_leaf_or_tuple(cast("VarBinding", last).value):
            # The branch's value itself needs no variable.
            value = cast("VarBinding", last).value
            blocks[-1] = BindingBlock(blocks[-1].bindings[:-1])
        return SeqExpr(lay_out(blocks), value), name, info

    # What is not in the language.

    def stmt_For(self, node: ast.For) -> None:
        """There are no loops."""
        raise self.error(
            node,
            "A graph function has no loops.",
            cure="write a loop function and call it with R.call_tir, or use recursion",
        )

    def stmt_While(self, node: ast.While) -> None:
        """There are no loops."""
        raise self.error(
            node, "A graph function has no loops.", cure="use a function that calls itself"
        )

    def stmt_Assert(self, node: ast.Assert) -> None:
        """Assertions are calls."""
        raise self.error(
            node,
            "A graph function has no `assert`.",
            cure="R.match_cast checks shapes and dtypes at run time",
        )


def _holds_exprs(value: Any) -> bool:
    """Whether a tuple or list is one of graph values."""
    items = cast("list[Any]", value)
    return any(
        isinstance(each, RelaxExpr) or (isinstance(each, tuple | list) and _holds_exprs(each))
        for each in items
    ) and all(not isinstance(each, GlobalVar) for each in items)


def _output_targets(body: list[ast.stmt]) -> set[int]:
    """The syntax nodes of the last assignments to the names in `R.output`."""
    last: dict[str, ast.AST] = {}
    named_out: list[str] = []
    for statement in body:
        for each in ast.walk(statement):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                last[each.id] = each
            elif isinstance(each, ast.FunctionDef):
                last[each.name] = each
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "output":
            named_out = [each.id for each in call.args if isinstance(each, ast.Name)]
    return {id(last[name]) for name in named_out if name in last}
