"""Operators of object detection: `relax.op.vision.roi_align(x, rois, (7, 7))`."""

from pellucid.relax.op.vision.roi import *  # noqa: F403
from pellucid.relax.op.vision.suppression import *  # noqa: F403
