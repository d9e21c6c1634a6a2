"""Element-wise operators of two tensors, which broadcast: arithmetic, comparisons, logic, bits.

Both operands have one dtype; a Python number takes the dtype of the tensor beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pellucid.relax.expr import Call
from pellucid.relax.op import rules
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import Sample, case, t
from pellucid.topi import broadcast

FLOATS = rules.FLOATS
NUMBERS = rules.NUMBERS
INTEGERS = ("int", "uint")
BITS = ("int", "uint", "bool")
Build = Callable[..., Call]


def _binary(
    name: str,
    numpy: Callable[[Any, Any], Any],
    doc: str,
    samples: Sequence[Sample],
    kinds: tuple[str, ...] = NUMBERS,
    dtype: str | None = None,
    tolerance: str = "arithmetic",
) -> Build:
    """The operator that applies a function of two numbers to the elements of `x1` and `x2`."""
    lower = getattr(broadcast, name)

    def function(x1: Tensor, x2: Tensor) -> Any:
        return lower(x1, x2)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc} Shapes are broadcast; both sides have one dtype."
    return op(
        name,
        infer=rules.broadcast("x1", "x2", dtype=dtype, kinds=kinds),
        numpy=numpy,
        samples=samples,
        tolerance=tolerance,
        inline_scalars=True,
    )(function)


def _shapes(**options: Any) -> list[Sample]:
    """Two float tensors that broadcast in several ways, and a tensor with a number."""
    return [
        case(t("n", 3, **options), t("n", 3, **options)),
        case(t("n", 1, 3, **options), t(4, 1, **options)),
        case(t(2, 3, **options), 1.5),
        case(t(3, dtype="float16", **options), t(dtype="float16", **options)),
    ]


def _integers(dtype: str = "int32", low: int = 1) -> list[Sample]:
    return [case(t("n", 3, dtype=dtype), t(3, dtype=dtype, low=low))]


_ANY = [
    *_shapes(),
    *_integers(),
    case(t(4, dtype="float64"), t(4, dtype="float64")),
    case(t("n", 3, dtype="bfloat16"), t(3, dtype="bfloat16")),
]
_NONZERO = [
    *_shapes(low=0.5, high=3.0),
    *_integers(),
    case(t(values=[7, -7, 7, -7], dtype="int32"), t(values=[3, 3, -3, -3], dtype="int32")),
    case(t(values=[7.5, -7.5, 7.5, -7.5]), t(values=[3, 3, -3, -3], dtype="float32")),
]


def _np_divide(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":
        quotient = np.floor_divide(np.abs(a), np.abs(b))
        return np.where((a < 0) == (b < 0), quotient, -quotient).astype(a.dtype)
    return np.divide(a, b)


def _np_floor_divide(a: Any, b: Any) -> Any:
    return np.floor_divide(a, b) if a.dtype.kind in "iu" else np.floor(np.divide(a, b))


def _np_floor_mod(a: Any, b: Any) -> Any:
    return np.mod(a, b) if a.dtype.kind in "iu" else a - np.floor(np.divide(a, b)) * b


def _np_power(a: Any, b: Any) -> Any:
    """Of integers to a negative power: the value rounded towards zero."""
    if a.dtype.kind not in "iu":
        return np.power(a, b)
    base, exponent = np.broadcast_arrays(a, b)
    found = [
        (int(x) ** int(y) if y >= 0 else (int(x) ** int(-y) if x in (1, -1) else 0))
        for x, y in zip(base.flat, exponent.flat, strict=True)
    ]
    return np.array(found, np.int64).reshape(base.shape).astype(a.dtype)


def _np_truth(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def reference(a: Any, b: Any) -> Any:
        return function(a != 0, b != 0)

    return reference


add = _binary("add", np.add, "The sum.", _ANY)
subtract = _binary("subtract", np.subtract, "The difference.", _ANY)
multiply = _binary("multiply", np.multiply, "The product.", _ANY)
divide = _binary("divide", _np_divide, "The quotient; of integers rounded towards zero.", _NONZERO)
floor_divide = _binary("floor_divide", _np_floor_divide, "The quotient, rounded down.", _NONZERO)
mod = _binary("mod", np.fmod, "The remainder with the sign of `x1`.", _NONZERO)
floor_mod = _binary(
    "floor_mod", _np_floor_mod, "The remainder with the sign of `x2`.", _NONZERO, NUMBERS, None,
    "reduction",
)  # fmt: skip
power = _binary(
    "power", _np_power, "`x1` to the power of `x2`.",
    [*_shapes(low=0.5, high=2.0), *_integers(low=0), *_integers(low=-2)],
    NUMBERS, None, "math",
)  # fmt: skip
maximum = _binary("maximum", np.maximum, "The larger one.", _ANY, (*NUMBERS, "bool"), None, "exact")
minimum = _binary(
    "minimum", np.minimum, "The smaller one.", _ANY, (*NUMBERS, "bool"), None, "exact"
)
log_add_exp = _binary(
    "log_add_exp", np.logaddexp, "log(exp(x1) + exp(x2)), without overflow.",
    _shapes(), FLOATS, None, "math",
)  # fmt: skip
atan2 = _binary(
    "atan2", np.arctan2, "The angle of the point (x2, x1), in radians.",
    _shapes(), FLOATS, None, "math",
)  # fmt: skip
hypot = _binary("hypot", np.hypot, "sqrt(x1*x1 + x2*x2).", _shapes(), FLOATS, None, "math")
copysign = _binary(
    "copysign", np.copysign, "`x1` with the sign of `x2`.", _shapes(), FLOATS, None, "exact"
)
nextafter = _binary(
    "nextafter", np.nextafter, "The float after `x1` in the direction of `x2`.",
    [case(t("n", 3), t(3)), case(t(3, dtype="float64"), t(3, dtype="float64"))],
    FLOATS, None, "exact",
)  # fmt: skip

_COMPARED = [
    *_shapes(),
    case(t("n", 3, dtype="int32", low=0, high=3), t(3, dtype="int32", low=0, high=3)),
    case(t(values=[1.0, float("nan"), 2.0]), t(values=[1.0, float("nan"), 3.0])),
]
_COMPARABLE = (*NUMBERS, "bool")


def _comparison(name: str, numpy: Callable[[Any, Any], Any], doc: str) -> Build:
    return _binary(name, numpy, doc, _COMPARED, _COMPARABLE, "bool", "exact")


equal = _comparison("equal", np.equal, "Whether both are equal.")
not_equal = _comparison("not_equal", np.not_equal, "Whether both differ.")
greater = _comparison("greater", np.greater, "Whether `x1` is larger.")
greater_equal = _comparison("greater_equal", np.greater_equal, "Whether `x1` is not smaller.")
less = _comparison("less", np.less, "Whether `x1` is smaller.")
less_equal = _comparison("less_equal", np.less_equal, "Whether `x1` is not larger.")

_BOOLS = [
    case(t("n", 3, dtype="bool"), t(3, dtype="bool")),
    case(t(2, 1, dtype="bool"), t(4, dtype="bool")),
]
_INTEGER_SAMPLES = [
    case(t("n", 3, dtype="int32"), t(3, dtype="int32")),
    case(t(4, dtype="uint8"), t(4, dtype="uint8")),
    case(t(2, 2, dtype="int64"), 3),
]
_BIT_SAMPLES = [*_INTEGER_SAMPLES, *_BOOLS]
_SHIFTS = [
    case(t("n", 3, dtype="int32"), t(3, dtype="int32", low=0, high=5)),
    case(t(4, dtype="uint8"), t(4, dtype="uint8", low=0, high=8)),
]


def _logic(name: str, numpy: Callable[[Any, Any], Any], doc: str) -> Build:
    return _binary(name, _np_truth(numpy), doc, _BOOLS, ("bool",), "bool", "exact")


def _bitwise(
    name: str,
    numpy: Callable[[Any, Any], Any],
    doc: str,
    samples: Sequence[Sample] = _BIT_SAMPLES,
    kinds: tuple[str, ...] = BITS,
) -> Build:
    return _binary(name, numpy, doc, samples, kinds, None, "exact")


logical_and = _logic("logical_and", np.logical_and, "Whether both are true.")
logical_or = _logic("logical_or", np.logical_or, "Whether either is true.")
logical_xor = _logic("logical_xor", np.logical_xor, "Whether exactly one is true.")
bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "The bits that both have.")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "The bits that either has.")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "The bits that exactly one has.")
left_shift = _bitwise("left_shift", np.left_shift, "The bits moved up.", _SHIFTS, INTEGERS)
right_shift = _bitwise("right_shift", np.right_shift, "The bits moved down.", _SHIFTS, INTEGERS)

__all__ = [
    "add", "atan2", "bitwise_and", "bitwise_or", "bitwise_xor", "copysign", "divide", "equal",
    "floor_divide", "floor_mod", "greater", "greater_equal", "hypot", "left_shift", "less",
    "less_equal", "log_add_exp", "logical_and", "logical_or", "logical_xor", "maximum", "minimum",
    "mod", "multiply", "nextafter", "not_equal", "power", "right_shift", "subtract",
]  # fmt: skip
