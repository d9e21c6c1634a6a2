"""What the course documents' models run on: their weights and real images, from the folder beside
the project.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.compat.array_pickle import load_arrays

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TILE = 28
GRID = 30


def require_data() -> Path:
    """The data folder; without it the test is skipped, and says so."""
    if not DATA.is_dir():
        pytest.skip("the folder ../shared/data is not here")
    return DATA


@pytest.fixture(scope="session")
def mlp_params() -> dict[str, np.ndarray]:
    """w0 (128, 784), b0 (128,), w1 (10, 128), b1 (10,), float32."""
    return load_arrays(require_data() / "fasionmnist_mlp_params.pkl")


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """The 900 images, (900, 784) float32 from 0 to 1."""
    picture = pytest.importorskip("matplotlib.image")
    sprite = picture.imread(require_data() / "fashion-mnist-sample" / "sprite.png")
    grey = np.asarray(sprite[..., 0], dtype=np.float32)
    tiles = grey.reshape(GRID, TILE, GRID, TILE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles.reshape(GRID * GRID, TILE * TILE))


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    """The class of each image: the grid row divided by three."""
    return np.repeat(np.arange(GRID) // 3, GRID)


@pytest.fixture(scope="session")
def expected(images: np.ndarray, mlp_params: dict[str, np.ndarray]) -> np.ndarray:
    """The scores of the two-layer network in NumPy, (900, 10)."""
    hidden = np.maximum(images @ mlp_params["w0"].T + mlp_params["b0"], 0)
    return hidden @ mlp_params["w1"].T + mlp_params["b1"]
