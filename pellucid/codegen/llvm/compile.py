"""IR text → object code: parse, check, optimise, assemble; all by llvmlite.

Comes in: the text of a module and the target. Goes out: `CompiledObject`, whose object code is
relocatable (position independent, small code model). The optimiser runs at level 1 without the
loop and SLP vectorisers: the schedule has decided what is a vector, and LLVM's higher levels add
nothing to that but time. Our own IR failing to parse or verify is an `InternalError` that shows the
lines; LLVM modules of the user's (`link.py`) that fail are errors of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from types import ModuleType
from typing import Any

from pellucid.codegen.llvm.link import link_imports
from pellucid.support.errors import InternalError
from pellucid.target import Target


@cache
def _llvm() -> ModuleType:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@cache
def _machine(triple: str, cpu: str, features: str, codegen_level: int) -> Any:
    return (
        _llvm()
        .Target.from_triple(triple)
        .create_target_machine(
            cpu=cpu, features=features, opt=codegen_level, reloc="pic", codemodel="small"
        )
    )


def target_machine(target: Target, codegen_level: int = 2) -> Any:
    """llvmlite's target machine for `target`; the same object each time."""
    return _machine(target.triple, target.cpu, target.feature_string, codegen_level)


class CompiledObject:
    """Object code, and on demand the assembly and the IR that it came from.

    `object` is the relocatable object file; `source` the IR text as it was given; `target` and
    `codegen_level` what it was made with.
    """

    __slots__ = ("_assembly", "_bitcode", "_ir", "codegen_level", "object", "source", "target")

    def __init__(
        self, target: Target, source: str, bitcode: bytes, object_: bytes, codegen_level: int
    ) -> None:
        self.target = target
        self.source = source
        self.object = object_
        self.codegen_level = codegen_level
        self._bitcode = bitcode
        self._assembly: str | None = None
        self._ir: str | None = None

    def _module(self) -> closing[Any]:
        llvm = _llvm()
        return closing(llvm.parse_bitcode(self._bitcode, llvm.create_context()))

    @property
    def assembly(self) -> str:
        """The assembly text of the object code."""
        if self._assembly is None:
            machine = target_machine(self.target, self.codegen_level)
            with self._module() as module:
                self._assembly = str(machine.emit_assembly(module))
        return self._assembly

    @property
    def ir(self) -> str:
        """The IR text after optimisation."""
        if self._ir is None:
            with self._module() as module:
                self._ir = str(module)
        return self._ir


def _lines_around(text: str, number: int) -> str:
    lines = text.splitlines()
    first = max(0, number - 3)
    return "\n".join(
        f"  {'>' if n + 1 == number else ' '} {n + 1:5d} | {lines[n]}"
        for n in range(first, min(len(lines), number + 2))
    )


def _bad_ir(text: str, message: str) -> InternalError:
    """The error for IR that LLVM refuses, with the lines it complains about."""
    place = re.search(r":(\d+):(\d+): error: (.*)", message)
    if place is not None:
        return InternalError(
            f"LLVM cannot parse the IR: {place[3]} (line {place[1]}, column {place[2]})\n"
            + _lines_around(text, int(place[1]))
        )
    pictures: list[str] = []
    for line in message.splitlines():
        stripped = line.strip()
        at = text.find(stripped) if "=" in stripped or " @" in stripped else -1
        if at >= 0 and stripped:
            pictures.append(_lines_around(text, text.count("\n", 0, at) + 1))
    return InternalError(f"LLVM refuses the IR: {message.strip()}\n" + "\n".join(pictures[:3]))


def parse(text: str, target: Target) -> Any:
    """`text` as a verified llvmlite module in a context of its own, laid out for `target`.

    Whoever calls closes the module: were it left to the garbage collector, its context could die
    before it.
    """
    llvm = _llvm()
    machine = target_machine(target)
    module = None
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        if module is not None:
            module.close()
        raise _bad_ir(text, str(error)) from None
    return module


def optimise(
    module: Any, target: Target, level: int = 1, *, vectorise: bool = False, unroll: bool = True
) -> None:
    """Run LLVM's default passes of `level` (0 to 3) over `module`."""
    llvm = _llvm()
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = vectorise
    tuning.slp_vectorization = vectorise
    tuning.loop_interleaving = vectorise
    tuning.loop_unrolling = unroll
    builder = llvm.create_pass_builder(target_machine(target), tuning)
    builder.getModulePassManager().run(module, builder)


def compile_module(
    text: str,
    target: Target,
    level: int = 1,
    *,
    codegen_level: int = 2,
    vectorise: bool = False,
    unroll: bool = True,
    imports: Mapping[str, str] | None = None,
) -> CompiledObject:
    """Object code of the IR `text` for `target`.

    `level` (0 to 3) is that of the optimiser, `codegen_level` (1 to 3) that of instruction
    selection and register allocation; at 0 the latter would spill every value, so it is refused.
    `vectorise` turns LLVM's own vectorisers on, `unroll` leaves its loop unroller on. `imports` are
    the texts of other modules to link, each with the place that wants it.
    """
    if codegen_level < 1:
        raise InternalError("Code is never generated at level 0.")
    with closing(parse(text, target)) as module:
        link_imports(_llvm(), module, imports or {})
        optimise(module, target, level, vectorise=vectorise, unroll=unroll)
        bitcode = module.as_bitcode()
        object_ = target_machine(target, codegen_level).emit_object(module)
    return CompiledObject(target, text, bitcode, object_, codegen_level)
