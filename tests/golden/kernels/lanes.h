// Layer fc: 6 inputs, 2 outputs.
//
// 2 multipliers in 3 time slots (reuse factor 3) for 6 products; 1 by shifts and adders.
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
    static const unsigned n_in = 6;
    static const unsigned n_out = 2;
    static const unsigned multipliers = 2;
    static const unsigned slots = 3;
    // a[run] is the input that all multipliers of that run of inputs get in a slot.
    static const unsigned runs = 2;

    static void shifts_0(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
        { const accum_t p = power<-5>(x[5]); add(acc[1], p); }
    }

    static void shifts(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
        shifts_0(x, acc);
    }

    // Multiplier 1 of 2: inputs 3 to 5.
    static void multiplier_0(const unsigned time, const data_T a[runs], accum_t sum[n_out]) {
        #pragma HLS INLINE
        static const ap_int<7> w[slots] = {43, -53, 6};
        add(sum[0], times<accum_t, -6>(a[1], w[time]));
    }

    // Multiplier 2 of 2: inputs 0 to 2.
    static void multiplier_1(const unsigned time, const data_T a[runs], accum_t sum[n_out]) {
        #pragma HLS INLINE
        static const ap_int<7> w[slots] = {11, -8, 53};
        add(sum[1], times<accum_t, -6>(a[0], w[time]));
    }

    static void slot(const unsigned time, const data_T x[n_in], accum_t sum[n_out]) {
        #pragma HLS INLINE
        data_T a[runs];
        #pragma HLS ARRAY_PARTITION variable=a complete
        a[0] = x[0 + time];
        a[1] = x[3 + time];
        multiplier_0(time, a, sum);
        multiplier_1(time, a, sum);
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
