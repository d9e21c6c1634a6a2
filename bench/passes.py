"""What the passes of the default pipeline cost on a graph of a thousand operators.
`make bench-passes` prints the table of the timing instrument.

The graph is a network of the kinds of layers that models have: dense layers, convolutions with
batch norms, attention, softmaxes, reshapes, diamonds, in shapes of which some recur. Each figure is
the median of several runs; the limit that is printed beside the total is a target.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bench.record import write
from pellucid import relax
from pellucid.driver.graph_pipeline import default
from pellucid.ir.instruments import PassInstrument, PassTimingInstrument
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext, PassInfo
from pellucid.relax import op

OPERATORS = 1000
RUNS = 3
LIMIT = 5.0
Emit = Callable[[relax.Expr], relax.Var]


def weight(*shape: int) -> relax.Constant:
    """A constant that is not zero anywhere."""
    return relax.const(np.full(shape, 0.5, "float32"))


def dense(emit: Emit, x: relax.Expr, size: int) -> relax.Expr:
    """A dense layer with a transposed weight, a bias and an activation: four operators."""
    product = emit(op.matmul(x, op.permute_dims(weight(size, size))))
    return emit(op.nn.relu(emit(op.add(product, weight(size)))))


def diamond(emit: Emit, x: relax.Expr, size: int) -> relax.Expr:
    """One product that goes two ways: four operators."""
    product = emit(op.matmul(x, weight(size, size)))
    return emit(op.add(emit(op.nn.relu(product)), emit(op.sigmoid(product))))


def attention(emit: Emit, x: relax.Expr, size: int) -> relax.Expr:
    """Attention of four heads, written out: fourteen operators."""
    parts: list[relax.Expr] = []
    for _ in range(3):
        product = emit(op.matmul(x, weight(size, size)))
        split = emit(op.reshape(product, (8, 4, size // 4)))
        parts.append(emit(op.permute_dims(split, (1, 0, 2))))
    turned = emit(op.permute_dims(parts[1], (0, 2, 1)))
    scores = emit(op.multiply(emit(op.matmul(parts[0], turned)), relax.const(0.25)))
    heads = emit(op.matmul(emit(op.nn.softmax(scores)), parts[2]))
    joined = emit(op.reshape(emit(op.permute_dims(heads, (1, 0, 2))), (8, size)))
    return emit(op.add(joined, x))


def convolution(emit: Emit, x: relax.Expr, size: int) -> relax.Expr:
    """A convolution with batch norm, and what brings the value there and back: six operators."""
    image = emit(op.reshape(x, (1, 8, 4, size // 4)))
    image = emit(op.nn.conv2d(image, weight(8, 8, 3, 3), padding=1))
    normal = emit(op.nn.batch_norm(image, *[weight(8) for _ in range(4)]))
    active = emit(op.nn.relu(emit(relax.TupleGetItem(normal, 0))))
    return emit(op.add(emit(op.reshape(active, (8, size))), x))


LAYERS = ((dense, 4), (attention, 18), (diamond, 4), (convolution, 6), (dense, 4))


def network(operators: int = OPERATORS) -> tuple[IRModule, int]:
    """A module with at least that many operators, and how many there are."""
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((8, 32), "float32"))
    count = 0
    with bb.function("main", [x]):
        with bb.dataflow():
            value: relax.Expr = x
            width, number = 32, 0
            while count < operators:
                layer, cost = LAYERS[number % len(LAYERS)]
                value = layer(bb.emit, value, width)
                count, number = count + cost, number + 1
                if number % 20 == 0:
                    # Another width, so that not all loop functions are alike.
                    new = 32 + 16 * (number // 20 % 5)
                    value = bb.emit(op.matmul(value, weight(width, new)))
                    count, width = count + 1, new
            result = bb.emit_output(value)
        bb.emit_func_output(result)
    return bb.get(), count


class Seconds(PassInstrument):
    """Adds up the seconds of each pass by name, passes within it included."""

    def __init__(self) -> None:
        self.total: defaultdict[str, float] = defaultdict(float)
        self.begun: list[float] = []

    def run_before_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Note the time."""
        self.begun.append(time.perf_counter())

    def run_after_pass(self, mod: IRModule, info: PassInfo) -> None:
        """Add the time since then."""
        self.total[info.name] += time.perf_counter() - self.begun.pop()


def main() -> None:
    """Measure, print, and write `results/passes.json`."""
    operators = int(sys.argv[1]) if len(sys.argv) > 1 else OPERATORS
    module, count = network(operators)
    runs: list[dict[str, float]] = []
    for number in range(RUNS + 1):
        seconds, table = Seconds(), PassTimingInstrument()
        with PassContext(instruments=[seconds, table]):
            start = time.perf_counter()
            default()(module)
            seconds.total["total"] = time.perf_counter() - start
        # The first run also fills caches of the process.
        if number or RUNS == 0:
            runs.append(dict(seconds.total))
        if number == RUNS:
            print(table.render())
    figures: dict[str, Any] = {
        name: {"value": median([run[name] for run in runs]), "unit": "s", "target": None}
        for name in runs[0]
    }
    figures["total"]["target"] = LIMIT
    total = figures["total"]["value"]
    print(f"{count} operators: {total:.2f} s (target {LIMIT:g} s)")
    print(f"written to {write('passes', figures)}")


if __name__ == "__main__":
    main()
