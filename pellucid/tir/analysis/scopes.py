"""What is defined where: the scopes that the well-formedness checker walks through."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from pellucid.ir.scalar import Var
from pellucid.tir.buffer import Buffer


class Scopes:
    """Variables and buffers that are defined at the present place, and those that ever were."""

    def __init__(self) -> None:
        self.vars: set[Var] = set()
        self.buffers: set[Buffer] = set()
        # Pointers to memory that was allocated, or that an argument brings.
        self.memory: set[Var] = set()
        self.ever: set[Var | Buffer] = set()
        self.loop_vars: dict[Var, None] = {}
        # Loop variables that stand outside the present block, with that block's name.
        self.outside: dict[Var, str] = {}

    @contextmanager
    def inner(self) -> Generator[None]:
        """A scope: what is defined in it is unknown after it."""
        saved = (
            set(self.vars),
            set(self.buffers),
            set(self.memory),
            dict(self.loop_vars),
            dict(self.outside),
        )
        try:
            yield
        finally:
            self.vars, self.buffers, self.memory, self.loop_vars, self.outside = saved

    def enter_block(self, name: str) -> None:
        """Loop variables around a block with iteration variables may not be used in it."""
        for var in self.loop_vars:
            self.outside.setdefault(var, name)
        self.loop_vars.clear()
