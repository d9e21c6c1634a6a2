"""Errors across the native boundary: an exception raised in a Python function reaches the
outermost caller as itself.

tvm_ffi carries an error as a kind and a text. On the way in, `carried` makes such an error that
also holds the Python exception; on the way out, `original` takes it out again. Errors that
generated code raised by itself have one of the kinds in `abi.py` and become our classes.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from pellucid.runtime import abi, ffi
from pellucid.support.errors import RunError


class ArgumentsRefused(Exception):
    """The native entry refused the arguments; the caller finds out why and says it."""


class _Holder:
    """Keeps an exception inside a tvm_ffi error."""

    __slots__ = ("exception",)

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


class _Carrier(Exception):
    """Raised towards native code: tvm_ffi takes the error object from its attribute."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.message)
        self.__tvm_ffi_error__ = error


def carried(exception: BaseException) -> Exception:
    """What to raise in a function called by native code so that `exception` itself arrives at the
    other end.
    """
    core = ffi.core()
    known: dict[type, str] = core.ERROR_TYPE_TO_NAME
    kind = known.get(type(exception), type(exception).__name__)
    error = core.Error(kind, str(exception), "")
    holder = ffi.module().convert(_Holder(exception))
    # The error owns what it points to: give it a reference of its own.
    address = holder.__chandle__()
    ffi.shared_library().TVMFFIObjectIncRef(ctypes.c_void_p(address))
    slot = ctypes.c_void_p.from_address(error.__chandle__() + abi.ERROR_EXTRA_CONTEXT)
    slot.value = address
    return _Carrier(error)


@cache
def _identity() -> Any:
    # An opaque object comes out of a call as the Python object that it holds.
    return ffi.module().convert(lambda value: value)  # pyright: ignore[reportUnknownLambdaType]


def original(failure: BaseException) -> BaseException:
    """What went wrong in a native call: the Python exception inside, one of our classes, or
    `failure` as it is.
    """
    error = getattr(failure, "__tvm_ffi_error__", None)
    if error is None:
        return failure
    context = error.extra_context
    if context is not None:
        held = _identity()(context)
        if isinstance(held, _Holder):
            return held.exception
    kind, message = str(error.kind), str(error.message)
    if kind == abi.CHECK_ERROR:
        return ArgumentsRefused(message)
    if kind in (abi.RUN_ERROR, abi.BOUNDS_ERROR):
        return RunError(message)
    if kind == abi.MEMORY_ERROR:
        return MemoryError(message)
    return failure
