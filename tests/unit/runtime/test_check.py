"""The words for arguments that do not fit, and the agreement of `check` with the bindings it
finds.
"""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.runtime import dims
from pellucid.runtime.check import check
from pellucid.runtime.facts import compact_strides, facts
from pellucid.runtime.signature import (
    AnySpec,
    ScalarSpec,
    ShapeSpec,
    Signature,
    TensorSpec,
    TupleSpec,
)
from pellucid.runtime.tensor import array, empty
from pellucid.support.errors import ArgumentError

F32 = np.float32
MATMUL = Signature(
    "matmul",
    (
        TensorSpec("a", "float32", ("n", "k")),
        TensorSpec("b", "float32", ("k", ("mul", "m", 2))),
        TensorSpec("c", "float32", ("n", "m"), writable=True),
    ),
)
MIXED = Signature(
    "mixed",
    (
        ScalarSpec("i", "int32", "n"),
        ScalarSpec("f", "float64"),
        ScalarSpec("p", "bool"),
        ShapeSpec("s", ("n", 2)),
        TupleSpec("t", (TensorSpec("x", None, None, ndim=1), AnySpec("y"))),
        TensorSpec("v", "float32", ("n",), strides=("step",), align=16),
    ),
)


def aligned(shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(empty(shape, "float32"))


def mixed(**changes: Any) -> list[Any]:
    given = {
        "i": 4,
        "f": 0.5,
        "p": True,
        "s": (4, 2),
        "t": (np.zeros(3), "any"),
        "v": aligned((8,))[::2],
    }
    return list({**given, **changes}.values())


def refusal(signature: Signature, args: list[Any], **options: bool) -> str:
    with pytest.raises(ArgumentError) as caught:
        check(signature, args, **options)
    return str(caught.value)


def test_bindings() -> None:
    args = [np.zeros((2, 3), F32), torch.zeros(3, 8), array(np.zeros((2, 4), F32))]
    assert check(MATMUL, args) == {"n": 2, "k": 3, "m": 4}
    assert check(MIXED, mixed()) == {"n": 4, "step": 2}
    assert check(MIXED, mixed(i=np.int32(4), f=2, p=1, s=[4, np.int64(2)], t=[torch.zeros(1), 5]))


@pytest.mark.parametrize(
    ("position", "value", "words"),
    [
        (0, [1.0], "Argument 'a' of matmul is not a tensor.*found: a list.*nd.array"),
        (0, "text", "is not a tensor.*found: str 'text'"),
        (0, None, "is not a tensor.*found: NoneType None"),
        (0, np.zeros((2, 3)), "wrong dtype.*expected: float32.*found: float64.*astype"),
        (0, np.zeros((2, 3), "U1"), "wrong dtype.*found: <U1"),
        (0, torch.zeros(2, 3, dtype=torch.complex64), "wrong dtype.*found: complex64"),
        (0, np.zeros((2, 3), ">f4"), "other byte order"),
        (0, np.zeros(3, F32), "number of dimensions.*expected: 2 dimensions.*found: 1 dimension:"),
        (0, np.zeros((3, 2), F32).T, r"not compact.*strides \(3, 1\).*found: strides \(1, 2\)"),
        (0, np.zeros((2, 3), "f4,i1")["f0"], "not compact.*not whole elements"),
        (0, torch.zeros(2, 3, device="meta"), "on another device.*found: meta:0"),
        (1, np.zeros((4, 8), F32), "dimension 0 of argument 'b'.*dimension 1 of argument 'a'.*'k'"),
        (1, np.zeros((3, 9), F32), r"expected: \(m \* 2\) = 8, since m = 4.*found: 9, in \(3, 9\)"),
        (2, np.broadcast_to(F32(0), (2, 4)), "written, but is read-only.*such as a copy"),
        (2, np.zeros((2, 8), F32)[:, ::2], "not compact"),
    ],
)
def test_wrong_arguments(position: int, value: Any, words: str) -> None:
    args: list[Any] = [np.zeros((2, 3), F32), np.zeros((3, 8), F32), np.zeros((2, 4), F32)]
    args[position] = value
    text = refusal(MATMUL, args)
    assert re.search(words, text, re.DOTALL | re.IGNORECASE), text


def test_wrong_count() -> None:
    text = refusal(MATMUL, [np.zeros((2, 3), F32)])
    assert text.startswith("matmul got 1 argument, and takes 3.")
    assert "found: matmul(ndarray((2, 3), float32))" in text


def test_misaligned_elements() -> None:
    bad = np.zeros(25, np.uint8)[1:].view(F32).reshape(2, 3)
    text = refusal(MATMUL, [bad, np.zeros((3, 8), F32), np.zeros((2, 4), F32)])
    assert "does not lie at a multiple of its alignment" in text
    assert "a multiple of 4" in text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("i", 1.5, "is not a number of dtype int32.*found: float 1.5"),
        ("i", True, "is not a number of dtype int32"),
        ("i", 2**31, "out of range.*-2147483648 to 2147483647"),
        ("i", 2**80, "out of range"),
        ("i", np.zeros(()), r"is not a number.*x\.item\(\)"),
        ("f", "1", "is not a number of dtype float64"),
        ("p", 2, "is not a number of dtype bool"),
        ("s", 5, "is not a shape"),
        ("s", (4.0, 2), "is not a shape"),
        ("s", (4,), "number of dimensions"),
        ("s", (4, 3), "dimension 1 of argument 's' of mixed is wrong.*expected: 2.*found: 3"),
        ("s", (5, 2), "dimension 0 of argument 's'.*the value of argument 'i' of mixed about 'n'"),
        ("t", 3, "is not a tuple"),
        ("t", (np.zeros(3),), "wrong number of fields.*expected: 2"),
        ("t", (3, 4), "field 0 of argument 't' of mixed is not a tensor"),
        ("v", aligned((8,))[1::2], "a multiple of 16"),
    ],
)
def test_wrong_scalars_shapes_and_tuples(name: str, value: Any, words: str) -> None:
    text = refusal(MIXED, mixed(**{name: value}))
    assert re.search(words, text, re.DOTALL | re.IGNORECASE), text


