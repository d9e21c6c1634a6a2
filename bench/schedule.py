"""What each primitive of a schedule costs: microseconds a call on a function of three blocks and on
one of thirty.

In: nothing. Out: `results/schedule.json` and the same as a table. A figure is the median over calls
on fresh schedules; references are looked up before the clock starts. The target, 3 ms, holds for
the median of all primitives on the small function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.record import write
from pellucid import te, tir, topi
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule

Call = Callable[[], Any]
Prepare = Callable[[Schedule], Call]
REPEAT = 15
TARGET_US = 3000.0


def network(layers: int) -> PrimFunc:
    """Products with a bias and a nonlinearity: three blocks a layer."""
    x = te.placeholder((32, 32), name="X")
    weights = [te.placeholder((32, 32), name=f"W{k}") for k in range(layers)]
    biases = [te.placeholder((32,), name=f"b{k}") for k in range(layers)]
    value: Any = x
    for weight, bias in zip(weights, biases, strict=True):
        value = topi.nn.relu(topi.add(topi.matmul(value, weight), bias))
    return te.create_prim_func([x, *weights, *biases, value])


def blocks(sch: Schedule) -> list[Any]:
    """The blocks of the last layer: product, bias, nonlinearity."""
    return sch.get_child_blocks(sch.get_block("root"))[-3:]


def with_loops(step: Callable[[Schedule, list[Any], list[Any]], Any], which: int = 0) -> Prepare:
    """A step on the loops of one of the blocks."""

    def prepare(sch: Schedule) -> Call:
        found = blocks(sch)
        loops = sch.get_loops(found[which])
        return lambda: step(sch, found, loops)

    return prepare


def with_tile(step: Callable[[Schedule, list[Any], list[Any]], Any]) -> Prepare:
    """A step after the reduction was split."""

    def prepare(sch: Schedule) -> Call:
        found = blocks(sch)
        i, j, k = sch.get_loops(found[0])
        outer, inner = sch.split(k, [None, 4])
        return lambda: step(sch, found, [i, j, outer, inner])

    return prepare


def with_moved(step: Callable[[Schedule, list[Any], list[Any]], Any]) -> Prepare:
    """A step after the product was moved into the loop of its consumer."""

    def prepare(sch: Schedule) -> Call:
        found = blocks(sch)
        loops = sch.get_loops(found[1])
        sch.compute_at(found[0], loops[0])
        return lambda: step(sch, found, loops)

    return prepare


STEPS: dict[str, Prepare] = {
    "get_block": lambda sch: lambda: sch.get_block("root"),
    "get_loops": with_loops(lambda s, b, at: s.get_loops(b[0])),
    "get_child_blocks": with_loops(lambda s, b, at: s.get_child_blocks(at[0])),
    "get_producers": with_loops(lambda s, b, at: s.get_producers(b[1])),
    "get_consumers": with_loops(lambda s, b, at: s.get_consumers(b[0])),
    "split": with_loops(lambda s, b, at: s.split(at[0], [None, 8])),
    "fuse": with_loops(lambda s, b, at: s.fuse(at[0], at[1])),
    "reorder": with_loops(lambda s, b, at: s.reorder(at[2], at[1], at[0])),
    "reorder_block_iter_var": with_loops(lambda s, b, at: s.reorder_block_iter_var(b[1], [1, 0])),
    "add_unit_loop": with_loops(lambda s, b, at: s.add_unit_loop(at[0])),
    "loop_partition": with_loops(lambda s, b, at: s.loop_partition(at[0], [None, 8])),
    "merge": with_loops(lambda s, b, at: s.merge(s.get_loops(b[1])[1], s.get_loops(b[2])[1])),
    "parallel": with_loops(lambda s, b, at: s.parallel(at[0])),
    "vectorize": with_loops(lambda s, b, at: s.vectorize(at[1]), 1),
    "unroll": with_loops(lambda s, b, at: s.unroll(at[2])),
    "bind": with_loops(lambda s, b, at: s.bind(at[0], "blockIdx.x")),
    "annotate": with_loops(lambda s, b, at: s.annotate(at[0], "note", 1)),
    "compute_at": with_loops(lambda s, b, at: s.compute_at(b[0], at[0]), 1),
    "reverse_compute_at": with_loops(lambda s, b, at: s.reverse_compute_at(b[1], at[1])),
    "compute_inline": with_loops(lambda s, b, at: s.compute_inline(b[1])),
    "reverse_compute_inline": with_loops(lambda s, b, at: s.reverse_compute_inline(b[2])),
    "decompose_reduction": with_loops(lambda s, b, at: s.decompose_reduction(b[0], at[1])),
    "rfactor": with_tile(lambda s, b, at: s.rfactor(at[3])),
    "cache_read": with_loops(lambda s, b, at: s.cache_read(b[0], 1, "local")),
    "cache_write": with_loops(lambda s, b, at: s.cache_write(b[0], 0, "local")),
    "reindex": with_loops(lambda s, b, at: s.reindex(b[0], ("read", 1))),
    "read_at": with_loops(lambda s, b, at: s.read_at(at[0], b[0], 1, "shared")),
    "write_at": with_moved(lambda s, b, at: s.write_at(at[0], b[0], 0, "shared")),
    "blockize": with_loops(lambda s, b, at: s.blockize(at[1])),
    "transform_layout": with_loops(
        lambda s, b, at: s.transform_layout(b[0], ("write", 0), lambda i, j: (i // 8, j, i % 8))
    ),
    "transform_block_layout": with_loops(
        lambda s, b, at: s.transform_block_layout(b[1], lambda i, j: (i * 32 + j,))
    ),
    "pad_einsum": with_loops(lambda s, b, at: s.pad_einsum(b[0], [5, 5, 5])),
    "set_scope": with_loops(lambda s, b, at: s.set_scope(b[0], 0, "local")),
    "storage_align": with_loops(lambda s, b, at: s.storage_align(b[0], 0, 0, 16, 1)),
    "sample_perfect_tile": with_loops(lambda s, b, at: s.sample_perfect_tile(at[0], 4)),
}


def cost(func: PrimFunc, prepare: Prepare) -> float:
    """Microseconds of one call, the median over fresh schedules."""
    found: list[float] = []
    for _ in range(REPEAT):
        call = prepare(tir.Schedule(func, seed=1))
        start = time.perf_counter()
        call()
        found.append((time.perf_counter() - start) * 1e6)
    return median(found)


def main() -> None:
    """Measure, print, and write `results/schedule.json`."""
    small, large = network(1), network(10)
    table: dict[str, dict[str, float | str | None]] = {}
    print(f"{'us':>24}  3 blocks  30 blocks")
    for name, prepare in STEPS.items():
        a, b = cost(small, prepare), cost(large, prepare)
        print(f"{name:>24}  {a:8.0f}  {b:9.0f}")
        table[f"{name}, 3 blocks"] = {"value": a, "unit": "us", "target": None}
        table[f"{name}, 30 blocks"] = {"value": b, "unit": "us", "target": None}
    for count in (3, 30):
        values = [
            float(row["value"] or 0) for n, row in table.items() if n.endswith(f" {count} blocks")
        ]
        middle = median(values)
        target = TARGET_US if count == 3 else None
        table[f"median, {count} blocks"] = {"value": middle, "unit": "us", "target": target}
        print(f"{f'median, {count} blocks':>24}  {middle:8.0f}")
    print(f"written to {write('schedule', table)}")


if __name__ == "__main__":
    main()
