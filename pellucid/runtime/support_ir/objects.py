"""Tensors, tuples and shapes made by generated code, as LLVM IR.

An owned tensor is one block: 16 zero bytes (where tvm_ffi keeps an allocation header, so that it
finds an empty one), the object header, the `DLTensor`, a hidden word with the block's address, the
extents, the strides, and after padding to 64 bytes the elements. A view is the same without the
elements; its hidden word is the object that it keeps alive.
"""

from __future__ import annotations

from pellucid.runtime import abi

_PREFIX = 16
_HIDDEN = abi.OBJECT_HEADER + abi.DL_BYTES
_EXTENTS = _HIDDEN + 8


def _dl(offset: int) -> int:
    return abi.OBJECT_HEADER + offset


def _string(name: str, text: str) -> str:
    return f'@{name} = internal constant [{len(text) + 1} x i8] c"{text}\\00"'


_TENSORS = f"""
declare {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64, i64)
{_string("pellucid_kind_memory", abi.MEMORY_ERROR)}
{_string("pellucid_no_memory", "there is no memory left for another tensor")}
{_string("pellucid_kind_run", abi.RUN_ERROR)}
{_string("pellucid_bad_shape", "a tensor cannot have a negative extent")}

define internal void @pellucid_delete_owned(ptr %self, i32 %flags) nounwind {{
entry:
  %weak = and i32 %flags, 2
  %last = icmp ne i32 %weak, 0
  br i1 %last, label %drop, label %done
drop:
  %block.at = getelementptr i8, ptr %self, i64 {_HIDDEN}
  %block = load ptr, ptr %block.at
  call void @pellucid_free(ptr %block)
  br label %done
done:
  ret void
}}

define internal void @pellucid_delete_view(ptr %self, i32 %flags) nounwind {{
entry:
  %strong = and i32 %flags, 1
  %dies = icmp ne i32 %strong, 0
  br i1 %dies, label %owner, label %memory
owner:
  %owner.at = getelementptr i8, ptr %self, i64 {_HIDDEN}
  %object = load ptr, ptr %owner.at
  store ptr null, ptr %owner.at
  %alone = icmp eq ptr %object, null
  br i1 %alone, label %memory, label %release
release:
  %rc = call i32 @TVMFFIObjectDecRef(ptr %object)
  br label %memory
memory:
  %weak = and i32 %flags, 2
  %last = icmp ne i32 %weak, 0
  br i1 %last, label %drop, label %done
drop:
  %block = getelementptr i8, ptr %self, i64 -{_PREFIX}
  call void @pellucid_free(ptr %block)
  br label %done
done:
  ret void
}}

; Fills the head of a tensor object; %strides may be null for compact ones.
define internal void @pellucid_fill(ptr %self, ptr %hidden, ptr %deleter, ptr %data, i32 %ndim,
                                    ptr %shape, ptr %strides, i32 %dtype, ptr %result) nounwind {{
entry:
  %tag = getelementptr i8, ptr %self, i64 -16
  store i64 0, ptr %tag
  %space = getelementptr i8, ptr %self, i64 -8
  store i64 0, ptr %space
  store i64 {abi.ONE_REFERENCE}, ptr %self
  %type.at = getelementptr i8, ptr %self, i64 {abi.OBJECT_TYPE}
  store i64 {abi.TENSOR}, ptr %type.at
  %deleter.at = getelementptr i8, ptr %self, i64 {abi.OBJECT_DELETER}
  store ptr %deleter, ptr %deleter.at
  %data.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_DATA)}
  store ptr %data, ptr %data.at
  %device.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_DEVICE_TYPE)}
  store i64 {abi.DEVICE_CPU}, ptr %device.at
  %ndim.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_NDIM)}
  store i32 %ndim, ptr %ndim.at
  %dtype.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_DTYPE)}
  store i32 %dtype, ptr %dtype.at
  %offset.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_BYTE_OFFSET)}
  store i64 0, ptr %offset.at
  %hidden.at = getelementptr i8, ptr %self, i64 {_HIDDEN}
  store ptr %hidden, ptr %hidden.at
  %extents = getelementptr i8, ptr %self, i64 {_EXTENTS}
  %n = zext i32 %ndim to i64
  %steps = getelementptr i64, ptr %extents, i64 %n
  %shape.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_SHAPE)}
  store ptr %extents, ptr %shape.at
  %strides.at = getelementptr i8, ptr %self, i64 {_dl(abi.DL_STRIDES)}
  store ptr %steps, ptr %strides.at
  %given = icmp ne ptr %strides, null
  br label %head
head:
  %i = phi i64 [ %n, %entry ], [ %k, %write ]
  %compact = phi i64 [ 1, %entry ], [ %compact1, %write ]
  %more = icmp sgt i64 %i, 0
  br i1 %more, label %body, label %done
body:
  %k = sub i64 %i, 1
  %extent.from = getelementptr i64, ptr %shape, i64 %k
  %extent = load i64, ptr %extent.from
  %extent.to = getelementptr i64, ptr %extents, i64 %k
  store i64 %extent, ptr %extent.to
  br i1 %given, label %copy, label %write
copy:
  %step.from = getelementptr i64, ptr %strides, i64 %k
  %step.given = load i64, ptr %step.from
  br label %write
write:
  %step = phi i64 [ %compact, %body ], [ %step.given, %copy ]
  %step.to = getelementptr i64, ptr %steps, i64 %k
  store i64 %step, ptr %step.to
  %compact1 = mul i64 %compact, %extent
  br label %head
done:
  store i32 {abi.TENSOR}, ptr %result
  %zero.at = getelementptr i8, ptr %result, i64 4
  store i32 0, ptr %zero.at
  %value.at = getelementptr i8, ptr %result, i64 {abi.ANY_VALUE}
  store ptr %self, ptr %value.at
  ret void
}}

define i32 @pellucid_tensor_new(i32 %ndim, ptr %shape, i32 %dtype, ptr %result) nounwind {{
entry:
  %bits.0 = lshr i32 %dtype, 8
  %bits = and i32 %bits.0, 255
  %lanes = lshr i32 %dtype, 16
  %width.bits = mul i32 %bits, %lanes
  %width.up = add i32 %width.bits, 7
  %width.32 = lshr i32 %width.up, 3
  %width = zext i32 %width.32 to i64
  %n = zext i32 %ndim to i64
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %next ]
  %bytes = phi i64 [ %width, %entry ], [ %product, %next ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %place
body:
  %at = getelementptr i64, ptr %shape, i64 %i
  %extent = load i64, ptr %at
  %negative = icmp slt i64 %extent, 0
  br i1 %negative, label %bad, label %times
times:
  %both = call {{ i64, i1 }} @llvm.umul.with.overflow.i64(i64 %bytes, i64 %extent)
  %product = extractvalue {{ i64, i1 }} %both, 0
  %overflow = extractvalue {{ i64, i1 }} %both, 1
  br i1 %overflow, label %none, label %next
next:
  %i1 = add i64 %i, 1
  br label %head
place:
  ; prefix, header, DLTensor, hidden word, extents and strides, up to a multiple of 64
  %lists = shl i64 %n, 4
  %head.up = add i64 %lists, {_PREFIX + _EXTENTS + 63}
  %head.bytes = and i64 %head.up, -64
  %absurd = icmp ugt i64 %bytes, {1 << 46}
  br i1 %absurd, label %none, label %take
take:
  %all = add i64 %bytes, %head.bytes
  %block = call ptr @pellucid_alloc(i64 %all)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %none, label %fill
fill:
  %self = getelementptr i8, ptr %block, i64 {_PREFIX}
  %data = getelementptr i8, ptr %block, i64 %head.bytes
  call void @pellucid_fill(ptr %self, ptr %block, ptr @pellucid_delete_owned, ptr %data, i32 %ndim,
                           ptr %shape, ptr null, i32 %dtype, ptr %result)
  ret i32 0
none:
  call void @pellucid_raise(ptr @pellucid_kind_memory, ptr @pellucid_no_memory)
  ret i32 -1
bad:
  call void @pellucid_raise(ptr @pellucid_kind_run, ptr @pellucid_bad_shape)
  ret i32 -1
}}

define i32 @pellucid_tensor_view(ptr %data, ptr %owner, i32 %ndim, ptr %shape, ptr %strides,
                                 i32 %dtype, ptr %result) nounwind {{
entry:
  %n = zext i32 %ndim to i64
  %lists = shl i64 %n, 4
  %bytes = add i64 %lists, {_PREFIX + _EXTENTS}
  %block = call ptr @pellucid_alloc(i64 %bytes)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %none, label %keep
keep:
  %alone = icmp eq ptr %owner, null
  br i1 %alone, label %fill, label %hold
hold:
  %rc = call i32 @TVMFFIObjectIncRef(ptr %owner)
  br label %fill
fill:
  %self = getelementptr i8, ptr %block, i64 {_PREFIX}
  call void @pellucid_fill(ptr %self, ptr %owner, ptr @pellucid_delete_view, ptr %data, i32 %ndim,
                           ptr %shape, ptr %strides, i32 %dtype, ptr %result)
  ret i32 0
none:
  call void @pellucid_raise(ptr @pellucid_kind_memory, ptr @pellucid_no_memory)
  ret i32 -1
}}
"""

