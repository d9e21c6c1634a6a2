"""The labelled images that a data folder holds, for documents that ask for Fashion-MNIST.

In: a folder. Out: images as (n, 28, 28) uint8 and labels as (n,) int64. Two forms are read: the
data set's own idx files, packed or not, and the picture of 900 test images that the data set's
repository shows, a 30 × 30 grid in which each class fills three rows.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.compat.documents.document import DocumentError

SIDE = 28
GRID = 30
ROWS_PER_CLASS = 3
SPRITE = "sprite.png"
UNSIGNED_BYTE = 0x08

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Images:
    """Images, their labels, and where they came from."""

    pixels: Array
    labels: Array
    source: Path


def find_images(folder: Path | None, train: bool) -> Images:
    """The training or test images below `folder`; a `DocumentError` says what is missing."""
    names = ("train" if train else "t10k", "training" if train else "test")
    if folder is not None:
        for pixels in _named(folder, f"{names[0]}-images-idx3-ubyte"):
            labels = _beside(pixels, f"{names[0]}-labels-idx1-ubyte")
            if labels is not None:
                return _from_idx(pixels, labels)
        if not train:
            for sprite in _named(folder, SPRITE):
                return _from_sprite(sprite)
    raise DocumentError(
        f"The {names[1]} images of Fashion-MNIST are not here.",
        expected=f"{names[0]}-images-idx3-ubyte and {names[0]}-labels-idx1-ubyte, packed or not"
        + ("" if train else f", or the picture {SPRITE}"),
        found="no data folder" if folder is None else f"neither below {folder}",
        cure="name the folder that holds them: --data DIR",
    )


def _named(folder: Path, name: str) -> Iterator[Path]:
    for ending in ("", ".gz"):
        yield from sorted(folder.rglob(name + ending))


def _beside(file: Path, name: str) -> Path | None:
    return next(
        (each for each in (file.parent / name, file.parent / f"{name}.gz") if each.is_file()), None
    )


def _from_idx(pixels: Path, labels: Path) -> Images:
    images, classes = read_idx(pixels), read_idx(labels)
    if images.ndim != 3 or classes.ndim != 1 or len(images) != len(classes):
        raise DocumentError(
            "These files of images and labels do not belong together.",
            expected="n images of three dimensions, and n labels",
            found=f"shapes {images.shape} and {classes.shape} in {pixels.parent}",
        )
    return Images(images, classes.astype("int64"), pixels)


def read_idx(file: Path) -> Array:
    """The uint8 array of an idx file, which may be packed with gzip."""
    data = file.read_bytes()
    try:
        data = gzip.decompress(data) if file.suffix == ".gz" else data
        zero, kind, rank = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    except (struct.error, OSError, EOFError) as error:
        raise DocumentError("This idx file is damaged.", found=f"{file}: {error}") from None
    body = data[4 + 4 * rank :]
    count = int(np.prod(shape, dtype=np.int64))
    if zero != 0 or kind != UNSIGNED_BYTE or len(body) != count:
        raise DocumentError(
            "This idx file is damaged.",
            expected=f"{count} bytes, as its header {shape} says",
            found=f"{len(body)} bytes of kind {kind:#04x} in {file}",
        )
    return np.frombuffer(body, np.uint8).reshape(shape).copy()


def _from_sprite(file: Path) -> Images:
    # Pillow comes with matplotlib, whose extra (`viz`) documents with pictures need anyway.
    from PIL import Image

    with Image.open(file) as picture:
        grey = np.asarray(picture.convert("RGB"), dtype=np.uint8)[..., 0]
    if grey.shape != (SIDE * GRID, SIDE * GRID):
        raise DocumentError(
            "This picture is not the one of 900 Fashion-MNIST images.",
            expected=f"{SIDE * GRID} × {SIDE * GRID} pixels",
            found=f"{grey.shape[1]} × {grey.shape[0]} pixels in {file}",
        )
    tiles = grey.reshape(GRID, SIDE, GRID, SIDE).swapaxes(1, 2)
    labels = np.repeat(np.arange(GRID, dtype=np.int64) // ROWS_PER_CLASS, GRID)
    return Images(np.ascontiguousarray(tiles.reshape(-1, SIDE, SIDE)), labels, file)
