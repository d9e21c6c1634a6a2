"""A matrix product scheduled with the primitives alone, against torch and the peak of the core.

`make bench-gemm` measures 1024³ in float32 on one thread, the three in turn, and writes
`results/gemm.json`. The steps of `schedule_matmul` are explained one by one in
`docs/tutorials/03_scheduling_a_matmul.py`. Nothing here is a test: the limits that are printed
beside the figures are targets.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from bench.record import write
from pellucid import te
from pellucid.driver.build import build
from pellucid.target import Target
from pellucid.testing.peak import Peak, PeakMeter, timed
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule import Schedule

SIZE = 1024


def matmul(m: int, n: int, k: int) -> PrimFunc:
    """`C[m, n] = A[m, k] × B[k, n]` in float32 as three loops."""
    a = te.placeholder((m, k), name="A")
    b = te.placeholder((k, n), name="B")
    axis = te.reduce_axis((0, k), name="k")
    c = te.compute((m, n), lambda i, j: te.sum(a[i, axis] * b[axis, j], axis=axis), name="C")
    return te.create_prim_func([a, b, c])


def schedule_matmul(
    sch: Schedule, rows: int = 8, vectors: int = 2, lanes: int = 16, name: str = "C"
) -> Schedule:
    """Schedule the block of a matrix product in register tiles of `rows` × (`vectors` × `lanes`).

    The tile stays in registers through the whole reduction; the second operand is packed into
    panels as wide as the tile, which the inner loop reads from end to end. Where a tile reaches
    over the edge of the matrix, rows are left out and lanes are masked.
    """
    columns = vectors * lanes
    product = sch.get_block(name)
    write_back = sch.cache_write(product, 0, "local")
    pack = sch.cache_read(product, 1, "global")
    i, j, k = sch.get_loops(product)
    panel, tile_row = sch.split(i, [None, rows])
    block, vector, lane = sch.split(j, [None, vectors, lanes])
    sch.reorder(panel, block, k, tile_row, vector, lane)
    sch.reverse_compute_at(write_back, block)
    init = sch.decompose_reduction(product, k)
    for part in (init, product):
        *_, tile_row, vector, lane = sch.get_loops(part)
        sch.unroll(tile_row)
        sch.unroll(vector)
        sch.vectorize(lane)
    *_, tile_row, column = sch.get_loops(write_back)
    vector, lane = sch.split(column, [None, lanes])
    sch.unroll(tile_row)
    sch.unroll(vector)
    sch.vectorize(lane)
    # What lies behind the last column in its panel is never used.
    sch.transform_layout(
        pack,
        ("write", 0),
        lambda k, j: (j // columns, k, j % columns),
        assume_injective_transform=True,
    )
    k, j = sch.get_loops(pack)
    block, vector, lane = sch.split(j, [None, vectors, lanes])
    sch.reorder(block, k, vector, lane)
    sch.unroll(vector)
    sch.vectorize(lane)
    return sch


def tile_for(target: Target) -> tuple[int, int, int]:
    """Rows, vectors and lanes of a tile whose sums, with what one step loads, fit the registers."""
    lanes = target.lanes(32)
    return (8, 2, lanes) if target.registers >= 32 else (4, 2, lanes)


def measure(size: int, rounds: int) -> dict[str, Any]:
    """The scheduled product, torch and the peak in turn; the figures of one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    meter = PeakMeter()
    tile = tile_for(Target("llvm"))
    lib = build(schedule_matmul(Schedule(matmul(size, size, size)), *tile).mod)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), dtype="float32") for _ in range(2))
    c = np.zeros((size, size), "float32")
    x, y, z = (torch.from_numpy(each) for each in (a, b, np.empty_like(c)))
    runs: dict[str, Callable[[], Any]] = {
        "pellucid": lambda: lib(a, b, c),
        "torch.mm": lambda: torch.mm(x, y, out=z),
    }
    for run in runs.values():
        run()
    work = 2.0 * size**3
    rates: dict[str, list[float]] = {name: [] for name in runs}
    peaks: list[Peak] = []
    for _ in range(rounds):
        for name, run in runs.items():
            rates[name].append(work / timed(run))
        peaks.append(meter.measure(5))
    torch.set_num_threads(threads)
    exact = a.astype("float64") @ b.astype("float64")
    peak = median(each.flops for each in peaks)
    best = max(peaks, key=lambda each: each.flops)
    return {
        "size": size,
        "rounds": rounds,
        "tile": tile,
        "largest error": float(np.abs(c - exact).max()),
        "peak GFLOP/s": peak / 1e9,
        "peak GFLOP/s, best": best.flops / 1e9,
        "clock GHz": median(each.clock for each in peaks) / 1e9,
        "peak, of lanes x multiply-adds a clock x clock": median(each.share for each in peaks),
        **{f"{name} GFLOP/s": median(each) / 1e9 for name, each in rates.items()},
        **{f"{name} GFLOP/s, best": max(each) / 1e9 for name, each in rates.items()},
        "share of peak": median(rates["pellucid"]) / peak,
        "share of peak, best": max(rates["pellucid"]) / best.flops,
        "times torch.mm": median(rates["pellucid"]) / median(rates["torch.mm"]),
    }


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="rows and columns (1024)")
    parser.add_argument("--rounds", type=int, default=60, help="runs of each (60)")
    parser.add_argument("--dry", action="store_true", help="print without writing the figures")
    options = parser.parse_args()
    figures = measure(options.size, options.rounds)
    for name, value in figures.items():
        print(f"{name:48} {value if not isinstance(value, float) else f'{value:.4g}'}")
    print("targets: share of peak >= 0.9, of lanes x ... x clock >= 0.95")
    if not options.dry:
        print(write("gemm", figures))


if __name__ == "__main__":
    main()