_CONTAINERS = f"""
; tvm_ffi's functions that make arrays and shapes: a symbol's address is the function object.
@pellucid_ffi_array = external global i8
@pellucid_ffi_shape = external global i8

define i32 @pellucid_tuple_new(ptr %fields, i32 %count, ptr %result) nounwind {{
  store i64 0, ptr %result
  %value.at = getelementptr i8, ptr %result, i64 {abi.ANY_VALUE}
  store i64 0, ptr %value.at
  %rc = call i32 @TVMFFIFunctionCall(ptr @pellucid_ffi_array, ptr %fields, i32 %count,
                                     ptr %result)
  ret i32 %rc
}}

define i32 @pellucid_shape_new(ptr %extents, i32 %count, ptr %result) nounwind {{
entry:
  store i64 0, ptr %result
  %value.at = getelementptr i8, ptr %result, i64 {abi.ANY_VALUE}
  store i64 0, ptr %value.at
  %n = zext i32 %count to i64
  %values = alloca {abi.LLVM_ANY}, i64 %n
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %from = getelementptr i64, ptr %extents, i64 %i
  %extent = load i64, ptr %from
  %to = getelementptr {abi.LLVM_ANY}, ptr %values, i64 %i
  store i64 {abi.INT}, ptr %to
  %to.value = getelementptr i8, ptr %to, i64 {abi.ANY_VALUE}
  store i64 %extent, ptr %to.value
  %i1 = add i64 %i, 1
  br label %head
done:
  %rc = call i32 @TVMFFIFunctionCall(ptr @pellucid_ffi_shape, ptr %values, i32 %count,
                                     ptr %result)
  ret i32 %rc
}}
"""

