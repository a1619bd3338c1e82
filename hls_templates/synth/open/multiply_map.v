// How an HLS tool maps one multiplication (fpgaprune). MIN_WIDE and MIN_NARROW are the operand widths from which it
// takes DSPs; LONG x SHORT is the multiplier of the device's DSP block, DSP_NAME the cell of Yosys' own map for it.
// A wide product is cut into equal tiles, whichever way round needs fewer; every tile but the last of an operand
// carries no sign, so a port of n bits takes n - 1 bits of it. HLS tools price an unsigned operand as a signed one of
// the same width: where its uppermost bit alone would need a further tile, that bit is multiplied and added in LUTs.
(* techmap_celltype = "multiply" *)
module map_multiply (a, b, y);
  parameter A_BITS = 1;
  parameter B_BITS = 1;
  parameter A_SIGNED = 1;
  parameter B_SIGNED = 1;
  parameter WIDE_FIRST = 0; // the wider operand takes the long port, whatever that costs
  input [A_BITS-1:0] a;
  input [B_BITS-1:0] b;
  output [A_BITS+B_BITS-1:0] y;

  localparam Y_BITS = A_BITS + B_BITS;
  localparam WIDE = A_BITS > B_BITS ? A_BITS : B_BITS;
  localparam NARROW = A_BITS > B_BITS ? B_BITS : A_BITS;
  localparam PEEL_A = !A_SIGNED && A_BITS > 1 && ((A_BITS - 1) % (`LONG - 1) == 0 || (A_BITS - 1) % (`SHORT - 1) == 0);
  localparam PEEL_B = !B_SIGNED && B_BITS > 1 && ((B_BITS - 1) % (`LONG - 1) == 0 || (B_BITS - 1) % (`SHORT - 1) == 0);
  // Bits of the operands without their signs, and without an uppermost bit that is left out.
  localparam P = A_SIGNED || PEEL_A ? A_BITS - 1 : A_BITS;
  localparam Q = B_SIGNED || PEEL_B ? B_BITS - 1 : B_BITS;
  localparam P_LONG = P < 1 ? 1 : (P + `LONG - 2) / (`LONG - 1);
  localparam P_SHORT = P < 1 ? 1 : (P + `SHORT - 2) / (`SHORT - 1);
  localparam Q_LONG = Q < 1 ? 1 : (Q + `LONG - 2) / (`LONG - 1);
  localparam Q_SHORT = Q < 1 ? 1 : (Q + `SHORT - 2) / (`SHORT - 1);
  localparam SWAP = WIDE_FIRST ? B_BITS > A_BITS : Q_LONG * P_SHORT < P_LONG * Q_SHORT;
  localparam COLUMNS = SWAP ? Q_LONG : P_LONG;
  localparam ROWS = SWAP ? P_SHORT : Q_SHORT;
  localparam U = SWAP ? Q : P;
  localparam V = SWAP ? P : Q;
  localparam STEP_U = (U + COLUMNS - 1) / COLUMNS;
  localparam STEP_V = (V + ROWS - 1) / ROWS;

  wire signed [A_BITS:0] a_whole = A_SIGNED ? $signed(a) : $signed({1'b0, a});
  wire signed [B_BITS:0] b_whole = B_SIGNED ? $signed(b) : $signed({1'b0, b});
  wire signed [P:0] a_signed = PEEL_A ? $signed({1'b0, a[P-1:0]}) : a_whole;
  wire signed [Q:0] b_signed = PEEL_B ? $signed({1'b0, b[Q-1:0]}) : b_whole;

  genvar i, j;
  generate
    if (WIDE < `MIN_WIDE || NARROW < `MIN_NARROW) begin : fabric
      \$__soft_mul #(
        .A_SIGNED(1),
        .B_SIGNED(1),
        .A_WIDTH(A_BITS + !A_SIGNED),
        .B_WIDTH(B_BITS + !B_SIGNED),
        .Y_WIDTH(Y_BITS)
      ) _TECHMAP_REPLACE_ (.A(a_whole[A_BITS - !!A_SIGNED:0]), .B(b_whole[B_BITS - !!B_SIGNED:0]), .Y(y));
    end else begin : dsp
      wire signed [U:0] u;
      wire signed [V:0] v;
      if (SWAP) begin : swapped
        assign u = b_signed;
        assign v = a_signed;
      end else begin : straight
        assign u = a_signed;
        assign v = b_signed;
      end
      wire [(COLUMNS*ROWS+1)*Y_BITS-1:0] sums;
      assign sums[Y_BITS-1:0] = 0;
      for (i = 0; i < COLUMNS; i = i + 1) begin : column
        for (j = 0; j < ROWS; j = j + 1) begin : row
          wire signed [`LONG-1:0] long_port;
          wire signed [`SHORT-1:0] short_port;
          if (i == COLUMNS - 1) assign long_port = $signed(u[U:i*STEP_U]);
          else assign long_port = u[i*STEP_U +: STEP_U];
          if (j == ROWS - 1) assign short_port = $signed(v[V:j*STEP_V]);
          else assign short_port = v[j*STEP_V +: STEP_V];
          wire signed [`LONG+`SHORT-1:0] product;
          `DSP_NAME #(
            .A_SIGNED(1),
            .B_SIGNED(1),
            .A_WIDTH(`LONG),
            .B_WIDTH(`SHORT),
            .Y_WIDTH(`LONG + `SHORT)
          ) tile (.A(long_port), .B(short_port), .Y(product));
          wire signed [Y_BITS-1:0] placed;
          if (COLUMNS * ROWS == 1) assign placed = product;
          else assign placed = {{Y_BITS{product[`LONG+`SHORT-1]}}, product} << (i * STEP_U + j * STEP_V);
          if (COLUMNS * ROWS == 1) assign sums[Y_BITS +: Y_BITS] = placed;
          else assign sums[(i*ROWS+j+1)*Y_BITS +: Y_BITS] = sums[(i*ROWS+j)*Y_BITS +: Y_BITS] + placed;
        end
      end
      wire signed [Y_BITS-1:0] b_wide = b_whole;
      wire signed [Y_BITS-1:0] a_wide = a_signed;
      wire [Y_BITS-1:0] a_rest, b_rest;
      if (PEEL_A) assign a_rest = a[A_BITS-1] ? b_wide << (A_BITS - 1) : 0;
      else assign a_rest = 0;
      if (PEEL_B) assign b_rest = b[B_BITS-1] ? a_wide << (B_BITS - 1) : 0;
      else assign b_rest = 0;
      if (PEEL_A || PEEL_B) assign y = sums[COLUMNS*ROWS*Y_BITS +: Y_BITS] + a_rest + b_rest;
      else assign y = sums[COLUMNS*ROWS*Y_BITS +: Y_BITS];
    end
  endgenerate
endmodule
