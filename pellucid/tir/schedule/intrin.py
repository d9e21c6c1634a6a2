"""Tensor intrinsics: a computation (`desc`) and how a machine does it (`impl`)."""

from __future__ import annotations

from typing import ClassVar

from pellucid.support.errors import RegistryError, ScheduleError, did_you_mean
from pellucid.tir.analysis.free_vars import undefined_vars
from pellucid.tir.block import Block, BlockRealize
from pellucid.tir.function import PrimFunc


class TensorIntrin:
    """Two loop functions over the same buffers: `desc` says what is computed, as loops and blocks,
    `impl` does it in another way, for instance with `T.call_extern`.

    The body of either is one block without iteration variables (written `with T.block("root"):`)
    that declares what it reads and writes.
    """

    _registry: ClassVar[dict[str, TensorIntrin]] = {}

    def __init__(self, desc: PrimFunc, impl: PrimFunc, name: str = "") -> None:
        self.desc = desc
        self.impl = impl
        self.name = name
        _check(desc, impl)

    @staticmethod
    def register(name: str, desc: PrimFunc, impl: PrimFunc, override: bool = False) -> TensorIntrin:
        """Make an intrinsic known by a name; a name that is taken needs `override`."""
        if name in TensorIntrin._registry and not override:
            raise RegistryError(
                f"The tensor intrinsic {name!r} exists already.", cure="pass override=True"
            )
        found = TensorIntrin._registry[name] = TensorIntrin(desc, impl, name)
        return found

    @staticmethod
    def get(name: str, allow_missing: bool = False) -> TensorIntrin | None:
        """The intrinsic of that name; an unknown one is an error unless `allow_missing`."""
        found = TensorIntrin._registry.get(name)
        if found is None and not allow_missing:
            known = TensorIntrin._registry
            raise RegistryError(
                f"There is no tensor intrinsic {name!r}.",
                found=", ".join(sorted(known)) or "none is registered",
                cure=did_you_mean(name, known),
            )
        return found

    def __repr__(self) -> str:
        """Its name."""
        return f"<TensorIntrin {self.name or 'without a name'}>"


def root_of(func: PrimFunc, what: str) -> Block:
    """The block that is the body of a description or an implementation."""
    body = func.body
    if isinstance(body, BlockRealize) and not body.block.iter_vars:
        inner = body.block
        # The implicit root declares nothing; the block that was written is inside.
        if not inner.reads and not inner.writes and isinstance(inner.body, BlockRealize):
            body = inner.body
        if isinstance(body, BlockRealize) and not body.block.iter_vars and body.block.writes:
            return body.block
    raise ScheduleError(
        f"The {what} of a tensor intrinsic is one block without iteration variables.",
        expected='with T.block("root"): T.reads(...); T.writes(...); …',
        found=type(func.body).__name__,
    )


def _check(desc: PrimFunc, impl: PrimFunc) -> None:
    for func, what in ((desc, "description"), (impl, "implementation")):
        root_of(func, what)
        unknown = undefined_vars(func)
        if unknown:
            raise ScheduleError(
                f"The {what} of a tensor intrinsic uses {unknown[0].name!r}, which it does not "
                "define.",
                expected="loops, blocks and the buffers of its parameters",
            )
    if len(desc.params) != len(impl.params):
        raise ScheduleError(
            "Description and implementation differ in their number of parameters.",
            found=f"{len(desc.params)} and {len(impl.params)}",
        )
    for a, b in zip(desc.params, impl.params, strict=True):
        for param, func in ((a, desc), (b, impl)):
            if param not in func.buffer_map:
                raise ScheduleError(
                    "The parameters of a tensor intrinsic are buffers.", found=param.name
                )
        x, y = desc.buffer_map[a], impl.buffer_map[b]
        if x.dtype != y.dtype or [repr(e) for e in x.shape] != [repr(e) for e in y.shape]:
            raise ScheduleError(
                f"Description and implementation differ in the buffer {x.name!r}.",
                found=f"{x.dtype}{list(x.shape)} and {y.dtype}{list(y.shape)}",
            )
