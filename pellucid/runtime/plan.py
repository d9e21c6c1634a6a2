"""The plan of a graph function: the steps that run it, as plain data over numbered registers.

In: `codegen/plan.py` turns a graph function into a `GraphPlan`. Out: the same package compiles the
plan to one native entry where that is possible, and `stepper.py` runs any plan in Python. A plan is
stored in the executable as JSON.

Registers 0 … len(params)-1 hold the arguments. A register is written once on each path. Named
dimensions are bound by the parameters' specs (see `signature.py`), then by `MatchShape` and
`CheckInfo`, and live until the function returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import cast

from pellucid.runtime import dims
from pellucid.runtime.dims import Dim
from pellucid.runtime.signature import (
    Record,
    Signature,
    Spec,
    signature_from_json,
    signature_to_json,
    spec_from_json,
    spec_to_json,
)
from pellucid.support.errors import ArtifactError

RESHAPE_MESSAGE = "a reshape does not keep the number of elements."
MAX_REGISTERS = 1 << 24
MAX_STEPS = 1 << 20
MAX_DEPTH = 256
MAX_BOUND = 1 << 62


@dataclass(frozen=True, slots=True)
class MatchShape:
    """Match the extents of `reg` (a tensor or a shape) with `dims`: an unbound bare name is bound,
    all else is checked.

    `context` is what an error calls the thing matched, such as "match_cast of lv3".
    """

    reg: int
    dims: tuple[Dim, ...]
    context: str


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """Check that the value of `reg` fits `spec`, binding unbound bare names; `context` as in
    `MatchShape`.
    """

    reg: int
    spec: Spec
    context: str


@dataclass(frozen=True, slots=True)
class CheckBound:
    """Check that a dimension is at most `bound`, which memory was planned for; `context` as in
    `MatchShape`.
    """

    dim: Dim
    bound: int
    context: str


@dataclass(frozen=True, slots=True)
class MakeShape:
    """`dst` becomes the shape with these extents."""

    dst: int
    dims: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class MakePrim:
    """`dst` becomes the integer `value`, as a scalar of `dtype`."""

    dst: int
    dtype: str
    value: Dim


@dataclass(frozen=True, slots=True)
class Const:
    """`dst` becomes the tensor `index` of the executable's constants."""

    dst: int
    index: int


@dataclass(frozen=True, slots=True)
class Literal:
    """`dst` becomes a string (also a dtype), an int, a float, a bool, or None."""

    dst: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Alloc:
    """`dst` becomes a new, unwritten tensor.

    `offset` None: it owns its storage. Else it lies that many bytes into the arena of this call;
    then no one outside may keep it: it is not returned, captured, or handed to a packed function.
    """

    dst: int
    shape: tuple[Dim, ...]
    dtype: str
    offset: Dim | None = None


@dataclass(frozen=True, slots=True)
class View:
    """`dst` becomes the tensor in `reg` with other extents, on the same memory.

    No one outside may keep it, and the memory is not written while it is used: `Copy` is for that.
    """

    dst: int
    reg: int
    shape: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """`dst` becomes a new tensor of its own with the elements of the one in `reg`, in order, and
    other extents.
    """

    dst: int
    reg: int
    shape: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class CallKernel:
    """Call the loop function `function` with the tensors `args`, the outputs last, and then the
    integers `dims`.
    """

    function: str
    args: tuple[int, ...]
    dims: tuple[Dim, ...] = ()


@dataclass(frozen=True, slots=True)
class CallPacked:
    """Call the packed function `name`, looked up among the executable's functions, then in the
    global registry.

    With `dps` the outputs are the last of `args`, what it returns is ignored, and `dst` is None.
    """

    name: str
    args: tuple[int, ...]
    dst: int | None
    dps: bool


@dataclass(frozen=True, slots=True)
class CallGraph:
    """Call the graph function `function` of the same executable."""

    function: str
    args: tuple[int, ...]
    dst: int


@dataclass(frozen=True, slots=True)
class MakeTuple:
    """`dst` becomes the tuple of these registers."""

    dst: int
    regs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GetItem:
    """`dst` becomes field `index` of the tuple in `reg`."""

    dst: int
    reg: int
    index: int


