"""Small reports in the forms Vivado and co-simulation write them, made up for the tests."""

HEAD = """Copyright 1986-2020 Xilinx, Inc. All Rights Reserved.
-----------------------------------------------------------------------------
| Tool Version : Vivado v.2020.1 (lin64) Build 2902540 Wed May 27 19:54:35 MDT 2020
| Date         : Tue Mar  5 10:20:00 2024
| Host         : somewhere running 64-bit Linux
| Command      : {command}
| Design       : {design}
| Device       : {device}
| Design State : {state}
-----------------------------------------------------------------------------

"""

UTILIZATION = """Utilization Design Information

Table of Contents
-----------------
1. Slice Logic
2. Memory
3. DSP
4. Primitives
5. Black Boxes

1. Slice Logic
--------------

+-------------------------+-------+-------+-----------+-------+
|        Site Type        |  Used | Fixed | Available | Util% |
+-------------------------+-------+-------+-----------+-------+
| Slice LUTs*             |  1234 |     0 |     53200 |  2.32 |
|   LUT as Logic          |  1200 |     0 |     53200 |  2.26 |
|   LUT as Memory         |    34 |     0 |     17400 |  0.20 |
| Slice Registers         |  2500 |     0 |    106400 |  2.35 |
|   Register as Flip Flop |  2500 |     0 |    106400 |  2.35 |
|   Register as Latch     |     0 |     0 |    106400 |  0.00 |
| F8 Muxes                |     1 |     0 |     13300 | <0.01 |
+-------------------------+-------+-------+-----------+-------+


2. Memory
---------

+-------------------+------+-------+-----------+-------+
|     Site Type     | Used | Fixed | Available | Util% |
+-------------------+------+-------+-----------+-------+
| Block RAM Tile    |  3.5 |     0 |       140 |  2.50 |
|   RAMB36/FIFO*    |    2 |     0 |       140 |  1.43 |
|     RAMB36E1 only |    2 |       |           |       |
|   RAMB18          |    3 |     0 |       280 |  1.07 |
|     RAMB18E1 only |    3 |       |           |       |
+-------------------+------+-------+-----------+-------+


3. DSP
------

+----------------+------+-------+-----------+-------+
|    Site Type   | Used | Fixed | Available | Util% |
+----------------+------+-------+-----------+-------+
| DSPs           |  220 |     0 |       220 | 100.00 |
|   DSP48E1 only |  220 |       |           |       |
+----------------+------+-------+-----------+-------+


4. Primitives
-------------

+----------+------+---------------------+
| Ref Name | Used | Functional Category |
+----------+------+---------------------+
| FDRE     | 2500 |        Flop & Latch |
| DSP48E1  |  220 |    Block Arithmetic |
+----------+------+---------------------+


5. Black Boxes
--------------

+----------+------+
| Ref Name | Used |
+----------+------+


"""

HIERARCHY = """Utilization Design Information

Table of Contents
-----------------
1. Utilization by Hierarchy

1. Utilization by Hierarchy
---------------------------

+----------------------+---------------------------+------------+------------+---------+------+------+--------+--------+------+--------------+
|       Instance       |           Module          | Total LUTs | Logic LUTs | LUTRAMs | SRLs |  FFs | RAMB36 | RAMB18 | URAM | DSP48 Blocks |
+----------------------+---------------------------+------------+------------+---------+------+------+--------+--------+------+--------------+
| myproject            |                     (top) |        500 |        500 |       0 |    0 |  700 |      1 |      3 |    0 |            5 |
|   (myproject)        |                     (top) |        100 |        100 |       0 |    0 |  300 |      0 |      0 |    0 |            0 |
|   grp_dense_fu_100   | myproject_dense_config2_s |        300 |        300 |       0 |    0 |  350 |      1 |      1 |    0 |            4 |
|     (grp_dense)      | myproject_dense_config2_s |        200 |        200 |       0 |    0 |  200 |      1 |      1 |    0 |            3 |
|     mul_U1           |         mul_16s_8s_24_1_1 |        110 |        110 |       0 |    0 |  150 |      0 |      0 |    0 |            1 |
|   grp_dense_fu_200   | myproject_dense_config5_s |        100 |        100 |       0 |    0 |   50 |      0 |      2 |    0 |            1 |
+----------------------+---------------------------+------------+------------+---------+------+------+--------+--------+------+--------------+


"""  # noqa: E501 - as wide as the tool writes it

TIMING = """Timing Summary Report

------------------------------------------------------------------------------------------------
| Timer Settings
| --------------
------------------------------------------------------------------------------------------------

  Enable Multi Corner Analysis               :  Yes


------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------
     -0.250       -3.500                     14                 5000        0.030        0.000                      0


Timing constraints are not met.


------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock   Waveform(ns)       Period(ns)      Frequency(MHz)
-----   ------------       ----------      --------------
ap_clk  {0.000 2.500}      5.000           200.000
slow    {0.000 5.000}      10.000          100.000


------------------------------------------------------------------------------------------------
| Intra Clock Table
| -----------------
------------------------------------------------------------------------------------------------

Clock             WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)
-----             -------      -------  ---------------------  -------------------      -------      -------
ap_clk             -0.250       -3.500                     14                 4000        0.030        0.000
slow                4.000        0.000                      0                 1000        0.030        0.000


------------------------------------------------------------------------------------------------
| Inter Clock Table
| -----------------
------------------------------------------------------------------------------------------------

From Clock    To Clock          WNS(ns)      TNS(ns)
----------    --------          -------      -------


"""

COSIM = """Report time       : Tue Mar  5 10:15:00 2024.
Solution          : solution1.
Simulation tool   : xsim.

+----------+----------+-----------------------------------------------+-----------------------------------------------+
|          |          |                    Latency                    |                    Interval                   |
+   RTL    +  Status  +-----------------------------------------------+-----------------------------------------------+
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |
+----------+----------+-----------------------------------------------+-----------------------------------------------+
|      VHDL|        NA|             NA|             NA|             NA|             NA|             NA|             NA|
|   Verilog|      Pass|             40|             41|             42|              1|              1|              1|
+----------+----------+-----------------------------------------------+-----------------------------------------------+
"""


def utilization(state: str = "Optimized", design: str = "myproject") -> str:
    """A flat utilization report of a design in a state."""
    return head("report_utilization -file vivado_synth.rpt", state, design) + UTILIZATION


def head(command: str, state: str, design: str = "myproject", device: str = "7z020clg400-1") -> str:
    """What a report of Vivado says first."""
    return HEAD.format(command=command, state=state, design=design, device=device)


def hierarchy() -> str:
    """A hierarchical utilization report."""
    return head("report_utilization -hierarchical", "Routed") + HIERARCHY


def timing() -> str:
    """A timing summary."""
    return head("report_timing_summary", "Routed", device="7z020-clg400") + TIMING
