"""A live executable: its code linked into this process, its functions callable.

Each virtual machine has a program of its own, so that what it resolved (packed functions, at the
first use of the function that calls them) is its own. Packed names are looked up among the
executable's functions, then in the registry.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pellucid.runtime import abi, ffi, native, registry, values
from pellucid.runtime.function import CompiledFunction
from pellucid.runtime.kernel import Kernel
from pellucid.runtime.plan import CallGraph, CallKernel, GraphPlan, walk
from pellucid.runtime.signature import Signature
from pellucid.runtime.stepper import Hooks, Stepper
from pellucid.runtime.support_library import runtime_symbols
from pellucid.runtime.tensor import Tensor
from pellucid.support.errors import InternalError, RegistryError, did_you_mean


class Program:
    """The functions of an executable, ready to be called, from any number of threads at once."""

    def __init__(
        self,
        kernels: Mapping[str, Kernel],
        graphs: Mapping[str, GraphPlan],
        constants: Sequence[Tensor],
        object_code: bytes,
    ) -> None:
        self.kernels = kernels
        self.graphs = graphs
        self.constants = constants
        self._lock = threading.RLock()
        self._functions: dict[str, Any] = {}
        self._kept: list[object] = []
        self._bound: set[str] = set()
        self._library = self._link(object_code)
        self._fill_constants()

    def _link(self, object_code: bytes) -> native.NativeLibrary | None:
        exports = [each.symbol for each in self.kernels.values()]
        callers = {each.name: each.packed for each in self.kernels.values()}
        for plan in self.graphs.values():
            if plan.native_symbol is not None:
                exports.append(plan.native_symbol)
                callers[plan.name] = plan.packed
        if not exports:
            return None
        exports += [abi.PACKED_HANDLES_PREFIX + name for name, packed in callers.items() if packed]
        if self.constants and self._uses_constants():
            exports.append(abi.CONSTANTS_SYMBOL)
        return native.load_object(object_code, exports, runtime_symbols())

    def _uses_constants(self) -> bool:
        return any(each.native_symbol is not None for each in self.graphs.values())

    def _fill_constants(self) -> None:
        if self._library is None or abi.CONSTANTS_SYMBOL not in self._library:
            return
        handles = [each.handle.__chandle__() for each in self.constants]
        _store(self._library.address(abi.CONSTANTS_SYMBOL), handles)

    def function(self, name: str) -> Any:
        """The function `name`, which must be there: native where it has an entry, else stepped."""
        found = self._functions.get(name)
        if found is None:
            with self._lock:
                found = self._functions.get(name)
                if found is None:
                    found = self._functions[name] = self._make(name)
        return found

    def signature_of(self, name: str) -> Signature | None:
        """The signature of function `name`, if the executable has one."""
        found = self.graphs.get(name) or self.kernels.get(name)
        return None if found is None else found.signature

    def calls_itself(self, name: str) -> bool:
        """Whether function `name` may be called inside a call of itself."""
        pending, reached = self._calls(name), set[str]()
        while pending:
            each = pending.pop()
            if each not in reached:
                reached.add(each)
                pending += self._calls(each)
        return name in reached

    def stepped(self, name: str, hooks: Hooks | None = None) -> Callable[..., Any]:
        """The graph function `name`, stepped in Python whether it is native or not."""
        return Stepper(self, hooks).function(self.graphs[name])

    def _make(self, name: str) -> Any:
        plan = self.graphs.get(name)
        if plan is None:
            kernel = self.kernels[name]
            return self._compiled(kernel.signature, kernel.symbol, kernel.packed, copies=False)
        if plan.native_symbol is None:
            return Stepper(self, None).function(plan)
        return self._compiled(plan.signature, plan.native_symbol, plan.packed, copies=True)

    def _compiled(
        self, signature: Signature, symbol: str, packed: tuple[str, ...], *, copies: bool
    ) -> CompiledFunction:
        library = self._library
        if library is None:
            raise InternalError(f"the executable has no object code for {signature.name}")
        # The code refers to the constants: who may call it keeps both.
        entry = ffi.function_at(library.address(symbol), (library, self.constants))
        name = signature.name
        bind = partial(self._bind, name) if self._calls(name) or packed else None
        return CompiledFunction(signature, entry, copies=copies, bind=bind, siblings=self)

    def _calls(self, name: str) -> list[str]:
        """The functions of the executable that the native code of `name` may call without an
        entry.
        """
        plan = self.graphs.get(name)
        if plan is None:
            return []
        steps = walk(plan.steps)
        return [each.function for each in steps if isinstance(each, (CallKernel, CallGraph))]

    def _packed(self, name: str) -> tuple[str, ...]:
        plan = self.graphs.get(name)
        if plan is None:
            return self.kernels[name].packed
        return plan.packed if plan.native_symbol is not None else ()

    def _bind(self, name: str) -> None:
        """Fill in the handles of the packed functions that `name`, and what it calls, may call."""
        with self._lock:
            pending, reached = [name], set[str]()
            while pending:
                each = pending.pop()
                if each in reached or each in self._bound:
                    continue
                reached.add(each)
                packed = self._packed(each)
                self._fill(each, packed)
                pending += self._calls(each)
                pending += [callee for callee in packed if callee in self and callee != each]
            self._bound |= reached

    def _fill(self, name: str, packed: tuple[str, ...]) -> None:
        if not packed or self._library is None:
            return
        functions = [self._native(callee, name) for callee in packed]
        self._kept.extend(functions)
        address = self._library.address(abi.PACKED_HANDLES_PREFIX + name)
        _store(address, [each.__chandle__() for each in functions])

    def _native(self, name: str, caller: str) -> Any:
        """What native code calls for the packed name `name`."""
        function = self.resolve(name, caller)
        if isinstance(function, CompiledFunction):
            return function.native
        if isinstance(function, registry.PackedFunction):
            return function.native()
        # A strong reference to this program would be a cycle through native memory.
        return values.native_callback(_Late(weakref.ref(self), name))

    def __contains__(self, name: object) -> bool:
        """Whether the executable has a function `name`."""
        return name in self.kernels or name in self.graphs

    def resolve(self, name: str, caller: str) -> Any:
        """The packed function `name`: of the executable, or registered; a missing one is a
        `RegistryError`. A function that calls its own name means the registered one.
        """
        if name in self and name != caller:
            return self.function(name)
        found = registry.find(name)
        if found is None:
            known = [*self.kernels, *self.graphs, *registry.list_global_func_names()]
            raise RegistryError(
                f"{caller} calls the packed function {name!r}, which is not registered.",
                cure=did_you_mean(name, known)
                or f"register it before the call: @pellucid.register_func({name!r})",
            )
        return found


class _Late:
    """A function of a program that is found when it is called; holds no program alive."""

    __slots__ = ("_name", "_program")

    def __init__(self, program: weakref.ref[Program], name: str) -> None:
        self._program = program
        self._name = name

    def __call__(self, *args: Any) -> Any:
        program = self._program()
        if program is None:
            raise InternalError(f"{self._name} is called after its program is gone")
        return program.function(self._name)(*args)


def _store(address: int, handles: Sequence[int]) -> None:
    array = (ctypes.c_void_p * len(handles)).from_address(address)
    for index, handle in enumerate(handles):
        array[index] = handle
