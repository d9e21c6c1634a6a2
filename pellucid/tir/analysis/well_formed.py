"""Is a loop function in the language? The verifier of loop programs.

In: a function or a module. Out: nothing, or a `WellFormedError` that names the first broken rule,
its place and a cure. The rules:

- every variable, symbolic dimension and buffer is defined before it is used, and defined once;
- inside a block with iteration variables no loop variable of the outside is used: it comes in
  through a binding; blocks without iteration variables are exempt;
- a block stands in a `BlockRealize`; its regions are known (see `analysis.complete`);
- bindings, bounds and domains have the dtype of their variable, indices are integers, conditions
  are bool, a `let` has the dtype of its value;
- loops of the kind `thread_binding` name their thread axis, others have none; one axis has one
  variable, wherever it is bound; vectorized loops have a constant extent;
- parameters are distinct; a tensor parameter is a handle;
- sequences are flat; a returned value has the dtype that the function declares;
- a called function of the module exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.node import Node
from pellucid.ir.op import Op
from pellucid.ir.place import ScriptPlace
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Call, IntImm, IterVar, Let, Range, Var
from pellucid.ir.types import PrimType
from pellucid.ir.visitor import Visitor
from pellucid.support.errors import WellFormedError, did_you_mean
from pellucid.tir.analysis.completion import DETECT_ACCESS
from pellucid.tir.analysis.scopes import Scopes
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion
from pellucid.tir.function import PrimFunc
from pellucid.tir.reduction import CommReducer, Reduce
from pellucid.tir.stmt import (
    Allocate,
    AllocateConst,
    AssertStmt,
    AttrStmt,
    BufferRealize,
    BufferStore,
    DeclBuffer,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    While,
)

_THREAD_KEYS = ("thread_extent", "virtual_thread")


class _Checker(Visitor):
    """Walks one function; raises at the first broken rule."""

    def __init__(self, function: PrimFunc, name: str, module: IRModule | None) -> None:
        super().__init__()
        self.function = function
        self.name = name
        self.module = module
        self.scopes = Scopes()
        self.threads: dict[str, Var] = {}
        # The statement around what is being visited: the place of errors inside expressions.
        self.around: Node | None = None
        self.realized: Block | None = None

    def error(self, message: str, at: Any = None, **parts: str | None) -> WellFormedError:
        """A broken rule, at a node or the statement around it."""
        nodes = [each for each in (at, self.around) if each is not None]
        spans = [each.span for each in nodes if each.span is not None]
        place = spans[0] if spans else ScriptPlace.of(self.function, *nodes[:1])
        message = f"The function {self.name!r} is ill-formed: {message}"
        return WellFormedError(message, place=place, **parts)

    def check(self) -> None:
        """Check the whole function."""
        self.parameters()
        self.visit(self.function.body)

    def visit(self, node: Any) -> Any:
        """Visit a node; statements become the place of errors below them."""
        if isinstance(node, PrimExpr) or not isinstance(node, Node) or node.is_variable:
            return super().visit(node)
        saved = self.around
        if type(node).__module__.endswith((".stmt", ".block")):
            self.around = node
        try:
            return super().visit(node)
        finally:
            self.around = saved

    def parameters(self) -> None:
        """Parameters, the buffers behind them, and their symbolic dimensions."""
        function = self.function
        for param in function.params:
            self.define(param, function)
        for param, buffer in function.buffer_map.items():
            if not param.dtype.is_handle:
                raise self.error(
                    f"the tensor parameter {param.name!r} is no handle.",
                    function,
                    expected="handle",
                    found=str(param.dtype),
                )
            self.define_buffer(buffer, function, symbols=True)
        for buffer in function.buffer_map.values():
            self.describe(buffer)

    def define(self, var: Var, at: Node) -> None:
        """Note a definition; a second one of the same variable is an error."""
        if var in self.scopes.ever:
            where = "again inside its own scope" if var in self.scopes.vars else "in two places"
            raise self.error(
                f"the variable {var.name!r} is defined {where}.",
                at,
                cure="every definition has a variable object of its own: use renew_defs to copy",
            )
        self.scopes.ever.add(var)
        self.scopes.vars.add(var)

    def define_buffer(self, buffer: Buffer, at: Node, *, symbols: bool) -> None:
        """Note the definition of a buffer; with `symbols`, of free dimensions and strides too."""
        if buffer in self.scopes.ever:
            raise self.error(
                f"the buffer {buffer.name!r} is defined in two places.",
                at,
                cure="make a new buffer for each: decl_buffer, or renew_defs to copy",
            )
        self.scopes.ever.add(buffer)
        self.scopes.buffers.add(buffer)
        if buffer.data not in self.scopes.vars:
            self.scopes.vars.add(buffer.data)
            self.scopes.ever.add(buffer.data)
        self.scopes.memory.add(buffer.data)
        if symbols:
            for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
                if isinstance(each, Var) and each not in self.scopes.vars:
                    self.scopes.vars.add(each)
                    self.scopes.ever.add(each)

    def describe(self, buffer: Buffer) -> None:
        """Check what a buffer's shape, strides and offset use."""
        for each in (*buffer.shape, *buffer.strides, buffer.elem_offset):
            self.integer(each, f"the shape of {buffer.name!r}")
            self.visit(each)
        if any(isinstance(each, IntImm) and each.value < 0 for each in buffer.shape):
            raise self.error(
                f"the buffer {buffer.name!r} has a negative extent.",
                buffer,
                expected="extents of 0 and more",
                found=repr(buffer.shape),
            )

    # Uses.

    def visit_var_(self, var: Var) -> None:
        """A used variable is defined, and comes in through a binding where it has to."""
        block = self.scopes.outside.get(var)
        if block is not None:
            raise self.error(
                f"the loop variable {var.name!r} of the outside is used in the block {block!r}.",
                cure=f"bind it: v = T.axis.spatial(extent, {var.name}), and use v",
            )
        if var in self.scopes.vars:
            return
        if var in self.scopes.ever:
            raise self.error(
                f"the variable {var.name!r} is used outside of the scope that defines it.",
                cure="use it inside that loop or block, or compute it there",
            )
        raise self.error(
            f"the variable {var.name!r} is not defined.",
            cure="make it a parameter, or a whole dimension of a parameter's shape",
        )

    def use_buffer(self, buffer: Buffer) -> None:
        """A used buffer was declared, or stands on memory that was, or behind a visible pointer."""
        scopes = self.scopes
        if buffer in scopes.buffers or buffer.data in scopes.memory or buffer.data in scopes.vars:
            return
        cure = "make it a parameter, or allocate it with T.alloc_buffer"
        if buffer in self.scopes.ever:
            cure = "allocate it in a block around all of its uses"
        raise self.error(f"the buffer {buffer.name!r} is not defined here.", cure=cure)

    def access(
        self, buffer: Buffer, indices: Iterable[PrimExpr], predicate: PrimExpr | None
    ) -> None:
        """Check what loads and stores share."""
        self.use_buffer(buffer)
        places = list(indices)
        if any(each.dtype.is_vector for each in places[:-1]):
            raise self.error(
                f"an index of {buffer.name!r} before the last one is a vector.",
                found=", ".join(repr(each) for each in places),
                cure="let a loop run over that dimension, or make it the last one",
            )
        for each in places:
            self.integer(each, f"an index of {buffer.name!r}")
            self.visit(each)
        if predicate is not None:
            self.condition(predicate, f"the predicate of an access to {buffer.name!r}")
            self.visit(predicate)

    def integer(self, expr: PrimExpr, what: str) -> None:
        """Require an integer."""
        if not expr.dtype.is_integer:
            raise self.error(
                f"{what} is no integer.",
                found=f"{expr.dtype}: {expr!r}",
                cure="cast it to int32 or int64",
            )

    def condition(self, expr: PrimExpr, what: str) -> None:
        """Require a bool."""
        if not expr.dtype.is_bool:
            raise self.error(
                f"{what} is no bool.", found=f"{expr.dtype}: {expr!r}", cure="compare with `!= 0`"
            )

    def same_dtype(self, what: str, found: PrimExpr, expected: Var, of: str) -> None:
        """Require two parts to agree in dtype."""
        if found.dtype != expected.dtype:
            raise self.error(
                f"{what} differs in dtype from {of} {expected.name!r}.",
                expected=str(expected.dtype),
                found=f"{found.dtype}: {found!r}",
                cure="cast it",
            )

    def visit_buffer_load_(self, load: BufferLoad) -> None:
        """A load."""
        self.access(load.buffer, load.indices, load.predicate)

    def visit_buffer_store_(self, store: BufferStore) -> None:
        """A store."""
        self.visit(store.value)
        self.access(store.buffer, store.indices, store.predicate)

    def visit_buffer_region_(self, region: BufferRegion) -> None:
        """A region."""
        self.use_buffer(region.buffer)
        for each in region.region:
            self.visit_range_(each)

    def visit_range_(self, values: Range) -> None:
        """A range."""
        self.integer(values.min, "the begin of a range")
        self.integer(values.extent, "the extent of a range")
        self.visit(values.min)
        self.visit(values.extent)

    def visit_buffer_(self, buffer: Buffer) -> None:
        """A buffer as an argument."""
        self.use_buffer(buffer)

    def visit_call_(self, call: Call) -> None:
        """A call of an intrinsic, or of a function of the module."""
        if isinstance(call.op, GlobalVar):
            self.callee(call, call.op)
        elif isinstance(call.op, Op) and call.op.name == "tir.ret":
            self.returned(call.args[0])
        for each in call.args:
            self.visit(each)

    def callee(self, call: Call, var: GlobalVar) -> None:
        """A called function exists and takes as many arguments."""
        if self.module is None:
            return
        if var not in self.module:
            raise self.error(
                f"the module has no function {var.name_hint!r}.",
                call,
                cure=did_you_mean(var.name_hint, [each.name_hint for each in self.module]),
            )
        params = getattr(self.module[var], "params", ())
        if len(params) != len(call.args):
            raise self.error(
                f"the call of {var.name_hint!r} has the wrong number of arguments.",
                call,
                expected=str(len(params)),
                found=str(len(call.args)),
            )

    def returned(self, value: PrimExpr) -> None:
        """A returned value is what the function declares."""
        declared = self.function.ret_type
        if isinstance(declared, PrimType) and declared.dtype != value.dtype:
            raise self.error(
                "the returned value has not the dtype that the function declares.",
                expected=str(declared.dtype),
                found=f"{value.dtype}: {value!r}",
                cure="cast it, or change the function's return annotation",
            )

    # Definitions.

    def visit_for_(self, loop: For) -> None:
        """A loop."""
        var = loop.loop_var
        if not var.dtype.is_integer:
            raise self.error(f"the loop variable {var.name!r} is no integer.", found=str(var.dtype))
        for what, expr in (("the begin", loop.min), ("the extent", loop.extent)):
            self.same_dtype(f"{what} of the loop", expr, var, "its variable")
            self.visit(expr)
        self.loop_kind(loop)
        with self.scopes.inner():
            self.define(var, loop)
            self.scopes.loop_vars[var] = None
            self.visit(loop.body)

    def loop_kind(self, loop: For) -> None:
        """What the kind of a loop asks for."""
        axis = loop.thread_binding
        if loop.kind is ForKind.THREAD_BINDING:
            if axis is None or not axis.thread_tag:
                raise self.error(
                    f"the loop over {loop.loop_var.name!r} is bound to threads without an axis.",
                    cure='name it: T.thread_binding(extent, thread="threadIdx.x")',
                )
        elif axis is not None:
            raise self.error(
                f"the loop over {loop.loop_var.name!r} has a thread axis and is "
                f"{loop.kind.name.lower()}.",
                cure="give it the kind thread_binding, or drop the axis",
            )
        if loop.kind is ForKind.VECTORIZED and not isinstance(loop.extent, IntImm):
            raise self.error(
                f"the vectorized loop over {loop.loop_var.name!r} has no constant extent.",
                found=repr(loop.extent),
                cure="split it by a constant first, and vectorize the inner loop",
            )

    def visit_let_stmt_(self, let: LetStmt) -> None:
        """A name for a value."""
        self.let(let)

    def visit_let_(self, let: Let) -> None:
        """A name for a value."""
        self.let(let)

    def let(self, let: LetStmt | Let) -> None:
        """The value, then the body with the variable."""
        self.visit(let.value)
        self.same_dtype("the value", let.value, let.var, "the variable")
        with self.scopes.inner():
            self.define(let.var, let)
            if let.var.dtype.is_handle:
                self.scopes.memory.add(let.var)
            self.visit(let.body)

    def visit_attr_stmt_(self, attr: AttrStmt) -> None:
        """A fact; a thread axis defines its variable."""
        self.visit(attr.value)
        if attr.attr_key not in _THREAD_KEYS or not isinstance(attr.node, IterVar):
            if isinstance(attr.node, PrimExpr):
                self.visit(attr.node)
            self.visit(attr.body)
            return
        axis = attr.node
        known = self.threads.setdefault(axis.thread_tag, axis.var)
        if known is not axis.var:
            raise self.error(
                f"the thread axis {axis.thread_tag!r} has two variables.",
                attr,
                found=f"{known.name!r} and {axis.var.name!r}",
                cure="use one variable for the axis wherever it is bound",
            )
        with self.scopes.inner():
            if axis.var not in self.scopes.ever:
                self.define(axis.var, attr)
            self.scopes.vars.add(axis.var)
            self.visit(attr.body)

    def visit_allocate_(self, allocate: Allocate) -> None:
        """Memory."""
        self.condition(allocate.condition, "the condition of an allocation")
        self.visit(allocate.condition)
        self.allocation(allocate)

    def visit_allocate_const_(self, allocate: AllocateConst) -> None:
        """Constant memory."""
        self.allocation(allocate)

    def allocation(self, allocate: Allocate | AllocateConst) -> None:
        """Extents, then the body with the pointer."""
        for each in allocate.extents:
            self.integer(each, "the extent of an allocation")
            self.visit(each)
        with self.scopes.inner():
            self.define(allocate.buffer_var, allocate)
            self.scopes.memory.add(allocate.buffer_var)
            self.visit(allocate.body)

    def visit_decl_buffer_(self, declaration: DeclBuffer) -> None:
        """A view of memory."""
        self.visit_var_(declaration.buffer.data)
        with self.scopes.inner():
            self.define_buffer(declaration.buffer, declaration, symbols=False)
            self.describe(declaration.buffer)
            self.visit(declaration.body)

    def visit_buffer_realize_(self, realize: BufferRealize) -> None:
        """A buffer that comes into being."""
        for each in realize.bounds:
            self.visit_range_(each)
        self.condition(realize.condition, "the condition of a buffer")
        self.visit(realize.condition)
        with self.scopes.inner():
            self.define_buffer(realize.buffer, realize, symbols=False)
            self.visit(realize.body)

    def visit_reduce_(self, reduce: Reduce) -> None:
        """A reduction: its axes are defined for source and condition."""
        with self.scopes.inner():
            for axis in reduce.axis:
                if axis.dom is not None:
                    self.visit_range_(axis.dom)
                self.define(axis.var, reduce)
            for each in (*reduce.source, reduce.condition, *reduce.init):
                self.visit(each)
            self.visit(reduce.combiner)

    def visit_comm_reducer_(self, reducer: CommReducer) -> None:
        """A combiner: its variables may recur, one for each part of a tuple of results."""
        for each in reducer.identity_element:
            self.visit(each)
        with self.scopes.inner():
            self.scopes.vars.update((*reducer.lhs, *reducer.rhs))
            for each in reducer.result:
                self.visit(each)

    # Statements with rules of their own.

    def visit_if_then_else_(self, branch: IfThenElse) -> None:
        """A choice."""
        self.condition(branch.condition, "the condition of an if")
        self.visit_default(branch)

    def visit_while_(self, loop: While) -> None:
        """A loop under a condition."""
        self.condition(loop.condition, "the condition of a while")
        self.visit_default(loop)

    def visit_assert_stmt_(self, statement: AssertStmt) -> None:
        """An assertion."""
        self.condition(statement.condition, "the condition of an assert")
        self.visit_default(statement)

    def visit_seq_stmt_(self, statements: SeqStmt) -> None:
        """A sequence is flat."""
        if len(statements) < 2 or any(isinstance(each, SeqStmt) for each in statements.seq):
            raise self.error(
                "a sequence holds a sequence, or fewer than two statements.",
                statements,
                cure="build it with tir.stmt_seq, which keeps it flat",
            )
        self.visit_default(statements)

    def visit_block_realize_(self, realize: BlockRealize) -> None:
        """Bindings, then the block."""
        self.condition(realize.predicate, f"the predicate of the block {realize.block.name_hint!r}")
        for iter_var, value in zip(realize.block.iter_vars, realize.iter_values, strict=True):
            self.same_dtype("the binding", value, iter_var.var, "the iteration variable")
            self.visit(value)
        self.visit(realize.predicate)
        self.realized = realize.block
        self.visit(realize.block)

    def visit_block_(self, block: Block) -> None:
        """Iteration variables, buffers, regions, contents."""
        if self.realized is not block:
            raise self.error(
                f"the block {block.name_hint!r} stands alone.",
                block,
                cure="put it into a BlockRealize, which binds its iteration variables",
            )
        self.realized = None
        if DETECT_ACCESS in block.annotations:
            raise self.error(
                f"the regions of the block {block.name_hint!r} were left to be inferred.",
                block,
                cure="call tir.analysis.complete on the function",
            )
        for iter_var in block.iter_vars:
            self.domain(iter_var)
        with self.scopes.inner():
            for iter_var in block.iter_vars:
                self.define(iter_var.var, block)
            for buffer in block.alloc_buffers:
                self.define_buffer(buffer, block, symbols=False)
                self.describe(buffer)
            if block.iter_vars:
                self.scopes.enter_block(block.name_hint)
            for match in block.match_buffers:
                self.visit_match_buffer_region_(match)
            for each in (*block.reads, *block.writes):
                self.visit_buffer_region_(each)
            for each in block.annotations.values():
                self.annotation(each)
            if block.init is not None:
                self.visit(block.init)
            self.visit(block.body)

    def annotation(self, value: Any) -> None:
        """Expressions among the annotations use what is defined."""
        if isinstance(value, PrimExpr):
            self.visit(value)

    def domain(self, iter_var: IterVar) -> None:
        """The domain of an iteration variable."""
        dom = iter_var.dom
        if dom is None:
            raise self.error(
                f"the iteration variable {iter_var.var.name!r} has no domain.",
                cure="give it one: T.axis.spatial(extent, value)",
            )
        for each in (dom.min, dom.extent):
            self.same_dtype("the domain", each, iter_var.var, "the iteration variable")
            self.visit(each)

    def visit_match_buffer_region_(self, match: MatchBufferRegion) -> None:
        """A view of a region; its free strides and offset are bound from there."""
        self.visit_buffer_region_(match.source)
        self.define_buffer(match.buffer, match, symbols=True)
        self.describe(match.buffer)
        self.view(match)

    def view(self, match: MatchBufferRegion) -> None:
        """A view has the dtype of the buffer, and the shape of its region."""
        source, view = match.source, match.buffer
        if view.dtype != source.buffer.dtype:
            raise self.error(
                f"the view {view.name!r} differs in dtype from {source.buffer.name!r}.",
                match,
                expected=str(source.buffer.dtype),
                found=str(view.dtype),
                cure="give the view the dtype of the buffer, and cast its elements",
            )
        extents = [each.extent for each in source.region]
        dropped = len(extents) - len(view.shape)
        wanted = [*[IntImm("int32", 1)] * dropped, *view.shape]
        differ = any(
            isinstance(a, IntImm) and isinstance(b, IntImm) and a.value != b.value
            for a, b in zip(extents, wanted, strict=False)
        )
        if dropped < 0 or differ:
            raise self.error(
                f"the view {view.name!r} differs in shape from its region.",
                match,
                expected=f"{source!r}, without leading extents of 1",
                found=repr(view.shape),
            )


