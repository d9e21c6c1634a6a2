"""The fork-join thread pool as LLVM IR: one for Linux (futex), one for other POSIX systems, and a
serial one.

A *generation* counter starts a region: the caller stores function, context and task count, then
adds one. A worker sees the change, runs its chunk, and writes the generation into its own slot; the
caller runs the first chunk and waits until every slot shows the generation. Workers spin for a new
generation only while a run is active (`pellucid_runs` above zero), and for a bounded time; else
they sleep. The counters that different threads write lie on cache lines of their own. Threads start
at the first region, so that a process that never needs them has none.
"""

from __future__ import annotations

SPIN = 20_000
"""Pauses for which a worker spins inside a run before it sleeps."""
YIELD_MASK = 1023
"""Spinning threads offer their core to others when these bits of their count are zero."""

MAX_THREADS = 1024
SLOT_BYTES = 64
_SLOTS_BYTES = MAX_THREADS * SLOT_BYTES

_PAUSE = {
    "x86_64": ("call void @llvm.x86.sse2.pause()", "declare void @llvm.x86.sse2.pause()"),
    "aarch64": ('call void asm sideeffect "isb", "~{memory}"()', ""),
}
_FUTEX_NUMBER = {"x86_64": 202, "aarch64": 98}

_STATE = f"""
@pellucid_generation = internal global i32 0, align 64
@pellucid_sleepers = internal global i32 0, align 64
@pellucid_busy = internal global i32 0, align 64
@pellucid_runs = internal global i32 0, align 64
; What the present region runs, and the first failure in it.
@pellucid_region = internal global {{ ptr, ptr, i64 }} zeroinitializer, align 64
@pellucid_failure = internal global i32 0, align 64
@pellucid_failure_error = internal global ptr null, align 64
; How many threads a region uses, how many workers run, and whether they are to end.
@pellucid_threads = internal global i64 1, align 64
@pellucid_workers = internal global i64 0, align 8
@pellucid_stop = internal global i32 0, align 64
; One slot a worker: the generation it has finished.
@pellucid_slots = internal global [{_SLOTS_BYTES} x i8] zeroinitializer, align 64
@pellucid_handles = internal global [{MAX_THREADS} x i64] zeroinitializer, align 64
"""

_CHUNK = """
; Runs chunk %t of %n of the region; a failure is recorded, its error taken from this thread.
define internal void @pellucid_chunk(i64 %t, i64 %n) nounwind {
entry:
  %fn = load ptr, ptr @pellucid_region
  %ctx = load ptr, ptr getelementptr (i8, ptr @pellucid_region, i64 8)
  %tasks = load i64, ptr getelementptr (i8, ptr @pellucid_region, i64 16)
  %q = udiv i64 %tasks, %n
  %r = urem i64 %tasks, %n
  %b0 = mul i64 %t, %q
  %extra = call i64 @llvm.umin.i64(i64 %t, i64 %r)
  %begin = add i64 %b0, %extra
  %more = icmp ult i64 %t, %r
  %one = zext i1 %more to i64
  %size = add i64 %q, %one
  %none = icmp eq i64 %size, 0
  br i1 %none, label %done, label %run
run:
  %end = add i64 %begin, %size
  %rc = call i32 %fn(ptr %ctx, i64 %begin, i64 %end)
  %ok = icmp eq i32 %rc, 0
  br i1 %ok, label %done, label %failed
failed:
  %error.at = alloca ptr
  store ptr null, ptr %error.at
  call void @TVMFFIErrorMoveFromRaised(ptr %error.at)
  %error = load ptr, ptr %error.at
  %swap = cmpxchg ptr @pellucid_failure, i32 0, i32 %rc acq_rel monotonic
  %first = extractvalue { i32, i1 } %swap, 1
  br i1 %first, label %keep, label %drop
keep:
  store ptr %error, ptr @pellucid_failure_error
  ret void
drop:
  %nothing = icmp eq ptr %error, null
  br i1 %nothing, label %done, label %release
release:
  %ignored = call i32 @TVMFFIObjectDecRef(ptr %error)
  ret void
done:
  ret void
}
"""

