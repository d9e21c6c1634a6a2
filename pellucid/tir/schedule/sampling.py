"""Drawing numbers and places: the decisions of a schedule that a search varies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.arith.iter_map_terms import is_const
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.scalar import IntImm, IterVar, Var
from pellucid.ir.visitor import uses_var
from pellucid.tir.schedule.core import INLINE, ROOT, ScheduleCore
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.scope import consumers_of
from pellucid.tir.schedule.tree import Spot
from pellucid.tir.stmt import ForKind

ATTEMPTS = 200


class SamplingPrimitives(ScheduleCore):
    """`sample_*`, and `enter_postproc`."""

    @primitive
    def enter_postproc(self) -> None:
        """Mark in the trace where the part begins that adapts a schedule after a search drew it.

            >>> sch = Schedule(elementwise)
            >>> sch.enter_postproc()

        Conditions: none.
        """

    @primitive
    def sample_categorical(
        self, candidates: list[int], probs: list[float], decision: int | None = None
    ) -> PrimExpr:
        """Draw one of the `candidates`, with the given probabilities.

        The decision is the position of what was drawn.

            >>> sch = Schedule(elementwise)
            >>> limit = sch.sample_categorical([16, 64], [0.5, 0.5])
            >>> sch.annotate("B", "note", limit)

        Conditions: there are candidates, one probability for each, not negative, not all 0; a given
        decision is a position.
        """
        if not candidates or len(candidates) != len(probs):
            raise Refused(
                "there is not one probability for each candidate",
                found=f"{len(candidates)} candidates, {len(probs)} probabilities",
            )
        if any(each < 0 for each in probs) or sum(probs) <= 0:
            raise Refused("the probabilities are no distribution", found=repr(list(probs)))
        position = decision
        if position is None:
            position = self._random.choices(range(len(candidates)), probs)[0]
        if not 0 <= position < len(candidates):
            raise Refused(
                f"there is no candidate at position {position}",
                expected=f"a position from 0 to {len(candidates) - 1}",
            )
        self.note(decision=position)
        return self.new_number(candidates[position])

    @primitive
    def sample_perfect_tile(
        self,
        loop: LoopRV,
        n: int,
        max_innermost_factor: int = 16,
        decision: list[int] | None = None,
    ) -> list[PrimExpr]:
        """Draw `n` factors whose product is the extent of a loop, the innermost at most
        `max_innermost_factor`, all such factors with the same probability.

        The decision is the list of factors. One that is replayed on another extent is repaired from
        the inside out: a factor that does not divide what is left becomes what is left, and so
        does the first one. Of a loop whose extent is no constant nothing is drawn: the factors are
        -1, 1, … 1.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> loops = sch.split(i, sch.sample_perfect_tile(i, 3))

        Conditions: `n` and the limit are positive; a given decision has `n` positive factors.
        """
        spot = self.loop(loop)
        _require_counts(n, max_innermost_factor)
        extent = spot.loop.extent
        if not isinstance(extent, IntImm):
            factors = [-1] + [1] * (n - 1)
        elif decision is not None:
            factors = _repaired(decision, extent.value, n, spot)
        else:
            factors = self._tile(extent.value, n, max_innermost_factor)
        self.note(decision=factors)
        return [self.new_number(each) for each in factors]

    def _tile(self, extent: int, n: int, limit: int) -> list[int]:
        """Factors of an extent."""
        for _ in range(ATTEMPTS):
            factors = self._factorization(extent, n)
            if n == 1 or factors[-1] <= limit:
                return factors
        # Only few factorizations have so small a last factor: draw it first.
        last = self._random.choice([d for d in _divisors(extent) if d <= limit])
        return [*self._factorization(extent // last, n - 1), last]

    def _factorization(self, extent: int, n: int) -> list[int]:
        """Each prime factor given to one of the places."""
        factors = [1] * n
        for prime in _primes(extent):
            factors[self._random.randrange(n)] *= prime
        return factors

    @primitive
    def sample_partitioned_tile(
        self,
        loop: LoopRV,
        n: int,
        partition_pos: int = 0,
        innerpart_factor: int = 1,
        decision: list[int] | None = None,
    ) -> list[PrimExpr]:
        """Draw `n` factors whose product is the extent of a loop, those from `partition_pos` on
        with a product that `innerpart_factor` divides.

        Where the factor does not divide the extent, all of the extent goes to the first factor.
        Decisions are repaired as those of `sample_perfect_tile`.

            >>> sch = Schedule(matmul)
            >>> i, j, k = sch.get_loops("C")
            >>> loops = sch.split(j, sch.sample_partitioned_tile(j, 3, 1, 4))

        Conditions: `n` and the factor are positive; the position is from 0 to `n`; a given decision
        has `n` positive factors.
        """
        spot = self.loop(loop)
        _require_counts(n, innerpart_factor)
        if not 0 <= partition_pos <= n:
            raise Refused(
                f"there is no position {partition_pos}", expected=f"a position from 0 to {n}"
            )
        extent = spot.loop.extent
        if not isinstance(extent, IntImm):
            factors = [-1] + [1] * (n - 1)
        elif decision is not None:
            factors = _repaired(decision, extent.value, n, spot)
        elif extent.value % innerpart_factor or partition_pos in (0, n):
            factors = self._factorization(extent.value, n)
            if extent.value % innerpart_factor:
                factors = [extent.value] + [1] * (n - 1)
        else:
            factors = self._factorization(extent.value // innerpart_factor, n)
            factors[self._random.randrange(partition_pos, n)] *= innerpart_factor
        self.note(decision=factors)
        return [self.new_number(each) for each in factors]

    @primitive
    def sample_compute_location(self, block: BlockRV | str, decision: int | None = None) -> LoopRV:
        """Draw a loop of its consumers at which a block can be computed.

        The decision is the position among the loops around all consumers; -1 stands for staying
        where it is, -2 for inlining. `compute_at` and `reverse_compute_at` understand both. A block
        without consumers stays. Loops of one iteration are no choice, nor are reductions that no
        data-parallel loop follows, nor data-parallel loops below a reduction. A decision that is no
        choice stands for the next one further out.

            >>> sch = Schedule(chain)
            >>> sch.compute_at("B", sch.sample_compute_location("B"))

        Conditions: a given decision is -2, -1 or the position of a loop; -2 needs a consumer.
        """
        spot = self.block(block)
        name = self.name_of(block)
        loops = _shared_loops(spot)
        choices = [-2, -1, *_places(loops)] if consumers_of(spot) else [-1]
        if decision is not None and not choices[0] <= decision < max(len(loops), 1):
            raise Refused(
                f"there is no location {decision}",
                spot,
                expected=", ".join(str(each) for each in choices),
            )
        if decision is None:
            chosen = self._random.choice(choices)
        else:
            chosen = max(each for each in choices if each <= decision)
        self.note(decision=chosen)
        if chosen < 0:
            return self.new_mark(INLINE if chosen == -2 else ROOT)
        return self.new_loop(name, loops[chosen].loop.loop_var)


def _require_counts(n: int, limit: int) -> None:
    if n < 1 or limit < 1:
        raise Refused("the number of factors or the limit is not positive", found=f"{n}, {limit}")


def _repaired(decision: Sequence[Any], extent: int, n: int, spot: Spot) -> list[int]:
    """The decision, made to divide the extent."""
    factors = [int(each) for each in decision]
    if len(factors) != n or any(each < 1 for each in factors):
        raise Refused(f"the decision does not have {n} positive factors", spot, found=repr(factors))
    rest = extent
    for position in reversed(range(1, n)):
        if rest % factors[position]:
            factors[position] = rest
        rest //= factors[position]
    factors[0] = rest
    return factors


def _primes(number: int) -> list[int]:
    found: list[int] = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found


def _divisors(number: int) -> list[int]:
    return [each for each in range(1, number + 1) if number % each == 0]


def _shared_loops(spot: Spot) -> list[Spot]:
    """The loops around all consumers that are not around the block."""
    consumers = consumers_of(spot)
    if not consumers:
        return []
    return [
        each
        for each in consumers[0].loops()
        if all(other.is_below(each) for other in consumers) and not spot.is_below(each)
    ]


def _places(loops: Sequence[Spot]) -> list[int]:
    """The positions of the loops at which a block is worth computing."""
    reduces = [_moves_reduction(each) for each in loops]
    found: list[int] = []
    for position, each in enumerate(loops):
        if each.loop.kind in (ForKind.VECTORIZED, ForKind.THREAD_BINDING):
            break
        if is_const(each.loop.extent, 1):
            continue
        below_reduction = any(reduces[k] for k in found)
        if all(reduces[position:]) or (below_reduction and not reduces[position]):
            break
        found.append(position)
    return found


def _moves_reduction(loop: Spot) -> bool:
    """Whether the loop moves a variable of a block below it that is not data-parallel."""
    moved: set[Var] = {loop.loop.loop_var}
    return any(
        v.iter_type != IterVar.DataPar and uses_var(value, moved.__contains__)
        for each in loop.blocks()
        for v, value in zip(each.block.iter_vars, each.realize.iter_values, strict=True)
    )
