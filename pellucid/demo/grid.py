"""A picture of images with what the classifier says they are (needs matplotlib).

In: images, labels, predictions. Out: a PNG file.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.demo.data import WHITE

ROWS, COLUMNS = 6, 12


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def chosen(labels: NDArray[np.uint8], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which images to draw: every wrong one first, then right ones, as many as there is room."""
    wrong = np.flatnonzero(predicted != labels)
    right = np.flatnonzero(predicted == labels)
    return np.concatenate([wrong, right])[: ROWS * COLUMNS]


def draw_grid(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    predicted: NDArray[np.int64],
    file: Path,
) -> None:
    """Write `file` (PNG): images (n, 8, 8) with the predicted digit above each, in red where it is
    not the one on the image.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # matplotlib's own type annotations are partial.
    figure: Any = Figure(figsize=(COLUMNS * 0.8, ROWS * 0.95), layout="constrained")
    FigureCanvasAgg(figure)
    for place, index in enumerate(chosen(labels, predicted)):
        axes = figure.add_subplot(ROWS, COLUMNS, place + 1)
        axes.imshow(images[index], cmap="gray_r", vmin=0, vmax=WHITE)
        axes.set_axis_off()
        said, truth = int(predicted[index]), int(labels[index])
        text = f"{said}" if said == truth else f"{said}, is {truth}"
        axes.set_title(text, fontsize=10, color="black" if said == truth else "crimson")
    figure.savefig(file, dpi=120)
