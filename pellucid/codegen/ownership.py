"""Which tensors of a plan own their storage, and which reshapes are views.

In: a plan as it was built, in which every reshape is a `View`. Out: the same, where

* a tensor in the arena that someone outside may keep has storage of its own;
* a reshape that someone outside may keep is a `Copy`, and so is one whose memory is written while
  it may still be read: by a loop function, or by foreign code that has the tensor in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pellucid.runtime import plan as steps
from pellucid.runtime.plan import GraphPlan, Step
from pellucid.runtime.signature import Signature, TensorSpec

Signatures = Mapping[str, Signature]


def with_owners(plan: GraphPlan, signatures: Signatures) -> GraphPlan:
    """The plan in which what escapes owns its storage."""
    escaped = _escaping(plan)
    copied: set[int] = {
        step.dst
        for step in steps.walk(plan.steps)
        if isinstance(step, steps.View) and step.dst in escaped
    }
    while True:
        unsafe = _overwritten(plan, copied, signatures)
        if not unsafe:
            break
        copied |= unsafe

    def owned(step: Step) -> Step:
        if isinstance(step, steps.Alloc) and step.offset is not None and step.dst in escaped:
            return replace(step, offset=None)
        if isinstance(step, steps.View) and step.dst in copied:
            return steps.Copy(step.dst, step.reg, step.shape)
        return step

    return replace(plan, steps=_each(plan.steps, owned))


def _each(items: tuple[Step, ...], change: Callable[[Step], Step]) -> tuple[Step, ...]:
    """All steps changed, those in branches included."""
    found: list[Step] = []
    for step in items:
        if isinstance(step, steps.If):
            then_steps, else_steps = _each(step.then_steps, change), _each(step.else_steps, change)
            step = replace(step, then_steps=then_steps, else_steps=else_steps)
        found.append(change(step))
    return tuple(found)


def _escaping(plan: GraphPlan) -> set[int]:
    """The registers whose tensors someone outside may keep."""
    escaped = {plan.result}
    for step in steps.walk(plan.steps):
        if isinstance(step, steps.CallPacked | steps.CallGraph | steps.CallClosure):
            escaped.update(step.args)
        elif isinstance(step, steps.MakeTuple):
            escaped.update(step.regs)
        elif isinstance(step, steps.MakeClosure):
            escaped.update(step.captured)
        elif isinstance(step, steps.If):
            escaped.update((step.then_reg, step.else_reg))
    return escaped


class _Aliases:
    """Sets of registers that may hold the same memory."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def root(self, reg: int) -> int:
        """The register that stands for the set of `reg`."""
        while reg in self.parent:
            reg = self.parent[reg]
        return reg

    def join(self, *regs: int) -> None:
        """These registers may hold the same memory."""
        first = self.root(regs[0])
        for each in regs[1:]:
            other = self.root(each)
            if other != first:
                self.parent[other] = first

    def step(self, step: Step, copied: set[int]) -> None:
        """Note what a step makes of what it reads."""
        if isinstance(step, steps.View | steps.GetItem):
            if step.dst not in copied:
                self.join(step.dst, step.reg)
        elif isinstance(step, steps.MakeTuple):
            self.join(step.dst, *step.regs)
        elif isinstance(step, steps.If):
            self.join(step.dst, step.then_reg, step.else_reg)
        elif isinstance(step, steps.CallGraph):
            self.join(step.dst, *step.args)
        elif isinstance(step, steps.CallPacked):
            if step.dst is not None:
                self.join(step.dst, *step.args)
        elif isinstance(step, steps.CallClosure):
            self.join(step.dst, step.reg, *step.args)
        elif isinstance(step, steps.MakeClosure):
            self.join(step.dst, *step.captured)


def _writes(step: Step, signatures: Signatures) -> tuple[int, ...]:
    """The registers whose tensors a step may write."""
    if isinstance(step, steps.CallKernel):
        specs = signatures[step.function].params
        tensors = [each.writable for each in specs if isinstance(each, TensorSpec)]
        if len(tensors) != len(step.args):
            # Numbers stand among the registers.
            return step.args
        return tuple([reg for reg, wrote in zip(step.args, tensors, strict=True) if wrote])
    if isinstance(step, steps.CallGraph) or (isinstance(step, steps.CallPacked) and not step.dps):
        return step.args
    if isinstance(step, steps.CallClosure):
        return (step.reg, *step.args)
    return ()


def _overwritten(plan: GraphPlan, copied: set[int], signatures: Signatures) -> set[int]:
    """The views whose memory is written after they are made."""
    aliases = _Aliases()
    every = list(steps.walk(plan.steps))
    for step in every:
        aliases.step(step, copied)
    last: dict[int, int] = {}
    for number, step in enumerate(every):
        for reg in _writes(step, signatures):
            last[aliases.root(reg)] = number
    return {
        step.dst
        for number, step in enumerate(every)
        if isinstance(step, steps.View)
        and step.dst not in copied
        and last.get(aliases.root(step.dst), -1) > number
    }
