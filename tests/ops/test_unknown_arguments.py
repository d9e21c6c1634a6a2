"""Struct-info rules under partial knowledge: the less is known of the arguments, the less is known
of the result, and what is known is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pellucid import relax
from pellucid.relax.base_check import is_base_of
from pellucid.relax.op.record import OpRecord, records
from pellucid.relax.op.samples import TensorSample
from pellucid.relax.struct_info import ObjectStructInfo, StructInfo, TensorStructInfo
from tests.ops.harness import numbers_of

WEAKER: dict[str, Callable[[TensorStructInfo], StructInfo]] = {
    "shape": lambda info: TensorStructInfo(None, info.dtype, ndim=info.ndim),
    "rank": lambda info: TensorStructInfo(None, info.dtype),
    "dtype": lambda info: TensorStructInfo(info.shape, None),
    "everything": lambda info: TensorStructInfo(None, None),
    "kind": lambda info: ObjectStructInfo(),
}


def build(record: OpRecord, sample: Any, change: Callable[[TensorStructInfo], StructInfo]) -> Any:
    """The struct info of the sample's call with arguments of changed infos."""

    def value(given: Any) -> Any:
        if isinstance(given, TensorSample):
            info = TensorStructInfo(numbers_of(given.shape), given.dtype)
            return relax.Var("x", change(info))
        if isinstance(given, list | tuple):
            return type(given)(value(each) for each in numbers_of(given))
        return given

    keywords = {key: value(each) for key, each in sample.keywords.items()}
    call = record.build(*[value(each) for each in sample.args], **keywords)
    return record.op.attr("FInferStructInfo")(call, None)


@pytest.mark.parametrize("record", [pytest.param(each, id=each.name) for each in records()])
def test_unknown_parts_of_arguments(record: OpRecord) -> None:
    for sample in record.samples:
        exact = build(record, sample, lambda info: info)
        for name, change in WEAKER.items():
            try:
                known = build(record, sample, change)
            except Exception as error:
                if must_be_known(record, sample, name):
                    continue
                raise AssertionError(f"{record.name}, {sample}, unknown {name}") from error
            assert is_base_of(known, exact), f"{record.name}: unknown {name}: {known!r}, {exact!r}"


def must_be_known(record: OpRecord, sample: Any, what: str) -> bool:
    """Whether a call cannot even be built without that knowledge: -1 and 0 in a new shape."""
    if record.name != "reshape" or what == "dtype":
        return False
    return any(each in (-1, 0) for each in np.atleast_1d(np.array(sample.args[1], object)))
