// Yosys' maps for DSP blocks end in these cells (fpgaprune). Counting them takes no more than which of their ports are
// inputs, and reading the whole cell library would take most of a small layer's time.
(* blackbox *)
module DSP48E1 (
  input [29:0] A, ACIN,
  input [17:0] B, BCIN,
  input [47:0] C, PCIN,
  input [24:0] D,
  input [4:0] INMODE,
  input [3:0] ALUMODE,
  input [6:0] OPMODE,
  input [2:0] CARRYINSEL,
  input CARRYIN,
  output [47:0] P
);
endmodule

(* blackbox *)
module DSP48E2 (
  input [29:0] A, ACIN,
  input [17:0] B, BCIN,
  input [47:0] C, PCIN,
  input [26:0] D,
  input [4:0] INMODE,
  input [3:0] ALUMODE,
  input [8:0] OPMODE,
  input [2:0] CARRYINSEL,
  input CARRYIN,
  output [47:0] P
);
endmodule
