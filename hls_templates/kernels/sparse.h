// Kernels for layers whose weights are known, written by fpgaprune around the products in sparse_N.h.
//
// Not verified with an AMD tool: C simulation was compared with hls4ml's Latency kernels bit for bit, no synthesis
// report of these kernels has been seen.
#ifndef FPGAPRUNE_SPARSE_H_
#define FPGAPRUNE_SPARSE_H_

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_utils/nnet_common.h"
#include "nnet_utils/nnet_mult.h"
#include "nnet_utils/nnet_types.h"

namespace nnet {
namespace sparse {

// x * 2^exponent: the same bits, the binary point elsewhere. Nothing is computed and nothing is lost.
template <int exponent, int W, int I, ap_q_mode Q, ap_o_mode O, int N>
ap_fixed<W, I + exponent> power(ap_fixed<W, I, Q, O, N> x) {
    #pragma HLS INLINE
    ap_fixed<W, I + exponent> moved;
    moved.range(W - 1, 0) = x.range(W - 1, 0);
    return moved;
}

template <int exponent, int W, int I, ap_q_mode Q, ap_o_mode O, int N>
ap_ufixed<W, I + exponent> power(ap_ufixed<W, I, Q, O, N> x) {
    #pragma HLS INLINE
    ap_ufixed<W, I + exponent> moved;
    moved.range(W - 1, 0) = x.range(W - 1, 0);
    return moved;
}

template <int exponent, int W> ap_fixed<W, W + exponent> power(ap_int<W> x) {
    #pragma HLS INLINE
    ap_fixed<W, W> whole = x;
    return power<exponent>(whole);
}

template <int exponent, int W> ap_ufixed<W, W + exponent> power(ap_uint<W> x) {
    #pragma HLS INLINE
    ap_ufixed<W, W> whole = x;
    return power<exponent>(whole);
}

// x * code * 2^exponent, rounded once as the accumulator does: one multiplier, unless both operands are constants.
template <class accum_T, int exponent, int K, int W, int I, ap_q_mode Q, ap_o_mode O, int N>
accum_T times(ap_fixed<W, I, Q, O, N> x, ap_int<K> code) {
    #pragma HLS INLINE
    ap_fixed<W + K, I + K> product = x * code;
    return power<exponent>(product);
}

template <class accum_T, int exponent, int K, int W, int I, ap_q_mode Q, ap_o_mode O, int N>
accum_T times(ap_ufixed<W, I, Q, O, N> x, ap_int<K> code) {
    #pragma HLS INLINE
    ap_fixed<W + K, I + K> product = x * code;
    return power<exponent>(product);
}

template <class accum_T, int exponent, int K, int W> accum_T times(ap_int<W> x, ap_int<K> code) {
    #pragma HLS INLINE
    ap_fixed<W, W> whole = x;
    return times<accum_T, exponent, K>(whole, code);
}

template <class accum_T, int exponent, int K, int W> accum_T times(ap_uint<W> x, ap_int<K> code) {
    #pragma HLS INLINE
    ap_ufixed<W, W> whole = x;
    return times<accum_T, exponent, K>(whole, code);
}

template <class accum_T, int exponent, int K, class data_T> accum_T times(data_T x, int code) {
    #pragma HLS INLINE
    return times<accum_T, exponent, K>(x, ap_int<K>(code));
}

// The type of x * code * 2^exponent for codes of K bits, in which nothing is lost: that of a sum of shifted x.
template <class data_T, int K, int exponent> struct exact {};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N, int K, int exponent>
struct exact<ap_fixed<W, I, Q, O, N>, K, exponent> {
    typedef ap_fixed<W + K, I + K + exponent> type;
};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N, int K, int exponent>
struct exact<ap_ufixed<W, I, Q, O, N>, K, exponent> {
    typedef ap_fixed<W + K, I + K + exponent> type;
};
template <int W, int K, int exponent> struct exact<ap_int<W>, K, exponent> {
    typedef ap_fixed<W + K, W + K + exponent> type;
};
template <int W, int K, int exponent> struct exact<ap_uint<W>, K, exponent> {
    typedef ap_fixed<W + K, W + K + exponent> type;
};

template <class accum_T> void add(accum_T &sum, accum_T product) {
    #pragma HLS INLINE
    sum += product;
}

// An input that never changes, by its code: both factors of its product are constants, and no multiplier is left.
template <class data_T> data_T still(unsigned /* input */, long long code) {
    #pragma HLS INLINE
    data_T x;
    x.range(data_T::width - 1, 0) = code;
    return x;
}

// A reuse factor of 1: every product at once, a multiplier each where shifts and adders do not do.
// KERNEL::products adds the products of one vector x to acc in the order of the inputs, as hls4ml's kernel does.
template <class KERNEL, unsigned N, class data_T, class res_T, typename CONFIG_T>
void at_once(data_T x[N][KERNEL::n_in], res_T res[N][KERNEL::n_out], typename CONFIG_T::bias_t biases[KERNEL::n_out]) {
    #pragma HLS INLINE
    typename CONFIG_T::accum_t acc[N][KERNEL::n_out];
    #pragma HLS ARRAY_PARTITION variable=acc complete dim=0

AtOnceVector:
    for (unsigned n = 0; n < N; n++) {
        #pragma HLS UNROLL
    AtOnceBias:
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            acc[n][j] = (typename CONFIG_T::accum_t)biases[j];
        }
        KERNEL::products(x[n], acc[n]);
    AtOnceResult:
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            res[n][j] = cast<data_T, res_T, CONFIG_T>(acc[n][j]);
        }
    }
}

