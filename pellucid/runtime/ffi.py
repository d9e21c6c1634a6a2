"""The door to tvm_ffi: loaded at the first tensor or call, since importing it also loads torch
where that is installed.

Only documented names of tvm_ffi are used. Its process-wide class slots are left as they are, and
what we register has names that begin with `pellucid.`, so that other users of the library in the
same process are not disturbed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from pellucid.runtime import abi

_lock = threading.RLock()
_module: ModuleType | None = None
_waiting: list[Callable[[], None]] = []


def module() -> ModuleType:
    """The package `tvm_ffi`."""
    return _module if _module is not None else _load()


def _load() -> ModuleType:
    global _module
    import tvm_ffi

    with _lock:
        _module = tvm_ffi
        while _waiting:
            _waiting.pop(0)()
    return tvm_ffi


def when_loaded(action: Callable[[], None]) -> None:
    """Run `action` now if tvm_ffi is loaded, else as soon as it is."""
    with _lock:
        if _module is None:
            _waiting.append(action)
            return
    action()


@cache
def core() -> ModuleType:
    """Its compiled part, where the classes `Tensor`, `Function` and `Error` are."""
    import tvm_ffi.core

    return tvm_ffi.core


@cache
def shared_library() -> ctypes.CDLL:
    """The C library of tvm_ffi, for addresses of functions that generated code calls."""
    return ctypes.CDLL(str(module().libinfo.find_libtvm_ffi()))


@cache
def symbols() -> dict[str, int]:
    """Address by name of the functions in `abi.FFI_DECLARATIONS`."""
    library = shared_library()
    return {name: _address(library, name) for name in abi.FFI_DECLARATIONS}


def _address(library: ctypes.CDLL, name: str) -> int:
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    if address is None:
        raise OSError(f"tvm_ffi does not export {name}")
    return address


@cache
def _constructors() -> tuple[Any, Any]:
    get = module().get_global_func
    return get("ffi.Array"), get("ffi.Shape")


def constructor_symbols() -> dict[str, int]:
    """The function objects that make arrays and shapes, as addresses for `support_ir.objects`.

    The functions live in tvm_ffi's registry for as long as the process does; we hold them as well.
    """
    array, shape = _constructors()
    return {
        "pellucid_ffi_array": array.__chandle__(),
        "pellucid_ffi_shape": shape.__chandle__(),
    }


def function_at(address: int, keep_alive: object) -> Any:
    """A callable for the native entry at `address`; `keep_alive` lives as long as it does."""
    function = core().Function.__from_extern_c__(address, keep_alive_object=keep_alive)
    # Other threads may call back into Python while this one waits for them.
    function.release_gil = True
    return function
