# Implementation of $top after logic synthesis, out of context, written by fpgaprune.
open_checkpoint {../vsynth/vsynth.dcp}
opt_design
place_design
route_design
write_checkpoint -force impl.dcp
report_utilization -file impl_utilization.rpt
report_timing_summary -file impl_timing.rpt
exit