// A reuse factor above 1: KERNEL::multipliers multipliers for each of N vectors, each with one input and one constant
// in every time slot. The limit holds also where a pipeline around this function unrolls the slots.
// KERNEL::shifts adds what needs no multiplier; KERNEL::slot adds the products of one slot to sum.
template <class KERNEL, unsigned N, class data_T, class res_T, typename CONFIG_T>
void in_slots(data_T x[N][KERNEL::n_in], res_T res[N][KERNEL::n_out], typename CONFIG_T::bias_t biases[KERNEL::n_out]) {
    #pragma HLS INLINE off
    const unsigned limit = KERNEL::multipliers * N;
    #pragma HLS ALLOCATION operation instances=mul limit=limit
    typename CONFIG_T::accum_t acc[N][KERNEL::n_out];
    #pragma HLS ARRAY_PARTITION variable=acc complete dim=0
    #pragma HLS ARRAY_PARTITION variable=x complete dim=0
    #pragma HLS ARRAY_PARTITION variable=res complete dim=0
    #pragma HLS ARRAY_PARTITION variable=biases complete

SlotsStart:
    for (unsigned n = 0; n < N; n++) {
        #pragma HLS UNROLL
    SlotsBias:
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            acc[n][j] = (typename CONFIG_T::accum_t)biases[j];
        }
        KERNEL::shifts(x[n], acc[n]);
    }

Slots:
    for (unsigned slot = 0; slot < KERNEL::slots; slot++) {
        #pragma HLS PIPELINE II=1 rewind
    SlotVector:
        for (unsigned n = 0; n < N; n++) {
            #pragma HLS UNROLL
            typename CONFIG_T::accum_t sum[KERNEL::n_out];
            #pragma HLS ARRAY_PARTITION variable=sum complete
        SlotZero:
            for (unsigned j = 0; j < KERNEL::n_out; j++) {
                #pragma HLS UNROLL
                sum[j] = 0;
            }
            KERNEL::slot(slot, x[n], sum);
        SlotSum:
            for (unsigned j = 0; j < KERNEL::n_out; j++) {
                #pragma HLS UNROLL
                acc[n][j] += sum[j];
            }
        }
    }

SlotsResult:
    for (unsigned n = 0; n < N; n++) {
        #pragma HLS UNROLL
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            res[n][j] = cast<data_T, res_T, CONFIG_T>(acc[n][j]);
        }
    }
}

