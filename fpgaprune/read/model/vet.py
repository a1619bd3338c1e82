"""What of an architecture may be built: a whitelist of layers, quantizers and functions, everything else refused.

Keras can carry code in a model file: a Lambda layer's marshalled bytecode, a function by the name of any module. Here
nothing is imported or called because a file names it; the JSON is checked, translated to Keras 2 and handed over.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.frameworks import load_frameworks
from fpgaprune.read.model.vocabulary import (
    CONSTRAINTS,
    FUNCTIONS,
    HGQ,
    INERT,
    KERAS_LAYERS,
    QKERAS_FUNCTIONS,
    QKERAS_LAYERS,
    QUANTIZERS,
    RAW_OPERATIONS,
    REGULARIZERS,
    TFMOT_QUANTIZE,
)

_FUNCTION_KEYS = ("activation", "recurrent_activation")
_QUANTIZER_CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>[\w\s=.,'\"+-]*)\)$")
_LAYER_KEYS = frozenset(("name", "trainable", "dtype", "activity_regularizer"))
_WRAPPED = ("layer", "backward_layer")
_RECURRENT = ("SimpleRNN", "LSTM", "GRU")


@dataclass
class Vetting:
    """One model under examination: the file's name for sentences, and what was changed on the way."""

    path: Any
    keras_major: int
    notes: list[str] = field(default_factory=list)

    def refuse(self, layer: str, reason: str) -> ModelError:
        """The error that names file, layer and reason."""
        return ModelError(f"{self.path}: the layer {layer!r} {reason}")

    def note(self, text: str) -> None:
        """Remember a change once."""
        if text not in self.notes:
            self.notes.append(text)


def class_of(record: Mapping[str, Any]) -> str:
    """Class name without the packages that a registered name carries (`qkeras>QDense`); `HGQ>` is kept."""
    name = str(record.get("class_name"))
    package, _, bare = name.rpartition(">")
    return bare if package.lower() in ("", "qkeras", "builtins", "keras", "tensorflowmodeloptimization") else name


def check_layer_class(vetting: Vetting, record: Mapping[str, Any], name: str) -> str:
    """The class of a layer that may be built; raises ModelError with the reason for any other."""
    found = class_of(record)
    module, registered = str(record.get("module") or ""), str(record.get("registered_name") or "")
    if found.startswith("HGQ>") or found in HGQ or module.startswith("hgq") or registered.lower().startswith("hgq>"):
        raise vetting.refuse(name, f"is an HGQ layer ({found}); HGQ models are outside of what is supported")
    if found == "Lambda" or "__lambda__" in (found, registered):
        raise vetting.refuse(name, "is a Lambda layer, which carries code; code from a model file is never run")
    if found in RAW_OPERATIONS or ".ops." in module:
        raise vetting.refuse(
            name, f"is a raw operation ({_operation(record)}), not a Keras layer; use the Keras layer of that name"
        )
    if found in TFMOT_QUANTIZE:
        raise vetting.refuse(name, f"is a TFMOT quantization wrapper ({found}); quantize with QKeras instead")
    known = KERAS_LAYERS | QKERAS_LAYERS | {"QDenseBatchnorm"}
    if found not in known:
        raise vetting.refuse(
            name, f"is of the class {found!r}, which neither Keras nor QKeras has{_nearest(found, known)}"
        )
    return found


