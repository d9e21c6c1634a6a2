"""Our tensor: an n-dimensional array on a device, sharing memory with NumPy and torch through
DLPack.

It is a class of our own that holds a tvm_ffi tensor, so that tvm_ffi's process-wide choice of a
tensor class is left alone. What we allocate is aligned to 64 bytes; what we take from others stays
where it is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from pellucid.runtime import arrays, dtypes
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.device import Device, device_of_dlpack, require_cpu
from pellucid.runtime.support_library import support_library
from pellucid.support.errors import ArgumentError, TypeMismatchError

MAX_RANK = 64

DType = str | type | np.dtype[Any] | Any
"""A name such as `float32`, or what NumPy and torch take for a dtype."""


class Tensor:
    """An n-dimensional array.

    Make one with `array`, `empty`, or `from_dlpack`. `np.from_dlpack(t)` and `torch.from_dlpack(t)`
    share its memory, and writing there writes here; `t.numpy()` is a copy.
    """

    __slots__ = ("__weakref__", "handle")

    handle: Any
    """The tvm_ffi tensor inside."""

    def __init__(self, *_args: object, **_options: object) -> None:
        raise TypeError(
            "a Tensor is made by nd.array(values), nd.empty(shape, dtype), or nd.from_dlpack(array)"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return self.handle.shape

    @property
    def strides(self) -> tuple[int, ...]:
        """The steps between neighbours along each dimension, in elements."""
        return self.handle.strides

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.handle.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.handle.shape)

    @property
    def dtype(self) -> str:
        """The element type, such as `float32`."""
        return str(self.handle.dtype)

    @property
    def device(self) -> Device:
        """Where it is."""
        return device_of_dlpack(*self.handle.__dlpack_device__())

    @property
    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.handle.data_ptr()

    def is_contiguous(self) -> bool:
        """Whether the elements lie one after the other, row by row."""
        return self.handle.is_contiguous()

    def numpy(self) -> AnyArray:
        """A NumPy copy; bfloat16 and float8 become `ml_dtypes` arrays."""
        return arrays.numpy_view(self.handle).copy()

    def asnumpy(self) -> AnyArray:
        """The same as `numpy`."""
        return self.numpy()

    def item(self) -> Any:
        """The only element, as a Python number."""
        return arrays.numpy_view(self.handle).item()

    def copyto(self, target: Tensor | Device) -> Tensor:
        """Copy the elements into `target`, a tensor of the same shape, or a new one on a device;
        returns it.
        """
        if isinstance(target, Device):
            require_cpu(target)
            target = empty(self.shape, self.dtype)
        return target.copyfrom(self)

    def copyfrom(self, source: object) -> Tensor:
        """Copy the elements of `source` (anything `array` takes) of the same shape into this
        tensor; returns it.
        """
        values = _as_numpy(source)
        if values.shape != self.shape:
            raise ArgumentError(
                "A tensor is copied from an array of another shape.",
                expected=str(self.shape),
                found=str(values.shape),
            )
        arrays.numpy_view(self.handle)[...] = values
        return self

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule on the same memory; `copy=True` on a copy. `BufferError` for what
        cannot be had.
        """
        if stream is not None:
            raise BufferError("a tensor on the CPU has no streams: pass stream=None")
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"this tensor is on {self.device} and cannot be exported elsewhere")
        held = self.copyto(self.device).handle if copy else self.handle
        if max_version is None or max_version[0] < 1:
            return held.__dlpack__()
        return held.__dlpack__(max_version=max_version)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's device type and index."""
        return self.handle.__dlpack_device__()

    def __tvm_ffi_object__(self) -> Any:
        """The tvm_ffi tensor inside, for functions of other users of tvm_ffi."""
        return self.handle

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> AnyArray:
        """NumPy's view of the same memory, or a copy where one is asked for or needed."""
        view = arrays.numpy_view(self.handle)
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError("another dtype needs a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def __len__(self) -> int:
        """The extent of the first dimension."""
        if self.ndim == 0:
            raise TypeError("a tensor without dimensions has no length")
        return self.shape[0]

    def __getitem__(self, index: Any) -> Tensor:
        """A tensor on the same memory: integers, slices, `...` and None mean what they mean in
        NumPy.
        """
        parts = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
        for part in parts:
            if not (part is None or part is ... or isinstance(part, (slice, int, np.integer))):
                raise TypeError(
                    "a tensor is indexed by integers and slices; use t.numpy()[…] for anything else"
                )
        whole = arrays.numpy_view(self.handle)
        # The trailing `...` makes NumPy give a view also where all dimensions are indexed.
        part = whole[parts] if ... in parts else whole[(*parts, ...)]
        start = part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        if part.size == 0:
            start = 0
        return self._view(start, part)

    def _view(self, start: int, part: AnyArray) -> Tensor:
        _, lanes = dtypes.split_lanes(self.dtype)
        if lanes > 1:
            raise TypeMismatchError("A tensor of vectors cannot be indexed; use t.numpy() instead.")
        steps = [each // part.itemsize for each in part.strides]
        code = dtypes.packed(self.dtype)
        return wrap(support_library().view(self.handle, start, code, *part.shape, *steps))

    def __setitem__(self, index: Any, value: object) -> None:
        """Write `value` (anything `array` takes, broadcast as in NumPy) where `index` says."""
        arrays.numpy_view(self.handle)[index] = _as_numpy(value)

    def __iter__(self) -> Iterator[Tensor]:
        """The tensors along the first dimension."""
        return (self[index] for index in range(len(self)))

    def __float__(self) -> float:
        """The only element."""
        return float(self.item())

    def __int__(self) -> int:
        """The only element."""
        return int(self.item())

    def __bool__(self) -> bool:
        """The only element as a truth value; a tensor with several has none."""
        return bool(arrays.numpy_view(self.handle))

    def __repr__(self) -> str:
        """The values, then shape, dtype and device."""
        values = np.array2string(arrays.numpy_view(self.handle), separator=", ", prefix="Tensor(")
        shape, dtype = self.shape, self.dtype
        return f"Tensor({values}, shape={shape}, dtype={dtype!r}, device={self.device})"

    def __str__(self) -> str:
        """The values, as NumPy prints them."""
        return str(arrays.numpy_view(self.handle))

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Pickled and copied by value."""
        return _rebuild, (self.numpy(), self.dtype)


NDArray = Tensor

_allocate = object.__new__


def wrap(handle: Any) -> Tensor:
    """Our tensor for a tvm_ffi tensor."""
    made = _allocate(Tensor)
    made.handle = handle
    return made


def empty(
    shape: Sequence[int] | int, dtype: DType = "float32", device: Device | str | None = None
) -> Tensor:
    """A tensor whose elements are not set, aligned to 64 bytes. `MemoryError` when there is no
    room.
    """
    require_cpu(device)
    extents = _extents(shape)
    name = dtypes.name_of(dtype)
    try:
        return wrap(support_library().empty(dtypes.packed(name), *extents))
    except RuntimeError as error:
        raise MemoryError(f"no room for a tensor of shape {extents}, dtype {name}") from error


def array(values: object, device: Device | str | None = None, dtype: str | None = None) -> Tensor:
    """A new tensor with the elements of `values`: NumPy or torch, a tensor of ours, a list, a
    number.
    """
    require_cpu(device)
    source = _as_numpy(values)
    name = dtypes.from_numpy(source.dtype) if dtype is None else dtypes.name_of(dtype)
    result = empty(source.shape, name)
    # Mixing kinds (float to int, say) is what a given dtype asks for.
    try:
        np.copyto(arrays.numpy_view(result.handle), source, casting="unsafe")
    except (TypeError, ValueError) as error:
        raise TypeMismatchError(
            f"These values cannot be elements of dtype {name}.", found=str(error)
        ) from None
    return result


tensor = array
"""Today's name of `array`."""


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of `source`: NumPy (ml_dtypes included), torch, any DLPack producer
    on the CPU.

    `BufferError` for a read-only array, since every tensor may be written: `nd.array` copies it.
    """
    if isinstance(source, Tensor):
        return source
    if not isinstance(source, np.ndarray):
        return _on_cpu(wrap(arrays.handle_of_dlpack(source)))
    values = cast("AnyArray", source)
    if not values.flags.writeable:
        raise BufferError("a read-only array cannot be shared: copy it with nd.array")
    if not values.flags.aligned:
        raise BufferError("an array whose elements are misaligned cannot be shared: copy it")
    return wrap(arrays.handle_of_numpy(values))


def reshaped(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    """A compact tensor with other extents, on the same memory."""
    steps: list[int] = []
    step = 1
    for extent in reversed(shape):
        steps.insert(0, step)
        step *= extent
    code = dtypes.packed(tensor.dtype)
    return wrap(support_library().view(tensor.handle, 0, code, *shape, *steps))


def zeros(
    shape: Sequence[int] | int, dtype: DType = "float32", device: Device | str | None = None
) -> Tensor:
    """A tensor of zeros."""
    result = empty(shape, dtype, device)
    arrays.numpy_view(result.handle)[...] = 0
    return result


def _on_cpu(result: Tensor) -> Tensor:
    require_cpu(result.device)
    return result


def _extents(shape: Sequence[int] | int) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    try:
        extents = tuple(operator.index(each) for each in sizes)
    except TypeError:
        raise ArgumentError(
            "That is not the shape of a tensor.",
            expected="integers",
            found=f"{shape!r:.80}",
        ) from None
    if any(each < 0 for each in extents) or len(extents) > MAX_RANK:
        raise ArgumentError(
            "That is not the shape of a tensor.",
            expected=f"at most {MAX_RANK} extents, none negative",
            found=str(extents),
        )
    return extents


def _as_numpy(values: object) -> AnyArray:
    """`values` as a NumPy array, sharing memory where possible."""
    if isinstance(values, Tensor):
        return arrays.numpy_view(values.handle)
    if isinstance(values, np.ndarray):
        return cast("AnyArray", values)
    if arrays.is_torch(values) or (
        hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
    ):
        return arrays.numpy_view(_on_cpu(wrap(arrays.handle_of_dlpack(values))).handle)
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TypeMismatchError(
            "These values do not make an array.",
            found=str(error),
            cure="give all rows the same length",
        ) from None


def _rebuild(values: AnyArray, dtype: str) -> Tensor:
    _, lanes = dtypes.split_lanes(dtype)
    shape = values.shape[:-1] if lanes > 1 else values.shape
    result = empty(shape, dtype)
    arrays.numpy_view(result.handle)[...] = values
    return result
