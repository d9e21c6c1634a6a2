"""One random schedule: steps that are taken, refused or broken, and what is checked about them.

In: a case, a seed. `ScheduleRun.step` takes a step; a refused one has to leave module, trace and
references as they were, and raises `Declined`. `check` compares what the scheduled functions
compute with what the case computes, forwards and with unordered loops running backwards, and
rebuilds the module from the trace in three ways. Whatever does not hold raises `LawBroken`, with
the trace up to the step that broke it.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pellucid import tir
from pellucid.interp import run
from pellucid.ir.arithmetic import add, sub
from pellucid.ir.module import IRModule
from pellucid.ir.node import Map
from pellucid.ir.scalar import IterVar, Var
from pellucid.ir.structural import first_difference
from pellucid.ir.visitor import Mutator, pre_order, substitute
from pellucid.support.errors import ScheduleError
from pellucid.testing.strategies.schedule_cases import (
    ScheduleCase,
    arguments_of,
    drawn_sizes,
    shape_of,
    sizes_of,
)
from pellucid.testing.tolerance import assert_agree
from pellucid.tir.analysis import verify_well_formed
from pellucid.tir.buffer import Buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import BlockRV, LoopRV, Schedule, Trace
from pellucid.tir.schedule.edit import replace_buffers
from pellucid.tir.schedule.encode import map_text
from pellucid.tir.stmt import For, ForKind, Stmt


class Declined(Exception):
    """A step was refused, lawfully."""


class LawBroken(AssertionError):
    """A law does not hold; the message shows how to see it again."""


@dataclass(frozen=True)
class Relaid:
    """A parameter that a step gave another layout: `text` is the index map as Python."""

    func: str
    position: int
    text: str


class ScheduleRun:
    """A case under a random schedule."""

    def __init__(self, case: ScheduleCase, seed: int) -> None:
        self.case = case
        self.seed = seed
        self.random = random.Random(seed)
        self.sizes = drawn_sizes(self.random)
        self.sch = Schedule(case.module, seed=seed, error_render_level="fast")
        self.successes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.references: list[Any] = []
        self.relaid: list[Relaid] = []
        # After each step that changed the module: how long the trace was, and the module.
        self.states: list[tuple[int, IRModule, int]] = []
        self.finished = False

    # Taking steps.

    def step(self, kind: str, *positional: Any, **named: Any) -> Any:
        """Take a step. Raises `Declined` where the schedule refuses it."""
        before = self.sch.mod
        seen = self._seen()
        length = len(self.sch.trace)
        call = f"{kind}({positional}, {named})"
        try:
            result = getattr(self.sch, kind)(*positional, **named)
        except ScheduleError as error:
            self.refusals[kind] += 1
            if self.sch.mod is not before or len(self.sch.trace) != length or self._seen() != seen:
                raise self.broken(f"a refused step changed something: {call}") from error
            raise Declined(str(error)) from None
        except Exception as error:
            raise self.broken(f"{call} raised {type(error).__name__}: {error}") from error
        self.successes[kind] += 1
        self._keep(result)
        if self.sch.mod is not before:
            self._note_layouts(kind, before)
            self.states.append((len(self.sch.trace), self.sch.mod, len(self.relaid)))
        return result

    def _seen(self) -> list[Any]:
        """What the last references mean."""
        found: list[Any] = []
        for each in self.references[-6:]:
            try:
                found.append(self.sch.get(each))
            except ScheduleError as error:
                found.append(str(error))
        return found

    def _keep(self, result: Any) -> None:
        items: list[Any] = list(result) if isinstance(result, list) else [result]  # pyright: ignore[reportUnknownArgumentType]
        self.references.extend(each for each in items if isinstance(each, BlockRV | LoopRV))

    def _note_layouts(self, kind: str, before: IRModule) -> None:
        if kind != "transform_layout":
            return
        layout = self.sch.trace.insts[-1].arguments["index_map"]
        for var, func in self.sch.mod.items():
            old = before[var]
            if not isinstance(func, PrimFunc) or func is old:
                continue
            for position, param in enumerate(func.params):
                if param in func.buffer_map and func.buffer_map[param] is not old.buffer_map[param]:
                    self.relaid.append(Relaid(var.name_hint, position, map_text(layout)))

    def broken(self, what: str, length: int | None = None) -> LawBroken:
        """The error for a law that does not hold."""
        trace = Trace(self.sch.trace.insts[: len(self.sch.trace) if length is None else length])
        return LawBroken(f"case {self.case.name!r}, seed {self.seed}: {what}\n{trace}")

    def continue_on_a_copy(self) -> None:
        """Go on with a copy; the schedule so far must not notice."""
        old, self.sch = self.sch, self.sch.copy()
        module, length = old.mod, len(old.trace)

        def unnoticed() -> None:
            if old.mod is not module or len(old.trace) != length:
                raise self.broken("a copy is not independent")

        self.copies.append(unnoticed)

    @property
    def copies(self) -> list[Callable[[], None]]:
        """Checks that schedules which were copied stayed as they were."""
        return self.__dict__.setdefault("_copies", [])

    # Checking.

    def check(self) -> None:
        """Check results and traces; raises `LawBroken` for the first step that broke a law."""
        for each in self.copies:
            each()
        problem = self._problem(self.sch.mod, self.relaid)
        if problem is not None:
            for length, module, layouts in self.states:
                found = self._problem(module, self.relaid[:layouts])
                if found is not None:
                    raise self.broken(found, length)
            raise self.broken(problem)
        self._check_trace()

    def _problem(self, module: IRModule, relaid: Sequence[Relaid]) -> str | None:
        """What is wrong with a module; None when all is well."""
        try:
            verify_well_formed(module)
            for name, func in self.case.functions().items():
                if module[name] is not func:
                    self._compare(name, func, module[name], relaid)
        except Exception as error:  # A crash is a finding too.
            return f"{type(error).__name__}: {error}\n{module.script()}"
        return None

    def _compare(self, name: str, old: PrimFunc, new: PrimFunc, relaid: Sequence[Relaid]) -> None:
        wanted = self.expected(name, old)
        backwards = with_unordered_loops_reversed(new)
        for version in (new,) if backwards is new else (new, backwards):
            found = self.called(name, old, version, relaid, lambda f, args: run(f, *args))
            for position, (a, b) in enumerate(zip(found, wanted, strict=True)):
                if isinstance(b, np.ndarray):
                    assert_agree(a, b, "exact", f"argument {position} of {name}")

    def expected(self, name: str, old: PrimFunc) -> list[Any]:
        """What the arguments are after the case's own function ran."""
        table: dict[str, list[Any]] = self.__dict__.setdefault("_expected", {})
        if name not in table:
            table[name] = arguments_of(old, self.sizes, self.seed)
            run(old, *table[name])
        return table[name]

    def called(
        self,
        name: str,
        old: PrimFunc,
        new: PrimFunc,
        relaid: Sequence[Relaid],
        call: Callable[[PrimFunc, list[Any]], Any],
    ) -> list[Any]:
        """What the arguments are after a call, those with another layout carried there and back."""
        args = arguments_of(old, self.sizes, self.seed)
        sizes = sizes_of(old, self.sizes) | sizes_of(new, self.sizes)
        changes = [each for each in relaid if each.func == name]
        places: list[tuple[Relaid, tuple[Any, ...]]] = []
        for position, param in enumerate(new.params):
            own = [each for each in changes if each.position == position]
            if not own:
                continue
            index: tuple[Any, ...] = tuple(cast("Any", np.indices(args[position].shape)))
            for each in own:
                index = _mapped(each.text, index)
            shape = shape_of(new.buffer_map[param].shape, sizes)
            moved = np.full(shape, 99, args[position].dtype)
            moved[index] = args[position]
            args[position] = moved
            places.append((own[0], index))
        call(new, args)
        for each, index in places:
            args[each.position] = args[each.position][index]
        return args

    def _check_trace(self) -> None:
        """The trace rebuilds the module: replayed, as Python, as JSON, simplified."""
        trace = self.sch.trace
        text = str(trace)

        def executed(sch: Schedule) -> None:
            scope: dict[str, Any] = {"tir": tir}
            exec(text, scope)
            scope["apply_trace"](sch)

        ways: dict[str, Callable[[Schedule], Any]] = {
            "replayed": trace.apply_to_schedule,
            "executed as Python": executed,
            "saved as JSON": lambda sch: Trace.apply_json_to_schedule(
                json.loads(json.dumps(trace.as_json())), sch
            ),
            "simplified": lambda sch: trace.simplified().apply_to_schedule(sch),
        }
        for way, rebuild in ways.items():
            other = Schedule(self.case.module, error_render_level="none")
            try:
                rebuild(other)
            except Exception as error:
                raise self.broken(f"the trace, {way}: {type(error).__name__}: {error}") from error
            difference = first_difference(other.mod, self.sch.mod)
            if difference is not None:
                raise self.broken(f"the trace, {way}, gives another module: {difference}")
            if way != "simplified" and str(other.trace) != text:
                raise self.broken(f"the trace, {way}, gives another trace:\n{other.trace}")

    # Native code.

    def for_processors(self) -> dict[str, PrimFunc]:
        """The scheduled functions, with thread axes and divided memory as a processor has them."""
        return {
            name: without_devices(self.sch.mod[name])
            for name, func in self.case.functions().items()
            if self.sch.mod[name] is not func
        }

    def check_native(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Compare what compiled functions do with what the case computes."""
        for name, native in functions.items():
            old = self.case.functions()[name]
            wanted = self.expected(name, old)

            def call(func: PrimFunc, args: list[Any], native: Any = native) -> None:
                del func
                native(*args)

            found = self.called(name, old, self.sch.mod[name], self.relaid, call)
            for position, (a, b) in enumerate(zip(found, wanted, strict=True)):
                if isinstance(b, np.ndarray):
                    try:
                        assert_agree(a, b, "math", f"argument {position} of {name}, native")
                    except AssertionError as error:
                        raise self.broken(f"{error}\n{self.sch.mod.script()}") from None


def _mapped(text: str, index: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index map on arrays of indices: what `map_text` writes means the same for NumPy."""
    found = eval(text, {"min": np.minimum, "max": np.maximum, "tir": _NumPy})
    shape = index[0].shape if index else ()
    return tuple([np.broadcast_to(each, shape) for each in found(*index)])


class _NumPy:
    """`tir.min` and `tir.max` for arrays."""

    min = np.minimum
    max = np.maximum


def _reduces(loop: For) -> bool:
    return any(
        isinstance(each, IterVar) and each.iter_type == IterVar.CommReduce
        for each in pre_order(loop)
    )


class _Backwards(Mutator):
    """Runs unordered loops from their ends."""

    def visit_for_(self, loop: For) -> Stmt:
        """A loop."""
        new: For = self.visit_default(loop)
        if new.kind not in (ForKind.PARALLEL, ForKind.VECTORIZED, ForKind.THREAD_BINDING):
            return new
        if new.kind is ForKind.THREAD_BINDING and _reduces(new):
            # Threads may reduce together; running one after another they begin in order.
            return new
        var = new.loop_var
        turned = sub(add(new.min, new.min + new.extent - 1), var)
        return new.replace(body=substitute(new.body, {var: turned}))


def with_unordered_loops_reversed(func: PrimFunc) -> PrimFunc:
    """The function with parallel, vectorized and bound loops running backwards."""
    return func.with_body(_Backwards().visit(func.body))


class _Serial(Mutator):
    """Makes loops on thread axes serial; collects buffers that are divided into axes."""

    def __init__(self) -> None:
        super().__init__()
        self.divided: dict[Buffer, Buffer] = {}

    def visit_for_(self, loop: For) -> Stmt:
        """A loop."""
        new: For = self.visit_default(loop)
        if new.kind is not ForKind.THREAD_BINDING:
            return new
        return new.replace(kind=ForKind.SERIAL, thread_binding=None)

    def visit_definition(self, node: Any) -> Any:
        """A buffer where it is made."""
        found = super().visit_definition(node)
        if isinstance(found, Buffer):
            self.note(found)
        return found

    def note(self, buffer: Buffer) -> None:
        """Remember a buffer that is divided."""
        if buffer.axis_separators:
            data = Var(buffer.data.name, buffer.data.type_annotation)
            self.divided[buffer] = buffer.replace(data=data, axis_separators=())


def without_devices(func: PrimFunc) -> PrimFunc:
    """The function without thread axes and without buffers of several physical axes."""
    serial = _Serial()
    body = serial.visit(func.body)
    for buffer in func.buffer_map.values():
        serial.note(buffer)
    changed = {k: serial.divided.get(b, b) for k, b in func.buffer_map.items()}
    if not serial.divided:
        return func.with_body(body)
    return func.replace(body=replace_buffers(body, serial.divided), buffer_map=Map(changed))
