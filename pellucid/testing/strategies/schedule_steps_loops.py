"""Strategies for primitives that look things up, draw numbers, and change loops."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from pellucid.testing.strategies.schedule_picks import Picks
from pellucid.testing.strategies.schedule_runs import Declined
from pellucid.tir.schedule import BlockRV, LoopRV
from pellucid.tir.stmt import For

AXES = ("threadIdx.x", "threadIdx.y", "blockIdx.x", "vthread.x", "threadIdx.w")
NOTES = ("law.one", "law.two")


def _get_block(picks: Picks) -> None:
    if picks.chance(0.1):
        picks.step("get_block", "no such block", picks.choice([None, picks.function()]))
    picks.block()


def _get_child_blocks(picks: Picks) -> None:
    target = picks.loop() if picks.chance(0.5) else picks.block()
    picks.step("get_child_blocks", target)


def _get_output_blocks(picks: Picks) -> None:
    name = picks.function()
    root = picks.run.sch.tree(name).tops[0]
    picks.step("get_output_blocks", picks.reference(name, root))


def _split(picks: Picks) -> None:
    loop = picks.loop()
    factors = picks.factors(loop)
    extent = picks.extent(loop)
    numbers = [each for each in factors if isinstance(each, int)]
    # Without the condition the program has to bear what is beyond the end: here nothing is.
    exact = extent is not None and len(numbers) == len(factors) and _product(numbers) == extent
    picks.step(
        "split",
        loop,
        factors,
        preserve_unit_iters=picks.chance(0.8),
        disable_predication=exact and picks.chance(0.3),
    )


def _product(numbers: list[int]) -> int:
    result = 1
    for each in numbers:
        result *= each
    return result


def _fuse(picks: Picks) -> None:
    loops = picks.loops(picks.block())
    if not loops or picks.chance(0.03):
        picks.step("fuse", *loops[::-1])
        return
    begin = picks.random.randrange(len(loops))
    count = picks.choice([1, 2, 2, 2, 3])
    picks.step("fuse", *loops[begin : begin + count], preserve_unit_iters=picks.chance(0.8))


def _reorder(picks: Picks) -> None:
    loops = picks.loops(picks.block(lambda spot: len(spot.loops()) > 1))
    count = picks.random.randint(min(2, len(loops)), len(loops))
    picks.step("reorder", *picks.random.sample(loops, count))


def _reorder_block_iter_var(picks: Picks) -> None:
    block = picks.block()
    order = list(range(len(picks.spot(block).block.iter_vars)))
    picks.random.shuffle(order)
    picks.step("reorder_block_iter_var", block, order[1:] if picks.chance(0.05) else order)


def _add_unit_loop(picks: Picks) -> None:
    picks.step("add_unit_loop", picks.block() if picks.chance(0.5) else picks.loop())


def _loop_partition(picks: Picks) -> list[LoopRV]:
    loop = picks.loop(lambda spot: getattr(spot.loop.extent, "value", 0) > 1)
    extent = picks.extent(loop)
    if extent is None or extent < 2:
        return picks.step("loop_partition", loop, [None, 1])
    part = picks.random.randint(1, extent - 1)
    factors = picks.choice([[None, part], [part, None], [part, extent - part], [part, part]])
    return picks.step("loop_partition", loop, factors, preserve_unit_iters=picks.chance(0.8))


def _merge(picks: Picks) -> None:
    if picks.chance(0.3):
        loop = picks.loop(lambda spot: getattr(spot.loop.extent, "value", 1) % 2 == 0)
        extent = picks.extent(loop)
        if extent is not None and extent % 2 == 0:
            picks.step("merge", *picks.step("loop_partition", loop, [extent // 2] * 2))
            return
    first = picks.block()
    blocks = picks.neighbours(first)
    pairs = [
        (a, b)
        for a, b in pairwise(blocks)
        if a.loops() and b.loops() and _alike(a.loops()[0].loop, b.loops()[0].loop)
    ]
    if not pairs:
        raise Declined("there are no neighbours")
    function = picks.run.sch.name_of(first)
    a, b = (picks.loops(picks.reference(function, each)) for each in picks.choice(pairs))
    level = picks.random.randrange(min(len(a), len(b)))
    picks.step("merge", a[level], b[level])


def _alike(a: For, b: For) -> bool:
    return repr(a.extent) == repr(b.extent)


def _kind(kind: str) -> Callable[[Picks], object]:
    return lambda picks: picks.step(kind, picks.loop())


def _vectorize(picks: Picks) -> None:
    loops = picks.loops(picks.block())
    picks.step("vectorize", loops[-1] if loops and picks.chance(0.6) else picks.choice(loops))


def _target(picks: Picks) -> BlockRV | LoopRV:
    return picks.block() if picks.chance(0.5) else picks.loop()


def _annotate(picks: Picks) -> None:
    drawn = picks.step("sample_categorical", [2, 4], [0.5, 0.5]) if picks.chance(0.2) else 3
    value = picks.choice([1, "text", [1, 2], {"a": 1}, 0.5, drawn])
    picks.step("annotate", _target(picks), picks.choice(NOTES), value)


def _unannotate(picks: Picks) -> None:
    target = _target(picks)
    key = picks.choice(NOTES)
    if picks.chance(0.8):
        picks.step("annotate", target, key, 1)
    picks.step("unannotate", target, key)


def _sample_categorical(picks: Picks) -> None:
    candidates = [picks.random.randint(1, 8) for _ in range(3)]
    probabilities = picks.choice([[0.2, 0.3, 0.5], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    picks.step("sample_categorical", candidates, probabilities)


def _sample_partitioned_tile(picks: Picks) -> None:
    loop = picks.loop()
    count = picks.choice([2, 3])
    drawn = picks.step(
        "sample_partitioned_tile",
        loop,
        count,
        picks.random.randint(0, count),
        picks.choice([1, 2, 4]),
    )
    if picks.chance(0.5):
        picks.step("split", loop, drawn)


def _sample_compute_location(picks: Picks) -> None:
    block = picks.block(lambda spot: spot.parent is not None)
    picks.step("compute_at", block, picks.step("sample_compute_location", block))


LOOP_STEPS: dict[str, Callable[[Picks], object]] = {
    "get_block": _get_block,
    "get_loops": lambda picks: picks.loops(picks.block()),
    "get_child_blocks": _get_child_blocks,
    "get_producers": lambda picks: picks.step("get_producers", picks.block()),
    "get_consumers": lambda picks: picks.step("get_consumers", picks.block()),
    "get_output_blocks": _get_output_blocks,
    "split": _split,
    "fuse": _fuse,
    "reorder": _reorder,
    "reorder_block_iter_var": _reorder_block_iter_var,
    "add_unit_loop": _add_unit_loop,
    "loop_partition": _loop_partition,
    "merge": _merge,
    "parallel": _kind("parallel"),
    "vectorize": _vectorize,
    "unroll": _kind("unroll"),
    "bind": lambda picks: picks.step("bind", picks.loop(), picks.choice(AXES)),
    "annotate": _annotate,
    "unannotate": _unannotate,
    "enter_postproc": lambda picks: picks.step("enter_postproc"),
    "sample_categorical": _sample_categorical,
    "sample_perfect_tile": lambda picks: picks.step(
        "sample_perfect_tile", picks.loop(), picks.choice([1, 2, 3, 4]), picks.choice([1, 4, 16])
    ),
    "sample_partitioned_tile": _sample_partitioned_tile,
    "sample_compute_location": _sample_compute_location,
}
