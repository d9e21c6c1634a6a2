"""How many loop functions networks become in the default pipeline, and that results stay."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid
from pellucid import relax
from pellucid.driver.graph_pipeline import fusion
from pellucid.interp import run
from pellucid.ir.expr_base import GlobalVar
from pellucid.ir.module import IRModule
from pellucid.ir.transform import PassContext
from pellucid.relax.transform import RewriteDataflowReshape
from pellucid.relax.transform.fuse_ops import callee_of


def random(*shape: int) -> np.ndarray:
    return (np.random.default_rng(sum(shape)).standard_normal(shape) / 4).astype("float32")


def weight(*shape: int) -> relax.Constant:
    return relax.const(random(*shape))


def network(shapes, body) -> IRModule:
    """A module with one dataflow block: `body(emit, *params)` gives its result."""
    bb = relax.BlockBuilder()
    params = [
        relax.Var(name, relax.TensorStructInfo(shape, "float32"))
        for name, shape in zip("xyz", shapes, strict=False)
    ]
    with bb.function("main", params):
        with bb.dataflow():
            result = bb.emit_output(body(bb.emit, *params))
        bb.emit_func_output(result)
    return bb.get()


def kernels(mod: IRModule) -> list[str]:
    """The loop functions that `main` calls; reshapes that need no copy do not count."""
    mod = RewriteDataflowReshape()(mod)
    bindings = relax.analysis.all_bindings(mod["main"])
    found = [callee_of(each.value) for each in bindings]
    return [each.name_hint for each in found if isinstance(each, GlobalVar)]


def mlp(emit, x):
    for rows, columns in ((8, 6), (4, 8)):
        turned = relax.op.permute_dims(weight(rows, columns))
        x = emit(relax.op.add(emit(relax.op.matmul(x, turned)), weight(rows)))
        x = emit(relax.op.nn.relu(x)) if rows == 8 else x
    return x


def dense(emit, x, rows, columns):
    product = emit(relax.op.matmul(x, relax.op.permute_dims(weight(rows, columns))))
    return emit(relax.op.add(product, weight(rows)))


def cnn(emit, x):
    nn = relax.op.nn
    x = emit(nn.conv2d(x, weight(4, 1, 3, 3)))
    x = emit(nn.relu(emit(relax.op.add(x, weight(1, 4, 1, 1)))))
    x = emit(nn.max_pool2d(x, (2, 2), (2, 2)))
    x = emit(relax.op.reshape(x, (1, 4 * 3 * 3)))
    x = emit(nn.relu(dense(emit, x, 6, 36)))
    return emit(nn.softmax(dense(emit, x, 5, 6)))


def residual(emit, x):
    nn = relax.op.nn

    def convolved(value):
        value = emit(nn.conv2d(value, weight(3, 3, 3, 3), padding=1))
        moments = [relax.const(random(3) ** 2 + 0.5) for _ in range(4)]
        value = emit(nn.batch_norm(value, *moments))
        return emit(relax.TupleGetItem(value, 0))

    inner = emit(nn.relu(convolved(x)))
    return emit(nn.relu(emit(relax.op.add(convolved(inner), x))))


def attention(emit, q, k, v):
    scores = emit(relax.op.matmul(q, k))
    scores = emit(relax.op.multiply(scores, relax.const(0.5)))
    scores = emit(relax.op.add(scores, weight(4, 5)))
    return emit(relax.op.matmul(emit(relax.op.nn.softmax(scores)), v))


def diamond(emit, x):
    product = emit(relax.op.matmul(x, weight(6, 6)))
    return emit(relax.op.add(emit(relax.op.nn.relu(product)), emit(relax.op.sigmoid(product))))


def shared(emit, x):
    product = emit(relax.op.matmul(x, weight(6, 6)))
    left = emit(relax.op.matmul(product, weight(6, 6)))
    return emit(relax.op.add(left, emit(relax.op.matmul(product, weight(6, 6)))))


CASES = {
    "mlp": (mlp, [(2, 6)], 2),
    "cnn": (cnn, [(1, 1, 8, 8)], 5),
    "residual": (residual, [(1, 3, 4, 4)], 2),
    "attention": (attention, [(2, 4, 6), (2, 6, 5), (2, 5, 3)], 3),
    "diamond": (diamond, [(4, 6)], 1),
    "shared": (shared, [(4, 6)], 3),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_and_results(name: str) -> None:
    body, shapes, count = CASES[name]
    before = network(shapes, body)
    with PassContext(config={"verify": True}):
        after = fusion()(before)
    assert len(kernels(after)) == count, after.script()
    args = [random(*shape) for shape in shapes]
    wanted = run(before, *args)
    np.testing.assert_allclose(run(after, *args), wanted, rtol=1e-4, atol=1e-5)
    vm = relax.VirtualMachine(relax.build(before, target="llvm"), pellucid.cpu())
    np.testing.assert_allclose(vm["main"](*args).numpy(), wanted, rtol=1e-4, atol=1e-5)
