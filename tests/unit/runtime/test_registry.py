"""Packed functions: registration, calls from both sides, exceptions, lifetime."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.runtime import ffi, registry, values
from pellucid.runtime.tensor import Tensor, array, empty
from pellucid.support.errors import RegistryError


@pytest.fixture
def name() -> Iterator[str]:
    """A name that is free before and after the test."""
    yield "test.function"
    if registry.find("test.function") is not None:
        registry.remove_global_func("test.function")


def native(name: str) -> values.NativeFunction:
    """The function as native code finds it."""
    return values.NativeFunction(ffi.module().get_global_func("pellucid." + name))


def test_decorator_call_and_bare_decorator() -> None:
    @registry.register_func("test.a")
    def first(x: int) -> int:
        return x + 1

    @registry.register_func
    def test_b(x: int) -> int:
        return x + 2

    assert registry.register_func("test.c", first) is first
    assert first(1) == 2
    for each, result in (("test.a", 2), ("test_b", 3), ("test.c", 2)):
        found = registry.get_global_func(each)
        assert found is not None
        assert found(1) == result
        assert native(each)(1) == result
        assert each in registry.list_global_func_names()
        registry.remove_global_func(each)
        assert each not in registry.list_global_func_names()
    assert test_b(0) == 2


def test_a_second_registration_needs_override(name: str) -> None:
    registry.register_func(name, lambda: 1)
    with pytest.raises(RegistryError, match="already registered"):
        registry.register_func(name, lambda: 2)
    registry.register_func(name, lambda: 3, override=True)
    found = registry.get_global_func(name)
    assert found is not None
    assert (found(), native(name)()) == (3, 3)


def test_missing_functions(name: str) -> None:
    registry.register_func(name, print)
    with pytest.raises(RegistryError, match=r"did you mean 'test\.function'\?"):
        registry.get_global_func("test.functio")
    assert registry.get_global_func("test.none", allow_missing=True) is None
    with pytest.raises(RegistryError, match="no packed function"):
        registry.remove_global_func("test.none")
    with pytest.raises(RegistryError, match="cannot be called"):
        registry.register_func("test.bad", 3)
    with pytest.raises(RegistryError, match="under a name"):
        registry.register_func("", print)


def test_functions_that_native_libraries_register_are_found() -> None:
    ffi.module().register_global_func("pellucid.test.foreign", lambda x: x * 2)
    found = registry.get_global_func("test.foreign")
    assert found is not None
    assert found(21) == 42
    ffi.module().registry.remove_global_func("pellucid.test.foreign")


@pytest.mark.parametrize("make", [array, torch.tensor, np.array])
def test_arrays_arrive_as_tensors_on_the_same_memory(name: str, make: Any) -> None:
    seen: list[Any] = []
    registry.register_func(name, lambda *args: seen.extend(args))
    argument = make([1.0, 2.0])
    found = registry.get_global_func(name)
    assert found is not None
    found(argument, 3, "text")
    native(name)(argument, 3, "text")
    assert [type(each) for each in seen] == [Tensor, int, str] * 2
    seen[3][0] = 9
    assert float(argument[0]) == float(seen[0][0]) == 9


def test_values_survive_the_boundary() -> None:
    class Thing:
        pass

    def same(value: Any) -> Any:
        return value

    echo = values.NativeFunction(values.native_callback(same))
    thing = Thing()
    tensor = array([1])
    for value in (None, True, 3, 2.5, "text", "a much longer text", b"bytes", thing, {"k": thing}):
        assert echo(value) == value
        assert type(echo(value)) is type(value)
    assert echo(tensor).data_ptr == tensor.data_ptr
    nested = echo((1, (tensor, "x"), []))
    assert nested[0] == 1
    assert nested[1][0].data_ptr == tensor.data_ptr
    assert nested[2] == ()
    shape = echo(values.Shape((2, 3)))
    assert shape == (2, 3)
    assert isinstance(shape, values.Shape)
    assert echo(echo)(5) == 5
    assert echo(np.float32(1.5)) == 1.5
    assert echo(2**70) == 2**70


class Odd(Exception):
    """An exception of the user's that cannot be made from a message alone."""

    def __init__(self, text: str, payload: object) -> None:
        super().__init__(text)
        self.payload = payload


def test_an_exception_arrives_as_the_same_object(name: str) -> None:
    exception = Odd("odd", [1])

    def fail() -> None:
        raise exception

    registry.register_func(name, fail)
    outer = values.NativeFunction(values.native_callback(lambda f: f()))
    with pytest.raises(Odd) as caught:
        outer(native(name))
    assert caught.value is exception
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, StopIteration])
def test_every_kind_of_exception_arrives(kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind("text")

    with pytest.raises(kind, match="text"):
        values.NativeFunction(values.native_callback(fail))()


def test_exceptions_are_freed(name: str) -> None:
    def fail() -> None:
        raise Odd("odd", None)

    registry.register_func(name, fail)
    freed: list[weakref.ref[Odd]] = []
    for _ in range(3):
        try:
            native(name)()
        except Odd as error:
            freed.append(weakref.ref(error))
    gc.collect()
    assert [each() for each in freed] == [None] * 3


def test_a_kept_tensor_stays_valid(name: str) -> None:
    kept: list[Tensor] = []
    registry.register_func(name, kept.append)
    tensor = empty((1000,), "float64")
    tensor[...] = 7
    native(name)(tensor)
    del tensor
    gc.collect()
    empty((1000,), "float64")[...] = 1
    assert kept[0].numpy().sum() == 7000


def test_a_borrowed_tensor_is_copied() -> None:
    kept: list[Tensor] = []
    seen = ffi.module().convert(kept.append)
    tensor = array([1.0, 2.0])
    lifted = values._lift_argument(tensor.handle)  # the owned kind is shared
    assert lifted.data_ptr == tensor.data_ptr
    assert seen is not None


def test_registration_does_not_load_tvm_ffi() -> None:
    program = (
        "import sys, pellucid.runtime as r\n"
        "r.register_func('test.early', lambda: 5)\n"
        "assert 'tvm_ffi' not in sys.modules\n"
        "from pellucid.runtime import ffi\n"
        "assert ffi.module().get_global_func('pellucid.test.early')() == 5\n"
        "r.register_func('test.late', lambda: 6)\n"
        "assert ffi.module().get_global_func('pellucid.test.late')() == 6\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
