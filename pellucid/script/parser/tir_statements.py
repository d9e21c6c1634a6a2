"""The statements of loop functions: what each Python statement stands for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from pellucid.ir.arithmetic import cast_to, const, convert, distance
from pellucid.ir.dtype import DataType
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, IterVar, Ramp, Range, StringImm, Var
from pellucid.script.parser.core import Context
from pellucid.script.parser.evaluate import is_scalar
from pellucid.script.parser.macro import MacroCall
from pellucid.script.parser.tir_blocks import BlockParser
from pellucid.script.parser.tir_frames import (
    Clause,
    EnvThread,
    EvaluateClause,
    Frame,
    LetAnnotation,
    LoopFrame,
    MetaVar,
    Named,
    Remap,
    StoreClause,
)
from pellucid.script.parser.tir_scopes import condition_of, is_number, named
from pellucid.script.parser.tir_types import DtypeFunction, dtype_name
from pellucid.script.parser.tir_vocabulary import serial
from pellucid.script.parser.variables import VariableTable
from pellucid.support.errors import TypeMismatchError
from pellucid.tir.buffer import Buffer, access_dtype
from pellucid.tir.op_calls import ret
from pellucid.tir.stmt import (
    AssertStmt,
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    Stmt,
    While,
)


class TirStatements(BlockParser):
    """Parses the statements of a loop function."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # The branches of the `T.If` frames around.
        self.branches: list[dict[str, Stmt]] = []

    # Loops.

    def stmt_For(self, node: ast.For) -> None:
        """`for i, j in T.grid(...)`, `range(...)`, `T.serial(...)` and its like."""
        if node.orelse:
            raise self.error(node.orelse[0], "A loop of a script has no `else`.")
        frame = self.evaluate(node.iter)
        if isinstance(frame, range):
            frame = self._range_frame(frame, node)
        if not isinstance(frame, LoopFrame):
            raise self.error(
                node.iter,
                "A `for` runs over a loop of the language.",
                expected="range, T.grid, T.serial, T.parallel, T.vectorized, T.unroll …",
                found=f"{type(frame).__name__}: {frame!r:.60}",
                cure="compute with host lists in comprehensions, or before the function",
            )
        loop_vars = self._loop_vars(node.target, frame)
        for var, (low, extent) in zip(loop_vars, frame.ranges, strict=True):
            self.loops[var] = Range(min=low, extent=extent)

        def body() -> None:
            value: Any = tuple(loop_vars) if len(loop_vars) > 1 else loop_vars[0]
            self.bind(node.target, value, lambda target, name, each: each, shadow=False)
            self.statements(node.body)

        inside = self.scope(body)
        for var, (low, extent) in reversed(list(zip(loop_vars, frame.ranges, strict=True))):
            thread = None
            if frame.kind is ForKind.THREAD_BINDING:
                thread = IterVar(
                    None, Var(var.name, var.dtype), IterVar.ThreadIndex, frame.thread or ""
                )
            inside = For(
                var,
                low,
                extent,
                frame.kind,
                inside,
                thread,
                frame.annotations,
                span=self.span(node),
            )
        self.emit(inside)

    def _range_frame(self, values: range, node: ast.For) -> LoopFrame:
        if values.step != 1:
            raise self.error(
                node.iter,
                "A loop has the step 1.",
                found=f"step {values.step}",
                cure="loop over the number of steps and multiply inside",
            )
        return serial(values.start, values.stop)

    def _loop_vars(self, target: ast.expr, frame: LoopFrame) -> list[Var]:
        """A variable for each loop, named by the target."""
        count = len(frame.ranges)
        if isinstance(target, ast.Name):
            names = [target.id] if count == 1 else [f"{target.id}_{i}" for i in range(count)]
        elif isinstance(target, ast.Tuple | ast.List):
            names = [each.id if isinstance(each, ast.Name) else "i" for each in target.elts]
            if len(names) != count and not any(
                isinstance(each, ast.Starred) for each in target.elts
            ):
                raise self.error(
                    target,
                    "The number of loop variables differs from the number of loops.",
                    expected=f"{count} names",
                    found=f"{len(names)}",
                )
            if len(names) != count:
                names = [f"i_{i}" for i in range(count)]
        else:
            raise self.error(target, "A loop variable is a name.")
        return [
            Var(name, extent.dtype, self.span(target))
            for name, (_, extent) in zip(names, frame.ranges, strict=True)
        ]

    def stmt_While(self, node: ast.While) -> None:
        """`while condition:`."""
        if node.orelse:
            raise self.error(node.orelse[0], "A loop of a script has no `else`.")
        condition = self.condition(node.test)
        self.emit(While(condition, self.scope(lambda: self.statements(node.body))), node)

    def condition(self, node: ast.expr) -> PrimExpr:
        """A truth value, as an expression."""
        value = self.operand(self.evaluate(node))
        with self.placed(node):
            return condition_of(value)

    # Choices and checks.

    def stmt_If(self, node: ast.If) -> None:
        """`if`: a statement for a scalar condition, a choice now for a host value."""
        test = self.operand(self.evaluate(node.test))
        if not is_scalar(test):
            with self.variables.frame():
                self.statements(node.body if test else node.orelse)
            return
        with self.placed(node.test):
            condition = condition_of(test)
        then_case = self.scope(lambda: self.statements(node.body))
        else_case = self.scope(lambda: self.statements(node.orelse)) if node.orelse else None
        self.emit(IfThenElse(condition, then_case, else_case), node)

    def stmt_Assert(self, node: ast.Assert) -> None:
        """`assert condition, message`: holds for the rest of the scope."""
        condition = self.condition(node.test)
        message = "" if node.msg is None else self.evaluate(node.msg)
        if isinstance(message, StringImm):
            message = message.value
        if not isinstance(message, str):
            raise self.error(node.msg or node, "The message of an assert is a string.")
        text: str = message
        self.scopes[-1].append(lambda body: AssertStmt(condition, text, body, span=self.span(node)))

    def stmt_Return(self, node: ast.Return) -> None:
        """`return value`: the value of the function."""
        if node.value is None:
            raise self.error(
                node, "A loop function that gives no value needs no `return`.", cure="leave it out"
            )
        value = self.operand(self.evaluate(node.value))
        self.emit(Evaluate(self.at(ret(value), node)), node)

    # Scopes.

    def stmt_With(self, node: ast.With) -> None:
        """`with` frames; several are nested in each other."""
        self._with_items(node, 0)

    def _with_items(self, node: ast.With, index: int) -> None:
        if index == len(node.items):
            self.statements(node.body)
            return
        item = node.items[index]
        frame = self.evaluate(item.context_expr)
        if not isinstance(frame, Frame):
            raise self.error(
                item.context_expr,
                "A `with` opens a frame of the language.",
                expected="T.block, T.init, T.attr, T.launch_thread, T.allocate …",
                found=type(frame).__name__,
            )
        target = item.optional_vars
        structural: Callable[..., None] | None = getattr(self, f"with_{type(frame).__name__}", None)
        if structural is not None:
            if target is not None:
                raise self.error(target, f"{frame.spelling} gives no value to name.")
            structural(frame, node, lambda: self._with_items(node, index + 1))
            return
        name = target.id if isinstance(target, ast.Name) else ""
        value, wrap = self.open(frame, name, item.context_expr)

        def body() -> None:
            if target is not None:
                self.bind(target, value, lambda each, name, part: part, shadow=False)
            self._with_items(node, index + 1)

        self.emit(wrap(self.scope(body)))

    def with_WhileFrame(self, frame: Any, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.While(condition):`."""
        self.emit(While(condition_of(frame.condition), self.scope(body)), node)

    def with_IfFrame(self, frame: Any, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.If(condition):`."""
        condition = condition_of(frame.condition)
        self.branches.append({})
        self.scope(body)
        cases = self.branches.pop()
        if "then" not in cases:
            raise self.error(node, "T.If has no T.Then.", cure="put `with T.Then():` inside")
        self.emit(IfThenElse(condition, cases["then"], cases.get("else")), node)

    def with_ThenFrame(self, frame: Any, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.Then():`."""
        self._branch("then", frame, node, body)

    def with_ElseFrame(self, frame: Any, node: ast.With, body: Callable[[], None]) -> None:
        """`with T.Else():`."""
        self._branch("else", frame, node, body)

    def _branch(self, key: str, frame: Frame, node: ast.With, body: Callable[[], None]) -> None:
        if not self.branches:
            raise self.error(node, f"{frame.spelling} stands outside of T.If.")
        if key in self.branches[-1]:
            raise self.error(node, f"This T.If has a {frame.spelling} already.")
        inside = self.scope(body)
        self.branches[-1][key] = inside

    # Assignments.

    def stmt_Assign(self, node: ast.Assign) -> None:
        """`name = …`, `a, b = …`, `A[i] = …`."""
        if len(node.targets) != 1:
            raise self.error(
                node,
                "A script assigns to one target at a time.",
                cure="write an assignment for each",
            )
        target = node.targets[0]
        value = self.evaluate(node.value)
        if isinstance(target, ast.Subscript):
            self._store(target, value, node)
        elif isinstance(target, ast.Attribute):
            raise self.error(target, "Attributes cannot be assigned to in a script.")
        elif isinstance(value, Remap):
            self._assign_remap(target, value, node.value)
        elif isinstance(value, LoopFrame | Clause | MacroCall):
            what = getattr(value, "spelling", "A macro")
            raise self.error(node.value, f"{what} gives no value to assign.")
        else:
            place = node.value if isinstance(target, ast.Name) else None
            self.bind(
                target,
                value,
                lambda each, name, part: self._named(place or each, each, name, part),
                shadow=False,
            )

    def _assign_remap(self, target: ast.expr, remap: Remap, place: ast.expr) -> None:
        targets = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        if len(targets) != len(remap.bindings):
            raise self.error(
                target,
                "The number of names differs from the number of axes.",
                expected=f"{len(remap.bindings)} names",
                found=f"{len(targets)}",
            )
        for each, var in zip(targets, self.remap(remap, targets, place), strict=True):
            self.define(each, var)

    def _named(self, place: ast.expr, target: ast.expr, name: str, value: Any) -> Any:
        """What `name = value` makes `name` stand for; errors are reported at `place`."""
        if isinstance(value, MetaVar):
            return value.value
        if isinstance(value, list | tuple):
            parts = cast("list[Any]", value)
            made = [self._named(place, target, f"{name}_{i}", each) for i, each in enumerate(parts)]
            return made if isinstance(value, list) else tuple(made)
        if isinstance(value, Frame):
            opened, wrap = self.open(value, name, place)
            self.scopes[-1].append(wrap)
            return opened
        if isinstance(value, Named):
            with self.placed(place):
                return getattr(self, f"name_{type(value).__name__}")(value, name, place)
        if isinstance(value, Var):
            return self._named_var(target, name, value)
        if is_number(value) or isinstance(value, PrimExpr | np.generic):
            return self._let(target, Var(name, convert(value).dtype), convert(value))
        return value

    def _named_var(self, target: ast.expr, name: str, var: Var) -> Any:
        if not var.name:
            return self.at(named(var, name), target)
        if not self.variables.holds(var):
            # A variable of the host program keeps its name.
            return var
        return self._let(target, Var(name, var.type_annotation), var)

    def _let(self, target: ast.expr, var: Var, value: PrimExpr) -> Var:
        """`var` stands for `value` in the rest of the scope."""
        self.at(var, target)
        place = self.span(target)
        self.scopes[-1].append(lambda body: LetStmt(var, value, body, span=place))
        return var

    def name_EnvThread(self, thread: EnvThread, name: str, node: ast.AST) -> Var:
        """The variable of a thread axis."""
        var = Var(name, thread.dtype, self.span(node))
        self.threads[var] = IterVar(None, var, IterVar.ThreadIndex, thread.tag)
        return var

    def stmt_AnnAssign(self, node: ast.AnnAssign) -> None:
        """`x: T.int32 = value`: a variable that stands for a value."""
        if not isinstance(node.target, ast.Name):
            raise self.error(node.target, "Only a name can be annotated.")
        annotation = self.evaluate(node.annotation)
        if isinstance(annotation, LetAnnotation):
            annotation = annotation.annotation
        name = node.target.id
        if isinstance(annotation, DtypeFunction):
            annotation = annotation()
        if not isinstance(annotation, Var) or annotation.name:
            raise self.error(
                node.annotation,
                "This is no type of a variable.",
                expected='T.int32, T.float32, T.handle("float32") …',
                found=f"{annotation!r:.60}",
            )
        var = named(annotation, name)
        if node.value is None:
            raise self.error(
                node,
                f"The variable {name!r} has no value.",
                cure=f"write `{name} = T.{var.dtype}()` for a symbolic variable",
            )
        value = self.operand(self.evaluate(node.value))
        if isinstance(value, Frame):
            opened, wrap = self.open(value, name, node)
            self.scopes[-1].append(wrap)
            self.define(node.target, opened)
            return
        with self.placed(node.value):
            given = const(value, var.dtype) if is_number(value) else convert(value)
            if given.dtype != var.dtype:
                raise TypeMismatchError(
                    f"The value of {name!r} has another dtype than its annotation.",
                    expected=str(var.dtype),
                    found=str(given.dtype),
                    cure=f"write T.{var.dtype}(value)",
                )
        self.define(node.target, self._let(node.target, var, given))

    def stmt_AugAssign(self, node: ast.AugAssign) -> None:
        """`A[i] += value`: a load, the operation, a store."""
        if not isinstance(node.target, ast.Subscript):
            raise self.error(
                node.target,
                "Only an element of a buffer can be changed; a name stands for one value.",
                cure="use a buffer of one element, or a new name",
            )
        load = ast.copy_location(
            ast.Subscript(node.target.value, node.target.slice, ast.Load()), node.target
        )
        operation = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        self._store(node.target, self.evaluate(operation), node)

    # Stores.

    def _store(self, target: ast.Subscript, value: Any, node: ast.stmt) -> None:
        buffer = self.evaluate(target.value)
        if not isinstance(buffer, Buffer):
            raise self.error(
                target.value,
                "Only elements of buffers can be assigned to.",
                found=type(buffer).__name__,
            )
        index: Any = self.index(target.slice)
        with self.placed(target):
            indices = store_indices(buffer, index)
        with self.placed(node.value if isinstance(node, ast.Assign | ast.AugAssign) else node):
            stored = stored_value(buffer, access_dtype(buffer, indices), self.operand(value))
        self.emit(BufferStore(buffer, stored, indices), node)

    def clause_StoreClause(self, clause: StoreClause, node: ast.AST) -> None:
        """`T.buffer_store(...)`."""
        items: Any = clause.indices
        indices = store_indices(
            clause.buffer, tuple(cast("Any", items)) if isinstance(items, list | tuple) else items
        )
        dtype = access_dtype(clause.buffer, indices)
        stored = stored_value(clause.buffer, dtype, self.operand(clause.value))
        self.emit(BufferStore(clause.buffer, stored, indices, clause.predicate), node)

    def clause_EvaluateClause(self, clause: EvaluateClause, node: ast.AST) -> None:
        """`T.evaluate(value)`."""
        self.emit(Evaluate(self.operand(clause.value)), node)

    # Bare expressions.

    def stmt_Expr(self, node: ast.Expr) -> None:
        """A clause, a frame to the end of the scope, a macro, or an expression evaluated for its
        effect.
        """
        value = self.evaluate(node.value)
        if isinstance(value, Clause):
            self.clause(value, node)
        elif isinstance(value, MacroCall):
            self.expand(value)
        elif isinstance(value, LoopFrame):
            raise self.error(node, "A loop stands in a `for`.", cure="write `for i in ...:`")
        elif isinstance(value, Frame):
            _, wrap = self.open(value, "", node)
            self.scopes[-1].append(wrap)
        elif isinstance(value, Stmt):
            self.emit(value, node)
        elif isinstance(value, Named | Remap):
            raise self.error(node, f"{value.spelling} must be assigned to a name.")
        elif isinstance(value, PrimExpr | IterVar) or (
            is_number(value) and not isinstance(value, float)
        ):
            self.emit(Evaluate(convert(value)), node)
        elif value is not None and not isinstance(value, str):
            raise self.error(
                node,
                "This expression is no statement.",
                expected="a store, T.evaluate, or a clause such as T.reads",
                found=f"{type(value).__name__}: {value!r:.60}",
            )

    def expand(self, call: MacroCall) -> None:
        """Parse the body of a macro here."""
        macro = call.macro
        if macro.token != self.token:
            raise TypeMismatchError(
                "A macro of another dialect cannot be used here.", found=repr(macro)
            )
        host: Mapping[str, Any] = macro.host
        if not macro.hygienic:
            host = {**macro.host, **self.variables.snapshot()}
        kept = self.source, self.variables
        self.source, self.variables = macro.source, VariableTable(host)
        with self.variables.frame():
            for name, value in call.arguments.items():
                self.variables.define(name, value)
            with self.variables.frame():
                self.statements(macro.node.body)
        self.source, self.variables = kept

    # Calls.

    def call(self, node: ast.Call, function: Any, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Calls: `range` of expressions is a loop, functions of the module are called by name."""
        if function is range and any(is_scalar(each) for each in args):
            if len(args) > 2:
                raise self.error(node, "A loop has the step 1.", cure="multiply inside the loop")
            return serial(*args)
        if isinstance(function, GlobalVar):
            return self._call_global(function, args)
        if "dtype" in keywords and _infers_dtype(function):
            # Printed scripts of other systems state the dtype that follows from the operands.
            rest = {key: value for key, value in keywords.items() if key != "dtype"}
            result = super().call(node, function, args, rest)
            stated = dtype_name(keywords["dtype"])
            if stated != str(result.dtype):
                raise TypeMismatchError(
                    f"T.{function.__name__} gives another dtype than the one stated.",
                    expected=str(result.dtype),
                    found=f"dtype={stated!r}",
                )
            return result
        return super().call(node, function, args, keywords)

    def _call_global(self, function: GlobalVar, args: list[Any]) -> Call:
        """A call of another loop function of the module."""
        module = self.context.module
        dtype: Any = None if module is None else module.signatures.get(function.name_hint)
        return Call(DataType("void") if dtype is None else dtype, function, args)


def _infers_dtype(function: Any) -> bool:
    """Whether this is an intrinsic whose dtype follows from its operands."""
    module = str(getattr(function, "__module__", ""))
    if not module.startswith(("pellucid.tir.op", "pellucid.ir.arithmetic")):
        return False
    return "dtype" not in inspect.signature(function).parameters


def store_indices(buffer: Buffer, index: Any) -> tuple[PrimExpr, ...]:
    """The indices of a store; a slice becomes a vector of consecutive (or strided) indices."""
    items = cast("tuple[Any, ...]", index) if isinstance(index, tuple) else (index,)
    if len(items) != len(buffer.shape):
        raise TypeMismatchError(
            f"The buffer {buffer.name!r} has {len(buffer.shape)} dimensions.",
            expected=f"{len(buffer.shape)} indices",
            found=f"{len(items)}",
        )
    found: list[PrimExpr] = []
    for each, extent in zip(items, buffer.shape, strict=True):
        if not isinstance(each, slice):
            found.append(convert(each))
            continue
        part = cast("Any", each)
        begin = convert(0 if part.start is None else part.start)
        step = 1 if part.step is None else part.step
        length = distance(begin, extent if part.stop is None else part.stop)
        lanes = (length + convert(step) - 1) // step
        if not isinstance(lanes, IntImm):
            raise TypeMismatchError("A vector store needs a constant number of elements.")
        stride = convert(step)
        found.append(
            begin if lanes.value == 1 else Ramp(begin, cast_to(begin.dtype, stride), lanes.value)
        )
    return tuple(found)


def stored_value(buffer: Buffer, dtype: DataType, value: Any) -> PrimExpr:
    """A value on its way into a buffer.

    Python numbers take the buffer's dtype; bools, integers and floats are widened to it; a scalar
    fills a vector. All else needs a cast in the script, since it may lose something.
    """
    if is_number(value) or isinstance(value, np.generic):
        return const(value, dtype)
    given = convert(value)
    if given.dtype == dtype:
        return given
    if given.dtype.lanes in (1, dtype.lanes) and widens(given.dtype.scalar, dtype.scalar):
        return cast_to(dtype, given)
    if given.dtype.lanes not in (1, dtype.lanes):
        raise TypeMismatchError(
            f"The value stored into {buffer.name!r} has another number of elements.",
            expected=f"{dtype.lanes}",
            found=f"{given.dtype.lanes}",
        )
    raise TypeMismatchError(
        f"The value stored into {buffer.name!r} has another dtype than the buffer.",
        expected=str(dtype),
        found=str(given.dtype),
        cure=f'write T.Cast("{dtype}", value)',
    )


def widens(given: DataType, wanted: DataType) -> bool:
    """Whether every value of `given` has a place in `wanted` without a second thought."""
    if given == wanted:
        return True
    if given.is_bool:
        return wanted.is_integer or wanted.is_float
    if given.is_integer:
        return wanted.is_float or (
            wanted.is_integer and wanted.bits > given.bits and (wanted.is_int or given.is_uint)
        )
    return given.is_float and wanted.is_float and wanted.bits > given.bits
