"""The graph pipelines by name, one comment a pass.

In: a module as it was written. Out: one whose graph functions `codegen.plan` takes.
"""

from __future__ import annotations

from pellucid.ir.transform import Pass, Sequential
from pellucid.relax import transform
from pellucid.support.errors import ConfigError, did_you_mean


def default() -> Pass:
    """What `relax.build` runs."""
    return Sequential(
        [
            # Every argument a leaf, every expression with its struct info.
            transform.Normalize(),
            # Local functions become functions of the module that are given what they captured.
            transform.LambdaLift(),
            # From here on order matters: blocks are plain.
            transform.ToNonDataflow(),
            transform.RemovePurityChecking(),
            # Outputs are allocated where the calls were, and passed along.
            transform.CallTIRRewrite(),
            # Tensors that no one outside can keep share one arena.
            transform.StaticPlanBlockMemory(),
        ],
        name="default",
    )


def plain() -> Pass:
    """Only what execution needs: nothing is fused, and every output owns its memory."""
    return Sequential([transform.Normalize(), transform.LambdaLift()], name="plain")


_PIPELINES = {"default": default, "plain": plain}


def get_pipeline(name: str = "default") -> Pass:
    """The pipeline of that name, as one pass."""
    found = _PIPELINES.get(name)
    if found is None:
        raise ConfigError(
            f"There is no pipeline {name!r}.",
            expected=", ".join(_PIPELINES),
            cure=did_you_mean(name, _PIPELINES),
        )
    return found()