// As in_slots, for accumulators that saturate, whose sums depend on their order: the multipliers fill a store of
// products, one per slot each, and KERNEL::products adds them afterwards in the order of the inputs.
template <class KERNEL, unsigned N, class data_T, class res_T, typename CONFIG_T>
void in_slots_in_order(data_T x[N][KERNEL::n_in], res_T res[N][KERNEL::n_out],
                       typename CONFIG_T::bias_t biases[KERNEL::n_out]) {
    #pragma HLS INLINE off
    const unsigned limit = KERNEL::multipliers * N;
    #pragma HLS ALLOCATION operation instances=mul limit=limit
    typename CONFIG_T::accum_t acc[N][KERNEL::n_out];
    typename CONFIG_T::accum_t store[N][KERNEL::stored];
    #pragma HLS ARRAY_PARTITION variable=acc complete dim=0
    #pragma HLS ARRAY_PARTITION variable=store complete dim=0
    #pragma HLS ARRAY_PARTITION variable=x complete dim=0
    #pragma HLS ARRAY_PARTITION variable=res complete dim=0
    #pragma HLS ARRAY_PARTITION variable=biases complete

Slots:
    for (unsigned slot = 0; slot < KERNEL::slots; slot++) {
        #pragma HLS PIPELINE II=1 rewind
    SlotVector:
        for (unsigned n = 0; n < N; n++) {
            #pragma HLS UNROLL
            KERNEL::slot(slot, x[n], store[n]);
        }
    }

SlotsResult:
    for (unsigned n = 0; n < N; n++) {
        #pragma HLS UNROLL
    SlotsBias:
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            acc[n][j] = (typename CONFIG_T::accum_t)biases[j];
        }
        KERNEL::products(x[n], store[n], acc[n]);
        for (unsigned j = 0; j < KERNEL::n_out; j++) {
            #pragma HLS UNROLL
            res[n][j] = cast<data_T, res_T, CONFIG_T>(acc[n][j]);
        }
    }
}

// One vector in hls4ml's shape of a kernel.
template <class KERNEL, class data_T, class res_T, typename CONFIG_T>
void one(data_T data[KERNEL::n_in], res_T res[KERNEL::n_out], typename CONFIG_T::bias_t biases[KERNEL::n_out]) {
    #pragma HLS INLINE
    data_T x[1][KERNEL::n_in];
    res_T y[1][KERNEL::n_out];
    #pragma HLS ARRAY_PARTITION variable=x complete dim=0
    #pragma HLS ARRAY_PARTITION variable=y complete dim=0
OneIn:
    for (unsigned i = 0; i < KERNEL::n_in; i++) {
        #pragma HLS UNROLL
        x[0][i] = data[i];
    }
    KERNEL::template vectors<1>(x, y, biases);
OneOut:
    for (unsigned j = 0; j < KERNEL::n_out; j++) {
        #pragma HLS UNROLL
        res[j] = y[0][j];
    }
}

// Convolutions with parallel data: n_pixels positions at a time, each with multipliers of its own, n_partitions times.
template <class data_T, class res_T, typename CONFIG_T, class data_P, class res_P>
void convolution(data_P data, res_P res, typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    typedef typename CONFIG_T::mult_config mult_config;
    typedef typename mult_config::template kernel<data_T, res_T, mult_config> kernel;
    data_T x[CONFIG_T::n_pixels][mult_config::n_in];
    res_T y[CONFIG_T::n_pixels][mult_config::n_out];
    #pragma HLS ARRAY_PARTITION variable=x complete dim=0
    #pragma HLS ARRAY_PARTITION variable=y complete dim=0

Partition:
    for (unsigned part = 0; part < CONFIG_T::n_partitions; part++) {
        if (kernel::slots == 1) {
            #pragma HLS PIPELINE II=1 rewind
        }
        CONFIG_T::template fill_buffer<data_T, CONFIG_T>::fill_buffer(data, x, part);
        kernel::template vectors<CONFIG_T::n_pixels>(x, y, biases);
    Pixel:
        for (unsigned n = 0; n < CONFIG_T::n_pixels; n++) {
            #pragma HLS UNROLL
            for (unsigned j = 0; j < mult_config::n_out; j++) {
                #pragma HLS UNROLL
                res[(part * CONFIG_T::n_pixels + n) * mult_config::n_out + j] = y[n][j];
            }
        }
    }
}

} // namespace sparse

