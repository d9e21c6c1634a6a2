"""A builder of LLVM IR text: modules, globals, functions, blocks and control flow.

Comes in: calls that say what to emit. Goes out: `Module.text()`, one string of LLVM 22 IR (opaque
pointers), for `compile.py`. The instructions themselves are in `instructions.py` (arithmetic,
calls, atomics) and `memory.py` (memory and vectors); `Function` inherits both.

    module = Module(Target("llvm"))
    f = module.function("scale", "void", [("ptr noalias", "x"), ("i64", "n")])
    x, n = f.params
    with f.loop(0, n) as loop:
        place = f.gep("float", x, loop.index)
        f.store(f.fmul(f.load("float", place, 4), f.fconst("float", 2.0)), place, 4)
    f.ret()
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from pellucid.codegen.llvm.memory import Memory
from pellucid.codegen.llvm.value import Block, Loop, Phi, Value, integer
from pellucid.support.errors import InternalError
from pellucid.target import Target

__all__ = ["Block", "Function", "Loop", "Module", "Phi", "Value"]


class Function(Memory):
    """A function being built; instructions go to the end of the current block.

    `params` are its parameters as values, `name` is without the `@`. Made by `Module.function`.
    """

    def __init__(self, module: Module, name: str, ret: str, params: Sequence[tuple[str, str]]):
        super().__init__()
        self.module = module
        self.name = name
        self.return_type = ret
        self.params = [
            Value(kind.split(" ", 1)[0] if kind[0] != "<" else _vector_part(kind), f"%{hint}")
            for kind, hint in params
        ]
        self._signature = ", ".join(f"{kind} %{hint}" for kind, hint in params)
        self._allocas: list[str] = []
        self._labels = 0
        self.linkage = ""
        self.attributes = "nounwind"
        entry = Block("entry")
        self._blocks = [entry]
        self.current = entry
        self.lines = entry.lines

    # Blocks

    def block(self, hint: str = "b") -> Block:
        """A new block, not yet part of the text; `start` it to emit into it."""
        self._labels += 1
        return Block(f"{hint}{self._labels}")

    def start(self, block: Block) -> None:
        """Emit into `block` from here on; each block is started once."""
        if block.started:
            raise InternalError(f"The block {block.label!r} of {self.name!r} is started twice.")
        block.started = True
        self._blocks.append(block)
        self.current = block
        self.lines = block.lines

    def _end(self, text: str) -> None:
        if self.current.ended:
            raise InternalError(f"The block {self.current.label!r} already ends.")
        self.current.ended = True
        self.lines.append(text)

    @property
    def ended(self) -> bool:
        """Whether the current block already ends in a branch or a return."""
        return self.current.ended

    def branch(self, block: Block, metadata: str = "") -> None:
        """Go to `block`; `metadata` is text such as `, !llvm.loop !3`."""
        self._end(f"  br label %{block.label}{metadata}")

    def branch_if(self, condition: Value, then: Block, other: Block, metadata: str = "") -> None:
        """Go to `then` when the i1 `condition` is true, else to `other`."""
        self._end(f"  br i1 {condition.name}, label %{then.label}, label %{other.label}{metadata}")

    def switch(self, value: Value, default: Block, cases: Sequence[tuple[int, Block]]) -> None:
        """Go to the block whose number equals the integer `value`, else to `default`."""
        table = " ".join(f"{value.type} {number}, label %{b.label}" for number, b in cases)
        self._end(f"  switch {value}, label %{default.label} [ {table} ]")

    def ret(self, value: Value | None = None) -> None:
        """Return `value`, or nothing from a void function."""
        found = "void" if value is None else value.type
        if found != self.return_type:
            raise InternalError(
                f"The function {self.name!r} returns {self.return_type}, not {found}."
            )
        self._end("  ret void" if value is None else f"  ret {value}")

    def unreachable(self) -> None:
        """End the block where control never comes."""
        self._end("  unreachable")

    def phi(self, type_: str) -> Phi:
        """A phi at the head of the current block; give it its sources with `add`."""
        self._count += 1
        phi = Phi(type_, f"%v{self._count}")
        self.current.phis.append(phi)
        return phi

    def alloca(self, type_: str, count: int = 1, align: int = 8, hint: str = "buf") -> Value:
        """Stack memory for `count` values of `type_`, aligned; lives as long as the function.

        The instruction goes to the entry block wherever this is called.
        """
        self._count += 1
        name = f"%{hint}{self._count}"
        array = type_ if count == 1 else f"[{count} x {type_}]"
        self._allocas.append(f"  {name} = alloca {array}, align {align}")
        return Value("ptr", name)

    # Structured control flow

    @contextmanager
    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        step: Value | int = 1,
        *,
        type_: str = "i64",
        carried: Sequence[Value] = (),
        at_least_once: bool = False,
        metadata: str = "",
    ) -> Generator[Loop]:
        """A counted loop `for index in range(start, stop, step)`, with `step` > 0.

        `carried` are start values of loop-carried scalars or vectors: inside, `loop.carried` are
        their present values and `loop.next` takes the following ones; after it, `loop.results`.
        `at_least_once` leaves out the test before the first iteration.
        """
        first, last, by = (integer(each, type_) for each in (start, stop, step))
        before = self.current
        head, done = self.block("for"), self.block("done")
        body = head if at_least_once else self.block("body")
        self.branch(head)
        self.start(head)
        index = self.phi(type_)
        phis = [self.phi(each.type) for each in carried]
        for phi, value in zip([index, *phis], [first, *carried], strict=True):
            phi.add(value, before)
        if not at_least_once:
            self.branch_if(self.icmp("slt", index, last), body, done)
            self.start(body)
        loop = Loop(index, list(phis))
        yield loop
        if len(loop.next) != len(carried):
            raise InternalError(f"A loop of {self.name!r} carries another number of values.")
        following = self.binary("add nsw", index, by)
        end = self.current
        for phi, value in zip([index, *phis], [following, *loop.next], strict=True):
            phi.add(value, end)
        if at_least_once:
            self.branch_if(self.icmp("slt", following, last), head, done, metadata)
            loop.results = list(loop.next)
        else:
            self.branch(head, metadata)
            loop.results = list(phis)
        self.start(done)

    @contextmanager
    def when(self, condition: Value, metadata: str = "") -> Generator[None]:
        """What is emitted inside runs only when the i1 `condition` is true."""
        then, done = self.block("then"), self.block("endif")
        self.branch_if(condition, then, done, metadata)
        self.start(then)
        yield
        if not self.ended:
            self.branch(done)
        self.start(done)

    @contextmanager
    def when_else(self, condition: Value) -> Generator[Block]:
        """Like `when`; inside, `start(other)` on the block it gives begins the else part.

        with f.when_else(c) as other:
            ...
            f.otherwise(other)
            ...
        """
        then, other, done = self.block("then"), self.block("else"), self.block("endif")
        other.join = done
        self.branch_if(condition, then, other)
        self.start(then)
        yield other
        if not other.started:
            raise InternalError(f"A when_else of {self.name!r} has no otherwise.")
        if not self.ended:
            self.branch(done)
        self.start(done)

    def otherwise(self, other: Block) -> None:
        """End the first part of a `when_else` and begin its else part."""
        if other.join is None:
            raise InternalError("otherwise() needs the block that when_else gave.")
        if not self.ended:
            self.branch(other.join)
        self.start(other)

    def text(self) -> str:
        """The function as IR text."""
        if not self.ended:
            raise InternalError(f"The last block of the function {self.name!r} has no end.")
        linkage = f"{self.linkage} " if self.linkage else ""
        parts = [
            f"define {linkage}{self.return_type} @{self.name}({self._signature}) "
            f"{self.attributes} {{"
        ]
        for number, block in enumerate(self._blocks):
            parts.append(f"{block.label}:")
            if number == 0:
                parts += self._allocas
            parts += [phi.text() for phi in block.phis]
            parts += block.lines
        parts.append("}")
        return "\n".join(parts)


def _vector_part(kind: str) -> str:
    return kind[: kind.index(">") + 1]


class Module:
    """A module being built for `target`: functions, declarations, globals and metadata.

    Names are unique; asking for the same declaration, intrinsic or string twice gives the same.
    """

    def __init__(self, target: Target, name: str = "module") -> None:
        self.target = target
        self.name = name
        self.functions: dict[str, Function] = {}
        self._declarations: dict[str, str] = {}
        self._globals: dict[str, str] = {}
        self._strings: dict[str, Value] = {}
        self._metadata: list[str] = []
        self._assembly: list[str] = []
        self.imports: dict[str, str] = {}

    def import_llvm(self, text: str, what: str) -> None:
        """Link the LLVM module `text` (IR, written by a user) to this one when it is compiled.

        `what` names the place that asks for it, for messages. A text is linked once.
        """
        self.imports.setdefault(text, what)

    def function(
        self,
        name: str,
        ret: str,
        params: Sequence[tuple[str, str]],
        *,
        linkage: str = "",
        attributes: str = "nounwind",
    ) -> Function:
        """A new function; `params` are (type and attributes, name): ("ptr noalias", "A")."""
        if name in self.functions:
            raise InternalError(f"The function {name!r} is defined twice in module {self.name!r}.")
        function = Function(self, name, ret, params)
        function.linkage, function.attributes = linkage, attributes
        self.functions[name] = function
        self._declarations.pop(name, None)
        return function

    def declare(self, name: str, ret: str, params: Sequence[str], attributes: str = "") -> str:
        """Declare the function `name` from elsewhere, once; gives the name back.

        A parameter `...` makes it variadic. Another declaration with other types is an error.
        """
        text = f"declare {ret} @{name}({', '.join(params)}) {attributes}".rstrip()
        found = self._declarations.setdefault(name, text)
        if found != text:
            raise InternalError(f"{name!r} is declared twice: {found!r} and {text!r}.")
        return name

    def declared(self, name: str) -> bool:
        """Whether the module declares or defines `name`."""
        return name in self._declarations or name in self.functions

    def global_value(
        self,
        name: str,
        type_: str,
        initial: str,
        *,
        align: int,
        constant: bool = True,
        linkage: str = "internal",
    ) -> Value:
        """A global of `type_` with the constant text `initial`; gives its address."""
        if name in self._globals:
            raise InternalError(f"The global {name!r} is defined twice in module {self.name!r}.")
        kind = "constant" if constant else "global"
        space = f"{linkage} " if linkage else ""
        local = "unnamed_addr " if constant else ""
        self._globals[name] = f"@{name} = {space}{local}{kind} {type_} {initial}, align {align}"
        return Value("ptr", f"@{name}")

    def has_global(self, name: str) -> bool:
        """Whether the global `name` is already there."""
        return name in self._globals

    def string(self, text: str) -> Value:
        """The address of `text` as a constant in UTF-8 with a zero byte at its end."""
        value = self._strings.get(text)
        if value is None:
            data = text.encode() + b"\0"
            plain = "".join(
                chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in data
            )
            value = self.global_value(
                f".str{len(self._strings)}", f"[{len(data)} x i8]", f'c"{plain}"', align=1
            )
            self._strings[text] = value
        return value

    def metadata(self, text: str, *, distinct: bool = False) -> str:
        """A metadata node such as `!{i32 1}`; gives its reference, such as `!4`."""
        self._metadata.append(f"distinct {text}" if distinct else text)
        return f"!{len(self._metadata) - 1}"

    def self_metadata(self, items: str = "") -> str:
        """A distinct node whose first item is itself, as loops and alias scopes want it."""
        number = len(self._metadata)
        rest = f", {items}" if items else ""
        return self.metadata(f"!{{!{number}{rest}}}", distinct=True)

    def alias_scopes(self, names: Sequence[str]) -> dict[str, str]:
        """For pairwise disjoint memories `names`: the metadata text of an access to each.

        The text goes to `load` and `store` as `metadata=`; it says that an access to one does not
        touch the others.
        """
        domain = self.self_metadata()
        scopes = {name: self.self_metadata(domain) for name in names}
        result: dict[str, str] = {}
        for name, scope in scopes.items():
            own = self.metadata(f"!{{{scope}}}")
            text = f", !alias.scope {own}"
            others = [each for key, each in scopes.items() if key != name]
            if others:
                node = self.metadata("!{" + ", ".join(others) + "}")
                text += f", !noalias {node}"
            result[name] = text
        return result

    def loop_metadata(self, *properties: str) -> str:
        """The suffix of a back branch with properties such as "llvm.loop.unroll.disable"."""
        nodes = [self.metadata(f'!{{!"{each}"}}') for each in properties]
        return f", !llvm.loop {self.self_metadata(', '.join(nodes))}"

    def text(self) -> str:
        """The whole module as IR text."""
        parts = [f"; {self.name}"]
        parts.append(f'target triple = "{self.target.triple}"')
        parts += self._globals.values()
        parts += self._declarations.values()
        parts += [function.text() for function in self.functions.values()]
        parts += [f"!{number} = {text}" for number, text in enumerate(self._metadata)]
        return "\n".join(parts) + "\n"
