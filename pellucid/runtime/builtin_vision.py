"""Non-maximum suppression: the boxes that are kept are decided by the data, and so is their number.

In: boxes and scores as tensors, and plain numbers. Out: rows (batch, class, box) of int64. The
function is entered in `builtin.FUNCTIONS`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.runtime import arrays
from pellucid.runtime.tensor import Tensor, array


def _corners(boxes: Any, centered: bool) -> Any:
    """Boxes as (low, low, high, high): of corners in any order, or of centre and size."""
    if centered:
        half = boxes[..., 2:] / 2
        return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1)
    first, second = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(first, second), np.maximum(first, second)], -1)


def _overlap(box: Any, others: Any) -> Any:
    """Intersection over union of a box and several."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(high - low, 0)
    common: Any = sides[:, 0] * sides[:, 1]
    sizes = others[:, 2:] - others[:, :2]
    union: Any = (box[2] - box[0]) * (box[3] - box[1]) + sizes[:, 0] * sizes[:, 1] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _kept(boxes: Any, scores: Any, most: int, iou: float, least: float) -> list[int]:
    """The boxes of one class that no better one overlaps by more than `iou`, best first."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > least]
    kept: list[int] = []
    for each in order:
        if len(kept) == most:
            break
        if not kept or (_overlap(boxes[each], boxes[kept]) <= iou).all():
            kept.append(int(each))
    return kept


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_boxes_per_class: Any,
    iou_threshold: Any,
    score_threshold: Any,
    center_point_box: Any = 0,
) -> Tensor:
    """The boxes (batch, n, 4) that are kept of each class, by scores (batch, classes, n): rows
    (batch, class, box), of each class best first.
    """
    given, score = (
        arrays.numpy_view(each.handle) if isinstance(each, Tensor) else np.asarray(each)
        for each in (boxes, scores)
    )
    corners = _corners(given.astype(np.float64), bool(int(center_point_box)))
    limits = (int(max_output_boxes_per_class), float(iou_threshold), float(score_threshold))
    rows = [
        (b, c, box)
        for b, c in np.ndindex(score.shape[:2])
        for box in _kept(corners[b], score[b, c].astype(np.float64), *limits)
    ]
    return array(np.array(rows, np.int64).reshape(-1, 3))
