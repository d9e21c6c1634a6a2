"""Models written as Python classes, which become graph functions: `nn.Module`, layers, `nn.op`.

    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_params(torch_model)
    mod, params = model.export({"forward": {"x": nn.spec.Tensor(["n", 784], "float32")}})
    executable = relax.build(relax.transform.BindParams("forward", params)(mod), target="llvm")

Layers have torch's names of parameters, layouts and defaults.
"""

from pellucid.frontend.nn import op, spec
from pellucid.frontend.nn.activation import (
    ELU,
    GELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from pellucid.frontend.nn.attention import MultiHeadAttention
from pellucid.frontend.nn.containers import ModuleDict, ModuleList, Sequential
from pellucid.frontend.nn.convolution import (
    Conv1D,
    Conv2D,
    Conv3D,
    ConvTranspose1D,
    ConvTranspose2D,
    ConvTranspose3D,
)
from pellucid.frontend.nn.layers import (
    Dropout,
    Embedding,
    Flatten,
    Identity,
    Lambda,
    Linear,
    Upsample,
)
from pellucid.frontend.nn.module import Module, Parameter
from pellucid.frontend.nn.normalization import (
    BatchNorm1D,
    BatchNorm2D,
    BatchNorm3D,
    GroupNorm,
    InstanceNorm2D,
    LayerNorm,
    RMSNorm,
)
from pellucid.frontend.nn.pooling import (
    AdaptiveAvgPool1D,
    AdaptiveAvgPool2D,
    AdaptiveMaxPool2D,
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
)
from pellucid.frontend.nn.tensor import ExportError, Tensor

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AdaptiveAvgPool1D",
    "AdaptiveAvgPool2D",
    "AdaptiveMaxPool2D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm1D",
    "BatchNorm2D",
    "BatchNorm3D",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "Dropout",
    "Embedding",
    "ExportError",
    "Flatten",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "InstanceNorm2D",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiHeadAttention",
    "PReLU",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tensor",
    "Upsample",
    "op",
    "spec",
]
