# %% [markdown]
# # Use an instruction of the machine
#
# A *tensor intrinsic* is two loop functions over the same buffers: a description that says what is computed, and an implementation that says how
# this machine does it. `tensorize` looks for the description in a program and puts the implementation there.

# %%
import ml_dtypes
import numpy as np

# %% [markdown]
# ## One that comes along
#
# Importing `pellucid.intrinsics` makes them known. `avx512.bf16.dot_16x2` is the instruction `vdpbf16ps`: sixteen sums, each of two products of
# bfloat16 numbers.
# %%
import pellucid.intrinsics
from pellucid import interp, te, tir
from pellucid.driver.build import build
from pellucid.script import tir as T
from pellucid.tir.schedule import TensorIntrin

print(pellucid.intrinsics.dot_product.__doc__)
TensorIntrin.get("avx512.bf16.dot_16x2").desc.show()

# %% [markdown]
# A product of bfloat16 matrices with sums in float32. The instruction wants two neighbours of one column side by side, so the copy of `B` gets that
# layout; then the loop over 16 columns and 2 steps of the sum is what the description says.

# %%
M, N, K = 64, 64, 128
A = te.placeholder((M, K), "bfloat16", name="A")
B = te.placeholder((K, N), "bfloat16", name="B")
k = te.reduce_axis((0, K), name="k")
C = te.compute(
    (M, N),
    lambda i, j: te.sum(A[i, k].astype("float32") * B[k, j].astype("float32"), axis=k),
    name="C",
)
sch = tir.Schedule(te.create_prim_func([A, B, C]))
product = sch.get_block("C")
write_back = sch.cache_write(product, 0, "local")
pack = sch.cache_read(product, 1, "global")
i, j, k = sch.get_loops(product)
i, row = sch.split(i, [None, 8])
j, lane = sch.split(j, [None, 16])
k, pair = sch.split(k, [None, 2])
sch.reorder(i, j, k, row, lane, pair)
sch.unroll(row)
sch.reverse_compute_at(write_back, j)
init = sch.decompose_reduction(product, k)
for block in (init, write_back):
    *_, r, lanes = sch.get_loops(block)
    sch.unroll(r)
    sch.vectorize(lanes)
sch.transform_layout(pack, ("write", 0), lambda k, j: (j // 16, k // 2, j % 16 * 2 + k % 2))
sch.tensorize(lane, "avx512.bf16.dot_16x2")
sch.show()

# %% [markdown]
# The interpreter knows what the instruction does, so that the program can be checked on any machine. To build it, the target must have the
# instruction; if it has not, that is an error with its name and nothing worse.

# %%
rng = np.random.default_rng(0)
a, b = (rng.standard_normal(s).astype(ml_dtypes.bfloat16) for s in ((M, K), (K, N)))
c = np.zeros((M, N), "float32")
interp.run(sch.mod, a, b, c)
print("largest difference:", np.abs(c - a.astype("float32") @ b.astype("float32")).max())

library = build(sch.mod, "llvm -mcpu=cooperlake -mtriple=x86_64-unknown-linux-gnu")
print([line.strip() for line in library.get_source("asm").splitlines() if "vdpbf16ps" in line][:4])
try:
    build(sch.mod, "llvm -mcpu=haswell -mtriple=x86_64-unknown-linux-gnu")
except NotImplementedError as error:
    print(error)

# %% [markdown]
# ## One of your own, in LLVM
#
# The implementation may call any function. Here it is a few lines of LLVM IR, which the annotation `pragma_import_llvm` links to the program (and LLVM
# inlines); a C compiler prints such text with `-S -emit-llvm`. Rows that do not follow each other in memory need a view with strides; single rows
# do not.

# %%
ADD_SCALED = """
define void @add_scaled(ptr %to, ptr %from, float %factor) {
  %x = load <4 x float>, ptr %from, align 4
  %y = load <4 x float>, ptr %to, align 4
  %one = insertelement <4 x float> poison, float %factor, i64 0
  %all = shufflevector <4 x float> %one, <4 x float> poison, <4 x i32> zeroinitializer
  %scaled = fmul <4 x float> %x, %all
  %sum = fadd <4 x float> %y, %scaled
  store <4 x float> %sum, ptr %to, align 4
  ret void
}
"""


@T.prim_func
def description(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    with T.block("root"):
        T.reads(A[0:4], B[0:4])
        T.writes(B[0:4])
        for j in range(4):
            with T.block("element"):
                vj = T.axis.spatial(4, j)
                B[vj] = B[vj] + A[vj] * T.float32(2)


@T.prim_func
def implementation(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
    with T.block("root"):
        T.reads(A[0:4], B[0:4])
        T.writes(B[0:4])
        T.block_attr({"pragma_import_llvm": ADD_SCALED})
        T.evaluate(
            T.call_extern(
                "void", "add_scaled", T.address_of(B[0]), T.address_of(A[0]), T.float32(2)
            )
        )


TensorIntrin.register("howto.add_twice", description, implementation, override=True)


@T.prim_func
def rows(A: T.Buffer((6, 8), "float32"), B: T.Buffer((6, 8), "float32")):
    for i, j in T.grid(6, 8):
        with T.block("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = B[vi, vj] + A[vi, vj] * T.float32(2)


sch = tir.Schedule(rows)
_, j = sch.get_loops("B")
_, four = sch.split(j, [None, 4])
sch.tensorize(four, "howto.add_twice")
a = np.arange(48, dtype="float32").reshape(6, 8)
b = np.ones((6, 8), "float32")
build(sch.mod)(a, b)
print("agrees with NumPy:", np.array_equal(b, 1 + 2 * a))

# %% [markdown]
# The interpreter cannot look into machine code, and says so. Tell it in Python what the function means, and everything that is checked by it
# works again: `validate="test"`, differential runs, traces.

# %%
try:
    interp.run(sch.mod, a, b)
except NotImplementedError as error:
    print(error)


@interp.register_meaning("add_scaled", override=True)
def add_scaled(to, source, factor):
    to[:4] += source[:4] * factor


b = np.ones((6, 8), "float32")
interp.run(sch.mod, a, b)
print("agrees with NumPy:", np.array_equal(b, 1 + 2 * a))
