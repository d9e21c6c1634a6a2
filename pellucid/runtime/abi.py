"""The binary interface between generated code and the runtime: symbols, layouts, calling
conventions.

The code generator (`codegen/`) reads this file to know what it may call and must export; the
runtime reads it to load and call what was generated. The layouts are those of apache-tvm-ffi and
DLPack; `tests/unit/runtime/test_abi.py` compares them with the installed library.

**Values.** `TVMFFIAny` is 16 bytes: `{i32 type_index, i32 zero, 8 bytes of value}`. Objects (type
index >= 64) are pointers to a 24-byte header, followed by the fields of their kind: a tensor has a
`DLTensor` there.

**A loop function `f`** exports

- `i32 __tvm_ffi_f(ptr handle, ptr args, i32 count, ptr result)`: the packed entry. `args` are
  `TVMFFIAny` *views* (borrowed). It checks everything that `Signature` says (count, kinds, rank,
  dtype, shape, compactness or strides, alignment, device) and returns 0 with `result` set to none;
  on a failed check it raises the kind `CHECK_ERROR` with `Signature.name` (and nothing else) as the
  message and returns -1: the Python side then finds the exact words (`check.py`). Parameters come
  in the order of `Signature.params`. A tensor argument is of type `TENSOR` or `DL_TENSOR_PTR`, an
  integer `INT` (or `BOOL`), a float `FLOAT` or `INT`, a bool `BOOL` or `INT`, a shape `SHAPE`. An
  entry with parallel loops is inside a run, as described below for graph functions.
- `i32 pellucid_raw_f(...)`: the body, without any check. One argument per parameter (a tensor:
  `ptr` to its first element, byte offset included; a scalar: its LLVM type), then one `i64` for
  each name in `Signature.symbols()` that no scalar parameter binds, in that order. Strides that are
  not compact are such names too. It returns 0, or non-zero with an error raised (a failed
  assertion, no memory, a packed function that raised).
  A function that returns a number takes one more argument, the last: a `ptr` to a `TVMFFIAny`,
  where it leaves the number; its packed entry leaves it in `result`.
- `i32 pellucid_counted_f(..., i64 calls_around)`: what `pellucid_raw_f` calls when functions call
  each other in a circle; the count stops a recursion without end before it leaves the stack.
- Written tensors must not share memory with other tensors unless the function has `tir.noalias`
  False: the packed entry raises `RUN_ERROR` with a message otherwise, `pellucid_raw_f` trusts.

**A graph function `g`** exports

- `i32 __tvm_ffi_g(ptr handle, ptr args, i32 count, ptr result)`: checks its arguments likewise, and
  leaves an *owned* value in `result`: a tensor, an int / float / bool, a tuple (`ARRAY`), a shape
  (`SHAPE`), or none. A tensor argument that is returned as it came must be increased first. When
  the argument is a `DL_TENSOR_PTR` it raises `CHECK_ERROR`. Between its checks and its return it is
  inside a run: `pellucid_run_enter()` … `pellucid_run_leave()` on every path.

**Packed functions.** A loop or graph function `h` that calls some also exports
`pellucid_packed_handles_h`: an external, writable, zero-initialised array of `ptr`, one per name in
`Kernel.packed` or `GraphPlan.packed`. Before the first call the runtime fills in the function
objects, to be called by `TVMFFIFunctionCall(handle, args, count, result)`; the result must be
initialised to none, and released if it is an object. A tensor handed to them owns its storage.

**Constants**: `pellucid_constants`, an external, writable, zero-initialised array of `ptr`, one per
constant of the executable: the runtime fills in tensor objects (`DLTensor` at `OBJECT_HEADER`),
compact, 64-byte aligned, read-only.

**Errors**: a function that fails calls `TVMFFIErrorSetRaisedFromCStr(kind, message)` (both
null-terminated, copied) and returns -1; a caller passes on what it got and raises nothing new.

**Parallel loops**: `pellucid_parallel_for(fn, ctx, tasks)` calls `i32 fn(ptr ctx, i64 begin, i64
end)` for contiguous chunks that cover 0 … tasks, on all threads of the pool, and returns the first
non-zero answer (its error is raised in the calling thread). Nested or concurrent regions run
serially. A chunk must not call `pellucid_run_enter`.

**Memory**: `pellucid_alloc` gives 64-byte aligned, unwritten memory or null; blocks are recycled.
`pellucid_tensor_new` makes an owned tensor (device cpu, compact) with one reference in `*result`,
or returns -1 with the error raised.
"""

from __future__ import annotations

# Kinds of error that generated code raises; the Python side turns them into our classes.
CHECK_ERROR = "PellucidCheckError"
"""The arguments do not fit the signature: becomes `ArgumentError`, with the words of `check.py`."""
RUN_ERROR = "PellucidRunError"
"""The program stopped (assertion, match of shapes): becomes `RunError`, with the message as its
text.
"""
BOUNDS_ERROR = "PellucidBoundsError"
"""An access out of bounds, where the build checks them: becomes `RunError`."""
MEMORY_ERROR = "PellucidMemoryError"
"""No memory: becomes `MemoryError`."""

