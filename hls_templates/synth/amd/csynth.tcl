# C synthesis of $top, written by fpgaprune.
cd {$project}
open_project ${top}_prj
set_top $top
add_files firmware/$top.cpp -cflags "-std=$standard"
add_files -tb ${top}_test.cpp -cflags "-std=$standard"
add_files -tb firmware/weights
add_files -tb tb_data
open_solution -reset "solution1"
$directives
set_part {$part}
create_clock -period $clock_ns -name default
$uncertainty
csynth_design
exit
