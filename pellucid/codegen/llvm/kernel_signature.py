"""The signature of a loop function: what its compiled form takes, as data.

In: a `PrimFunc` and its name. Out: a `Signature` with a spec for each parameter, and the symbolic
variables by the names that they have there.
"""

from __future__ import annotations

from pellucid.codegen.dims import DimNames
from pellucid.ir.op import Op
from pellucid.ir.scalar import Call, IntImm, Var
from pellucid.ir.types import PrimType
from pellucid.ir.visitor import pre_order
from pellucid.runtime import dims
from pellucid.runtime.signature import ScalarSpec, Signature, Spec, TensorSpec
from pellucid.support.errors import UnsupportedError
from pellucid.support.naming import NameSupply
from pellucid.tir.buffer import Buffer, BufferLoad
from pellucid.tir.function import PrimFunc
from pellucid.tir.stmt import BufferStore


class KernelNames(DimNames):
    """Names of symbolic dimensions that also gives back the variables."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: dict[str, Var] = {}
        self.extents: set[Var] = set()

    def name(self, var: Var) -> str:
        """The name of a symbolic variable."""
        found = super().name(var)
        self.variables[found] = var
        return found


def written_pointers(func: PrimFunc) -> set[Var]:
    """The pointers behind which the function may write."""
    found: set[Var] = set()
    for node in pre_order(func.body):
        if isinstance(node, BufferStore):
            found.add(node.buffer.data)
        elif isinstance(node, Call):
            _note_call(node, found)
    return found


def _note_call(call: Call, found: set[Var]) -> None:
    name = call.op.name if isinstance(call.op, Op) else ""
    if name == "tir.tvm_access_ptr":
        mask, data = call.args[4], call.args[1]
        reads_only = isinstance(mask, IntImm) and mask.value == 1
        if isinstance(data, Var) and not reads_only:
            found.add(data)
        return
    if name in ("tir.isnullptr", "tir.prefetch"):
        return
    for arg in call.args:
        if isinstance(arg, Buffer):
            found.add(arg.data)
        elif isinstance(arg, Var) and arg.dtype.is_handle:
            found.add(arg)
    if name == "tir.address_of" and isinstance(call.args[0], BufferLoad):
        found.add(call.args[0].buffer.data)


def kernel_signature(func: PrimFunc, name: str) -> tuple[Signature, KernelNames]:
    """The signature, and the names of its symbolic dimensions.

    A dimension that no parameter shows by itself cannot be known at the call: `UnsupportedError`.
    """
    names = KernelNames()
    shown = NameSupply()
    written = written_pointers(func)
    # Scalar parameters keep their names; a tensor's dimension of that name is the same variable.
    in_shapes = _shape_variables(func)
    specs: list[Spec] = []
    for param in func.params:
        buffer = func.buffer_map.get(param)
        if buffer is not None:
            specs.append(_tensor(buffer, shown.fresh(buffer.name), names, buffer.data in written))
        else:
            value = names.name(param) if param in in_shapes else None
            specs.append(ScalarSpec(shown.fresh(param.name), str(param.dtype), value))
    names.extents.update(v for buffer in func.buffers for v in buffer.shape if isinstance(v, Var))
    returned = returned_dtype(func)
    result = None if returned is None else ScalarSpec("result", returned)
    signature = Signature(name, tuple(specs), result)
    _check_bound(func, signature, names)
    return signature, names


def returned_dtype(func: PrimFunc) -> str | None:
    """The dtype of the value that a function returns: as declared, or as `T.ret` shows."""
    if isinstance(func.ret_type, PrimType):
        return str(func.ret_type.dtype)
    for node in pre_order(func.body):
        if isinstance(node, Call) and isinstance(node.op, Op) and node.op.name == "tir.ret":
            return str(node.args[0].dtype)
    return None


def _tensor(buffer: Buffer, name: str, names: KernelNames, written: bool) -> TensorSpec:
    shape = names.dims(buffer.shape)
    strides = names.dims(buffer.strides) if buffer.strides else None
    return TensorSpec(name, str(buffer.dtype), shape, strides, written)


def _shape_variables(func: PrimFunc) -> set[Var]:
    found: set[Var] = set()
    for buffer in func.buffers:
        for expr in (*buffer.shape, *buffer.strides):
            found.update(node for node in pre_order(expr) if isinstance(node, Var))
    return found


def _check_bound(func: PrimFunc, signature: Signature, names: KernelNames) -> None:
    known = set(signature.symbols())
    for buffer in func.buffers:
        for expr in (*buffer.shape, *buffer.strides):
            for each in dims.names(names.dim(expr)):
                if each in known:
                    continue
                raise UnsupportedError(
                    f"{signature.name}: the dimension {each!r} cannot be told from the arguments.",
                    found=f"it occurs in {expr!r} of {buffer.name!r} only",
                    expected="a parameter that has it as a dimension by itself",
                    cure=f"add {each!r} as a scalar parameter",
                )
