"""What a compiled function takes: one spec per parameter, as plain data (JSON) that ships with the
executable.

The native entry checks its arguments by itself and only says *that* they do not fit; `check.py`
reads the signature and says *why*. Symbolic dimensions are names: each is bound by its first bare
use, going through the parameters from left to right and through their dimensions from left to
right; expressions are checked after all names are bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pellucid.runtime import dims
from pellucid.runtime.dims import Dim
from pellucid.support.errors import ArtifactError

MAX_RANK = 64
MAX_PARAMS = 65_536
MAX_NESTING = 32


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of `dtype` and `shape`.

    `dtype` None: any. `shape` None: any extents, of rank `ndim` (-1: any rank). `strides` (in
    elements) None: the tensor must be compact and row-major. `writable`: the function writes it.
    `align`: bytes that its address must be a multiple of; 0 means the alignment of one element.
    """

    name: str
    dtype: str | None
    shape: tuple[Dim, ...] | None
    strides: tuple[Dim, ...] | None = None
    writable: bool = False
    align: int = 0
    ndim: int = -1

    @property
    def rank(self) -> int:
        """The number of dimensions, or -1 where any will do."""
        return self.ndim if self.shape is None else len(self.shape)


@dataclass(frozen=True, slots=True)
class ScalarSpec:
    """A number of `dtype`; where `value` is given, it binds or checks a symbolic dimension."""

    name: str
    dtype: str
    value: Dim | None = None


@dataclass(frozen=True, slots=True)
class ShapeSpec:
    """A shape: a tuple of ints; `values` None: any extents, of rank `ndim` (-1: any)."""

    name: str
    values: tuple[Dim, ...] | None = None
    ndim: int = -1

    @property
    def rank(self) -> int:
        """The number of extents, or -1 where any will do."""
        return self.ndim if self.values is None else len(self.values)


@dataclass(frozen=True, slots=True)
class TupleSpec:
    """A tuple with one spec per field."""

    name: str
    fields: tuple[Spec, ...]


@dataclass(frozen=True, slots=True)
class AnySpec:
    """Anything: a string, a closure, an object."""

    name: str


