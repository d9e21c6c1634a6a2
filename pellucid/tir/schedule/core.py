"""What all primitives rest on: the module, the references into it, and how a step is taken.

A loop is known by (function name, loop variable), a block by (function name, token). There is no
table of positions: a reference is looked up in the tree of the present function, and either found
or reported as gone, with the primitive that consumed it. A primitive checks its conditions, builds
a new function, and hands it to `commit`; the step is undone when anything is raised.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pellucid.arith.analyzer import Analyzer
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.place import ScriptPlace
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, Var
from pellucid.ir.visitor import pre_order, substitute
from pellucid.support.errors import (
    ScheduleError,
    TypeMismatchError,
    UnknownReferenceError,
    UnsupportedError,
    did_you_mean,
)
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.encode import text_of
from pellucid.tir.schedule.instruction import Instruction
from pellucid.tir.schedule.refusal import Refused, UnknownReference, mismatch_refused
from pellucid.tir.schedule.rv import BlockRV, BlockToken, LoopRV
from pellucid.tir.schedule.stage_pipeline import StagePipelines
from pellucid.tir.schedule.trace import Trace
from pellucid.tir.schedule.tree import Spot, Tree, with_tokens
from pellucid.tir.schedule.verdict import Validate, fingerprint, judge
from pellucid.tir.stmt import Stmt

IS_SCHEDULED = "tir.is_scheduled"
# What a drawn place may be instead of a loop: into the consumers, or where the block is.
INLINE = "inline"
ROOT = "root"
RENDER_LEVELS = ("detail", "fast", "none")
DEBUG_MASKS = ("none", "all", "verify-sref-tree", "verify-cached-flags")
VALIDATIONS = (None, "test", "a function of the module before and after")
T = TypeVar("T")


def _as_module(mod: Any) -> IRModule:
    if isinstance(mod, PrimFunc):
        return IRModule({"main": mod})
    if isinstance(mod, IRModule):
        return mod
    raise ScheduleError(
        "A schedule is made from a module or a loop function.", found=type(mod).__name__
    )


class ScheduleCore:
    """The state of a schedule, and the taking of steps."""

    def __init__(
        self,
        mod: IRModule | PrimFunc,
        *,
        seed: int | None = None,
        debug_mask: str | int = "none",
        error_render_level: str = "detail",
        enable_check: bool = True,
        validate: Validate = None,
    ) -> None:
        _require_choice("error_render_level", error_render_level, RENDER_LEVELS)
        if not callable(validate):
            _require_choice("validate", validate, VALIDATIONS)
        if isinstance(debug_mask, str):
            _require_choice("debug_mask", debug_mask, DEBUG_MASKS)
        module = _as_module(mod)
        self._mod = module.with_functions(
            {
                var: with_tokens(func, renew=True) if isinstance(func, PrimFunc) else func
                for var, func in module.items()
            }
        )
        self.enable_check = enable_check
        self.error_render_level = error_render_level
        self.debug_mask = debug_mask
        self.validate = validate
        self._random = random.Random(None if seed in (None, -1) else seed)
        self._trace = Trace()
        self._symbols: dict[Any, Any] = {}
        self._gone: dict[Any, str] = {}
        self._trees: dict[str, Tree] = {}
        # By the sizes that are known not to be negative.
        self._pipelines: dict[tuple[Var, ...], StagePipelines] = {}
        self._working_on: str | None = None
        self._running: list[Instruction] = []
        self._before: IRModule = self._mod
        # The function that the primitive under way looked at last: the one errors show.
        self._looking_at: str | None = None

    # What users read.

    @property
    def mod(self) -> IRModule:
        """The module as it is now."""
        return self._mod

    @property
    def trace(self) -> Trace:
        """The history: every call so far."""
        return self._trace

    @property
    def func_working_on(self) -> GlobalVar | None:
        """The function that `get_block` looks into when no name is given."""
        name = self._working_on
        return None if name is None else self._mod.get_global_var(name)

    def get(self, rand_var_or_sref: Any) -> Any:
        """What a reference means now: the `Block`, the `For`, or the number.

        Raises `UnknownReferenceError` for a block or loop that is gone.
        """
        try:
            if isinstance(rand_var_or_sref, BlockRV):
                return self.block(rand_var_or_sref).block
            if isinstance(rand_var_or_sref, LoopRV):
                return self.loop(rand_var_or_sref).loop
            return self.number(rand_var_or_sref)
        except Refused as refused:
            raise self._error("get", refused) from None

    def remove_rv(self, rand_var: Any) -> None:
        """Forget a reference."""
        self._symbols.pop(rand_var, None)

    # Looking things up.

    def tree(self, name: str) -> Tree:
        """The tree of a function."""
        func = self._mod[name]
        found = self._trees.get(name)
        if found is None or found.func is not func:
            found = self._trees[name] = Tree(func)
        return found

    def loop(self, reference: LoopRV) -> Spot:
        """The loop that a reference means."""
        if not isinstance(reference, LoopRV):
            raise Refused(
                "this is no loop", expected="a LoopRV, as get_loops gives", found=repr(reference)
            )
        if self.mark_of(reference) is not None:
            raise Refused(
                "this place is no loop",
                found=str(self.mark_of(reference)),
                cure="only compute_at and reverse_compute_at take it",
            )
        name, var = self._known(reference, "loop")
        self._looking_at = name
        found = self.tree(name).loops.get(var)
        if found is None:
            raise self._lost(f"the loop {var.name!r}", (name, var))
        return found

    def block(self, reference: BlockRV | str) -> Spot:
        """The block that a reference means."""
        if not isinstance(reference, BlockRV):
            raise Refused(
                "this is no block",
                expected="a BlockRV, as get_block gives, or a name",
                found=repr(reference),
            )
        name, token = self._known(reference, "block")
        self._looking_at = name
        found = self.tree(name).blocks.get(token)
        if found is None:
            raise self._lost(f"the block {reference.hint!r}", (name, token))
        return found

    def _known(self, reference: Any, what: str) -> Any:
        found = self._symbols.get(reference)
        if found is None:
            raise UnknownReference(
                f"the {what} {reference.hint!r} is not known here",
                cure="use references that this schedule gave, or a copy of it",
            )
        return found

    def _lost(self, what: str, key: Any) -> Refused:
        consumer = self._gone.get(key)
        by = f": `{consumer}` consumed it" if consumer is not None else ""
        cure = "look it up again, with get_block or get_loops"
        return UnknownReference(f"{what} is gone{by}", cure=cure)

    def spot(self, reference: BlockRV | LoopRV | str) -> Spot:
        """The block or loop that a reference means."""
        return self.loop(reference) if isinstance(reference, LoopRV) else self.block(reference)

    def name_of(self, reference: BlockRV | LoopRV | str) -> str:
        """The name of the function that a reference leads into."""
        return self._known(reference, "reference")[0]

    def number(self, value: Any) -> Any:
        """A number from a number or an expression of drawn numbers and of the function's sizes."""
        if isinstance(value, PrimExpr):
            found = Analyzer().simplify(self.in_sizes(value))
            return found.value if isinstance(found, IntImm) else found
        return value

    def in_sizes(self, value: Any) -> Any:
        """An expression or index map in which sizes, as a trace names them, are the function's,
        and drawn numbers are known. Other variables are refused: a trace could not name them.
        """
        table: dict[Any, Any] = {}
        sizes = {(each.name, each.dtype): each for each in self._sizes()}
        own: set[Any] = set(getattr(value, "initial_indices", ()))
        for each in pre_order(value):
            if not isinstance(each, Var) or each in own:
                continue
            found = self._symbols.get(each, sizes.get((each.name, each.dtype)))
            if found is None:
                raise Refused(
                    f"the variable {each.name!r} is neither a drawn number nor a size of the "
                    "function",
                    found=repr(value),
                )
            table[each] = found
        result = substitute(value, table)
        try:
            text_of(result, {})
        except UnsupportedError as error:
            raise Refused("a trace cannot hold this expression", found=error.found) from None
        return result

    def _sizes(self) -> set[Var]:
        """The symbolic sizes of the function that the primitive under way looked at last."""
        func = self._mod[self._looking_at] if self._looking_at is not None else None
        if not isinstance(func, PrimFunc):
            return set()
        extents = [e for buffer in func.buffer_map.values() for e in buffer.shape]
        used = [v for extent in extents for v in pre_order(extent) if isinstance(v, Var)]
        scalars = [each for each in func.params if each not in func.buffer_map]
        return {*used, *scalars}

    # Making references.

    def new_loop(self, name: str, var: Var) -> LoopRV:
        """A reference to a loop."""
        reference = LoopRV(var.name)
        self._symbols[reference] = (name, var)
        return reference

    def new_mark(self, mark: str) -> LoopRV:
        """A reference to `INLINE` or `ROOT` in place of a loop."""
        reference = LoopRV(mark)
        self._symbols[reference] = mark
        return reference

    def mark_of(self, reference: LoopRV) -> str | None:
        """`INLINE` or `ROOT` where a reference means that, None for a loop."""
        found = self._symbols.get(reference)
        return found if isinstance(found, str) else None

    def new_block(self, name: str, token: BlockToken, hint: str = "block") -> BlockRV:
        """A reference to a block."""
        reference = BlockRV(hint)
        self._symbols[reference] = (name, token)
        return reference

    def new_number(self, value: int) -> Var:
        """A variable for a drawn number."""
        variable = Var("v", "int32")
        self._symbols[variable] = IntImm("int32", value)
        return variable

    # Steps.

    def commit(self, name: str, body: Stmt | PrimFunc) -> PrimFunc:
        """Replace a function; blocks without a token get one. Gives the function as it is now."""
        old: PrimFunc = self._mod[name]
        new = body if isinstance(body, PrimFunc) else old.with_body(body)
        if new is old:
            return old
        new = with_tokens(new)
        if new.attrs.get(IS_SCHEDULED) is None:
            new = new.with_attr(IS_SCHEDULED, True)
        before = self.tree(name)
        functions = {var: new if var.name_hint == name else f for var, f in self._mod.items()}
        self._mod = self._mod.with_functions(functions)
        after = self.tree(name)
        kind = self._running[0].kind if self._running else "commit"
        for key in (*before.loops, *before.blocks):
            if key not in after.loops and key not in after.blocks:
                self._gone[name, key] = kind
        return new

    def note(self, **arguments: Any) -> None:
        """Record other values for arguments of the running primitive, and its decision."""
        if len(self._running) != 1:
            return
        if "decision" in arguments:
            self._running[0].decision = arguments.pop("decision")
        self._running[0].arguments.update(arguments)

    def step(self, inst: Instruction, run: Callable[[], T]) -> T:
        """Take one step: run a primitive, record it; when anything is raised, undo it."""
        if self._running:
            self._running.append(inst)
            try:
                return run()
            finally:
                self._running.pop()
        saved = (self._mod, dict(self._symbols), dict(self._gone), len(self._trace))
        self._running.append(inst)
        try:
            result = run()
            self._validate(inst, saved[0])
        except BaseException as error:
            self._mod, self._symbols, self._gone = saved[:3]
            del self._trace.insts[saved[3] :]
            if isinstance(error, Refused):
                raise self._error(inst.kind, error) from None
            if isinstance(error, TypeMismatchError):
                raise self._error(inst.kind, mismatch_refused(error)) from error
            raise
        finally:
            self._running.clear()
        if self._mod is not saved[0]:
            self._before = saved[0]
        self._record(inst, result)
        return result

    def _record(self, inst: Instruction, result: Any) -> None:
        results = cast("list[Any]", result) if isinstance(result, list) else [result]
        inst.outputs = [each for each in results if each is not None]
        inst.single = not isinstance(result, list)
        self._trace.append(inst)

    def _validate(self, inst: Instruction, before: IRModule) -> None:
        if self.validate is not None and self._mod is not before:
            inst.verdict = judge(self.validate, before, self._mod, inst.kind)
            inst.state = fingerprint(before, self._mod)

    def keep_verdict(self, inst: Instruction) -> None:
        """Let the last step have the verdict of another that changed the same in the same way."""
        own = self._trace.insts[-1]
        if inst.verdict is None or own.verdict is not None or self._before is self._mod:
            return
        if inst.state == fingerprint(self._before, self._mod):
            own.verdict, own.state = inst.verdict, inst.state

    def _error(self, kind: str, refused: Refused) -> ScheduleError:
        """The user's error for a condition that does not hold."""
        message = f"`{kind}` cannot be applied: {refused.message}."
        known = not isinstance(refused, UnknownReference)
        error = ScheduleError if known else UnknownReferenceError
        if self.error_render_level == "none":
            return error(message)
        place = None
        if refused.at and self.error_render_level == "detail" and self._looking_at is not None:
            nodes = [each.node if isinstance(each, Spot) else each for each in refused.at]
            place = ScriptPlace.of(self._mod[self._looking_at], *nodes)
        return error(
            message,
            place=place,
            expected=refused.expected,
            found=refused.found,
            cure=refused.cure,
        )

    def call(self, kind: str, arguments: Mapping[str, Any], positional: str | None) -> Any:
        """Call a primitive by name, as a trace does."""
        method = getattr(type(self), kind, None)
        if method is None or not getattr(method, "is_primitive", False):
            known = [n for n in dir(type(self)) if hasattr(getattr(type(self), n), "is_primitive")]
            raise ScheduleError(f"There is no primitive {kind!r}.", cure=did_you_mean(kind, known))
        named = {k: v for k, v in arguments.items() if k != positional}
        return method(self, *(arguments[positional] if positional else ()), **named)

    # Names.

    def analyzer(self, name: str) -> Analyzer:
        """An analyzer that knows that the function's symbolic sizes are not negative."""
        known = Analyzer()
        for each in self._symbolic_extents(name):
            known.mark_global_non_neg_value(each)
        return known

    def stage_pipelines(self, name: str) -> StagePipelines:
        """What tells the stage pipelines of a function."""
        sizes = self._symbolic_extents(name)
        if sizes not in self._pipelines:
            self._pipelines[sizes] = StagePipelines(self.analyzer(name))
        return self._pipelines[sizes]

    def _symbolic_extents(self, name: str) -> tuple[Var, ...]:
        """The symbolic extents of a function's parameters."""
        shapes = [buffer.shape for buffer in self._mod[name].buffer_map.values()]
        return tuple(each for shape in shapes for each in shape if isinstance(each, Var))

    def duplicate(self, other: ScheduleCore) -> None:
        """Take over the state of another schedule."""
        self._mod = other._mod.clone()
        self._symbols = dict(other._symbols)
        self._gone = dict(other._gone)
        self._trace = other._trace.copy()
        self._working_on = other._working_on
        self._before = self._mod

    def take_seed(self) -> int:
        """A number drawn from this schedule's randomness, for another's."""
        return self._random.randrange(1, 2**31)


def _require_choice(what: str, value: Any, choices: tuple[Any, ...]) -> None:
    if value not in choices:
        known = ", ".join(repr(each) for each in choices)
        raise ScheduleError(f"{what} has no value {value!r}.", expected=known)
