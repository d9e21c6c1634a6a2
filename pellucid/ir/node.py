"""The node machinery: immutable, slotted classes that declare the role of each field.

A node class lists its fields with a role each, and everything that walks, rebuilds, compares or
hashes trees follows from the roles; there are no hand-written tree walks. The roles:

- `child`: a node (or None), or a tuple of such, possibly nested: part of the tree.
- `binder`: the same, in the place where variables come into being (a loop's variable, a function's
  parameters). What
  stands here is *defined*; anywhere else a variable is *used*.
- `data`: a plain value (int, str, bool …), compared by value.
- `meta`: says nothing about meaning (names, places, tokens): ignored by comparison, kept by every
  rebuild.
- `derived`: computed from the other fields when the node is made.

Two steps make a class: the metaclass turns the annotations into slots (once: no second class as
with dataclasses), and the decorator `node` generates `__init__`, `walk` and `map`. Instances are
immutable; `==` and `hash` are identity.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, ClassVar, Literal, TypeVar, cast, dataclass_transform

from pellucid.support.errors import InternalError, UnsupportedError
from pellucid.support.span import Span


class Role(Enum):
    """What a field means to walking, rebuilding and comparing."""

    CHILD = "child"
    BINDER = "binder"
    DATA = "data"
    META = "meta"
    DERIVED = "derived"


_MISSING: Any = object()


class Field:
    """One field of a node class: its name, role, default, converter, and key for comparison."""

    __slots__ = ("compute", "converter", "default", "key", "kw_only", "name", "renewed", "role")

    def __init__(
        self,
        role: Role,
        default: Any = _MISSING,
        converter: Callable[[Any], Any] | None = None,
        key: Callable[[Any], Any] | None = None,
        kw_only: bool = False,
        compute: Callable[[Any], Any] | None = None,
        renewed: bool = False,
    ) -> None:
        self.name = ""
        self.role = role
        self.default = default
        self.converter = converter
        self.key = key
        self.kw_only = kw_only
        self.compute = compute
        self.renewed = renewed


def child(
    *,
    default: Any = _MISSING,
    converter: Callable[[Any], Any] | None = None,
    key: Callable[[Any], Any] | None = None,
    kw_only: bool = False,
) -> Any:
    """A node, None, or a tuple of nodes: part of the tree; `key` is as for `data`."""
    return Field(Role.CHILD, default, converter, key, kw_only)


def binder(
    *, default: Any = _MISSING, converter: Callable[[Any], Any] | None = None, kw_only: bool = False
) -> Any:
    """A place where variables are defined: a variable, a tuple of them, or nodes that hold some."""
    return Field(Role.BINDER, default, converter, kw_only=kw_only)


def data(
    *,
    default: Any = _MISSING,
    converter: Callable[[Any], Any] | None = None,
    key: Callable[[Any], Any] | None = None,
    kw_only: bool = False,
) -> Any:
    """A plain value; `key(value)` is what comparison and hashing look at, if given."""
    return Field(Role.DATA, default, converter, key, kw_only)


def meta(
    *,
    default: Any = _MISSING,
    converter: Callable[[Any], Any] | None = None,
    kw_only: bool = False,
    renewed: bool = False,
) -> Any:
    """A value without meaning for the program, such as a name or a place.

    `renewed`: it was found out from the other fields, so a rebuild that changes those starts again
    from the default.
    """
    return Field(Role.META, default, converter, kw_only=kw_only, renewed=renewed)


def derived(compute: Callable[[Any], Any], *, init: Literal[False] = False) -> Any:
    """A value computed from the node's other fields when it is made."""
    del init
    return Field(Role.DERIVED, compute=compute)


class Map(Mapping[Any, Any]):
    """An immutable mapping from nodes (by identity) or strings to values, in order of insertion."""

    __slots__ = ("_table",)

    def __init__(self, entries: Mapping[Any, Any] | None = None) -> None:
        self._table = dict(entries or {})

    def __getitem__(self, key: Any) -> Any:
        """The value under `key`."""
        return self._table[key]

    def __iter__(self) -> Iterator[Any]:
        """The keys, in order of insertion."""
        return iter(self._table)

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self._table)

    def __repr__(self) -> str:
        """As a dict."""
        return repr(self._table)


def walk_value(value: Any, visit: Callable[[Any], Any]) -> None:
    """Call `visit` on each node in a field's value (a node, None, a tuple or `Map` of such, or
    plain data).
    """
    if isinstance(value, Node):
        visit(value)
    elif isinstance(value, tuple):
        for each in cast("tuple[Any, ...]", value):
            walk_value(each, visit)
    elif isinstance(value, Map):
        for each in value.values():
            walk_value(each, visit)


