// Layer fc: 2 inputs, 3 outputs.
//
// No multiplier: 0 by shifts and adders.
// x[i] is input i, a code stands for code * 2^-6.
// Not verified with an AMD tool: no synthesis report of this kernel has been seen.
#ifndef FPGAPRUNE_SPARSE_2_H_
#define FPGAPRUNE_SPARSE_2_H_

#include "kernels/sparse.h"

namespace nnet {
using sparse::add;
using sparse::power;
using sparse::still;
using sparse::times;

template <class data_T, class res_T, typename CONFIG_T> class sparse_2 {
  public:
    typedef typename CONFIG_T::accum_t accum_t;
    static const unsigned n_in = 2;
    static const unsigned n_out = 3;
    static const unsigned multipliers = 0;
    static const unsigned slots = 1;

    static void products(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
    }
    template <unsigned N>
    static void vectors(data_T x[N][n_in], res_T res[N][n_out], typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS INLINE
        sparse::at_once<sparse_2, N, data_T, res_T, CONFIG_T>(x, res, biases);
    }

    static void dense(data_T data[n_in], res_T res[n_out], typename CONFIG_T::weight_t * /* in the lines above */,
                      typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS PIPELINE II=1
        sparse::one<sparse_2, data_T, res_T, CONFIG_T>(data, res, biases);
    }
};

} // namespace nnet

#endif
