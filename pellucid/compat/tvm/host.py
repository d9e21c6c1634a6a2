"""What is around a program: devices by name, versions, conversions, saving."""

from __future__ import annotations

import json
from typing import Any, cast

import llvmlite.binding as llvm
import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from pellucid import __version__ as own_version
from pellucid.ir.arithmetic import const
from pellucid.ir.node import Node
from pellucid.runtime.device import Device, device
from pellucid.runtime.tensor import Tensor, array
from pellucid.script.parser.entry import from_source
from pellucid.support.errors import ArtifactError, TypeMismatchError

LANGUAGE = "0.21.0"
"""The release whose spelling is the native one."""

version = f"{LANGUAGE}+pellucid.{own_version}"


def cuda(index: int = 0) -> Device:
    """A CUDA device: it has a name, and no target in this build."""
    return device("cuda", index)


def rocm(index: int = 0) -> Device:
    """A ROCm device: it has a name, and no target in this build."""
    return device("rocm", index)


def metal(index: int = 0) -> Device:
    """A Metal device: it has a name, and no target in this build."""
    return device("metal", index)


def opencl(index: int = 0) -> Device:
    """An OpenCL device: it has a name, and no target in this build."""
    return device("opencl", index)


def vulkan(index: int = 0) -> Device:
    """A Vulkan device: it has a name, and no target in this build."""
    return device("vulkan", index)


def enabled(target: str) -> bool:
    """Whether code for a target kind can be built."""
    return target.split()[0] == "llvm"


def libinfo() -> dict[str, str]:
    """What this build is made of."""
    parts = cast("tuple[int, ...]", llvm.llvm_version_info)
    return {
        "TVM_VERSION": version,
        "LLVM_VERSION": ".".join(str(each) for each in parts),
        "USE_LLVM": "ON",
        "USE_CUDA": "OFF",
    }


def describe() -> None:
    """Print what this build is made of."""
    for key, value in libinfo().items():
        print(f"{key}: {value}")


def convert(value: Any) -> Any:
    """A Python value as the language has it: numbers become constants, lists tuples."""
    if isinstance(value, bool | int | float):
        return const(value)
    if isinstance(value, list | tuple):
        return tuple(convert(each) for each in cast("list[Any]", value))
    return value


def save_json(node: Any) -> str:
    """A module or function as JSON text, which `load_json` reads."""
    if not hasattr(node, "script"):
        raise TypeMismatchError(
            "Only a module or a function is saved as JSON.", found=type(node).__name__
        )
    return json.dumps({"pellucid": own_version, "script": node.script(show_meta=True)})


def load_json(text: str) -> Node:
    """What `save_json` wrote."""
    try:
        script = json.loads(text)["script"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            "This is no text of save_json.", cure="files of other systems are not read"
        ) from error
    return from_source(script)


def save_param_dict(params: dict[str, Any]) -> bytes:
    """Tensors by name as bytes (the safetensors format)."""
    return save_tensors({key: np.asarray(value) for key, value in params.items()})


def load_param_dict(data: bytes) -> dict[str, Tensor]:
    """What `save_param_dict` wrote."""
    return {key: array(value) for key, value in load_tensors(bytes(data)).items()}
