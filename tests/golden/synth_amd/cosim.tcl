# Co-simulation of myproject after C synthesis, written by fpgaprune.
cd {../../../..}
open_project myproject_prj
open_solution "solution1"
add_files -tb myproject_test.cpp -cflags "-std=c++0x -DRTL_SIM"
cosim_design
exit
