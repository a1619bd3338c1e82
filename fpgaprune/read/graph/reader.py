"""From hls4ml's ModelGraph to a Design."""

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from fpgaprune.design import Design, LayerKind, LayerSpec, Target
from fpgaprune.errors import DesignError, ModelError
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.conventions import shaped, stream_shape
from fpgaprune.read.graph import elementwise as simple
from fpgaprune.read.graph import products
from fpgaprune.read.graph.arrays import fixed_point
from fpgaprune.read.graph.node import Node
from fpgaprune.read.project.target import BACKENDS, directives, uncertainty_share

_HANDLERS: Mapping[str, Callable[[Node], LayerSpec]] = {
    "Dense": products.dense,
    **dict.fromkeys(
        (
            "Conv1D",
            "Conv2D",
            "Conv2DBatchnorm",
            "PointwiseConv1D",
            "PointwiseConv2D",
            "DepthwiseConv1D",
            "DepthwiseConv2D",
        ),
        products.convolution,
    ),
    **dict.fromkeys(("BatchNormalization", "ApplyAlpha"), products.batch_norm),
    "EinsumDense": products.einsum_dense,
    "Einsum": simple.einsum,
    "BatchNormalizationQuantizedTanh": simple.threshold,
    **dict.fromkeys(
        ("Activation", "ParametrizedActivation", "PReLU", "HardActivation", "TernaryTanh"), simple.activation
    ),
    "Softmax": simple.softmax,
    **dict.fromkeys(("Pooling1D", "Pooling2D"), simple.pooling),
    **dict.fromkeys(("GlobalPooling1D", "GlobalPooling2D"), simple.global_pooling),
    "Merge": simple.merge,
    "Dot": simple.dot,
    "Concatenate": simple.concatenate,
    "Clone": simple.clone,
    "Repack": simple.repack,
    "Transpose": simple.transpose,
    "Broadcast": simple.broadcast,
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), simple.padding),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), simple.cropping),
    "Resize": simple.resize,
    **dict.fromkeys(("LSTM", "GRU", "Bidirectional"), products.recurrent),
}


def read_graph(hls_model: Any) -> Design:
    """The design that a converted hls4ml model will be written as.

    `hls_model` is the ModelGraph that `convert_from_keras_model` returns: its backend's passes have run, so fused
    layers, moved reuse factors and transposed weights are those of the project. Raises ModelError for a graph that
    was not converted for Vivado, Vitis or VivadoAccelerator, or holds what no project can.
    """
    try:
        return _Reader(hls_model).design()
    except DesignError as error:
        message = f"hls4ml's graph does not make a network: {error}"
        raise ModelError(message) from error


class _Reader:
    """Follows the nodes in the order in which they are written."""

    def __init__(self, hls_model: Any) -> None:
        self._model = hls_model
        self._io_type = str(hls_model.config.get_config_value("IOType"))
        self._layers: dict[str, LayerSpec] = {}
        self._produced: dict[str, str] = {}  # tensor -> layer

    def design(self) -> Design:
        target = _target(self._model.config)
        nodes = list(self._model.get_layers())
        inputs = [self._model.graph[name] for name in self._model.inputs]
        for node in inputs:
            self._add_input(node)
        for node in nodes:
            if node not in inputs:
                self._add(node)
        if len(self._layers) == len(inputs):
            message = "hls4ml's graph holds no layer with generated code: convert the model for a backend first"
            raise ModelError(message)
        return Design(
            name=str(self._model.config.get_project_name()),
            layers=shaped(tuple(self._layers.values()), self._io_type),
            io_type=self._io_type,
            outputs=tuple(self._produced[tensor] for tensor in self._model.outputs),
            target=target,
            source="hls4ml graph",
        )

    def _add_input(self, node: Any) -> None:
        variable = node.get_output_variable()
        shape = tuple(variable.shape)
        if self._io_type == "io_stream":
            shape = stream_shape(prod(shape), int(variable.type.n_elem) * int(variable.type.n_pack), ())
        precision = fixed_point(variable.type.precision)
        name = str(variable.name)
        self._layers[name] = LayerSpec(
            name=name,
            kind=LayerKind.INPUT,
            operation=None,
            inputs=(),
            input_shape=shape,
            output_shape=shape,
            input_precision=precision,
            output_precision=precision,
        )
        self._produced.update(dict.fromkeys(node.outputs, name))

    def _add(self, node: Any) -> None:
        sources = tuple(self._source(node, tensor) for tensor in node.inputs)
        if not node.get_attr("function_cpp"):
            # A reshape in place leaves no trace in the project: its readers read what it reads.
            if "InplaceTensorVariable" not in {base.__name__ for base in type(node.get_output_variable()).__mro__}:
                message = f"hls4ml generates no code for layer {node.name!r} ({node.class_name}): it cannot be built"
                raise ModelError(message)
            self._produced.update(dict.fromkeys(node.outputs, sources[0]))
            return
        seen = Node(node, self._io_type, sources, self._layers[sources[0]].output_shape)
        layer = _HANDLERS.get(str(node.class_name), simple.other)(seen)
        self._layers[layer.name] = layer
        self._produced.update(dict.fromkeys(node.outputs, layer.name))

    def _source(self, node: Any, tensor: str) -> str:
        if tensor not in self._produced:
            message = f"layer {node.name!r} of hls4ml's graph reads {tensor!r} before anything writes it"
            raise ModelError(message)
        return self._produced[tensor]


def _target(config: Any) -> Target:
    backend = str(config.get_config_value("Backend"))
    if backend.lower() not in BACKENDS:
        read = ", ".join(dict.fromkeys(BACKENDS.values()))
        message = f"the model was converted for hls4ml's backend {backend}; fpgaprune reads {read}"
        raise ModelError(message)
    part, clock = config.get_config_value("Part"), config.get_config_value("ClockPeriod")
    kept = config.get_config_value("ClockUncertainty")
    return Target(
        backend=BACKENDS[backend.lower()],
        part=None if part is None else str(part),
        clock_ns=None if clock is None else float(clock),
        directives=_backend_directives(backend.lower()),
        clock_uncertainty=uncertainty_share(
            None if kept is None else str(kept), None if clock is None else float(clock)
        ),
    )


def _backend_directives(backend: str) -> tuple[str, ...]:
    """The `config_*` lines of the script that the backend copies into every project."""
    folder = {"vitis": "vitis", "vivado": "vivado", "vivadoaccelerator": "vivado_accelerator"}[backend]
    templates = Path(str(load_frameworks().hls4ml.__file__)).parent / "templates"
    for name in (folder, "vivado"):
        script = templates / name / "build_prj.tcl"
        if script.is_file():
            return directives(script.read_text(encoding="utf-8"))
    return ()
