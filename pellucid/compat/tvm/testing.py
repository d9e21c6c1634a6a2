"""`tvm.testing`: comparisons, and what test files of the field use of pytest.

Parameters become ordinary fixtures and marks, so that nothing has to be registered with pytest.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np

from pellucid.arith import Analyzer
from pellucid.compat.tvm.testing_compare import CompareBeforeAfter
from pellucid.ir.prim_expr import PrimExpr
from pellucid.ir.structural import structural_equal
from pellucid.runtime.device import Device, device
from pellucid.tir.analysis import expr_deep_equal


def _pytest() -> Any:
    import pytest

    return pytest


# Comparisons.


def assert_allclose(
    actual: Any, desired: Any, rtol: float = 1e-7, atol: float = 1e-7, verbose: bool = True
) -> None:
    """Raise unless two arrays have the same shape and close elements.

    Elements are close where |actual - desired| <= atol + rtol * |desired|.
    """
    a, b = np.asanyarray(_host(actual)), np.asanyarray(_host(desired))
    np.testing.assert_allclose(a.shape, b.shape)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, verbose=verbose)


def _host(value: Any) -> Any:
    return value.numpy() if hasattr(value, "numpy") else value


def assert_prim_expr_equal(lhs: Any, rhs: Any) -> None:
    """Raise unless two scalar expressions are always equal."""
    if isinstance(lhs, PrimExpr) and isinstance(rhs, PrimExpr) and structural_equal(lhs, rhs):
        return
    if not Analyzer().can_prove_equal(lhs, rhs):
        raise ValueError(f"{lhs} and {rhs} are not equal")


# Fixtures and parameters.


def parameter(*values: Any, ids: Any = None, by_dict: dict[str, Any] | None = None) -> Any:
    """A fixture that takes each of the values: `size = tvm.testing.parameter(1, 16)`."""
    if by_dict is not None:
        ids, values = list(by_dict), tuple(by_dict.values())

    def value(*_case: Any, request: Any) -> Any:
        return request.param

    return _pytest().fixture(value, params=list(values), ids=ids)


def parameters(
    *rows: Iterable[Any], ids: Any = None, by_dict: dict[str, Any] | None = None
) -> list[Any]:
    """Fixtures that change together: `a, b = tvm.testing.parameters((1, 2), (3, 4))`."""
    if by_dict is not None:
        ids, rows = list(by_dict), tuple(by_dict.values())
    table = [tuple(row) for row in rows]
    widths = {len(row) for row in table}
    if len(widths) != 1:
        raise ValueError("tvm.testing.parameters takes rows of the same length")
    scope = sys._getframe(1).f_locals  # pyright: ignore[reportPrivateUsage]
    name = f"_rows_{sum(each.startswith('_rows_') for each in scope)}"
    scope[name] = parameter(*range(len(table)), ids=ids)
    return [_column(name, table, column) for column in range(widths.pop())]


def _column(rows: str, table: list[tuple[Any, ...]], column: int) -> Any:
    """The fixture of one column; which row it is says the fixture `rows`."""

    def value(*_case: Any, **chosen: int) -> Any:
        return table[chosen[rows]][column]

    # pytest looks for the fixtures that a fixture needs in its signature.
    cast("Any", value).__signature__ = inspect.Signature(
        [
            inspect.Parameter("_case", inspect.Parameter.VAR_POSITIONAL),
            inspect.Parameter(rows, inspect.Parameter.KEYWORD_ONLY),
        ]
    )
    return _pytest().fixture(value)


def fixture(func: Any = None, *, cache_return_value: bool = False) -> Any:
    """A pytest fixture; with `cache_return_value=True` it is computed once for each choice of what
    it depends on.
    """
    if func is None:
        return functools.partial(fixture, cache_return_value=cache_return_value)
    return _pytest().fixture(_kept(func) if cache_return_value else func)


def _kept(func: Callable[..., Any]) -> Callable[..., Any]:
    table: dict[str, Any] = {}

    @functools.wraps(func)
    def wrapper(*args: Any, **chosen: Any) -> Any:
        key = repr((args, sorted(chosen.items())))
        if key not in table:
            table[key] = func(*args, **chosen)
        return table[key]

    return wrapper


# Targets.

_HOST = "llvm"


def enabled_targets() -> list[tuple[str, Device]]:
    """The targets that programs are built for here, with their devices."""
    return [(_HOST, device("cpu"))]


def device_enabled(target: Any) -> bool:
    """Whether a target can be built for here."""
    return str(target).split()[0] in (_HOST, "cpu")


def parametrize_targets(*targets: Any) -> Any:
    """Run a test for each target: its arguments `target` and `dev`.

    Targets that this build does not have are skipped, with the reason.
    """
    if len(targets) == 1 and callable(targets[0]) and not isinstance(targets[0], str):
        return parametrize_targets(_HOST)(targets[0])

    def decorate(test: Any) -> Any:
        names = [each for each in ("target", "dev") if each in inspect.signature(test).parameters]
        pytest = _pytest()
        rows = [_row(pytest, target, names) for target in targets]
        return pytest.mark.parametrize(",".join(names), rows)(test)

    return decorate


def _row(pytest: Any, target: Any, names: list[str]) -> Any:
    kind = str(target).split()[0]
    usable = device_enabled(kind)
    values = {"target": target, "dev": device("cpu" if usable else kind)}
    marks = () if usable else pytest.mark.skip(reason=f"this build has no target {kind}")
    return pytest.param(*[values[each] for each in names], marks=marks, id=kind)


def exclude_targets(*targets: Any) -> Any:
    """Leave targets out of a test: nothing to do where there is one."""
    return _same


def known_failing_targets(*targets: Any) -> Any:
    """Expect a test to fail for targets that this build does not have."""
    return _same


def _same(test: Any) -> Any:
    return test


def uses_gpu(*args: Any) -> Any:
    """A test that may use a GPU; here it runs on the processor."""
    return args[0] if args else _same


_MISSING = (
    "adreno_opencl", "aprofile_aarch64", "arm_dot", "cblas", "corstone300", "cublas", "cuda",
    "cudagraph", "cudnn", "cutlass", "ethosn", "ethosu", "gpu", "hexagon", "hipblas", "metal",
    "micro", "mps", "mrvl", "nnapi", "nccl", "nvcc_version", "opencl", "openclml", "rocm", "rpc",
    "tensorcore", "tensorrt", "vulkan", "vitis_ai", "webgpu", "aarch64_sve", "aarch64_sme",
    "x86_amx", "x86_vnni", "x86_avx512", "arm_fp16", "matrixcore", "cuda_compute_version",
    "package",
)  # fmt: skip


def _requires_missing(name: str) -> Callable[..., Any]:
    """A mark of tests that need something this build has not: they are skipped."""

    def mark(*args: Any, **options: Any) -> Any:
        skip = _pytest().mark.skip(reason=f"this build has no {name}")
        if len(args) == 1 and not options and callable(args[0]):
            return skip(args[0])
        return skip if args or options else [skip]

    mark.__name__ = f"requires_{name}"
    mark.__doc__ = f"Skip the test: this build has no {name}."
    return mark


def requires_llvm(*args: Any, **options: Any) -> Any:
    """A test that needs LLVM, which is always there."""
    return args[0] if args and callable(args[0]) else _same


requires_x86 = requires_llvm
requires_llvm_minimum_version = requires_llvm


def requires_package(*packages: str) -> Any:
    """Skip the test unless all the Python packages are there."""
    spec = importlib.util.find_spec
    missing = [each for each in packages if spec(each) is None]
    return _pytest().mark.skipif(bool(missing), reason=f"missing: {', '.join(missing)}")


globals().update({f"requires_{name}": _requires_missing(name) for name in _MISSING[:-1]})


def main() -> None:
    """Run the tests of the calling file, as in `if __name__ == "__main__": tvm.testing.main()`."""
    file = sys._getframe(1).f_globals["__file__"]  # pyright: ignore[reportPrivateUsage]
    sys.exit(_pytest().main([file, *sys.argv[1:]]))


__all__ = [
    "CompareBeforeAfter",
    "assert_allclose",
    "assert_prim_expr_equal",
    "device_enabled",
    "enabled_targets",
    "exclude_targets",
    "expr_deep_equal",
    "fixture",
    "known_failing_targets",
    "main",
    "parameter",
    "parameters",
    "parametrize_targets",
    "requires_llvm",
    "requires_package",
    "requires_x86",
    "uses_gpu",
]