template <class data_T, class res_T, typename CONFIG_T>
void conv_1d_sparse_cl(data_T data[CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

template <class data_T, class res_T, typename CONFIG_T>
void conv_2d_sparse_cl(data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

template <class data_T, class res_T, typename CONFIG_T>
void pointwise_conv_1d_sparse_cl(data_T data[CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

template <class data_T, class res_T, typename CONFIG_T>
void pointwise_conv_2d_sparse_cl(data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

template <class data_T, class res_T, typename CONFIG_T>
void depthwise_conv_1d_sparse_cl(data_T data[CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

template <class data_T, class res_T, typename CONFIG_T>
void depthwise_conv_2d_sparse_cl(data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
                       res_T res[CONFIG_T::out_height * CONFIG_T::out_width * CONFIG_T::n_filt],
                       typename CONFIG_T::weight_t * /* in the kernel */,
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_filt]) {
    #pragma HLS INLINE
    sparse::convolution<data_T, res_T, CONFIG_T>(data, res, biases);
}

// A scale and an offset per element, which hls4ml repeats over the positions.
template <class data_T, class res_T, typename CONFIG_T>
void normalize_sparse(data_T data[CONFIG_T::n_in], res_T res[CONFIG_T::n_in],
                      typename CONFIG_T::scale_t scale[CONFIG_T::n_scale_bias],
                      typename CONFIG_T::bias_t bias[CONFIG_T::n_scale_bias]) {
    #pragma HLS INLINE
    typename CONFIG_T::bias_t biases[CONFIG_T::n_in];
    #pragma HLS ARRAY_PARTITION variable=biases complete
NormalizeBias:
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        biases[i] = bias[i % CONFIG_T::n_scale_bias];
    }
    CONFIG_T::template kernel<data_T, res_T, CONFIG_T>::dense(data, res, scale, biases);
}

// The same between streams: the channels of one position at a time.
template <class data_T, class res_T, typename CONFIG_T>
void normalize_sparse(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                      typename CONFIG_T::scale_t * /* in the kernel */,
                      typename CONFIG_T::bias_t bias[CONFIG_T::n_scale_bias]) {
    typedef typename data_T::value_type value_T;
    typedef typename res_T::value_type result_T;
    typedef typename CONFIG_T::template kernel<value_T, result_T, CONFIG_T> kernel;

NormalizeStream:
    for (unsigned i = 0; i < CONFIG_T::n_in / data_T::size; i++) {
        if (kernel::slots == 1) {
            #pragma HLS PIPELINE II=1 rewind
        }
        value_T x[1][kernel::n_in];
        result_T y[1][kernel::n_out];
        #pragma HLS ARRAY_PARTITION variable=x complete dim=0
        #pragma HLS ARRAY_PARTITION variable=y complete dim=0
        data_T data_pack = data_stream.read();
    NormalizeIn:
        for (unsigned lane = 0; lane < data_T::size; lane++) {
            #pragma HLS UNROLL
            x[0][lane] = data_pack[lane];
        }
        kernel::template vectors<1>(x, y, bias);
        res_T res_pack;
        PRAGMA_DATA_PACK(res_pack)
    NormalizeOut:
        for (unsigned lane = 0; lane < res_T::size; lane++) {
            #pragma HLS UNROLL
            res_pack[lane] = y[0][lane];
        }
        res_stream.write(res_pack);
    }
}

// A dense layer between streams: gathers its inputs, computes, and sends its outputs.
template <class data_T, class res_T, typename CONFIG_T>
void dense_sparse(hls::stream<data_T> &data_stream, hls::stream<res_T> &res_stream,
                  typename CONFIG_T::weight_t * /* in the kernel */, typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
    typedef typename data_T::value_type value_T;
    typedef typename res_T::value_type result_T;
    value_T x[1][CONFIG_T::n_in];
    result_T y[1][CONFIG_T::n_out];
    #pragma HLS ARRAY_PARTITION variable=x complete dim=0
    #pragma HLS ARRAY_PARTITION variable=y complete dim=0

StreamIn:
    for (unsigned i = 0; i < CONFIG_T::n_in / data_T::size; i++) {
        #pragma HLS PIPELINE
        data_T data_pack = data_stream.read();
        for (unsigned lane = 0; lane < data_T::size; lane++) {
            #pragma HLS UNROLL
            x[0][i * data_T::size + lane] = data_pack[lane];
        }
    }
    CONFIG_T::template kernel<value_T, result_T, CONFIG_T>::template vectors<1>(x, y, biases);
StreamOut:
    for (unsigned j = 0; j < CONFIG_T::n_out / res_T::size; j++) {
        #pragma HLS PIPELINE
        res_T res_pack;
        PRAGMA_DATA_PACK(res_pack)
        for (unsigned lane = 0; lane < res_T::size; lane++) {
            #pragma HLS UNROLL
            res_pack[lane] = y[0][j * res_T::size + lane];
        }
        res_stream.write(res_pack);
    }
}

} // namespace nnet

#endif
