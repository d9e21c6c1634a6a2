"""The history of a schedule: its instructions, which can be printed, saved and replayed.

print(sch.trace)                       # Python that rebuilds the schedule
sch.trace.apply_to_schedule(tir.Schedule(mod))
text = sch.trace.as_json()
Trace.from_json(text).apply_to_schedule(tir.Schedule(mod))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from pellucid.ir import hooks
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import substitute
from pellucid.support.errors import ArtifactError, ScheduleError
from pellucid.tir.schedule.encode import from_json, text_of, to_json
from pellucid.tir.schedule.instruction import Instruction
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.verdict import Verdict

FORMAT = "pellucid.schedule.trace.1"
POSTPROC = "enter_postproc"
# What only looks or draws: it can go when nothing uses its result.
PURE = frozenset(
    {
        "get_block",
        "get_loops",
        "get_child_blocks",
        "get_producers",
        "get_consumers",
        "get_output_blocks",
        "sample_categorical",
        "sample_perfect_tile",
        "sample_partitioned_tile",
        "sample_compute_location",
    }
)
DecisionProvider = Callable[[Instruction, Any], Any]


class Replayable(Protocol):
    """What a trace is replayed on: a schedule."""

    def call(self, kind: str, arguments: dict[str, Any], positional: str | None) -> Any:
        """Call a primitive by name."""
        ...

    def keep_verdict(self, inst: Instruction) -> None:
        """Take over the verdict of an instruction, if the step was the very same."""
        ...


class Trace:
    """A list of instructions; `decisions` for some of them take the place of their own."""

    def __init__(
        self,
        insts: Sequence[Instruction] = (),
        decisions: Mapping[Instruction, Any] | None = None,
    ) -> None:
        given: Mapping[Instruction, Any] = {} if decisions is None else decisions
        self.insts: list[Instruction] = [
            replace(each, decision=given[each]) if each in given else each for each in insts
        ]

    @property
    def decisions(self) -> dict[Instruction, Any]:
        """The decisions of the sampling instructions."""
        return {each: each.decision for each in self.insts if each.decision is not None}

    def get_decision(self, inst: Instruction) -> Any:
        """The decision of an instruction, or None."""
        return inst.decision

    def append(self, inst: Instruction) -> None:
        """Add an instruction at the end."""
        self.insts.append(inst)

    def pop(self) -> Instruction | None:
        """Remove the last instruction and give it back."""
        return self.insts.pop() if self.insts else None

    def copy(self) -> Trace:
        """An independent list of the same instructions."""
        return Trace(self.insts)

    def __len__(self) -> int:
        """How many instructions there are."""
        return len(self.insts)

    def __iter__(self) -> Iterator[Instruction]:
        """The instructions in order."""
        return iter(self.insts)

    def _counted(self, remove_postproc: bool) -> list[Instruction]:
        if not remove_postproc:
            return list(self.insts)
        kinds = [each.kind for each in self.insts]
        return self.insts[: kinds.index(POSTPROC)] if POSTPROC in kinds else list(self.insts)

    def apply_to_schedule(
        self,
        sch: Replayable,
        remove_postproc: bool = False,
        decision_provider: DecisionProvider | None = None,
    ) -> None:
        """Do the same on another schedule. A step that changes the same programs in the same way
        keeps its verdict.

        `decision_provider(instruction, arguments)` may give another decision for a sampling
        instruction; None keeps the recorded one.
        """
        table: dict[Any, Any] = {}
        for inst in self._counted(remove_postproc):
            arguments = {name: _mapped(value, table) for name, value in inst.arguments.items()}
            if inst.decision is not None:
                other = None if decision_provider is None else decision_provider(inst, arguments)
                arguments["decision"] = inst.decision if other is None else other
            result = sch.call(inst.kind, arguments, inst.positional)
            sch.keep_verdict(inst)
            _pair(inst, result, table)

    def simplified(self, remove_postproc: bool = False) -> Trace:
        """Without instructions that only look or draw and whose results nothing uses."""
        used: set[Any] = set()
        kept: list[Instruction] = []
        for inst in reversed(self._counted(remove_postproc)):
            if inst.kind in PURE and not any(each in used for each in inst.outputs):
                continue
            kept.append(inst)
            used.update(_used(list(inst.arguments.values())))
        return Trace(kept[::-1])

    def with_decision(
        self, inst: Instruction, decision: Any, remove_postproc: bool = False
    ) -> Trace:
        """The same trace with another decision for one instruction; from there on there are no
        verdicts.
        """
        if inst not in self.insts:
            raise ScheduleError("The instruction does not belong to this trace.")
        position = self.insts.index(inst)
        insts = [
            Instruction(
                each.kind,
                each.arguments,
                each.outputs,
                each.single,
                each.positional,
                decision if each is inst else each.decision,
                each.verdict if k < position else None,
                each.state if k < position else None,
            )
            for k, each in enumerate(self._counted(remove_postproc))
        ]
        return Trace(insts)

    # As text.

    def names(self) -> dict[Any, str]:
        """The names of all results: b0, l1, v2 …"""
        names: dict[Any, str] = {}
        for inst in self.insts:
            for each in inst.outputs:
                letter = (
                    "b" if isinstance(each, BlockRV) else "l" if isinstance(each, LoopRV) else "v"
                )
                names[each] = f"{letter}{len(names)}"
        return names

    def as_python(self, remove_postproc: bool = False, verdicts: bool = False) -> list[str]:
        """The lines of Python that rebuild the schedule, for a schedule `sch`."""
        names = self.names()
        return [self._line(each, names, verdicts) for each in self._counted(remove_postproc)]

    def _line(self, inst: Instruction, names: dict[Any, str], verdicts: bool) -> str:
        parts: list[str] = []
        for name, value in inst.arguments.items():
            if name == inst.positional:
                parts.extend(text_of(each, names) for each in value)
            else:
                parts.append(f"{name}={text_of(value, names)}")
        if inst.decision is not None:
            parts.append(f"decision={text_of(inst.decision, names)}")
        call = f"sch.{inst.kind}({', '.join(parts)})"
        if inst.outputs:
            left = ", ".join(names[each] for each in inst.outputs)
            call = f"{left}{'' if inst.single or len(inst.outputs) > 1 else ','} = {call}"
        return f"{call}  # {inst.verdict}" if verdicts and inst.verdict else call

    def __str__(self) -> str:
        """A Python function that does the same to a schedule; verdicts are comments."""
        lines = self.as_python(verdicts=True) or ["pass"]
        head = "# from pellucid import tir\ndef apply_trace(sch: tir.Schedule) -> None:\n"
        return head + "\n".join(f"    {line}" for line in lines)

    __repr__ = __str__

    def show(self, style: str | None = None) -> None:
        """Print the trace as Python, highlighted, with the verdicts of validation."""
        hooks.show.get()(str(self), style)

    # As JSON.

    def as_json(self, remove_postproc: bool = False) -> Any:
        """The trace as JSON data."""
        names = self.names()
        return {
            "format": FORMAT,
            "instructions": [
                {
                    "kind": each.kind,
                    "arguments": [[k, to_json(v, names)] for k, v in each.arguments.items()],
                    "outputs": [names[output] for output in each.outputs],
                    "single": each.single,
                    "positional": each.positional,
                    "decision": to_json(each.decision, names),
                    "verdict": None if each.verdict is None else [*each.verdict, each.state],
                }
                for each in self._counted(remove_postproc)
            ],
        }

    @staticmethod
    def from_json(data: Any) -> Trace:
        """The trace that JSON data (or its text) describes."""
        if isinstance(data, str):
            data = json.loads(data)
        if not isinstance(data, dict) or cast("dict[str, Any]", data).get("format") != FORMAT:
            raise ArtifactError("This is no trace of a schedule.", expected=f"format {FORMAT!r}")
        table: dict[str, Any] = {}
        insts: list[Instruction] = []
        for entry in cast("dict[str, Any]", data)["instructions"]:
            arguments = {name: from_json(value, table) for name, value in entry["arguments"]}
            outputs = [_output(name) for name in entry["outputs"]]
            table.update(zip(entry["outputs"], outputs, strict=True))
            inst = Instruction(
                entry["kind"],
                arguments,
                outputs,
                entry["single"],
                entry["positional"],
                from_json(entry["decision"], table),
            )
            saved = entry.get("verdict")
            if saved is not None:
                inst.verdict, inst.state = Verdict(saved[0], saved[1]), saved[2]
            insts.append(inst)
        return Trace(insts)

    @staticmethod
    def apply_json_to_schedule(json_obj: Any, sch: Replayable) -> None:
        """Do on a schedule what JSON data describes."""
        Trace.from_json(json_obj).apply_to_schedule(sch)


def _output(name: str) -> Any:
    if name.startswith("b"):
        return BlockRV(name)
    return LoopRV(name) if name.startswith("l") else Var(name, "int32")


def _pair(inst: Instruction, result: Any, table: dict[Any, Any]) -> None:
    """Note which new block, loop or number stands for each old one."""
    found = cast("list[Any]", result) if isinstance(result, list) else [result]
    results = [each for each in found if each is not None]
    if not inst.outputs:
        return
    if len(results) != len(inst.outputs):
        raise ScheduleError(
            f"Replaying {inst.kind!r} gives another number of results.",
            expected=str(len(inst.outputs)),
            found=str(len(results)),
        )
    table.update(zip(inst.outputs, results, strict=True))


def _mapped(value: Any, table: dict[Any, Any]) -> Any:
    """An argument with blocks, loops and numbers replaced."""
    if isinstance(value, BlockRV | LoopRV):
        return table.get(value, value)
    if isinstance(value, PrimExpr):
        return substitute(value, {k: v for k, v in table.items() if isinstance(k, Var)})
    if isinstance(value, list):
        return [_mapped(each, table) for each in cast("list[Any]", value)]
    if isinstance(value, tuple):
        return tuple([_mapped(each, table) for each in cast("tuple[Any, ...]", value)])
    if isinstance(value, dict):
        return {k: _mapped(v, table) for k, v in cast("dict[Any, Any]", value).items()}
    return value


def _used(value: Any) -> set[Any]:
    """The blocks, loops and numbers in an argument."""
    if isinstance(value, BlockRV | LoopRV):
        return {value}
    if isinstance(value, PrimExpr):
        found: set[Any] = set()
        value.walk(lambda each: found.update(_used(each)), lambda each: None)
        return {value} if isinstance(value, Var) else found
    if isinstance(value, list | tuple):
        parts = cast("list[Any]", value)
        return {each for part in parts for each in _used(part)}
    if isinstance(value, dict):
        return _used(list(cast("dict[Any, Any]", value).values()))
    return set()
