"""Proofs that a step only changed the order of iterations.

In: a loop function before and after. Out: why this could not be proved, or None where it was: the
blocks have the same bodies, the same instances of each run once, and instances that depend on each
other run in the same order. With `islpy` (extra `verify`) the domains are compared as integer sets;
without it as sums of digits (`arith.detect_iter_map`), which covers nests with one block each.
"""

from __future__ import annotations

from pellucid.testing import domain_arith, domain_isl
from pellucid.testing.domains import UnprovedError, domains_of, require_same_blocks
from pellucid.tir.function import PrimFunc


def why_unproved(before: PrimFunc, after: PrimFunc) -> str | None:
    """Why the two could not be shown to run the same instances in a compatible order, or None."""
    try:
        old, new = domains_of(before), domains_of(after)
        require_same_blocks(old, new)
        try:
            domain_arith.require_same_instances(old, new)
        except UnprovedError:
            if not domain_isl.available():
                raise
            domain_isl.require_same_instances(old, new)
    except UnprovedError as reason:
        return str(reason)
    return None
