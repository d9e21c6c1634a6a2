"""Annotations of blocks and loops: hints that do not change the meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pellucid.ir.attrs import freeze
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.structural import structural_equal
from pellucid.support.errors import did_you_mean
from pellucid.tir.schedule.core import ScheduleCore
from pellucid.tir.schedule.edit import replace
from pellucid.tir.schedule.primitive import primitive
from pellucid.tir.schedule.refusal import Refused
from pellucid.tir.schedule.rv import BlockRV, LoopRV
from pellucid.tir.schedule.tree import Spot


class AnnotationPrimitives(ScheduleCore):
    """`annotate` and `unannotate`."""

    @primitive
    def annotate(self, block_or_loop: BlockRV | LoopRV | str, ann_key: str, ann_val: Any) -> None:
        """Set the annotation `ann_key` of a block or loop.

        `ann_val` is a string, a number (drawn ones too), or a list or dict of them.

            for i in range(8):       →    for i in T.serial(8, annotations={"pragma_unroll": 4}):

            >>> sch = Schedule(elementwise)
            >>> i, j = sch.get_loops("B")
            >>> sch.annotate(i, "note", 4)

        Conditions: the key is not set to another value.
        """
        spot = self.spot(block_or_loop)
        value = freeze(self._value(ann_val))
        annotations = _annotations(spot)
        if ann_key in annotations:
            old = annotations[ann_key]
            if not _same(old, value):
                raise Refused(
                    f"{spot.name!r} has the annotation {ann_key!r} with another value",
                    spot,
                    expected=repr(old),
                    found=repr(value),
                    cure="remove it first with unannotate",
                )
            return
        self._set(spot, block_or_loop, annotations.updated({ann_key: value}))

    def _value(self, value: Any) -> Any:
        """A value with drawn numbers looked up."""
        if isinstance(value, PrimExpr):
            return self.number(value)
        if isinstance(value, list | tuple):
            return [self._value(each) for each in cast("list[Any]", value)]
        if isinstance(value, Mapping):
            table = cast("Mapping[str, Any]", value)
            return {key: self._value(each) for key, each in table.items()}
        return value

    @primitive
    def unannotate(self, block_or_loop: BlockRV | LoopRV | str, ann_key: str) -> None:
        """Remove the annotation `ann_key` of a block or loop.

            >>> sch = Schedule(elementwise)
            >>> sch.annotate("B", "note", 4)
            >>> sch.unannotate("B", "note")

        Conditions: the key is set.
        """
        spot = self.spot(block_or_loop)
        annotations = _annotations(spot)
        if ann_key not in annotations:
            raise Refused(
                f"{spot.name!r} has no annotation {ann_key!r}",
                spot,
                found=", ".join(annotations) or "no annotations",
                cure=did_you_mean(ann_key, annotations),
            )
        self._set(spot, block_or_loop, annotations.without(ann_key))

    def _set(self, spot: Spot, reference: BlockRV | LoopRV | str, annotations: Any) -> None:
        name = self.name_of(reference)
        node: Any = spot.loop if spot.is_loop else spot.block
        table = {node: node.replace(annotations=annotations)}
        self.commit(name, replace(self.tree(name).func.body, table))


def _annotations(spot: Spot) -> Any:
    return spot.loop.annotations if spot.is_loop else spot.block.annotations


def _same(a: Any, b: Any) -> bool:
    try:
        return structural_equal(a, b)
    except TypeError:
        return a is b
