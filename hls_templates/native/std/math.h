// Mathematics for builds without the compiler's C++ library: C's functions of double, of float where a float is given, and
// of double for integers, as the C++ standard has them.
#pragma once
#include "basics.h"
#include_next <math.h>

#define FPGAPRUNE_FUNCTION(NAME)                                                                                      \
    inline float NAME(float x) { return ::NAME##f(x); }                                                               \
    template <class T> typename std::enable_if<__is_integral(T), double>::type NAME(T x) {                            \
        return ::NAME((double)x);                                                                                     \
    }                                                                                                                 \
    namespace std {                                                                                                   \
    using ::NAME;                                                                                                     \
    }
FPGAPRUNE_FUNCTION(exp)
FPGAPRUNE_FUNCTION(exp2)
FPGAPRUNE_FUNCTION(expm1)
FPGAPRUNE_FUNCTION(log)
FPGAPRUNE_FUNCTION(log2)
FPGAPRUNE_FUNCTION(log10)
FPGAPRUNE_FUNCTION(log1p)
FPGAPRUNE_FUNCTION(sqrt)
FPGAPRUNE_FUNCTION(sin)
FPGAPRUNE_FUNCTION(cos)
FPGAPRUNE_FUNCTION(tan)
FPGAPRUNE_FUNCTION(asin)
FPGAPRUNE_FUNCTION(acos)
FPGAPRUNE_FUNCTION(atan)
FPGAPRUNE_FUNCTION(sinh)
FPGAPRUNE_FUNCTION(cosh)
FPGAPRUNE_FUNCTION(tanh)
FPGAPRUNE_FUNCTION(erf)
FPGAPRUNE_FUNCTION(floor)
FPGAPRUNE_FUNCTION(ceil)
FPGAPRUNE_FUNCTION(round)
FPGAPRUNE_FUNCTION(trunc)
FPGAPRUNE_FUNCTION(rint)
FPGAPRUNE_FUNCTION(fabs)
#undef FPGAPRUNE_FUNCTION

#define FPGAPRUNE_FUNCTION(NAME)                                                                                      \
    inline float NAME(float x, float y) { return ::NAME##f(x, y); }                                                   \
    template <class A, class B>                                                                                       \
    typename std::enable_if<__is_arithmetic(A) && __is_arithmetic(B) && !__is_same(A, B), double>::type NAME(A x,     \
                                                                                                             B y) {   \
        return ::NAME((double)x, (double)y);                                                                          \
    }                                                                                                                 \
    template <class A> typename std::enable_if<__is_integral(A), double>::type NAME(A x, A y) {                       \
        return ::NAME((double)x, (double)y);                                                                          \
    }                                                                                                                 \
    namespace std {                                                                                                   \
    using ::NAME;                                                                                                     \
    }
FPGAPRUNE_FUNCTION(pow)
FPGAPRUNE_FUNCTION(atan2)
FPGAPRUNE_FUNCTION(fmod)
FPGAPRUNE_FUNCTION(fmin)
FPGAPRUNE_FUNCTION(fmax)
FPGAPRUNE_FUNCTION(hypot)
#undef FPGAPRUNE_FUNCTION

// The global ones as well: code that writes abs(x) must not cut off what is behind the point.
constexpr long abs(long x) { return x < 0 ? -x : x; }
constexpr long long abs(long long x) { return x < 0 ? -x : x; }
constexpr float abs(float x) { return __builtin_fabsf(x); }
constexpr double abs(double x) { return __builtin_fabs(x); }

#undef isnan
#undef isinf
#undef isfinite
namespace std {
using ::abs;
inline bool isnan(double x) { return __builtin_isnan(x); }
inline bool isinf(double x) { return __builtin_isinf(x); }
inline bool isfinite(double x) { return __builtin_isfinite(x); }
} // namespace std
