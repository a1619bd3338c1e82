"""LSTM and GRU layers, one direction or both."""

from fpgaprune.design import LayerKind, LayerSpec, Parameter, Table
from fpgaprune.read.project.products import in_bram, kernel, vector, weight
from fpgaprune.read.project.site import Config, Site

_GATES = {LayerKind.LSTM: 4, LayerKind.GRU: 3}
Attributes = dict[str, float | int | str | bool]


def recurrent(site: Site) -> LayerSpec:
    """A layer over time steps, with both matrices and both biases of each direction."""
    config = site.settings()
    forward, backward = config.nested("FORWARD_CONFIG"), config.nested("BACKWARD_CONFIG")
    main = forward or config
    kind = _kind(site, main)
    products = main.nested("mult_config1") or main
    steps, n_in = config.need("n_sequence"), config.need("n_in")
    steps_out, n_out = config.get("n_sequence_out") or 1, config.need("n_out", "n_state")
    parameters, attributes = _direction(site, main, kind, 0, "")
    kernels = _kernels(site, main, parameters, "")
    attributes["bidirectional"] = forward is not None
    if backward is not None:
        other = _kind(site, backward)
        more_parameters, more = _direction(site, backward, other, 4, "backward_")
        parameters.update(more_parameters)
        kernels.update(_kernels(site, backward, parameters, "backward_"))
        attributes.update(more)
        attributes["backward_kind"] = other.value
    attributes["return_sequences"] = steps_out > 1
    attributes["use_static"] = bool(config.get("use_static"))
    return site.spec(
        kind,
        None,
        (steps, n_in),
        (steps_out, n_out) if steps_out > 1 else (n_out,),
        parameters=parameters,
        tables=_tables(main, kind),
        accumulator_precision=main.precision("accum_t") or config.precision("accum_t"),
        strategy=site.strategy(products),
        multiplier_limit=products.get("multiplier_limit"),
        claimed_zeros=products.get("n_zeros"),
        positions=steps,
        attributes={**attributes, **in_bram(site), **kernels},
    )


def _kernels(site: Site, config: Config, parameters: dict[str, Parameter], prefix: str) -> Attributes:
    """What kernels of our own hold, one for each matrix of one direction."""
    found: Attributes = {}
    for part, nested in ((prefix, "mult_config1"), (f"{prefix}recurrent_", "mult_config2")):
        product = config.nested(nested)
        if product is not None:
            held = kernel(site, product, parameters[f"{part}weight"])
            found.update({f"{part}{name}": value for name, value in held.items()})
    return found


def _kind(site: Site, config: Config) -> LayerKind:
    if config.type_text("ACT_CONFIG_GRU"):
        return LayerKind.GRU
    if config.type_text("ACT_CONFIG_LSTM"):
        return LayerKind.LSTM
    return LayerKind.GRU if "gru" in site.call.function else LayerKind.LSTM


def _direction(
    site: Site, config: Config, kind: LayerKind, first: int, prefix: str
) -> tuple[dict[str, Parameter], Attributes]:
    units, gates = config.need("n_state"), _GATES[kind]
    n_in = config.need("n_in")
    kernel, recurrence = config.nested("mult_config1") or config, config.nested("mult_config2") or config
    names = [site.array_name(first + index, "two matrices and two biases") for index in range(4)]
    size = gates * units
    parameters = {
        f"{prefix}weight": weight(site, names[0], (n_in, size), kernel),
        f"{prefix}recurrent_weight": weight(site, names[1], (units, size), recurrence),
        f"{prefix}bias": vector(site, names[2], size, kernel, "bias_t"),
        f"{prefix}recurrent_bias": vector(site, names[3], size, recurrence, "bias_t"),
    }
    facts: dict[str, float | int | str | bool | None] = {
        "recurrent_reuse_factor": recurrence.get("reuse_factor"),
        "recurrent_multiplier_limit": recurrence.get("multiplier_limit"),
        "recurrent_claimed_zeros": recurrence.get("n_zeros"),
        "units": units,
        "activation": config.function("activation"),
        "recurrent_activation": config.function("activation_recr"),
    }
    if prefix:
        facts["multiplier_limit"] = kernel.get("multiplier_limit")
        facts["claimed_zeros"] = kernel.get("n_zeros")
        facts["reuse_factor"] = kernel.get("reuse_factor")
    return parameters, {f"{prefix}{name}": value for name, value in facts.items() if value is not None}


def _tables(config: Config, kind: LayerKind) -> dict[str, Table]:
    found = {}
    typedefs = {"activation": "ACT_CONFIG_T", "recurrent_activation": f"ACT_CONFIG_{kind.value.upper()}"}
    for name, typedef in typedefs.items():
        nested = config.nested(typedef)
        if nested is not None:
            size, precision = nested.get("table_size"), nested.precision("table_t")
            if size is not None and precision is not None:
                found[name] = Table(size, precision)
    return found
