"""LLVM text to object code for this host, and object code to addresses; the only place of the
runtime that uses LLVM.

Object code is loaded by LLVM's just-in-time linker: no linker program, no file. A `NativeLibrary`
unmaps its code when it dies, so whoever may still call into it holds it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pellucid.support import host
from pellucid.support.errors import ArtifactError, InternalError

_lock = threading.Lock()
_numbers = itertools.count()


@cache
def _llvm() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    return llvm


def _target_machine(optimise_level: int, *, jit: bool) -> Any:
    llvm = _llvm()
    return llvm.Target.from_triple(host.triple()).create_target_machine(
        cpu=host.cpu_name(),
        features=host.feature_string(),
        opt=optimise_level,
        reloc="pic",
        codemodel="small",
        jit=jit,
    )


def compile_text(ir_text: str, optimise_level: int = 1) -> bytes:
    """Object code for this processor from LLVM IR text.

    `optimise_level` (0 … 3) is that of the middle end; 0 runs no passes. The back end uses at least
    level 1. Text that LLVM does not accept is a defect of whoever wrote it (`InternalError`).
    """
    llvm = _llvm()
    with _lock:
        machine = _target_machine(max(1, optimise_level), jit=False)
        module = None
        try:
            module = llvm.parse_assembly(ir_text, llvm.create_context())
            module.triple = machine.triple
            module.data_layout = str(machine.target_data)
            module.verify()
        except RuntimeError as error:
            if module is not None:
                module.close()  # left to the garbage collector, it might die after its context
            raise InternalError(f"LLVM refused generated code: {error}") from error
        if optimise_level > 0:
            options = llvm.create_pipeline_tuning_options(speed_level=optimise_level)
            builder = llvm.create_pass_builder(machine, options)
            builder.getModulePassManager().run(module, builder)
        return bytes(machine.emit_object(module))


class NativeLibrary:
    """Loaded object code: `address(name)` of each export, valid while this object lives."""

    __slots__ = ("__weakref__", "_addresses", "_tracker")

    def __init__(self, tracker: object, addresses: dict[str, int]) -> None:
        self._tracker = tracker
        self._addresses = addresses

    def address(self, name: str) -> int:
        """Where the exported function or variable `name` is."""
        return self._addresses[name]

    def __contains__(self, name: str) -> bool:
        """Whether `name` was asked to be exported."""
        return name in self._addresses


@cache
def _linker() -> Any:
    return _llvm().create_lljit_compiler(_target_machine(2, jit=True))


def load_object(code: bytes, exports: Iterable[str], symbols: Mapping[str, int]) -> NativeLibrary:
    """Link object code into this process.

    `exports`: names whose addresses are wanted; `symbols`: addresses of what the code imports (the
    C library is found by itself). A missing export or import is an `ArtifactError`.
    """
    wanted = list(exports)
    llvm = _llvm()
    with _lock:
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in symbols.items():
            builder.import_symbol(name, address)
        for name in wanted:
            builder.export_symbol(name)
        try:
            tracker = builder.link(_linker(), f"pellucid.{next(_numbers)}")
        except RuntimeError as error:
            raise ArtifactError(
                "The object code could not be linked into this process.",
                found=str(error).strip(),
                cure="rebuild it with this version of Pellucid, on this kind of machine",
            ) from error
    return NativeLibrary(tracker, {name: int(tracker[name]) for name in wanted})
