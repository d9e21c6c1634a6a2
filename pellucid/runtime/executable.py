"""An executable: compiled functions, plans, constants and object code, in memory and as one file.

In: what `codegen/` made. Out: `VirtualMachine` runs it; `save` and `load` make it a file
(`artifact.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.runtime import abi, arrays, artifact, dtypes
from pellucid.runtime.device import Device
from pellucid.runtime.kernel import (
    Kernel,
    TargetInfo,
    kernel_from_json,
    kernel_to_json,
    require_host,
    target_from_json,
    target_to_json,
)
from pellucid.runtime.plan import (
    CallGraph,
    CallKernel,
    Const,
    GraphPlan,
    MakeClosure,
    check_plan,
    plan_from_json,
    plan_to_json,
    walk,
)
from pellucid.runtime.plan_text import plan_text
from pellucid.runtime.program import Program
from pellucid.runtime.signature import MAX_RANK, Record
from pellucid.runtime.tensor import Tensor, empty
from pellucid.runtime.timing import Evaluator, evaluator
from pellucid.support.errors import ArtifactError, RegistryError, TypeMismatchError, did_you_mean

_ALIGN = 64
MAX_FUNCTIONS = 1 << 20


class Executable:
    """Compiled functions with all that they need.

    `kernels` and `graphs`: loop and graph functions by name. `constants`: tensors that the code
    refers to by index. `object_code`: what `abi.py` describes. `target`: what it was built for.
    `sources`: texts to be shown, by format (`"ll"`, `"asm"`), or functions that make them; they are
    not saved.
    """

    def __init__(
        self,
        *,
        kernels: Mapping[str, Kernel],
        graphs: Mapping[str, GraphPlan],
        constants: Sequence[Tensor],
        object_code: bytes,
        target: TargetInfo,
        sources: Mapping[str, str | Callable[[], str]] | None = None,
    ) -> None:
        self.kernels = dict(kernels)
        self.graphs = dict(graphs)
        self.constants = tuple(constants)
        self.object_code = object_code
        self.target = target
        self._sources = dict(sources or {})
        self._program: Program | None = None
        self._lock = threading.Lock()
        _check_references(self)

    def program(self) -> Program:
        """A live form of its own: code loaded, functions callable, packed functions found at their
        first use.
        """
        require_host(self.target)
        return Program(self.kernels, self.graphs, self.constants, self.object_code)

    def __getitem__(self, name: str) -> Any:
        """The function `name`, to be called with tensors, NumPy arrays, torch tensors, numbers.

        A loop function that has another name in the module than its global symbol has both.
        """
        if self._program is None:
            with self._lock:
                if self._program is None:
                    self._program = self.program()
        own = self._own_name(name)
        if own is None:
            raise self._unknown(name)
        return self._program.function(own)

    @property
    def mod(self) -> Executable:
        """The executable itself, under the name that other systems have for it."""
        return self

    @property
    def imported_modules(self) -> list[Any]:
        """Modules for other devices: none on a processor."""
        return []

    @property
    def imports(self) -> list[Any]:
        """The same as `imported_modules`."""
        return []

    def get_function(self, name: str) -> Any:
        """The same as `executable[name]`."""
        return self[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a function `name`."""
        return isinstance(name, str) and self._own_name(name) is not None

    def _own_name(self, name: str) -> str | None:
        """The name in the module of what is called `name` there, or by its global symbol."""
        if name in self.kernels or name in self.graphs:
            return name
        entry = f"{abi.ENTRY_PREFIX}{name}"
        return next((each.name for each in self.kernels.values() if each.symbol == entry), None)

    def function_names(self) -> list[str]:
        """The names of all functions, sorted."""
        return sorted({*self.kernels, *self.graphs})

    def __call__(self, *args: Any) -> Any:
        """Call `main`, or the only function."""
        return self[self.entry_name](*args)

    @property
    def entry_name(self) -> str:
        """`main`, or the only function's name."""
        names = self.function_names()
        if "main" in names:
            return "main"
        if len(names) != 1:
            raise RegistryError(
                "The executable has no function 'main'.",
                expected="'main', or one function",
                found=", ".join(names) or "none",
                cure="name the function: executable['name'](…)",
            )
        return names[0]

    def time_evaluator(
        self,
        name: str,
        dev: Device | None = None,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        cooldown_interval_ms: int = 0,
    ) -> Evaluator:
        """A function that times calls of function `name`; see `timing.evaluator`."""
        return evaluator(
            self[name],
            dev,
            number=number,
            repeat=repeat,
            min_repeat_ms=min_repeat_ms,
            cooldown_interval_ms=cooldown_interval_ms,
        )

    def get_source(self, fmt: str = "ll") -> str:
        """The generated code as text: `"ll"` LLVM IR, `"asm"` assembly. Executables from a file
        have none.
        """
        source = self._sources.get(fmt)
        if source is None:
            raise RegistryError(
                f"The executable carries no source in the format {fmt!r}.",
                expected=", ".join(map(repr, self._sources)) or "none: it was loaded from a file",
                cure=did_you_mean(fmt, self._sources),
            )
        return source if isinstance(source, str) else source()

    def stats(self) -> str:
        """Which functions there are, and which of the graph functions are native."""
        constant_bytes = sum(_byte_size(each) for each in self.constants)
        lines = [
            f"Executable for {self.target.text} ({self.target.cpu})",
            f"  object code: {len(self.object_code)} bytes",
            f"  constants: {len(self.constants)}, {constant_bytes} bytes",
            f"  loop functions: {len(self.kernels)}",
            f"  graph functions: {len(self.graphs)}",
        ]
        for name, plan in self.graphs.items():
            how = "native" if plan.native_symbol else "stepped in Python"
            lines.append(f"    {name}: {how}, {sum(1 for _ in walk(plan.steps))} steps")
        packed = self.packed_names()
        if packed:
            lines.append(f"  packed functions: {', '.join(packed)}")
        return "\n".join(lines)

    def packed_names(self) -> list[str]:
        """The packed functions that it calls and does not contain."""
        called = {each for kernel in self.kernels.values() for each in kernel.packed}
        called.update(each for plan in self.graphs.values() for each in plan.packed)
        return sorted(called - set(self.function_names()))

    def as_text(self) -> str:
        """All functions: signatures of the loop functions, plans of the graph functions."""
        parts = [f"kernel {each.signature.show()}" for each in self.kernels.values()]
        parts += [plan_text(each) for each in self.graphs.values()]
        return "\n\n".join(parts) + "\n"

    def save(self, path: str | Path) -> None:
        """Write everything to one file, which `Executable.load` reads."""
        constants, placed = _pack(self.constants)
        manifest: dict[str, object] = {
            "target": target_to_json(self.target),
            "kernels": [kernel_to_json(each) for each in self.kernels.values()],
            "graphs": [plan_to_json(each) for each in self.graphs.values()],
            "constants": placed,
        }
        artifact.write(Path(path), manifest, {"object": self.object_code, "constants": constants})

    def export_library(self, path: str | Path) -> None:
        """The same as `save`."""
        self.save(path)

    @staticmethod
    def load(path: str | Path) -> Executable:
        """Read an executable from a file; `ArtifactError` if it is not whole, or not for this
        processor.
        """
        manifest, sections = artifact.read(Path(path))
        target = target_from_json(manifest.get("target"))
        require_host(target)
        kernels = [kernel_from_json(each) for each in manifest.items("kernels", MAX_FUNCTIONS)]
        graphs = [plan_from_json(each) for each in manifest.items("graphs", MAX_FUNCTIONS)]
        for name in ("object", "constants"):
            if name not in sections:
                raise ArtifactError(f"The executable lacks the section {name!r}.")
        placed = manifest.items("constants", MAX_FUNCTIONS)
        return Executable(
            kernels={each.name: each for each in kernels},
            graphs={each.name: each for each in graphs},
            constants=[_unpack(each, sections["constants"]) for each in placed],
            object_code=bytes(sections["object"]),
            target=target,
        )

    def __repr__(self) -> str:
        """Its functions' names, in short."""
        return f"<Executable with {', '.join(self.function_names()[:6]) or 'no functions'}>"

    def _unknown(self, name: str) -> RegistryError:
        names = self.function_names()
        return RegistryError(
            f"The executable has no function named {name!r}.",
            expected=f"one of {', '.join(names)}" if names else None,
            cure=did_you_mean(name, names),
        )


