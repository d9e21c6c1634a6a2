"""Schedules: changing how loop programs run, step by step, with checks and a history."""

from pellucid.support.errors import ScheduleError
from pellucid.tir.schedule.instruction import Instruction
from pellucid.tir.schedule.intrin import TensorIntrin
from pellucid.tir.schedule.reducers import register_reducer
from pellucid.tir.schedule.rv import BlockRV, ExprRV, LoopRV
from pellucid.tir.schedule.schedule import Schedule
from pellucid.tir.schedule.trace import Trace
from pellucid.tir.schedule.verdict import ValidationError, Verdict

__all__ = [
    "BlockRV",
    "ExprRV",
    "Instruction",
    "LoopRV",
    "Schedule",
    "ScheduleError",
    "TensorIntrin",
    "Trace",
    "ValidationError",
    "Verdict",
    "register_reducer",
]
