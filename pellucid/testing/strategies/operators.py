"""Strategies for modules of operators with weights, for passes that fold, combine and fuse.

Out: `GraphProgram`s whose `main` takes one input and two weights (`num_input` is 1), each a matrix
of float32 with small integers in it, and returns one matrix or a tuple of them. A program is a few
pieces, each the form that one of the passes looks for: matmuls of one value, a batch norm after a
convolution, transposed weights, reshapes, element-wise chains, what constants alone decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pellucid.relax import expr as rx
from pellucid.relax import struct_info as si
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.op import binary, linear_algebra, nn, shape_manipulation, unary
from pellucid.testing.strategies.graphs import GraphProgram, features

SIZE = 4


@dataclass
class _Build:
    """The module under construction; every value in `values` is a square matrix."""

    draw: st.DrawFn
    builder: BlockBuilder = field(default_factory=BlockBuilder)
    values: list[rx.Expr] = field(default_factory=list[rx.Expr])
    weights: list[rx.Expr] = field(default_factory=list[rx.Expr])

    def value(self) -> rx.Expr:
        """One of the latest values."""
        return self.draw(st.sampled_from(self.values[-3:]))

    def weight(self) -> rx.Expr:
        """A weight: a parameter or a constant."""
        constant = self.constant(SIZE, SIZE)
        return self.draw(st.sampled_from([*self.weights, constant, constant, constant]))

    def constant(self, *shape: int) -> rx.Constant:
        """A constant of small integers."""
        rng = np.random.default_rng(self.draw(st.integers(0, 255)))
        return rx.const(rng.integers(-2, 3, shape).astype("float32"))

    def emit(self, value: rx.Expr) -> rx.Var:
        """Bind an expression."""
        return self.builder.emit(value)


def _elementwise(build: _Build) -> list[rx.Expr]:
    """A chain of element-wise operators, a broadcast constant among them."""
    value = build.value()
    for _ in range(build.draw(st.integers(1, 3))):
        kind = build.draw(st.integers(0, 4))
        if kind == 0:
            made = nn.relu(value)
        elif kind == 1:
            made = unary.negative(value)
        elif kind == 2:
            made = binary.add(value, build.constant(SIZE))
        else:
            made = (binary.add if kind == 3 else binary.maximum)(value, build.value())
        value = build.emit(made)
    return [value]


def _dense(build: _Build) -> list[rx.Expr]:
    """A matmul, with a bias and an activation or without."""
    value: rx.Expr = build.emit(linear_algebra.matmul(build.value(), build.weight()))
    if build.draw(st.booleans()):
        value = build.emit(binary.add(value, build.constant(SIZE)))
    return [build.emit(nn.relu(value)) if build.draw(st.booleans()) else value]


def _parallel(build: _Build) -> list[rx.Expr]:
    """Two or three matmuls of one value."""
    shared = build.value()
    weights = [build.weight() for _ in range(build.draw(st.integers(2, 3)))]
    return [build.emit(linear_algebra.matmul(shared, each)) for each in weights]


def _convolution(build: _Build) -> list[rx.Expr]:
    """A convolution with a batch norm after it."""
    image = build.emit(shape_manipulation.reshape(build.value(), (1, 4, 2, 2)))
    image = build.emit(nn.conv2d(image, build.constant(4, 4, 1, 1)))
    moments = [build.constant(4) for _ in range(3)]
    variance = rx.const(np.full(4, build.draw(st.sampled_from([1, 4])), "float32"))
    normal = build.emit(nn.batch_norm(image, *moments, variance, epsilon=0.0))
    image = build.emit(rx.TupleGetItem(normal, 0))
    return [build.emit(shape_manipulation.reshape(image, (SIZE, SIZE)))]


def _transposed(build: _Build) -> list[rx.Expr]:
    """A matmul by a transposed weight."""
    turned = build.emit(linear_algebra.permute_dims(build.weight()))
    return [build.emit(linear_algebra.matmul(build.value(), turned))]


def _reshaped(build: _Build) -> list[rx.Expr]:
    """There and back by way of another shape, with or without work between."""
    shape = build.draw(st.sampled_from([(2, 8), (16,), (1, 4, 4), (2, 2, 2, 2)]))
    value: rx.Expr = build.emit(shape_manipulation.reshape(build.value(), shape))
    if build.draw(st.booleans()):
        value = build.emit(nn.relu(value))
    return [build.emit(shape_manipulation.reshape(value, (SIZE, SIZE)))]


def _prepared(build: _Build) -> list[rx.Expr]:
    """A sum with what depends on weights or constants alone."""
    constant = build.constant(SIZE, SIZE)
    other = build.draw(st.sampled_from([*build.weights, *[build.constant(SIZE)] * 3]))
    ready = build.emit(nn.relu(build.emit(binary.add(constant, other))))
    return [build.emit(binary.add(build.value(), ready))]


PIECES: dict[str, Callable[[_Build], list[rx.Expr]]] = {
    "elementwise": _elementwise,
    "dense": _dense,
    "parallel": _parallel,
    "convolution": _convolution,
    "transposed": _transposed,
    "reshaped": _reshaped,
    "prepared": _prepared,
}
"""What programs are made of, by name."""


@st.composite
def operator_programs(draw: st.DrawFn, piece: str | None = None, longest: int = 3) -> GraphProgram:
    """A module of up to `longest` pieces that runs, with arguments; with `piece`, one of `PIECES`,
    it has at least that one.
    """
    build = _Build(draw)
    matrix = si.TensorStructInfo((SIZE, SIZE), "float32")
    params = [rx.Var(name, matrix) for name in ("x", "w0", "w1")]
    build.values, build.weights = [params[0]], list(params[1:])
    pieces = draw(st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=longest))
    if piece is not None:
        pieces.insert(draw(st.integers(0, len(pieces))), piece)
    with build.builder.function("main", params, attrs={"num_input": 1}):
        with build.builder.dataflow():
            for name in pieces:
                build.values += PIECES[name](build)
            kept = build.values[-1:] if draw(st.booleans()) else build.values[1:][-3:]
            outputs = [build.builder.emit_output(each) for each in kept]
        build.builder.emit_func_output(outputs[0] if len(outputs) == 1 else rx.Tuple(outputs))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    args: list[Any] = [rng.integers(-3, 4, (SIZE, SIZE)).astype("float32") for _ in params]
    module = build.builder.get()
    return GraphProgram(module, args, features(module))
