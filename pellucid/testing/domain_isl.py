"""Proof that two versions of a function run the same block instances, by integer sets (`islpy`).

In: the domains of both versions. Out: nothing, or an `UnprovedError` that says what does not hold.
For each block the relation from iterations to instances is one to one in both versions, and has the
same range; for each pair of instances that touch the same element, one of them writing, the order
is the same in both. Exempt from the order are two terms of one reduction, where its combiner is
known to be associative and commutative. Iterations of a loop that is parallel, vectorized or bound
to threads count as unordered.

Needs the package `islpy` (extra `verify`). The work is limited by a number of operations.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any, cast

from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    Add,
    And,
    BinaryOp,
    Call,
    Cast,
    FloorDiv,
    FloorMod,
    IntImm,
    IterVar,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Sub,
    Var,
)
from pellucid.ir.visitor import pre_order
from pellucid.testing.domains import Domains, Leaf, UnprovedError
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.schedule.reducers import find_reduction
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.stmt import (
    BufferStore,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    LetStmt,
    SeqStmt,
    Stmt,
)

OPERATIONS = 2_000_000
UNORDERED = (ForKind.PARALLEL, ForKind.VECTORIZED, ForKind.THREAD_BINDING)
_INFIX: dict[type[PrimExpr], str] = {
    Add: "+",
    Sub: "-",
    EQ: "=",
    NE: "!=",
    LT: "<",
    LE: "<=",
    GT: ">",
    GE: ">=",
    And: "and",
    Or: "or",
}


def available() -> bool:
    """Whether `islpy` is installed."""
    return importlib.util.find_spec("islpy") is not None


def require_same_instances(before: Domains, after: Domains) -> None:
    """Refuse unless both versions run the same instances in a compatible order."""
    import islpy

    isl = cast("Any", islpy)
    try:
        _Proof(isl, before, after).run()
    except isl.Error as error:
        raise UnprovedError(f"integer sets gave up: {str(error).splitlines()[0]}") from None


class _Names:
    """The names of variables in the language of integer sets."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}

    def of(self, var: Any, letter: str = "p") -> str:
        """The name of a variable; the first use decides about the letter."""
        return self.names.setdefault(var, f"{letter}{len(self.names)}")


def text_of(expr: PrimExpr, names: _Names) -> str:
    """An affine expression or condition as text; raises `UnprovedError` for anything else."""
    if isinstance(expr, IntImm):
        if expr.dtype.is_bool:
            return "1 = 1" if expr.value else "1 = 0"
        return str(expr.value)
    if isinstance(expr, Var):
        if not expr.dtype.is_integer:
            raise UnprovedError(f"the variable {expr.name!r} is no integer")
        return names.of(expr)
    if isinstance(expr, Cast) and expr.dtype.is_integer and expr.value.dtype.is_integer:
        return text_of(expr.value, names)
    if isinstance(expr, Not):
        return f"(not ({text_of(expr.a, names)}))"
    if isinstance(expr, Call) and getattr(expr.op, "name", "") == "tir.likely":
        return text_of(expr.args[0], names)
    if isinstance(expr, BinaryOp):
        found = _binary(expr, names)
        if found is not None:
            return found
    raise UnprovedError(f"{expr!r} is not affine")


def _binary(expr: BinaryOp, names: _Names) -> str | None:
    kind = type(expr)
    sign = _INFIX.get(kind)
    if isinstance(expr, EQ | NE) and expr.a.dtype.is_bool:
        return None
    if sign is not None:
        return f"({text_of(expr.a, names)} {sign} {text_of(expr.b, names)})"
    if isinstance(expr, Mul):
        for factor, other in ((expr.a, expr.b), (expr.b, expr.a)):
            if isinstance(factor, IntImm):
                return f"({factor.value}*({text_of(other, names)}))"
        return None
    if isinstance(expr, Min | Max):
        word = "min" if isinstance(expr, Min) else "max"
        return f"{word}({text_of(expr.a, names)}, {text_of(expr.b, names)})"
    if isinstance(expr, FloorDiv | FloorMod) and isinstance(expr.b, IntImm) and expr.b.value > 0:
        inner = text_of(expr.a, names)
        if isinstance(expr, FloorDiv):
            return f"floor(({inner})/{expr.b.value})"
        return f"(({inner}) mod {expr.b.value})"
    return None


