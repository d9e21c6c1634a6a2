"""Branches in graph functions: two ways, and one value after them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pellucid.codegen.llvm.graph_calls import GraphCalls
from pellucid.codegen.llvm.graph_values import Held, Nothing, Number, Shape, Tensor, Tuple
from pellucid.codegen.llvm.text import Block
from pellucid.codegen.llvm.value import Value
from pellucid.runtime import plan
from pellucid.support.errors import InternalError, TypeMismatchError


class GraphBranches(GraphCalls):
    """The part of the emitter that branches and merges."""

    def step(self, step: Any) -> None:
        """Emit one step."""
        raise InternalError("the emitter of steps is a class below")

    def branch(self, step: plan.If) -> None:
        """Two ways, and one value after them."""
        f = self.f
        condition = self.truth(self.held[step.cond])
        then, other, join = f.block("then"), f.block("else"), f.block("join")
        f.branch_if(condition, then, other)
        ends: list[tuple[Held, Block]] = []
        symbols = dict(self.symbols)
        sides = (
            (then, step.then_steps, step.then_reg),
            (other, step.else_steps, step.else_reg),
        )
        for block, steps, register in sides:
            f.start(block)
            self.symbols = dict(symbols)
            for each in steps:
                self.step(each)
            ends.append((self.complete(self.held[register]), f.current))
            f.branch(join)
        self.symbols = symbols
        f.start(join)
        self.held[step.dst] = self.merge(ends[0], ends[1])

    def complete(self, value: Held) -> Held:
        """A value in the form in which it can be merged: with an object where the kind has one."""
        if isinstance(value, Shape):
            return replace(value, object=None)
        if isinstance(value, Tuple):
            return Tuple(tuple([self.complete(field) for field in value.fields]))
        return value

    def truth(self, value: Held) -> Value:
        """A condition: a bool number, or the element of a tensor of rank 0."""
        if isinstance(value, Number):
            zero = self.f.iconst(value.value.type, 0)
            return self.f.icmp("ne", value.value, zero)
        if isinstance(value, Tensor):
            return self.f.icmp("ne", self.f.load("i8", value.data, 1), 0)
        raise TypeMismatchError(f"{self.graph.name}: a condition is neither number nor tensor.")

    def merge(self, a: tuple[Held, Block], b: tuple[Held, Block]) -> Held:
        """The value after a branch."""
        (x, from_x), (y, from_y) = a, b
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return self.merge_tensors((x, from_x), (y, from_y))
        if isinstance(x, Number) and isinstance(y, Number) and x.dtype == y.dtype:
            return Number(self.phi(a=(x.value, from_x), b=(y.value, from_y)), x.dtype)
        if isinstance(x, Shape) and isinstance(y, Shape) and len(x.extents) == len(y.extents):
            pairs = zip(x.extents, y.extents, strict=True)
            return Shape(tuple([self.phi((p, from_x), (q, from_y)) for p, q in pairs]))
        if isinstance(x, Tuple) and isinstance(y, Tuple) and len(x.fields) == len(y.fields):
            pairs = zip(x.fields, y.fields, strict=True)
            return Tuple(tuple([self.merge((p, from_x), (q, from_y)) for p, q in pairs]))
        if isinstance(x, Nothing) and isinstance(y, Nothing):
            return x
        raise TypeMismatchError(
            f"{self.graph.name}: the branches of an If give different kinds of values."
        )

    def phi(self, a: tuple[Value, Block], b: tuple[Value, Block]) -> Value:
        """One of two values, by where control came from."""
        phi = self.f.phi(a[0].type)
        phi.add(*a)
        phi.add(*b)
        return phi

    def merge_tensors(self, a: tuple[Tensor, Block], b: tuple[Tensor, Block]) -> Tensor:
        """A tensor after a branch; extents that both sides know stay known."""
        (x, from_x), (y, from_y) = a, b
        data = self.phi((x.data, from_x), (y.data, from_y))
        extents = None
        if x.extents is not None and y.extents is not None and len(x.extents) == len(y.extents):
            pairs = list(zip(x.extents, y.extents, strict=True))
            extents = tuple([self.phi((p, from_x), (q, from_y)) for p, q in pairs])
        both = None
        if x.object is not None and y.object is not None:
            both = self.phi((x.object, from_x), (y.object, from_y))
        return Tensor(data, extents, both, x.dtype if x.dtype == y.dtype else None)
