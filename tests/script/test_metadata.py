"""Constants beside a script: what `show_meta=True` writes is what `I.load_metadata` reads."""

from __future__ import annotations

import json
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pellucid.runtime import nd
from pellucid.script import ir as I
from pellucid.script.metadata import ARRAY, CONSTANT, MetadataWriter
from pellucid.support.errors import ParseError

DTYPES = [
    np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    )
]


def through(value: Any, kind: str = ARRAY) -> Any:
    """`value` written and read."""
    writer = MetadataWriter()
    assert writer.refer(kind, value) == f'metadata["{kind}"][0]'
    return I.load_metadata(writer.to_json())[kind][0]


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, min_side=0))
    )
)
def test_every_array_survives(array: Any) -> None:
    found = through(array)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_small_floats(name: str) -> None:
    array = np.array([0.5, -2.0, np.nan]).astype(getattr(ml_dtypes, name))
    found = through(array)
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


def test_constants_are_tensors() -> None:
    tensor = nd.array(np.arange(6, dtype="float32").reshape(2, 3))
    constant = through(tensor, CONSTANT)
    np.testing.assert_array_equal(constant.data.numpy(), tensor.numpy())


def test_one_object_has_one_place() -> None:
    writer = MetadataWriter()
    array, other = np.zeros(2), np.zeros(2)
    places = [writer.refer(ARRAY, each) for each in (array, other, array)]
    assert places == [f'metadata["{ARRAY}"][{index}]' for index in (0, 1, 0)]


def entry(**changes: Any) -> str:
    fields = {"dtype": "int8", "shape": [2], "data": "AAA=", **changes}
    return json.dumps({"version": 1, ARRAY: [fields]})


BAD = {
    "no json": ("{", "Expecting property name"),
    "a list": ("[]", "list"),
    "no version": ("{}", "version None, where this release reads 1"),
    "later version": ('{"version": 2}', "version 2, where this release reads 1"),
    "no entry": (json.dumps({"version": 1, ARRAY: [3]}), "an entry is int"),
    "no data": (entry(data=None), "an entry lacks dtype, shape or data"),
    "unknown dtype": (entry(dtype="int9"), "int9"),
    "no base64": (entry(data="?"), "base64"),
    "too short": (entry(data="AA=="), r"1 bytes for \[2\] of int8"),
    "no shape": (entry(shape=["x"]), "invalid literal"),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_metadata(name: str) -> None:
    text, found = BAD[name]
    with pytest.raises(ParseError, match="This metadata cannot be read") as caught:
        I.load_metadata(text)
    assert caught.value.cure == "print the module anew with show_meta=True"
    assert re.search(found, caught.value.found or "")
