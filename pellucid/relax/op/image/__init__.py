"""Operators on images: `relax.op.image.resize2d(x, (32, 32))`."""

from pellucid.relax.op.image.resize import *  # noqa: F403
from pellucid.relax.op.image.sampling import *  # noqa: F403
