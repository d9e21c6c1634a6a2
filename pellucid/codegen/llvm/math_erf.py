"""The error function.

Near zero x + x·P(x²); beyond 1.125, one minus the exponential of a polynomial for log(1 - erf).
"""

from __future__ import annotations

from pellucid.codegen.llvm.math_coefficients import ERF, ERFC, ERFC_FAR, ERFC_NEAR
from pellucid.codegen.llvm.math_core import Kit, math_function
from pellucid.codegen.llvm.math_exp import exp_in_range
from pellucid.codegen.llvm.value import Value


def _log_erfc(k: Kit, a: Value) -> Value:
    """log(1 - erf(a)) for a from 1.125 on, cut off where erf is 1 when rounded."""
    if not k.double:
        return k.polynomial(k.sub(k.at_most(a, 3.95), k.c(2.0)), ERFC[k.dtype])
    a = k.at_most(a, 6.0)
    near = k.polynomial(k.sub(a, k.c(1.75)), ERFC_NEAR[k.dtype])
    far = k.polynomial(k.sub(a, k.c(4.1875)), ERFC_FAR[k.dtype])
    return k.select(k.compare("olt", a, 2.375), near, far)


@math_function("erf")
def erf(k: Kit, x: Value) -> Value:
    """2/√π times the integral of e^(-t²) from 0 to x."""
    a = k.abs(x)
    z = k.mul(a, a)
    small = k.fma(a, k.polynomial(z, ERF[k.dtype]), a)
    # Small a would make large exponents of the other branch.
    large = k.sub(k.c(1.0), exp_in_range(k, _log_erfc(k, k.at_least(a, 1.125))))
    return k.copysign(k.select(k.compare("olt", a, 1.125), small, large), x)