def load(path: str | Path) -> Executable:
    """Read an executable from a file; see `Executable.load`."""
    return Executable.load(path)


load_module = load


def _check_references(executable: Executable) -> None:
    """Every plan must be sound and name functions and constants that are there."""
    for plan in executable.graphs.values():
        check_plan(plan)
        for step in walk(plan.steps):
            missing = None
            if isinstance(step, CallKernel) and step.function not in executable.kernels:
                missing = f"the loop function {step.function!r}"
            elif isinstance(step, (CallGraph, MakeClosure)) and (
                step.function not in executable.graphs
            ):
                missing = f"the graph function {step.function!r}"
            elif isinstance(step, Const) and step.index >= len(executable.constants):
                missing = f"constant {step.index}"
            if missing is not None:
                raise ArtifactError(f"The plan of {plan.name!r} needs {missing}, which is missing.")


def _byte_size(constant: Tensor) -> int:
    return constant.size * dtypes.element_bytes(constant.dtype)


def _pack(constants: Sequence[Tensor]) -> tuple[bytes, list[dict[str, object]]]:
    """The constants' bytes, each at a multiple of 64, and where each lies."""
    chunks: list[bytes] = []
    placed: list[dict[str, object]] = []
    end = 0
    for each in constants:
        data = arrays.numpy_view(each.handle).tobytes()
        gap = -end % _ALIGN
        chunks += [bytes(gap), data]
        placed.append({"dtype": each.dtype, "shape": list(each.shape), "offset": end + gap})
        end += gap + len(data)
    return b"".join(chunks), placed


def _unpack(data: object, section: memoryview) -> Tensor:
    record = Record(data, "constant")
    shape = record.items("shape", MAX_RANK)
    if not all(type(each) is int and 0 <= each < 1 << 46 for each in shape):
        raise ArtifactError("A constant has a shape that is not one.", found=repr(shape)[:80])
    dtype, offset = record.text("dtype"), record.integer("offset", 0, len(section))
    try:
        element = dtypes.element_bytes(dtype)
    except TypeMismatchError as error:
        raise ArtifactError("A constant has a dtype that is not one.", found=dtype) from error
    extents = tuple(int(str(each)) for each in shape)
    size = element
    for each in extents:
        size *= each
    if offset + size > len(section):
        raise ArtifactError("A constant lies outside its section.")
    result = empty(extents, dtype)
    view = arrays.numpy_view(result.handle)
    source = np.frombuffer(section[offset : offset + size], dtype=view.dtype)
    view[...] = source.reshape(view.shape)
    return result