def map_value(value: Any, visit: Callable[[Any], Any]) -> Any:
    """A field's value with each node replaced by `visit(node)`; the same object when nothing
    changed.
    """
    if isinstance(value, Node):
        return visit(value)
    if isinstance(value, tuple):
        old = cast("tuple[Any, ...]", value)
        new = tuple([map_value(each, visit) for each in old])
        return old if all(a is b for a, b in zip(old, new, strict=True)) else new
    if isinstance(value, Map):
        table = {key: map_value(each, visit) for key, each in value.items()}
        return value if all(table[key] is value[key] for key in table) else Map(table)
    return value


def snake_name(class_name: str) -> str:
    """`DataflowBlock` → `dataflow_block`, `EQ` → `eq`, `SeqExpr` → `seq_expr`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name)
    return spaced.lower()


@dataclass_transform(
    eq_default=False,
    frozen_default=True,
    field_specifiers=(child, binder, data, meta, derived),
)
class NodeMeta(type):
    """Turns the annotated fields of a class body into slots before the class is made."""

    def __new__(
        mcls: type[NodeMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any]
    ) -> NodeMeta:
        """Collect the fields, inherit those of the bases, and create the class with `__slots__`."""
        own: list[Field] = []
        for key, annotation in namespace.get("__annotations__", {}).items():
            if str(annotation).startswith("ClassVar"):
                continue
            field = namespace.pop(key, None)
            if not isinstance(field, Field):
                raise InternalError(
                    f"{name}.{key} has no role: give it child(), data() … as value."
                )
            field.name = key
            own.append(field)
        inherited: dict[str, Field] = {
            each.name: each for base in bases for each in getattr(base, "_fields", ())
        }
        root = () if inherited else ("__weakref__",)
        namespace.setdefault("__slots__", (*root, *(field.name for field in own)))
        # A field declared again replaces the inherited one in its position, as in dataclasses.
        namespace["_fields"] = tuple({**inherited, **{each.name: each for each in own}}.values())
        return super().__new__(mcls, name, bases, namespace)


class Node(metaclass=NodeMeta):
    """Base of everything in the two IR levels: immutable, compared and hashed by identity."""

    # Field names in the order in which comparison and walking go; the declared order unless a class
    # says otherwise.
    visit_order: ClassVar[tuple[str, ...] | None] = None
    # A variable is compared by what it is bound to, and is a leaf wherever it is used.
    is_variable: ClassVar[bool] = False
    _fields: ClassVar[tuple[Field, ...]]
    node_name: ClassVar[str] = "node"

    span: Span | None = meta(default=None, kw_only=True)

    def walk(self, use: Callable[[Any], Any], define: Callable[[Any], Any]) -> None:
        """Call `use` on each child node and `define` on each node in a binder field, in visiting
        order.
        """
        raise InternalError(f"{type(self).__name__} lacks the decorator @node.")

    def map(self, use: Callable[[Any], Any], define: Callable[[Any], Any]) -> Any:
        """This node with children and binders replaced; the very same object when nothing
        changed.
        """
        raise InternalError(f"{type(self).__name__} lacks the decorator @node.")

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed (converters and checks run as in the constructor)."""
        stale = any(field.name in changes and field.role is not Role.META for field in self._fields)
        values = {
            field.name: changes.pop(
                field.name,
                field.default if field.renewed and stale else getattr(self, field.name),
            )
            for field in self._fields
            if field.role is not Role.DERIVED
        }
        if changes:
            raise InternalError(f"{type(self).__name__} has no field {next(iter(changes))!r}.")
        return type(self)(**values)

    def _init(self, name: str, value: Any) -> None:
        """Set a slot; only for `__post_init__`, while the node is still being made."""
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Nodes are immutable."""
        raise AttributeError(
            f"{type(self).__name__} is immutable: {name!r} cannot be set; "
            f"use node.replace({name}=...)."
        )

    def __delattr__(self, name: str) -> None:
        """Nodes are immutable."""
        raise AttributeError(f"{type(self).__name__} is immutable: {name!r} cannot be deleted.")

    def __copy__(self) -> Any:
        """This node: nothing of it can change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """This node: nothing of it can change, and a copied variable would be another one."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Nodes are not pickled: each variable is an object, known by its identity."""
        raise UnsupportedError(
            f"A {type(self).__name__} cannot be pickled.",
            cure="keep the text, mod.script(show_meta=True), and read it with "
            "pellucid.script.from_source",
        )

    def __repr__(self) -> str:
        """The script fragment of this node, bounded in length."""
        return repr_of(self)

    def same_as(self, other: object) -> bool:
        """Whether `other` is this very object."""
        return self is other


def _plain_repr(value: Node) -> str:
    return f"<{type(value).__name__}>"


# How nodes show themselves: `ir.function` replaces this by the printer's hook.
_repr: list[Callable[[Any], str]] = [_plain_repr]


