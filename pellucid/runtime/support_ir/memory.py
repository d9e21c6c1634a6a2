"""Aligned memory for generated code, as LLVM IR: `pellucid_alloc`, `pellucid_free`,
`pellucid_trim`.

A block is preceded by 64 bytes that hold the address to free and the block's capacity. Blocks from
`CACHED_FROM` bytes on are kept in a few slots when they are freed, since asking the system anew
costs a page fault for every 4 KiB: a slot is emptied and filled by atomic exchange, so a block
belongs to one thread at any time. From `HUGE_FROM` bytes on, Linux is asked for huge pages, from
which memory reads up to 1.5 times as fast.
"""

from __future__ import annotations

HEADER = 64
CACHED_FROM = 32 << 10
CACHED_LIMIT = 256 << 20
"""The most bytes that freed blocks may hold together."""
SLOTS = 16
HUGE_FROM = 8 << 20
HUGE_PAGE = 2 << 20
LARGEST = 1 << 46

_STATE = f"""
declare ptr @malloc(i64)
declare void @free(ptr)
@pellucid_blocks = internal global [{SLOTS} x ptr] zeroinitializer, align 64
@pellucid_cached = internal global i64 0, align 64
@pellucid_turn = internal global i32 0, align 64
"""

_TEXT = f"""
define internal ptr @pellucid_fresh(i64 %bytes, i64 %align) nounwind {{
entry:
  %room = add i64 %align, {HEADER}
  %all = add i64 %bytes, %room
  %base = call ptr @malloc(i64 %all)
  %failed = icmp eq ptr %base, null
  br i1 %failed, label %none, label %place
none:
  ret ptr null
place:
  %address = ptrtoint ptr %base to i64
  %past = add i64 %address, %room
  %mask = sub i64 0, %align
  %aligned = and i64 %past, %mask
  %block = inttoptr i64 %aligned to ptr
  %base.at = getelementptr i8, ptr %block, i64 -64
  store ptr %base, ptr %base.at
  %capacity.at = getelementptr i8, ptr %block, i64 -56
  store i64 %bytes, ptr %capacity.at
  ret ptr %block
}}

define internal void @pellucid_release(ptr %block) nounwind {{
  %base.at = getelementptr i8, ptr %block, i64 -64
  %base = load ptr, ptr %base.at
  call void @free(ptr %base)
  ret void
}}

define ptr @pellucid_alloc(i64 %bytes) nounwind {{
entry:
  %absurd = icmp ugt i64 %bytes, {LARGEST}
  br i1 %absurd, label %refuse, label %size
refuse:
  ret ptr null
size:
  %small = icmp ult i64 %bytes, {CACHED_FROM}
  br i1 %small, label %fresh.small, label %search
fresh.small:
  %new.small = call ptr @pellucid_fresh(i64 %bytes, i64 64)
  ret ptr %new.small
search:
  %twice = shl i64 %bytes, 1
  br label %look
look:
  %i = phi i64 [ 0, %search ], [ %i1, %next ]
  %slot = getelementptr ptr, ptr @pellucid_blocks, i64 %i
  %there = load atomic ptr, ptr %slot monotonic, align 8
  %empty = icmp eq ptr %there, null
  br i1 %empty, label %next, label %take
take:
  %block = atomicrmw xchg ptr %slot, ptr null acq_rel
  %gone = icmp eq ptr %block, null
  br i1 %gone, label %next, label %measure
measure:
  %capacity.at = getelementptr i8, ptr %block, i64 -56
  %capacity = load i64, ptr %capacity.at
  %enough = icmp uge i64 %capacity, %bytes
  %close = icmp ule i64 %capacity, %twice
  %fits = and i1 %enough, %close
  br i1 %fits, label %use, label %put.back
use:
  %held = atomicrmw sub ptr @pellucid_cached, i64 %capacity monotonic
  ret ptr %block
put.back:
  %swap = cmpxchg ptr %slot, ptr null, ptr %block acq_rel monotonic
  %back = extractvalue {{ ptr, i1 }} %swap, 1
  br i1 %back, label %next, label %crowded
crowded:
  %held.1 = atomicrmw sub ptr @pellucid_cached, i64 %capacity monotonic
  call void @pellucid_release(ptr %block)
  br label %next
next:
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, {SLOTS}
  br i1 %more, label %look, label %fresh
fresh:
  %rounded.0 = add i64 %bytes, 4095
  %rounded = and i64 %rounded.0, -4096
  %huge = icmp uge i64 %rounded, {HUGE_FROM}
  br i1 %huge, label %fresh.huge, label %fresh.plain
fresh.plain:
  %new.plain = call ptr @pellucid_fresh(i64 %rounded, i64 64)
  ret ptr %new.plain
fresh.huge:
  %new.huge = call ptr @pellucid_fresh(i64 %rounded, i64 {HUGE_PAGE})
  call void @pellucid_advise(ptr %new.huge, i64 %rounded)
  ret ptr %new.huge
}}

define void @pellucid_free(ptr %block) nounwind {{
entry:
  %nothing = icmp eq ptr %block, null
  br i1 %nothing, label %done, label %size
done:
  ret void
size:
  %capacity.at = getelementptr i8, ptr %block, i64 -56
  %capacity = load i64, ptr %capacity.at
  %small = icmp ult i64 %capacity, {CACHED_FROM}
  br i1 %small, label %release, label %count
release:
  call void @pellucid_release(ptr %block)
  ret void
count:
  %before = atomicrmw add ptr @pellucid_cached, i64 %capacity monotonic
  %after = add i64 %before, %capacity
  %over = icmp ugt i64 %after, {CACHED_LIMIT}
  br i1 %over, label %too.much, label %look
too.much:
  ; Make room by letting one old block go as well, so that blocks no one asks for do not stay.
  %old.turn = call ptr @pellucid_evict(ptr null)
  %held = atomicrmw sub ptr @pellucid_cached, i64 %capacity monotonic
  call void @pellucid_release(ptr %block)
  ret void
look:
  %i = phi i64 [ 0, %count ], [ %i1, %next ]
  %slot = getelementptr ptr, ptr @pellucid_blocks, i64 %i
  %there = load atomic ptr, ptr %slot monotonic, align 8
  %free = icmp eq ptr %there, null
  br i1 %free, label %put, label %next
put:
  %swap = cmpxchg ptr %slot, ptr null, ptr %block acq_rel monotonic
  %stored = extractvalue {{ ptr, i1 }} %swap, 1
  br i1 %stored, label %done, label %next
next:
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, {SLOTS}
  br i1 %more, label %look, label %full
full:
  %old = call ptr @pellucid_evict(ptr %block)
  ret void
}}

; Puts %block into the slot whose turn it is and frees what was there.
define internal ptr @pellucid_evict(ptr %block) nounwind {{
entry:
  %turn = atomicrmw add ptr @pellucid_turn, i32 1 monotonic
  %index.32 = and i32 %turn, {SLOTS - 1}
  %index = zext i32 %index.32 to i64
  %slot = getelementptr ptr, ptr @pellucid_blocks, i64 %index
  %old = atomicrmw xchg ptr %slot, ptr %block acq_rel
  %nothing = icmp eq ptr %old, null
  br i1 %nothing, label %done, label %drop
drop:
  %capacity.at = getelementptr i8, ptr %old, i64 -56
  %capacity = load i64, ptr %capacity.at
  %held = atomicrmw sub ptr @pellucid_cached, i64 %capacity monotonic
  call void @pellucid_release(ptr %old)
  br label %done
done:
  ret ptr %old
}}

; Gives all kept blocks back to the system.
define void @pellucid_trim() nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]
  %old = call ptr @pellucid_evict(ptr null)
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, {SLOTS}
  br i1 %more, label %loop, label %done
done:
  ret void
}}

define i64 @pellucid_cached_bytes() nounwind {{
  %bytes = load atomic i64, ptr @pellucid_cached monotonic, align 8
  ret i64 %bytes
}}
"""

_LINUX_ADVISE = f"""
declare i32 @madvise(ptr, i64, i32)
define internal void @pellucid_advise(ptr %block, i64 %bytes) nounwind {{
entry:
  %nothing = icmp eq ptr %block, null
  br i1 %nothing, label %done, label %ask
ask:
  %whole = and i64 %bytes, -{HUGE_PAGE}
  ; 14 is MADV_HUGEPAGE; a system without them says no, and that is all right.
  %rc = call i32 @madvise(ptr %block, i64 %whole, i32 14)
  br label %done
done:
  ret void
}}
"""

_NO_ADVISE = """
define internal void @pellucid_advise(ptr %block, i64 %bytes) nounwind {
  ret void
}
"""

EXPORTS = ("pellucid_alloc", "pellucid_free", "pellucid_trim", "pellucid_cached_bytes")


def text(system: str) -> str:
    """The IR of the memory functions for `system` (`linux`, `darwin`, `windows`, …)."""
    return _STATE + (_LINUX_ADVISE if system == "linux" else _NO_ADVISE) + _TEXT
