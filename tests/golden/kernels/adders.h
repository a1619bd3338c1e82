// Layer fc: 5 inputs, 4 outputs.
//
// No multiplier: 12 by shifts and adders.
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
    static const unsigned multipliers = 0;
    static const unsigned slots = 1;
    typedef typename sparse::exact<data_T, 8, -6>::type product_t;

    static void products_0(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
        { product_t s = power<-2>(x[0]); s -= power<-4>(x[0]); s -= power<-6>(x[0]); const accum_t p = s; add(acc[1], p); add(acc[3], p); }
        { const accum_t p = -power<-3>(x[0]); add(acc[2], p); }
        { product_t s = power<0>(x[1]); s -= power<-2>(x[1]); s -= power<-4>(x[1]); s -= power<-6>(x[1]); const accum_t p = s; add(acc[0], p); }
        { const accum_t p = power<-3>(x[1]) - power<-5>(x[1]); add(acc[2], p); }
        { product_t s = power<-2>(x[1]); s -= power<0>(x[1]); s -= power<-4>(x[1]); s -= power<-6>(x[1]); const accum_t p = s; add(acc[3], p); }
        { const accum_t p = -power<-6>(x[3]); add(acc[0], p); }
        { product_t s = power<0>(x[3]); s += power<-6>(x[3]); s -= power<-2>(x[3]); s -= power<-4>(x[3]); const accum_t p = s; add(acc[1], p); }
        { product_t s = power<-1>(x[3]); s -= power<-4>(x[3]); s -= power<-6>(x[3]); const accum_t p = s; add(acc[3], p); }
        { product_t s = power<0>(x[4]); s += power<-2>(x[4]); s += power<-6>(x[4]); s -= power<-4>(x[4]); const accum_t p = s; add(acc[0], p); }
        { product_t s = power<-2>(x[4]); s -= power<-4>(x[4]); s -= power<-6>(x[4]); const accum_t p = s; add(acc[1], p); }
        { const accum_t p = power<0>(x[4]); add(acc[2], p); }
        { product_t s = power<-4>(x[4]); s += power<-6>(x[4]); s -= power<-2>(x[4]); const accum_t p = s; add(acc[3], p); }
    }

    static void products(const data_T x[n_in], accum_t acc[n_out]) {
        #pragma HLS INLINE
        products_0(x, acc);
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
