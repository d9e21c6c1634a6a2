"""`tvm.meta_schedule`: the records of the tuner's options. The tuner itself is not built yet.

`TuneConfig` and a `space` of schedules can be made; whatever would search says at its use what to
do instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pellucid.compat.tvm.absent import Absent
from pellucid.support.errors import UnsupportedError

_CURE = "schedule by hand: sch = tvm.tir.Schedule(mod), then its primitives"
_TUNERS = ("tune_tir", "tune_relax", "tune_te", "tune_relay", "tune_tasks")
_PARTS = (
    "Database", "JSONDatabase", "MemoryDatabase", "ScheduleRule", "Mutator", "Postproc",
    "SearchStrategy", "ReplayTrace", "EvolutionarySearch", "SpaceGenerator", "ScheduleFn",
    "PostOrderApply", "CostModel", "Runner", "LocalRunner", "RPCRunner", "Builder", "LocalBuilder",
    "TaskScheduler", "TuneContext", "MeasureCallback", "FeatureExtractor", "Profiler",
    "ArgInfo", "TensorInfo", "TuningRecord", "ExtractedTask", "MultiLevelTilingReuseType",
    "arg_info", "builder", "cost_model", "database", "extracted_task", "feature_extractor",
    "measure_callback", "mutator", "postproc", "profiler", "relax_integration", "runner",
    "schedule", "schedule_rule", "search_strategy", "space_generator", "task_scheduler", "testing",
    "tir_integration", "tune", "tune_context", "utils",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """How long the tuner of the first generation searches."""

    max_trials_global: int = 64
    num_trials_per_iter: int = 64
    max_trials_per_task: int | None = None
    strategy: str = "evolutionary"
    task_scheduler: str = "gradient"


def _tuner(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **options: Any) -> Any:
        raise UnsupportedError(
            f"meta_schedule.{name}: the tuner is not part of this version.", cure=_CURE
        )

    refuse.__name__ = name
    refuse.__doc__ = "Says that the tuner is not part of this version."
    return refuse


globals().update({name: _tuner(name) for name in _TUNERS})
globals().update({name: Absent(f"meta_schedule.{name}", _CURE) for name in _PARTS})

__all__ = sorted(["TuneConfig", *_TUNERS, *_PARTS])  # pyright: ignore[reportUnsupportedDunderAll]
