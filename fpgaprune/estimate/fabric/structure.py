"""What a layer is made of, as far as LUTs, flip-flops and block RAM depend on it."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Structure:
    """Amounts of each kind of hardware in one layer, or summed over layers; all in the unit the name ends in.

    LUT prices already applied: `*_lut`. The rest are bits, counts of values, or layers, priced by the fitted model.
    """

    adder_lut: float = 0.0  # accumulation
    shift_lut: float = 0.0  # constants of two signed digits, and negations
    multiplier_lut: float = 0.0
    sharing_lut: float = 0.0  # multiplexers before multipliers that serve several products
    activation_lut: float = 0.0  # comparisons, choices, rounding and saturation, element by element
    softmax_values: float = 0.0
    softmax_bits: float = 0.0  # of all values at all clock edges
    lane_sum_bits: float = 0.0  # time-multiplexed products: accumulator bits of all lanes
    lane_ff: float = 0.0  # ... and the registers of each
    result_bits: float = 0.0  # ... and the sums they add to
    selected_values: float = 0.0  # ... and the inputs and sums they choose from
    selectors: float = 0.0  # ... and the multiplexers that do; also those of windows
    selector_lut: float = 0.0
    gate_bits: float = 0.0  # state and gates of recurrent layers
    gate_lut: float = 0.0
    window_bits: float = 0.0  # line buffers and windows of convolutions and pooling in streams
    buffer_lut: float = 0.0  # FIFOs between layers, line buffers
    buffer_ff: float = 0.0
    counter_ff: float = 0.0  # positions that are counted, and the state of a layer between streams
    copied_bits: float = 0.0  # windows at the clock edges of what looks at them
    stream_values: float = 0.0  # values side by side in streams
    stream_bits: float = 0.0
    pooled_bits: float = 0.0
    input_bits: float = 0.0  # of layers with weights, all values at once
    output_bits: float = 0.0
    returned_bits: float = 0.0  # results that functions of Vivado HLS keep while they start every cycle
    read_bits: float = 0.0  # inputs that functions of Vivado HLS keep: of the network, of layers between streams
    pipeline_bits: float = 0.0  # bits alive at the clock edges inside a layer that starts every cycle
    shared_pipeline_bits: float = 0.0  # ... that starts every few cycles: registers serve several edges
    streamed_pipeline_bits: float = 0.0  # ... and takes its data from a stream
    held_bits: float = 0.0  # inputs that time-multiplexed products keep until all have been used
    multiplier_ff: float = 0.0  # inside pipelined multipliers
    delayed_bits: float = 0.0  # operands of chains, which wait for their turn
    repeated_bits: float = 0.0  # the same over the reuse factor: at 1 every one waits several times over
    delayed_values: float = 0.0  # distinct products of chains at reuse factor 1, kept in shift registers
    bram_18k: float = 0.0
    layers: float = 0.0

    def __add__(self, other: "Structure") -> "Structure":
        return Structure(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


NOTHING = Structure()


@dataclass(frozen=True)
class LayerFabric:
    """One layer: its structure, the cycles it takes and the cycles until it can start again."""

    structure: Structure  # of its own module
    latency_cycles: float
    ii: float
    behind: Structure = NOTHING  # between its module and the next: FIFOs, registers of its results
    chooses: int = 0  # inputs of its multiplexers; 0 where it has none

    @property
    def whole(self) -> Structure:
        """Everything that the layer costs."""
        return self.structure + self.behind