_WORKER = f"""
define internal ptr @pellucid_worker(ptr %self) nounwind {{
entry:
  %slot = getelementptr i8, ptr @pellucid_slots, i64 0
  %index = ptrtoint ptr %self to i64
  %offset = mul i64 %index, {SLOT_BYTES}
  %mine = getelementptr i8, ptr %slot, i64 %offset
  %start = load atomic i32, ptr %mine acquire, align 4
  br label %outer
outer:
  %seen = phi i32 [ %start, %entry ], [ %now, %run ]
  br label %spin
spin:
  %left = phi i64 [ {SPIN}, %outer ], [ %left1, %pause ], [ %left1, %offer ],
                   [ {SPIN}, %sleep ]
  %now = load atomic i32, ptr @pellucid_generation acquire, align 4
  %changed = icmp ne i32 %now, %seen
  br i1 %changed, label %woken, label %wait
wait:
  %runs = load atomic i32, ptr @pellucid_runs monotonic, align 4
  %inside = icmp sgt i32 %runs, 0
  %more = icmp sgt i64 %left, 0
  %again = and i1 %inside, %more
  br i1 %again, label %pause, label %sleep
pause:
  @PAUSE@
  %left1 = sub i64 %left, 1
  %low = and i64 %left1, {YIELD_MASK}
  %polite = icmp eq i64 %low, 0
  br i1 %polite, label %offer, label %spin
offer:
  %rc.offer = call i32 @sched_yield()
  br label %spin
sleep:
  call void @pellucid_sleep(i32 %seen)
  br label %spin
woken:
  %stop = load atomic i32, ptr @pellucid_stop acquire, align 4
  %ends = icmp ne i32 %stop, 0
  br i1 %ends, label %leave, label %run
run:
  %n = load i64, ptr @pellucid_threads
  call void @pellucid_chunk(i64 %index, i64 %n)
  store atomic i32 %now, ptr %mine release, align 4
  br label %outer
leave:
  ret ptr null
}}

; Starts the workers; where the system gives fewer, the pool goes on with those.
define internal void @pellucid_start() nounwind {{
entry:
  %wanted = load i64, ptr @pellucid_threads
  %handle = alloca i64
  %g = load atomic i32, ptr @pellucid_generation monotonic, align 4
  br label %next
next:
  %t = phi i64 [ 1, %entry ], [ %t1, %made ]
  %more = icmp ult i64 %t, %wanted
  br i1 %more, label %make, label %done
make:
  %offset = mul i64 %t, {SLOT_BYTES}
  %slot = getelementptr i8, ptr @pellucid_slots, i64 %offset
  store atomic i32 %g, ptr %slot release, align 4
  %self = inttoptr i64 %t to ptr
  %rc = call i32 @pthread_create(ptr %handle, ptr null, ptr @pellucid_worker, ptr %self)
  %bad = icmp ne i32 %rc, 0
  br i1 %bad, label %short, label %made
made:
  %h = load i64, ptr %handle
  %at = getelementptr i64, ptr @pellucid_handles, i64 %t
  store i64 %h, ptr %at
  %t1 = add i64 %t, 1
  br label %next
short:
  store i64 %t, ptr @pellucid_threads
  br label %done
done:
  %made.count = phi i64 [ %t, %next ], [ %t, %short ]
  %workers = sub i64 %made.count, 1
  store i64 %workers, ptr @pellucid_workers
  ret void
}}

; Ends and joins the workers. The caller holds pellucid_busy.
define internal void @pellucid_end() nounwind {{
entry:
  %workers = load i64, ptr @pellucid_workers
  %none = icmp eq i64 %workers, 0
  br i1 %none, label %done, label %tell
tell:
  store atomic i32 1, ptr @pellucid_stop seq_cst, align 4
  %g = atomicrmw add ptr @pellucid_generation, i32 1 seq_cst
  call void @pellucid_wake()
  br label %join
join:
  %t = phi i64 [ 1, %tell ], [ %t1, %join ]
  %at = getelementptr i64, ptr @pellucid_handles, i64 %t
  %h = load i64, ptr %at
  %rc = call i32 @pthread_join(i64 %h, ptr null)
  %t1 = add i64 %t, 1
  %more = icmp ule i64 %t1, %workers
  br i1 %more, label %join, label %joined
joined:
  store i64 0, ptr @pellucid_workers
  store atomic i32 0, ptr @pellucid_stop seq_cst, align 4
  br label %done
done:
  ret void
}}
"""

