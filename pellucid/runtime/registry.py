"""Packed functions by name: Python functions that compiled programs call, and functions of theirs
that Python calls.

A registered function is also visible to native code, in tvm_ffi's registry under the name
`pellucid.<name>`, from the moment that tvm_ffi is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast, overload

import numpy as np

from pellucid.runtime import arrays, builtin, builtin_values, ffi, values
from pellucid.runtime.arrays import AnyArray
from pellucid.runtime.tensor import array, wrap
from pellucid.support.errors import RegistryError, did_you_mean
from pellucid.support.registry import Registry

F = TypeVar("F", bound=Callable[..., Any])

PREFIX = "pellucid."


class PackedFunction:
    """A function with a name, callable from Python and from native code.

    From Python, NumPy arrays and torch tensors among the arguments become tensors (of ours, without
    copying where possible); everything else is passed on as it is.
    """

    __slots__ = ("__weakref__", "_native", "function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
        self._native: Any = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call it."""
        return self.function(*[_tensors(each) for each in args], **options)

    def native(self) -> Any:
        """The function as a tvm_ffi function."""
        if self._native is None:
            self._native = values.lower(self.function)
        return self._native

    def __repr__(self) -> str:
        """`PackedFunction('env.linear')`."""
        return f"PackedFunction({self.name!r})"


_functions: Registry[PackedFunction] = Registry("packed function")
_lock = threading.Lock()


@overload
def register_func(name: str, f: None = None, override: bool = False) -> Callable[[F], F]: ...
@overload
def register_func(name: str, f: F, override: bool = False) -> F: ...
@overload
def register_func(name: F, f: None = None, override: bool = False) -> F: ...


def register_func(name: Any, f: Any = None, override: bool = False) -> Any:
    """Register a Python function under a name, as a call or as a decorator.

    `register_func("env.linear", f)`, `@register_func("env.linear")`, or `@register_func`, which
    takes the function's own name. A second registration of a name needs `override=True`. Called
    from a compiled program, the function gets our tensors, which it may keep. Returns the function
    itself.
    """
    if callable(name):
        return _register(str(getattr(name, "__name__", name)), name, override)
    if not isinstance(name, str) or not name:
        raise RegistryError("A packed function is registered under a name.", found=repr(name))
    if f is None:

        def decorate(function: F) -> F:
            return _register(name, function, override)

        return decorate
    return _register(name, f, override)


register_global_func = register_func
"""Today's name of `register_func`."""


def _register(name: str, function: Any, override: bool) -> Any:
    if not callable(function):
        raise RegistryError(
            f"What is registered as {name!r} cannot be called.", found=type(function).__name__
        )
    plain = function.function if isinstance(function, PackedFunction) else function
    packed = PackedFunction(name, plain)
    with _lock:
        _functions.register(name, packed, override=override)
    ffi.when_loaded(lambda: _publish(packed))
    return function


def _publish(packed: PackedFunction) -> None:
    if _functions.find(packed.name) is packed:
        ffi.module().register_global_func(PREFIX + packed.name, packed.native(), override=True)


def get_global_func(name: str, allow_missing: bool = False) -> PackedFunction | None:
    """The packed function registered under `name`; None if there is none and `allow_missing`.

    Native libraries may have registered it with tvm_ffi, under `pellucid.<name>`.
    """
    found = find(name)
    if found is None and not allow_missing:
        raise RegistryError(
            f"There is no packed function named {name!r}.",
            cure=did_you_mean(name, _functions)
            or f"register it first: @pellucid.register_func({name!r})",
        )
    return found


def find(name: str) -> PackedFunction | None:
    """The packed function registered under `name`, or None."""
    found = _functions.find(name)
    if found is None:
        native = ffi.module().get_global_func(PREFIX + name, allow_missing=True)
        if native is not None:
            found = PackedFunction(name, values.NativeFunction(native))
    return found


def remove_global_func(name: str) -> None:
    """Forget the packed function registered under `name`; who holds it may go on calling it."""
    with _lock:
        _functions.remove(name)
    ffi.when_loaded(lambda: _withdraw(name))


def _withdraw(name: str) -> None:
    if name not in _functions and ffi.module().get_global_func(PREFIX + name, allow_missing=True):
        ffi.module().registry.remove_global_func(PREFIX + name)


def list_global_func_names() -> list[str]:
    """The names of all registered packed functions, sorted."""
    return _functions.names()


def _tensors(value: object) -> Any:
    if isinstance(value, np.ndarray):
        given = cast("AnyArray", value)
        flags = given.flags
        if flags.writeable and flags.aligned and given.dtype.isnative:
            return wrap(arrays.handle_of_numpy(given))
        return array(given)
    if arrays.is_torch(value):
        return wrap(arrays.handle_of_dlpack(value))
    return value


for _name, _function in {**builtin.FUNCTIONS, **builtin_values.FUNCTIONS}.items():
    _register(_name, _function, override=False)
