"""Struct infos: base check, common ancestor, erasure, what a call returns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import relax
from pellucid.ir.scalar import SizeVar
from pellucid.ir.structural import structural_equal
from pellucid.relax.analysis import (
    BaseCheckResult,
    definable_tir_vars_in_struct_info,
    derive_call_ret_struct_info,
    erase_to_well_defined,
    get_static_type,
    is_base_of,
    prim_func_struct_info,
    struct_info_base_check,
    struct_info_lca,
    tir_vars_in_struct_info,
)
from pellucid.script import tir as T
from pellucid.support.errors import TypeMismatchError

N, M = SizeVar("n", "int64"), SizeVar("m", "int64")
OBJECT = relax.ObjectStructInfo()
TENSOR, SHAPE, PRIM = relax.TensorStructInfo, relax.ShapeStructInfo, relax.PrimStructInfo
TUPLE, FUNC = relax.TupleStructInfo, relax.FuncStructInfo
SHAPE_VAR = relax.Var("s", SHAPE(ndim=2))
L0, L1, L2, PASS = BaseCheckResult

CHECKS = [
    (OBJECT, TENSOR((4,)), PASS),
    (TENSOR((4,)), OBJECT, L1),
    (TENSOR((4,)), SHAPE((4,)), L0),
    (TENSOR((4,)), TENSOR((4,)), PASS),
    (TENSOR((4,)), TENSOR((5,)), L0),
    (TENSOR((N,)), TENSOR((5,)), L2),
    (TENSOR((N + N,)), TENSOR((N * 2,)), PASS),
    (TENSOR((N,)), TENSOR((N + 1,)), L2),
    (TENSOR((4,)), TENSOR(ndim=1), L2),
    (TENSOR(ndim=1), TENSOR((4,)), PASS),
    (TENSOR(ndim=2), TENSOR((4,)), L0),
    (TENSOR(ndim=2), TENSOR(), L1),
    (TENSOR((4,), "float32"), TENSOR((4,), "int8"), L0),
    (TENSOR((4,), "float32"), TENSOR((4,), ""), L1),
    (TENSOR((4,), ""), TENSOR((4,), "int8"), PASS),
    (TENSOR(SHAPE_VAR), TENSOR(SHAPE_VAR), PASS),
    (TENSOR(SHAPE_VAR), TENSOR((2, 3)), L2),
    (TENSOR((4,), vdevice=relax.VDevice("llvm")), TENSOR((4,)), L1),
    (TENSOR((4,)), TENSOR((4,), vdevice=relax.VDevice("llvm")), PASS),
    (
        TENSOR((4,), vdevice=relax.VDevice("llvm")),
        TENSOR((4,), vdevice=relax.VDevice("llvm", 1)),
        L0,
    ),
    (SHAPE(), SHAPE((4,)), PASS),
    (SHAPE(ndim=1), SHAPE(), L1),
    (SHAPE(ndim=1), SHAPE((4,)), PASS),
    (SHAPE(ndim=2), SHAPE((4,)), L0),
    (SHAPE((4,)), SHAPE(ndim=1), L2),
    (SHAPE((4, N)), SHAPE((4, N)), PASS),
    (SHAPE((4, N)), SHAPE((5, N)), L0),
    (PRIM("int64"), PRIM(value=N), PASS),
    (PRIM(value=N), PRIM("int64"), L2),
    (PRIM("int32"), PRIM("int64"), L0),
    (PRIM("int64", 3), PRIM("int64", 4), L0),
    (TUPLE([OBJECT, TENSOR((4,))]), TUPLE([OBJECT, TENSOR((4,))]), PASS),
    (TUPLE([OBJECT, TENSOR((4,))]), TUPLE([OBJECT, TENSOR(ndim=1)]), L2),
    (TUPLE([TENSOR((4,)), TENSOR((4,))]), TUPLE([TENSOR(ndim=1), TENSOR((5,))]), L0),
    (TUPLE([OBJECT]), TUPLE([OBJECT, OBJECT]), L0),
    (FUNC([TENSOR((N,))], TENSOR((N,))), FUNC([TENSOR((M,))], TENSOR((M,))), PASS),
    (FUNC([OBJECT], OBJECT, True), FUNC([OBJECT], OBJECT, False), L0),
    (FUNC([OBJECT], OBJECT, False), FUNC([OBJECT], OBJECT, True), PASS),
    (FUNC([OBJECT], OBJECT), FUNC([OBJECT, OBJECT], OBJECT), L0),
    (FUNC([OBJECT], OBJECT), FUNC.opaque_func(purity=True), L2),
    (FUNC.opaque_func(), FUNC([OBJECT], OBJECT), PASS),
    (FUNC.opaque_func(ret=TENSOR((4,))), FUNC([OBJECT], TENSOR((5,))), L0),
    (FUNC([TENSOR((4,))], OBJECT), FUNC([OBJECT], OBJECT), L2),
]


@pytest.mark.parametrize(("base", "derived", "verdict"), CHECKS)
def test_base_check(base: object, derived: object, verdict: BaseCheckResult) -> None:
    assert struct_info_base_check(base, derived) is verdict
    assert is_base_of(base, derived) is (verdict is PASS)


ANCESTORS = [
    (TENSOR((4,)), TENSOR((4,)), TENSOR((4,))),
    (TENSOR((4,)), TENSOR((5,)), TENSOR(ndim=1)),
    (TENSOR((N + N,)), TENSOR((2 * N,)), TENSOR((N + N,))),
    (TENSOR((4,), "int8"), TENSOR((4,)), TENSOR((4,), "")),
    (TENSOR((4,)), TENSOR((4, 4)), TENSOR()),
    (TENSOR((4,)), SHAPE((4,)), OBJECT),
    (SHAPE((4, 4)), SHAPE((4, 5)), SHAPE(ndim=2)),
    (SHAPE((4,)), SHAPE((4, 5)), SHAPE()),
    (PRIM("int64", 3), PRIM("int64", 4), PRIM("int64")),
    (PRIM("int64"), PRIM("int32"), OBJECT),
    (TUPLE([OBJECT, TENSOR((4,))]), TUPLE([OBJECT, TENSOR((5,))]), TUPLE([OBJECT, TENSOR(ndim=1)])),
    (TUPLE([OBJECT]), TUPLE([]), OBJECT),
    (FUNC([OBJECT], TENSOR((4,))), FUNC([OBJECT], TENSOR((5,))), FUNC([OBJECT], TENSOR(ndim=1))),
    (
        FUNC([OBJECT], OBJECT),
        FUNC([OBJECT, OBJECT], OBJECT, False),
        FUNC.opaque_func(ret=OBJECT),
    ),
]


@pytest.mark.parametrize(("a", "b", "expected"), ANCESTORS)
def test_least_common_ancestor(a: object, b: object, expected: object) -> None:
    assert structural_equal(struct_info_lca(a, b), expected)


DIMS = st.one_of(st.integers(1, 3), st.sampled_from([N, M, N + 1]))
SHAPES = st.lists(DIMS, max_size=2)
DTYPES = st.sampled_from(["float32", "int8", ""])
INFOS = st.recursive(
    st.one_of(
        st.just(OBJECT),
        st.builds(lambda s, d: TENSOR(s, d), SHAPES, DTYPES),
        st.builds(lambda d, k: TENSOR(None, d, ndim=k), DTYPES, st.integers(-1, 2)),
        st.builds(SHAPE, SHAPES),
        st.builds(lambda k: SHAPE(ndim=k), st.integers(-1, 2)),
        st.builds(PRIM, st.sampled_from(["int64", "float32"])),
        st.builds(lambda v: PRIM(value=v), st.sampled_from([N, M])),
    ),
    lambda inner: st.builds(TUPLE, st.lists(inner, max_size=2)),
    max_leaves=4,
)


@given(INFOS, INFOS)
def test_the_common_ancestor_is_one(a: relax.StructInfo, b: relax.StructInfo) -> None:
    common = struct_info_lca(a, b)
    assert is_base_of(common, a)
    assert is_base_of(common, b)
    assert struct_info_lca(a, a) is a


@given(INFOS, INFOS, INFOS)
def test_being_a_base_is_an_order(
    a: relax.StructInfo, b: relax.StructInfo, c: relax.StructInfo
) -> None:
    assert is_base_of(a, a)
    if is_base_of(a, b) and is_base_of(b, c):
        assert is_base_of(a, c)
    if is_base_of(a, b):
        assert struct_info_lca(a, b) is a


@given(INFOS)
def test_erasing_gives_a_base_without_variables(info: relax.StructInfo) -> None:
    erased = erase_to_well_defined(info)
    assert is_base_of(erased, info)
    assert tir_vars_in_struct_info(erased) == []
    assert erase_to_well_defined(erased) is erased
    assert erase_to_well_defined(info, lambda var: var, lambda var: var) is info
    assert is_base_of(get_static_type(info), info)


def test_erasing_replaces_what_is_known() -> None:
    info = TUPLE([TENSOR((N, 4)), SHAPE((M,)), PRIM(value=N)])
    found = erase_to_well_defined(info, lambda var: {N: M * 2}.get(var))
    assert structural_equal(found, TUPLE([TENSOR((M * 2, 4)), SHAPE(ndim=1), PRIM(value=M * 2)]))


def test_variables_in_infos() -> None:
    info = TUPLE([TENSOR((N + 1, M)), FUNC([TENSOR((N,))], TENSOR((N, M)))])
    assert tir_vars_in_struct_info(info) == [N, M]
    assert definable_tir_vars_in_struct_info(info) == [M]


def call(*infos: relax.StructInfo) -> relax.Call:
    args = [relax.Var(f"x{number}", info) for number, info in enumerate(infos)]
    return relax.Call(relax.GlobalVar("f"), args)


def test_the_result_is_in_terms_of_the_arguments() -> None:
    signature = FUNC([TENSOR((N, M)), TENSOR((M,))], TENSOR((N, M * 2)))
    k = SizeVar("k", "int64")
    found = derive_call_ret_struct_info(signature, call(TENSOR((3, k)), TENSOR((k,))))
    assert structural_equal(found, TENSOR((3, k * 2)))


def test_what_the_arguments_do_not_show_is_unknown() -> None:
    signature = FUNC([TENSOR((N, M)), TENSOR((M,))], TENSOR((N, M)))
    found = derive_call_ret_struct_info(signature, call(TENSOR(ndim=2), TENSOR((4,))))
    assert structural_equal(found, TENSOR(ndim=2))


def test_an_opaque_function_returns_what_is_declared() -> None:
    signature = FUNC.opaque_func(ret=TENSOR((4,)))
    assert structural_equal(derive_call_ret_struct_info(signature, call()), TENSOR((4,)))
    declared = relax.Call(relax.GlobalVar("f"), [], None, [OBJECT, SHAPE((2,))])
    found = derive_call_ret_struct_info(FUNC.opaque_func(), declared)
    assert structural_equal(found, TUPLE([OBJECT, SHAPE((2,))]))


def test_a_derivation_of_ones_own() -> None:
    signature = FUNC.opaque_func(derive_func=lambda call, context: call.args[0].struct_info)
    assert structural_equal(derive_call_ret_struct_info(signature, call(SHAPE((7,)))), SHAPE((7,)))


def test_dimensions_that_disagree_name_both_arguments() -> None:
    signature = FUNC([TENSOR((N,)), TENSOR((N,))], TENSOR((N,)))
    with pytest.raises(TypeMismatchError) as caught:
        derive_call_ret_struct_info(signature, call(TENSOR((3,)), TENSOR((4,))))
    assert str(caught.value) == (
        "Argument 1 of the call of 'f' does not fit its parameter.\n"
        '  expected: R.Tensor((n,), dtype="float32"), where n = T.int64(3) from argument 0\n'
        '  found: R.Tensor((4,), dtype="float32")'
    )


def test_the_wrong_number_of_arguments() -> None:
    with pytest.raises(TypeMismatchError, match="wrong number of arguments"):
        derive_call_ret_struct_info(FUNC([OBJECT], OBJECT), call())


def test_the_signature_of_a_loop_function() -> None:
    @T.prim_func
    def kernel(a: T.handle, b: T.handle, k: T.int32, s: T.float32):
        n = T.int32()
        A = T.match_buffer(a, (n, 4), "int8")
        B = T.match_buffer(b, (n * 2 + k,))
        B[0] = T.Cast("float32", A[0, 0]) + s

    info = prim_func_struct_info(kernel)
    k, n = SizeVar("k", "int64"), SizeVar("n", "int64")
    expected = FUNC(
        [TENSOR((n, 4), "int8"), TENSOR((n * 2 + k,)), PRIM(value=k), PRIM("float32")],
        TUPLE([]),
        False,
    )
    assert structural_equal(info, expected)
