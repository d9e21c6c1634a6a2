"""The support library of generated code: compiled once a process from `support_ir`, never unloaded.

It holds the thread pool (`pool.py` is its Python side), memory, and the making of tensors, tuples
and shapes.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import threading
from typing import Any

from pellucid.runtime import abi, ffi, native
from pellucid.runtime.support_ir import memory, objects, pool
from pellucid.support import host
from pellucid.support.config import NUM_THREADS

_EXPORTS = (*pool.EXPORTS, *memory.EXPORTS, *objects.EXPORTS)


class SupportLibrary:
    """The loaded support library; `support_library()` gives the one of this process."""

    def __init__(self) -> None:
        # The text is straight already: passes would cost more than they gain.
        code = native.compile_text(ir_text(), optimise_level=0)
        symbols = {**ffi.symbols(), **ffi.constructor_symbols()}
        self._code = native.load_object(code, _EXPORTS, symbols)
        integer = ctypes.c_int64
        self.pool_set_threads = self._function("pellucid_pool_set_threads", None, integer)
        self.pool_threads = self._function("pellucid_pool_threads", integer)
        self.pool_workers = self._function("pellucid_pool_workers", integer)
        self.pool_reset = self._function("pellucid_pool_reset", None)
        self.alloc = self._function("pellucid_alloc", ctypes.c_void_p, integer)
        self.free = self._function("pellucid_free", None, ctypes.c_void_p)
        self.trim = self._function("pellucid_trim", None)
        self.cached_bytes = self._function("pellucid_cached_bytes", integer)
        self.empty = ffi.function_at(self._code.address("pellucid_entry_empty"), self._code)
        self.view = ffi.function_at(self._code.address("pellucid_entry_view"), self._code)
        # Both take nanoseconds: giving up the interpreter's lock would cost more than they do.
        self.empty.release_gil = False
        self.view.release_gil = False

    def _function(self, name: str, result: Any, *args: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *args)(self._code.address(name))

    def symbols(self) -> dict[str, int]:
        """What generated code may import: tvm_ffi's functions and ours."""
        ours = {name: self._code.address(name) for name in abi.SUPPORT_DECLARATIONS}
        cheap = self._code.address("pellucid_raise")
        return {**ffi.symbols(), **ours, "TVMFFIErrorSetRaisedFromCStr": cheap}


def ir_text(
    system: str | None = None, architecture: str | None = None, kind: str | None = None
) -> str:
    """The library as LLVM IR; by default for this machine.

    `system`: `linux`, `darwin`, `windows`; `architecture`: `x86_64`, `aarch64`; `kind`: which pool
    (`support_ir.pool`).
    """
    system = system or platform.system().lower()
    architecture = architecture or host.architecture()
    kind = kind or pool.variant(system, architecture)
    imports = "\n".join(abi.FFI_DECLARATIONS.values())
    parts = (imports, pool.text(kind, architecture), memory.text(system), objects.text())
    return "\n".join(parts)


_lock = threading.Lock()
_library: SupportLibrary | None = None


def support_library() -> SupportLibrary:
    """The support library of this process, compiled and loaded at the first call."""
    global _library
    if _library is None:
        with _lock:
            if _library is None:
                _library = _start()
    return _library


def _start() -> SupportLibrary:
    library = SupportLibrary()
    library.pool_set_threads(NUM_THREADS.get() or host.cores())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=library.pool_reset)
    # One thread means no workers: they are told to end, and joined.
    atexit.register(library.pool_set_threads, 1)
    return library


def runtime_symbols() -> dict[str, int]:
    """Everything that generated code may import: tvm_ffi's functions and ours."""
    return support_library().symbols()
