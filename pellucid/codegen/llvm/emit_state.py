"""The state of emitting one LLVM function from part of a loop function.

In: a function builder and what is shared by the whole loop function (`Shared`). The classes in
`emit_expr`, `emit_access`, `emit_call` and `emit_stmt` build on `State` and add what they emit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pellucid.codegen.llvm.emit_failure import fail
from pellucid.codegen.llvm.text import Block, Function, Module
from pellucid.codegen.llvm.value import Value
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import Var
from pellucid.runtime import abi
from pellucid.tir.function import PrimFunc
from pellucid.tir.transform.index_ranges import Ranges


@dataclass(slots=True)
class Binding:
    """A variable's value: in a register of its dtype, or (index variables) as i64 in `wide`.

    `depth` orders variables from the outermost to the innermost. `private` says that a pointer is
    known to alias no other pointer variable.
    """

    value: Value | None
    wide: Value | None
    depth: int
    private: bool = False


@dataclass(slots=True)
class Shared:
    """What all LLVM functions made from one loop function share.

    `name` is the function's name in messages and symbols. `functions` are the loop functions of the
    module, which it may call. `packed` are the packed functions it calls, in the order of its
    handle array. `parallel` counts the outlined loops, and `return_dtype` is that of the value
    which the body leaves ("" for none). `cycle` names the functions that call this one and are
    called by it, itself among them, when it is recursive.
    """

    module: Module
    name: str
    functions: Mapping[str, PrimFunc] = field(default_factory=dict[str, PrimFunc])
    ranges: Ranges = field(default_factory=Ranges)
    packed: list[str] = field(default_factory=list[str])
    parallel: int = 0
    return_dtype: str = ""
    stack_bytes: int = 0
    cycle: frozenset[str] = frozenset()


class State:
    """One LLVM function in the making: variables, caches, and what to free when it is left.

    The function returns an i32 status. `leave(status)` jumps to the code that frees what is live
    and returns.
    """

    def __init__(self, shared: Shared, function: Function) -> None:
        self.shared = shared
        self.f = function
        self.ranges = shared.ranges
        self.vars: dict[Var, Binding] = {}
        self.depth = 0
        self.copies = 1
        self.nonzero: set[PrimExpr] = set()
        # Memory on the stack of this very function, which nothing else can see.
        self.stack: set[Var] = set()
        # While a value is computed for a masked store: its mask. Other lanes do not matter.
        self.idle_without: PrimExpr | None = None
        self.in_parallel = False
        self.result: Value | None = None
        self.calls_around: Value | None = None
        self._caches: list[dict[object, Value]] = [{}]
        self._exits: list[Exit] = []
        self._status: Value | None = None
        self._last: Block | None = None

    @property
    def module(self) -> Module:
        """The module that the function is part of."""
        return self.shared.module

    # Variables

    def bind(self, var: Var, value: Value, *, private: bool = False) -> None:
        """Give a variable its value, in a register of its dtype."""
        self.depth += 1
        self.vars[var] = Binding(value, None, self.depth, private)

    def bind_wide(self, var: Var, value: Value) -> None:
        """Give an integer variable its value as an i64."""
        self.depth += 1
        self.vars[var] = Binding(None, value, self.depth)

    # Values known in the present region of straight-line code

    @contextmanager
    def region(self) -> Generator[None]:
        """What is cached inside is forgotten behind it: it need not have been executed there."""
        self._caches.append({})
        nonzero = self.nonzero
        self.nonzero = set(nonzero)
        yield
        self.nonzero = nonzero
        self._caches.pop()

    def cached(self, key: object, make: Callable[[], Value]) -> Value:
        """The value under `key`, made at its first use in the present region."""
        for cache in self._caches:
            found = cache.get(key)
            if found is not None:
                return found
        value = make()
        self._caches[-1][key] = value
        return value

    # Leaving the function

    @contextmanager
    def on_exit(self, release: Callable[[], None]) -> Generator[None]:
        """`release` is emitted behind what is emitted inside, and on every way out of it."""
        exit_ = Exit(release)
        self._exits.append(exit_)
        yield
        self._exits.pop()
        if not self.f.ended:
            release()
        if exit_.block is None:
            return
        after = self.f.block("after")
        if not self.f.ended:
            self.f.branch(after)
        self.f.start(exit_.block)
        release()
        self.f.branch(self._exit_block())
        self.f.start(after)

    def _exit_block(self) -> Block:
        """Where to jump to leave the function from here."""
        if self._exits:
            innermost = self._exits[-1]
            if innermost.block is None:
                innermost.block = self.f.block("unwind")
            return innermost.block
        if self._last is None:
            self._last = self.f.block("leave")
        return self._last

    def leave(self, status: Value | int) -> None:
        """Leave the function with `status`, an i32 (0: fine, else an error is raised)."""
        if self._status is None:
            self._status = self.f.alloca("i32", 1, 4, "status")
        value = status if isinstance(status, Value) else self.f.iconst("i32", status)
        self.f.store(value, self._status, 4)
        self.f.branch(self._exit_block())

    def fail(self, kind: str, message: str) -> None:
        """Raise an error and leave."""
        fail(self.f, kind, message)
        self.leave(-1)

    def fail_unless(self, condition: Value, kind: str, message: str) -> None:
        """Raise an error and leave, unless the i1 `condition` holds."""
        if condition.name in ("true", "1"):
            return
        bad, good = self.f.block("fail"), self.f.block("fine")
        self.f.branch_if(condition, good, bad)
        self.f.start(bad)
        self.fail(kind, message)
        self.f.start(good)

    def pass_on(self, status: Value) -> None:
        """Leave with the status of a call that failed; go on when it is 0."""
        bad, good = self.f.block("failed"), self.f.block("went")
        self.f.branch_if(self.f.icmp("eq", status, 0), good, bad)
        self.f.start(bad)
        self.leave(status)
        self.f.start(good)

    def fail_run(self, message: str) -> None:
        """Stop the program with `message`."""
        self.fail(abi.RUN_ERROR, message)

    def finish(self) -> None:
        """End the function: status 0 where control comes to the end."""
        if not self.f.ended:
            self.f.ret(self.f.iconst("i32", 0))
        if self._last is not None and self._status is not None:
            self.f.start(self._last)
            self.f.ret(self.f.load("i32", self._status, 4))


@dataclass(slots=True)
class Exit:
    """Something to release when the function is left; `block` releases it and goes on leaving."""

    release: Callable[[], None]
    block: Block | None = None
