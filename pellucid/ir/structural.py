"""Comparing and hashing programs by structure, up to the names of bound variables
(alpha-equivalence).

Two nodes are structurally equal when their classes agree and every field does: children
recursively, data by value, meta fields not at all. A variable that a *binder* field defines on the
left is paired with the one that the same field defines on the right; used variables must be paired
with each other, or be the same object when they are free. With `map_free_vars=True` free variables
are paired at their first use.
"""

from __future__ import annotations

from typing import Any, cast

from pellucid.ir.node import Field, Map, Node, Role, fields_of
from pellucid.support.recursion import allow_deep_recursion

_plans: dict[type[Node], list[Field]] = {}


def _plan(cls: type[Node]) -> list[Field]:
    """The fields of a class that count, in visiting order."""
    plan = _plans.get(cls)
    if plan is None:
        by_name = {field.name: field for field in fields_of(cls)}
        order = cls.visit_order or tuple(by_name)
        plan = [by_name[n] for n in order if by_name[n].role not in (Role.META, Role.DERIVED)]
        _plans[cls] = plan
    return plan


class _Comparison:
    """One comparison: the pairing of variables so far, and the path to the first difference."""

    def __init__(self, map_free_vars: bool) -> None:
        self.map_free_vars = map_free_vars
        self.left: dict[Node, Node] = {}
        self.right: dict[Node, Node] = {}
        # Pairs made by a use, that a definition has to confirm (a closure that calls itself is used
        # before it is defined).
        self.owed: dict[Node, Node] = {}
        self.path: list[str] = []
        self.pair: tuple[Any, Any] | None = None

    def differ(self, a: Any, b: Any) -> bool:
        """Note the first difference."""
        if self.pair is None:
            self.pair = (a, b)
        return False

    def same(self, a: Any, b: Any, define: bool) -> bool:
        """Compare two field values (nodes, tuples, maps, plain data)."""
        if isinstance(a, Node):
            if type(a) is not type(b):
                return self.differ(a, b)
            return self.variable(a, b, define) if a.is_variable else self.fields(a, b, define)
        if isinstance(a, tuple):
            return self.sequence(cast("tuple[Any, ...]", a), b, define)
        if isinstance(a, Map):
            return self.mapping(a, b, define)
        return self.plain(a, b)

    def plain(self, a: Any, b: Any) -> bool:
        """Compare plain data; 1, True and 1.0 are different."""
        if type(a) is type(b) and (a is b or a == b):
            return True
        return self.differ(a, b)

    def sequence(self, a: tuple[Any, ...], b: Any, define: bool) -> bool:
        """Compare tuples element by element."""
        if not isinstance(b, tuple) or len(a) != len(cast("tuple[Any, ...]", b)):
            return self.differ(a, b)
        for index, (x, y) in enumerate(zip(a, cast("tuple[Any, ...]", b), strict=True)):
            equal = self.definition(x, y) if define else self.same(x, y, False)
            if not equal:
                self.path.append(f"[{index}]")
                return False
        return True

    def mapping(self, a: Map, b: Any, define: bool) -> bool:
        """Compare maps entry by entry, in order."""
        if not isinstance(b, Map) or len(a) != len(b):
            return self.differ(a, b)
        for (k, x), (m, y) in zip(a.items(), b.items(), strict=True):
            if not (
                self.same(k, m, False)
                and (self.definition(x, y) if define else self.same(x, y, False))
            ):
                self.path.append(f"[{k!r}]")
                return False
        return True

    def definition(self, a: Any, b: Any) -> bool:
        """Compare what stands in a binder field: a variable is paired anew, anything else is
        looked through.
        """
        if isinstance(a, Node) and a.is_variable:
            if type(a) is not type(b) or not self.fields(a, b, True):
                return self.differ(a, b)
            if self.owed.pop(a, b) is not b:
                return self.differ(a, b)
            self.left[a], self.right[b] = b, a
            return True
        return self.same(a, b, True)

    def variable(self, a: Node, b: Node, define: bool) -> bool:
        """Compare used variables: paired ones, the same one, or a pair that a definition is to
        confirm. Within a binder field a use defines; a buffer is known by its parts.
        """
        paired = self.left.get(a)
        if paired is not None or b in self.right:
            if define:
                self.owed.pop(a, None)
            return True if paired is b else self.differ(a, b)
        if a is b and not define and not self.map_free_vars:
            return True
        if not self.fields(a, b, define):
            return False
        self.left[a], self.right[b] = b, a
        if not (define or self.map_free_vars or _is_known_by_parts(type(a))):
            self.owed[a] = b
        return True

    def run(self, a: Any, b: Any) -> bool:
        """Compare two programs; a pair that no definition confirmed is a difference."""
        if not self.same(_content(a), _content(b), False):
            return False
        return all(self.differ(x, y) for x, y in self.owed.items())

    def fields(self, a: Node, b: Node, define: bool) -> bool:
        """Compare two nodes of one class field by field."""
        for field in _plan(type(a)):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if field.key:
                x, y = field.key(x), field.key(y)
            if field.role is Role.DATA:
                equal = self.plain(x, y)
            elif field.role is Role.BINDER:
                equal = self.definition(x, y)
            else:
                equal = self.same(x, y, define)
            if not equal:
                self.path.append(f".{field.name}")
                return False
        return True


