"""Tensors: making, sharing with NumPy and torch, indexing, copying; the fault cases of arrays."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid.runtime import nd
from pellucid.runtime.dtypes import SCALARS
from pellucid.support.errors import ArgumentError, TypeMismatchError, UnsupportedError


@pytest.mark.parametrize("dtype", SCALARS)
def test_every_dtype_comes_from_numpy_and_goes_back(dtype: str) -> None:
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(SCALARS[dtype][2])
    tensor = nd.array(values)
    assert (tensor.dtype, tensor.shape, tensor.ndim) == (dtype, (2, 3), 2)
    assert (tensor.strides, str(tensor.device), tensor.size) == ((3, 1), "cpu:0", 6)
    assert tensor.data_ptr % 64 == 0
    back = tensor.numpy()
    assert back.dtype == values.dtype
    np.testing.assert_array_equal(back, values)
    shared = nd.from_dlpack(values)
    shared[0, 0] = np.array(1).astype(values.dtype)
    assert values[0, 0] == 1


@pytest.mark.parametrize("dtype", [name for name in SCALARS if hasattr(torch, name)])
def test_every_dtype_is_shared_with_torch(dtype: str) -> None:
    source = torch.ones(3).to(getattr(torch, dtype))
    tensor = nd.from_dlpack(source)
    assert tensor.dtype == dtype
    assert torch.from_dlpack(tensor).data_ptr() == source.data_ptr() == tensor.data_ptr
    assert nd.array(source).data_ptr != source.data_ptr()


def test_what_array_takes() -> None:
    assert nd.array([1.5, 2]).dtype == "float64"
    assert nd.array([[1], [2]]).shape == (2, 1)
    assert nd.array(3).shape == ()
    assert nd.array(True).dtype == "bool"
    assert nd.array([1, 2], dtype="bfloat16").numpy().dtype == ml_dtypes.bfloat16
    assert nd.array(torch.ones(2, requires_grad=True)).dtype == "float32"
    assert nd.array(nd.array([1, 2])).numpy().tolist() == [1, 2]
    assert nd.array(np.arange(4, dtype=">f4")).numpy().tolist() == [0, 1, 2, 3]
    assert nd.array(np.arange(6)[::2], nd.cpu()).numpy().tolist() == [0, 2, 4]
    assert nd.tensor is nd.array
    for dtype in (np.float16, np.dtype("float16"), torch.float16, "float16"):
        assert nd.array([1], dtype=dtype).dtype == nd.empty(1, dtype).dtype == "float16"
    with pytest.raises(TypeMismatchError, match="not a dtype"):
        nd.empty(1, 3.5)


def test_views_of_numpy_and_torch_write_through() -> None:
    tensor = nd.array(np.zeros((2, 2), np.float32))
    np.from_dlpack(tensor)[0, 0] = 1
    torch.from_dlpack(tensor)[1, 1] = 2
    np.asarray(tensor)[0, 1] = 3
    assert tensor.numpy().tolist() == [[1, 3], [0, 2]]
    tensor.numpy()[:] = 9
    assert tensor.numpy().tolist() == [[1, 3], [0, 2]]


def test_a_view_outlives_its_tensor() -> None:
    view = np.from_dlpack(nd.array(np.arange(1000.0)))
    part = nd.array(np.arange(1000.0))[500:]
    gc.collect()
    assert view.sum() == 499500
    assert part.numpy()[0] == 500


def test_dlpack_copies_only_when_asked() -> None:
    tensor = nd.array([1.0, 2.0])
    assert not np.shares_memory(np.from_dlpack(tensor, copy=True), np.asarray(tensor))
    assert np.shares_memory(np.from_dlpack(tensor, copy=False), np.asarray(tensor))
    assert tensor.__dlpack_device__() == (1, 0)
    assert "dltensor_versioned" in repr(tensor.__dlpack__(max_version=(1, 0)))
    assert "dltensor_versioned" not in repr(tensor.__dlpack__(max_version=(0, 8)))
    with pytest.raises(BufferError, match="on cpu:0 and cannot be exported"):
        tensor.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="no streams"):
        tensor.__dlpack__(stream=1)
    with pytest.raises(ValueError, match="needs a copy"):
        tensor.__array__(np.float32, copy=False)


INDICES = st.lists(
    st.one_of(
        st.integers(-2, 1),
        st.slices(3),
        st.just(None),
        st.just(...),
    ),
    max_size=4,
).filter(
    lambda parts: parts.count(...) <= 1 and sum(p is not None and p is not ... for p in parts) <= 3
)


@given(INDICES.map(tuple))
def test_indexing_is_numpys_and_shares_memory(index: tuple[Any, ...]) -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    tensor = nd.array(values)
    part = tensor[index]
    np.testing.assert_array_equal(part.numpy(), values[index])
    if part.size:
        part[...] = -1
        assert (tensor.numpy() == -1).sum() == part.size


def test_indexing_refuses_what_would_copy() -> None:
    tensor = nd.array(np.arange(4.0))
    with pytest.raises(TypeError, match="integers and slices"):
        tensor[[0, 1]]
    with pytest.raises(IndexError):
        tensor[4]
    assert len(tensor) == 4
    assert [float(each) for each in tensor] == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="without dimensions"):
        len(tensor[0])


def test_assignment_and_copies() -> None:
    tensor = nd.empty((2, 2), "float32")
    tensor[:] = [[1, 2], [3, 4]]
    tensor[1] = torch.tensor([7.0, 8.0])
    assert tensor.numpy().tolist() == [[1, 2], [7, 8]]
    other = tensor.copyto(nd.cpu())
    tensor[...] = 0
    assert other.numpy().tolist() == [[1, 2], [7, 8]]
    assert other.copyto(tensor) is tensor
    assert tensor.asnumpy().tolist() == [[1, 2], [7, 8]]
    with pytest.raises(ArgumentError, match="another shape"):
        tensor.copyfrom(np.zeros(3))
    assert (float(tensor[0, 0]), int(tensor[0, 1]), bool(tensor[1, 1])) == (1, 2, True)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tensor)


def test_copied_and_pickled_by_value() -> None:
    tensor = nd.array(np.arange(3).astype(ml_dtypes.bfloat16))
    for other in (copy.deepcopy(tensor), pickle.loads(pickle.dumps(tensor))):
        assert other.dtype == "bfloat16"
        assert other.data_ptr != tensor.data_ptr
        assert other.numpy().tolist() == [0, 1, 2]


def test_texts() -> None:
    tensor = nd.array(np.array([1, 2], np.int32))
    assert repr(tensor) == "Tensor([1, 2], shape=(2,), dtype='int32', device=cpu:0)"
    assert str(tensor) == "[1 2]"


def test_zero_size_and_zero_rank() -> None:
    assert nd.empty((0, 3)).numpy().shape == (0, 3)
    assert np.from_dlpack(nd.from_dlpack(np.zeros((2, 0), np.float32))).shape == (2, 0)
    assert torch.from_dlpack(nd.array(1.5)).item() == 1.5
    assert nd.zeros((2,), "bool").numpy().tolist() == [False, False]


def test_vectors_of_lanes() -> None:
    tensor = nd.empty((2, 3), "float32x4")
    assert tensor.shape == (2, 3)
    assert tensor.numpy().shape == (2, 3, 4)
    with pytest.raises(TypeMismatchError, match="cannot be indexed"):
        tensor[0]


def test_what_cannot_be_shared_is_refused() -> None:
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    with pytest.raises(BufferError, match="read-only"):
        nd.from_dlpack(read_only)
    with pytest.raises(BufferError, match="misaligned"):
        nd.from_dlpack(np.zeros(9, np.uint8)[1:].view(np.float32))
    with pytest.raises(BufferError, match="byte order"):
        nd.from_dlpack(np.zeros(3, ">f4"))
    with pytest.raises(TypeMismatchError, match="found: a list"):
        nd.from_dlpack([1, 2])
    with pytest.raises(TypeMismatchError, match="elements of dtype <U1"):
        nd.array(["a"])
    with pytest.raises(TypeMismatchError, match="do not make an array"):
        nd.array([[1], [1, 2]])
    with pytest.raises(TypeError, match=r"nd\.array"):
        nd.Tensor([1, 2])


def test_what_cannot_be_allocated_is_refused() -> None:
    with pytest.raises(MemoryError):
        nd.empty((1 << 40, 1 << 10))
    with pytest.raises(MemoryError):
        nd.empty((1 << 62, 4))
    with pytest.raises(ArgumentError, match="not the shape"):
        nd.empty((2, -1))
    with pytest.raises(ArgumentError, match="not the shape"):
        nd.empty((1,) * 65)
    with pytest.raises(TypeMismatchError, match="did you mean 'float32'"):
        nd.empty(3, "flot32")
    with pytest.raises(UnsupportedError, match="cuda:1"):
        nd.empty(3, device="cuda:1")
