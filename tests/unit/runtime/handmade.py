"""A small executable written by hand, as the code generator would make it: LLVM text, plans,
signatures.

`addc(x, y)`: y = x + 1. `mulc(x, c, y)`: y = x * c, with c of rank 0. `main(x)`:
mulc(double(addc(x)), constant 0), where `env.double(a, out)` is a packed function; natively and as
a plan.
"""

from __future__ import annotations

from pellucid.runtime import abi, dtypes
from pellucid.runtime.executable import Executable
from pellucid.runtime.kernel import Kernel, host_target
from pellucid.runtime.native import compile_text
from pellucid.runtime.plan import Alloc, CallKernel, CallPacked, Const, GraphPlan
from pellucid.runtime.signature import Signature, TensorSpec
from pellucid.runtime.tensor import array

FLOAT32 = dtypes.packed("float32")

ADDC = Signature(
    "addc", (TensorSpec("x", "float32", ("n",)), TensorSpec("y", "float32", ("n",), writable=True))
)
MULC = Signature(
    "mulc",
    (
        TensorSpec("x", "float32", ("n",)),
        TensorSpec("c", "float32", ()),
        TensorSpec("y", "float32", ("n",), writable=True),
    ),
)
MAIN = Signature("main", (TensorSpec("x", "float32", ("n",)),), TensorSpec("", "float32", ("n",)))

PLAN = GraphPlan(
    name="main",
    signature=MAIN,
    registers=5,
    steps=(
        Alloc(1, ("n",), "float32"),
        CallKernel("addc", (0, 1)),
        Alloc(2, ("n",), "float32"),
        CallPacked("env.double", (1, 2), None, True),
        Const(3, 0),
        Alloc(4, ("n",), "float32"),
        CallKernel("mulc", (2, 3, 4)),
    ),
    result=4,
    native_symbol="__tvm_ffi_main",
    packed=("env.double",),
)


def _string(name: str, text: str) -> str:
    return f'@{name} = internal constant [{len(text) + 1} x i8] c"{text}\\00"\n'


