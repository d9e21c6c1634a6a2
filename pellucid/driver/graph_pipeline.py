"""The graph pipelines by name, one comment a pass.

In: a module as it was written. Out: one whose graph functions `codegen.plan` takes.
"""

from __future__ import annotations

from pellucid.ir.transform import Pass, Sequential
from pellucid.relax import transform
from pellucid.support.errors import ConfigError, did_you_mean


def fusion() -> Pass:
    """From operators to loop functions, each of which does as much as can be done at once."""
    return Sequential(
        [
            # A batch norm behind a convolution of constant weights costs nothing.
            transform.FoldBatchnormToConv2D(),
            # What depends on constants alone is computed now, operators by their NumPy meaning ...
            transform.FoldConstant(),
            # Operators become calls of loop functions; one without a rule is an error.
            transform.LegalizeOps(strict=True),
            # Loop functions say what kind of operator they compute.
            transform.AnnotateTIROpPattern(),
            # ... and loop functions that the user lowered to by interpreting them.
            transform.FoldConstant(),
            # What nothing needs would keep apart what belongs together.
            transform.DeadCodeElimination(),
            # Calls that belong together get a function of their own ...
            transform.FuseOps(),
            # ... which becomes one loop function.
            transform.FuseTIR(),
        ],
        name="fusion",
    )


def default() -> Pass:
    """What `relax.build` runs."""
    return Sequential(
        [
            # Every argument a leaf, every expression with its struct info.
            transform.Normalize(),
            # What has no effects may be computed together, wherever it was written.
            transform.ConvertToDataflow(min_size=1),
            # What belongs together is computed together.
            fusion(),
            # A loop function that only reshapes becomes a view of the same memory ...
            transform.RewriteDataflowReshape(),
            # ... and is compiled only where something still calls it.
            transform.DeadCodeElimination(),
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
