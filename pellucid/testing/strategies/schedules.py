"""Random schedules: sequences of primitives with random arguments, sensible and wrong ones.

`random_schedule(seed)` draws a case and takes steps of it; every primitive of a schedule has a
strategy in `STRATEGIES`, which brings the program into a form that the primitive accepts most of
the time. `unfit` names primitives that a case cannot take, so that rare ones get fitting cases.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from pellucid.testing.strategies.schedule_cases import schedule_cases
from pellucid.testing.strategies.schedule_picks import Picks
from pellucid.testing.strategies.schedule_runs import Declined, ScheduleRun
from pellucid.testing.strategies.schedule_steps_blocks import BLOCK_STEPS
from pellucid.testing.strategies.schedule_steps_loops import LOOP_STEPS
from pellucid.testing.strategies.schedule_steps_memory import MEMORY_STEPS
from pellucid.tir.schedule import Schedule

STRATEGIES: dict[str, Callable[[Picks], object]] = {**LOOP_STEPS, **BLOCK_STEPS, **MEMORY_STEPS}
# Where primitives with many conditions are likely to succeed.
FITTING: dict[str, tuple[str, ...]] = {
    "pad_einsum": ("matmul", "symbolic_matmul", "matmul_relu", "quantized", "batched", "te_matmul"),
    "decompose_padding": ("padding", "pad_row", "conv", "te_conv2d", "te_concatenate"),
    "rolling_buffer": ("blur", "blur_rows", "mean_pool", "conv"),
    "cache_inplace": ("in_place", "softmax_and_blur_and_in_place"),
    "cache_index": ("digits", "conv", "strided_conv", "max_pool", "reshape", "shifted"),
    "reverse_compute_inline": ("chain", "symbolic_chain", "units", "mixed_width", "reshape"),
    "compute_inline": ("chain", "padding", "softmax", "several_users", "conv", "blur"),
    "rfactor": ("argmax", "layer_norm", "product", "total", "softmax", "matmul", "te_argmin"),
    "storage_align": ("chain", "softmax", "several_users", "conv", "attention", "reshape"),
    "reverse_compute_at": ("chain", "matmul_relu", "softmax", "rms_norm", "depthwise", "conv"),
    "set_scope": ("chain", "softmax", "several_users", "conv", "attention", "reshape"),
    "merge": ("chain", "several_users", "softmax", "units", "symbolic_chain"),
}


def primitives() -> list[str]:
    """The names of all primitives of a schedule."""
    methods = {n: getattr(Schedule, n) for n in dir(Schedule)}
    # Other spellings of a primitive are the same method.
    return [n for n, m in methods.items() if hasattr(m, "is_primitive") and m.__name__ == n]


def random_schedule(
    seed: int, goal: str | None = None, seen: Mapping[str, int] | None = None
) -> ScheduleRun:
    """A run of a few random steps; with a `goal`, one of them is this primitive.

    `seen` says how often primitives succeeded so far: rarer ones are drawn more often.
    """
    rng = random.Random(seed)
    choices = list(schedule_cases())
    fitting = [each for each in choices if goal is not None and each.name in FITTING.get(goal, ())]
    case = rng.choice(fitting if fitting and rng.random() < 0.8 else choices)
    run = ScheduleRun(case, seed)
    picks = Picks(run)
    names = list(STRATEGIES)
    weights = [1.0 if seen is None else 1 / (1 + seen.get(each, 0)) for each in names]
    kinds = rng.choices(names, weights, k=rng.randint(1, 5))
    if goal is not None:
        kinds.insert(rng.randrange(len(kinds) + 1), goal)
    for kind in kinds:
        take(picks, kind)
        if run.finished:
            break
        if rng.random() < 0.05:
            run.continue_on_a_copy()
    return run


def seeds(first: int, minutes: float | None, sequences: int) -> Iterator[int]:
    """As many seeds as there is time for, or a number of them."""
    end = None if minutes is None else time.monotonic() + 60 * minutes
    for seed in itertools.count(first):
        if seed - first >= sequences if end is None else time.monotonic() > end:
            return
        yield seed


def take(picks: Picks, kind: str) -> bool:
    """Try the strategy for a primitive; whether it was not refused."""
    try:
        STRATEGIES[kind](picks)
    except Declined:
        return False
    return True


def counted(runs: Iterable[ScheduleRun]) -> Counter[str]:
    """How often each primitive succeeded in some runs."""
    total: Counter[str] = Counter()
    for each in runs:
        total.update(each.successes)
    return total
