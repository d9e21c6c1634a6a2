"""What the IR builder passes around: values with their LLVM type, blocks, phis and loops."""

from __future__ import annotations

from pellucid.support.errors import InternalError


class Value:
    """An SSA value, constant or address: its LLVM type and its name as text.

    `constant` is the number when the value is a scalar integer constant known here, else None.
    """

    __slots__ = ("constant", "name", "type")

    def __init__(self, type_: str, name: str, constant: int | None = None) -> None:
        self.type = type_
        self.name = name
        self.constant = constant

    def __str__(self) -> str:
        """Type and name, as an operand is written: `i64 %v3`."""
        return f"{self.type} {self.name}"

    def __repr__(self) -> str:
        """The same as `str`, in angle brackets."""
        return f"<{self.type} {self.name}>"


def integer(value: Value | int, type_: str = "i64") -> Value:
    """A Python int as a constant of the scalar integer type `type_`; a value stays as it is."""
    if isinstance(value, Value):
        return value
    return Value(type_, str(value), value)


class Phi(Value):
    """A phi instruction; its sources are added while the blocks before it are finished."""

    __slots__ = ("sources",)

    def __init__(self, type_: str, name: str) -> None:
        super().__init__(type_, name)
        self.sources: list[tuple[Value, Block]] = []

    def add(self, value: Value, block: Block) -> None:
        """Take `value` when control comes from `block`."""
        if value.type != self.type:
            raise InternalError(f"A phi of {self.type} cannot take a value of {value.type}.")
        self.sources.append((value, block))

    def text(self) -> str:
        """The instruction."""
        sources = ", ".join(f"[ {value.name}, %{b.label} ]" for value, b in self.sources)
        return f"  {self.name} = phi {self.type} {sources}"


class Block:
    """A basic block: its label, phis and lines; `ended` once it has a terminator."""

    __slots__ = ("ended", "join", "label", "lines", "phis", "started")

    def __init__(self, label: str) -> None:
        self.label = label
        self.lines: list[str] = []
        self.phis: list[Phi] = []
        self.started = False
        self.ended = False
        self.join: Block | None = None


class Loop:
    """An open loop: its index, the carried values inside, the next ones, and the results after."""

    __slots__ = ("carried", "index", "next", "results")

    def __init__(self, index: Value, carried: list[Phi]) -> None:
        self.index = index
        self.carried: list[Value] = list(carried)
        self.next: list[Value] = []
        self.results: list[Value] = []
