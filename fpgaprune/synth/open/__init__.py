"""Synthesis without a licence: the generated C++ by clang, a netlist, Verilog, and Yosys."""
