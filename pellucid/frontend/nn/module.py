"""`nn.Module` and `nn.Parameter`: models written as Python classes.

    class MLP(nn.Module):
        def __init__(self) -> None:
            self.fc1 = nn.Linear(784, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x: nn.Tensor) -> nn.Tensor:
            return self.fc2(nn.op.relu(self.fc1(x)))

    mod, params = MLP().export({"forward": {"x": nn.spec.Tensor(["n", 784], "float32")}})

What is stored in an attribute of a module is found there: parameters and modules, and in modules
theirs. A parameter is named by the path to it, `fc1.weight`, as torch's `state_dict` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pellucid.frontend.nn import weights
from pellucid.frontend.nn.export import export_module
from pellucid.frontend.nn.scope import current
from pellucid.frontend.nn.tensor import ExportError, Tensor
from pellucid.ir.module import IRModule
from pellucid.relax.expr import Expr
from pellucid.runtime.dtypes import name_of
from pellucid.runtime.tensor import Tensor as RuntimeTensor
from pellucid.support.errors import PellucidError, TypeMismatchError


class Parameter(Tensor):
    """A weight: a tensor of a module, with a value once one was loaded.

    `shape` may hold strings, which name symbolic dimensions. Within an exported method it is a
    tensor like any other; outside, `data` is its value.
    """

    __slots__ = ("_data", "_dtype", "_shape")

    def __init__(self, shape: Sequence[Any], dtype: str = "float32", data: Any = None) -> None:
        self._held = None
        self._shape = tuple(shape)
        self._dtype = name_of(dtype)
        self._data: RuntimeTensor | None = None
        if data is not None:
            self.data = data

    @property
    def declared_shape(self) -> tuple[Any, ...]:
        """The shape that was declared, with names for symbolic dimensions."""
        return self._shape

    @property
    def expr(self) -> Expr:
        """What the parameter is in the function that is being exported."""
        export = current()
        if export is None:
            raise ExportError(
                "A parameter is a graph value only while its module is exported.",
                found=repr(self),
                cure="read or set its value as parameter.data",
            )
        found = export.values.get(id(self))
        if found is None:
            raise ExportError(
                "This parameter belongs to no module that is exported.",
                found=repr(self),
                cure="keep it in an attribute of a module; modules in lists in an nn.ModuleList",
            )
        return found

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents; outside an export as they were declared."""
        return self._shape if current() is None else super().shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """The element type."""
        return self._dtype

    @property
    def data(self) -> RuntimeTensor | None:
        """The value; None before one was set."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = weights.fitting(value, self._shape, self._dtype)

    def to(self, dtype: str) -> Any:
        """Another dtype: the parameter's outside of an export, else that of a converted copy."""
        if current() is not None:
            return super().astype(dtype)
        self._dtype = name_of(dtype)
        if self._data is not None:
            self.data = self._data
        return self

    def __repr__(self) -> str:
        """Shape and dtype."""
        return f"Parameter(shape={list(self._shape)}, dtype={self._dtype!r})"


class ModulePath:
    """Where in a model an error arose."""

    def __init__(self, path: str, module: Module) -> None:
        self.path = path
        self.module = module

    def picture(self) -> str:
        """The path, and the module's settings."""
        settings = f"{type(self.module).__name__}({self.module.extra_repr()})"
        return f"  in module {self.path!r}: {settings}" if self.path else f"  in {settings}"