class _Version:
    """One version of the function: for each block the relations from its iterations."""

    def __init__(self, proof: _Proof, domains: Domains, letter: str) -> None:
        self.proof = proof
        self.domains = domains
        self.length = max((len(leaf.order) for leaf in domains.leaves.values()), default=0)
        self.instances: dict[Any, Any] = {}
        self.times: dict[Any, Any] = {}
        for position, (token, leaf) in enumerate(domains.leaves.items()):
            self.read(token, leaf, f"{letter}{position}")

    def read(self, token: Any, leaf: Leaf, name: str) -> None:
        """The map from instances to times of one block."""
        names = self.proof.names
        loops = [names.of(loop.loop_var, "l") for loop in leaf.loops]
        holds: list[str] = []
        for var, loop in zip(loops, leaf.loops, strict=True):
            low, extent = text_of(loop.min, names), text_of(loop.extent, names)
            holds.append(f"{low} <= {var} and {var} < {low} + {extent}")
        holds += [text_of(each, names) for each in leaf.conditions]
        values = ", ".join(text_of(each, names) for each in leaf.values)
        order = [
            names.of(each.loop_var, "l") if isinstance(each, For) else str(each)
            for each in leaf.order
        ]
        order += ["0"] * (self.length - len(order))
        iteration = f"{name}[{', '.join(loops)}]"
        condition = " and ".join(holds) or "1 = 1"
        block = self.proof.block_name(token)
        instance = self.proof.map(f"{iteration} -> {block}[{values}] : {condition}")
        time = self.proof.map(f"{iteration} -> [{', '.join(order)}] : {condition}")
        if not instance.is_injective():
            raise UnprovedError(f"instances of the block {leaf.block.name_hint!r} run repeatedly")
        self.instances[token] = instance.range()
        self.times[token] = instance.reverse().apply_range(time)

    def earlier(self, one: Any, other: Any) -> Any:
        """Pairs of instances of two blocks, the first of which runs before the second."""
        return self.times[one].lex_lt_map(self.times[other])

    def unordered(self, one: Any, other: Any) -> Any | None:
        """Pairs of instances in different iterations of a loop that has no order."""
        shared: list[For] = []
        found: Any = None
        orders = [self.domains.leaves[each].order for each in (one, other)]
        for position, (a, b) in enumerate(zip(*orders, strict=False)):
            if isinstance(a, int) or isinstance(b, int):
                if a != b:
                    break
                continue
            if a.loop_var is not b.loop_var:
                break
            shared.append(a)
            if a.kind in UNORDERED:
                text = [f"a{k} = b{k}" for k in range(position)] + [f"a{position} != b{position}"]
                left, right = (
                    ", ".join(f"{letter}{k}" for k in range(self.length)) for letter in "ab"
                )
                apart = self.proof.map(f"[{left}] -> [{right}] : {' and '.join(text)}")
                pairs = self.times[one].apply_range(apart).apply_range(self.times[other].reverse())
                found = pairs if found is None else found.union(pairs)
        return found