_REGION = f"""
define i32 @pellucid_parallel_for(ptr %fn, ptr %ctx, i64 %tasks) nounwind {{
entry:
  %n = load i64, ptr @pellucid_threads
  %alone = icmp ule i64 %n, 1
  %few = icmp sle i64 %tasks, 1
  %serially = or i1 %alone, %few
  br i1 %serially, label %serial, label %try
try:
  %swap = cmpxchg ptr @pellucid_busy, i32 0, i32 1 acquire monotonic
  %got = extractvalue {{ i32, i1 }} %swap, 1
  br i1 %got, label %ready, label %serial
serial:
  %nothing = icmp sle i64 %tasks, 0
  br i1 %nothing, label %empty, label %call
empty:
  ret i32 0
call:
  %rc.serial = call i32 %fn(ptr %ctx, i64 0, i64 %tasks)
  ret i32 %rc.serial
ready:
  %workers0 = load i64, ptr @pellucid_workers
  %cold = icmp eq i64 %workers0, 0
  br i1 %cold, label %start, label %go
start:
  call void @pellucid_start()
  br label %go
go:
  %workers = load i64, ptr @pellucid_workers
  %n.now = load i64, ptr @pellucid_threads
  store ptr %fn, ptr @pellucid_region
  store ptr %ctx, ptr getelementptr (i8, ptr @pellucid_region, i64 8)
  store i64 %tasks, ptr getelementptr (i8, ptr @pellucid_region, i64 16)
  %before = atomicrmw add ptr @pellucid_generation, i32 1 seq_cst
  %g = add i32 %before, 1
  %sleepers = load atomic i32, ptr @pellucid_sleepers seq_cst, align 4
  %asleep = icmp ne i32 %sleepers, 0
  br i1 %asleep, label %wake, label %own
wake:
  call void @pellucid_wake()
  br label %own
own:
  call void @pellucid_chunk(i64 0, i64 %n.now)
  br label %join
join:
  %t = phi i64 [ 1, %own ], [ %t1, %next ]
  %all = icmp ugt i64 %t, %workers
  br i1 %all, label %joined, label %watch
watch:
  %offset = mul i64 %t, {SLOT_BYTES}
  %slot = getelementptr i8, ptr @pellucid_slots, i64 %offset
  br label %poll
poll:
  %left = phi i64 [ {YIELD_MASK}, %watch ], [ %left1, %pause ], [ 100, %yield ]
  %d = load atomic i32, ptr %slot acquire, align 4
  %there = icmp eq i32 %d, %g
  br i1 %there, label %next, label %not.yet
not.yet:
  %more = icmp sgt i64 %left, 0
  br i1 %more, label %pause, label %yield
pause:
  @PAUSE@
  %left1 = sub i64 %left, 1
  br label %poll
yield:
  ; There are fewer cores than threads: let the others run.
  %rc.yield = call i32 @sched_yield()
  br label %poll
next:
  %t1 = add i64 %t, 1
  br label %join
joined:
  %rc = load atomic i32, ptr @pellucid_failure acquire, align 4
  %ok = icmp eq i32 %rc, 0
  br i1 %ok, label %good, label %bad
good:
  store atomic i32 0, ptr @pellucid_busy release, align 4
  ret i32 0
bad:
  %error = load ptr, ptr @pellucid_failure_error
  store ptr null, ptr @pellucid_failure_error
  store atomic i32 0, ptr @pellucid_failure release, align 4
  store atomic i32 0, ptr @pellucid_busy release, align 4
  %silent = icmp eq ptr %error, null
  br i1 %silent, label %answer, label %raise
raise:
  call void @TVMFFIErrorSetRaised(ptr %error)
  %rc.dec = call i32 @TVMFFIObjectDecRef(ptr %error)
  br label %answer
answer:
  ret i32 %rc
}}

define void @pellucid_run_enter() nounwind {{
  %before = atomicrmw add ptr @pellucid_runs, i32 1 monotonic
  ret void
}}

define void @pellucid_run_leave() nounwind {{
  ; Saturating: who forked inside a run leaves it in the child, where the count is new.
  %before = atomicrmw usub_sat ptr @pellucid_runs, i32 1 monotonic
  ret void
}}

; Waits until no region runs, ends the workers, and sets how many threads later regions use.
define void @pellucid_pool_set_threads(i64 %n) nounwind {{
entry:
  br label %try
try:
  %swap = cmpxchg ptr @pellucid_busy, i32 0, i32 1 acquire monotonic
  %got = extractvalue {{ i32, i1 }} %swap, 1
  br i1 %got, label %mine, label %wait
wait:
  %rc = call i32 @sched_yield()
  br label %try
mine:
  call void @pellucid_end()
  %atleast = call i64 @llvm.umax.i64(i64 %n, i64 1)
  %threads = call i64 @llvm.umin.i64(i64 %atleast, i64 {MAX_THREADS})
  store i64 %threads, ptr @pellucid_threads
  store atomic i32 0, ptr @pellucid_busy release, align 4
  ret void
}}

define i64 @pellucid_pool_threads() nounwind {{
  %n = load i64, ptr @pellucid_threads
  ret i64 %n
}}

define i64 @pellucid_pool_workers() nounwind {{
  %n = load i64, ptr @pellucid_workers
  ret i64 %n
}}

; In a forked child: the workers are gone, whatever they were doing.
define void @pellucid_pool_reset() nounwind {{
  store i64 0, ptr @pellucid_workers
  store atomic i32 0, ptr @pellucid_sleepers seq_cst, align 4
  store atomic i32 0, ptr @pellucid_runs seq_cst, align 4
  store atomic i32 0, ptr @pellucid_stop seq_cst, align 4
  store atomic i32 0, ptr @pellucid_failure seq_cst, align 4
  store ptr null, ptr @pellucid_failure_error
  call void @pellucid_sleep_reset()
  store atomic i32 0, ptr @pellucid_busy seq_cst, align 4
  ret void
}}
"""

