"""Load a Keras or QKeras model from a file that a stranger wrote, without running anything it carries."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpgaprune.read.model.build import build_model
from fpgaprune.read.model.files import read_model_file
from fpgaprune.read.model.network import parse_network
from fpgaprune.read.model.vet import Vetting
from fpgaprune.read.model.weights import assign_weights

__all__ = ["LoadedModel", "load_model"]


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for conversion, and what was changed to make it so.

    `model` is a Keras 2 Functional model with trained weights, not compiled: nested models are inlined, layers used
    more than once are copied, pruning wrappers and layers without effect at inference are taken off, and every layer
    name is an identifier, unique whatever its case. `notes` are sentences for the user, one per change.
    """

    model: Any
    path: Path
    format: str  # h5, keras or json
    notes: tuple[str, ...]


def load_model(path: Path, weights: Path | None = None) -> LoadedModel:
    """The model in a `.h5`, `.keras` or `.json` file of Keras 2, Keras 3 or QKeras.

    `weights` is the HDF5 file that goes with a `.json`; without it X_weights.h5, X.weights.h5 and X.h5 beside X.json
    are tried. Raises ModelError with one sentence naming the file, and the layer where there is one, for a missing,
    empty or damaged file, a foreign format, code in the file (Lambda), unknown layers, quantizers and options,
    weights that do not fit or are NaN or infinite, and names that are paths.
    """
    path = Path(path)
    stored = read_model_file(path, None if weights is None else Path(weights))
    vetting = Vetting(path, stored.keras_major)
    network = parse_network(vetting, stored.architecture)
    built = build_model(vetting, network)
    notes = assign_weights(network, built, stored.weights)
    return LoadedModel(built.model, path, stored.format, (*vetting.notes, *notes))
