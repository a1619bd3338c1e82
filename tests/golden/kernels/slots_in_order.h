// Layer fc: 5 inputs, 4 outputs.
//
// 2 multipliers in 4 time slots (reuse factor 4) for 8 products; 4 by shifts and adders.
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
    static const unsigned multipliers = 2;
    static const unsigned slots = 4;
    static const unsigned stored = 8;

    // Multiplier 1 of 2.
    static void multiplier_0(const unsigned time, const data_T x[n_in], accum_t store[stored]) {
        #pragma HLS INLINE
        data_T a = 0;
        ap_int<8> w = 0;
        switch (time) {
        case 0: a = x[1]; w = 43; break; // to 0
        case 1: a = x[4]; w = 77; break; // to 0
        case 2: a = x[0]; w = 11; break; // to 1, 3
        case 3: a = x[3]; w = 45; break; // to 1
        default: break;
        }
        const accum_t p = times<accum_t, -6>(a, w);
        switch (time) {
        case 0: store[0] = p; break;
        case 1: store[1] = p; break;
        case 2: store[2] = p; break;
        case 3: store[3] = p; break;
        default: break;
        }
    }

    // Multiplier 2 of 2.
    static void multiplier_1(const unsigned time, const data_T x[n_in], accum_t store[stored]) {
        #pragma HLS INLINE
        data_T a = 0;
        ap_int<7> w = 0;
        switch (time) {
        case 0: a = x[4]; w = 11; break; // to 1
        case 1: a = x[1]; w = -53; break; // to 3
        case 2: a = x[3]; w = 27; break; // to 3
        case 3: a = x[4]; w = -11; break; // to 3
        default: break;
        }
        const accum_t p = times<accum_t, -6>(a, w);
        switch (time) {
        case 0: store[4] = p; break;
        case 1: store[5] = p; break;
        case 2: store[6] = p; break;
        case 3: store[7] = p; break;
        default: break;
        }
    }

    static void slot(const unsigned time, const data_T x[n_in], accum_t store[stored]) {
        #pragma HLS INLINE
        multiplier_0(time, x, store);
        multiplier_1(time, x, store);
    }

    static void products_0(const data_T x[n_in], const accum_t store[stored], accum_t acc[n_out]) {
        #pragma HLS INLINE
        { const accum_t p = -power<-3>(x[0]); add(acc[2], p); }
        add(acc[1], store[2]); add(acc[3], store[2]);
        { const accum_t p = power<-3>(x[1]) - power<-5>(x[1]); add(acc[2], p); }
        add(acc[0], store[0]);
        add(acc[3], store[5]);
        { const accum_t p = -power<-6>(x[3]); add(acc[0], p); }
        add(acc[1], store[3]);
        add(acc[3], store[6]);
        { const accum_t p = power<0>(x[4]); add(acc[2], p); }
        add(acc[0], store[1]);
        add(acc[1], store[4]);
        add(acc[3], store[7]);
    }

    static void products(const data_T x[n_in], const accum_t store[stored], accum_t acc[n_out]) {
        #pragma HLS INLINE
        products_0(x, store, acc);
    }
    template <unsigned N>
    static void vectors(data_T x[N][n_in], res_T res[N][n_out], typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS INLINE
        sparse::in_slots_in_order<sparse_2, N, data_T, res_T, CONFIG_T>(x, res, biases);
    }

    static void dense(data_T data[n_in], res_T res[n_out], typename CONFIG_T::weight_t * /* in the lines above */,
                      typename CONFIG_T::bias_t biases[n_out]) {
        #pragma HLS INLINE off
        sparse::one<sparse_2, data_T, res_T, CONFIG_T>(data, res, biases);
    }
};

} // namespace nnet

#endif