def repr_of(value: Node) -> str:
    """The representation of a node, by the printer if there is one."""
    return _repr[0](value)


def set_repr(function: Callable[[Any], str]) -> None:
    """Choose how nodes show themselves."""
    _repr[0] = function


N = TypeVar("N", bound=Node)
node_classes: dict[str, type[Node]] = {}
node_names: set[str] = {"node"}


def _init_source(fields: list[Field], has_post_init: bool, scope: dict[str, Any]) -> str:
    """The text of `__init__`: converters, then stores through slot descriptors, then derived
    fields.
    """
    positional: list[str] = []
    keywords: list[str] = []
    body: list[str] = []
    for field in fields:
        name = field.name
        if field.role is Role.DERIVED:
            continue
        default = ""
        if field.default is not _MISSING:
            scope[f"_default_{name}"] = field.default
            default = f"=_default_{name}"
        (keywords if field.kw_only else positional).append(f"{name}{default}")
        value = name
        if field.converter is not None:
            scope[f"_convert_{name}"] = field.converter
            value = f"_convert_{name}({name})"
        body.append(f"    _store_{name}(self, {value})")
    if has_post_init:
        body.append("    self.__post_init__()")
    for field in fields:
        if field.role is Role.DERIVED:
            scope[f"_compute_{field.name}"] = field.compute
            body.append(f"    _store_{field.name}(self, _compute_{field.name}(self))")
    star = ["*", *keywords] if keywords else []
    return f"def __init__({', '.join(['self', *positional, *star])}):\n" + "\n".join(body)


def _walk_source(fields: list[Field]) -> str:
    """The text of `walk`."""
    body = [
        f"    _walk_value(self.{field.name}, {'use' if field.role is Role.CHILD else 'define'})"
        for field in fields
        if field.role in (Role.CHILD, Role.BINDER)
    ]
    return "def walk(self, use, define):\n" + "\n".join(body or ["    return None"])


def _map_source(visited: list[Field], fields: list[Field]) -> str:
    """The text of `map`: rebuild only when a child became another object."""
    changing = [f for f in visited if f.role in (Role.CHILD, Role.BINDER)]
    if not changing:
        return "def map(self, use, define):\n    return self"
    body: list[str] = []
    for field in changing:
        function = "use" if field.role is Role.CHILD else "define"
        body.append(f"    _old_{field.name} = self.{field.name}")
        body.append(f"    {field.name} = _map_value(_old_{field.name}, {function})")
    test = " and ".join(f"{field.name} is _old_{field.name}" for field in changing)
    body.append(f"    if {test}:\n        return self")
    names = {field.name for field in changing}
    values = [
        f"{field.name}={field.name if field.name in names else 'self.' + field.name}"
        for field in fields
        if field.role is not Role.DERIVED and not field.renewed
    ]
    body.append(f"    return self.__class__({', '.join(values)})")
    return "def map(self, use, define):\n" + "\n".join(body)


def node(cls: type[N]) -> type[N]:
    """Finish a node class: generate `__init__`, `walk` and `map` from the roles, and enter it in
    the table.
    """
    fields = list(cls._fields)  # pyright: ignore[reportPrivateUsage]
    by_name = {field.name: field for field in fields}
    order = cls.visit_order or tuple(by_name)
    visited = [by_name[name] for name in order]
    scope: dict[str, Any] = {"_walk_value": walk_value, "_map_value": map_value}
    for field in fields:
        scope[f"_store_{field.name}"] = getattr(cls, field.name).__set__
    sources = {
        "__init__": _init_source(fields, hasattr(cls, "__post_init__"), scope),
        "walk": _walk_source(visited),
        "map": _map_source(visited, fields),
    }
    for name, source in sources.items():
        if name in cls.__dict__ or _inherits(cls, name):
            continue
        exec(source, scope)  # the text is generated above from field names alone
        function = scope[name]
        function.__qualname__ = f"{cls.__qualname__}.{name}"
        function.__module__ = cls.__module__
        function.generated = True
        setattr(cls, name, function)
    cls.node_name = snake_name(cls.__name__)
    node_names.add(cls.node_name)
    node_classes[f"{cls.__module__}.{cls.__name__}"] = cls
    return cls


def _inherits(cls: type[Node], name: str) -> bool:
    """Whether a class without fields of its own takes over a method that its base wrote by hand."""
    if inspect.get_annotations(cls):
        return False
    method = getattr(cls, name)
    return not getattr(method, "generated", False) and any(
        name in base.__dict__ for base in cls.__mro__[1:] if base not in (Node, object)
    )


def fields_of(cls: type[Node]) -> tuple[Field, ...]:
    """The fields of a node class, inherited ones first."""
    return cls._fields  # pyright: ignore[reportPrivateUsage]
