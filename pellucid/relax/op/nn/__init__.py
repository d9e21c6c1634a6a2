"""Operators of neural networks: `relax.op.nn.conv2d(x, w)`, in scripts `R.nn.conv2d(x, w)`."""

from pellucid.relax.op.nn.activation import *  # noqa: F403
from pellucid.relax.op.nn.attention import *  # noqa: F403
from pellucid.relax.op.nn.convolution import *  # noqa: F403
from pellucid.relax.op.nn.loss import *  # noqa: F403
from pellucid.relax.op.nn.normalization import *  # noqa: F403
from pellucid.relax.op.nn.pooling import *  # noqa: F403
from pellucid.relax.op.nn.rearrange import *  # noqa: F403