Spec = TensorSpec | ScalarSpec | ShapeSpec | TupleSpec | AnySpec


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of function `name`, and what it gives back (None: nothing, as kernels do)."""

    name: str
    params: tuple[Spec, ...]
    result: Spec | None = None

    def symbols(self) -> tuple[str, ...]:
        """The symbolic dimensions in the order of their first bare use: the order of the raw
        kernel's extra arguments.
        """
        found: dict[str, None] = {}
        for spec in self.params:
            _collect(spec, found)
        return tuple(found)

    def show(self) -> str:
        """The signature as text: `f(x: Tensor((n, 784), float32)) -> Tensor((n, 10), float32)`."""
        inner = ", ".join(f"{each.name}: {show_spec(each)}" for each in self.params)
        arrow = "" if self.result is None else f" -> {show_spec(self.result)}"
        return f"{self.name}({inner}){arrow}"


def _collect(spec: Spec, found: dict[str, None]) -> None:
    candidates: tuple[Dim, ...] = ()
    if isinstance(spec, TensorSpec):
        candidates = (*(spec.shape or ()), *(spec.strides or ()))
    elif isinstance(spec, ShapeSpec):
        candidates = spec.values or ()
    elif isinstance(spec, ScalarSpec):
        candidates = () if spec.value is None else (spec.value,)
    elif isinstance(spec, TupleSpec):
        for field in spec.fields:
            _collect(field, found)
    for dim in candidates:
        name = dims.bare_name(dim)
        if name is not None:
            found.setdefault(name)


def show_spec(spec: Spec) -> str:
    """A spec without its name: `Tensor((n, 784), float32)`, `int64`, `Shape(n, 2)`, `(Tensor(...),
    int64)`.
    """
    if isinstance(spec, TensorSpec):
        if spec.shape is not None:
            where = dims.show_shape(spec.shape)
        else:
            where = f"ndim={spec.ndim}" if spec.ndim >= 0 else "any shape"
        return f"Tensor({where}, {spec.dtype or 'any dtype'})"
    if isinstance(spec, ScalarSpec):
        return spec.dtype if spec.value is None else f"{spec.dtype} {dims.show(spec.value)}"
    if isinstance(spec, ShapeSpec):
        if spec.values is not None:
            return f"Shape{dims.show_shape(spec.values)}"
        return f"Shape(ndim={spec.ndim})" if spec.ndim >= 0 else "Shape"
    if isinstance(spec, TupleSpec):
        return f"({', '.join(show_spec(each) for each in spec.fields)})"
    return "Object"


def spec_to_json(spec: Spec) -> dict[str, object]:
    """A spec as JSON-able data."""
    if isinstance(spec, TensorSpec):
        return {
            "kind": "tensor",
            "name": spec.name,
            "dtype": spec.dtype,
            "shape": _dims_to_json(spec.shape),
            "strides": _dims_to_json(spec.strides),
            "writable": spec.writable,
            "align": spec.align,
            "ndim": spec.ndim,
        }
    if isinstance(spec, ScalarSpec):
        value = None if spec.value is None else dims.to_json(spec.value)
        return {"kind": "scalar", "name": spec.name, "dtype": spec.dtype, "value": value}
    if isinstance(spec, ShapeSpec):
        values = _dims_to_json(spec.values)
        return {"kind": "shape", "name": spec.name, "values": values, "ndim": spec.ndim}
    if isinstance(spec, TupleSpec):
        fields = [spec_to_json(each) for each in spec.fields]
        return {"kind": "tuple", "name": spec.name, "fields": fields}
    return {"kind": "any", "name": spec.name}


def signature_to_json(signature: Signature) -> dict[str, object]:
    """A signature as JSON-able data."""
    return {
        "name": signature.name,
        "params": [spec_to_json(each) for each in signature.params],
        "result": None if signature.result is None else spec_to_json(signature.result),
    }


def spec_from_json(data: object, depth: int = 0) -> Spec:
    """A spec from parsed JSON; `ArtifactError` if it is not one."""
    record = Record(data, "parameter")
    if depth > MAX_NESTING:
        raise ArtifactError(f"A tuple parameter is nested more than {MAX_NESTING} deep.")
    kind = record.text("kind")
    name = record.text("name")
    if kind == "tensor":
        return TensorSpec(
            name,
            record.optional_text("dtype"),
            record.optional_dims("shape"),
            record.optional_dims("strides"),
            record.flag("writable"),
            record.integer("align", 0, 4096),
            record.integer("ndim", -1, MAX_RANK),
        )
    if kind == "scalar":
        value = record.get("value")
        bound = None if value is None else dims.from_json(value)
        return ScalarSpec(name, record.text("dtype"), bound)
    if kind == "shape":
        return ShapeSpec(name, record.optional_dims("values"), record.integer("ndim", -1, MAX_RANK))
    if kind == "tuple":
        fields = record.items("fields", MAX_PARAMS)
        return TupleSpec(name, tuple(spec_from_json(each, depth + 1) for each in fields))
    if kind == "any":
        return AnySpec(name)
    raise ArtifactError(f"The parameter {name!r} has an unknown kind.", found=repr(kind)[:80])


def signature_from_json(data: object) -> Signature:
    """A signature from parsed JSON; `ArtifactError` if it is not one."""
    record = Record(data, "signature")
    params = tuple(spec_from_json(each) for each in record.items("params", MAX_PARAMS))
    result = record.get("result")
    return Signature(
        record.text("name"), params, None if result is None else spec_from_json(result)
    )


def _dims_to_json(values: tuple[Dim, ...] | None) -> object:
    return None if values is None else [dims.to_json(each) for each in values]


class Record:
    """A JSON object read field by field; whatever is missing or of the wrong kind is an
    `ArtifactError`.
    """

    __slots__ = ("_fields", "_what")

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, dict):
            raise ArtifactError(
                f"A {what} of the manifest is not an object.", found=repr(data)[:80]
            )
        self._fields = cast("Mapping[str, object]", data)
        self._what = what

    def get(self, key: str) -> object:
        """The field `key`, which may be null but must be there."""
        if key not in self._fields:
            raise ArtifactError(f"A {self._what} of the manifest lacks the field {key!r}.")
        return self._fields[key]

    def text(self, key: str) -> str:
        """The string in field `key`."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a string", value)
        return value

    def optional_text(self, key: str) -> str | None:
        """The string in field `key`, or None."""
        return None if self.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        """The truth value in field `key`."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """The integer in field `key`, between `low` and `high`, both included."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"an integer from {low} to {high}", value)
        return value

    def items(self, key: str, limit: int) -> list[object]:
        """The list in field `key`, of at most `limit` items."""
        value = self.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list", value)
        found = cast("list[object]", value)
        if len(found) > limit:
            raise self._wrong(key, f"at most {limit} items", f"{len(found)} items")
        return found

    def texts(self, key: str, limit: int) -> tuple[str, ...]:
        """The strings in field `key`, at most `limit`."""
        found = self.items(key, limit)
        for each in found:
            if not isinstance(each, str):
                raise self._wrong(key, "a list of strings", each)
        return tuple(cast("list[str]", found))

    def dim(self, key: str) -> Dim:
        """The dimension in field `key`."""
        return dims.from_json(self.get(key), f"field {key!r}")

    def dim_list(self, key: str) -> tuple[Dim, ...]:
        """The dimensions in field `key`."""
        return tuple(dims.from_json(each, f"field {key!r}") for each in self.items(key, MAX_RANK))

    def optional_dims(self, key: str) -> tuple[Dim, ...] | None:
        """The dimensions in field `key`, or None."""
        return None if self.get(key) is None else self.dim_list(key)

    def _wrong(self, key: str, expected: str, found: object) -> ArtifactError:
        return ArtifactError(
            f"The field {key!r} of a {self._what} of the manifest is wrong.",
            expected=expected,
            found=found if isinstance(found, str) else repr(found)[:80],
        )
