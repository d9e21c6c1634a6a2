"""What documents get for torchvision and pickle: the real thing where it is, else --data."""

from __future__ import annotations

import gzip
import pickle
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pellucid.compat.documents import DocumentError, Report, read_document, run_document
from pellucid.compat.documents.images import find_images, read_idx

torch = pytest.importorskip("torch")
pytest.importorskip("PIL")


def run(folder: Path, code: str, data: Path | None = None) -> Report:
    file = folder / "page.md"
    file.write_text(f"```python\n{code}\n```\n", "utf-8")
    return run_document(read_document(file), data=data)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


@pytest.fixture
def data(tmp_path) -> Path:
    """Three test images in idx files, the labels packed."""
    folder = tmp_path / "data"
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    (raw / "t10k-images-idx3-ubyte").write_bytes(idx(images))
    labels = idx(np.array([7, 0, 9], np.uint8))
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder of packages; those named torchvision are forgotten afterwards."""
    folder = tmp_path / "packages"
    (folder / "torchvision").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    yield folder / "torchvision"
    for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


LOAD = """import torchvision
from torchvision import transforms as t
from torchvision.transforms import Compose
import torchvision.datasets as d
data = d.FashionMNIST(root="data", train=False, download=True, transform=t.ToTensor())
picture, label = data[0]
"""


def broken(package: Path) -> None:
    """A build of the package that does not fit the installed torch."""
    (package / "__init__.py").write_text("raise RuntimeError('operator nms does not exist')\n")


def test_idx_files(tmp_path, data, packages) -> None:
    broken(packages)
    code = (
        LOAD
        + "picture.shape, str(picture.dtype), label, len(data), float(picture.max()), t.Compose"
    )
    report = run(tmp_path, code, data)
    assert report.ok, report.cell(1).text
    shape = "(torch.Size([1, 28, 28]), 'torch.float32', 7, 3, 1.0, "
    assert report.cell(1).outputs[-1].text.startswith(shape)
    assert report.notes == [
        "torchvision cannot be imported (operator nms does not exist); a stand-in",
        "FashionMNIST serves the 3 images of t10k-images-idx3-ubyte",
    ]


def test_pictures_without_a_transform(tmp_path, data, packages) -> None:
    broken(packages)
    code = (
        "from torchvision.datasets import FashionMNIST\n"
        "d = FashionMNIST('x', train=False, target_transform=str)\n"
        "d[1][0].size, d[1][0].mode, d[1][1], d.data.shape, d.targets.tolist(), d.classes[9]"
    )
    report = run(tmp_path, code, data)
    assert report.cell(1).outputs[-1].text == (
        "((28, 28), 'L', '0', torch.Size([3, 28, 28]), [7, 0, 9], 'Ankle boot')"
    )


def test_transforms(tmp_path, packages) -> None:
    broken(packages)
    code = (
        "import numpy as np\nfrom torchvision import transforms as t\n"
        "f = t.Compose([t.ToTensor(), t.Normalize((0.5,), (0.5,)), t.Lambda(lambda x: x * 2)])\n"
        "f(np.array([[0, 255]], np.uint8)).tolist(), t.ToTensor()(np.ones((2, 3, 4))).shape"
    )
    report = run(tmp_path, code)
    assert report.cell(1).outputs[-1].text == "([[[-2.0, 2.0]]], torch.Size([4, 2, 3]))"


def test_what_the_stand_in_lacks_names_the_cure(tmp_path, packages) -> None:
    broken(packages)
    text = run(tmp_path, "import torchvision\ntorchvision.models.resnet18()").cell(1).text
    assert "torchvision.models needs the real torchvision, which cannot be imported here." in text
    assert "cure: install the torchvision that fits your torch" in text


REAL = """
class FashionMNIST:
    classes = ["real"]
    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        assert not download, "nothing may be downloaded"
        if root != "here":
            raise RuntimeError("Dataset not found.")
        self.transform = transform
    def __len__(self):
        return 1
    def __getitem__(self, index):
        return "real", 0
