"""A plan run step by step in Python: the debug mode of every graph function, and the only mode of
those with closures.

Each call has registers and named dimensions of its own, so any number of threads may run at once.
Tensors that the plan puts into an arena own their storage here, so that hooks may keep what they
are shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from pellucid.runtime import convert, dims, values
from pellucid.runtime.check import Matcher
from pellucid.runtime.plan import (
    RESHAPE_MESSAGE,
    Alloc,
    CallClosure,
    CallGraph,
    CallKernel,
    CallPacked,
    CheckBound,
    CheckInfo,
    Const,
    Copy,
    GetItem,
    GraphPlan,
    If,
    Literal,
    MakeClosure,
    MakePrim,
    MakeShape,
    MakeTuple,
    MatchShape,
    Step,
    View,
)
from pellucid.runtime.registry import PackedFunction
from pellucid.runtime.tensor import Tensor, empty, reshaped
from pellucid.support.errors import ArgumentError, RunError
from pellucid.support.recursion import allow_deep_recursion

DEEPEST = 20_000
"""How deep graph functions may call each other; Python holds six frames for each call."""

CallStep = CallKernel | CallPacked | CallGraph | CallClosure


class Hooks(NamedTuple):
    """What to call around each call step.

    `before(step, args)`: a true answer skips the call (its result is None then). `after(step, args,
    result)`: the outputs of kernels and destination-passing functions are the last of `args`, and
    their result is None.
    """

    before: Callable[[CallStep, list[Any]], Any] | None = None
    after: Callable[[CallStep, list[Any], Any], Any] | None = None


class Functions(Protocol):
    """Where the stepper finds what it calls: a `Program`."""

    @property
    def constants(self) -> Sequence[Tensor]:
        """The executable's constants."""
        ...

    @property
    def graphs(self) -> Mapping[str, GraphPlan]:
        """The plans by name."""
        ...

    def function(self, name: str) -> Any:
        """A loop function of the executable."""
        ...

    def resolve(self, name: str, caller: str) -> Any:
        """A packed function."""
        ...


class SteppedFunction:
    """A graph function that runs in Python, called like a compiled one."""

    __slots__ = ("plan", "stepper")

    def __init__(self, stepper: Stepper, plan: GraphPlan) -> None:
        self.stepper = stepper
        self.plan = plan

    def __call__(self, *args: Any) -> Any:
        """Call it; `ArgumentError` where the arguments do not fit."""
        return self.stepper.run(self.plan, convert.ours(self.plan.signature, args, copies=True))

    def __repr__(self) -> str:
        """Its signature."""
        return f"<stepped {self.plan.signature.show()}>"


class Closure:
    """A graph function with its last arguments filled in."""

    __slots__ = ("captured", "plan", "stepper")

    def __init__(self, stepper: Stepper, plan: GraphPlan, captured: tuple[Any, ...]) -> None:
        self.stepper = stepper
        self.plan = plan
        self.captured = captured

    def __call__(self, *args: Any) -> Any:
        """Call it with the arguments that are missing."""
        everything = convert.ours(self.plan.signature, (*args, *self.captured), copies=True)
        return self.stepper.run(self.plan, everything)

    def __repr__(self) -> str:
        """Its function's name."""
        return f"<closure of {self.plan.name}>"


class _Frame:
    """One call: registers, named dimensions, and the plan."""

    __slots__ = ("bindings", "depth", "plan", "registers")

    def __init__(self, plan: GraphPlan, args: Sequence[Any], depth: int) -> None:
        self.plan = plan
        self.depth = depth
        self.registers: list[Any] = [None] * plan.registers
        self.registers[: len(args)] = args
        self.bindings: dict[str, int] = {}

    def read(self, regs: tuple[int, ...]) -> list[Any]:
        return [self.registers[each] for each in regs]

    def extents(self, pattern: tuple[dims.Dim, ...]) -> tuple[int, ...]:
        return tuple(dims.evaluate(each, self.bindings) for each in pattern)


