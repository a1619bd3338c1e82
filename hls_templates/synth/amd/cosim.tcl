# Co-simulation of $top after C synthesis, written by fpgaprune.
cd {$project}
open_project ${top}_prj
open_solution "solution1"
add_files -tb ${top}_test.cpp -cflags "-std=$standard -DRTL_SIM"
cosim_design
exit
