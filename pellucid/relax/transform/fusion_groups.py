"""Which operators of a dataflow graph are computed together: grouping along post-dominators.

In: nodes in topological order, each with its pattern, and edges that say how the consumer depends
on what the edge carries. Out: the group of each node. A node belongs to exactly one group, so
nothing is computed twice; a group has at most one anchor (a node of `OUT_EWISE_FUSABLE`), and
exactly one of its nodes is needed outside: the last one, through which every path from the others
leads.

After Chen et al., "TVM: an automated end-to-end optimizing compiler for deep learning" (2018), §3,
in three phases: what is element-wise joins its consumers and anchors take what follows them;
injective nodes join injective ones; injective nodes join tuples that a group has taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pellucid.tir.analysis.op_pattern import OpPatternKind

PHASES = (0, 1, 2)


@dataclass(slots=True, eq=False)
class Node:
    """One binding: its pattern, whether its value is needed outside the graph, its consumers."""

    index: int
    pattern: OpPatternKind
    is_output: bool = False
    consumers: list[tuple[Node, OpPatternKind]] = field(
        default_factory=list["tuple[Node, OpPatternKind]"]
    )


@dataclass(slots=True, eq=False)
class _Group:
    """A set of nodes with a representative; `parent` leads to it."""

    pattern: OpPatternKind
    size: int = 1
    parent: _Group | None = None

    def root(self) -> _Group:
        """The representative."""
        group = self
        while group.parent is not None:
            group = group.parent
        return group


@dataclass(slots=True, eq=False)
class _Dominator:
    """The nearest node that all paths from a node lead through, and the worst edge on the way."""

    node: Node | None
    depth: int
    pattern: OpPatternKind


class Grouping:
    """The groups of a graph; `max_depth` is the largest number of nodes in one."""

    def __init__(self, nodes: list[Node], max_depth: int) -> None:
        self.nodes = nodes
        self.max_depth = max_depth
        self.groups = [_Group(node.pattern) for node in nodes]
        self.dominators = _post_dominators(nodes)
        for phase in PHASES:
            for node in nodes:
                self.try_to_fuse(node, phase)

    def group_of(self, node: Node) -> object:
        """What identifies the group of a node."""
        return self.groups[node.index].root()

    def try_to_fuse(self, node: Node, phase: int) -> None:
        """Join a node with its post-dominator, and all that lies between, where that is allowed."""
        group = self.groups[node.index]
        dominator = self.dominators[node.index]
        sink = dominator.node
        if group.pattern == OpPatternKind.OPAQUE or sink is None:
            return
        target = self.groups[sink.index].root()
        roots = {self.groups[each.index].root() for each in (node, *_between(node, sink))}
        if sum(each.size for each in roots) > self.max_depth:
            return
        if phase == 2:
            self.into_tuple(node, sink)
            return
        if group.root() is target or self.groups[sink.index].pattern == OpPatternKind.TUPLE:
            return
        condition = _condition(group.pattern, dominator.pattern, phase)
        if condition is not None and self.path_allows(node, sink, condition):
            self.join(node, sink)

    def into_tuple(self, node: Node, sink: Node) -> None:
        """Join an injective node with a tuple that an injective group has taken in."""
        target = self.groups[sink.index].root()
        inner = self.groups[sink.index].pattern == OpPatternKind.TUPLE
        injective = self.groups[node.index].pattern <= OpPatternKind.INJECTIVE
        if (
            injective
            and inner
            and target.pattern <= OpPatternKind.INJECTIVE
            and self.groups[node.index].root() is not target
            and self.path_allows(node, sink, _injective)
        ):
            self.join(node, sink)

    def path_allows(self, node: Node, sink: Node, condition: _Condition) -> bool:
        """Whether the condition holds of the nodes on the paths to `sink`, this one included."""
        return all(
            condition(self.groups[each.index].root().pattern, each is sink)
            for each in _between(node, sink)
        )

    def join(self, node: Node, sink: Node) -> None:
        """Make `node` and all on the paths to `sink` one group."""
        target = self.groups[sink.index].root()
        for each in (node, *_between(node, sink)):
            group = self.groups[each.index].root()
            if group is target:
                continue
            target.size += group.size
            group.parent = target
            if group.pattern != OpPatternKind.TUPLE:
                target.pattern = max(target.pattern, group.pattern)


_Condition = Callable[[OpPatternKind, bool], bool]


def _injective(kind: OpPatternKind, is_sink: bool) -> bool:
    del is_sink
    return kind <= OpPatternKind.INJECTIVE


def _at_most_broadcast(kind: OpPatternKind, is_sink: bool) -> bool:
    del is_sink
    return kind <= OpPatternKind.BROADCAST


def _into_anything_known(kind: OpPatternKind, is_sink: bool) -> bool:
    return kind <= (OpPatternKind.OUT_EWISE_FUSABLE if is_sink else OpPatternKind.INJECTIVE)


def _condition(kind: OpPatternKind, way: OpPatternKind, phase: int) -> _Condition | None:
    """What the nodes up to the post-dominator have to be for a node of `kind` to join it; None if
    it may not. `way` is the worst edge on the paths.
    """
    if kind == OpPatternKind.OUT_EWISE_FUSABLE:
        follows = phase == 0 and way == OpPatternKind.ELEM_WISE
        return _at_most_broadcast if follows else None
    if kind <= OpPatternKind.BROADCAST:
        return _into_anything_known if way <= OpPatternKind.COMM_REDUCE else None
    if kind in (OpPatternKind.INJECTIVE, OpPatternKind.TUPLE):
        return _injective if phase == 1 else None
    return None


def _between(node: Node, sink: Node) -> list[Node]:
    """The nodes on the paths from `node` (left out) to `sink` (included)."""
    found: dict[Node, None] = {}
    todo = [each for each, _ in node.consumers]
    while todo:
        each = todo.pop()
        if each in found:
            continue
        found[each] = None
        if each is not sink:
            todo.extend(consumer for consumer, _ in each.consumers)
    return list(found)


def _post_dominators(nodes: list[Node]) -> list[_Dominator]:
    """The nearest post-dominator of each node; none for what is needed outside."""
    found: list[_Dominator] = [_Dominator(None, 1, OpPatternKind.OPAQUE) for _ in nodes]
    for node in reversed(nodes):
        if node.is_output or not node.consumers:
            continue
        parent: Node | None = node.consumers[0][0]
        pattern = OpPatternKind.ELEM_WISE
        for consumer, edge in node.consumers:
            parent, way = _common(parent, consumer, found)
            pattern = max(pattern, edge, way)
        depth = 1 if parent is None else found[parent.index].depth + 1
        found[node.index] = _Dominator(parent, depth, pattern)
    return found


def _common(
    a: Node | None, b: Node | None, tree: list[_Dominator]
) -> tuple[Node | None, OpPatternKind]:
    """The nearest common ancestor in the tree so far, and the worst edge up to it."""
    pattern = OpPatternKind.ELEM_WISE
    while a is not b:
        if a is None or b is None:
            return None, OpPatternKind.OPAQUE
        deeper_a = tree[a.index].depth >= tree[b.index].depth
        deeper_b = tree[b.index].depth >= tree[a.index].depth
        if deeper_a:
            pattern = max(pattern, tree[a.index].pattern)
            a = tree[a.index].node
        if deeper_b:
            pattern = max(pattern, tree[b.index].pattern)
            b = tree[b.index].node
    return a, pattern


__all__ = ["Grouping", "Node"]
