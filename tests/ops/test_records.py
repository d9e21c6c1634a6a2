"""For every operator and sample: the inferred struct info is the actual one; the lowering agrees
with the NumPy reference in the interpreter; native code agrees with the interpreter; the script
reads back.
"""

from __future__ import annotations

from functools import cache

import pytest

from pellucid import relax  # noqa: F401  (fills the table of records)
from pellucid.relax import op
from pellucid.relax.op.record import OpRecord, records
from tests.ops.harness import (
    Group,
    assert_described,
    assert_round_trip,
    assert_same,
)
from tests.ops.skips import SKIPS

RECORDS = records()
# Operators are compiled together, those of one file in one module.
FAMILIES = sorted({each.function.__module__ for each in RECORDS})


def family_of(record: OpRecord) -> list[OpRecord]:
    return [each for each in RECORDS if each.function.__module__ == record.function.__module__]


@cache
def alone(name: str) -> Group:
    """The trials of one operator."""
    return Group([each for each in RECORDS if each.name == name])


@cache
def together(family: str) -> Group:
    """The trials of all operators of a file."""
    return Group([each for each in RECORDS if each.function.__module__ == family])


def by_record(test: str) -> pytest.MarkDecorator:
    found = []
    for each in RECORDS:
        marks = [pytest.mark.xdist_group(each.function.__module__)]
        reason = SKIPS.get((each.name, test))
        if reason is not None:
            marks.append(pytest.mark.skip(reason=reason))
        found.append(pytest.param(each, id=each.name, marks=marks))
    return pytest.mark.parametrize("record", found)


@by_record("inferred")
def test_what_is_inferred_is_what_there_is(record: OpRecord) -> None:
    group = alone(record.name)
    assert group.trials, "no samples"
    for trial in group.trials:
        known = not record.op.has_attr("FDataDependent")
        value = group.reference(trial)
        assert trial.info is not None
        assert_described(trial.info, value, str(trial), shapes_known=known)


@by_record("lowered")
def test_the_lowering_agrees_with_the_reference(record: OpRecord) -> None:
    group = alone(record.name)
    for trial in group.trials:
        expected = group.reference(trial)
        assert_same(group.interpreted(trial), expected, record.tolerance, str(trial))


@by_record("native")
def test_native_code_agrees_with_the_interpreter(record: OpRecord) -> None:
    group = together(record.function.__module__)
    for trial in group.of(record):
        expected = alone(record.name).interpreted(trial)
        assert_same(group.native(trial), expected, record.tolerance, str(trial))


@by_record("script")
def test_the_script_reads_back(record: OpRecord) -> None:
    group = alone(record.name)
    assert_round_trip(group.module)
    assert_round_trip(group.lowered)


def test_records_are_complete() -> None:
    for each in RECORDS:
        assert each.doc, f"{each.name}: no docstring"
        assert each.samples, f"{each.name}: no samples"
        names = each.name.split(".")
        found = op
        for part in names:
            found = getattr(found, part)
        assert callable(found), each.name


def test_skips_are_few_and_have_reasons() -> None:
    assert len(SKIPS) <= 10
    assert all(SKIPS.values())
    known = {each.name for each in RECORDS}
    assert {name for name, _ in SKIPS} <= known
