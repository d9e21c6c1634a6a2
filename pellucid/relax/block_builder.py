"""`BlockBuilder`: builds graph functions binding by binding, in normal form.

    bb = relax.BlockBuilder()
    with bb.function("main", [x]):
        with bb.dataflow():
            lv = bb.emit(relax.call_tir(gv, [x], out_sinfo=...))
            out = bb.emit_output(lv)
        bb.emit_func_output(out)
    mod = bb.get()

Every expression that is emitted is normalised: arguments that are no leaves are bound first, and
struct infos are inferred. A function that is opened within another one is independent of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.function import BaseFunc
from pellucid.ir.module import IRModule
from pellucid.ir.structural import structural_equal, structural_hash
from pellucid.relax import te_call
from pellucid.relax.base_check import BaseCheckResult, struct_info_base_check
from pellucid.relax.expr import (
    Binding,
    BindingBlock,
    DataflowVar,
    Expr,
    Function,
    MatchCast,
    SeqExpr,
    Tuple,
    TupleGetItem,
    Var,
    VarBinding,
    as_relax_expr,
)
from pellucid.relax.global_names import renamed_to_symbols
from pellucid.relax.normal_form import lay_out
from pellucid.relax.normalize import Normalizer
from pellucid.relax.scope import Context, OpenBlock, Scope
from pellucid.relax.struct_info import StructInfo
from pellucid.support.errors import PellucidError, TypeMismatchError
from pellucid.support.naming import NameSupply


class BuilderError(PellucidError, RuntimeError):
    """A `BlockBuilder` was used out of order."""


class _Frame:
    """A function that is being built: its signature so far, and the builder's state around it."""

    def __init__(self, name: str, attrs: Mapping[str, Any], pure: bool, private: bool) -> None:
        self.name = name
        self.attrs = attrs
        self.pure = pure
        self.private = private
        self.params: tuple[Var, ...] | None = None
        self.output: Expr | None = None


_builders: ContextVar[tuple[BlockBuilder, ...]] = ContextVar("builders", default=())