_ENTRIES = f"""
; For Python: (dtype, extents…) -> tensor
define i32 @pellucid_entry_empty(ptr %handle, ptr %args, i32 %count, ptr %result) nounwind {{
entry:
  %dtype.at = getelementptr i8, ptr %args, i64 {abi.ANY_VALUE}
  %dtype = load i32, ptr %dtype.at
  %ndim = sub i32 %count, 1
  %n = zext i32 %ndim to i64
  %shape = alloca i64, i64 %n
  %first = getelementptr {abi.LLVM_ANY}, ptr %args, i64 1
  call void @pellucid_integers(ptr %first, ptr %shape, i64 %n)
  %rc = call i32 @pellucid_tensor_new(i32 %ndim, ptr %shape, i32 %dtype, ptr %result)
  ret i32 %rc
}}

; For Python: (tensor, byte offset, dtype, extents…, strides…) -> tensor on the same memory, that
; keeps the first alive
define i32 @pellucid_entry_view(ptr %handle, ptr %args, i32 %count, ptr %result) nounwind {{
entry:
  %owner.at = getelementptr i8, ptr %args, i64 {abi.ANY_VALUE}
  %owner = load ptr, ptr %owner.at
  %skip.at = getelementptr i8, ptr %args, i64 {abi.ANY_BYTES + abi.ANY_VALUE}
  %skip = load i64, ptr %skip.at
  %dtype.at = getelementptr i8, ptr %args, i64 {2 * abi.ANY_BYTES + abi.ANY_VALUE}
  %dtype = load i32, ptr %dtype.at
  %lists = sub i32 %count, 3
  %ndim = lshr i32 %lists, 1
  %n = zext i32 %ndim to i64
  %shape = alloca i64, i64 %n
  %strides = alloca i64, i64 %n
  %first = getelementptr {abi.LLVM_ANY}, ptr %args, i64 3
  call void @pellucid_integers(ptr %first, ptr %shape, i64 %n)
  %second = getelementptr {abi.LLVM_ANY}, ptr %first, i64 %n
  call void @pellucid_integers(ptr %second, ptr %strides, i64 %n)
  %data.at = getelementptr i8, ptr %owner, i64 {_dl(abi.DL_DATA)}
  %data = load ptr, ptr %data.at
  %offset.at = getelementptr i8, ptr %owner, i64 {_dl(abi.DL_BYTE_OFFSET)}
  %offset = load i64, ptr %offset.at
  %start = getelementptr i8, ptr %data, i64 %offset
  %moved = getelementptr i8, ptr %start, i64 %skip
  %rc = call i32 @pellucid_tensor_view(ptr %moved, ptr %owner, i32 %ndim, ptr %shape, ptr %strides,
                                       i32 %dtype, ptr %result)
  ret i32 %rc
}}

define internal void @pellucid_integers(ptr %from, ptr %to, i64 %n) nounwind {{
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %i1, %body ]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %done
body:
  %any = getelementptr {abi.LLVM_ANY}, ptr %from, i64 %i
  %value.at = getelementptr i8, ptr %any, i64 {abi.ANY_VALUE}
  %value = load i64, ptr %value.at
  %slot = getelementptr i64, ptr %to, i64 %i
  store i64 %value, ptr %slot
  %i1 = add i64 %i, 1
  br label %head
done:
  ret void
}}
"""

