"""Worked solutions for the exercises of the course documents.

    pellucid run-doc DOCUMENT --data ../shared/data --solutions examples/course/solutions.py

The file is read as text and never run: the names that are not defined here are the documents' own.
Each entry names a document, a cell, and the fingerprint of the text that it was written for; a cell
that a reader has filled in keeps the reader's text.
"""

# ruff: noqa: F821
from pellucid.compat.documents.solutions import completes, replaces


@completes("003_c31e8f4695bcd067", cell=3, text="cec2b49a9bc8")
def pytorch_model(parameters=None):
    """The network in torch, with the trained weights."""
    # A later cell calls this without an argument, when `weight_map` has been loaded.
    parameters = weight_map if parameters is None else parameters
    model = nn.Sequential(
        nn.Conv2d(in_channels=1, out_channels=32, kernel_size=(3, 3), bias=True),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=(2, 2)),
        nn.Flatten(),
        nn.Linear(in_features=5408, out_features=100, bias=True),
        nn.ReLU(),
        nn.Linear(in_features=100, out_features=10, bias=True),
        nn.Softmax(dim=1),
    ).cpu()
    layers = {"0": "conv2d", "4": "linear0", "6": "linear1"}
    for name, param in model.named_parameters():
        layer, _, part = name.partition(".")
        param.data = torch.from_numpy(parameters[f"{layers[layer]}_{part}"]).cpu()
    return model


@completes("000_c3080eaa0bf473e7", cell=8, text="3d1c0abc5902")
@completes("003_c31e8f4695bcd067", cell=8, text="c0c666171919")
def create_model_via_emit_te():
    """The network as a module whose loop functions all come from tensor expressions."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", input_shape, relax.DynTensorType(batch_size, "float32"))

    def constant(name, *shape):
        return relax.const(weight_map[name].reshape(shape or weight_map[name].shape), "float32")

    with builder.function("main", [x]):
        with builder.dataflow():
            # (4, 1, 28, 28) → (4, 32, 26, 26): stride 1, no padding, no dilation.
            value = builder.emit_te(topi.nn.conv2d, x, constant("conv2d_weight"), 1, 0, 1)
            value = builder.emit_te(topi.add, value, constant("conv2d_bias", 1, 32, 1, 1))
            value = builder.emit_te(topi.nn.relu, value)
            # (4, 32, 13, 13): window 2 × 2, stride 2.
            value = builder.emit_te(
                topi.nn.pool2d, value, (2, 2), (2, 2), (1, 1), (0, 0, 0, 0), "max"
            )
            value = builder.emit_te(topi.nn.flatten, value)
            value = builder.emit_te(topi.nn.dense, value, constant("linear0_weight"))
            value = builder.emit_te(topi.add, value, constant("linear0_bias", 1, 100))
            value = builder.emit_te(topi.nn.relu, value)
            value = builder.emit_te(topi.nn.dense, value, constant("linear1_weight"))
            value = builder.emit_te(topi.add, value, constant("linear1_bias", 1, 10))
            value = builder.emit_te(topi.nn.softmax, value)
            result = builder.emit_output(value)
        builder.emit_func_output(result)

    return builder.get()


@completes("000_c3080eaa0bf473e7", cell=9, text="113f17aaf32d")
@completes("003_c31e8f4695bcd067", cell=9, text="ac6a1a9c8a1f")
def create_model_with_torch_func():
    """The network with its convolution done by torch, called from the graph by name."""

    @tvm.register_func("env.conv2d", override=True)
    def torch_conv2d(
        x: tvm.nd.NDArray, weight: tvm.nd.NDArray, bias: tvm.nd.NDArray, out: tvm.nd.NDArray
    ):
        # The four share their memory with torch; only the result is written.
        image, kernel, shift, result = (torch.from_dlpack(each) for each in (x, weight, bias, out))
        result.copy_(F.conv2d(image, kernel, shift.reshape(-1)))

    builder = relax.BlockBuilder()
    x = relax.Var("x", input_shape, relax.DynTensorType(4, "float32"))

    def constant(name, *shape):
        return relax.const(weight_map[name].reshape(shape or weight_map[name].shape), "float32")

    with builder.function("main", [x]):
        with builder.dataflow():
            arguments = (x, constant("conv2d_weight"), constant("conv2d_bias", 1, 32, 1, 1))
            call = relax.op.call_tir("env.conv2d", arguments, (4, 32, 26, 26), dtype="float32")
            value = builder.emit(call)
            value = builder.emit_te(topi.nn.relu, value)
            value = builder.emit_te(
                topi.nn.pool2d, value, (2, 2), (2, 2), (1, 1), (0, 0, 0, 0), "max"
            )
            value = builder.emit_te(topi.nn.flatten, value)
            value = builder.emit_te(topi.nn.dense, value, constant("linear0_weight"))
            value = builder.emit_te(topi.add, value, constant("linear0_bias", 1, 100))
            value = builder.emit_te(topi.nn.relu, value)
            value = builder.emit_te(topi.nn.dense, value, constant("linear1_weight"))
            value = builder.emit_te(topi.add, value, constant("linear1_bias", 1, 10))
            value = builder.emit_te(topi.nn.softmax, value)
            result = builder.emit_output(value)
        builder.emit_func_output(result)

    return builder.get()


@replaces("000_c3080eaa0bf473e7", cell=12, text="bc253b328707")
@replaces("003_c31e8f4695bcd067", cell=12, text="9cc2780d3d72")
def transform_the_convolution():
    """Tile the convolution, and run its tiles in parallel, unrolled and in vectors."""
    mod = create_model_via_emit_te()
    sch = tvm.tir.Schedule(mod)

    # Step 1. The block that multiplies and adds.
    conv = sch.get_block(name="conv2d_nchw", func_name="conv2d")

    # Step 2. Without padding the copy of the input is a copy and nothing else.
    sch.compute_inline(sch.get_block(name="pad_temp", func_name="conv2d"))

    # Step 3. Four loops over the result, three over what is summed up.
    n, f, y, x, rc, ry, rx = sch.get_loops(conv)

    # Step 4. Tiles of 2 × 4 × 2 × 2 elements of the result; within a tile the sum goes outside.
    n_outer, n_inner = sch.split(n, factors=[None, 2])
    f_outer, f_inner = sch.split(f, factors=[None, 4])
    y_outer, y_inner = sch.split(y, factors=[None, 2])
    x_outer, x_inner = sch.split(x, factors=[None, 2])
    sch.reorder(n_outer, f_outer, y_outer, x_outer, rc, ry, rx, n_inner, f_inner, y_inner, x_inner)
    tiles = sch.fuse(n_outer, f_outer, y_outer, x_outer)
    rows = sch.fuse(n_inner, f_inner)
    points = sch.fuse(y_inner, x_inner)

    # Step 5. The zeros are written before the sum begins.
    init = sch.decompose_reduction(conv, rc)

    # Step 6. Tiles in parallel; within a tile eight unrolled rows of four lanes.
    sch.parallel(tiles)
    sch.unroll(rows)
    sch.vectorize(points)
    _, init_rows, init_points = sch.get_loops(init)
    sch.unroll(init_rows)
    sch.vectorize(init_points)

    IPython.display.Code(sch.mod.script(), language="python")