class BlockBuilder:
    """Builds the functions of a module; `mod` is what it starts from (it is not changed)."""

    def __init__(self, mod: IRModule | None = None) -> None:
        self._module = IRModule() if mod is None else mod.clone()
        self._names = NameSupply(tuple(var.name_hint for var in self._module))
        self._contexts: list[Context] = [Context()]
        self._frames: list[_Frame] = []
        self._bound: dict[Var, Expr] = {}
        # Functions by structural hash, and those that are not entered there yet.
        self._by_hash: dict[int, list[GlobalVar]] = {}
        self._unhashed: list[GlobalVar] = list(self._module)
        self._normalizer = Normalizer(self)

    @staticmethod
    def current() -> BlockBuilder | None:
        """The builder whose function is open here, if any."""
        stack = _builders.get()
        return stack[-1] if stack else None

    # Scopes and blocks

    @property
    def _context(self) -> Context:
        return self._contexts[-1]

    @property
    def scope(self) -> Scope:
        """The innermost scope."""
        if not self._context.scopes:
            self._context.scopes.append(Scope(None, ()))
        return self._context.scopes[-1]

    def begin_scope(self, params: Iterable[Var] | None = None) -> None:
        """Open a scope in which `params` and their symbolic variables are known, besides what is
        known around it.
        """
        outer = self._context.scopes[-1] if self._context.scopes else None
        scope = Scope(outer, params or ())
        for param in scope.params:
            self._context.names.reserve(param.name_hint)
        self._context.scopes.append(scope)

    def end_scope(self) -> None:
        """Close the innermost scope; what was defined there is unknown from here on."""
        if not self._context.scopes:
            raise BuilderError("No scope is open.", cure="call begin_scope() first")
        self._context.scopes.pop()

    def in_scope(self, variable: Any) -> bool:
        """Whether a graph or symbolic variable is defined here."""
        return bool(self._context.scopes) and self._context.scopes[-1].knows(variable)

    def begin_dataflow_block(self) -> None:
        """Open a dataflow block; prefer `with bb.dataflow():`."""
        self._context.open.append(OpenBlock(True))

    def begin_binding_block(self) -> None:
        """Open a plain block."""
        self._context.open.append(OpenBlock(False))

    def end_block(self) -> BindingBlock:
        """Close the innermost block and return it."""
        if not self._context.open:
            raise BuilderError("No block is open.", cure="call begin_binding_block() first")
        return self._context.open.pop().close()

    def accepts_bindings(self) -> bool:
        """Whether a block is open that bindings go into."""
        return bool(self._context.open)

    def current_block_is_dataflow(self) -> bool:
        """Whether bindings go into a dataflow block now."""
        return bool(self._context.open) and self._context.open[-1].is_dataflow

    @contextmanager
    def testing_scope(self, def_vars: Iterable[Any] = ()) -> Generator[None]:
        """A scope and a block outside any function, with symbolic variables `def_vars` defined."""
        self.begin_scope()
        for each in def_vars:
            self.scope.define(each)
        self.begin_binding_block()
        try:
            yield
        finally:
            self.end_block()
            self.end_scope()

    @contextmanager
    def dataflow(self) -> Generator[None]:
        """Within it bindings form a dataflow block: `with bb.dataflow(): ...`."""
        if not self._frames:
            raise BuilderError(
                "A dataflow block stands in a function.",
                cure='open one first: with bb.function("main", params):',
            )
        context = self._context
        context.finished.append(self.end_block())
        self.begin_dataflow_block()
        depth = len(context.open)
        try:
            yield
        finally:
            del context.open[depth:]
            context.finished.append(context.open.pop().close())
            self.begin_binding_block()

    # Functions

    @contextmanager
    def function(
        self,
        name: str,
        params: Var | Iterable[Var] | None = None,
        attrs: Mapping[str, Any] | None = None,
        pure: bool = True,
        private: bool = False,
    ) -> Generator[None]:
        """Within it a function is built: `with bb.function("main", [x]): ...`.

        `params` may also be given to `emit_func_output`. A public function gets the attribute
        `global_symbol`. On leaving, the function has to have its output and is in the module.
        """
        if not private and name in self._module:
            raise BuilderError(
                f"The module has a function {name!r} already.",
                cure="choose another name, make it private, or replace it with update_func",
            )
        frame = _Frame(name, dict(attrs or {}), pure, private)
        self._contexts.append(Context())
        self._frames.append(frame)
        token = _builders.set((*_builders.get(), self))
        try:
            self.begin_scope()
            self.begin_binding_block()
            if params is not None:
                self._set_params(frame, params)
            yield
            if frame.output is None:
                raise BuilderError(
                    f"The function {name!r} was left without an output.",
                    cure="call emit_func_output(value) as the last step in the function",
                )
            function = self._finish(frame)
        finally:
            _builders.reset(token)
            self._contexts.pop()
            self._frames.pop()
        self.add_func(function, name)

    def _set_params(self, frame: _Frame, params: Var | Iterable[Var]) -> None:
        if frame.params is not None:
            raise BuilderError(
                f"The parameters of {frame.name!r} were given already.",
                cure="give them either to function(...) or to emit_func_output(...)",
            )
        found = (params,) if isinstance(params, Var) else tuple(params)
        for each in found:
            if not isinstance(each, Var):
                raise TypeMismatchError("A parameter is a relax.Var.", found=repr(each))
        frame.params = found
        self.scope.add_params(found)
        for each in found:
            self._context.names.reserve(each.name_hint)

    def _finish(self, frame: _Frame) -> Function:
        """The function of a frame, from its finished blocks and its output."""
        body = SeqExpr(lay_out(self._context.finished), cast("Expr", frame.output))
        params = frame.params or ()
        attrs = dict(frame.attrs)
        if not frame.private:
            attrs.setdefault("global_symbol", frame.name)
        self._contexts.append(Context())
        try:
            seq = self._normalizer.sequence(body, params)
        finally:
            self._contexts.pop()
        return Function(params, seq, seq.struct_info_, frame.pure, attrs)

    def emit_func_output(self, output: Any, params: Var | Iterable[Var] | None = None) -> None:
        """Make `output` (an expression, or a list of them for a tuple) the function's result."""
        if not self._frames:
            raise BuilderError(
                "There is no function whose output this could be.",
                cure='call it within: with bb.function("main", params):',
            )
        frame = self._frames[-1]
        if frame.output is not None:
            raise BuilderError(
                f"The output of {frame.name!r} was given already.",
                cure="call emit_func_output once, as the last step in the function",
            )
        if self.current_block_is_dataflow():
            raise BuilderError(
                "The output of a function is given outside its dataflow blocks.",
                cure="leave `with bb.dataflow():` first; emit_output hands a value out of it",
            )
        if params is not None:
            self._set_params(frame, params)
        frame.params = frame.params or ()
        frame.output = self.normalize_argument(as_relax_expr(output))
        self._context.finished.append(self.end_block())
        self.begin_binding_block()

    # Bindings

    def emit(self, expr: Any, name_hint: str = "") -> Var:
        """Bind `expr` to a new variable in the open block, and return the variable.

        Within a dataflow block it is a `DataflowVar`, known only there (see `emit_output`).
        """
        return self.bind(self.normalize(as_relax_expr(expr)), name_hint)

    def bind(self, value: Expr, name_hint: str = "") -> Var:
        """As `emit`, of an expression that is in normal form."""
        dataflow = self.current_block_is_dataflow()
        var = self._new_var(DataflowVar if dataflow else Var, name_hint, self.info_of(value))
        self.emit_normalized(VarBinding(var, value))
        return var

    def bind_argument(self, expr: Expr, value: Expr) -> Var:
        """As `bind`, of `value`, the normal form of an argument `expr`."""
        var = self.bind(value)
        self._context.open[-1].arguments[expr] = var
        return var

    def bound_argument(self, expr: Expr) -> Var | None:
        """The variable that the open block has for an argument, if it has."""
        return self._context.open[-1].arguments.get(expr) if self._context.open else None

    def _new_var(self, kind: type[Var], name_hint: str, info: StructInfo | None) -> Var:
        default = "lv" if kind is DataflowVar else "gv"
        # A variable named `_` is for a value that nobody looks at.
        name = "_" if name_hint == "_" else self.get_unique_name(name_hint or default)
        return kind(name, info)

    def emit_output(self, output: Any, name_hint: str = "") -> Var:
        """Bind `output` to a variable that is known outside the dataflow block as well."""
        if not self.current_block_is_dataflow():
            raise BuilderError(
                "emit_output belongs into a dataflow block.",
                cure="use it within `with bb.dataflow():`, or use emit",
            )
        value = self.normalize(as_relax_expr(output))
        var = self._new_var(Var, name_hint, self.info_of(value))
        self.emit_normalized(VarBinding(var, value))
        return var

    def match_cast(self, value: Any, struct_info: StructInfo, name_hint: str = "") -> Var:
        """Bind `value`, seen as `struct_info`, which is checked when the program runs.

        Symbolic variables that stand bare in `struct_info` and are new here are bound by it.
        """
        found = self.normalize_argument(as_relax_expr(value))
        info = self.info_of(found)
        if info is not None:
            verdict = struct_info_base_check(info, struct_info)
            reverse = struct_info_base_check(struct_info, info)
            if BaseCheckResult.FAIL_L0 in (verdict, reverse):
                raise TypeMismatchError(
                    "A match_cast that can never succeed.",
                    expected=repr(struct_info),
                    found=repr(info),
                )
        dataflow = self.current_block_is_dataflow()
        var = self._new_var(DataflowVar if dataflow else Var, name_hint, struct_info)
        self.emit_normalized(MatchCast(var, found, struct_info))
        return var

    def emit_normalized(self, binding: Binding) -> None:
        """Add a binding whose value is in normal form to the open block."""
        if not self._context.open:
            raise BuilderError(
                "No block is open that this could be bound in.",
                cure='work within: with bb.function("main", params):, or bb.testing_scope()',
            )
        self._context.open[-1].bindings.append(binding)
        if isinstance(binding, MatchCast):
            self.scope.define_symbols(binding.struct_info)
            self.scope.define(binding.var)
        elif isinstance(binding, VarBinding):
            self._bound[binding.var] = binding.value
            self.scope.define(binding.var)
        self._context.names.reserve(binding.var.name_hint)

    def normalize(self, expr: Any) -> Expr:
        """`expr` in normal form, with struct info; not yet bound."""
        with self._restoring():
            return self._normalizer.normalize(as_relax_expr(expr))

    def normalize_argument(self, expr: Expr) -> Expr:
        """`expr` in normal form as an argument: what is no leaf is bound in the open block."""
        with self._restoring():
            return self._normalizer.argument(expr)

    def normalize_sequence(self, expr: Expr, params: Iterable[Var] | None = None) -> SeqExpr:
        """A branch, or the body of a function of `params`, in normal form."""
        with self._restoring():
            return self._normalizer.sequence(expr, None if params is None else tuple(params))

    @contextmanager
    def _restoring(self) -> Generator[None]:
        """After an error the scopes and blocks are as before."""
        context = self._context
        scopes, blocks = len(context.scopes), len(context.open)
        try:
            yield
        except BaseException:
            del context.scopes[scopes:], context.open[blocks:]
            raise

    def info_of(self, expr: Expr) -> StructInfo | None:
        """The struct info of a normal expression."""
        return self._normalizer.info_of(expr)

    def lookup_binding(self, var: Expr) -> Expr | None:
        """What `var` was bound to by this builder; None for parameters and match casts."""
        return self._bound.get(var) if isinstance(var, Var) else None

    def get_unique_name(self, name_prefix: str) -> str:
        """A name for a variable made from the prefix that the open function does not have yet."""
        return self._context.names.fresh(name_prefix, separator="")

    # Tensor expressions

    def call_te(self, func: Any, *args: Any, **kwargs: Any) -> Expr:
        """The `call_tir` of the loop function that the tensor-expression function `func` makes of
        these arguments; the loop function is added to the module. See `relax.te_call`.
        """
        return te_call.call_te(self, func, args, kwargs)

    def emit_te(self, func: Any, *args: Any, **kwargs: Any) -> Var:
        """`emit(call_te(func, *args, **kwargs))`."""
        name_hint = kwargs.pop("name_hint", "")
        return self.emit(self.call_te(func, *args, **kwargs), name_hint)

    # The module

    def find_function(self, gvar: GlobalVar) -> Any:
        """The function that `gvar` names in the builder's module, or None."""
        return self._module.get(gvar)

    def add_func(self, func: BaseFunc, func_name: str) -> GlobalVar:
        """Add a function and return its GlobalVar; one that is there already is not added again."""
        table = self._hashes()
        key = structural_hash(func)
        same = [each for each in table.get(key, []) if self._holds(each, func)]
        if same:
            return min(same, key=lambda gvar: gvar.name_hint)
        gvar = GlobalVar(self._names.fresh(func_name, separator=""))
        self._module[gvar] = func
        table.setdefault(key, []).append(gvar)
        return gvar

    def _holds(self, gvar: GlobalVar, func: BaseFunc) -> bool:
        return gvar in self._module and structural_equal(self._module[gvar], func)

    def _hashes(self) -> dict[int, list[GlobalVar]]:
        for gvar in self._unhashed:
            self._by_hash.setdefault(structural_hash(self._module[gvar]), []).append(gvar)
        self._unhashed = []
        return self._by_hash

    def update_func(self, gvar: GlobalVar, func: BaseFunc) -> None:
        """Put `func` under `gvar`, in place of what is there or anew."""
        self._names.reserve(gvar.name_hint)
        self._module[gvar] = func
        self._unhashed.append(gvar)

    def get(self) -> IRModule:
        """The module as it is now; building may go on."""
        return self._module.clone()

    def finalize(self) -> IRModule:
        """The module, with each public function under its `global_symbol`."""
        return renamed_to_symbols(self.get())


def split_tuple(builder: BlockBuilder, value: Expr, count: int) -> list[Expr]:
    """The `count` fields of a tuple-valued variable, each bound to a variable."""
    if isinstance(value, Tuple):
        return list(value.fields)
    return [builder.emit(TupleGetItem(value, index)) for index in range(count)]
