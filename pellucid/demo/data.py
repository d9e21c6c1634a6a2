"""The demo's trained weights and held-out images, as they are shipped with the package.

In: `digits.safetensors` beside this file, written by `tools/train_demo.py`. Out: `Digits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

FILE = Path(__file__).with_name("digits.safetensors")
WEIGHTS = ("w0", "b0", "w1", "b1")
# Pixels are whole numbers from 0 to 16.
WHITE = 16


@dataclass(frozen=True)
class Digits:
    """A trained 64-128-10 classifier of handwritten digits and images that it has never seen.

    `weights`: w0 (128, 64), b0 (128,), w1 (10, 128), b1 (10,), float32.
    `images`: (n, 8, 8) uint8, 0..16. `labels`: (n,) uint8, the digit on each.
    """

    weights: dict[str, NDArray[np.float32]]
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def inputs(self) -> NDArray[np.float32]:
        """The images as the classifier takes them: (n, 64) float32 in 0..1."""
        flat = self.images.reshape(len(self.images), -1)
        return np.divide(flat, WHITE, dtype=np.float32)


def load_digits() -> Digits:
    """The shipped weights and images."""
    arrays = load(FILE.read_bytes())
    return Digits({name: arrays[name] for name in WEIGHTS}, arrays["images"], arrays["labels"])


def reference_scores(
    weights: dict[str, NDArray[np.float32]], x: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same classifier in NumPy: scores (n, 10) of inputs `x` (n, 64)."""
    hidden = np.maximum(x @ weights["w0"].T + weights["b0"], np.float32(0))
    return hidden @ weights["w1"].T + weights["b1"]
