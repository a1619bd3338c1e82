"""Synthesis of the generated C++ with open tools: clang, LLVM, Yosys."""
