from . import ir as ir
from . import relax as relax
from . import runtime as runtime
from . import script as script
from . import target as target
from . import te as te
from . import testing as testing
from . import tir as tir
from . import topi as topi
from .driver.build import build as build
from .ir import transform as transform
from .ir.module import IRModule as IRModule
from .runtime import nd as nd
from .runtime.device import cpu as cpu
from .runtime.device import device as device
from .runtime.registry import get_global_func as get_global_func
from .runtime.registry import register_func as register_func
from .target.target import Target as Target

__version__: str
