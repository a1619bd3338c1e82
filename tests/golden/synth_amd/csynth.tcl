# C synthesis of myproject, written by fpgaprune.
cd {../../../..}
open_project myproject_prj
set_top myproject
add_files firmware/myproject.cpp -cflags "-std=c++0x"
add_files -tb myproject_test.cpp -cflags "-std=c++0x"
add_files -tb firmware/weights
add_files -tb tb_data
open_solution -reset "solution1"

set_part {xcvu13p-flga2577-2-e}
create_clock -period 5 -name default
set_clock_uncertainty 27% default
csynth_design
exit