"""


@pytest.fixture
def real(packages) -> None:
    """A package of that name that can be imported, and has its data in the folder `here`."""
    for part in ("datasets", "transforms"):
        (packages / part).mkdir()
        (packages / part / "__init__.py").write_text(REAL if part == "datasets" else "Real = 1\n")
    (packages / "__init__.py").write_text("from torchvision import datasets, transforms\n")


@pytest.mark.usefixtures("real")
def test_the_real_package_serves_its_data(tmp_path, data) -> None:
    code = (
        "import torchvision\nfrom torchvision.transforms import Real\n"
        "torchvision.datasets.FashionMNIST('here', train=False, download=True)[0]"
    )
    report = run(tmp_path, code, data)
    assert report.cell(1).outputs[-1].text == "('real', 0)"
    assert report.notes == []


@pytest.mark.usefixtures("real")
def test_the_real_package_without_its_data(tmp_path, data) -> None:
    code = (
        "import torchvision.datasets\nlen(torchvision.datasets.FashionMNIST('there', train=False))"
    )
    report = run(tmp_path, code, data)
    assert report.cell(1).outputs[-1].text == "3"
    assert report.notes == [
        "torchvision has no Fashion-MNIST here; the images of --data stand in",
        "FashionMNIST serves the 3 images of t10k-images-idx3-ubyte",
    ]


def test_the_sprite(shared) -> None:
    images = find_images(shared / "data", train=False)
    assert images.pixels.shape == (900, 28, 28)
    assert images.source.name == "sprite.png"
    np.testing.assert_array_equal(np.bincount(images.labels), [90] * 10)
    assert (images.labels[:90] == 0).all()


def test_images_that_are_not_there(tmp_path, shared) -> None:
    with pytest.raises(DocumentError) as error:
        find_images(None, train=False)
    assert str(error.value) == (
        "The test images of Fashion-MNIST are not here.\n"
        "  expected: t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, packed or not, "
        "or the picture sprite.png\n"
        "  found: no data folder\n"
        "  cure: name the folder that holds them: --data DIR"
    )
    with pytest.raises(DocumentError, match="training images of Fashion-MNIST are not here"):
        find_images(shared / "data", train=True)


def test_pictures_of_another_size_are_not_the_sprite(tmp_path) -> None:
    from PIL import Image

    Image.new("RGB", (10, 20)).save(tmp_path / "sprite.png")
    with pytest.raises(DocumentError, match="not the one of 900 Fashion-MNIST images"):
        find_images(tmp_path, train=False)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", idx(np.zeros(4, np.uint8))[:-1], b"\0\0\x0d\1\0\0\0\0"]
)
def test_damaged_idx_files(tmp_path, content) -> None:
    file = tmp_path / "t10k-labels-idx1-ubyte"
    file.write_bytes(content)
    with pytest.raises(DocumentError, match="idx file is damaged"):
        read_idx(file)


def test_images_and_labels_that_do_not_belong_together(tmp_path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 28, 28), np.uint8)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, np.uint8)))
    with pytest.raises(DocumentError, match="do not belong together"):
        find_images(tmp_path, train=False)


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize(
    "load",
    [
        "import pickle as p\np.load(open('x.pkl', 'rb'))",
        "from pickle import load\nload(open('x.pkl', 'rb'))",
        "import pickle\npickle.loads(open('x.pkl', 'rb').read())",
        "def f():\n    import _pickle\n    return _pickle.load(open('x.pkl', 'rb'))\nf()",
    ],
)
def test_pickles_are_read_and_never_run(tmp_path, load) -> None:
    arrays = {"w": np.arange(3, dtype="float32"), "n": [1, "a"]}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(arrays))
    assert run(tmp_path, load).cell(1).outputs[-1].text == (
        "{'w': array([0., 1., 2.], dtype=float32), 'n': [1, 'a']}"
    )
    touched = tmp_path / "touched"
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(Touch(str(touched))))
    report = run(tmp_path, load)
    assert report.cell(1).status == "failed"
    assert "This pickle holds something else than arrays, and was not run." in report.cell(1).text
    assert not touched.exists()


def test_the_rest_of_pickle(tmp_path) -> None:
    code = "import pickle, io\nf = io.BytesIO()\npickle.dump([1], f)\npickle.loads(f.getvalue())"
    assert run(tmp_path, code).cell(1).outputs[-1].text == "[1]"
    text = run(tmp_path, "import pickle\npickle.Unpickler").cell(1).text
    assert "pickle.Unpickler is not there inside a document." in text
