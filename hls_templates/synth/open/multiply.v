// One multiplication as an HLS tool sees it: operands as wide as their types, unsigned ones without a sign bit.
module multiply #(
  parameter A_BITS = 1,
  parameter B_BITS = 1,
  parameter A_SIGNED = 1,
  parameter B_SIGNED = 1,
  parameter WIDE_FIRST = 0
) (
  input  [A_BITS-1:0] a,
  input  [B_BITS-1:0] b,
  output [A_BITS+B_BITS-1:0] y
);
  wire a_sign = A_SIGNED ? a[A_BITS-1] : 1'b0;
  wire b_sign = B_SIGNED ? b[B_BITS-1] : 1'b0;
  assign y = {{B_BITS{a_sign}}, a} * {{A_BITS{b_sign}}, b};
endmodule
