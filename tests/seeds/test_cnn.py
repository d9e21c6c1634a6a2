"""The convolutional network of the course, in native spelling: built from `topi` with `emit_te`,
with a convolution registered from torch, and from operators by the default pipeline. Each gives
what torch gives, and classifies 769 of the 900 images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import pellucid
from pellucid import relax, topi
from pellucid.compat.array_pickle import load_arrays
from pellucid.ir.module import IRModule
from pellucid.runtime.plan import CallKernel, CallPacked, walk
from tests.seeds.conftest import require_data

RIGHT = 769
BATCH = 4
CALLS = 900 // BATCH


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    """The weights, float32: of a convolution and of two dense layers."""
    return load_arrays(require_data() / "fasionmnist_mlp_assignment_params.pkl")


@pytest.fixture(scope="module")
def probabilities(weights, images) -> np.ndarray:
    """What torch gives for all images, (900, 10)."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    given = {name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in weights.items()}
    x = torch.from_numpy(images.reshape(900, 1, 28, 28))
    x = f.relu(f.conv2d(x, given["conv2d_weight"], given["conv2d_bias"]))
    x = torch.flatten(f.max_pool2d(x, 2), 1)
    x = f.relu(f.linear(x, given["linear0_weight"], given["linear0_bias"]))
    x = f.linear(x, given["linear1_weight"], given["linear1_bias"])
    return f.softmax(x, dim=1).numpy()


@pytest.fixture
def torch_convolution() -> Iterator[str]:
    """A convolution from torch, by DLPack, without a copy."""
    torch = pytest.importorskip("torch")

    def conv2d(x, w, b, out):
        data, weight, bias, target = (torch.from_dlpack(each) for each in (x, w, b, out))
        target.copy_(torch.nn.functional.conv2d(data, weight, bias.reshape(-1)))

    pellucid.register_func("seeds.conv2d", conv2d, override=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield "seeds.conv2d"
    torch.set_num_threads(threads)
    pellucid.runtime.registry.remove_global_func("seeds.conv2d")


def constants(weights: dict[str, np.ndarray]) -> dict[str, relax.Constant]:
    """The weights as constants, biases in shapes that broadcast."""
    shapes = {
        "conv2d_bias": (1, 32, 1, 1),
        "linear0_bias": (1, 100),
        "linear1_bias": (1, 10),
    }
    return {
        name: relax.const(value.reshape(shapes.get(name, value.shape)), "float32")
        for name, value in weights.items()
    }


def by_emit_te(weights: dict[str, np.ndarray], convolution: str | None = None) -> IRModule:
    """The network in loop functions from `topi`; the convolution by a packed function, if given."""
    w = constants(weights)
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((BATCH, 1, 28, 28), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            if convolution is None:
                value = bb.emit_te(topi.nn.conv2d, x, w["conv2d_weight"], 1, 0, 1)
                value = bb.emit_te(topi.add, value, w["conv2d_bias"])
            else:
                info = relax.TensorStructInfo((BATCH, 32, 26, 26), "float32")
                args = [x, w["conv2d_weight"], w["conv2d_bias"]]
                value = bb.emit(relax.op.call_dps_packed(convolution, args, info))
            value = bb.emit_te(topi.nn.relu, value)
            value = bb.emit_te(topi.nn.pool2d, value, (2, 2), (2, 2), (1, 1), (0, 0, 0, 0), "max")
            value = bb.emit_te(topi.nn.flatten, value)
            value = bb.emit_te(topi.nn.dense, value, w["linear0_weight"])
            value = bb.emit_te(topi.add, value, w["linear0_bias"])
            value = bb.emit_te(topi.nn.relu, value)
            value = bb.emit_te(topi.nn.dense, value, w["linear1_weight"])
            value = bb.emit_te(topi.add, value, w["linear1_bias"])
            result = bb.emit_output(bb.call_te(topi.nn.softmax, value))
        bb.emit_func_output(result)
    return bb.get()


def by_operators(weights: dict[str, np.ndarray]) -> IRModule:
    """The network in operators."""
    w, nn = constants(weights), relax.op.nn
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorStructInfo((BATCH, 1, 28, 28), "float32"))

    def dense(value, name):
        product = bb.emit(relax.op.matmul(value, relax.op.permute_dims(w[f"{name}_weight"])))
        return bb.emit(relax.op.add(product, w[f"{name}_bias"]))

    with bb.function("main", [x]):
        with bb.dataflow():
            value = bb.emit(relax.op.add(nn.conv2d(x, w["conv2d_weight"]), w["conv2d_bias"]))
            value = bb.emit(nn.max_pool2d(nn.relu(value), (2, 2), (2, 2)))
            value = bb.emit(relax.op.reshape(value, (BATCH, 5408)))
            value = bb.emit(nn.relu(dense(value, "linear0")))
            result = bb.emit_output(nn.softmax(dense(value, "linear1")))
        bb.emit_func_output(result)
    return bb.get()


def run_all(executable, images: np.ndarray) -> np.ndarray:
    """The probabilities of all images, four at a time."""
    vm = relax.VirtualMachine(executable, pellucid.cpu())
    batches = images.reshape(CALLS, BATCH, 1, 28, 28)
    return np.concatenate([vm["main"](pellucid.nd.array(each)).numpy() for each in batches])


def check(executable, images, labels, probabilities) -> None:
    """All images are classified as torch does, 769 of them right."""
    found = run_all(executable, images)
    np.testing.assert_allclose(found, probabilities, rtol=1e-4)
    assert (found.argmax(1) == probabilities.argmax(1)).all()
    assert int((found.argmax(1) == labels).sum()) == RIGHT


def calls(executable, kind: type) -> int:
    """How many calls of a kind `main` makes."""
    return sum(isinstance(each, kind) for each in walk(executable.graphs["main"].steps))


@pytest.mark.parametrize("pipeline", ["plain", "default"])
def test_emit_te_with_topi(pipeline, weights, images, labels, probabilities) -> None:
    module = by_emit_te(weights)
    executable = relax.build(module, target="llvm", relax_pipeline=pipeline)
    check(executable, images, labels, probabilities)
    assert calls(executable, CallKernel) == (11 if pipeline == "plain" else 5)


@pytest.mark.parametrize("pipeline", ["plain", "default"])
def test_a_convolution_from_torch(
    pipeline, torch_convolution, weights, images, labels, probabilities
) -> None:
    module = by_emit_te(weights, torch_convolution)
    executable = relax.build(module, target="llvm", relax_pipeline=pipeline)
    check(executable, images, labels, probabilities)
    assert calls(executable, CallPacked) == 1
    assert calls(executable, CallKernel) == (9 if pipeline == "plain" else 5)


def test_operators_become_five_kernels(weights, images, labels, probabilities) -> None:
    executable = relax.build(by_operators(weights), target="llvm")
    check(executable, images, labels, probabilities)
    # Convolution with bias and relu, pooling, two dense layers with their biases, softmax; the
    # reshape is a view.
    assert calls(executable, CallKernel) == 5
