"""A plan as text to read: one line a step, registers as `%3`, branches indented."""

from __future__ import annotations

from pellucid.runtime import dims
from pellucid.runtime.plan import (
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
from pellucid.runtime.signature import show_spec


def plan_text(plan: GraphPlan) -> str:
    """The whole plan: its signature, how it runs, and its steps."""
    how = f"native as {plan.native_symbol}" if plan.native_symbol else "stepped"
    lines = [f"graph {plan.signature.show()}:  # {how}"]
    if plan.arena_bytes != 0:
        lines.append(f"  # arena: {dims.show(plan.arena_bytes)} bytes")
    names = [each.name for each in plan.signature.params]
    lines += [f"  %{number} = parameter {name}" for number, name in enumerate(names)]
    lines += _steps(plan.steps, "  ")
    lines.append(f"  return %{plan.result}")
    return "\n".join(lines)


def _steps(steps: tuple[Step, ...], indent: str) -> list[str]:
    lines: list[str] = []
    for step in steps:
        if isinstance(step, If):
            lines.append(f"{indent}if %{step.cond}:")
            lines += _steps(step.then_steps, indent + "  ")
            lines.append(f"{indent}  %{step.dst} = %{step.then_reg}")
            lines.append(f"{indent}else:")
            lines += _steps(step.else_steps, indent + "  ")
            lines.append(f"{indent}  %{step.dst} = %{step.else_reg}")
        else:
            lines.append(indent + step_text(step))
    return lines


def _regs(regs: tuple[int, ...]) -> str:
    return ", ".join(f"%{each}" for each in regs)


def step_text(step: Step) -> str:
    """One step as one line (of an `If` only its condition)."""
    if isinstance(step, (MatchShape, CheckInfo, CheckBound)):
        return _check_text(step)
    if isinstance(step, (CallKernel, CallPacked, CallGraph, CallClosure)):
        return _call_text(step)
    if isinstance(step, If):
        return f"%{step.dst} = if %{step.cond}"
    return f"%{step.dst} = {_value_text(step)}"


def _check_text(step: MatchShape | CheckInfo | CheckBound) -> str:
    if isinstance(step, CheckBound):
        return f"check {dims.show(step.dim)} <= {step.bound}  # {step.context}"
    if isinstance(step, MatchShape):
        return f"match_shape %{step.reg} {dims.show_shape(step.dims)}  # {step.context}"
    return f"check %{step.reg} {show_spec(step.spec)}  # {step.context}"


def _call_text(step: CallKernel | CallPacked | CallGraph | CallClosure) -> str:
    if isinstance(step, CallKernel):
        extra = "".join(f", {dims.show(each)}" for each in step.dims)
        return f"kernel {step.function}({_regs(step.args)}{extra})"
    if isinstance(step, CallGraph):
        return f"%{step.dst} = graph {step.function}({_regs(step.args)})"
    if isinstance(step, CallClosure):
        return f"%{step.dst} = closure %{step.reg}({_regs(step.args)})"
    target = "" if step.dst is None else f"%{step.dst} = "
    return f"{target}packed {step.name!r}({_regs(step.args)})"


_Value = (
    MakeShape | MakePrim | Const | Literal | Alloc | View | Copy | MakeTuple | GetItem | MakeClosure
)


def _value_text(step: _Value) -> str:
    if isinstance(step, MakeShape):
        return f"shape {dims.show_shape(step.dims)}"
    if isinstance(step, MakePrim):
        return f"{step.dtype} {dims.show(step.value)}"
    if isinstance(step, Const):
        return f"constant {step.index}"
    if isinstance(step, Literal):
        return repr(step.value)
    if isinstance(step, Alloc):
        where = "own" if step.offset is None else f"arena at {dims.show(step.offset)}"
        return f"alloc {dims.show_shape(step.shape)} {step.dtype}, {where}"
    if isinstance(step, View):
        return f"view of %{step.reg} {dims.show_shape(step.shape)}"
    if isinstance(step, Copy):
        return f"copy of %{step.reg} {dims.show_shape(step.shape)}"
    if isinstance(step, MakeTuple):
        return f"({_regs(step.regs)})"
    if isinstance(step, GetItem):
        return f"%{step.reg}[{step.index}]"
    return f"closure of {step.function} with ({_regs(step.captured)})"
