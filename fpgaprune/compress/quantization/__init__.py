"""From a float Keras model to a QKeras model: `quantize(model, config, samples)`."""

from fpgaprune.compress.quantization.config import PostTraining
from fpgaprune.compress.quantization.fine_tuning import fine_tune
from fpgaprune.compress.quantization.rebuild import QuantizeResult, quantize

__all__ = ["PostTraining", "QuantizeResult", "fine_tune", "quantize"]