def _is_known_by_parts(cls: type[Node]) -> bool:
    """Whether a variable of this class is determined by its children, as a buffer by its pointer
    and shape.
    """
    return any(field.role is Role.CHILD for field in _plan(cls))


def _content(value: Any) -> Any:
    """A module compares by its contents; everything else as it is."""
    comparable = getattr(value, "structural_content", None)
    return value if comparable is None else comparable()


def structural_equal(a: Any, b: Any, map_free_vars: bool = False) -> bool:
    """Whether two nodes, functions or modules are the same program up to names of bound
    variables.
    """
    allow_deep_recursion()
    return _Comparison(map_free_vars).run(a, b)


def first_difference(a: Any, b: Any, map_free_vars: bool = False) -> tuple[str, Any, Any] | None:
    """Where two programs first differ: (path of fields, left part, right part); None when they
    are equal.
    """
    allow_deep_recursion()
    comparison = _Comparison(map_free_vars)
    if comparison.run(a, b):
        return None
    left, right = comparison.pair or (a, b)
    return "".join(reversed(comparison.path)) or ".", left, right


def assert_structural_equal(a: Any, b: Any, map_free_vars: bool = False) -> None:
    """Raise a ValueError that shows the first difference when two programs differ."""
    found = first_difference(a, b, map_free_vars)
    if found is None:
        return
    path, left, right = found
    raise ValueError(
        f"The two programs differ at {path}:\n  left:  {left!r}\n  right: {right!r}"
        f"\n--- left\n{_text(a)}\n--- right\n{_text(b)}"
    )


def _text(value: Any) -> str:
    script = getattr(value, "script", None)
    return script() if script is not None else repr(value)


class _Hasher:
    """Hashes a program: a bound variable by the number of its definition, a free one by identity
    or first use.
    """

    def __init__(self, map_free_vars: bool) -> None:
        self.map_free_vars = map_free_vars
        self.numbers: dict[Node, int] = {}
        # How many definitions there were; a variable that is defined again gets a new number.
        self.definitions = 0

    def number(self, variable: Node) -> None:
        """Give a variable that is defined here the next number."""
        self.numbers[variable] = self.definitions
        self.definitions += 1

    def value(self, value: Any, define: bool) -> int:
        if isinstance(value, Node):
            return self.variable(value, define) if value.is_variable else self.fields(value, define)
        if isinstance(value, tuple):
            parts = cast("tuple[Any, ...]", value)
            return hash(
                tuple([self.definition(p) if define else self.value(p, False) for p in parts])
            )
        if isinstance(value, Map):
            return hash(
                tuple(
                    [self.definition(p) if define else self.value(p, False) for p in value.values()]
                )
            )
        return self.plain(value)

    def plain(self, value: Any) -> int:
        try:
            return hash((type(value).__name__, value))
        except TypeError:
            return hash(repr(value))

    def definition(self, value: Any) -> int:
        if isinstance(value, Node) and value.is_variable:
            content = self.fields(value, True)
            self.number(value)
            return hash(("define", content))
        return self.value(value, True)

    def variable(self, value: Node, define: bool) -> int:
        number = self.numbers.get(value)
        if number is not None:
            return hash(("bound", number))
        if define or self.map_free_vars:
            content = self.fields(value, define)
            self.number(value)
            return hash(("first use", content))
        return hash(("free", id(value)))

    def fields(self, value: Node, define: bool) -> int:
        parts: list[Any] = [type(value).__name__]
        for field in _plan(type(value)):
            content = getattr(value, field.name)
            if field.key:
                content = field.key(content)
            if field.role is Role.DATA:
                parts.append(self.plain(content))
            elif field.role is Role.BINDER:
                parts.append(self.definition(content))
            else:
                parts.append(self.value(content, define))
        return hash(tuple(parts))


def structural_hash(value: Any, map_free_vars: bool = False) -> int:
    """A hash that structurally equal programs share (within one process)."""
    allow_deep_recursion()
    return _Hasher(map_free_vars).definition(_content(value))


class StructuralKey:
    """A node as part of a dictionary's key: compared and hashed by its structure."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __hash__(self) -> int:
        """Equal for nodes of equal structure."""
        return structural_hash(self.node)

    def __eq__(self, other: object) -> bool:
        """Whether the structures are equal."""
        return isinstance(other, StructuralKey) and structural_equal(self.node, other.node)
