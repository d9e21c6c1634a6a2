"""A law about order: lowering keeps the results of loops whose iterations depend on each other.

The programs here read and write the same few buffers with random affine indices, under random
conditions, in loops of every kind; many cannot be vectors, and many buffers cannot move or shrink.
Each is compared with the interpreter after every stage, and compiled.
"""

from __future__ import annotations

import random

import hypothesis
import numpy as np
from hypothesis import strategies as st

from pellucid.driver.build import build
from pellucid.driver.pipeline import lower_stages
from pellucid.interp import run
from pellucid.ir import arithmetic as ar
from pellucid.ir import scalar as ir
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.buffer import decl_buffer
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore, For, IfThenElse, LetStmt, seq
from pellucid.tir.transform.fresh_copy import fresh_copy

SIZE = 48
SHAPES = [(SIZE,), (6, 8), (4, 3, 4)]


def number(value):
    """An int32 constant."""
    return ir.IntImm("int32", value)


class Program:
    """A random function of two arrays, with one or two buffers of its own."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.count = 0
        self.x, self.y = (decl_buffer((SIZE,), "int32", name) for name in "XY")
        shapes = [self.draw.choice(SHAPES) for _ in range(self.draw.randint(1, 2))]
        self.own = [decl_buffer(shape, "int32", f"t{i}") for i, shape in enumerate(shapes)]
        self.buffers = [self.x, self.y, *self.own]

    def func(self):
        """The function: all of its own buffers are filled, then used."""
        fills = [self.fill(each) for each in self.own]
        main = [self.statement([], 3) for _ in range(self.draw.randint(1, 3))]
        if self.draw.random() < 0.5:
            outer = ir.Var("o", "int32")
            inside = [self.statement([(outer, 3)], 3) for _ in range(2)]
            main = [For(outer, 0, 3, "serial", seq(*map(fresh_copy, fills), *inside))]
            if self.draw.random() < 0.8:
                fills = []
        root = Block([], [], [], "root", seq(*fills, *main), alloc_buffers=self.own)
        attrs = {"global_symbol": "f"}
        return PrimFunc([self.x, self.y], BlockRealize([], True, root), attrs=attrs)

    def fill(self, buffer):
        """Loops that store something everywhere."""
        variables = [ir.Var("z", "int32") for _ in buffer.shape]
        body = BufferStore(buffer, number(7), variables)
        for var, extent in zip(reversed(variables), reversed(buffer.shape), strict=True):
            body = For(var, 0, extent, "serial", body)
        return body

    def index(self, variables, extent):
        """An index that is inside [0, extent)."""
        draw, high = self.draw, 0
        found = number(0)
        for var, count in draw.sample(variables, len(variables)):
            factor = draw.choice([1, 1, 1, 2, 3, 4, 6, 8])
            if draw.random() < 0.7 and high + factor * (count - 1) < extent:
                high += factor * (count - 1)
                found = ar.add(found, ar.mul(var, factor))
        if draw.random() < 0.5:
            found = ar.add(found, draw.randint(0, extent - 1 - high))
        if variables and draw.random() < 0.15:
            var = draw.choice(variables)[0]
            found = ar.floormod(ar.add(found, var), extent)
        return found

    def place(self, buffer, variables):
        """An index for each dimension."""
        return tuple(self.index(variables, extent.value) for extent in buffer.shape)

    def load(self, variables):
        """An element of some buffer."""
        buffer = self.draw.choice(self.buffers if self.draw.random() < 0.4 else [self.x])
        return buffer[self.place(buffer, variables)]

    def condition(self, variables):
        """A condition on a loop variable, or on an element."""
        if not variables or self.draw.random() < 0.3:
            return ir.LT(self.load(variables), number(self.draw.randint(0, 5)))
        var, count = self.draw.choice(variables)
        first = ir.EQ(var, number(0))
        return self.draw.choice(
            [
                first,
                ir.LT(var, number(max(1, count - 1))),
                ir.GE(var, number(count // 2)),
                ir.And(first, ir.LT(self.load(variables), number(4))),
            ]
        )

    def value(self, variables, depth=2):
        """An int32 expression."""
        if depth == 0 or self.draw.random() < 0.3:
            return self.load(variables)
        a, b = self.value(variables, depth - 1), self.value(variables, depth - 1)
        node = self.draw.choice([ir.Add, ir.Sub, ir.Mul, ir.Max, None, ir.FloorDiv])
        if node is None:
            chosen = [self.condition(variables), a, b]
            return ir.Call("int32", "tir.if_then_else", chosen)
        return node(a, number(self.draw.choice([2, 3, -2])) if node is ir.FloorDiv else b)

    def store(self, variables):
        """A store, mostly not into the array that is read most."""
        written = [self.y, *self.own] if self.draw.random() < 0.9 else self.buffers
        buffer = self.draw.choice(written)
        return BufferStore(buffer, self.value(variables), self.place(buffer, variables))

    def statement(self, variables, depth):
        """A loop, a choice, a name, or a store."""
        kind = self.draw.random()
        self.count += 1
        if depth > 0 and kind < 0.55:
            var, extent = ir.Var(f"i{self.count}", "int32"), self.draw.choice([1, 2, 3, 4, 6])
            around = [*variables, (var, extent)]
            body = [self.statement(around, depth - 1) for _ in range(self.draw.randint(1, 3))]
            loop = self.draw.choice(["serial", "serial", "vectorized", "unrolled"])
            return For(var, 0, extent, loop, seq(*body))
        if kind < 0.7:
            other = self.store(variables) if self.draw.random() < 0.4 else None
            inner = self.statement(variables, max(depth - 1, 0))
            return IfThenElse(self.condition(variables), inner, other)
        if kind < 0.75:
            var = ir.Var(f"v{self.count}", "int32")
            stored = BufferStore(self.y, var, self.place(self.y, variables))
            return LetStmt(var, self.value(variables, 1), stored)
        return self.store(variables)


def arrays(seed):
    """Two arrays of small numbers."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 10, SIZE).astype("int32") for _ in range(2)]


@hypothesis.settings(max_examples=40)
@hypothesis.given(st.integers(0, 2**32))
def test_lowering_keeps_the_order_of_what_depends_on_it(seed):
    func = Program(seed).func()
    expected = arrays(seed)
    run(func, *expected)
    lowered = func
    for stage in lower_stages():
        lowered = stage(lowered)
        found = arrays(seed)
        run(lowered, *found)
        np.testing.assert_array_equal(found, expected, err_msg=stage.__name__)
    found = arrays(seed)
    build(func)(*found)
    np.testing.assert_array_equal(found, expected)