def _check_shared(functions: list[tuple[str, PrimFunc]]) -> None:
    """No variable or buffer is defined in two functions of a module."""
    owner: dict[Any, str] = {}
    for name, function in functions:
        checker = _Checker(function, name, None)
        for each in _defined_in(function):
            if each in owner and owner[each] != name:
                raise checker.error(
                    f"{each.name!r} is also defined in the function {owner[each]!r}.",
                    function,
                    cure="copy a function with renew_defs before using it twice",
                )
            owner[each] = name


def _defined_in(function: PrimFunc) -> list[Any]:
    found: list[Any] = []

    class Definitions(Visitor):
        def visit_definition(self, node: Any) -> Any:
            if node.is_variable:
                found.append(node)
            return super().visit_definition(node)

    Definitions().visit(function)
    return found


def assert_well_formed(
    func: PrimFunc, name: str | None = None, module: IRModule | None = None
) -> None:
    """Raise a `WellFormedError` that names the first rule that a loop function breaks.

    `name` is used in messages; with `module`, calls of its functions are checked too.
    """
    shown = name if name is not None else str(func.attrs.get("global_symbol", "main"))
    _Checker(func, shown, module).check()


def verify_well_formed(obj: PrimFunc | IRModule, assert_mode: bool = True) -> bool:
    """Whether a function, or every loop function of a module, keeps the rules.

    With `assert_mode` a broken rule raises a `WellFormedError`; otherwise the answer is False.
    """
    try:
        if isinstance(obj, IRModule):
            functions = [
                (var.name_hint, func) for var, func in obj.items() if isinstance(func, PrimFunc)
            ]
            for name, func in functions:
                assert_well_formed(func, name, obj)
            _check_shared(functions)
        else:
            assert_well_formed(obj)
    except WellFormedError:
        if assert_mode:
            raise
        return False
    return True