class Stepper:
    """Runs plans of one program, with hooks or without; it holds nothing of any one call."""

    def __init__(self, functions: Functions, hooks: Hooks | None) -> None:
        allow_deep_recursion()
        self._functions = functions
        self._hooks = hooks

    def function(self, plan: GraphPlan) -> SteppedFunction:
        """`plan` as a callable."""
        return SteppedFunction(self, plan)

    def run(self, plan: GraphPlan, args: Sequence[Any], depth: int = 0) -> Any:
        """Run `plan` on checked arguments of ours, `depth` calls below the first one."""
        if depth > DEEPEST:
            raise RunError(
                f"{plan.name} is called too deeply.",
                expected=f"at most {DEEPEST} calls inside each other",
                cure="look for a recursion that does not end",
            )
        frame = _Frame(plan, args, depth)
        self._bind(frame)
        self._steps(frame, plan.steps)
        return frame.registers[plan.result]

    def _bind(self, frame: _Frame) -> None:
        matcher = Matcher(ArgumentError, frame.bindings, copies=True)
        for number, spec in enumerate(frame.plan.signature.params):
            what = f"argument {spec.name!r} of {frame.plan.name}"
            matcher.match(spec, frame.registers[number], what)
        matcher.finish()

    def _steps(self, frame: _Frame, steps: tuple[Step, ...]) -> None:
        for step in steps:
            _RUN[type(step)](self, frame, step)

    def _call(self, frame: _Frame, step: CallStep, function: Any, args: list[Any]) -> Any:
        hooks = self._hooks
        if hooks is None:
            return self._invoke(frame, function, args)
        if hooks.before is not None and hooks.before(step, args):
            return None
        result = self._invoke(frame, function, args)
        if hooks.after is not None:
            hooks.after(step, args, result)
        return result

    def _invoke(self, frame: _Frame, function: Any, args: list[Any]) -> Any:
        """Call a function; one that is stepped here too without a C function in between, which
        would take the stack that deep recursion needs.
        """
        if isinstance(function, SteppedFunction | Closure) and function.stepper is self:
            plan = function.plan
            everything = [*args, *function.captured] if isinstance(function, Closure) else args
            checked = convert.ours(plan.signature, everything, copies=True)
            return self.run(plan, checked, frame.depth + 1)
        return function(*args)

    def match_shape(self, frame: _Frame, step: MatchShape) -> None:
        """See `plan.MatchShape`."""
        value: Any = frame.registers[step.reg]
        shape: tuple[int, ...] = value.shape if isinstance(value, Tensor) else values.Shape(value)
        if len(shape) != len(step.dims):
            raise RunError(
                f"{step.context}: the number of dimensions is wrong.",
                expected=f"{len(step.dims)}, as in {dims.show_shape(step.dims)}",
                found=f"{len(shape)}: {dims.show_shape(shape)}",
            )
        matcher = Matcher(RunError, frame.bindings)
        matcher.match_extents(step.dims, shape, step.context)
        matcher.finish()

    def check_info(self, frame: _Frame, step: CheckInfo) -> None:
        """See `plan.CheckInfo`."""
        matcher = Matcher(RunError, frame.bindings, copies=True)
        matcher.match(step.spec, frame.registers[step.reg], step.context)
        matcher.finish()

    def check_bound(self, frame: _Frame, step: CheckBound) -> None:
        """See `plan.CheckBound`."""
        found = dims.evaluate(step.dim, frame.bindings)
        if found > step.bound:
            raise RunError(
                f"{frame.plan.name}: {step.context}",
                expected=f"{step.bound}",
                found=f"{found}",
            )

    def make_shape(self, frame: _Frame, step: MakeShape) -> None:
        """See `plan.MakeShape`."""
        frame.registers[step.dst] = values.Shape(frame.extents(step.dims))

    def make_prim(self, frame: _Frame, step: MakePrim) -> None:
        """See `plan.MakePrim`."""
        value = dims.evaluate(step.value, frame.bindings)
        frame.registers[step.dst] = bool(value) if step.dtype == "bool" else value

    def const(self, frame: _Frame, step: Const) -> None:
        """See `plan.Const`."""
        frame.registers[step.dst] = self._functions.constants[step.index]

    def literal(self, frame: _Frame, step: Literal) -> None:
        """See `plan.Literal`."""
        frame.registers[step.dst] = step.value

    def alloc(self, frame: _Frame, step: Alloc) -> None:
        """See `plan.Alloc`."""
        frame.registers[step.dst] = empty(frame.extents(step.shape), step.dtype)

    def view(self, frame: _Frame, step: View) -> None:
        """See `plan.View`."""
        frame.registers[step.dst] = self._reshaped(frame, step)

    def copy(self, frame: _Frame, step: Copy) -> None:
        """See `plan.Copy`."""
        source = self._reshaped(frame, step)
        made = empty(source.shape, source.dtype)
        frame.registers[step.dst] = source.copyto(made)

    def _reshaped(self, frame: _Frame, step: View | Copy) -> Tensor:
        tensor: Tensor = frame.registers[step.reg]
        if not tensor.is_contiguous():
            # Foreign code may return a tensor with gaps.
            tensor = tensor.copyto(empty(tensor.shape, tensor.dtype))
        shape = frame.extents(step.shape)
        if tensor.size != math.prod(shape):
            raise RunError(
                f"{frame.plan.name}: {RESHAPE_MESSAGE}",
                expected=f"{tensor.size}",
                found=f"{math.prod(shape)}",
            )
        return reshaped(tensor, shape)

    def call_kernel(self, frame: _Frame, step: CallKernel) -> None:
        """See `plan.CallKernel`."""
        args = [*frame.read(step.args), *frame.extents(step.dims)]
        self._call(frame, step, self._functions.function(step.function), args)

    def call_packed(self, frame: _Frame, step: CallPacked) -> None:
        """See `plan.CallPacked`."""
        function = self._functions.resolve(step.name, frame.plan.name)
        if isinstance(function, PackedFunction):
            function = function.function
        result = self._call(frame, step, function, frame.read(step.args))
        if step.dst is not None:
            frame.registers[step.dst] = values.ours(result)

    def call_graph(self, frame: _Frame, step: CallGraph) -> None:
        """See `plan.CallGraph`."""
        plan = self._functions.graphs[step.function]
        function = self.function(plan)
        frame.registers[step.dst] = self._call(frame, step, function, frame.read(step.args))

    def make_tuple(self, frame: _Frame, step: MakeTuple) -> None:
        """See `plan.MakeTuple`."""
        frame.registers[step.dst] = tuple(frame.read(step.regs))

    def get_item(self, frame: _Frame, step: GetItem) -> None:
        """See `plan.GetItem`."""
        value: object = frame.registers[step.reg]
        kind = type(value).__name__
        fields = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else ()
        if step.index >= len(fields):
            raise RunError(
                f"{frame.plan.name} takes field {step.index} of something that has none such.",
                expected=f"a tuple of at least {step.index + 1} fields",
                found=f"a {kind}",
            )
        frame.registers[step.dst] = fields[step.index]

    def branch(self, frame: _Frame, step: If) -> None:
        """See `plan.If`."""
        if bool(frame.registers[step.cond]):
            self._steps(frame, step.then_steps)
            frame.registers[step.dst] = frame.registers[step.then_reg]
        else:
            self._steps(frame, step.else_steps)
            frame.registers[step.dst] = frame.registers[step.else_reg]

    def make_closure(self, frame: _Frame, step: MakeClosure) -> None:
        """See `plan.MakeClosure`."""
        plan = self._functions.graphs[step.function]
        frame.registers[step.dst] = Closure(self, plan, tuple(frame.read(step.captured)))

    def call_closure(self, frame: _Frame, step: CallClosure) -> None:
        """See `plan.CallClosure`."""
        function = frame.registers[step.reg]
        if not callable(function):
            raise RunError(
                f"{frame.plan.name} calls something that is not a function.",
                found=f"a {type(function).__name__}",
            )
        result = self._call(frame, step, function, frame.read(step.args))
        frame.registers[step.dst] = values.ours(result)


_RUN: dict[type[Step], Callable[[Stepper, _Frame, Any], None]] = {
    MatchShape: Stepper.match_shape,
    CheckInfo: Stepper.check_info,
    CheckBound: Stepper.check_bound,
    MakeShape: Stepper.make_shape,
    MakePrim: Stepper.make_prim,
    Const: Stepper.const,
    Literal: Stepper.literal,
    Alloc: Stepper.alloc,
    View: Stepper.view,
    Copy: Stepper.copy,
    CallKernel: Stepper.call_kernel,
    CallPacked: Stepper.call_packed,
    CallGraph: Stepper.call_graph,
    MakeTuple: Stepper.make_tuple,
    GetItem: Stepper.get_item,
    If: Stepper.branch,
    MakeClosure: Stepper.make_closure,
    CallClosure: Stepper.call_closure,
}
