# Logic synthesis of the Verilog that C synthesis made of $top, out of context, written by fpgaprune.
create_project -in_memory -part {$part}
add_files [glob {$project/${top}_prj/solution1/syn/verilog/*.v}]
add_files -quiet [glob -nocomplain {$project/${top}_prj/solution1/syn/verilog/*.dat}]
foreach core [glob -nocomplain {$project/${top}_prj/solution1/syn/verilog/*.tcl}] { source $$core }
read_xdc -mode out_of_context clock.xdc
synth_design -top $top -part {$part} -mode out_of_context
write_checkpoint -force vsynth.dcp
report_utilization -file vsynth_utilization.rpt
report_timing_summary -file vsynth_timing.rpt
exit
