"""Compiled functions as Python calls them: unwrap the arguments, call the native entry, wrap the
result.

A call with tensors of ours takes the short way. Anything else is converted (`convert.py`);
arguments that the native entry refuses are explained (`check.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pellucid.runtime import convert, failures, ffi
from pellucid.runtime.signature import Signature
from pellucid.runtime.tensor import Tensor, wrap
from pellucid.runtime.values import lift
from pellucid.support.errors import ArgumentError


class Siblings(Protocol):
    """The functions around a compiled one: a `Program`."""

    def signature_of(self, name: str) -> Signature | None:
        """The signature of function `name`, if there is one."""
        ...

    def calls_itself(self, name: str) -> bool:
        """Whether function `name` may be called inside a call of itself."""
        ...


class CompiledFunction:
    """A function with a native entry.

    `native`: the entry as a tvm_ffi function. `copies`: arrays that are only read and not compact
    are copied. `bind` is called once, before the first call (the packed functions that the code
    calls are found then). `siblings` are held alive.
    """

    __slots__ = (
        "__weakref__",
        "_bind",
        "_converters",
        "_siblings",
        "_tensor_class",
        "copies",
        "native",
        "signature",
    )

    def __init__(
        self,
        signature: Signature,
        native: Any,
        *,
        copies: bool,
        bind: Callable[[], None] | None,
        siblings: Siblings | None = None,
    ) -> None:
        self.signature = signature
        self.native = native
        self.copies = copies
        self._bind = bind
        self._siblings = siblings
        self._converters = convert.converters(signature, copies=copies)
        self._tensor_class = ffi.core().Tensor

    @property
    def name(self) -> str:
        """The function's name."""
        return self.signature.name

    def __call__(self, *args: Any) -> Any:
        """Call it; `ArgumentError` where the arguments do not fit."""
        if self._bind is not None:
            self.ready()
        handles: list[Any] = []
        for each in args:
            if type(each) is not Tensor:
                handles = self._convert(args)
                break
            handles.append(each.handle)
        try:
            result = self.native(*handles)
        except Exception as error:
            failure = failures.original(error)
        else:
            if type(result) is self._tensor_class:
                return wrap(result)
            return None if result is None else lift(result)
        try:
            if isinstance(failure, failures.ArgumentsRefused):
                return self._refused(args, handles, str(failure))
            raise failure
        finally:
            # The frame is in the traceback of the exception: no cycle through native memory.
            del failure

    def strict(self) -> CompiledFunction:
        """The same function, refusing arrays that are not compact instead of copying them."""
        return CompiledFunction(
            self.signature, self.native, copies=False, bind=self.ready, siblings=self._siblings
        )

    def ready(self) -> None:
        """Find the packed functions that it calls, unless that is done."""
        bind = self._bind
        if bind is not None:
            bind()
            self._bind = None

    def _convert(self, args: Sequence[Any]) -> list[Any]:
        return convert.convert(self.signature, self._converters, args, copies=self.copies)

    def _refused(self, args: Sequence[Any], handles: list[Any], culprit: str) -> Any:
        """Try again with compact copies where those differ; else say what does not fit."""
        if self.copies and culprit == self.name:
            copied = self._convert(args)
            if any(new is not old for new, old in zip(copied, handles, strict=True)):
                return self._once_more(args, copied)
        raise self._explained(args, culprit)

    def _explained(self, args: Sequence[Any], culprit: str) -> Exception:
        if culprit == self.name:
            found = convert.refused(self.signature, args, copies=self.copies)
            recursive = self._siblings is not None and self._siblings.calls_itself(culprit)
            if isinstance(found, ArgumentError) or not recursive:
                return found
        called = None if self._siblings is None else self._siblings.signature_of(culprit)
        return ArgumentError(
            f"{culprit}, called inside {self.name}, got arguments that do not fit.",
            expected=None if called is None else called.show(),
            cure=f"compare the call with the parameters of {culprit}",
        )

    def _once_more(self, args: Sequence[Any], handles: list[Any]) -> Any:
        try:
            return lift(self.native(*handles))
        except Exception as error:
            failure = failures.original(error)
        try:
            if isinstance(failure, failures.ArgumentsRefused):
                raise self._explained(args, str(failure))
            raise failure
        finally:
            del failure

    def __repr__(self) -> str:
        """Its signature."""
        return f"<compiled {self.signature.show()}>"