class Module:
    """Base of models and of their parts: subclasses define `forward`, or methods of other names."""

    # Names of torch's state that a module of this kind has no use for.
    ignored_state: tuple[str, ...] = ()

    def forward(self, *args: Any, **keywords: Any) -> Any:
        """What the module computes."""
        raise ExportError(
            f"{type(self).__name__} has no method forward.",
            cure="define forward(self, x), or export another method",
        )

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """`forward`; an error in it says which module it arose in."""
        try:
            return self.forward(*args, **keywords)
        except PellucidError as error:
            self._locate(error)
            raise

    def _locate(self, error: PellucidError) -> None:
        export = current()
        if export is not None:
            error.at(ModulePath(export.paths.get(id(self), ""), self))

    def path(self) -> str:
        """The path to this module in the model that is being exported; empty for the model."""
        export = current()
        return "" if export is None else export.paths.get(id(self), "")

    # What is inside

    def members(self) -> Iterator[tuple[str, Any]]:
        """The parameters and modules in this module's attributes, by name."""
        for name, value in vars(self).items():
            if isinstance(value, Parameter | Module):
                yield name, value
            elif isinstance(value, list | tuple | dict):
                _refuse_hidden(type(self).__name__, name, cast("Any", value))

    def children(self) -> Iterator[Module]:
        """The modules in this module's attributes."""
        return (each for _, each in self.members() if isinstance(each, Module))

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside, by path."""
        yield prefix, self
        for name, value in self.members():
            if isinstance(value, Module):
                yield from value.named_modules(_joined(prefix, name))

    def modules(self) -> Iterator[Module]:
        """This module and all inside."""
        return (each for _, each in self.named_modules())

    def named_parameters(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters by path; one that stands in several places under its first."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix):
            for name, value in module.members():
                if isinstance(value, Parameter) and not (remove_duplicate and id(value) in seen):
                    seen.add(id(value))
                    yield _joined(path, name), value

    def parameters(self) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (each for _, each in self.named_parameters())

    def state_dict(self) -> dict[str, Parameter]:
        """The parameters by path, also those that stand in several places."""
        return dict(self.named_parameters(remove_duplicate=False))

    # Values

    def load_params(self, source: Any, strict: bool = True) -> Module:
        """Set the parameters from `source`: arrays by name (NumPy, torch, our tensors), a torch
        module, or the path of a safetensors file. Returns this module.

        Names are those of `state_dict`. With `strict` every parameter has to be there and every
        name known; shapes have to agree, and floats become the parameter's float dtype.
        """
        weights.load(self.state_dict(), self._ignored_names(), source, strict)
        return self

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Module:
        """`load_params`, under torch's name."""
        return self.load_params(state_dict, strict)

    def _ignored_names(self) -> set[str]:
        return {
            _joined(path, name)
            for path, module in self.named_modules()
            for name in module.ignored_state
        }

    def initialize(self, seed: int = 0) -> Module:
        """Give every parameter without a value one: matrices small random numbers, vectors zeros.

        The numbers are uniform up to 1 / sqrt(fan-in), by NumPy's generator with this seed.
        """
        weights.initialize(list(self.parameters()), seed)
        return self

    def to(self, dtype: str) -> Module:
        """Make `dtype` that of all float parameters; their values are converted."""
        for each in self.parameters():
            if "float" in each.dtype:
                each.to(dtype)
        for module in self.modules():
            if isinstance(getattr(module, "dtype", None), str):
                vars(module)["dtype"] = dtype
        return self

    # Export

    def export(
        self, spec: Mapping[str, Mapping[str, Any]], param_mode: str = "plain"
    ) -> tuple[IRModule, dict[str, RuntimeTensor]]:
        """The methods that `spec` names as graph functions of one module, and the parameters'
        values by name.

        `spec` says for each method what its arguments are (see `nn.spec`). After them each function
        takes the parameters, in the order of `named_parameters` ("plain"), as one tuple ("packed"),
        or not at all, since their values are constants of it ("constant"). Parameters without a
        value are missing in the dictionary. The attribute `num_input` of a function says how many
        of its parameters are arguments.
        """
        return export_module(self, spec, param_mode)

    export_relax = export

    def export_tvm(
        self,
        spec: Mapping[str, Mapping[str, Any]],
        debug: bool = False,
        allow_extern: bool = False,
    ) -> tuple[Any, ...]:
        """`export` as other programs of the language call it: the module, and the parameters with
        their names, in the order in which the functions take them.

        `debug` is taken and not needed. With `allow_extern` a third value lists modules written in
        other languages: none.
        """
        del debug
        mod, _ = self.export(spec)
        params = list(self.named_parameters())
        return (mod, params, []) if allow_extern else (mod, params)

    # Text

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return ""

    def __repr__(self) -> str:
        """The tree of modules."""
        lines = [
            f"  ({name}): " + repr(each).replace("\n", "\n  ")
            for name, each in self.members()
            if isinstance(each, Module)
        ]
        head = f"{type(self).__name__}("
        if not lines:
            return f"{head}{self.extra_repr()})"
        return "\n".join([head, *lines, ")"])


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _refuse_hidden(owner: str, name: str, value: Any) -> None:
    """Modules in a plain list or dictionary would not be found, and their parameters lost."""
    items: list[Any] = [*(cast("Any", value).values() if isinstance(value, dict) else value)]
    if any(isinstance(each, Parameter | Module) for each in items):
        kind = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
        raise TypeMismatchError(
            f"{owner}.{name} is a plain {type(cast('object', value)).__name__} of modules.",
            expected=f"{kind}(...), in which parameters have names",
            cure=f"write self.{name} = {kind}(...)",
        )
