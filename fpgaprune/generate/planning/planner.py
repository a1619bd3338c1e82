"""The walk over the network: each node's types by its family."""

from collections.abc import Callable

from fpgaprune.fixed_ranges import Range
from fpgaprune.generate.network import Network, Node
from fpgaprune.generate.planning import elementwise, functions, products, recurrent, scaling
from fpgaprune.generate.planning.choice import Choice, Plan, Types
from fpgaprune.generate.settings import GenerateSettings

_Chooser = Callable[[Choice, Node], Types]
_CHOOSERS: dict[str, _Chooser] = {
    **dict.fromkeys(("InputLayer", "Input"), elementwise.plan_source),
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"), products.plan_matrix),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), products.plan_separable),
    **dict.fromkeys(("BatchNormalization", "ApplyAlpha"), scaling.plan_scale),
    **dict.fromkeys(("Activation", "HardActivation", "TernaryTanh"), functions.plan_activation),
    **dict.fromkeys(("LeakyReLU", "ELU", "PReLU", "ThresholdedReLU"), functions.plan_parametrized),
    "Softmax": functions.plan_softmax,
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), elementwise.plan_pooling),
    **dict.fromkeys(
        ("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        elementwise.plan_pooling,
    ),
    **dict.fromkeys(("Merge", "Concatenate", "Dot"), elementwise.plan_merge),
    **dict.fromkeys(
        (
            "Reshape",
            "ZeroPadding1D",
            "ZeroPadding2D",
            "Cropping1D",
            "Cropping2D",
            "Resize",
            "UpSampling1D",
            "UpSampling2D",
            "Transpose",
            "Permute",
        ),
        elementwise.plan_wires,
    ),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "Bidirectional"), recurrent.plan_recurrent),
}


def plan_types(network: Network, ranges: dict[str, Range], settings: GenerateSettings, *, real_inputs: bool) -> Plan:
    """Types for every node, in order; constants in the network are put on the grid of their types."""
    choice = Choice(network, ranges, settings, real_inputs)
    for node in network:
        chooser = _CHOOSERS.get(node.kind, elementwise.plan_other)
        choice.plan.types[node.name] = chooser(choice, node)
        choice.note_exactness(node)
    return choice.plan
