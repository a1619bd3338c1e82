// Layer fc: 5 inputs, 4 outputs.
//
// 1 multiplier in 2 time slots (reuse factor 2) for 2 products; 0 by shifts and adders.
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
    static const unsigned n_in = 5;
    static const unsigned n_out = 4;
    static const unsigned multipliers = 1;
    static const unsigned slots = 2;

    static void shifts(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
    }

    // Multiplier 1 of 1.
    static void multiplier_0(const unsigned time, const data_T x[n_in], accum_t sum[n_out]) {
        #pragma HLS INLINE
        data_T a = 0;
        ap_int<8> w = 0;
        bool to_0 = false;
        bool to_3 = false;
        switch (time) {
        case 0: a = x[4]; w = 77; to_0 = true; break;
        case 1: a = x[3]; w = 27; to_3 = true; break;
        default: break;
        }
        const accum_t p = times<accum_t, -6>(a, w);
        if (to_0) add(sum[0], p);
        if (to_3) add(sum[3], p);
    }

    static void slot(const unsigned time, const data_T x[n_in], accum_t sum[n_out]) {
        #pragma HLS INLINE
        multiplier_0(time, x, sum);
    }
    template <unsigned N>
    static void vectors(data_T x[N][n_in], res_T res[N][n_out], typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS INLINE
        sparse::in_slots<sparse_2, N, data_T, res_T, CONFIG_T>(x, res, biases);
    }

    static void dense(data_T data[n_in], res_T res[n_out], typename CONFIG_T::weight_t * /* in the lines above */,
                      typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS INLINE off
        sparse::one<sparse_2, data_T, res_T, CONFIG_T>(data, res, biases);
    }
};

} // namespace nnet

#endif
