"""A matplotlib backend without a screen: `plt.show()` hands the open figures to the document.

matplotlib finds it by its name, `module://pellucid.compat.documents.figure_backend`. Out: each open
figure as a PNG, given to the last of `figures.receivers`.
"""

from __future__ import annotations

import io
from typing import Any, cast

from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pellucid.compat.documents.figures import receivers

FigureCanvas = FigureCanvasAgg
"""The name by which matplotlib looks for a backend's canvas."""


def show(*_args: Any, **_options: Any) -> None:
    """Draw every open figure, hand it over and close it."""
    plots = cast("Any", pyplot)
    for number in plots.get_fignums():
        figure = plots.figure(number)
        file = io.BytesIO()
        figure.savefig(file, format="png", bbox_inches="tight")
        plots.close(figure)
        if receivers:
            width, height = figure.canvas.get_width_height()
            receivers[-1](file.getvalue(), int(width), int(height))