@dataclass(frozen=True, slots=True)
class If:
    """Run `then_steps` and take `then_reg`, or `else_steps` and `else_reg`, by the scalar in
    `cond`; put it in `dst`.

    `cond` is a bool scalar: a number, or a tensor of rank 0.
    """

    cond: int
    then_steps: tuple[Step, ...]
    then_reg: int
    else_steps: tuple[Step, ...]
    else_reg: int
    dst: int


@dataclass(frozen=True, slots=True)
class MakeClosure:
    """`dst` becomes a closure of graph function `function`, whose *last* parameters are the values
    `captured`.
    """

    dst: int
    function: str
    captured: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CallClosure:
    """Call the closure in `reg`."""

    dst: int
    reg: int
    args: tuple[int, ...]


Step = (
    MatchShape
    | CheckInfo
    | CheckBound
    | MakeShape
    | MakePrim
    | Const
    | Literal
    | Alloc
    | View
    | Copy
    | CallKernel
    | CallPacked
    | CallGraph
    | MakeTuple
    | GetItem
    | If
    | MakeClosure
    | CallClosure
)

STEPS: dict[str, type[Step]] = {
    "match_shape": MatchShape,
    "check_info": CheckInfo,
    "check_bound": CheckBound,
    "make_shape": MakeShape,
    "make_prim": MakePrim,
    "const": Const,
    "literal": Literal,
    "alloc": Alloc,
    "view": View,
    "copy": Copy,
    "call_kernel": CallKernel,
    "call_packed": CallPacked,
    "call_graph": CallGraph,
    "make_tuple": MakeTuple,
    "get_item": GetItem,
    "if": If,
    "make_closure": MakeClosure,
    "call_closure": CallClosure,
}
STEP_NAMES: dict[type[Step], str] = {cls: name for name, cls in STEPS.items()}


@dataclass(frozen=True, slots=True)
class GraphPlan:
    """A graph function as steps.

    `registers`: how many there are. `result`: the register whose value is returned. `arena_bytes`:
    size of the arena that one call needs. `native_symbol`: the exported symbol of its compiled
    entry (calling convention in `abi.py`), or None when it is stepped in Python. `packed`: the
    packed functions that the native entry calls, in the order of its handle array.
    """

    name: str
    signature: Signature
    registers: int
    steps: tuple[Step, ...]
    result: int
    arena_bytes: Dim = 0
    native_symbol: str | None = None
    packed: tuple[str, ...] = ()


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """All steps, those inside the branches of `If` included, in order."""
    for step in steps:
        yield step
        if isinstance(step, If):
            yield from walk(step.then_steps)
            yield from walk(step.else_steps)


def plan_to_json(plan: GraphPlan) -> dict[str, object]:
    """The plan as JSON-able data."""
    return {
        "name": plan.name,
        "signature": signature_to_json(plan.signature),
        "registers": plan.registers,
        "steps": [_step_to_json(each) for each in plan.steps],
        "result": plan.result,
        "arena_bytes": dims.to_json(plan.arena_bytes),
        "native_symbol": plan.native_symbol,
        "packed": list(plan.packed),
    }


def plan_from_json(data: object) -> GraphPlan:
    """A checked plan from parsed JSON; `ArtifactError` if it is not one."""
    record = Record(data, "plan")
    plan = GraphPlan(
        name=record.text("name"),
        signature=signature_from_json(record.get("signature")),
        registers=record.integer("registers", 0, MAX_REGISTERS),
        steps=_steps_from_json(record.items("steps", MAX_STEPS), 0),
        result=record.integer("result", 0, MAX_REGISTERS),
        arena_bytes=record.dim("arena_bytes"),
        native_symbol=record.optional_text("native_symbol"),
        packed=record.texts("packed", MAX_STEPS),
    )
    check_plan(plan)
    return plan


def check_plan(plan: GraphPlan) -> None:
    """Raise `ArtifactError` unless every register is in range, written before it is read, and
    written once a path.
    """
    count = len(plan.signature.params)
    if count > plan.registers:
        raise _wrong(plan, f"it has {count} parameters and only {plan.registers} registers")
    written = _check_steps(plan, plan.steps, frozenset(range(count)))
    _check_read(plan, plan.result, written)


