"""Walking and rebuilding trees: `Visitor` and `Mutator`, and the small functions made from them.

A subclass defines `visit_<node>_` methods, named after the class in snake case with a trailing
underscore (`visit_for_`, `visit_buffer_store_`); a method for a base class (`visit_binary_op_`)
serves all classes below it. A method whose name fits no node is refused when the class is defined.
What has no method gets the default: walk or rebuild the children. Variables are leaves where they
are used; where they are defined, `visit_definition` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pellucid.ir.node import Node, map_value, node_names
from pellucid.support.errors import PassError, did_you_mean
from pellucid.support.recursion import allow_deep_recursion

N = TypeVar("N", bound=Node)


class _Dispatch:
    """Finds the method for a node's class, once per visitor class and node class."""

    _methods: ClassVar[dict[type[Node], Callable[..., Any] | None]] = {}
    # Method names that are part of the visitor's own machinery rather than rules for a node.
    own_methods: ClassVar[frozenset[str]] = frozenset({"visit_definition_"})

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a method for a node that does not exist."""
        super().__init_subclass__(**options)
        cls._methods = {}
        for name in vars(cls):
            if not (name.startswith("visit_") and name.endswith("_")) or name in cls.own_methods:
                continue
            wanted = name[len("visit_") : -1]
            if wanted not in node_names:
                cure = did_you_mean(wanted, node_names)
                raise PassError(f"{cls.__name__}.{name} fits no node.", cure=cure)

    @classmethod
    def _method(cls, kind: type[Node]) -> Callable[..., Any] | None:
        try:
            return cls._methods[kind]
        except KeyError:
            found: Callable[..., Any] | None = None
            for base in kind.__mro__:
                name = getattr(base, "node_name", None)
                if name is not None and name != "node":
                    found = getattr(cls, f"visit_{name}_", None)
                if found is not None:
                    break
            cls._methods[kind] = found
            return found


class Visitor(_Dispatch):
    """Walks a tree. `visit(node)` calls the node's method, or walks its children."""

    def __init__(self) -> None:
        allow_deep_recursion()

    def visit(self, node: Any) -> Any:
        """Visit a node that stands in a child field."""
        method = self._method(node.__class__)
        if method is not None:
            return method(self, node)
        if not node.is_variable:
            return self.visit_default(node)
        return None

    def visit_default(self, node: Any) -> None:
        """Walk the children of a node."""
        node.walk(self.visit, self.visit_definition)

    def visit_definition(self, node: Any) -> Any:
        """Visit a node that stands in a binder field: what a variable carries (its shape, its
        info) is walked.
        """
        if node.is_variable:
            node.walk(self.visit, self.visit_definition)
            return None
        return self.visit(node)


class Mutator(_Dispatch):
    """Rebuilds a tree. `visit(node)` gives the new node; where nothing changes, the very same
    object.

    A definition that changes (a buffer whose shape is rewritten) is replaced by a new variable, and
    its uses follow.
    """

    def __init__(self) -> None:
        allow_deep_recursion()
        self.replaced: dict[Node, Any] = {}

    def visit(self, node: Any) -> Any:
        """The replacement of a node that stands in a child field."""
        method = self._method(node.__class__)
        if method is not None:
            return method(self, node)
        if node.is_variable:
            return self.replaced.get(node, node)
        return self.visit_default(node)

    def visit_default(self, node: Any) -> Any:
        """The node with its children replaced."""
        return node.map(self.visit, self.visit_definition)

    def visit_definition(self, node: Any) -> Any:
        """The replacement of a node that stands in a binder field."""
        if not node.is_variable:
            return self.visit(node)
        if node in self.replaced:
            return self.replaced[node]
        new = node.map(self.visit, self.visit_definition)
        if new is not node:
            self.replaced[node] = new
        return new

    def visit_all(self, value: Any) -> Any:
        """The replacement of a field's value: a node, or a tuple of nodes."""
        return map_value(value, self.visit)


def iter_children(node: Node) -> list[Any]:
    """The direct children and definitions of a node, in visiting order."""
    found: list[Any] = []
    node.walk(found.append, found.append)
    return found


def pre_order(node: Node) -> Iterator[Any]:
    """Every node of the tree, parents first; a variable's own fields only where it is defined."""
    stack: list[tuple[Any, bool]] = [(node, True)]
    while stack:
        current, defined = stack.pop()
        yield current
        if current.is_variable and not defined:
            continue
        stack.extend(reversed(_children_with_role(current)))


def _children_with_role(node: Node) -> list[tuple[Any, bool]]:
    """The direct children of a node, each with whether it stands in a binder field."""
    found: list[tuple[Any, bool]] = []

    def use(each: Any) -> None:
        found.append((each, False))

    def define(each: Any) -> None:
        found.append((each, True))

    node.walk(use, define)
    return found


def post_order_visit(node: Node, visit: Callable[[Any], None]) -> None:
    """Call `visit` on every node of the tree once, children first."""
    allow_deep_recursion()
    seen: set[int] = set()

    def go(current: Any, defined: bool) -> None:
        if id(current) in seen:
            return
        seen.add(id(current))
        if not current.is_variable or defined:
            current.walk(use, define)
        visit(current)

    def use(each: Any) -> None:
        go(each, False)

    def define(each: Any) -> None:
        go(each, True)

    go(node, True)


def uses_var(node: Node, predicate: Callable[[Any], bool]) -> bool:
    """Whether a variable for which `predicate` holds occurs in the tree."""
    return any(each.is_variable and predicate(each) for each in pre_order(node))


class _Substitution(Mutator):
    def __init__(self, mapping: Mapping[Any, Any]) -> None:
        super().__init__()
        self.replaced.update(mapping)


def substitute(node: Any, mapping: Mapping[Any, Any]) -> Any:
    """The tree (or a tuple of trees) with free variables replaced; the same object when none
    occurs.
    """
    if not mapping:
        return node
    return map_value(node, _Substitution(mapping).visit)
