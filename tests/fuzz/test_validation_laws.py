"""Laws of validation, on random schedules: no step of a checked primitive is taken for a wrong one,
and what is proved is confirmed by running both programs.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.testing import Validator
from pellucid.testing.strategies.schedules import random_schedule
from tests.fuzz.coverage import Coverage

steps = Coverage(
    "validation agrees with the primitives",
    {"proved", "tested", "proved, then tested"},
    "test_right_steps_pass_and_proofs_are_confirmed",
)


@given(st.integers(0, 2**31))
@settings(max_examples=60)
def test_right_steps_pass_and_proofs_are_confirmed(seed: int) -> None:
    run = random_schedule(seed)
    kinds = {length: run.sch.trace.insts[length - 1].kind for length, _, _ in run.states}
    # An intrinsic may be given a view of more than its buffer, of which it reads only a part: later
    # steps then do not know what may be read.
    end = min([n for n, kind in kinds.items() if kind == "tensorize"], default=len(run.sch.trace))
    found: set[str] = set()
    for (_, before, _), (length, after, _) in pairwise(run.states):
        if kinds[length].startswith("unsafe_") or length > end:
            continue
        verdict = Validator()(before, after).word
        found.add(verdict)
        if verdict == "proved":
            found.add(f"proved, then {Validator(prove=False)(before, after).word}")
    steps.note(found)


def test_the_schedules_reach_both_verdicts() -> None:
    steps.check()