def _check_steps(
    plan: GraphPlan, steps: tuple[Step, ...], before: frozenset[int]
) -> frozenset[int]:
    written = set(before)
    for step in steps:
        for reg in reads(step):
            _check_read(plan, reg, written)
        if isinstance(step, If):
            after_then = _check_steps(plan, step.then_steps, frozenset(written))
            _check_read(plan, step.then_reg, after_then)
            after_else = _check_steps(plan, step.else_steps, frozenset(written))
            _check_read(plan, step.else_reg, after_else)
        dst = writes(step)
        if dst is None:
            continue
        if dst >= plan.registers:
            raise _wrong(plan, f"register {dst} is written, but there are {plan.registers}")
        if dst in written:
            raise _wrong(plan, f"register {dst} is written twice")
        written.add(dst)
    return frozenset(written)


def _check_read(plan: GraphPlan, reg: int, written: set[int] | frozenset[int]) -> None:
    if reg not in written:
        raise _wrong(plan, f"register {reg} is read before it is written")


def _wrong(plan: GraphPlan, what: str) -> ArtifactError:
    return ArtifactError(f"The plan of {plan.name!r} is wrong: {what}.")


def reads(step: Step) -> tuple[int, ...]:
    """The registers that a step reads; of an `If` only the condition."""
    if isinstance(step, (MatchShape, CheckInfo, GetItem, View, Copy)):
        return (step.reg,)
    if isinstance(step, (CallKernel, CallPacked, CallGraph)):
        return step.args
    if isinstance(step, MakeTuple):
        return step.regs
    if isinstance(step, If):
        return (step.cond,)
    if isinstance(step, MakeClosure):
        return step.captured
    if isinstance(step, CallClosure):
        return (step.reg, *step.args)
    return ()


def writes(step: Step) -> int | None:
    """The register that a step writes, or None."""
    if isinstance(step, (MatchShape, CheckInfo, CheckBound, CallKernel)):
        return None
    return step.dst


def _step_to_json(step: Step) -> dict[str, object]:
    data: dict[str, object] = {"step": STEP_NAMES[type(step)]}
    for field in fields(step):
        data[field.name] = _field_to_json(field.name, getattr(step, field.name))
    return data


def _field_to_json(name: str, value: object) -> object:
    if name == "spec":
        return spec_to_json(cast("Spec", value))
    if name in ("then_steps", "else_steps"):
        return [_step_to_json(each) for each in cast("tuple[Step, ...]", value)]
    return dims.to_json(cast("Dim", value))


def _steps_from_json(items: list[object], depth: int) -> tuple[Step, ...]:
    if depth > MAX_DEPTH:
        raise ArtifactError(f"A plan nests branches more than {MAX_DEPTH} deep.")
    return tuple(_step_from_json(each, depth) for each in items)


def _step_from_json(data: object, depth: int) -> Step:
    record = Record(data, "step")
    name = record.text("step")
    cls = STEPS.get(name)
    if cls is None:
        raise ArtifactError("A plan has an unknown step.", found=repr(name)[:80])
    values = {field.name: _field_from_json(record, cls, field.name, depth) for field in fields(cls)}
    return cls(**values)  # pyright: ignore[reportArgumentType]  # each field was read by its own rule


def _field_from_json(record: Record, cls: type[Step], name: str, depth: int) -> object:
    if name in ("then_steps", "else_steps"):
        return _steps_from_json(record.items(name, MAX_STEPS), depth + 1)
    if name == "spec":
        return spec_from_json(record.get(name))
    if name in ("args", "regs", "captured"):
        return _registers(record.items(name, MAX_STEPS))
    if name in ("dims", "shape"):
        return record.dim_list(name)
    if name == "value":
        return record.dim(name) if cls is MakePrim else _literal(record.get(name))
    if name == "dim":
        return record.dim(name)
    if name == "bound":
        return record.integer(name, 0, MAX_BOUND)
    if name == "offset":
        return None if record.get(name) is None else record.dim(name)
    if name == "dps":
        return record.flag(name)
    if name in ("context", "dtype", "function", "name"):
        return record.text(name)
    if name == "dst" and cls is CallPacked and record.get(name) is None:
        return None
    return record.integer(name, 0, MAX_REGISTERS)


def _registers(items: list[object]) -> tuple[int, ...]:
    for each in items:
        if type(each) is not int or not 0 <= each < MAX_REGISTERS:
            raise ArtifactError("A step names a register that is not one.", found=repr(each)[:80])
    return tuple(cast("list[int]", items))


def _literal(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ArtifactError("A plan has a literal of an unknown kind.", found=repr(value)[:80])