def _nearest(asked: str, known: Iterable[str]) -> str:
    near = get_close_matches(asked, sorted(known), n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else "; custom layers cannot be converted"


def _unknown(what: str, asked: str, known: Iterable[str]) -> str:
    near = get_close_matches(asked, sorted(known), n=3, cutoff=0.6)
    return f"has an unknown {what} {asked!r}{' (did you mean ' + ' or '.join(near) + '?)' if near else ''}"


def _operation(record: Mapping[str, Any]) -> str:
    config = record.get("config")
    function = config.get("function") if isinstance(config, Mapping) else None
    return str(function or record.get("class_name"))


def vet_options(vetting: Vetting, kind: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a layer as Keras 2 takes them, wrapped layers left out; raises ModelError for what is not known.

    Initializers are dropped: weights come from the file.
    """
    if kind == "LeakyReLU" and "negative_slope" in config:  # Keras 3's word for it
        config = {**config, "alpha": config["negative_slope"]}
        config.pop("negative_slope")
    vetted: dict[str, Any] = {}
    accepted = _accepted(kind)
    for key, value in config.items():
        if key.endswith("_initializer") or key in _WRAPPED:
            continue
        if key == "dtype":
            _vet_dtype(vetting, name, value)
        elif key not in accepted:
            if key not in _folded_options(kind):
                _drop(vetting, name, key, value)
        elif key.endswith("_regularizer"):
            vetted[key] = _vet_helper(vetting, name, key, value, REGULARIZERS)
        elif key.endswith("_constraint"):
            vetted[key] = _vet_helper(vetting, name, key, value, CONSTRAINTS)
        elif key in _FUNCTION_KEYS or key.endswith("_quantizer"):
            vetted[key] = _vet_function(vetting, kind, name, value)
        else:
            vetted[key] = _vet_plain(vetting, name, key, value)
    return vetted


@cache
def _folded_options(kind: str) -> frozenset[str]:
    """Options of the batch normalization inside QDenseBatchnorm, which is folded into the weights."""
    if kind != "QDenseBatchnorm":
        return frozenset()
    return frozenset(_init_parameters(layer_class("BatchNormalization"))) | {"ema_freeze_delay", "folding_mode"}


@cache
def _accepted(kind: str) -> frozenset[str]:
    """Names of the options that the class takes."""
    more = {"zero_output_for_mask"} if kind.removeprefix("Q") in _RECURRENT else set()  # Keras takes it out of kwargs
    return frozenset(_init_parameters(layer_class(kind))) | _LAYER_KEYS | more


def _init_parameters(cls: type) -> Iterable[str]:
    for base in cls.__mro__:
        if base.__name__ in ("Layer", "Module", "object"):
            return
        if "__init__" in vars(base):
            yield from inspect.signature(base.__init__).parameters  # type: ignore[misc]


def layer_class(kind: str) -> Any:
    """The Keras 2 or QKeras class of a whitelisted layer."""
    frameworks = load_frameworks()
    if kind == "QDenseBatchnorm":  # newer than QKeras 0.9.0; built as the folded layer that it is at inference
        return frameworks.qkeras.QDense
    return getattr(frameworks.qkeras if kind in QKERAS_LAYERS else frameworks.keras.layers, kind)


def _drop(vetting: Vetting, name: str, key: str, value: Any) -> None:
    if key in INERT or value is None or value is False or value in ([], {}):
        return
    raise vetting.refuse(name, f"has the option {key}={value!r}, which this version of Keras does not know")


def _vet_dtype(vetting: Vetting, name: str, value: Any) -> None:
    """Layers are built in float32, which is what the conversion reads."""
    policy = value["config"].get("name") if isinstance(value, Mapping) and "config" in value else value
    if policy not in (None, "float32"):
        vetting.note(f"layer {name!r} was made for {policy}; it is loaded in float32")


def _vet_helper(vetting: Vetting, name: str, key: str, value: Any, known: frozenset[str]) -> Any:
    """Regularizers and constraints matter in training only: unknown ones are left out, and that is said."""
    if value is None:
        return None
    if isinstance(value, Mapping) and class_of(value) in known and isinstance(value.get("config"), Mapping):
        options = {k: v for k, v in value["config"].items() if isinstance(v, int | float | bool)}
        return {"class_name": class_of(value), "config": options}
    if isinstance(value, str) and value.lower() in {"l1", "l2", "l1_l2", "l1l2"}:
        return value
    what = class_of(value) if isinstance(value, Mapping) else value
    vetting.note(f"layer {name!r}: the {key.replace('_', ' ')} {what!r} is left out; it matters in training only")
    return None


def _vet_plain(vetting: Vetting, name: str, key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        if str(value.get("class_name")) in ("__tuple__", "TensorShape", "ListWrapper"):
            return [_vet_plain(vetting, name, key, item) for item in value.get("items", ())]
        raise vetting.refuse(name, f"has an object of class {class_of(value)!r} as its option {key}")
    if isinstance(value, list | tuple):
        return [_vet_plain(vetting, name, key, item) for item in value]
    return value


def _vet_function(vetting: Vetting, kind: str, name: str, value: Any) -> Any:
    """An activation or quantizer as a name, a QKeras call in text, or a QKeras object; nothing else."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        inner = value.get("config")
        if class_of(value) == "function" and isinstance(inner, str):
            return _vet_name(vetting, kind, name, inner)
        return _quantizer(vetting, kind, name, value)
    if not isinstance(value, str):
        raise vetting.refuse(name, f"has {value!r} as its activation, which is not a name")
    call = _QUANTIZER_CALL.match(value)
    if call is None or kind not in QKERAS_LAYERS | {"QDenseBatchnorm"}:
        return _vet_name(vetting, kind, name, value)
    if call["name"] not in QUANTIZERS:
        raise vetting.refuse(name, _unknown("quantizer", call["name"], QUANTIZERS))
    return value


def _vet_name(vetting: Vetting, kind: str, name: str, value: str) -> str:
    known = FUNCTIONS
    if kind in QKERAS_LAYERS or kind == "QDenseBatchnorm":
        known = FUNCTIONS | QKERAS_FUNCTIONS | QUANTIZERS
    if value not in known:
        raise vetting.refuse(name, _unknown("activation or quantizer", value, known))
    if value == "hard_sigmoid" and vetting.keras_major >= 3 and kind not in QKERAS_LAYERS:
        raise vetting.refuse(name, "uses hard_sigmoid, which is another function in Keras 3 than in Keras 2")
    return value


def _quantizer(vetting: Vetting, kind: str, name: str, value: Mapping[str, Any]) -> Any:
    found = class_of(value)
    if found not in QUANTIZERS:
        if "__lambda__" in found or found == "Lambda":
            raise vetting.refuse(name, "has a Lambda as its activation; code from a model file is never run")
        raise vetting.refuse(name, _unknown("quantizer", found, QUANTIZERS))
    cls = getattr(load_frameworks().qkeras, found)
    accepted = set(_init_parameters(cls))
    options: dict[str, Any] = {}
    for key, item in (value.get("config") or {}).items():
        if key in accepted:
            options[key] = _vet_scale(vetting, name, found, item) if key == "alpha" else item
        else:
            _drop(vetting, name, f"{found}.{key}", None if key in INERT else item)
    if kind == "QActivation":
        return _construct(vetting, name, cls, options)
    return {"class_name": found, "config": options}


def _vet_scale(vetting: Vetting, name: str, quantizer: str, value: Any) -> Any:
    if value is None or isinstance(value, int | float | str):
        return value
    stored = value.get("config", {}).get("value") if _is_array(value) else value
    if isinstance(stored, list):
        try:
            scale = np.asarray(stored, dtype=np.float32)
        except (ValueError, TypeError) as error:
            raise vetting.refuse(name, f"has a {quantizer} whose alpha is no array of numbers") from error
        # QKeras cannot read the arrays that it writes; numbers in lists it can, where the class takes them.
        return scale.tolist() if quantizer == "quantized_bits" else scale
    raise vetting.refuse(name, f"has a {quantizer} whose alpha is {value!r}, which is neither a number nor a name")


def _is_array(value: Any) -> bool:
    """Whether it is an array as Keras writes it out, one scale per channel."""
    return isinstance(value, Mapping) and value.get("class_name") == "__numpy__" and "config" in value


def _construct(vetting: Vetting, name: str, cls: Any, options: Mapping[str, Any]) -> Any:
    """QActivation takes the object itself: given a dictionary it keeps it as it is, and calling fails."""
    try:
        return cls(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise vetting.refuse(name, f"has a {cls.__name__} that cannot be built: {error}") from error
