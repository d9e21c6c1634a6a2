"""Finding blocks and loops."""

from __future__ import annotations

from pellucid.support.errors import did_you_mean
from pellucid.tir.function import PrimFunc
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.instruction import Instruction
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.scope import consumers_of, is_output, producers_of
from pellucid.tir.schedule.tree import Spot

ENTRY = "tir.is_entry_func"


class LookupPrimitives(ScheduleCore):
    """`get_block`, `get_loops` and their like: they change nothing."""

    def work_on(self, func_name: str) -> None:
        """Look into the function `func_name` where no name is given."""
        self._working_on = self._function(func_name)

    @primitive
    def get_block(self, name: str, func_name: str | None = None) -> BlockRV:
        """The block with this name.

        `func_name` may be left out in a module with one loop function, for the entry function or
        `main`, and after `work_on`.

            >>> sch = Schedule(matmul_relu)
            >>> block = sch.get_block("C", func_name="main")

        Conditions: exactly one block of the function has the name.
        """
        function = self._function(func_name)
        self.note(func_name=function)
        return self._find(name, function)

    get_sblock = get_block
    """The later name of `get_block`."""

    def block_named(self, name: str) -> BlockRV:
        """The block with this name; recorded as a step of its own."""
        function = self._function(None)
        found = self._find(name, function)
        inst = Instruction("get_block", {"name": name, "func_name": function}, [found], single=True)
        if len(self._running) == 1:
            self._trace.append(inst)
        return found

    def _find(self, name: str, function: str) -> BlockRV:
        blocks = self.tree(function).blocks
        found = [token for token, spot in blocks.items() if spot.name == name]
        if not found:
            names = [spot.name for spot in blocks.values()]
            raise Refused(
                f"the function {function!r} has no block {name!r}",
                found=", ".join(names) or "no blocks at all",
                cure=did_you_mean(name, names),
            )
        if len(found) > 1:
            self._looking_at = function
            raise Refused(
                f"the function {function!r} has {len(found)} blocks {name!r}",
                *[blocks[token] for token in found],
                cure="reach the one that is meant through get_child_blocks or get_consumers",
            )
        return self.new_block(function, found[0], name)

    def _function(self, name: str | None) -> str:
        """The function to look into."""
        loops = {v.name_hint: f for v, f in self._mod.items() if isinstance(f, PrimFunc)}
        if name is not None:
            if name not in loops:
                raise Refused(
                    f"the module has no loop function {name!r}",
                    found=", ".join(loops) or "none",
                    cure=did_you_mean(name, loops),
                )
            return name
        if self._working_on in loops:
            return self._working_on
        entries = [each for each, f in loops.items() if f.attrs.get(ENTRY)]
        if len(entries) == 1:
            return entries[0]
        if "main" in loops:
            return "main"
        if len(loops) != 1:
            raise Refused(
                "it is not clear which function is meant",
                found=", ".join(loops) or "no loop function",
                cure="pass func_name, or call work_on",
            )
        return next(iter(loops))

    @primitive
    def get_loops(self, block: BlockRV | str) -> list[LoopRV]:
        """The loops around a block within its scope, from the outside in.

        >>> sch = Schedule(matmul)
        >>> i, j, k = sch.get_loops("C")
        """
        spot = self.block(block)
        name = self.name_of(block)
        return [self.new_loop(name, each.loop.loop_var) for each in spot.loops()]

    @primitive
    def get_child_blocks(self, block_or_loop: BlockRV | LoopRV) -> list[BlockRV]:
        """The blocks directly below a block or loop, in order.

        >>> sch = Schedule(matmul_relu)
        >>> c, d = sch.get_child_blocks(sch.get_block("root"))
        """
        spot = self.spot(block_or_loop)
        return self._references(block_or_loop, spot.blocks())

    @primitive
    def get_producers(self, block: BlockRV | str) -> list[BlockRV]:
        """The blocks of the scope that write what this block touches, in order.

        >>> sch = Schedule(matmul_relu)
        >>> (c,) = sch.get_producers("D")
        """
        spot = self.block(block)
        return self._references(block, producers_of(spot))

    @primitive
    def get_consumers(self, block: BlockRV | str) -> list[BlockRV]:
        """The blocks of the scope that touch what this block writes, in order.

        >>> sch = Schedule(matmul_relu)
        >>> (d,) = sch.get_consumers("C")
        """
        spot = self.block(block)
        return self._references(block, consumers_of(spot))

    @primitive
    def get_output_blocks(self, scope_block: BlockRV | str) -> list[BlockRV]:
        """The blocks of a scope that write buffers of the outside, in order.

        >>> sch = Schedule(matmul_relu)
        >>> (d,) = sch.get_output_blocks("root")
        """
        spot = self.block(scope_block)
        found = [each for each in spot.blocks() if is_output(each)]
        return self._references(scope_block, found)

    def _references(self, like: BlockRV | LoopRV | str, spots: list[Spot]) -> list[BlockRV]:
        name = self.name_of(like)
        return [self.new_block(name, each.block.token, each.name) for each in spots]
