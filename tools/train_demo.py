"""Train the classifier that `pellucid demo` compiles, and write it with its held-out images.

In: scikit-learn's copy of the Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak;
UCI, 1998; CC BY 4.0): 1,797 grey images of 8×8 pixels with values 0..16.
Out: `pellucid/demo/digits.safetensors` with

    w0 (128, 64), b0 (128,), w1 (10, 128), b1 (10,)   float32, the trained weights
    images (360, 8, 8), labels (360,)                 uint8, never seen in training

Usage: python tools/train_demo.py [--out FILE] [--seed 7] [--epochs 400]

Everything is drawn from one seed, so the same versions of NumPy and scikit-learn write the same
file. A classifier below 97 % on the held-out images is refused.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

Floats = NDArray[np.float32]
OUT = Path(__file__).resolve().parent.parent / "pellucid" / "demo" / "digits.safetensors"
HELD_OUT = 360
HIDDEN = 128
LEAST_ACCURACY = 0.97


@dataclass
class Adam:
    """Adam (Kingma and Ba, 2015) over a dict of arrays, with decoupled weight decay."""

    rate: float = 2e-3
    decay: float = 1e-4
    step: int = 0
    mean: dict[str, Floats] = field(default_factory=dict)
    square: dict[str, Floats] = field(default_factory=dict)

    def update(self, params: dict[str, Floats], grads: dict[str, Floats]) -> None:
        """Move every parameter one step against its gradient, in place."""
        self.step += 1
        for name, grad in grads.items():
            mean = self.mean.setdefault(name, np.zeros_like(grad))
            square = self.square.setdefault(name, np.zeros_like(grad))
            mean += 0.1 * (grad - mean)
            square += 0.001 * (grad * grad - square)
            unbiased = mean / (1 - 0.9**self.step)
            scale = np.sqrt(square / (1 - 0.999**self.step)) + 1e-8
            params[name] -= self.rate * (unbiased / scale + self.decay * params[name])


def forward(params: dict[str, Floats], x: Floats) -> tuple[Floats, Floats]:
    """The hidden activations (n, 128) and the scores (n, 10) of images `x` (n, 64) in 0..1."""
    hidden = np.maximum(x @ params["w0"].T + params["b0"], 0)
    return hidden, hidden @ params["w1"].T + params["b1"]


def gradients(params: dict[str, Floats], x: Floats, labels: NDArray[np.int64]) -> dict[str, Floats]:
    """The gradient of the mean cross entropy, by hand."""
    hidden, scores = forward(params, x)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    error = odds / odds.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    back = (error @ params["w1"]) * (hidden > 0)
    return {
        "w0": back.T @ x,
        "b0": back.sum(axis=0),
        "w1": error.T @ hidden,
        "b1": error.sum(axis=0),
    }


def shifted(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each image moved by at most one pixel each way; what leaves the frame is lost."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, columns = rng.integers(0, 3, (2, len(images)))
    span = np.arange(8)
    which = np.arange(len(images))[:, None, None]
    return padded[which, (rows[:, None] + span)[:, :, None], (columns[:, None] + span)[:, None, :]]


def train(
    images: NDArray[np.uint8], labels: NDArray[np.int64], epochs: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Weights of a 64-128-10 multilayer perceptron trained on `images` (n, 8, 8)."""
    params: dict[str, Floats] = {
        "w0": rng.normal(0, np.sqrt(2 / 64), (HIDDEN, 64)).astype("float32"),
        "b0": np.zeros(HIDDEN, "float32"),
        "w1": rng.normal(0, np.sqrt(2 / HIDDEN), (10, HIDDEN)).astype("float32"),
        "b1": np.zeros(10, "float32"),
    }
    optimizer = Adam()
    for epoch in range(epochs):
        optimizer.rate = 2e-3 * (1 - epoch / epochs)
        # Every second epoch sees the images moved a little, which is what keeps it from learning
        # single pixels by heart.
        seen = shifted(images, rng) if epoch % 2 else images
        for batch in np.array_split(rng.permutation(len(seen)), len(seen) // 48):
            x = (seen[batch].reshape(-1, 64) / 16).astype("float32")
            optimizer.update(params, gradients(params, x, labels[batch]))
    return params


def main() -> None:
    """Train, check, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=400)
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    images = digits.images.astype("uint8")
    labels = digits.target.astype("int64")

    params = train(images[training], labels[training], options.epochs, rng)
    x = (images[held_out].reshape(-1, 64) / 16).astype("float32")
    predicted = forward(params, x)[1].argmax(axis=1)
    right = int((predicted == labels[held_out]).sum())
    print(f"{right} of {HELD_OUT} held-out images ({right / HELD_OUT:.1%})")
    if right < LEAST_ACCURACY * HELD_OUT:
        raise SystemExit(f"refused: below {LEAST_ACCURACY:.0%}; train longer or change the seed")

    tensors = {name: np.ascontiguousarray(value, "float32") for name, value in params.items()}
    tensors["images"] = np.ascontiguousarray(images[held_out])
    tensors["labels"] = labels[held_out].astype("uint8")
    save_file(
        tensors,
        options.out,
        metadata={
            "source": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI",
            "licence": "CC BY 4.0",
            "pixels": "0..16; divide by 16 before use",
        },
    )
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
