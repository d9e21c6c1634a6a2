"""Methods of a module as graph functions of one IRModule.

In: a module and the specification of its methods' arguments. Out: the IRModule, and the values of
the parameters by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pellucid.frontend.nn import spec as specs
from pellucid.frontend.nn.scope import ExportScope, opened
from pellucid.frontend.nn.tensor import ExportError, unwrapped, wrapped
from pellucid.ir.module import IRModule
from pellucid.relax.block_builder import BlockBuilder
from pellucid.relax.expr import Expr, Tuple, TupleGetItem, Var, as_relax_expr, const
from pellucid.relax.struct_info import (
    PrimStructInfo,
    ShapeStructInfo,
    TensorStructInfo,
    TupleStructInfo,
)
from pellucid.runtime.tensor import Tensor as RuntimeTensor
from pellucid.support.errors import TypeMismatchError, did_you_mean

PARAM_MODES = ("plain", "packed", "constant")


def export_module(
    module: Any, spec: Mapping[str, Mapping[str, Any]], param_mode: str
) -> tuple[IRModule, dict[str, RuntimeTensor]]:
    """See `Module.export`."""
    if param_mode not in PARAM_MODES:
        raise TypeMismatchError(
            f"There is no way {param_mode!r} to pass parameters.",
            expected=", ".join(repr(each) for each in PARAM_MODES),
            cure=did_you_mean(param_mode, PARAM_MODES),
        )
    methods = specs.check_methods(spec)
    params = list(module.named_parameters())
    paths = {id(each): path for path, each in module.named_modules()}
    builder = BlockBuilder()
    for name, given in methods.items():
        method = _method(module, name)
        arguments = _arguments(name, method, given)
        _Exporter(builder, params, paths, param_mode).export(name, method, arguments)
    values = {path: each.data for path, each in params if each.data is not None}
    return builder.get(), values


def _method(module: Any, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        known = [each for each in dir(module) if callable(getattr(module, each))]
        raise TypeMismatchError(
            f"{type(module).__name__} has no method {name!r}.", cure=did_you_mean(name, known)
        )
    # `forward` is called by way of the module, so that an error says where it arose.
    return module if name == "forward" else found


def _arguments(
    name: str, method: Callable[..., Any], given: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """The arguments of a method and their specifications, in the order of its signature."""
    function = getattr(method, "forward", method)
    params = inspect.signature(function).parameters
    named = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    names = [each for each, param in params.items() if param.kind in named]
    open_ended = any(param.kind is param.VAR_KEYWORD for param in params.values())
    for each in given:
        if each not in names and not open_ended:
            raise TypeMismatchError(
                f"The method {name!r} has no argument {each!r}.",
                expected=", ".join(names),
                cure=did_you_mean(each, names),
            )
    missing = [
        each
        for each in names
        if params[each].default is inspect.Parameter.empty and each not in given
    ]
    if missing:
        raise TypeMismatchError(
            f"The specification of {name!r} leaves out arguments of the method.",
            expected=", ".join(names),
            found=f"nothing for {', '.join(missing)}",
        )
    ordered = [each for each in names if each in given]
    ordered += [each for each in given if each not in names]
    return [(each, given[each]) for each in ordered]


class _Exporter:
    """Builds the function of one method."""

    def __init__(
        self,
        builder: BlockBuilder,
        params: Sequence[tuple[str, Any]],
        paths: dict[int, str],
        mode: str,
    ) -> None:
        self.builder = builder
        self.params = params
        self.paths = paths
        self.mode = mode
        self.symbols = specs.Symbols()

    def export(
        self, name: str, method: Callable[..., Any], arguments: Sequence[tuple[str, Any]]
    ) -> None:
        """Build the function `name`."""
        inputs = [
            Var(each, specs.struct_info(each, given, self.symbols)) for each, given in arguments
        ]
        weights = self._weights()
        attrs = {"num_input": len(inputs)}
        builder = self.builder
        with builder.function(name, [*inputs, *weights], attrs):
            with builder.dataflow():
                values = self._values(weights)
                names = [each for each, _ in arguments]
                seen = {each: _argument(var) for each, var in zip(names, inputs, strict=True)}
                with opened(ExportScope(values, self.paths)):
                    result = _result(name, method(**seen))
                output = builder.emit_output(result)
            builder.emit_func_output(output)

    def _weights(self) -> list[Var]:
        """The parameters of the function that stand for parameters of the module."""
        infos = [
            TensorStructInfo(self.symbols.dims(each.declared_shape), each.dtype)
            for _, each in self.params
        ]
        if self.mode == "constant":
            return []
        if self.mode == "packed":
            return [Var("packed_params", TupleStructInfo(infos))]
        pairs = zip(self.params, infos, strict=True)
        return [Var(path, info) for (path, _), info in pairs]

    def _values(self, weights: Sequence[Var]) -> dict[int, Expr]:
        found: dict[int, Expr] = {}
        for index, (path, param) in enumerate(self.params):
            if self.mode == "plain":
                found[id(param)] = weights[index]
            elif self.mode == "packed":
                field = TupleGetItem(weights[0], index)
                found[id(param)] = self.builder.emit(field, path)
            elif param.data is None:
                raise ExportError(
                    f"The parameter {path!r} has no value that could become a constant.",
                    cure="load values with module.load_params(...), or make them up with "
                    "module.initialize()",
                )
            else:
                found[id(param)] = const(param.data)
        return found


def _argument(var: Var) -> Any:
    """What the method sees of an argument."""
    info = var.struct_info
    if isinstance(info, PrimStructInfo):
        return info.value
    if isinstance(info, ShapeStructInfo):
        return info.values
    return wrapped(var)


def _result(name: str, value: Any) -> Expr:
    """What a method returned, as a graph value: tensors, or tuples and lists of them."""
    found = unwrapped(value)
    if isinstance(found, Expr):
        return found
    if isinstance(found, list | tuple):
        return Tuple([_result(name, each) for each in cast("list[Any]", found)])
    if found is None or isinstance(found, dict | str | bytes):
        raise ExportError(
            f"The method {name!r} returns what cannot be the result of a graph function.",
            expected="a tensor, or a tuple or list of tensors",
            found=f"{type(cast('object', found)).__name__}: {found!r:.60}",
        )
    return as_relax_expr(found)
