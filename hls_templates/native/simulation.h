// Comes before all else of a native build of the firmware: memory, and numbers as text.
#pragma once
#include "fixed_types.h"
#include <iostream>
#include <stdlib.h>

void *operator new(size_t bytes) {
    void *place = malloc(bytes ? bytes : 1);
    if (!place)
        abort();
    return place;
}
void *operator new[](size_t bytes) { return operator new(bytes); }
void operator delete(void *place) noexcept { free(place); }
void operator delete[](void *place) noexcept { free(place); }
void operator delete(void *place, size_t) noexcept { free(place); }
void operator delete[](void *place, size_t) noexcept { free(place); }

namespace fpgaprune_types {

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool INTEGER>
FPGAPRUNE_APART std::istream &operator>>(std::istream &from, number<W, I, S, Q, O, N, INTEGER> &value) {
    double read = 0;
    from >> read;
    value = number<W, I, S, Q, O, N, INTEGER>(read);
    return from;
}
template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool INTEGER>
FPGAPRUNE_APART std::ostream &operator<<(std::ostream &to, const number<W, I, S, Q, O, N, INTEGER> &value) {
    return to << value.to_double();
}

} // namespace fpgaprune_types
