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

template <class T> struct element {
    typedef T type;
};
template <class T, unsigned N> struct element<nnet::array<T, N>> {
    typedef T type;
};

// One position of a convolution: its kernel on one window.
template <class data_T, class res_T, class CONFIG_T, class weight_T, class bias_T>
void position(data_T *window, res_T *outputs, weight_T *weights, bias_T *biases) {
    typedef typename CONFIG_T::mult_config mult_config;
    mult_config::template kernel<data_T, res_T, mult_config>::dense(window, outputs, weights, biases);
}

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
