"""Laws of schedules: a step is refused and changes nothing, or keeps what the program computes, for
the interpreter (unordered loops running backwards too) and for native code; the trace rebuilds the
module.

`make fuzz-schedule` runs the same sequences for `MINUTES` minutes.
"""

from __future__ import annotations

import pytest

import pellucid
from pellucid.ir.module import IRModule
from pellucid.support.errors import PellucidError
from pellucid.testing.strategies.schedule_cases import schedule_cases
from pellucid.testing.strategies.schedule_runs import LawBroken, ScheduleRun
from pellucid.testing.strategies.schedules import STRATEGIES, primitives, random_schedule, seeds
from tests.fuzz.coverage import Coverage

SEQUENCES = 312
# Sequences whose functions are compiled as one module.
BATCH = 12
LEAST = 5
LEAST_IN_LONG_RUNS = 50

schedules = Coverage(
    "schedules",
    set(primitives()),
    "test_random_schedules_keep_the_laws",
    timed=True,
)
limits: list[int] = []


def found(text: str) -> None:
    """Note a finding; shown at once, since a long run goes on (with `-s`)."""
    schedules.findings.append(text)
    print(text, flush=True)


def checked(seed: int) -> ScheduleRun | None:
    """One sequence; None where it breaks a law, which is noted. Primitives that succeeded least so
    far are preferred.
    """
    goals = primitives()
    goal = goals[seed % len(goals)]
    if seed % 2:
        goal = min(goals, key=lambda name: schedules.seen[name])
    try:
        run = random_schedule(seed, goal, schedules.seen)
        run.check()
    except LawBroken as broken:
        found(str(broken))
        return None
    finally:
        schedules.programs += 1
    schedules.seen.update(run.successes)
    return run


def compare_native(runs: list[ScheduleRun]) -> None:
    """Compile the results of some sequences together, and compare what they do."""
    functions = {
        f"s{run.seed}_{name}": func.without_attr("global_symbol")
        for run in runs
        for name, func in run.for_processors().items()
    }
    if not functions:
        return
    try:
        built = pellucid.build(IRModule(functions), target="llvm", bounds_check=True)
    except PellucidError as error:
        if len(runs) > 1:
            for run in runs:
                compare_native([run])
        else:
            found(str(runs[0].broken(f"it does not compile: {error}")))
        return
    for run in runs:
        try:
            run.check_native({n: built[f"s{run.seed}_{n}"] for n in run.for_processors()})
        except LawBroken as broken:
            found(str(broken))


def test_random_schedules_keep_the_laws(request: pytest.FixtureRequest) -> None:
    batch: list[ScheduleRun] = []
    minutes = request.config.getoption("--law-minutes")
    for seed in seeds(request.config.getoption("--law-seed") or 0, minutes, SEQUENCES):
        run = checked(seed)
        if run is not None:
            batch.append(run)
        if len(batch) == BATCH:
            compare_native(batch)
            batch.clear()
            least = min(schedules.wanted, key=lambda name: schedules.seen[name])
            print(schedules.programs, least, schedules.seen[least], flush=True)
    compare_native(batch)
    if minutes is not None:
        limits.append(LEAST_IN_LONG_RUNS)
    assert not schedules.findings, "\n\n".join(schedules.findings[:5])


def test_the_sequences_reach_every_primitive() -> None:
    assert set(STRATEGIES) == set(primitives())
    assert len(schedule_cases()) >= 30
    schedules.check()
    least = min(schedules.seen[name] for name in schedules.wanted)
    assert least >= (limits[0] if limits else LEAST)
