"""The network as a value: layers, edges, quantized constants and types, with a digest."""

from fpgaprune.design.differences import Difference, differences
from fpgaprune.design.layer import CONTRACTIONS, Encoding, Geometry, LayerKind, LayerSpec, Parameter, Strategy, Table
from fpgaprune.design.network import Design
from fpgaprune.design.storage import load_design, save_design
from fpgaprune.design.target import Target

__all__ = [
    "CONTRACTIONS",
    "Design",
    "Difference",
    "Encoding",
    "Geometry",
    "LayerKind",
    "LayerSpec",
    "Parameter",
    "Strategy",
    "Table",
    "Target",
    "differences",
    "load_design",
    "save_design",
]