class _Proof:
    """The comparison of two versions."""

    def __init__(self, isl: Any, before: Domains, after: Domains) -> None:
        self.isl = isl
        self.context = isl.Context()
        self.context.set_max_operations(OPERATIONS)
        self.names = _Names()
        self.before, self.after = before, after
        self.tokens = list(before.leaves)
        self.sizes = self._sizes()
        numbers = [v for v in before.func.params if v not in before.func.buffer_map]
        self.parameters = [*self.sizes, *(v for v in numbers if v.dtype.is_integer)]

    def block_name(self, token: Any) -> str:
        """The name of the space of a block's instances."""
        return f"B{self.tokens.index(token)}"

    def map(self, text: str) -> Any:
        """A relation; everything it mentions that is no parameter is quantified in the text."""
        names = ", ".join(self.names.of(each) for each in self.parameters)
        sizes = "".join(f" and {self.names.of(each)} >= 0" for each in self.sizes)
        return self.isl.Map.read_from_str(self.context, f"[{names}] -> {{ {text}{sizes} }}")

    def _sizes(self) -> list[Var]:
        """The symbolic sizes: they are not negative."""
        func = self.before.func
        found: dict[Var, None] = {}
        for buffer in func.buffer_map.values():
            for each in buffer.shape:
                found.update(dict.fromkeys(v for v in pre_order(each) if isinstance(v, Var)))
        return [each for each in found if each not in func.params]

    def run(self) -> None:
        """Compare instances, then orders."""
        before = _Version(self, self.before, "S")
        after = _Version(self, self.after, "R")
        for token, leaf in self.before.leaves.items():
            if not before.instances[token].is_equal(after.instances[token]):
                raise UnprovedError(f"other instances of the block {leaf.block.name_hint!r} run")
        accesses = {t: _Accesses(self, leaf) for t, leaf in self.before.leaves.items()}
        for one in self.tokens:
            for other in self.tokens:
                self.compare(one, other, accesses, before, after)

    def compare(
        self,
        one: Any,
        other: Any,
        accesses: Mapping[Any, _Accesses],
        before: _Version,
        after: _Version,
    ) -> None:
        """Refuse where two instances that depend on each other have another order."""
        conflict = accesses[one].conflict(accesses[other])
        if conflict is None:
            return
        names = [self.before.leaves[t].block.name_hint for t in (one, other)]
        apart = after.unordered(one, other)
        if apart is not None and not conflict.intersect(apart).is_empty():
            raise UnprovedError(f"iterations without order of {names[0]!r} and {names[1]!r} meet")
        ordered = conflict.intersect(before.earlier(one, other))
        if one is other:
            exempt = accesses[one].exempt
            if exempt is not None:
                ordered = ordered.subtract(exempt)
        if not ordered.is_subset(after.earlier(one, other)):
            raise UnprovedError(f"{names[1]!r} depends on {names[0]!r}, and runs before it")


