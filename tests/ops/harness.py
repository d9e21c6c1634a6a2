"""Runs every sample of some operators in four ways: as graphs of operators in the interpreter (the
NumPy references), lowered in the interpreter, lowered in native code, and after a trip through the
script.

All samples of a group of operators share one module and one compilation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pellucid import relax
from pellucid.interp import Interpreter
from pellucid.ir.module import IRModule
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, SizeVar
from pellucid.ir.structural import first_difference
from pellucid.ir.visitor import substitute
from pellucid.relax import struct_info as si
from pellucid.relax.expr import ShapeExpr
from pellucid.relax.op.inference import simplified
from pellucid.relax.op.record import OpRecord
from pellucid.relax.op.samples import SIZES, Sample, TensorSample
from pellucid.relax.symbolic import tir_vars_in_expr
from pellucid.relax.transform import LegalizeOps
from pellucid.runtime.dtypes import to_numpy
from pellucid.runtime.tensor import Tensor
from pellucid.script import from_source
from pellucid.testing.tolerance import assert_agree


@dataclass
class Trial:
    """One sample of one operator, with constant or symbolic dimensions: a function of the group's
    module, its arguments, and what is inferred of its result.
    """

    name: str
    record: OpRecord
    sample: Sample
    symbolic: bool
    args: list[np.ndarray]
    info: si.StructInfo | None = None

    def __str__(self) -> str:
        """For messages."""
        kind = "symbolic" if self.symbolic else "constant"
        return f"{self.record.name}{self.sample.args}{self.sample.keywords or ''} ({kind})"


def numbers_of(dims: Any) -> Any:
    """A tuple or list with the letters of dimensions replaced by their sizes."""
    return type(dims)(
        SIZES[each] if isinstance(each, str) and each in SIZES else each for each in dims
    )


class _Writer:
    """Turns a sample into parameters and arguments."""

    def __init__(self, symbolic: bool, rng: np.random.Generator) -> None:
        self.symbols = {name: SizeVar(name, "int64") for name in SIZES} if symbolic else SIZES
        self.rng = rng
        self.params: list[relax.Var] = []
        self.arrays: list[np.ndarray] = []

    def value(self, value: Any) -> Any:
        if isinstance(value, TensorSample):
            dims = [self.symbols[d] if isinstance(d, str) else d for d in value.shape]
            info = relax.TensorStructInfo(dims, value.dtype)
            var = relax.Var(f"x{len(self.params)}", info)
            self.params.append(var)
            self.arrays.append(value.array(self.rng))
            return var
        if isinstance(value, list | tuple):
            return type(value)(
                self.symbols[each] if isinstance(each, str) and each in SIZES else self.value(each)
                for each in value
            )
        return value


class Group:
    """The trials of some operators."""

    def __init__(self, records: Iterable[OpRecord]) -> None:
        self.trials: list[Trial] = []
        builder = relax.BlockBuilder()
        for record in records:
            for number, sample in enumerate(record.samples):
                for symbolic in (False, True) if sample.symbolic else (False,):
                    self._add(builder, record, number, sample, symbolic)
        self.module = builder.get()

    def _add(
        self,
        builder: relax.BlockBuilder,
        record: OpRecord,
        number: int,
        sample: Sample,
        symbolic: bool,
    ) -> None:
        writer = _Writer(symbolic, np.random.default_rng(number))
        args = [writer.value(each) for each in sample.args]
        keywords = {key: writer.value(each) for key, each in sample.keywords.items()}
        name = f"{record.name.replace('.', '_')}_{number}{'_symbolic' if symbolic else ''}"
        trial = Trial(name, record, sample, symbolic, writer.arrays)
        with builder.function(name, writer.params, pure=record.pure):
            result = builder.emit(record.build(*args, **keywords))
            trial.info = result.struct_info
            builder.emit_func_output(result)
        self.trials.append(trial)

    def of(self, record: OpRecord) -> list[Trial]:
        """The trials of one operator."""
        return [each for each in self.trials if each.record is record]

    @cached_property
    def lowered(self) -> IRModule:
        """The module with every operator lowered."""
        return LegalizeOps(strict=True)(self.module)

    @cached_property
    def machine(self) -> Any:
        """The lowered module as native code."""
        return relax.VirtualMachine(relax.build(self.lowered))

    def reference(self, trial: Trial) -> Any:
        """What the NumPy reference gives."""
        return Interpreter(self.module)[trial.name](*trial.args)

    def interpreted(self, trial: Trial) -> Any:
        """What the lowered function gives in the interpreter."""
        return Interpreter(self.lowered)[trial.name](*trial.args)

    def native(self, trial: Trial) -> Any:
        """What native code gives."""
        return plain(self.machine[trial.name](*trial.args))


def plain(value: Any) -> Any:
    """Runtime values as NumPy arrays and tuples."""
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, tuple | list):
        return tuple(plain(each) for each in value)
    return value


def assert_same(actual: Any, expected: Any, tolerance: str, what: str) -> None:
    """Compare results, tuples field by field."""
    if isinstance(expected, tuple):
        assert len(actual) == len(expected), what
        for number, (a, b) in enumerate(zip(actual, expected, strict=True)):
            assert_same(a, b, tolerance, f"{what}, field {number}")
    elif isinstance(expected, np.ndarray):
        assert isinstance(actual, np.ndarray), f"{what}: {type(actual)}"
        assert_agree(actual, expected, tolerance, what)
    else:
        assert actual == expected, what


def assert_described(info: si.StructInfo, value: Any, what: str, *, shapes_known: bool) -> None:
    """Raise unless what was inferred is what there is: dtype and every dimension."""
    if isinstance(info, si.TupleStructInfo):
        assert isinstance(value, tuple), what
        assert len(info.fields) == len(value), what
        for each, part in zip(info.fields, value, strict=True):
            assert_described(each, part, what, shapes_known=shapes_known)
        return
    if isinstance(info, si.TensorStructInfo):
        assert isinstance(value, np.ndarray), f"{what}: {type(value)}"
        assert value.dtype == to_numpy(info.dtype), f"{what}: {info!r}, {value.dtype}"
        assert info.ndim == value.ndim, f"{what}: {info!r}, {value.shape}"
        dims = info.shape.values if isinstance(info.shape, ShapeExpr) else None
        assert dims is not None or not shapes_known, f"{what}: {info!r}"
        if dims is not None:
            assert _sizes(dims) == value.shape, f"{what}: {info!r}, {value.shape}"
    elif isinstance(info, si.ShapeStructInfo):
        assert isinstance(value, tuple), what
        assert info.ndim in (-1, len(value)), what
        if info.values is not None:
            assert _sizes(info.values) == value, f"{what}: {info!r}, {value}"


def _sizes(dims: Iterable[PrimExpr]) -> tuple[int, ...]:
    return tuple(_evaluated(each) for each in dims)


def _evaluated(dim: PrimExpr) -> int:
    if isinstance(dim, IntImm):
        return dim.value
    table: Mapping[Any, Any] = {
        each: IntImm("int64", SIZES[each.name]) for each in tir_vars_in_expr(dim)
    }
    found = simplified(substitute(dim, table))
    assert isinstance(found, IntImm), repr(found)
    return found.value


def assert_round_trip(module: IRModule) -> None:
    """Raise unless the module's script reads back as the module."""
    text = module.script(show_meta=True)
    difference = first_difference(module, from_source(text, check_well_formed=False))
    assert difference is None, f"{difference}\n{text}"
