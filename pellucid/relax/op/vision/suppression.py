"""Non-maximum suppression: of boxes that overlap the best are kept."""

from __future__ import annotations

import math
from typing import Any

from pellucid.relax.expr import Call, Expr
from pellucid.relax.op.inference import Inference, as_int, tensor_of
from pellucid.relax.op.packed import call_builtin
from pellucid.relax.op.record import Tensor, op
from pellucid.relax.op.reference import np
from pellucid.relax.op.samples import case, t
from pellucid.relax.struct_info import StructInfo
from pellucid.relax.te_call import known_dims


def _info(c: Inference) -> StructInfo:
    boxes, scores = c.tensor("boxes", (3,)), c.tensor("scores", (3,))
    c.require_float("boxes")
    c.same_dtype("boxes", "scores")
    x, y = known_dims(boxes), known_dims(scores)
    if x is not None:
        c.require_equal("boxes", "must hold four numbers a box.", 4, x[2])
    if x is not None and y is not None:
        c.require_equal("scores", "has another batch extent than the boxes.", x[0], y[0])
        c.require_equal("scores", "has another number of boxes.", x[1], y[2])
    if as_int(c["max_output_boxes_per_class"]) is None or c["max_output_boxes_per_class"] < 0:
        found = c["max_output_boxes_per_class"]
        raise c.error("max_output_boxes_per_class", "must be a count.", None, found)
    return tensor_of(None, "int64", 2)


def _np_overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes (low, low, high, high)."""
    sides = [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1)]
    common = max(sides[0], 0) * max(sides[1], 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(areas) - common) if sum(areas) > common else 0.0


def _np_corners(box: Any, centered: bool) -> Any:
    if centered:
        x, y, width, height = box
        return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    return [*np.minimum(box[:2], box[2:]), *np.maximum(box[:2], box[2:])]


def _np_suppress(
    boxes: Any,
    scores: Any,
    max_output_boxes_per_class: int,
    iou_threshold: float,
    score_threshold: float,
    center_point_box: bool,
) -> Any:
    rows: list[tuple[int, ...]] = []
    for b, c in np.ndindex(scores.shape[:2]):
        corners = [_np_corners(each.astype(float), center_point_box) for each in boxes[b]]
        left: list[int] = [k for k in range(len(corners)) if scores[b, c, k] > score_threshold]
        count = 0
        while left and count < max_output_boxes_per_class:
            best = max(left, key=lambda k: (scores[b, c, k], -k))
            rows.append((b, c, best))
            count += 1
            left = [
                k
                for k in left
                if k != best and _np_overlap(corners[best], corners[k]) <= iou_threshold
            ]
    return np.array(rows, np.int64).reshape(-1, 3)


def _call(builder: Any, call: Call) -> Expr:
    del builder
    attrs = call.attrs
    least = max(float(attrs["score_threshold"]), -1e308)
    numbers = [
        int(attrs["max_output_boxes_per_class"]),
        float(attrs["iou_threshold"]),
        least,
        int(attrs["center_point_box"]),
    ]
    return call_builtin("non_max_suppression", [*call.args, *numbers], call.struct_info)


_BOXES = t("n", 6, 4, low=0, high=4)
_SCORES = t("n", 2, 6, low=0, high=1)


@op(
    "vision.non_max_suppression",
    infer=_info,
    numpy=_np_suppress,
    samples=[
        case(_BOXES, _SCORES, 3, 0.1),
        case(_BOXES, _SCORES, 10, 0.3, 0.4, center_point_box=True),
        case(_BOXES, _SCORES, 0),
    ],
    legalize=_call,
    tolerance="exact",
    attributes={"FDataDependent": True},
)
def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    max_output_boxes_per_class: int,
    iou_threshold: float = 0.0,
    score_threshold: float = -math.inf,
    center_point_box: bool = False,
) -> Any:
    """The boxes (batch, n, 4) that are kept of each class, by scores (batch, classes, n): rows
    (batch, class, box), of each class best first.

    A box is kept when its score is above `score_threshold` and no better one that is kept overlaps
    it by more than `iou_threshold` (intersection over union). Boxes are two corners, or centre and
    size with `center_point_box`. The definition is that of ONNX.
    """
    ...


__all__ = ["non_max_suppression"]
