"""What `import torchvision` gives to a document where the package, or its data, is not there.

In: the data folder. Out: a module with `datasets.FashionMNIST` and the few `transforms` that
documents use on it, in the package's own spelling. Every use of something else names the cure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from pellucid.compat.documents.images import Images, find_images
from pellucid.support.errors import TypeMismatchError, UnsupportedError

CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]

Note = Callable[[str], None]
Transform = Callable[[Any], Any]


class Compose:
    """Transforms one after another."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, value: Any) -> Any:
        """What the last transform gives."""
        for each in self.transforms:
            value = each(value)
        return value


class ToTensor:
    """A picture (h, w) or (h, w, c) of bytes as a torch tensor (c, h, w), float32 from 0 to 1."""

    def __call__(self, picture: Any) -> Any:
        """The tensor; floats are moved as they are."""
        import torch

        array = np.asarray(picture)
        if array.ndim not in (2, 3):
            raise TypeMismatchError(
                "ToTensor takes a picture.", expected="2 or 3 dimensions", found=str(array.ndim)
            )
        planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        # Written out for torch: from_numpy needs its own, writable memory.
        tensor: Any = cast("Any", torch).from_numpy(np.array(planes, order="C"))
        return tensor.float().div(255) if array.dtype == np.uint8 else tensor


class Normalize:
    """(x - mean) / std for each channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        del inplace
        self.mean, self.std = list(mean), list(std)

    def __call__(self, tensor: Any) -> Any:
        """The normalized tensor."""
        mean, std = (tensor.new_tensor(each).view(-1, 1, 1) for each in (self.mean, self.std))
        return (tensor - mean) / std


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Transform) -> None:
        self.lambd = lambd

    def __call__(self, value: Any) -> Any:
        """What the function gives."""
        return self.lambd(value)


class LocalFashionMNIST:
    """Fashion-MNIST as the data folder has it: `data[i]` is the picture and its class."""

    classes = CLASSES

    def __init__(
        self,
        images: Images,
        train: bool,
        transform: Transform | None,
        target_transform: Transform | None,
    ) -> None:
        self.images = images
        self.train = train
        self.transform = transform
        self.target_transform = target_transform

    @property
    def data(self) -> Any:
        """All pictures as a torch tensor (n, 28, 28) of bytes."""
        import torch

        return cast("Any", torch).from_numpy(self.images.pixels)

    @property
    def targets(self) -> Any:
        """All classes as a torch tensor (n,)."""
        import torch

        return cast("Any", torch).from_numpy(self.images.labels)

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.images.labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The picture, transformed, and its class."""
        from PIL import Image

        picture: Any = Image.fromarray(self.images.pixels[index])
        label: Any = int(self.images.labels[index])
        if self.transform is not None:
            picture = self.transform(picture)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return picture, label


def fashion_mnist(folder: Path | None, note: Note, real: Any = None) -> Callable[..., Any]:
    """`FashionMNIST` for a document: the real class where its data is, else what `folder` holds."""

    def load(
        root: str | Path = "data",
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        download: bool = False,
    ) -> Any:
        del download
        if real is not None:
            try:
                return real(root, train, transform, target_transform, download=False)
            except RuntimeError:
                # The package says so where its files are not below `root`.
                note("torchvision has no Fashion-MNIST here; the images of --data stand in")
        images = find_images(folder, train)
        note(f"FashionMNIST serves the {len(images.labels)} images of {images.source.name}")
        return LocalFashionMNIST(images, train, transform, target_transform)

    load.__name__ = load.__qualname__ = "FashionMNIST"
    return load


def stand_in(folder: Path | None, note: Note) -> ModuleType:
    """The module in the place of a torchvision that cannot be imported."""
    module = _module("torchvision", "datasets", "transforms", "__version__")
    transforms = _module("torchvision.transforms", "Compose", "ToTensor", "Normalize", "Lambda")
    transforms.__dict__.update(
        Compose=Compose, ToTensor=ToTensor, Normalize=Normalize, Lambda=Lambda
    )
    datasets = _module("torchvision.datasets", "FashionMNIST")
    datasets.__dict__["FashionMNIST"] = fashion_mnist(folder, note)
    module.__dict__.update(datasets=datasets, transforms=transforms, __version__="0")
    return module


def overlay(real: ModuleType, folder: Path | None, note: Note) -> ModuleType:
    """The real package, whose `FashionMNIST` falls back to `folder`."""
    module, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    module.__dict__.update(vars(real))
    inner: ModuleType = real.datasets
    datasets.__dict__.update(vars(inner))
    datasets.__dict__["FashionMNIST"] = fashion_mnist(folder, note, inner.FashionMNIST)
    module.__dict__["datasets"] = datasets
    return module


def _module(name: str, *known: str) -> ModuleType:
    """A module that names the cure for each name that it does not have."""
    module = ModuleType(name)

    def missing(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise UnsupportedError(
            f"{name}.{attribute} needs the real torchvision, which cannot be imported here.",
            expected="one of " + ", ".join(each for each in known if not each.startswith("_")),
            cure="install the torchvision that fits your torch",
        )

    module.__dict__["__getattr__"] = missing
    return module
