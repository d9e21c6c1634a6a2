"""`Target`: the machine that a module is compiled for, as an immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

from pellucid.target import cpu as _cpu
from pellucid.target import options as _options

_entered: ContextVar[tuple[Target, ...]] = ContextVar("pellucid_targets", default=())


class TargetKind(str):
    """The kind of a target: its name, which it also has as an attribute."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name, such as "llvm"."""
        return str(self)


class Target:
    """A machine to compile for.

    `description` is text, a dict, or a target (which is taken as it is):

        Target("llvm")                                  # this machine
        Target("llvm -mcpu=skylake-avx512 -num-cores 2")
        Target({"kind": "llvm", "mcpu": "znver4"})
        Target("llvm -mtriple=aarch64-linux-gnu -mcpu=neoverse-n1")

    Options: `mcpu` (a processor of LLVM, or "native"), `mtriple`, `mattr` (features such as
    "+avx2,-avx512f"), `num-cores`, `vector-width` (bits; at most what the processor has),
    `l1-size`, `l2-size`, `l3-size` (bytes). A description that names no known machine raises
    `TargetError`; a kind of machine without a code generator, `UnsupportedError`.

    Two targets are equal when their kinds and options are. `with target:` makes it the current
    one.
    """

    __slots__ = ("_options", "kind")

    kind: TargetKind

    def __init__(
        self,
        description: str | Mapping[str, object] | Target = "llvm",
        host: str | Mapping[str, object] | Target | None = None,
    ) -> None:
        if host is not None:
            # Code for the processor is its own host, which is only checked.
            Target(host)
        if isinstance(description, Target):
            kind, options = description.kind, description._options
        else:
            kind, options = _options.parse(description)
        object.__setattr__(self, "kind", TargetKind(kind))
        object.__setattr__(self, "_options", options)
        _cpu.resolve(options)

    _options: _options.Options

    def __setattr__(self, name: str, value: object) -> None:
        """Refused: a target does not change."""
        raise AttributeError(f"A target is immutable; {name!r} cannot be set.")

    @staticmethod
    def current(allow_none: bool = True) -> Target | None:
        """The target of the innermost `with target:`; outside of any, None (or this machine)."""
        stack = _entered.get()
        if stack:
            return stack[-1]
        return None if allow_none else Target("llvm")

    def __enter__(self) -> Target:
        """Make this the current target."""
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        """Make the target before the current one again."""
        _entered.set(_entered.get()[:-1])

    @property
    def attrs(self) -> Mapping[str, str | int]:
        """The options that were given, read-only."""
        return MappingProxyType(dict(self._options))

    @property
    def host(self) -> Target:
        """The machine that the program starts on: the same."""
        return self

    def with_host(self, host: Target | str) -> Target:
        """The same target; a processor is its own host."""
        Target(host)
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """What the target counts as."""
        return ("cpu",)

    def export(self) -> dict[str, object]:
        """Kind and options, as a dictionary that makes the target again."""
        return {"kind": str(self.kind), **self.attrs}

    @property
    def processor(self) -> _cpu.Processor:
        """Everything that is known of the machine."""
        return _cpu.resolve(self._options)

    @property
    def device_type(self) -> str:
        """The kind of device that runs the code: "cpu"."""
        return "cpu"

    @property
    def triple(self) -> str:
        """LLVM's triple, such as `x86_64-unknown-linux-gnu`."""
        return self.processor.triple

    @property
    def arch(self) -> str:
        """`x86_64` or `aarch64`."""
        return self.processor.arch

    @property
    def cpu(self) -> str:
        """LLVM's name of the processor."""
        return self.processor.cpu

    @property
    def features(self) -> frozenset[str]:
        """The instruction sets, in LLVM's names."""
        return self.processor.features

    @property
    def feature_string(self) -> str:
        """What LLVM is told beyond the name of the processor."""
        return self.processor.feature_string

    def has(self, feature: str) -> bool:
        """Whether the processor has the instruction set `feature`."""
        return feature in self.processor.features

    @property
    def isa(self) -> str:
        """The level of vector instructions: "avx512", "avx2", "sse2" or "neon"."""
        return self.processor.isa

    @property
    def has_fma(self) -> bool:
        """Whether a multiply-add with one rounding is one instruction."""
        return self.processor.arch == "aarch64" or "fma" in self.processor.features

    @property
    def vector_bytes(self) -> int:
        """Bytes of a vector register."""
        return self.processor.vector_bytes

    @property
    def registers(self) -> int:
        """How many vector registers there are."""
        return self.processor.registers

    def lanes(self, bits: int) -> int:
        """How many values of `bits` bits a vector register holds, at least 1."""
        return max(1, self.vector_bytes * 8 // bits)

    @property
    def num_cores(self) -> int:
        """How many cores parallel loops are made for."""
        return self.processor.cores

    @property
    def l1_bytes(self) -> int:
        """Bytes of a core's first-level data cache."""
        return self.processor.l1_bytes

    @property
    def l2_bytes(self) -> int:
        """Bytes of a core's second-level cache."""
        return self.processor.l2_bytes

    @property
    def l3_bytes(self) -> int:
        """Bytes of the shared third-level cache."""
        return self.processor.l3_bytes

    @property
    def is_host(self) -> bool:
        """Whether this is the very machine that runs the compiler."""
        return self.processor.is_host

    def pinned(self) -> Target:
        """The same machine with triple, processor and cores spelt out, for use in files."""
        given: dict[str, object] = dict(self._options)
        facts = self.processor
        given.update({"kind": self.kind, "mtriple": facts.triple, "num-cores": facts.cores})
        if facts.is_host or self.attrs.get("mcpu") == "native":
            given["mcpu"] = facts.cpu
        return Target(given)

    def __str__(self) -> str:
        """The description, which `Target` reads back."""
        return " ".join([self.kind, *(f"-{name}={value}" for name, value in self._options)])

    def __repr__(self) -> str:
        """The call that makes this target."""
        return f'Target("{self}")'

    def __eq__(self, other: object) -> bool:
        """Equal kind and options."""
        if not isinstance(other, Target):
            return NotImplemented
        return self.kind == other.kind and self._options == other._options

    def __hash__(self) -> int:
        """Fits `==`."""
        return hash((self.kind, self._options))

    def __reduce__(self) -> tuple[type[Target], tuple[str]]:
        """Copied and pickled as its description."""
        return Target, (str(self),)
