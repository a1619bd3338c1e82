"""Give every layer its arrays, from either layout Keras stores them in; nothing is left over, nothing guessed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fpgaprune.errors import ModelError
from fpgaprune.read.model.build import Built
from fpgaprune.read.model.network import LayerRecord, NetworkRecord
from fpgaprune.read.model.stored import Array, NamedArrays, StoredWeights, Tree

_WRAPPER_ARRAYS = ("mask", "threshold", "pruning_step")
_NO_WEIGHTS = frozenset(("seed_generator", "activation", "_input_dropout", "input_spec"))


def assign_weights(network: NetworkRecord, built: Built, stored: StoredWeights) -> list[str]:
    """Set the weights of all layers; returns notes. Raises ModelError naming the layer whose arrays do not fit."""
    notes: list[str] = []
    if stored.by_layer is not None:
        _from_layers(network, built, stored.by_layer, stored, notes)
    else:
        _from_tree(network, built, stored.tree or {}, stored)
    return notes


def _from_layers(
    network: NetworkRecord, built: Built, groups: Sequence[NamedArrays], stored: StoredWeights, notes: list[str]
) -> None:
    with_arrays = [layer for layer in network.layers if _needed(layer, built)]
    filled = [group for group in groups if _kept(group)]
    by_name = {group.layer: group for group in filled}
    if all(layer.name in by_name for layer in with_arrays):
        pairs = [(layer, by_name[layer.name]) for layer in with_arrays]
    else:
        pairs = list(zip(with_arrays, filled, strict=False))
        notes.append(f"the weights in {stored.path} name layers differently; they are taken in order")
    if len(filled) != len(with_arrays):
        message = (
            f"the weights in {stored.path} do not fit: they are for {len(filled)} layers with weights "
            f"({', '.join(group.layer for group in filled)}), the model has {len(with_arrays)} "
            f"({', '.join(layer.name for layer in with_arrays)})"
        )
        raise ModelError(message)
    for layer, group in pairs:
        _fill_group(layer, built, group, stored)


def _leaves(layer: LayerRecord) -> list[LayerRecord]:
    return [layer] if layer.network is None else list(layer.network.leaves())


def _needed(layer: LayerRecord, built: Built) -> bool:
    return any(copy.weights for leaf in _leaves(layer) for copy in built.copies.get(id(leaf), ()))


def _kept(group: NamedArrays) -> list[tuple[str, Array]]:
    """Arrays of the layer itself: what a pruning wrapper adds is left out."""
    pairs = zip(group.names, group.values, strict=True)
    return [(name, value) for name, value in pairs if _base(name) not in _WRAPPER_ARRAYS]


def _base(name: str) -> str:
    return name.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0]


def _fill_group(layer: LayerRecord, built: Built, group: NamedArrays, stored: StoredWeights) -> None:
    """Keras 2 stores the trainable arrays of all layers of a nested model before the others."""
    leaves = [leaf for leaf in _leaves(layer) if built.copies.get(id(leaf))]
    named = _kept(group)
    if len(leaves) == 1 and leaves[0].kind == "QDenseBatchnorm":
        arrays = {_base(name): value for name, value in named}
        _set(leaves[0], built, _folded(leaves[0], arrays, stored), stored)
        return
    slots: list[tuple[LayerRecord, Any]] = []
    for which in ("trainable_weights", "non_trainable_weights"):
        slots.extend((leaf, w) for leaf in leaves for w in getattr(built.copies[id(leaf)][0], which))
    if len(slots) != len(named):
        raise _misfit(stored, layer.name, [v for _, v in named], [w for _, w in slots])
    found: dict[int, list[Array]] = {id(leaf): [] for leaf in leaves}
    for (leaf, _), (_, value) in zip(slots, named, strict=True):
        found[id(leaf)].append(value)
    masks = [value for name, value in zip(group.names, group.values, strict=True) if _base(name) == "mask"]
    for leaf in leaves:
        _set(leaf, built, _masked(leaf, found[id(leaf)], masks, stored), stored)


def _masked(leaf: LayerRecord, values: list[Array], masks: list[Array], stored: StoredWeights) -> list[Array]:
    """A pruning wrapper multiplies by its masks whenever it is called; so do we, once."""
    if not leaf.pruned:
        return values
    result = list(values)
    open_places = list(range(len(result)))
    for mask in masks:
        place = next((i for i in open_places if result[i].shape == mask.shape), None)
        if place is None or not np.isin(mask, (0, 1)).all():
            message = f"the weights in {stored.path} hold something for {leaf.name!r} that is no mask of its arrays"
            raise ModelError(message)
        open_places.remove(place)
        result[place] = np.multiply(result[place], mask)
    return result


def _folded(leaf: LayerRecord, arrays: Mapping[str, Array], stored: StoredWeights) -> list[Array]:
    """Kernel and bias of QDenseBatchnorm as it computes them at inference, in float32 as QKeras does."""
    try:
        kernel, mean, variance = (np.float32(arrays[name]) for name in ("kernel", "moving_mean", "moving_variance"))
    except KeyError as error:
        message = f"the weights in {stored.path} lack {error} of the layer {leaf.name!r}"
        raise ModelError(message) from error
    epsilon = np.float32(leaf.options.get("epsilon", 1e-3))
    inverse = np.float32(1) / np.sqrt(variance + epsilon)
    inverse = inverse * np.float32(arrays.get("gamma", 1))
    bias = np.float32(arrays.get("bias", 0))
    return [inverse * kernel, inverse * (bias - mean) + np.float32(arrays.get("beta", 0))]


def _set(leaf: LayerRecord, built: Built, values: list[Array], stored: StoredWeights) -> None:
    """Into every copy; `values` come trainable ones first."""
    for copy in built.copies[id(leaf)]:
        targets = [*copy.trainable_weights, *copy.non_trainable_weights]
        _assign(stored, leaf.name, targets, values)


def _assign(stored: StoredWeights, name: str, targets: Sequence[Any], values: Sequence[Array]) -> None:
    shapes = [tuple(int(size) for size in target.shape) for target in targets]
    if [value.shape for value in values] != shapes:
        raise _misfit(stored, name, values, targets)
    for target, value in zip(targets, values, strict=True):
        bad = value.size - int(np.isfinite(value.astype(np.float64)).sum())
        if bad:
            message = (
                f"{stored.path}: the array {_base(target.name)!r} of the layer {name!r} holds {bad} "
                f"NaN or infinite value{'s' if bad > 1 else ''} of {value.size}"
            )
            raise ModelError(message)
        target.assign(value.astype(target.dtype.as_numpy_dtype))


def _misfit(stored: StoredWeights, name: str, values: Sequence[Array], targets: Sequence[Any]) -> ModelError:
    have = ", ".join("x".join(map(str, value.shape)) or "scalar" for value in values) or "none"
    need = ", ".join("x".join(map(str, target.shape)) or "scalar" for target in targets) or "none"
    return ModelError(f"the weights in {stored.path} do not fit the layer {name!r}: stored {have}, needed {need}")


def _from_tree(network: NetworkRecord, built: Built, tree: Tree, stored: StoredWeights) -> None:
    """Objects are filed under the snake-cased name of their class, counted up."""
    counts: dict[str, int] = {}
    for layer in network.layers:
        key = _snake(layer.stored_class if layer.network is None else _model_class(layer))
        count = counts.get(key, 0)
        counts[key] = count + 1
        group = tree.get(f"{key}_{count}" if count else key, {})
        if layer.network is not None:
            inner = group.get("layers", group.get("_layer_checkpoint_dependencies", {}))
            _from_tree(layer.network, built, inner, stored)
        elif id(layer) in built.copies:
            _fill_object(layer, built, group, stored)


def _model_class(layer: LayerRecord) -> str:
    return "Functional" if layer.kind == "Model" else layer.kind


def _snake(name: str) -> str:
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _fill_object(layer: LayerRecord, built: Built, group: Tree, stored: StoredWeights) -> None:
    masks: list[Array] = []
    if layer.pruned:
        # The wrapper files its layer's pruned arrays again, then their masks; thresholds and the step are scalars.
        arrays = [value for value in _own(group) if value.ndim > 0]
        masks = arrays[len(arrays) // 2 :]
        group = group.get("layer", {})
    if layer.kind == "QDenseBatchnorm":
        _set(layer, built, _folded(layer, _named_batchnorm(layer, group), stored), stored)
        return
    for copy in built.copies[id(layer)]:
        assigned = 0
        for owner, values in _objects(copy, group, stored, layer.name):
            own = [*owner._trainable_weights, *owner._non_trainable_weights]
            _assign(stored, layer.name, own, _masked(layer, values, masks, stored) if owner is copy else values)
            assigned += len(own)
        if assigned != len(copy.weights):
            raise _misfit(
                stored,
                layer.name,
                [v for _, values in _objects(copy, group, stored, layer.name) for v in values],
                copy.weights,
            )


def _own(group: Tree) -> list[Array]:
    variables = group.get("vars", {})
    return [variables[key] for key in sorted(variables, key=lambda text: (len(text), text))]


def _objects(owner: Any, group: Tree, stored: StoredWeights, name: str) -> Iterator[tuple[Any, list[Array]]]:
    """Every object of a layer that has arrays of its own, with them."""
    values = _own(group)
    if values or owner._trainable_weights or owner._non_trainable_weights:
        yield owner, values
    for key, child in group.items():
        if key == "vars" or key in _NO_WEIGHTS or not isinstance(child, Mapping) or not _any_arrays(child):
            continue
        part = getattr(owner, key, None)
        if part is None or not hasattr(part, "_trainable_weights"):
            message = (
                f"the weights in {stored.path} hold arrays for {key!r} of the layer {name!r}, which has no such part"
            )
            raise ModelError(message)
        yield from _objects(part, child, stored, name)


def _any_arrays(tree: Tree) -> bool:
    return any(_any_arrays(child) if isinstance(child, Mapping) else True for child in tree.values())


def _named_batchnorm(layer: LayerRecord, group: Tree) -> dict[str, Array]:
    names = ["kernel", *(["bias"] if layer.options.get("use_bias", True) else [])]
    normal = [
        *(["gamma"] if layer.options.get("scale", True) else []),
        *(["beta"] if layer.options.get("center", True) else []),
        "moving_mean",
        "moving_variance",
    ]
    found = dict(zip(names, _own(group), strict=False))
    found.update(zip(normal, _own(group.get("batchnorm", {})), strict=False))
    return found
