"""Why arguments do not fit a signature: the exact words for what native code only refuses.

`check` goes through the parameters as the native entry does: kinds, ranks, dtypes, devices,
layouts, bare names first, expressions after. The first thing that does not fit is an
`ArgumentError` naming function, argument, what was expected, what was found, and a cure. The same
matching serves `match_cast` at run time (`stepper.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pellucid.runtime import dims, dtypes
from pellucid.runtime.dims import Dim
from pellucid.runtime.facts import Facts, compact_strides, facts
from pellucid.runtime.signature import (
    ScalarSpec,
    ShapeSpec,
    Signature,
    Spec,
    TensorSpec,
    TupleSpec,
    show_spec,
)
from pellucid.support.errors import ArgumentError, PellucidError

_INT64 = (-(2**63), 2**63 - 1)


def check(signature: Signature, args: Sequence[object], *, copies: bool = False) -> dict[str, int]:
    """The values of the symbolic dimensions, or `ArgumentError` if `args` do not fit.

    `copies`: arrays that are not compact are copied before the call, so that only written ones must
    be compact.
    """
    if len(args) != len(signature.params):
        raise ArgumentError(
            f"{signature.name} got {_count(len(args))}, and takes {len(signature.params)}.",
            expected=signature.show(),
            found=f"{signature.name}({', '.join(_brief(each) for each in args)})",
        )
    matcher = Matcher(ArgumentError, copies=copies)
    for spec, value in zip(signature.params, args, strict=True):
        matcher.match(spec, value, f"argument {spec.name!r} of {signature.name}")
    matcher.finish()
    return matcher.bindings


class Matcher:
    """Matches values with specs, binding symbolic dimensions as it goes; failures are raised as
    `error`.

    `bindings` may come from an earlier match. `finish` checks the expressions, when all names are
    bound.
    """

    def __init__(
        self,
        error: type[PellucidError],
        bindings: dict[str, int] | None = None,
        *,
        copies: bool = False,
    ) -> None:
        self.bindings: dict[str, int] = {} if bindings is None else bindings
        self._error = error
        self._copies = copies
        self._places: dict[str, str] = {}
        self._later: list[tuple[Dim, int, str, str]] = []

    def match(self, spec: Spec, value: object, what: str) -> None:
        """Match `value` with `spec`; `what` is how messages call it."""
        if isinstance(spec, TensorSpec):
            self._tensor(spec, value, what)
        elif isinstance(spec, ScalarSpec):
            self._scalar(spec, value, what)
        elif isinstance(spec, ShapeSpec):
            self._shape(spec, value, what)
        elif isinstance(spec, TupleSpec):
            self._tuple(spec, value, what)

    def match_extents(self, pattern: tuple[Dim, ...], shape: tuple[int, ...], what: str) -> None:
        """Match the extents `shape` of `what` with `pattern`, which has as many dimensions."""
        found = dims.show_shape(shape)
        for number, (dim, extent) in enumerate(zip(pattern, shape, strict=True)):
            self._extent(dim, extent, f"dimension {number} of {what}", found)

    def finish(self) -> None:
        """Check the expressions met so far; their names must be bound by now."""
        for dim, extent, where, found in self._later:
            self._expression(dim, extent, where, found)
        self._later.clear()

    def _fail(self, message: str, expected: str, found: str, cure: str | None = None) -> None:
        text = message[0].upper() + message[1:]
        raise self._error(text, expected=expected, found=found, cure=cure)

    def _tensor(self, spec: TensorSpec, value: object, what: str) -> None:
        seen = facts(value)
        if seen is None:
            cure = "make a tensor of it: nd.array(values)"
            self._fail(f"{what} is not a tensor.", show_spec(spec), _brief(value), cure)
            return
        if seen.layout != "strided":
            cure = "make a dense tensor of it: x.to_dense()"
            self._fail(f"{what} is not a dense tensor.", "a dense tensor", seen.layout, cure)
        if spec.rank >= 0 and len(seen.shape) != spec.rank:
            expected = f"{_rank(spec.rank)}, as in {show_spec(spec)}"
            found = f"{_rank(len(seen.shape))}: {dims.show_shape(seen.shape)}"
            self._fail(f"{what} has the wrong number of dimensions.", expected, found)
        self._dtype(spec, seen, what)
        if not seen.device.startswith("cpu"):
            cure = "copy it to the processor first"
            self._fail(f"{what} is on another device.", "cpu:0", seen.device, cure)
        if spec.writable and not seen.writable:
            cure = "pass an array that may be written, such as a copy"
            self._fail(
                f"{what} is written, but is read-only.", "a writable array", "read-only", cure
            )
        self._layout(spec, seen, what)
        if spec.shape is not None:
            self.match_extents(spec.shape, seen.shape, what)
        if spec.strides is not None and seen.strides is not None:
            shown = f"strides {dims.show_shape(seen.strides)}"
            for number, (dim, step) in enumerate(zip(spec.strides, seen.strides, strict=True)):
                if seen.shape[number] != 1:
                    self._extent(dim, step, f"stride {number} of {what}", shown)

    def _dtype(self, spec: TensorSpec, seen: Facts, what: str) -> None:
        wrong = spec.dtype is not None and seen.dtype != spec.dtype
        if wrong or not seen.known:
            wanted = spec.dtype or f"one of {', '.join(dtypes.SCALARS)}"
            cure = f"convert it first, for instance with .astype({spec.dtype or 'float32'!r})"
            self._fail(f"{what} has the wrong dtype.", wanted, seen.dtype, cure)
        if not seen.native:
            cure = "convert it first: x.astype(x.dtype.newbyteorder('='))"
            self._fail(f"{what} is in the other byte order.", "this machine's", "the other", cure)

    def _layout(self, spec: TensorSpec, seen: Facts, what: str) -> None:
        align = spec.align or seen.element
        if seen.address % align and 0 not in seen.shape:
            self._fail(
                f"{what} does not lie at a multiple of its alignment.",
                f"an address that is a multiple of {align}",
                f"{seen.address:#x}, which is {seen.address % align} past one",
                "copy it first: np.array(x) or nd.array(x)",
            )
        if spec.strides is not None or seen.compact or (self._copies and not spec.writable):
            return
        shown = "steps that are not whole elements"
        if seen.strides is not None:
            shown = f"strides {dims.show_shape(seen.strides)}"
        self._fail(
            f"{what} is not compact.",
            f"strides {dims.show_shape(compact_strides(seen.shape))}, for shape {seen.shape}",
            shown,
            "copy it first: np.ascontiguousarray(x)",
        )

    def _extent(self, dim: Dim, extent: int, where: str, found: str) -> None:
        name = dims.bare_name(dim)
        if name is None and list(dims.names(dim)):
            self._later.append((dim, extent, where, found))
            return
        if name is None:
            if dims.evaluate(dim, {}) != extent:
                self._fail(f"{where} is wrong.", dims.show(dim), f"{extent}, in {found}")
            return
        bound = self.bindings.get(name)
        if bound is None:
            self.bindings[name] = extent
            self._places[name] = where
            return
        if bound != extent:
            first = self._places.get(name, "an earlier match")
            self._fail(
                f"{where} disagrees with {first} about {name!r}.",
                f"{name} = {bound}, from {first}",
                f"{name} = {extent}, in {found}",
                f"pass arrays that agree on {name!r}",
            )

    def _expression(self, dim: Dim, extent: int, where: str, found: str) -> None:
        value = dims.evaluate(dim, self.bindings)
        if value != extent:
            used = dict.fromkeys(dims.names(dim))
            known = ", ".join(f"{each} = {self.bindings[each]}" for each in used)
            expected = f"{dims.show(dim)} = {value}, since {known}"
            self._fail(f"{where} is wrong.", expected, f"{extent}, in {found}")

    def _scalar(self, spec: ScalarSpec, value: Any, what: str) -> None:
        number: object = value.item() if hasattr(value, "dtype") and not facts(value) else value
        if not _is_number(number, spec.dtype):
            cure = None
            if facts(value) is not None:
                cure = "pass a number: x.item()"
            self._fail(
                f"{what} is not a number of dtype {spec.dtype}.", spec.dtype, _brief(value), cure
            )
        low, high = _range(spec.dtype)
        if isinstance(number, int) and not low <= number <= high:
            self._fail(f"{what} is out of range.", f"{low} to {high}", str(number))
        if spec.value is not None:
            self._extent(spec.value, cast("int", number), f"the value of {what}", str(number))

    def _shape(self, spec: ShapeSpec, value: Any, what: str) -> None:
        extents = _integers(value)
        if extents is None:
            self._fail(f"{what} is not a shape.", "a tuple of integers", _brief(value))
            return
        if spec.rank >= 0 and len(extents) != spec.rank:
            expected = f"{_rank(spec.rank)}, as in {show_spec(spec)}"
            found = f"{_rank(len(extents))}: {dims.show_shape(extents)}"
            self._fail(f"{what} has the wrong number of dimensions.", expected, found)
        if spec.values is not None:
            self.match_extents(spec.values, extents, what)

    def _tuple(self, spec: TupleSpec, value: object, what: str) -> None:
        if not isinstance(value, (tuple, list)):
            self._fail(f"{what} is not a tuple.", show_spec(spec), _brief(value))
        fields = cast("tuple[object, ...]", value)
        if len(fields) != len(spec.fields):
            expected = f"{len(spec.fields)}, as in {show_spec(spec)}"
            self._fail(f"{what} has the wrong number of fields.", expected, str(len(fields)))
        for number, (field, each) in enumerate(zip(spec.fields, fields, strict=True)):
            self.match(field, each, f"field {number} of {what}")


def _integers(value: object) -> tuple[int, ...] | None:
    if not isinstance(value, (tuple, list)):
        return None
    items = cast("tuple[object, ...]", value)
    if not all(isinstance(each, (int, np.integer)) for each in items):
        return None
    return tuple(int(cast("int", each)) for each in items)


def _is_number(value: object, dtype: str) -> bool:
    if dtype == "bool":
        return isinstance(value, bool) or (isinstance(value, int) and value in (0, 1))
    if isinstance(value, bool):
        return False
    if dtype.startswith(("int", "uint")):
        return isinstance(value, int)
    return isinstance(value, (int, float))


def _range(dtype: str) -> tuple[int, int]:
    if dtype == "bool":
        return 0, 1
    if dtype.startswith("uint"):
        # Numbers cross the boundary as 64-bit signed integers.
        return 0, min(2 ** int(dtype[4:]) - 1, _INT64[1])
    if dtype.startswith("int"):
        half = 2 ** (int(dtype[3:]) - 1)
        return -half, half - 1
    return _INT64


def _rank(count: int) -> str:
    return f"{count} dimension" + ("" if count == 1 else "s")


def _count(count: int) -> str:
    return f"{count} argument" + ("" if count == 1 else "s")


def _brief(value: Any) -> str:
    seen = facts(value)
    if seen is not None:
        return f"{type(value).__name__}({dims.show_shape(seen.shape)}, {seen.dtype})"
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
    return f"a {type(value).__name__}"
