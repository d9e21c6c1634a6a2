"""The two-layer network classifies 797 of the 900 images in every form: loops, library, mixed,
bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import pellucid
from pellucid import relax
from pellucid.runtime import pool
from pellucid.support.errors import ArgumentError
from tests.seeds import programs

RIGHT = 797


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    """Library functions from torch, by DLPack, without a copy."""
    torch = pytest.importorskip("torch")

    def linear(x, w, b, out):
        tensors = [torch.from_dlpack(each) for each in (x, w, b, out)]
        torch.mm(tensors[0], tensors[1].T, out=tensors[3])
        torch.add(tensors[3], tensors[2], out=tensors[3])

    def relu(x, out):
        np.maximum(np.from_dlpack(x), 0, out=np.from_dlpack(out))

    pellucid.register_func("test.linear", linear, override=True)
    pellucid.register_func("test.relu", relu, override=True)
    yield
    pellucid.runtime.registry.remove_global_func("test.linear")
    pellucid.runtime.registry.remove_global_func("test.relu")


def scores_of(module, images, params, bound=False) -> np.ndarray:
    """The scores of all images, one at a time."""
    ex = relax.build(module, target="llvm")
    vm = relax.VirtualMachine(ex, pellucid.cpu())
    weights = [] if bound else [pellucid.nd.array(params[k]) for k in ("w0", "b0", "w1", "b1")]
    rows = [vm["main"](pellucid.nd.array(image[None]), *weights).numpy() for image in images]
    return np.concatenate(rows)


@pytest.mark.parametrize("name", ["SymbolicLoops", "StaticLoops", "Library", "Mixture"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_form_classifies_like_numpy(
    name, threads, images, labels, mlp_params, expected
) -> None:
    before = pool.num_threads()
    pool.set_num_threads(threads)
    try:
        scores = scores_of(getattr(programs, name), images, mlp_params)
    finally:
        pool.set_num_threads(before)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert (scores.argmax(1) == expected.argmax(1)).all()
    assert int((scores.argmax(1) == labels).sum()) == RIGHT


@pytest.mark.parametrize("name", ["SymbolicLoops", "StaticLoops", "Mixture"])
def test_bound_parameters(name, images, labels, mlp_params, expected) -> None:
    module = getattr(programs, name)
    tensors = {key: pellucid.nd.array(value) for key, value in mlp_params.items()}
    bound = relax.transform.BindParams("main", tensors)(module)
    assert [param.name_hint for param in bound["main"].params] == ["x"]
    scores = scores_of(bound, images, mlp_params, bound=True)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)
    assert int((scores.argmax(1) == labels).sum()) == RIGHT


def test_the_interpreter_agrees(images, mlp_params, expected) -> None:
    arguments = [images[:1], *[mlp_params[k] for k in ("w0", "b0", "w1", "b1")]]
    from pellucid.interp import run

    np.testing.assert_allclose(
        run(programs.StaticLoops, *arguments), expected[:1], rtol=1e-4, atol=1e-4
    )


def test_two_uses_of_a_dimension_that_disagree_name_both_arguments(mlp_params) -> None:
    vm = relax.VirtualMachine(relax.build(programs.SymbolicLoops, target="llvm"), pellucid.cpu())
    wrong = np.zeros((10, 127), "float32")
    with pytest.raises(ArgumentError) as caught:
        vm["main"](
            np.zeros((1, 784), "float32"),
            mlp_params["w0"],
            mlp_params["b0"],
            wrong,
            mlp_params["b1"],
        )
    message = str(caught.value)
    assert "'w0'" in message
    assert "'w1'" in message
