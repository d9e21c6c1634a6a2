"""The variables that a function or fragment uses without defining them, in order of first use."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pellucid.ir.node import Node


class Uses:
    """What one walk over a tree finds out about its variables.

    `free` are used but not defined in the tree. `symbols` are those that a definition's own fields
    (a buffer's shape, a parameter's struct info) mention first, and so define. `counts` says how
    often each variable is used, by identity.
    """

    def __init__(self, node: Node) -> None:
        self.free: list[Any] = []
        self.symbols: list[Any] = []
        self.counts: Counter[int] = Counter()
        self._known: set[int] = set()
        self._seen: set[int] = set()
        node.walk(self._use, self._define)

    def _use(self, node: Any) -> None:
        if node.is_variable:
            self.counts[id(node)] += 1
            if id(node) not in self._known:
                self._known.add(id(node))
                self.free.append(node)
                node.walk(self._mention, self._define)
        elif id(node) not in self._seen:
            # A shared part is walked once: what it defines is known from then on.
            self._seen.add(id(node))
            node.walk(self._use, self._define)

    def _mention(self, node: Any) -> None:
        """Something inside a definition: a variable that is not known yet is defined by it."""
        if not node.is_variable:
            node.walk(self._mention, self._define)
            return
        self.counts[id(node)] += 1
        if id(node) not in self._known:
            self._known.add(id(node))
            self.symbols.append(node)
            node.walk(self._mention, self._define)

    def _define(self, node: Any) -> None:
        if node.is_variable:
            self._known.add(id(node))
            node.walk(self._mention, self._define)
        else:
            node.walk(self._mention, self._define)
