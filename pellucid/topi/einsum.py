"""Sums of products over named indices: `einsum("ij,jk->ik", a, b)`.

Every operand has a letter for each dimension; letters of the result are its axes, all others are
summed over. Without `->` the result has the letters that occur once, in alphabetical order. `...`
stands for dimensions that are broadcast. A letter that occurs twice in one operand picks its
diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid import te
from pellucid.ir import arithmetic as ar
from pellucid.support.errors import TypeMismatchError
from pellucid.topi.broadcast import broadcast_extent, broadcast_indices, broadcast_shape
from pellucid.topi.shapes import as_list, constant, same_extent


def _split(term: str) -> tuple[str, bool, str]:
    """The letters before the dots, whether there are dots, and the letters after them."""
    before, dots, after = term.partition("...")
    letters = before + after
    if not all(letter.isalpha() for letter in letters):
        raise TypeMismatchError("An operand of einsum is described by letters.", found=repr(term))
    return before, bool(dots), after


def _parse(subscripts: str, count: int) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != count:
        raise TypeMismatchError(
            "einsum needs one term an operand.", expected=str(count), found=f"{len(terms)}: {text}"
        )
    if not arrow:
        letters = sorted({c for c in left if c.isalpha()})
        dots = "..." if "..." in left else ""
        right = dots + "".join(c for c in letters if left.count(c) == 1)
    known = {c for c in left if c.isalpha()}
    result = [c for c in right if c.isalpha()]
    if len(set(result)) != len(result) or not set(result) <= known:
        raise TypeMismatchError(
            "The letters of an einsum's result occur once there, and in an operand.",
            found=repr(text),
        )
    if "..." in left and "..." not in right:
        raise TypeMismatchError("The dots of an einsum must be in its result.", found=repr(text))
    return terms, right


class _Sizes:
    """The extents of the letters, and of the dimensions behind the dots."""

    def __init__(self, terms: Sequence[str], operands: Sequence[te.Tensor]) -> None:
        self.letters: dict[str, Any] = {}
        self.lead: list[Any] = []
        self.parts: list[list[str | None]] = []
        for term, operand in zip(terms, operands, strict=True):
            before, dots, after = _split(term)
            free = operand.ndim - len(before) - len(after)
            if free < 0 or (free and not dots):
                raise TypeMismatchError(
                    f"The term {term!r} does not fit its operand.",
                    expected=f"{operand.ndim} letters",
                    found=str(len(before) + len(after)),
                )
            names: list[str | None] = [*before, *[None] * free, *after]
            self.parts.append(names)
            hidden = [e for e, name in zip(operand.shape, names, strict=True) if name is None]
            self.lead = broadcast_shape(self.lead, hidden)
            for extent, name in zip(operand.shape, names, strict=True):
                if name is not None:
                    known = self.letters.get(name)
                    self.letters[name] = (
                        extent if known is None else broadcast_extent(known, extent)
                    )

    def index(self, operand: te.Tensor, number: int, lead: Sequence[Any], at: Any) -> list[Any]:
        """The indices into an operand for indices of the letters."""
        names = self.parts[number]
        hidden = [e for e, name in zip(operand.shape, names, strict=True) if name is None]
        free = iter(broadcast_indices(lead, hidden, self.lead))
        found: list[Any] = []
        for extent, name in zip(operand.shape, names, strict=True):
            if name is None:
                found.append(next(free))
            elif constant(extent) == 1:
                found.append(0)
            elif same_extent(extent, self.letters[name]):
                found.append(at[name])
            else:
                found.append(ar.minimum(at[name], extent - 1))
        return found


def einsum(subscripts: str, *operands: Any) -> te.Tensor:
    """The sum of products that `subscripts` says; dtypes are promoted. The block is `T_einsum`."""
    tensors: list[te.Tensor] = []
    for each in operands:
        tensors.extend(as_list(each))
    terms, right = _parse(subscripts, len(tensors))
    sizes = _Sizes(terms, tensors)
    before, _, after = _split(right)
    summed = [name for name in sizes.letters if name not in before + after]
    axes = {name: te.reduce_axis((0, sizes.letters[name]), name) for name in summed}
    lead = sizes.lead if "..." in right else []
    shape = [*[sizes.letters[c] for c in before], *lead, *[sizes.letters[c] for c in after]]

    def element(*i: Any) -> Any:
        free = i[len(before) : len(before) + len(lead)]
        at = dict(zip(before, i, strict=False))
        at.update(zip(after, i[len(before) + len(lead) :], strict=True))
        at.update({name: axis.var for name, axis in axes.items()})
        value: Any = None
        for number, tensor in enumerate(tensors):
            factor = tensor(*sizes.index(tensor, number, free, at))
            value = factor if value is None else value * factor
        return te.sum(value, list(axes.values())) if axes else value

    names = [*before, *[f"b{number}" for number in range(len(lead))], *after]
    return te.compute(shape, element, "T_einsum", "einsum", varargs_names=names)