_RAISE = """
declare i64 @strlen(ptr)
@pellucid_empty = internal constant [1 x i8] zeroinitializer

; Raises an error of this kind and message, as TVMFFIErrorSetRaisedFromCStr does, with no backtrace.
define void @pellucid_raise(ptr %kind, ptr %message) nounwind {
entry:
  %texts = alloca [3 x { ptr, i64 }]
  %error.at = alloca ptr
  %kind.bytes = call i64 @strlen(ptr %kind)
  %message.bytes = call i64 @strlen(ptr %message)
  store ptr %kind, ptr %texts
  %kind.size = getelementptr i8, ptr %texts, i64 8
  store i64 %kind.bytes, ptr %kind.size
  %second = getelementptr i8, ptr %texts, i64 16
  store ptr %message, ptr %second
  %message.size = getelementptr i8, ptr %texts, i64 24
  store i64 %message.bytes, ptr %message.size
  %third = getelementptr i8, ptr %texts, i64 32
  store ptr @pellucid_empty, ptr %third
  %trace.size = getelementptr i8, ptr %texts, i64 40
  store i64 0, ptr %trace.size
  %rc = call i32 @TVMFFIErrorCreate(ptr %texts, ptr %second, ptr %third, ptr %error.at)
  %made = icmp eq i32 %rc, 0
  br i1 %made, label %raise, label %done
raise:
  %error = load ptr, ptr %error.at
  call void @TVMFFIErrorSetRaised(ptr %error)
  %gone = call i32 @TVMFFIObjectDecRef(ptr %error)
  br label %done
done:
  ret void
}
"""

EXPORTS = (
    "pellucid_raise",
    "pellucid_tensor_new",
    "pellucid_tensor_view",
    "pellucid_tuple_new",
    "pellucid_shape_new",
    "pellucid_entry_empty",
    "pellucid_entry_view",
)


def text() -> str:
    """The IR of the object functions."""
    return _RAISE + _TENSORS + _CONTAINERS + _ENTRIES