# Symbols that an object file exports.
ENTRY_PREFIX = "__tvm_ffi_"
RAW_PREFIX = "pellucid_raw_"
COUNTED_PREFIX = "pellucid_counted_"
PACKED_HANDLES_PREFIX = "pellucid_packed_handles_"
CONSTANTS_SYMBOL = "pellucid_constants"

# Symbols that an object file may import: LLVM declarations.
FFI_DECLARATIONS: dict[str, str] = {
    "TVMFFIErrorSetRaisedFromCStr": "declare void @TVMFFIErrorSetRaisedFromCStr(ptr, ptr)",
    "TVMFFIErrorSetRaisedFromCStrParts": (
        "declare void @TVMFFIErrorSetRaisedFromCStrParts(ptr, ptr, i32)"
    ),
    "TVMFFIErrorCreate": "declare i32 @TVMFFIErrorCreate(ptr, ptr, ptr, ptr)",
    "TVMFFIErrorMoveFromRaised": "declare void @TVMFFIErrorMoveFromRaised(ptr)",
    "TVMFFIErrorSetRaised": "declare void @TVMFFIErrorSetRaised(ptr)",
    "TVMFFIFunctionCall": "declare i32 @TVMFFIFunctionCall(ptr, ptr, i32, ptr)",
    "TVMFFIObjectIncRef": "declare i32 @TVMFFIObjectIncRef(ptr)",
    "TVMFFIObjectDecRef": "declare i32 @TVMFFIObjectDecRef(ptr)",
}
"""The functions of tvm_ffi, by name.

Generated code gets `pellucid_raise` under the name `TVMFFIErrorSetRaisedFromCStr`: it does the same
without a native backtrace, which takes most of a second when it is made for the first time.
"""

SUPPORT_DECLARATIONS: dict[str, str] = {
    "pellucid_parallel_for": "declare i32 @pellucid_parallel_for(ptr, ptr, i64)",
    "pellucid_run_enter": "declare void @pellucid_run_enter()",
    "pellucid_run_leave": "declare void @pellucid_run_leave()",
    "pellucid_alloc": "declare ptr @pellucid_alloc(i64)",
    "pellucid_free": "declare void @pellucid_free(ptr)",
    # (ndim, extents: i64*, dtype as DTYPE packs it, result: TVMFFIAny*)
    "pellucid_tensor_new": "declare i32 @pellucid_tensor_new(i32, ptr, i32, ptr)",
    # (data, owner: object to be kept alive or null, ndim, extents: i64*, strides: i64* or null,
    # dtype, result)
    "pellucid_tensor_view": "declare i32 @pellucid_tensor_view(ptr, ptr, i32, ptr, ptr, i32, ptr)",
    # (fields: TVMFFIAny*, count, result); the fields stay the caller's
    "pellucid_tuple_new": "declare i32 @pellucid_tuple_new(ptr, i32, ptr)",
    # (extents: i64*, count, result)
    "pellucid_shape_new": "declare i32 @pellucid_shape_new(ptr, i32, ptr)",
}
"""The functions of the runtime's own support library (`support_library.py`), by name."""

# TVMFFIAny
ANY_BYTES = 16
ANY_TYPE = 0
ANY_VALUE = 8
LLVM_ANY = "{ i32, i32, i64 }"

# Type indices
NONE = 0
INT = 1
BOOL = 2
FLOAT = 3
OPAQUE_PTR = 4
DATA_TYPE = 5
DL_TENSOR_PTR = 7
SMALL_STR = 11
OBJECT = 64
"""Every type index from here on is a reference-counted object."""
STR = 65
ERROR = 67
FUNCTION = 68
SHAPE = 69
TENSOR = 70
ARRAY = 71

# Objects
OBJECT_HEADER = 24
OBJECT_REFERENCES = 0
"""i64: strong references in the low half, weak in the high; a new object has one of each."""
OBJECT_TYPE = 8
OBJECT_DELETER = 16
"""`void (ptr self, i32 flags)`: bit 0 destroy the contents, bit 1 free the memory."""
ONE_REFERENCE = (1 << 32) | 1

# DLTensor, counted from the DLTensor itself (in a tensor object: add OBJECT_HEADER)
DL_DATA = 0
DL_DEVICE_TYPE = 8
DL_DEVICE_ID = 12
DL_NDIM = 16
DL_DTYPE = 20
DL_SHAPE = 24
DL_STRIDES = 32
"""Null means compact; else one i64 per dimension, in elements."""
DL_BYTE_OFFSET = 40
DL_BYTES = 48
DEVICE_CPU = 1

# Function object
FUNCTION_SAFE_CALL = OBJECT_HEADER
# Shape object
SHAPE_DATA = OBJECT_HEADER
SHAPE_SIZE = OBJECT_HEADER + 8
# Array object (a tuple)
ARRAY_DATA = OBJECT_HEADER
"""Pointer to `ARRAY_SIZE` values of `TVMFFIAny`."""
ARRAY_SIZE = OBJECT_HEADER + 8
# Error object
ERROR_EXTRA_CONTEXT = OBJECT_HEADER + 64

ALIGNMENT = 64
"""Bytes that our own allocations and constants are aligned to."""


def pack_dtype(code: int, bits: int, lanes: int) -> int:
    """A DLPack data type as the little-endian i32 that stands at `DL_DTYPE`."""
    return code | bits << 8 | lanes << 16