_FUTEX = """
declare i64 @syscall(i64, ...)

; Sleeps unless the generation has moved on from %seen.
define internal void @pellucid_sleep(i32 %seen) nounwind {
  %in = atomicrmw add ptr @pellucid_sleepers, i32 1 seq_cst
  %rc = call i64 (i64, ...) @syscall(i64 @FUTEX@, ptr @pellucid_generation, i32 128, i32 %seen,
                                     ptr null, ptr null, i32 0)
  %out = atomicrmw sub ptr @pellucid_sleepers, i32 1 seq_cst
  ret void
}

define internal void @pellucid_wake() nounwind {
  %rc = call i64 (i64, ...) @syscall(i64 @FUTEX@, ptr @pellucid_generation, i32 129, i32 2147483647,
                                     ptr null, ptr null, i32 0)
  ret void
}

define internal void @pellucid_sleep_reset() nounwind {
  ret void
}
"""

_CONDITION = """
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
; Larger than the mutex and the condition variable of any system.
@pellucid_mutex = internal global [256 x i8] zeroinitializer, align 64
@pellucid_condition = internal global [256 x i8] zeroinitializer, align 64

; Sleeps unless the generation has moved on from %seen.
define internal void @pellucid_sleep(i32 %seen) nounwind {
entry:
  %rc.lock = call i32 @pthread_mutex_lock(ptr @pellucid_mutex)
  %in = atomicrmw add ptr @pellucid_sleepers, i32 1 seq_cst
  br label %check
check:
  %now = load atomic i32, ptr @pellucid_generation seq_cst, align 4
  %same = icmp eq i32 %now, %seen
  br i1 %same, label %wait, label %done
wait:
  %rc.wait = call i32 @pthread_cond_wait(ptr @pellucid_condition, ptr @pellucid_mutex)
  br label %check
done:
  %out = atomicrmw sub ptr @pellucid_sleepers, i32 1 seq_cst
  %rc.unlock = call i32 @pthread_mutex_unlock(ptr @pellucid_mutex)
  ret void
}

define internal void @pellucid_wake() nounwind {
  %rc.lock = call i32 @pthread_mutex_lock(ptr @pellucid_mutex)
  %rc.all = call i32 @pthread_cond_broadcast(ptr @pellucid_condition)
  %rc.unlock = call i32 @pthread_mutex_unlock(ptr @pellucid_mutex)
  ret void
}

define internal void @pellucid_sleep_reset() nounwind {
  %rc.mutex = call i32 @pthread_mutex_init(ptr @pellucid_mutex, ptr null)
  %rc.condition = call i32 @pthread_cond_init(ptr @pellucid_condition, ptr null)
  ret void
}
"""