class _Accesses:
    """The elements that the instances of a block read and write."""

    def __init__(self, proof: _Proof, leaf: Leaf) -> None:
        self.proof = proof
        self.leaf = leaf
        self.variables = [proof.names.of(each.var, "v") for each in leaf.iters]
        self.name = f"{proof.block_name(leaf.token)}[{', '.join(self.variables)}]"
        self.reads: dict[Buffer, Any] = {}
        self.writes: dict[Buffer, Any] = {}
        if leaf.block.init is not None:
            self.note(leaf.block.init, [], [])
        self.note(leaf.block.body, [], [])
        self.exempt = self._exempt()

    def note(self, stmt: Stmt, inner: list[str], holds: list[str]) -> None:
        """Collect the accesses of a statement; loops in the body range over their values."""
        names = self.proof.names
        if isinstance(stmt, For):
            var = names.of(stmt.loop_var, "x")
            low, extent = text_of(stmt.min, names), text_of(stmt.extent, names)
            self.loads((stmt.min, stmt.extent), inner, holds)
            bounds = [f"{low} <= {var} and {var} < {low} + {extent}"]
            self.note(stmt.body, [*inner, var], [*holds, *bounds])
        elif isinstance(stmt, SeqStmt):
            for each in stmt.seq:
                self.note(each, inner, holds)
        elif isinstance(stmt, BufferStore):
            self.loads((stmt.value, *stmt.indices), inner, holds)
            self.add(self.writes, stmt.buffer, stmt.indices, inner, holds)
        elif isinstance(stmt, IfThenElse):
            self.loads((stmt.condition,), inner, holds)
            for each in (stmt.then_case, stmt.else_case):
                if each is not None:
                    self.note(each, inner, holds)
        elif isinstance(stmt, LetStmt):
            self.loads((stmt.value,), inner, holds)
            self.note(stmt.body, inner, holds)
        elif isinstance(stmt, Evaluate) and all(e.is_variable for e in pre_order(stmt.value)):
            return
        else:
            raise UnprovedError(f"the block {self.leaf.block.name_hint!r} is more than stores")

    def loads(self, parts: Iterable[PrimExpr], inner: list[str], holds: list[str]) -> None:
        """Collect what expressions read."""
        for part in parts:
            for each in pre_order(part):
                if isinstance(each, BufferLoad):
                    self.add(self.reads, each.buffer, each.indices, inner, holds)
                elif isinstance(each, Call) and not getattr(each.op, "get_attr", _no_attr)("pure"):
                    raise UnprovedError(f"a call in {self.leaf.block.name_hint!r} has effects")

    def add(
        self,
        table: dict[Buffer, Any],
        buffer: Buffer,
        indices: Iterable[PrimExpr],
        inner: list[str],
        holds: list[str],
    ) -> None:
        """Add an access; an index that is not affine may be any."""
        known = set(self.variables) | set(inner)
        elements: list[str] = []
        equal: list[str] = list(holds)
        for position, each in enumerate(indices):
            element = f"e{position}"
            elements.append(element)
            try:
                equal.append(f"{element} = {self.affine(each, known)}")
            except UnprovedError:
                continue
        text = f"{self.name} -> [{', '.join(elements)}]"
        condition = " and ".join(equal) or "1 = 1"
        if inner:
            condition = f"exists {', '.join(inner)} : {condition}"
        found = self.proof.map(f"{text} : ({condition})")
        table[buffer] = found if buffer not in table else table[buffer].union(found)

    def affine(self, expr: PrimExpr, known: set[str]) -> str:
        """An index as text, over the block's variables, its inner loops and parameters."""
        names = self.proof.names
        allowed = known | {names.of(each) for each in self.proof.parameters}
        for each in pre_order(expr):
            if isinstance(each, Var) and names.names.get(each) not in allowed:
                raise UnprovedError(f"{each.name!r} is not known here")
        return text_of(expr, names)

    def conflict(self, other: _Accesses) -> Any | None:
        """Pairs of instances that touch the same element, one of them writing."""
        found: Any = None
        for mine, theirs in (
            (self.writes, other.writes),
            (self.writes, other.reads),
            (self.reads, other.writes),
        ):
            for buffer, access in mine.items():
                match = theirs.get(buffer)
                if match is not None:
                    pairs = access.apply_range(match.reverse())
                    found = pairs if found is None else found.union(pairs)
        return found

    def _exempt(self) -> Any | None:
        """Pairs of terms of the block's own reduction, the initial one left out."""
        block = self.leaf.block
        reduced = [
            (self.proof.names.of(each.var), each)
            for each in block.iter_vars
            if each.iter_type == IterVar.CommReduce
        ]
        if not reduced:
            return None
        try:
            find_reduction(block.body)
        except Refused:
            return None
        names = self.proof.names
        later = {name: f"{name}z" for name in self.variables}
        other = f"{self.proof.block_name(self.leaf.token)}[{', '.join(later.values())}]"
        terms = {name for name, _ in reduced}
        holds = [f"{name} = {later[name]}" for name in self.variables if name not in terms]
        if block.init is not None:
            for table in ({name: name for name in self.variables}, later):
                first = [
                    f"{table[name]} = {text_of(each.dom.min, names)}"
                    for name, each in reduced
                    if each.dom is not None
                ]
                holds.append(f"not ({' and '.join(first)})")
        return self.proof.map(f"{self.name} -> {other} : {' and '.join(holds) or '1 = 1'}")


def _no_attr(name: str) -> bool:
    del name
    return False
