# Logic synthesis of the Verilog that C synthesis made of myproject, out of context, written by fpgaprune.
create_project -in_memory -part {xcvu13p-flga2577-2-e}
add_files [glob {../../../../myproject_prj/solution1/syn/verilog/*.v}]
add_files -quiet [glob -nocomplain {../../../../myproject_prj/solution1/syn/verilog/*.dat}]
foreach core [glob -nocomplain {../../../../myproject_prj/solution1/syn/verilog/*.tcl}] { source $core }
read_xdc -mode out_of_context clock.xdc
synth_design -top myproject -part {xcvu13p-flga2577-2-e} -mode out_of_context
write_checkpoint -force vsynth.dcp
report_utilization -file vsynth_utilization.rpt
report_timing_summary -file vsynth_timing.rpt
exit
