"""`Schedule.explain()`: a schedule in words.

In: a module and a target. Out: an `Explanation`, whose text says for every loop what it is and what
it touches, held against the target's caches, and for every block its operations and bytes, and
what keeps it from being vectorized. `.data` has the same as plain data; in notebooks it is a table.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pellucid.ir.module import IRModule
from pellucid.target import Target
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.explain_facts import BlockFacts, LoopFacts, facts_of, total

Facts = Mapping[str, list[LoopFacts | BlockFacts]]
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


class Explanation:
    """What each loop and each block of a module is and costs, on a target."""

    def __init__(self, functions: Facts, target: Target) -> None:
        self.functions = functions
        self.target = target

    @property
    def data(self) -> dict[str, Any]:
        """The facts as plain data, for machines."""
        return {
            "target": str(self.target),
            "functions": {
                name: [_record(each) for each in facts] for name, facts in self.functions.items()
            },
        }

    def __str__(self) -> str:
        """The facts in words."""
        lines = [_machine(self.target)]
        for name, facts in self.functions.items():
            lines += ["", f"{name}:"]
            for each in facts:
                first, *rest = sentences(each)
                margin = "  " * (each.depth + 1)
                lines.append(margin + first)
                lines += [f"{margin}    {line}" for line in rest]
            if not facts:
                lines.append("  no loops")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """The same text: this is for reading."""
        return str(self)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        rows: list[str] = []
        for name, facts in self.functions.items():
            rows.append(f'<tr><th colspan="2" style="text-align:left">{_safe(name)}</th></tr>')
            for each in facts:
                first, *rest = sentences(each)
                indent = f"padding-left:{each.depth * 1.5 + 0.5}em;text-align:left"
                details = "<br>".join(_safe(line) for line in rest)
                rows.append(
                    f'<tr><td style="{indent}"><code>{_safe(first)}</code></td>'
                    f'<td style="text-align:left">{details}</td></tr>'
                )
        body = "\n".join(rows)
        return f"<p>{_safe(_machine(self.target))}</p>\n<table>\n{body}\n</table>"


def explain(mod: IRModule, target: Target | str | None = None) -> Explanation:
    """Explain the loop functions of a module; `target` None takes the current one, else this
    machine.
    """
    machine = Target.current(allow_none=False) if target is None else Target(target)
    assert machine is not None
    return Explanation(
        {
            var.name_hint: facts_of(func, machine.processor)
            for var, func in mod.items()
            if isinstance(func, PrimFunc)
        },
        machine,
    )


def sentences(facts: LoopFacts | BlockFacts) -> list[str]:
    """What is said of a loop or block: a first line, and lines below it."""
    return _loop(facts) if isinstance(facts, LoopFacts) else _block(facts)


def size_text(size: int | str) -> str:
    """A number of bytes for people."""
    if isinstance(size, str):
        return f"{size} B"
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"


def _loop(facts: LoopFacts) -> list[str]:
    first = f"for {facts.name} in {facts.extent}: {facts.role}"
    if not facts.footprint:
        return [first]
    if facts.bytes is None:
        return [first, f"touches {_sizes(facts.footprint)}"]
    place = "does not fit a cache" if facts.cache == "memory" else f"fits {facts.cache}"
    return [first, f"touches {size_text(facts.bytes)} ({_sizes(facts.footprint)}): {place}"]


def _sizes(sizes: Mapping[str, int | str]) -> str:
    return ", ".join(f"{name} {size_text(size)}" for name, size in sizes.items())


def _block(facts: BlockFacts) -> list[str]:
    lines = [f"block {facts.name}: {_work(facts)}"]
    for verb, sizes in (("reads", facts.read), ("writes", facts.written)):
        if sizes:
            whole = total(sizes.values())
            parts = _sizes(sizes)
            lines.append(
                f"{verb} {parts}" if whole is None else f"{verb} {size_text(whole)} ({parts})"
            )
    if facts.intensity is not None:
        lines.append(f"arithmetic intensity: {facts.intensity:.3g} operations per byte")
    return lines + _vectors(facts)


def _work(facts: BlockFacts) -> str:
    times = "an unknown number of" if facts.instances is None else str(facts.instances)
    if facts.operations is None:
        return f"{times} instances of unknown cost"
    each = f"{facts.operations:g} operation{'' if facts.operations == 1 else 's'} each"
    whole = "" if facts.total_operations is None else f", {facts.total_operations:g} in all"
    return f"{times} instances, {each}{whole}"


def _vectors(facts: BlockFacts) -> list[str]:
    if facts.vector_loop is None:
        return []
    if not facts.obstacles:
        how = "is vectorized" if facts.vectorized else "could be vectorized"
        return [f"vectors: the loop {facts.vector_loop!r} {how}, with nothing in the way"]
    lines = [
        f"vectors: the loop {facts.vector_loop!r} is vectorized, but"
        if facts.vectorized
        else f"vectors: the innermost loop {facts.vector_loop!r} is not vectorized, since"
    ]
    lines += [f"- {each}" for each in facts.obstacles]
    if facts.better_loops:
        names = " or ".join(repr(each) for each in facts.better_loops)
        lines.append(f"nothing stands against {names}: reorder it inside and vectorize it")
    return lines


def _machine(target: Target) -> str:
    chip = target.processor
    return (
        f"{chip.cpu} ({chip.isa}): vectors of {chip.vector_bytes} bytes, {chip.registers} "
        f"registers, L1 {size_text(chip.l1_bytes)}, L2 {size_text(chip.l2_bytes)}, "
        f"L3 {size_text(chip.l3_bytes)}, {chip.cores} core{'' if chip.cores == 1 else 's'}"
    )


def _record(facts: LoopFacts | BlockFacts) -> dict[str, Any]:
    what = "loop" if isinstance(facts, LoopFacts) else "block"
    return {"what": what, **asdict(facts)}


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
