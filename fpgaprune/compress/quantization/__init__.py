"""From a float Keras model to a QKeras model: `quantize(model, config, samples)`."""

from fpgaprune.compress.quantization.config import FORMS, LayerTypes, PostTraining
from fpgaprune.compress.quantization.fine_tuning import fine_tune
from fpgaprune.compress.quantization.rebuild import Quantizer, QuantizeResult, quantizable, quantize

__all__ = ["FORMS", "LayerTypes", "PostTraining", "QuantizeResult", "Quantizer", "fine_tune", "quantizable", "quantize"]
