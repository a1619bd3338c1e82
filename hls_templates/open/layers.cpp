// Every call of the top function as a function of its own, and what its arrays hold.
#include <cstddef>
#include <type_traits>

#include "${top}.h"
#include "parameters.h"

namespace fpgaprune_layers {

// Bits, sign and bytes of a number, and how many of them one element of an array has.
template <class T, class = void> struct facts {
    static constexpr int width = 0, sign = 0, bytes = sizeof(T), lanes = 1; // no fixed-point type
};
template <class T> struct facts<T, typename std::enable_if<(T::width > 0)>::type> {
    static constexpr int width = T::width, sign = T::sign_flag, bytes = sizeof(T), lanes = 1;
};
template <class T, unsigned N> struct facts<nnet::array<T, N>> {
    static constexpr int width = T::width, sign = T::sign_flag, bytes = sizeof(T), lanes = N;
};

template <class T> void fill(hls::stream<T> &stream, const T *values, int packets) {
    for (int i = 0; i < packets; i++)
        stream.write(values[i]);
}
template <class T> void drain(hls::stream<T> &stream, T *values, int packets) {
    for (int i = 0; i < packets; i++)
        values[i] = stream.read();
}

} // namespace fpgaprune_layers

${functions}
