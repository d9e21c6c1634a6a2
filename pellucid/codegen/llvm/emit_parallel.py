"""Parallel loops: the body moves into a function of its own, which the thread pool calls.

In: a parallel `For`. Out: two internal functions. `<f>.chunk<n>` is what the pool calls with a
range of iterations; it unpacks the values that the body uses from a record, and calls
`<f>.body<n>`, whose parameters they are, so that LLVM knows which pointers do not alias. Loops
inside run serially. A failing chunk makes the loop fail, with the chunk's error.
"""

from __future__ import annotations

from typing import Any

from pellucid.codegen.llvm.emit_state import Binding
from pellucid.codegen.llvm.emit_stmt import StmtEmitter
from pellucid.codegen.llvm.graph_values import declare
from pellucid.codegen.llvm.value import Value
from pellucid.ir.scalar import Var
from pellucid.ir.visitor import pre_order
from pellucid.tir.buffer import Buffer
from pellucid.tir.stmt import For


class KernelEmitter(StmtEmitter):
    """Emits everything that a lowered loop function may hold."""

    def parallel(self, loop: Any, begin: Value, extent: Value) -> None:
        """Run a loop on the threads of the pool."""
        f = self.f
        self.shared.parallel += 1
        captured = [(var, self.vars[var]) for var in self.used(loop)]
        moving = [(var, each) for var, each in captured if _value(each).constant is None]
        values = [_value(each) for _, each in moving]
        if begin.constant is None:
            values.append(begin)
        if self.calls_around is not None:
            values.append(self.calls_around)
        record = f"{{ {', '.join(value.type for value in values)} }}" if values else "{ i64 }"
        chunk = self.chunk_function(loop, captured, moving, begin, record, values)
        context = f.alloca(record, 1, 8, "context")
        for position, value in enumerate(values):
            f.store(value, f.member(record, context, position), 1)
        run = declare(self.module, "pellucid_parallel_for")
        with f.when(f.icmp("sgt", extent, 0)), self.region():
            status = f.call(run, "i32", [Value("ptr", f"@{chunk}"), context, extent])
            self.pass_on(status)

    def used(self, loop: For) -> list[Var]:
        """The variables bound here that the loop's body uses, outer ones first."""
        found: set[Var] = set()
        for node in pre_order(loop.body):
            var = node.data if isinstance(node, Buffer) else node
            if isinstance(var, Var) and var in self.vars:
                found.add(var)
        return sorted(found, key=lambda var: self.vars[var].depth)

    def chunk_function(
        self,
        loop: For,
        captured: list[tuple[Var, Binding]],
        moving: list[tuple[Var, Binding]],
        begin: Value,
        record: str,
        values: list[Value],
    ) -> str:
        """Make the two functions; gives the name of the one that the pool calls."""
        number, name = self.shared.parallel, self.shared.name
        body = self.module.function(
            f"{name}.body{number}",
            "i32",
            [*self.parameters(moving, begin), ("i64", "first"), ("i64", "last")],
            linkage="internal",
            attributes="nounwind noinline",
        )
        chunk = self.module.function(
            f"{name}.chunk{number}",
            "i32",
            [("ptr", "context"), ("i64", "first"), ("i64", "last")],
            linkage="internal",
        )
        loaded = [
            chunk.load(value.type, chunk.member(record, chunk.params[0], position), 1)
            for position, value in enumerate(values)
        ]
        chunk.ret(chunk.call(body.name, "i32", [*loaded, *chunk.params[1:]]))
        inner = type(self)(self.shared, body)
        inner.in_parallel = True
        inner.depth = self.depth
        given = iter(body.params)
        for var, each in captured:
            inner.vars[var] = _moved(
                each, None if _value(each).constant is not None else next(given)
            )
        start = begin if begin.constant is not None else next(given)
        if self.calls_around is not None:
            inner.calls_around = next(given)
        inner.nonzero = set(self.nonzero)
        first, last = body.params[-2:]
        with body.loop(first, last) as counted, inner.region():
            inner.bind_wide(loop.loop_var, body.add(start, counted.index))
            inner.know_positive(loop.extent)
            inner.run(loop.body)
        inner.finish()
        return chunk.name

    def parameters(self, moving: list[tuple[Var, Binding]], begin: Value) -> list[tuple[str, str]]:
        """The parameters of the body that stand for captured values."""
        found: list[tuple[str, str]] = []
        for position, (_, each) in enumerate(moving):
            value = _value(each)
            kind = "ptr noalias" if value.type == "ptr" and each.private else value.type
            found.append((kind, f"c{position}"))
        if begin.constant is None:
            found.append(("i64", "begin"))
        if self.calls_around is not None:
            found.append(("i64", "calls_around"))
        return found


def _value(binding: Binding) -> Value:
    value = binding.wide if binding.value is None else binding.value
    assert value is not None
    return value


def _moved(binding: Binding, value: Value | None) -> Binding:
    """A captured variable in the body's function."""
    if value is None:
        return binding
    if binding.value is None:
        return Binding(None, value, binding.depth)
    return Binding(value, None, binding.depth, binding.private)