_DECLARATIONS = """
declare i64 @llvm.umin.i64(i64, i64)
declare i64 @llvm.umax.i64(i64, i64)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @sched_yield()
"""

_SERIAL = """
define i32 @pellucid_parallel_for(ptr %fn, ptr %ctx, i64 %tasks) nounwind {
  %nothing = icmp sle i64 %tasks, 0
  br i1 %nothing, label %empty, label %call
empty:
  ret i32 0
call:
  %rc = call i32 %fn(ptr %ctx, i64 0, i64 %tasks)
  ret i32 %rc
}
define void @pellucid_run_enter() nounwind {
  ret void
}
define void @pellucid_run_leave() nounwind {
  ret void
}
define void @pellucid_pool_set_threads(i64 %n) nounwind {
  ret void
}
define i64 @pellucid_pool_threads() nounwind {
  ret i64 1
}
define i64 @pellucid_pool_workers() nounwind {
  ret i64 0
}
define void @pellucid_pool_reset() nounwind {
  ret void
}
"""

EXPORTS = (
    "pellucid_parallel_for",
    "pellucid_run_enter",
    "pellucid_run_leave",
    "pellucid_pool_set_threads",
    "pellucid_pool_threads",
    "pellucid_pool_workers",
    "pellucid_pool_reset",
)


def variant(system: str, architecture: str) -> str:
    """Which pool a machine gets: `futex`, `condition` or `serial`."""
    if system == "linux" and architecture in _FUTEX_NUMBER:
        return "futex"
    return "serial" if system == "windows" else "condition"


def text(kind: str, architecture: str) -> str:
    """The IR of the pool: `kind` as `variant` gives it, for `architecture` (`x86_64`, `aarch64`,
    …).
    """
    if kind == "serial":
        return _SERIAL
    pause, declaration = _PAUSE.get(architecture, ("%rc.pause = call i32 @sched_yield()", ""))
    sleep = _CONDITION
    if kind == "futex":
        sleep = _FUTEX.replace("@FUTEX@", str(_FUTEX_NUMBER[architecture]))
    parts = (_DECLARATIONS, declaration, _STATE, _CHUNK, sleep, _WORKER, _REGION)
    return "\n".join(parts).replace("@PAUSE@", pause)
