"""Modules of `frontend.nn`: names, parameters, export, loading, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from pellucid import cpu, interp, register_func, relax, topi
from pellucid.frontend import nn
from pellucid.frontend.nn import op, spec
from pellucid.ir.structural import structural_equal
from pellucid.script import from_source
from pellucid.script import tir as T
from pellucid.support.errors import PellucidError, RegistryError, TypeMismatchError


class Block(nn.Module):
    def __init__(self, size: Any) -> None:
        self.norm = nn.RMSNorm(size)
        self.dense = nn.Linear(size, size, bias=False)

    def forward(self, x: nn.Tensor) -> nn.Tensor:
        return x + self.dense(self.norm(x))


class Model(nn.Module):
    def __init__(self) -> None:
        self.table = nn.Embedding(10, 4)
        self.blocks = nn.ModuleList([Block(4) for _ in range(2)])
        self.heads = nn.ModuleDict({"small": nn.Linear(4, 2), "large": nn.Linear(4, 3)})

    def forward(self, ids: nn.Tensor) -> nn.Tensor:
        return self.heads["small"](self.body(ids))

    def body(self, ids: nn.Tensor) -> nn.Tensor:
        x = self.table(ids)
        for each in self.blocks:
            x = each(x)
        return x

    def both(self, ids: nn.Tensor, scale: nn.Tensor | float = 2.0) -> tuple[Any, ...]:
        x = self.body(ids) * scale
        return self.heads["small"](x), (self.heads["large"](x), x + x.shape[0])


NAMES = [
    "table.weight",
    "blocks.0.norm.weight", "blocks.0.dense.weight",
    "blocks.1.norm.weight", "blocks.1.dense.weight",
    "heads.small.weight", "heads.small.bias", "heads.large.weight", "heads.large.bias",
]  # fmt: skip
IDS = {"ids": spec.Tensor(["n"], "int64")}


def built(mod: Any) -> Any:
    assert relax.analysis.well_formed(mod)
    return relax.VirtualMachine(relax.build(mod, target="llvm"), cpu())


def expected(params: dict[str, Any], ids: np.ndarray) -> np.ndarray:
    p = {name: value.numpy() for name, value in params.items()}
    x = p["table.weight"][ids]
    for i in range(2):
        root = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        x = x + (x / root * p[f"blocks.{i}.norm.weight"]) @ p[f"blocks.{i}.dense.weight"].T
    return x


def test_parameters_are_named_by_their_paths() -> None:
    model = Model()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert list(model.state_dict()) == NAMES
    assert [name for name, _ in model.named_modules()][:4] == ["", "table", "blocks", "blocks.0"]
    assert repr(model.heads["small"]) == "Linear(4, 2, bias=True)"


def test_several_methods_share_the_parameters() -> None:
    model = Model().initialize(seed=1)
    scaled = {**IDS, "scale": spec.Tensor([], "float32")}
    mod, params = model.export({"forward": IDS, "both": scaled})
    assert list(params) == NAMES
    assert [mod[name].attrs["num_input"] for name in ("forward", "both")] == [1, 2]
    vm = built(mod)
    ids = np.array([1, 9, 3])
    x = expected(params, ids)
    small = params["heads.small.weight"].numpy()
    found = vm["forward"](ids, *params.values()).numpy()
    np.testing.assert_allclose(found, x @ small.T, rtol=1e-5, atol=1e-6)
    head, (large, shifted) = vm["both"](ids, np.array(3, "float32"), *params.values())
    np.testing.assert_allclose(head.numpy(), 3 * x @ small.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shifted.numpy(), 3 * x + 3, rtol=1e-5, atol=1e-6)
    assert large.shape == (3, 3)


def test_parameters_may_be_one_tuple_or_constants() -> None:
    model = Model().initialize(seed=2)
    ids = np.array([4, 4])
    plain, params = model.export({"forward": IDS})
    reference = interp.Interpreter(plain)["forward"](ids, *params.values())
    packed, _ = model.export({"forward": IDS}, param_mode="packed")
    assert [each.name_hint for each in packed["forward"].params] == ["ids", "packed_params"]
    constant, _ = model.export({"forward": IDS}, param_mode="constant")
    assert len(constant["forward"].params) == 1
    found = interp.Interpreter(packed)["forward"](ids, tuple(params.values()))
    np.testing.assert_allclose(found, reference, rtol=1e-6)
    np.testing.assert_allclose(interp.Interpreter(constant)["forward"](ids), reference, rtol=1e-6)
    bound = relax.transform.BindParams("forward", params)(plain)
    np.testing.assert_allclose(interp.Interpreter(bound)["forward"](ids), reference, rtol=1e-6)


def test_an_exported_module_reads_back_and_its_parameters_bind_by_their_names() -> None:
    model = Model().initialize()
    mod, params = model.export({"forward": IDS})
    again = from_source(mod.script())
    assert structural_equal(mod, again)
    bound = relax.transform.BindParams("forward", params)(again)
    assert [each.name_hint for each in bound["forward"].params] == ["ids"]


def test_a_shared_parameter_is_one() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            self.table = nn.Embedding(5, 3)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.table.weight

        def forward(self, ids: nn.Tensor) -> nn.Tensor:
            return self.head(self.table(ids))

    model = Tied()
    weight = np.arange(15.0, dtype="float32").reshape(5, 3)
    model.load_params({"head.weight": weight})
    mod, params = model.export({"forward": IDS})
    assert list(params) == ["table.weight"]
    found = interp.Interpreter(mod)["forward"](np.array([2]), weight)
    np.testing.assert_allclose(found, weight[[2]] @ weight.T)


def test_symbolic_extents_of_parameters_and_arguments_are_the_same_by_name() -> None:
    layer = nn.Linear("k", "n")
    mod, params = layer.export({"forward": {"x": spec.Tensor(["m", "k"], "float32")}})
    assert params == {}
    w, b = np.ones((2, 3), "float32"), np.ones(2, "float32")
    found = built(mod)["forward"](np.ones((4, 3), "float32"), w, b).numpy()
    np.testing.assert_array_equal(found, np.full((4, 2), 4.0))


def test_arguments_that_are_numbers_shapes_and_tuples() -> None:
    class Cut(nn.Module):
        def forward(self, pair: Any, n: Any, shape: Any) -> Any:
            a, b = pair
            return (a + b)[:n].reshape(shape[0], -1)

    pair = (spec.Tensor([8, 4]), spec.Tensor([4]))
    arguments = {"pair": spec.Tuple(pair), "n": int, "shape": spec.Shape(["k"])}
    vm = built(Cut().export({"forward": arguments})[0])
    a, b = np.arange(32.0, dtype="float32").reshape(8, 4), np.ones(4, "float32")
    found = vm["forward"]((a, b), 3, (6,)).numpy()
    np.testing.assert_array_equal(found, (a + b)[:3].reshape(6, 2))


def test_operators_of_python_mean_what_numpys_do() -> None:
    class Sums(nn.Module):
        def forward(self, x: nn.Tensor, y: nn.Tensor) -> Any:
            return (
                2 - x, x**2, 1 / x, -x, abs(-x), x // 2, x @ y.T, x[1], x[:, None, 1:], x[..., ::2],
                x.transpose(0, 1).sum(0), op.where(x > y, x, 0.0), x.mean(), op.concat([x, y], 1),
                x.unsqueeze(1).expand(3, 2, 4).flatten(1), op.chunk(x, 2, 1)[1],
            )  # fmt: skip

    x = np.linspace(0.5, 3, 12, dtype="float32").reshape(3, 4)
    y = x[::-1].copy()
    arguments = {"x": spec.Tensor([3, 4]), "y": spec.Tensor([3, 4])}
    mod, _ = Sums().export({"forward": arguments})
    found = interp.Interpreter(mod)["forward"](x, y)
    expected = (
        2 - x, x**2, 1 / x, -x, x, x // 2, x @ y.T, x[1], x[:, None, 1:], x[..., ::2], x.sum(1),
        np.where(x > y, x, 0), x.mean(), np.concatenate([x, y], 1), np.tile(x, 2),
        x[:, 2:],
    )  # fmt: skip
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_functions_of_other_kinds() -> None:
    @T.prim_func
    def double(a: T.Buffer((4,), "float32"), b: T.Buffer((4,), "float32")):
        for i in range(4):
            with T.block("b"):
                vi = T.axis.spatial(4, i)
                b[vi] = a[vi] * T.float32(2)

    def add_one(x: Any, out: Any) -> None:
        out[:] = x.numpy() + 1

    register_func("test.nn.add_one", add_one, override=True)

    class Mixed(nn.Module):
        def forward(self, x: nn.Tensor) -> nn.Tensor:
            x = op.tensor_expr_op(topi.nn.relu, "relu", [x])
            x = op.tensor_ir_op(double, "double", [x], out=spec.Tensor([4]))
            return op.extern("test.nn.add_one", [x], out=x)

    vm = built(Mixed().export({"forward": {"x": spec.Tensor([4])}})[0])
    x = np.array([-1, 0, 1, 2], "float32")
    np.testing.assert_array_equal(vm["forward"](x).numpy(), np.maximum(x, 0) * 2 + 1)


def test_weights_from_files_and_of_other_dtypes(tmp_path: Path) -> None:
    weight = np.arange(6.0).reshape(2, 3)
    save_file({"weight": weight.astype("float16")}, tmp_path / "w.safetensors")
    layer = nn.Linear(3, 2, bias=False)
    assert layer.load_params(tmp_path / "w.safetensors") is layer
    assert layer.weight.data is not None
    assert layer.weight.data.dtype == "float32"
    np.testing.assert_array_equal(layer.weight.data.numpy(), weight)
    layer.to("float16")
    assert layer.weight.data.dtype == "float16"
    mod, _ = layer.export({"forward": {"x": spec.Tensor([1, 3], "float16")}})
    assert mod["forward"].ret_struct_info.dtype == "float16"


# What is refused


def message(error: Any) -> str:
    return str(error.value)


def test_a_misfit_names_the_module() -> None:
    class Wrong(Model):
        def body(self, ids: nn.Tensor) -> nn.Tensor:
            return op.concat([super().body(ids), super().body(ids)], 1)

    with pytest.raises(TypeMismatchError) as error:
        Wrong().export({"forward": IDS})
    assert message(error) == (
        "Linear takes rows of 4 features, and this tensor has other extents.\n"
        "  in module 'heads.small': Linear(4, 2, bias=True)\n"
        "  expected: 4 along axis -1\n"
        "  found: shape [n, 8]"
    )


def test_an_error_of_an_operator_names_the_module() -> None:
    class Inner(nn.Module):
        def forward(self, x: nn.Tensor) -> nn.Tensor:
            return x @ x

    with pytest.raises(PellucidError) as error:
        nn.Sequential(nn.ReLU(), Inner()).export({"forward": {"x": spec.Tensor([2, 3])}})
    assert "in module '1': Inner()" in message(error)


def test_modules_in_plain_lists_are_refused() -> None:
    class Hidden(nn.Module):
        def __init__(self) -> None:
            self.parts = [nn.Linear(2, 2)]

    with pytest.raises(TypeMismatchError) as error:
        list(Hidden().named_parameters())
    assert message(error) == (
        "Hidden.parts is a plain list of modules.\n"
        "  expected: nn.ModuleList(...), in which parameters have names\n"
        "  cure: write self.parts = nn.ModuleList(...)"
    )


def test_values_that_do_not_fit_change_nothing() -> None:
    layer = nn.Linear(3, 2)
    good, bad = np.zeros(2, "float32"), np.zeros((3, 2), "float32")
    with pytest.raises(TypeMismatchError) as error:
        layer.load_params({"bias": good, "weight": bad})
    assert message(error) == (
        "A value for the parameter 'weight' has another shape.\n  expected: [2, 3]\n  found: [3, 2]"
    )
    with pytest.raises(RegistryError, match="no parameter 'wieght'") as error:
        layer.load_params({"bias": good, "wieght": bad.T})
    assert "did you mean 'weight'?" in message(error)
    with pytest.raises(RegistryError, match="no value for the parameter 'weight'"):
        layer.load_params({"bias": good})
    assert layer.bias is not None
    assert layer.bias.data is None


def test_what_cannot_be_exported() -> None:
    layer = nn.Linear(3, 2)
    x = spec.Tensor([1, 3])
    with pytest.raises(TypeMismatchError, match="no argument 'y'"):
        layer.export({"forward": {"y": x}})
    with pytest.raises(TypeMismatchError, match="leaves out arguments"):
        layer.export({"forward": {}})
    with pytest.raises(TypeMismatchError, match="has no method 'foward'"):
        layer.export({"foward": {"x": x}})
    with pytest.raises(nn.ExportError, match="'weight' has no value"):
        layer.export({"forward": {"x": x}}, param_mode="constant")
    with pytest.raises(nn.ExportError, match="only while its module is exported"):
        layer.weight + 1
    with pytest.raises(nn.ExportError, match="build a graph"):
        op.relu(op.constant([1.0]))
    with pytest.raises(AttributeError, match="did you mean 'relu'"):
        op.rellu


def test_the_doors_lead_to_it() -> None:
    import pellucid

    assert pellucid.relax.frontend.nn is pellucid.frontend.nn is nn
