"""An ONNX graph of three: a beginning, a step over and over, and an end."""


def looped(begin, advance, finish, sizes):
    """Join three models into one.

    Parameters
    ----------
    begin : onnx.ModelProto
        ``X -> start, context_0, ...``.
    advance : onnx.ModelProto
        ``size, y, velocity, context_0, ... -> next_y, next_velocity``.
    finish : onnx.ModelProto
        ``last -> outputs``.
    sizes : list of float
        Sizes of the steps.

    Returns
    -------
    model : onnx.ModelProto
        ``X -> outputs``.
    """
    from onnx import TensorProto, checker, helper

    parts = [model.graph for model in (begin, advance, finish)]
    for i, graph in enumerate(parts):
        _rename(graph, f"part_{i}.")
    first, middle, last = parts
    constants = [
        helper.make_tensor("sizes", TensorProto.FLOAT, [len(sizes)], sizes),
        helper.make_tensor("n_steps", TensorProto.INT64, [], [len(sizes)]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
    ]
    body = helper.make_graph(
        [
            helper.make_node("Gather", ["sizes", "step"], ["size"]),
            helper.make_node("Identity", ["goes_on"], ["still_goes_on"]),
            *middle.node,
        ],
        "step",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            *(one for one in middle.input if one.name in ("y", "velocity")),
        ],
        [
            helper.make_tensor_value_info("still_goes_on", TensorProto.BOOL, []),
            *middle.output,
        ],
    )
    loop = [
        helper.make_node("Mul", ["start", "zero"], ["at_rest"]),
        helper.make_node(
            "Loop",
            ["n_steps", "", "start", "at_rest"],
            ["last", "last_velocity"],
            body=body,
        ),
    ]
    graph = helper.make_graph(
        [*first.node, *loop, *last.node],
        "prediction",
        first.input,
        last.output,
        [*constants, *(one for part in parts for one in part.initializer)],
    )
    model = helper.make_model(
        graph, opset_imports=begin.opset_import, ir_version=begin.ir_version
    )
    checker.check_model(model)
    return model


def _rename(graph, prefix):
    """Give all but inputs and outputs names that no other graph has."""
    kept = {"", *(one.name for one in (*graph.input, *graph.output))}
    for node in graph.node:
        node.name = node.name and prefix + node.name
        for names in (node.input, node.output):
            names[:] = [name if name in kept else prefix + name for name in names]
    for constant in graph.initializer:
        constant.name = prefix + constant.name