def entry(name: str, ranks: tuple[int, ...], body: str) -> str:
    """A packed entry that checks float32 tensors of these ranks, all compact and of one extent.

    `body` sees `%p0` … (data), `%n` (the extent of the first tensor), and ends the function.
    """
    lines = [
        _string(f"name.{name}", name),
        f"define i32 @__tvm_ffi_{name}(ptr %h, ptr %args, i32 %count, ptr %result) {{",
        f"  %right = icmp eq i32 %count, {len(ranks)}",
        "  br i1 %right, label %t0, label %bad",
    ]
    for number, rank in enumerate(ranks):
        lines += _check_one(number, rank)
    lines += [
        f"t{len(ranks)}:",
        body,
        "bad:",
        f"  call void @TVMFFIErrorSetRaisedFromCStr(ptr @kind.check, ptr @name.{name})",
        "  ret i32 -1",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _check_one(k: int, rank: int) -> list[str]:
    lines = [
        f"t{k}:",
        f"  %any{k} = getelementptr i8, ptr %args, i64 {k * abi.ANY_BYTES}",
        f"  %type{k} = load i32, ptr %any{k}",
        f"  %value{k}.at = getelementptr i8, ptr %any{k}, i64 {abi.ANY_VALUE}",
        f"  %value{k} = load ptr, ptr %value{k}.at",
        f"  %object{k} = icmp eq i32 %type{k}, {abi.TENSOR}",
        f"  br i1 %object{k}, label %d{k}, label %bad",
        f"d{k}:",
        f"  %dl{k} = getelementptr i8, ptr %value{k}, i64 {abi.OBJECT_HEADER}",
        f"  %ndim{k}.at = getelementptr i8, ptr %dl{k}, i64 {abi.DL_NDIM}",
        f"  %ndim{k} = load i32, ptr %ndim{k}.at",
        f"  %dtype{k}.at = getelementptr i8, ptr %dl{k}, i64 {abi.DL_DTYPE}",
        f"  %dtype{k} = load i32, ptr %dtype{k}.at",
        f"  %ok{k}.a = icmp eq i32 %ndim{k}, {rank}",
        f"  %ok{k}.b = icmp eq i32 %dtype{k}, {FLOAT32}",
        f"  %ok{k} = and i1 %ok{k}.a, %ok{k}.b",
        f"  %data{k} = load ptr, ptr %dl{k}",
        f"  %skip{k}.at = getelementptr i8, ptr %dl{k}, i64 {abi.DL_BYTE_OFFSET}",
        f"  %skip{k} = load i64, ptr %skip{k}.at",
        f"  %p{k} = getelementptr i8, ptr %data{k}, i64 %skip{k}",
    ]
    if rank == 0:
        return [*lines, f"  br i1 %ok{k}, label %t{k + 1}, label %bad"]
    lines += [
        f"  br i1 %ok{k}, label %s{k}, label %bad",
        f"s{k}:",
        f"  %shape{k}.at = getelementptr i8, ptr %dl{k}, i64 {abi.DL_SHAPE}",
        f"  %shape{k} = load ptr, ptr %shape{k}.at",
        f"  %{'n' if k == 0 else f'n{k}'} = load i64, ptr %shape{k}",
        f"  %strides{k}.at = getelementptr i8, ptr %dl{k}, i64 {abi.DL_STRIDES}",
        f"  %strides{k} = load ptr, ptr %strides{k}.at",
        f"  %step{k} = load i64, ptr %strides{k}",
        f"  %one{k}.a = icmp eq i64 %step{k}, 1",
        f"  %one{k}.b = icmp ule i64 %{'n' if k == 0 else f'n{k}'}, 1",
        f"  %one{k} = or i1 %one{k}.a, %one{k}.b",
    ]
    if k == 0:
        return [*lines, f"  br i1 %one{k}, label %t{k + 1}, label %bad"]
    return [
        *lines,
        f"  %same{k} = icmp eq i64 %n, %n{k}",
        f"  %fits{k} = and i1 %one{k}, %same{k}",
        f"  br i1 %fits{k}, label %t{k + 1}, label %bad",
    ]


RAW = """
define i32 @pellucid_raw_addc(ptr %x, ptr %y, i64 %n) {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %from = getelementptr float, ptr %x, i64 %i
  %a = load float, ptr %from, align 4
  %b = fadd float %a, 1.0
  %to = getelementptr float, ptr %y, i64 %i
  store float %b, ptr %to, align 4
  %i1 = add i64 %i, 1
  br label %head
done:
  ret i32 0
}
define i32 @pellucid_raw_mulc(ptr %x, ptr %c, ptr %y, i64 %n) {
entry:
  %factor = load float, ptr %c, align 4
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %from = getelementptr float, ptr %x, i64 %i
  %a = load float, ptr %from, align 4
  %b = fmul float %a, %factor
  %to = getelementptr float, ptr %y, i64 %i
  store float %b, ptr %to, align 4
  %i1 = add i64 %i, 1
  br label %head
done:
  ret i32 0
}
"""

MAIN_BODY = f"""
  call void @pellucid_run_enter()
  %a.any = alloca {abi.LLVM_ANY}, i64 2
  %b.any = getelementptr i8, ptr %a.any, i64 {abi.ANY_BYTES}
  %r.any = alloca {abi.LLVM_ANY}
  store {abi.LLVM_ANY} zeroinitializer, ptr %r.any
  %e0 = call i32 @pellucid_tensor_new(i32 1, ptr %shape0, i32 {FLOAT32}, ptr %a.any)
  %e1 = call i32 @pellucid_tensor_new(i32 1, ptr %shape0, i32 {FLOAT32}, ptr %b.any)
  %a.at = getelementptr i8, ptr %a.any, i64 8
  %a = load ptr, ptr %a.at
  %a.data.at = getelementptr i8, ptr %a, i64 {abi.OBJECT_HEADER}
  %a.data = load ptr, ptr %a.data.at
  %b.at = getelementptr i8, ptr %b.any, i64 8
  %b = load ptr, ptr %b.at
  %b.data.at = getelementptr i8, ptr %b, i64 {abi.OBJECT_HEADER}
  %b.data = load ptr, ptr %b.data.at
  %e2 = call i32 @pellucid_raw_addc(ptr %p0, ptr %a.data, i64 %n)
  %double = load ptr, ptr @pellucid_packed_handles_main
  %rc = call i32 @TVMFFIFunctionCall(ptr %double, ptr %a.any, i32 2, ptr %r.any)
  %failed = icmp ne i32 %rc, 0
  br i1 %failed, label %end, label %ignore
ignore:
  %r.type = load i32, ptr %r.any
  %r.object = icmp sge i32 %r.type, {abi.OBJECT}
  br i1 %r.object, label %release, label %go
release:
  %r.at = getelementptr i8, ptr %r.any, i64 8
  %r = load ptr, ptr %r.at
  %gone2 = call i32 @TVMFFIObjectDecRef(ptr %r)
  br label %go
go:
  %e3 = call i32 @pellucid_tensor_new(i32 1, ptr %shape0, i32 {FLOAT32}, ptr %result)
  %y.at = getelementptr i8, ptr %result, i64 8
  %y = load ptr, ptr %y.at
  %y.data.at = getelementptr i8, ptr %y, i64 {abi.OBJECT_HEADER}
  %y.data = load ptr, ptr %y.data.at
  %c = load ptr, ptr @pellucid_constants
  %c.data.at = getelementptr i8, ptr %c, i64 {abi.OBJECT_HEADER}
  %c.data = load ptr, ptr %c.data.at
  %e4 = call i32 @pellucid_raw_mulc(ptr %b.data, ptr %c.data, ptr %y.data, i64 %n)
  br label %end
end:
  %gone0 = call i32 @TVMFFIObjectDecRef(ptr %a)
  %gone1 = call i32 @TVMFFIObjectDecRef(ptr %b)
  call void @pellucid_run_leave()
  ret i32 %rc
"""


def ir_text() -> str:
    """The whole module."""
    declarations = [*abi.FFI_DECLARATIONS.values(), *abi.SUPPORT_DECLARATIONS.values()]
    return "\n".join(
        (
            *declarations,
            _string("kind.check", abi.CHECK_ERROR),
            "@pellucid_packed_handles_main = global [1 x ptr] zeroinitializer",
            "@pellucid_constants = global [1 x ptr] zeroinitializer",
            RAW,
            entry(
                "addc",
                (1, 1),
                "  %rc = call i32 @pellucid_raw_addc(ptr %p0, ptr %p1, i64 %n)\n  ret i32 %rc",
            ),
            entry(
                "mulc",
                (1, 0, 1),
                "  %rc = call i32 @pellucid_raw_mulc(ptr %p0, ptr %p1, ptr %p2, i64 %n)\n"
                "  ret i32 %rc",
            ),
            entry("main", (1,), MAIN_BODY),
        )
    )


def make() -> Executable:
    """The executable."""
    return Executable(
        kernels={
            "addc": Kernel("addc", ADDC, "__tvm_ffi_addc"),
            "mulc": Kernel("mulc", MULC, "__tvm_ffi_mulc"),
        },
        graphs={"main": PLAN},
        constants=[array(3.0, dtype="float32")],
        object_code=compile_text(ir_text()),
        target=host_target(),
        sources={"ll": ir_text},
    )
