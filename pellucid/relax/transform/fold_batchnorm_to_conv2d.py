"""FoldBatchnormToConv2D: a batch norm after a convolution goes into its weights and a bias.

    a = R.nn.conv2d(x, w)
    b = R.nn.batch_norm(a, gamma, beta, mean, var)     →     y = R.nn.conv2d(x, w · s) + c
    y = b[0]

where s = gamma / √(var + ε) and c = beta - mean · s.

In: a module of operators. Out: the same, where the weights and the moments are constants, the batch
norm is one of inference along the channels, and nothing else uses the convolution or the batch
norm. The new constants are computed in double precision.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from pellucid.ir.module import IRModule
from pellucid.ir.op import Op
from pellucid.ir.transform import Pass, PassContext
from pellucid.relax.analysis.use_def import count_uses
from pellucid.relax.dpl.match import Match
from pellucid.relax.dpl.pattern import CallPattern, is_const, is_op, is_tuple_get_item, wildcard
from pellucid.relax.dpl.rewrite import rewrite_call
from pellucid.relax.expr import Call, Constant, Expr, Function, Var, const
from pellucid.relax.expr_functor import PyExprVisitor
from pellucid.relax.op.record import record_of
from pellucid.relax.transform.passes import function_pass
from pellucid.runtime.tensor import Tensor

_FLOATS = ("float16", "float32", "float64")


class _Values(PyExprVisitor):
    """What each variable is bound to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[Var, Expr] = {}

    def visit_var_binding_(self, binding: Any) -> None:
        """Note a binding."""
        self.found[binding.var] = binding.value
        super().visit_var_binding_(binding)


class _Fold:
    """The rule for one function."""

    def __init__(self, func: Function) -> None:
        self.uses = count_uses(func)
        values = _Values()
        values.visit_expr(func)
        self.values = values.found
        self.data = wildcard()
        self.weight = is_const()
        self.conv = is_op("relax.nn.conv2d")(self.data, self.weight)
        self.moments = [is_const() for _ in range(4)]
        self.norm: CallPattern = is_op("relax.nn.batch_norm")(self.conv, *self.moments)
        self.pattern = is_tuple_get_item(self.norm, 0)

    def __call__(self, expr: Expr, found: Match) -> Expr:
        """The convolution with other weights, plus a bias; the value itself where that is not
        right.
        """
        conv, norm = self.call_of(found[self.conv]), self.call_of(found[self.norm])
        if conv is None or norm is None:
            return expr
        options = record_of("nn.conv2d").attributes_of(conv)
        moments = record_of("nn.batch_norm").attributes_of(norm)
        kernel, data = str(options["kernel_layout"]), str(options["data_layout"])
        out = str(options["out_layout"] or data)
        axis = out.find("C")
        weight = self.tensor(found[self.weight])
        plain = len(kernel) == 4 and len(out) == 4 and weight.dtype in _FLOATS
        if not plain or moments["training"] or int(moments["axis"]) % 4 != axis:
            return expr
        if options["out_dtype"] not in (None, weight.dtype):
            return expr
        gamma, beta, mean, variance = [
            self.tensor(found[each]).numpy().astype("float64") for each in self.moments
        ]
        scale = 1.0 / np.sqrt(variance + float(moments["epsilon"]))
        scale = scale * gamma if moments["scale"] else scale
        bias = (beta if moments["center"] else 0.0) - mean * scale
        shape = [1, 1, 1, 1]
        shape[kernel.find("O")] = -1
        scaled = weight.numpy().astype("float64") * scale.reshape(shape)
        new_weight = const(scaled.astype(weight.dtype))
        place = [1, 1, 1, 1]
        place[axis] = -1
        new_bias = const(bias.astype(weight.dtype).reshape(place))
        new = Call(conv.op, [found[self.data], new_weight], conv.attrs, span=conv.span)
        return Call(Op.get("relax.add"), [new, new_bias])

    def call_of(self, value: Expr) -> Call | None:
        """The call that a matched variable is bound to, if the variable is used only once."""
        if isinstance(value, Var):
            if self.uses.get(value) != 1:
                return None
            value = self.values[value]
        return value if isinstance(value, Call) else None

    def tensor(self, value: Expr) -> Tensor:
        """The tensor of a constant, which may be bound to a variable."""
        while isinstance(value, Var):
            value = self.values[value]
        return cast("Constant", value).data


@function_pass(opt_level=0, name="FoldBatchnormToConv2D")
def _fold(func: Function, mod: IRModule, ctx: PassContext) -> Function:
    del mod, ctx
    rule = _Fold(func)
    return rewrite_call(rule.pattern, rule, func)


def FoldBatchnormToConv2D() -> Pass:
    """The pass that makes inference's batch norms free."""
    return _fold
