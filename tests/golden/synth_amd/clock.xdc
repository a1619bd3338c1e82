create_clock -period 5 -name ap_clk [get_ports ap_clk]
