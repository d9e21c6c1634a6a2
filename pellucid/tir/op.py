"""Every function that builds a scalar intrinsic, in one place; see the files it comes from."""

from __future__ import annotations

from pellucid.tir.op_calls import *  # noqa: F403
from pellucid.tir.op_integer import *  # noqa: F403
from pellucid.tir.op_math import *  # noqa: F403
from pellucid.tir.op_stack import *  # noqa: F403