def test_graph_functions_copy_what_they_only_read() -> None:
    args = [np.zeros((3, 2), F32).T, np.zeros((3, 8), F32), np.zeros((2, 4), F32)]
    assert check(MATMUL, args, copies=True)["n"] == 2
    args[2] = np.zeros((4, 2), F32).T
    assert "not compact" in refusal(MATMUL, args, copies=True)


def test_zero_size_arrays_are_compact_and_aligned() -> None:
    signature = Signature("f", (TensorSpec("x", "float32", ("n", "m")),))
    assert check(signature, [np.zeros((0, 5), F32)[:, ::2]]) == {"n": 0, "m": 3}


@given(st.lists(st.integers(0, 4), max_size=4).map(tuple), st.data())
def test_compactness_is_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    values = np.zeros(shape, F32)
    if shape:
        values = values.transpose(data.draw(st.permutations(range(len(shape)))))
        values = values[data.draw(st.slices(values.shape[0]))] if values.shape[0] else values
    seen = facts(values)
    assert seen is not None
    assert seen.compact == values.flags.c_contiguous
    if seen.compact and 0 not in values.shape:
        again = np.lib.stride_tricks.as_strided(
            values, values.shape, [4 * each for each in compact_strides(values.shape)]
        )
        assert again.flags.c_contiguous


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9))
def test_check_accepts_exactly_what_agrees(n: int, k: int, other: int, wide: int) -> None:
    args = [np.zeros((n, k), F32), np.zeros((other, wide), F32), np.zeros((n, wide // 2), F32)]
    fits = k == other and wide % 2 == 0
    try:
        found = check(MATMUL, args)
    except ArgumentError:
        assert not fits
    else:
        assert fits
        assert dims.evaluate(("mul", "m", 2), found) == wide


def test_facts_of_all_kinds_of_arrays() -> None:
    half = array(np.zeros((2, 2)).astype(ml_dtypes.bfloat16))
    assert [facts(each) is None for each in ([1], 3, None, "x")] == [True] * 4
    for each in (half, half.numpy(), torch.zeros(2, 2, dtype=torch.bfloat16)):
        seen = facts(each)
        assert seen is not None
        assert (seen.dtype, seen.shape, seen.strides) == ("bfloat16", (2, 2), (2, 1))
        assert (seen.element, seen.writable, seen.native, seen.device) == (2, True, True, "cpu:0")
