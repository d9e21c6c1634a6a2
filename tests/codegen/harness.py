"""Runs what the emitter writes: element-wise kernels over NumPy arrays."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from pellucid.codegen.llvm.compile import CompiledObject, compile_module
from pellucid.codegen.llvm.convert import from_memory, to_memory
from pellucid.codegen.llvm.text import Function, Module, Value
from pellucid.codegen.llvm.types import alignment, memory_type, with_lanes
from pellucid.runtime.native import NativeLibrary, load_object
from pellucid.target import Target

HOST = Target("llvm")
BASELINE = Target("llvm -mcpu=x86-64")
AVX2 = Target("llvm -mcpu=haswell")
ARM = Target("llvm -mtriple=aarch64-unknown-linux-gnu -mcpu=neoverse-n1")


def runnable() -> list[Target]:
    """The targets whose code this machine runs."""
    targets = [HOST]
    if HOST.arch == "x86_64":
        targets += [AVX2] if HOST.has("avx2") else []
        targets += [BASELINE]
    return targets


def numpy_dtype(dtype: str) -> np.dtype:
    """The NumPy dtype of a dtype without lanes."""
    return np.dtype(getattr(ml_dtypes, dtype, dtype))


@dataclass(frozen=True)
class Kernel:
    """An element-wise function: `build(f, values)` emits the result from values of `inputs`."""

    name: str
    inputs: tuple[str, ...]
    output: str
    lanes: int
    build: Callable[[Function, Sequence[Value]], Value]


def module_of(kernels: Sequence[Kernel], target: Target) -> Module:
    """A module with `void name(ptr out, ptr in..., i64 n)` for each kernel."""
    module = Module(target)
    for kernel in kernels:
        names = [f"in{i}" for i in range(len(kernel.inputs))]
        f = module.function(
            kernel.name, "void", [("ptr", "out"), *(("ptr", n) for n in names), ("i64", "n")]
        )
        out, *arrays, n = f.params
        with f.loop(0, n, kernel.lanes) as loop:
            values: list[Value] = []
            for array, dtype in zip(arrays, kernel.inputs, strict=True):
                wide = with_lanes(dtype, kernel.lanes)
                place = f.gep(memory_type(dtype), array, loop.index)
                values.append(
                    from_memory(f, f.load(memory_type(wide), place, alignment(dtype)), wide)
                )
            result = kernel.build(f, values)
            place = f.gep(memory_type(kernel.output), out, loop.index)
            wide = with_lanes(kernel.output, kernel.lanes)
            f.store(to_memory(f, result, wide), place, alignment(kernel.output))
        f.ret()
    return module


class Library:
    """Compiled kernels; `run(name, arrays)` applies one to whole arrays."""

    def __init__(self, kernels: Sequence[Kernel], target: Target) -> None:
        self.kernels = {kernel.name: kernel for kernel in kernels}
        self.compiled: CompiledObject = compile_module(module_of(kernels, target).text(), target)
        self._code: NativeLibrary = load_object(self.compiled.object, list(self.kernels), {})

    def run(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        """The kernel over flat arrays of one length (padded here to its lanes)."""
        kernel = self.kernels[name]
        size = arrays[0].size
        padded = -(-size // kernel.lanes) * kernel.lanes
        inputs = []
        for array, dtype in zip(arrays, kernel.inputs, strict=True):
            assert array.dtype == numpy_dtype(dtype)
            # The last element again, so that padding meets no case that the array does not have.
            inputs.append(np.concatenate([array, np.repeat(array[-1:], padded - size)]))
        out = np.zeros(padded, numpy_dtype(kernel.output))
        pointers = [out.ctypes.data, *(each.ctypes.data for each in inputs)]
        call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(pointers), ctypes.c_int64)
        call(self._code.address(name))(*pointers, padded)
        return out[:size]


def foreign_calls(assembly: str) -> list[str]:
    """The functions outside of the module that the assembly calls or jumps to."""
    named = re.findall(r"^\s+(?:callq?|jmp|bl?)\s+([A-Za-z_]\w*)", assembly, re.MULTILINE)
    defined = set(re.findall(r"^([A-Za-z_]\w*):", assembly, re.MULTILINE))
    return sorted(set(named) - defined)
