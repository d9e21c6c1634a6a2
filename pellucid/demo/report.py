"""What a run of the demo found, and whether that is as it should be.

In: the figures that `run.py` measures. Out: a list of faults, and JSON-able data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

LEAST_ACCURACY = 0.95
# Two ways of adding the same 128 products differ by rounding; scores are of the order of ten.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Report:
    """What one run of the demo found. Times are medians in microseconds."""

    images: int
    right: int
    largest_difference: float
    same_predictions: int
    compile_seconds: float
    one_image_us: float
    one_image_numpy_us: float
    batch_image_us: float
    batch_image_numpy_us: float
    script: str

    @property
    def accuracy(self) -> float:
        """The share of held-out images that are classified rightly."""
        return self.right / self.images

    def faults(self) -> list[str]:
        """What is wrong with this run; empty when all is well."""
        found: list[str] = []
        if self.accuracy < LEAST_ACCURACY:
            found.append(f"accuracy {self.accuracy:.1%} is below {LEAST_ACCURACY:.0%}")
        if self.same_predictions < self.images:
            found.append(f"{self.images - self.same_predictions} predictions differ from NumPy's")
        if self.largest_difference > TOLERANCE:
            found.append(f"scores differ from NumPy's by up to {self.largest_difference:g}")
        return found

    def to_json(self) -> dict[str, object]:
        """The report as JSON-able data."""
        return {**asdict(self), "accuracy": self.accuracy, "faults": self.faults()}
