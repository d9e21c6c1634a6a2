"""Dimensions: integers, names, and small expression trees that are data (JSON), not code.

A `Dim` is an int, a name (a symbolic dimension), or a tuple whose first item is the operator:
`("add", ("var", "n"), ("const", 1))`. A bare name `"n"` and `("var", "n")` mean the same; so do `3`
and `("const", 3)`. In JSON the tuples are lists. All values are 64-bit integers; comparisons give 0
or 1. Signatures (`signature.py`) and plans (`plan.py`) are written with them, and the code
generator compiles them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

from pellucid.support.errors import ArtifactError, InternalError

Dim = int | str | tuple["Dim", ...]

BINARY: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "floormod": lambda a, b: a % b,
    "min": min,
    "max": max,
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "lt": lambda a, b: int(a < b),
    "le": lambda a, b: int(a <= b),
    "gt": lambda a, b: int(a > b),
    "ge": lambda a, b: int(a >= b),
    "and": lambda a, b: int(bool(a) and bool(b)),
    "or": lambda a, b: int(bool(a) or bool(b)),
}
UNARY: dict[str, Callable[[int], int]] = {"neg": lambda a: -a, "not": lambda a: int(not a)}

_SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "floordiv": "//",
    "floormod": "%",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "and": "and",
    "or": "or",
}

MAX_NODES = 4096
MAX_DEPTH = 200
_INT64 = range(-(2**63), 2**63)


def bare_name(dim: Dim) -> str | None:
    """The name, if `dim` is a bare symbolic dimension; else None."""
    if isinstance(dim, str):
        return dim
    if isinstance(dim, tuple) and dim[0] == "var":
        return str(dim[1])
    return None


def names(dim: Dim) -> Iterator[str]:
    """The names of the symbolic dimensions that `dim` uses, from left to right, with repeats."""
    name = bare_name(dim)
    if name is not None:
        yield name
    elif isinstance(dim, tuple) and dim[0] != "const":
        for operand in dim[1:]:
            yield from names(operand)


def evaluate(dim: Dim, bindings: Mapping[str, int]) -> int:
    """The value of `dim` where each name has the value that `bindings` gives.

    An unbound name is a defect of the plan (`InternalError`); division by zero raises
    `ZeroDivisionError`.
    """
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return _lookup(dim, bindings)
    operator = dim[0]
    if operator == "const":
        return cast("int", dim[1])
    if operator == "var":
        return _lookup(str(dim[1]), bindings)
    if operator == "select":
        return evaluate(dim[2] if evaluate(dim[1], bindings) else dim[3], bindings)
    if operator in UNARY:
        return UNARY[str(operator)](evaluate(dim[1], bindings))
    apply = BINARY[str(operator)]
    return apply(evaluate(dim[1], bindings), evaluate(dim[2], bindings))


def _lookup(name: str, bindings: Mapping[str, int]) -> int:
    value = bindings.get(name)
    if value is None:
        raise InternalError(f"the symbolic dimension {name!r} is used before it is bound")
    return value


def show(dim: Dim) -> str:
    """`dim` as Python text, such as `(n + 1) // 2`."""
    if isinstance(dim, (int, str)):
        return str(dim)
    operator = str(dim[0])
    if operator in ("const", "var"):
        return str(dim[1])
    operands = [show(each) for each in dim[1:]]
    if operator in _SIGNS:
        return f"({operands[0]} {_SIGNS[operator]} {operands[1]})"
    if operator == "neg":
        return f"-{operands[0]}"
    return f"{operator}({', '.join(operands)})"


def show_shape(shape: tuple[Dim, ...] | tuple[int, ...]) -> str:
    """A shape as a Python tuple: `(n, 784)`, `(n,)`, `()`."""
    inner = ", ".join(show(each) for each in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def to_json(dim: Dim) -> object:
    """`dim` with lists for tuples."""
    return [to_json(each) for each in dim] if isinstance(dim, tuple) else dim


def from_json(data: object, where: str = "dimension") -> Dim:
    """A `Dim` from parsed JSON; `ArtifactError` if it is not one, or has more than `MAX_NODES`
    nodes.
    """
    budget = [MAX_NODES]
    return _from_json(data, where, budget, 0)


def _from_json(data: object, where: str, budget: list[int], depth: int) -> Dim:
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise ArtifactError(
            f"The {where} is too large.",
            expected=f"at most {MAX_NODES} nodes, at most {MAX_DEPTH} deep",
        )
    if isinstance(data, bool) or not isinstance(data, (int, str, list)):
        raise _malformed(where, data)
    if isinstance(data, int):
        if data not in _INT64:
            raise _malformed(where, data)
        return data
    if isinstance(data, str):
        return data
    items = cast("list[object]", data)
    if not items or not isinstance(items[0], str):
        raise _malformed(where, items)
    operator = items[0]
    if operator == "const" and len(items) == 2 and type(items[1]) is int:
        return (operator, _from_json(items[1], where, budget, depth + 1))
    if operator == "var" and len(items) == 2 and isinstance(items[1], str):
        return (operator, items[1])
    count = _arity(operator)
    if count is None or len(items) != count + 1:
        raise _malformed(where, items)
    return (operator, *(_from_json(each, where, budget, depth + 1) for each in items[1:]))


def _arity(operator: str) -> int | None:
    if operator in BINARY:
        return 2
    if operator in UNARY:
        return 1
    return 3 if operator == "select" else None


def _malformed(where: str, data: object) -> ArtifactError:
    return ArtifactError(
        f"The {where} is not well formed.",
        expected='an integer, a name, or a list such as ["add", ["var", "n"], ["const", 1]]',
        found=repr(data)[:80],
    )
