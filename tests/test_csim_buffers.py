"""Tables in place of hls4ml's generated window copies: the same copies, or the text as it was."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fpgaprune.csim.buffers import tabulate_buffers

_HEADER = """template<class data_T, typename CONFIG_T>
class fill_buffer_7 : public nnet::FillConv2DBuffer<data_T, CONFIG_T> {
    public:
    static void fill_buffer(
        data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
        data_T buffer[CONFIG_T::n_pixels][CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan],
        const unsigned partition
    ) {
"""
_END = """
    }
};
"""

Copy = tuple[int, int, int | None]


def _generated(partitions: list[list[Copy]]) -> str:
    text = ""
    for number, copies in enumerate(partitions):
        text += f"        if (partition == {number:>3}) {{\n            "
        for pixel, place, source in copies:
            value = "0" if source is None else f"data[{source}]"
            text += f"buffer[{pixel}][{place}] = {value:>10}; "
        text += "\n\n        }\n"
    return _HEADER + text + _END


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text)]


def _read_back(text: str) -> list[list[Copy]]:
    starts = re.search(r"starts\[\] = \{([\d,]+)\}", text)
    copies = re.search(r"copies\[\]\[3\] = \{([-\d,{}]+)\};", text)
    assert starts
    assert copies
    bounds, flat = _numbers(starts[1]), _numbers(copies[1])
    rows: list[Copy] = [
        (flat[i], flat[i + 1], None if flat[i + 2] < 0 else flat[i + 2]) for i in range(0, len(flat), 3)
    ]
    return [rows[low:high] for low, high in pairwise(bounds)]


copies = st.tuples(st.integers(0, 9), st.integers(0, 999), st.none() | st.integers(0, 99999))
partitions = st.lists(st.lists(copies, min_size=1, max_size=6), min_size=1, max_size=6)


@given(partitions)
def test_every_copy_is_kept_in_order(wanted: list[list[Copy]]) -> None:
    text = tabulate_buffers(_generated(wanted))
    assert "if (partition ==" not in text
    assert _read_back(text) == wanted


@given(partitions, st.sampled_from(["x = 1;", "buffer[0][0] = data[0] * 2;", "buffer[0] = 0;", "#pragma HLS inline"]))
def test_anything_unexpected_leaves_the_text_alone(wanted: list[list[Copy]], line: str) -> None:
    text = _generated(wanted).replace(_END, f"\n        {line}{_END}")
    assert tabulate_buffers(text) == text
    text = _generated(wanted).replace("(partition ==   0) {", f"(partition ==   0) {{\n{line}")
    assert tabulate_buffers(text) == text


def test_partitions_out_of_order_leave_the_text_alone() -> None:
    text = _generated([[(0, 0, 1)], [(0, 0, 2)]]).replace("partition ==   1", "partition ==   3")
    assert tabulate_buffers(text) == text


def test_several_classes_and_the_text_around_them() -> None:
    one = _generated([[(0, 0, 1)]])
    other = _generated([[(0, 1, 2)]]).replace("fill_buffer_7", "fill_buffer_9")
    text = tabulate_buffers(f"// start\n{one}// between\n{other}// end\n")
    assert text.startswith("// start\n")
    assert "// between\n" in text
    assert text.endswith("// end\n")
    assert text.count("starts[]") == 2
