"""The third, independent look: a model's constants after its own quantizers, and the types that hold them.

Nothing here knows hls4ml. Types are in `quantizer_types` and re-exported.
"""

from fpgaprune.read.quantizer_types import (
    ActivationRule,
    activation_rule,
    activation_type,
    representable_type,
    smallest_type,
)

__all__ = ["ActivationRule", "activation_rule", "activation_type", "representable_type", "smallest_type"]
