// AMD's fixed-point and integer types as constexpr classes on clang's _BitInt(N), so that firmware written for Vitis and
// Vivado HLS compiles to integers of exactly the widths it names. Semantics: AMD UG1399, "Arbitrary Precision Fixed-Point
// Data Types", held to the simulation headers that hls4ml ships by a property test.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

enum ap_q_mode { AP_RND, AP_RND_ZERO, AP_RND_MIN_INF, AP_RND_INF, AP_RND_CONV, AP_TRN, AP_TRN_ZERO };
enum ap_o_mode { AP_SAT, AP_SAT_ZERO, AP_SAT_SYM, AP_WRAP, AP_WRAP_SM };
typedef long long ap_slong;
typedef unsigned long long ap_ulong;

#define AP_MAX(a, b) ((a) > (b) ? (a) : (b))
#define AP_MIN(a, b) ((a) < (b) ? (a) : (b))
#define AP_ABS(a) ((a) >= 0 ? (a) : -(a))

template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> struct ap_fixed;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP, int N = 0> struct ap_ufixed;
template <int W> struct ap_int;
template <int W> struct ap_uint;

namespace fpgaprune_types {

constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr int smaller(int a, int b) { return a < b ? a : b; }

// Storage. A signed _BitInt has at least two bits, so a signed number of one bit (0 or -1) is kept in two.
template <int W, bool S> struct bits_of {
    static_assert(W >= 1, "a number needs at least one bit");
    typedef signed _BitInt(W < 2 ? 2 : W) type;
};
template <int W> struct bits_of<W, false> {
    static_assert(W >= 1, "a number needs at least one bit");
    typedef unsigned _BitInt(W) type;
};
template <int W, bool S> using bits = typename bits_of<W, S>::type;

template <int W, bool S, class T> constexpr bits<W, S> wrapped(T value) {
    if constexpr (W == 1 && S)
        return (value & 1) ? bits<W, S>(-1) : bits<W, S>(0);
    else
        return (bits<W, S>)value;
}

// What an integer of C++ is as a number.
template <class T> struct native {
    static constexpr bool known = std::is_integral<T>::value || std::is_enum<T>::value;
    static constexpr int width = std::is_same<T, bool>::value ? 1 : int(sizeof(T)) * 8;
    static constexpr bool sign = std::is_enum<T>::value ? true : std::is_signed<T>::value;
};
template <class T> using if_native = typename std::enable_if<native<T>::known, int>::type;
template <class T> using if_float = typename std::enable_if<std::is_floating_point<T>::value, int>::type;

// `value` without its lowest `dropped` bits (at least one), rounded. T has room for a carry.
template <ap_q_mode Q, class T> constexpr T rounded(T value, int dropped) {
    T floor = value >> dropped;
    if constexpr (Q == AP_TRN)
        return floor;
    else {
        const bool negative = value < 0;
        const bool half = ((value >> (dropped - 1)) & 1) != 0;
        const bool rest = (value & ((T(1) << (dropped - 1)) - 1)) != 0;
        bool up = false;
        if constexpr (Q == AP_RND)
            up = half;
        else if constexpr (Q == AP_RND_CONV)
            up = half & (rest | ((floor & 1) != 0));
        else if constexpr (Q == AP_RND_ZERO)
            up = half & (rest | negative);
        else if constexpr (Q == AP_RND_INF)
            up = half & (rest | !negative);
        else if constexpr (Q == AP_RND_MIN_INF)
            up = half & rest;
        else
            up = negative & (half | rest); // AP_TRN_ZERO
        return floor + T(up);
    }
}

// A rounded code brought into its range; `floor` is what it was before it was rounded.
template <int W, bool S, ap_o_mode O, class T> constexpr bits<W, S> overflowed(T value, T floor) {
    constexpr T most = S ? ((T(1) << (W - 1)) - 1) : ((T(1) << W) - 1);
    constexpr T least = S ? (O == AP_SAT_SYM ? -most : -(T(1) << (W - 1))) : T(0);
    if constexpr (O == AP_SAT || O == AP_SAT_SYM)
        return wrapped<W, S>(value > most ? most : (value < least ? least : value));
    else if constexpr (O == AP_SAT_ZERO)
        return wrapped<W, S>(value > most ? T(0) : (value < least ? T(0) : value));
    else if constexpr (O == AP_WRAP_SM && S) {
        // The sign becomes the lowest bit that is lost; where it was another, all bits are turned round.
        const bool lost = ((floor >> W) & 1) != 0, sign = ((value >> (W - 1)) & 1) != 0;
        const bool outside = value > most || value < least;
        return wrapped<W, S>(outside && lost != sign ? ~value : value);
    } else
        return wrapped<W, S>(value);
}

// The code of a number of F2 fractional bits in another type.
template <int W, int F, bool S, ap_q_mode Q, ap_o_mode O, int W2, int F2, bool S2>
constexpr bits<W, S> converted(bits<W2, S2> code) {
    constexpr int dropped = F2 - F;
    if constexpr (dropped == 0 && O == AP_WRAP)
        return wrapped<W, S>(code);
    else {
        constexpr int width = larger(W, W2 + larger(0, -dropped)) + larger(0, smaller(dropped - W2, 2)) + 3;
        typedef bits<width, true> wide;
        wide value = (wide)code;
        if constexpr (dropped > W2 + 1) { // only the sign, and whether there is anything, can matter
            const wide small = (value < 0) ? -1 : (value != 0);
            return overflowed<W, S, O>(rounded<Q>(small, 2), wide(small >> 2));
        } else if constexpr (dropped > 0)
            return overflowed<W, S, O>(rounded<Q>(value, dropped), wide(value >> dropped));
        value = value << larger(-dropped, 0);
        return overflowed<W, S, O>(value, value);
    }
}

template <int W, int F, bool S, ap_q_mode Q, ap_o_mode O> constexpr bits<W, S> from_double(double number) {
    const uint64_t image = __builtin_bit_cast(uint64_t, number);
    const int exponent = int((image >> 52) & 0x7ff);
    typedef bits<W + 68, true> wide;
    wide value = wide(image & 0xfffffffffffffull);
    if (exponent)
        value += wide(1) << 52;
    if (image >> 63)
        value = -value;
    const int shift = (exponent ? exponent : 1) - 1075 + F;
    if (shift >= 0) {
        value = value << (shift > W + 2 ? W + 2 : shift);
        return overflowed<W, S, O>(value, value);
    }
    const int dropped = -shift > 60 ? 60 : -shift;
    if (-shift > 60)
        value = value < 0 ? -1 : (value != 0);
    return overflowed<W, S, O>(rounded<Q>(value, dropped), wide(value >> dropped));
}

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool INTEGER> struct number;

template <int W, int I, bool S, bool INTEGER> struct plain_of {
    typedef typename std::conditional<S, ap_fixed<W, I>, ap_ufixed<W, I>>::type type;
};
template <int W, int I, bool S> struct plain_of<W, I, S, true> {
    typedef typename std::conditional<S, ap_int<W>, ap_uint<W>>::type type;
};
template <int W, int I, bool S, bool INTEGER> using plain = typename plain_of<W, I, S, INTEGER>::type;

template <class T> struct smallest_native { // of an integer type: what it becomes where C++ asks for an integer
    static constexpr int W = T::width;
    typedef typename std::conditional<
        W == 1 && !T::sign_flag, bool,
        typename std::conditional<
            W <= 8, typename std::conditional<T::sign_flag, signed char, unsigned char>::type,
            typename std::conditional<
                W <= 16, typename std::conditional<T::sign_flag, short, unsigned short>::type,
                typename std::conditional<
                    W <= 32, typename std::conditional<T::sign_flag, int, unsigned>::type,
                    typename std::conditional<T::sign_flag, long long, unsigned long long>::type>::type>::type>::type>::type
        type;
};

// Bits `high` to `low` of a number, to be read as an unsigned integer or written.
template <class NUMBER> struct range_ref {
    NUMBER &of;
    int high, low;
    static constexpr int width = NUMBER::width;
    typedef bits<NUMBER::width, false> pattern;

    constexpr int length() const { return high - low + 1; }
    constexpr pattern mask() const { return pattern(pattern(~pattern(0)) >> (NUMBER::width - length())); }
    constexpr pattern get() const { return pattern((pattern(of.code) >> low) & mask()); }
    constexpr void set(pattern value) {
        const pattern kept = pattern(of.code) & pattern(~pattern(mask() << low));
        of.code = wrapped<NUMBER::width, NUMBER::sign_flag>(pattern(kept | pattern((value & mask()) << low)));
    }
    constexpr range_ref &operator=(const range_ref &other) { return set(other.get()), *this; }
    template <class OTHER> constexpr range_ref &operator=(const range_ref<OTHER> &other) {
        return set((pattern)other.get()), *this;
    }
    template <class T, if_native<T> = 0> constexpr range_ref &operator=(T value) { return set((pattern)value), *this; }
    template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool INTEGER>
    constexpr range_ref &operator=(const number<W, I, S, Q, O, N, INTEGER> &value) {
        return set((pattern)value.code), *this;
    }
    constexpr operator unsigned long long() const { return (unsigned long long)get(); }
    constexpr int to_int() const { return (int)get(); }
    constexpr unsigned to_uint() const { return (unsigned)get(); }
};

template <class NUMBER> struct bit_ref {
    NUMBER &of;
    int place;

    constexpr operator bool() const { return ((of.code >> place) & 1) != 0; }
    constexpr bit_ref &operator=(bool value) { return range_ref<NUMBER>{of, place, place} = value, *this; }
    constexpr bit_ref &operator=(const bit_ref &other) { return *this = bool(other); }
    template <class OTHER> constexpr bit_ref &operator=(const bit_ref<OTHER> &other) { return *this = bool(other); }
};

template <int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N, bool INTEGER> struct number {
    static_assert(N == 0, "wrapping with saturated bits (N > 0) is not known here");
    static_assert(S || O != AP_WRAP_SM, "an unsigned number has no sign to wrap");
    static constexpr int width = W;
    static constexpr int iwidth = I;
    static constexpr bool sign_flag = S;
    static constexpr ap_q_mode qmode = Q;
    static constexpr ap_o_mode omode = O;
    static constexpr int F = W - I;
    typedef bits<W, S> storage;
    typedef number base;
    storage code;

    constexpr number() : code(0) {}
    constexpr number(const number &) = default;
    constexpr number &operator=(const number &) = default;

    template <int W2, int I2, bool S2, ap_q_mode Q2, ap_o_mode O2, int N2, bool INTEGER2>
    constexpr number(const number<W2, I2, S2, Q2, O2, N2, INTEGER2> &value) : code(0) {
        if constexpr (INTEGER && !INTEGER2) // an integer takes what C++ makes of a fraction
            code = wrapped<W, S>(value.integral());
        else
            code = converted<W, F, S, Q, O, W2, W2 - I2, S2>(value.code);
    }
    template <class T, if_native<T> = 0>
    constexpr number(T value)
        : code(converted<W, F, S, Q, O, native<T>::width, 0, native<T>::sign>(
              (bits<native<T>::width, native<T>::sign>)value)) {}
    template <class T, if_float<T> = 0, class = void>
    constexpr number(T value) : code(from_double<W, F, S, INTEGER ? AP_TRN_ZERO : Q, O>((double)value)) {}
    template <class OF>
    constexpr number(const range_ref<OF> &range)
        : code(converted<W, F, S, Q, O, OF::width, 0, false>(range.get())) {}
    template <class OF>
    constexpr number(const bit_ref<OF> &bit) : code(converted<W, F, S, Q, O, 1, 0, false>(bits<1, false>(bool(bit)))) {}

    static constexpr plain<W, I, S, INTEGER> of_code(storage code) {
        plain<W, I, S, INTEGER> result;
        result.code = code;
        return result;
    }

    // The integer towards zero, in as many bits as the integer part has.
    constexpr bits<larger(I, 1), S> integral() const {
        if constexpr (I <= 0)
            return 0; // AMD's headers keep the bits before the point, and there are none
        else if constexpr (F <= 0)
            return (bits<larger(I, 1), S>)((bits<larger(I, 1), S>)code << -F);
        else
            return wrapped<larger(I, 1), S>(rounded<AP_TRN_ZERO>((bits<W + 2, true>)code, F));
    }
    constexpr int to_int() const { return (int)integral(); }
    constexpr unsigned to_uint() const { return (unsigned)integral(); }
    constexpr long to_long() const { return (long)integral(); }
    constexpr unsigned long to_ulong() const { return (unsigned long)integral(); }
    constexpr long long to_int64() const { return (long long)integral(); }
    constexpr unsigned long long to_uint64() const { return (unsigned long long)integral(); }
    constexpr double to_double() const {
        double result = (double)code;
        for (int i = 0; i < F; i++)
            result *= 0.5;
        for (int i = 0; i > F; i--)
            result *= 2.0;
        return result;
    }
    constexpr float to_float() const { return (float)to_double(); }
    constexpr int length() const { return W; }
    constexpr bool is_neg() const { return code < 0; }

    template <class T, bool FRACTION = !INTEGER,
              typename std::enable_if<FRACTION && std::is_arithmetic<T>::value, int>::type = 0>
    constexpr operator T() const {
        if constexpr (std::is_same<T, bool>::value)
            return code != 0;
        else if constexpr (std::is_floating_point<T>::value)
            return (T)to_double();
        else
            return (T)(typename std::conditional<std::is_signed<T>::value, long long, unsigned long long>::type)integral();
    }

    constexpr bool operator!() const { return code == 0; }
    constexpr number<W, I, S, AP_TRN, AP_WRAP, 0, INTEGER> operator~() const { return of_code(wrapped<W, S>(~code)); }
    constexpr auto operator-() const {
        constexpr int W2 = INTEGER ? larger(1 + S, W) + 1 : W + 1;
        return plain<W2, I + W2 - W, true, INTEGER>::of_code(wrapped<W2, true>(-(bits<W + 3, true>)code));
    }
    constexpr number operator+() const { return *this; }

    constexpr number shifted_left(int by) const {
        number result;
        if (by < 0)
            return shifted_right(-by);
        result.code = by < W ? wrapped<W, S>(bits<W, S>(code << by)) : storage(0);
        return result;
    }
    constexpr number shifted_right(int by) const {
        number result;
        if (by < 0)
            return shifted_left(-by);
        result.code = by < W ? storage(code >> by) : code < 0 ? storage(-1) : storage(0);
        return result;
    }

    constexpr range_ref<number> range(int high, int low) { return {*this, high, low}; }
    constexpr range_ref<const number> range(int high, int low) const { return {*this, high, low}; }
    constexpr range_ref<number> range() { return {*this, W - 1, 0}; }
    constexpr range_ref<const number> range() const { return {*this, W - 1, 0}; }
    constexpr range_ref<number> operator()(int high, int low) { return {*this, high, low}; }
    constexpr range_ref<const number> operator()(int high, int low) const { return {*this, high, low}; }
    constexpr bit_ref<number> operator[](int place) { return {*this, place}; }
    constexpr bit_ref<const number> operator[](int place) const { return {*this, place}; }

    template <class T> constexpr number &operator+=(const T &value) { return *this = number(*this + value); }
    template <class T> constexpr number &operator-=(const T &value) { return *this = number(*this - value); }
    template <class T> constexpr number &operator*=(const T &value) { return *this = number(*this * value); }
    template <class T> constexpr number &operator/=(const T &value) { return *this = number(*this / value); }
    template <class T> constexpr number &operator%=(const T &value) { return *this = number(*this % value); }
    template <class T> constexpr number &operator&=(const T &value) { return *this = number(*this & value); }
    template <class T> constexpr number &operator|=(const T &value) { return *this = number(*this | value); }
    template <class T> constexpr number &operator^=(const T &value) { return *this = number(*this ^ value); }
    template <class T> constexpr number &operator<<=(const T &by) { return *this = *this << by; }
    template <class T> constexpr number &operator>>=(const T &by) { return *this = *this >> by; }
    constexpr number &operator++() { return *this += 1; }
    constexpr number &operator--() { return *this -= 1; }
    constexpr number operator++(int) {
        number before = *this;
        ++*this;
        return before;
    }
    constexpr number operator--(int) {
        number before = *this;
        --*this;
        return before;
    }
};

#define FPGAPRUNE_ONE(n) int W##n, int I##n, bool S##n, ap_q_mode Q##n, ap_o_mode O##n, int N##n, bool Z##n
#define FPGAPRUNE_TYPE(n) number<W##n, I##n, S##n, Q##n, O##n, N##n, Z##n>

// The type in which two numbers of different grids are both exact.
template <class A, class B> struct common {
    static constexpr int I =
        larger(A::iwidth + (B::sign_flag && !A::sign_flag), B::iwidth + (A::sign_flag && !B::sign_flag));
    static constexpr int F = larger(A::F, B::F);
    static constexpr bool S = A::sign_flag || B::sign_flag;
    static constexpr int W = larger(I + F, 1);
};
template <int W, int F, class A> constexpr bits<W, true> aligned(const A &a) {
    return (bits<W, true>)((bits<W, true>)a.code << (F - A::F));
}

template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>
constexpr auto operator*(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {
    typedef bits<W1 + W2, S1 || S2> wide;
    return plain<W1 + W2, I1 + I2, S1 || S2, Z1 && Z2>::of_code((wide)((wide)a.code * (wide)b.code));
}

#define FPGAPRUNE_SUM(SYMBOL, SIGNED)                                                                                 \
    template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>                                                                     \
    constexpr auto operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {                        \
        typedef common<FPGAPRUNE_TYPE(1), FPGAPRUNE_TYPE(2)> both;                                                    \
        constexpr int W = both::I + 1 + both::F;                                                                      \
        typedef plain<W, both::I + 1, SIGNED, Z1 && Z2> result;                                                       \
        return result::of_code(wrapped<W, SIGNED>(aligned<W + 1, both::F>(a) SYMBOL aligned<W + 1, both::F>(b)));      \
    }
FPGAPRUNE_SUM(+, both::S)
FPGAPRUNE_SUM(-, true)

#define FPGAPRUNE_LOGIC(SYMBOL)                                                                                       \
    template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>                                                                     \
    constexpr auto operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {                        \
        typedef common<FPGAPRUNE_TYPE(1), FPGAPRUNE_TYPE(2)> both;                                                    \
        typedef plain<both::W, both::I, both::S, Z1 && Z2> result;                                                    \
        return result::of_code(wrapped<both::W, both::S>(aligned<both::W + 1, both::F>(a)                             \
                                                             SYMBOL aligned<both::W + 1, both::F>(b)));               \
    }
FPGAPRUNE_LOGIC(&)
FPGAPRUNE_LOGIC(|)
FPGAPRUNE_LOGIC(^)

template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>
constexpr auto operator/(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {
    constexpr int F2 = W2 - I2, more = larger(F2, 0), W = S2 + W1 + more;
    typedef bits<larger(W1 + more, W2) + 2, true> wide;
    typedef plain<W, S2 + I1 + F2, S1 || S2, Z1 && Z2> result;
    return result::of_code(wrapped<W, S1 || S2>(wide(wide(a.code) << more) / wide(b.code)));
}
template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>
constexpr auto operator%(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {
    static_assert(Z1 && Z2, "only integers have a remainder");
    constexpr int W = smaller(W1, W2 + (!S2 && S1));
    typedef bits<larger(W1, W2) + 2, true> wide;
    return plain<W, W, S1, true>::of_code(wrapped<W, S1>(wide(a.code) % wide(b.code)));
}

#define FPGAPRUNE_COMPARE(SYMBOL)                                                                                     \
    template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>                                                                     \
    constexpr bool operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & b) {                        \
        typedef common<FPGAPRUNE_TYPE(1), FPGAPRUNE_TYPE(2)> both;                                                    \
        constexpr int W = larger(larger(W1 - I1, W2 - I2) + larger(I1, I2), larger(W1, W2)) + 2;                      \
        return aligned<W, both::F>(a) SYMBOL aligned<W, both::F>(b);                                                  \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), class T, if_float<T> = 0>                                                             \
    constexpr bool operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, T b) {                                                \
        return a.to_double() SYMBOL(double) b;                                                                        \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), class T, if_float<T> = 0>                                                             \
    constexpr bool operator SYMBOL(T a, const FPGAPRUNE_TYPE(1) & b) {                                                \
        return (double)a SYMBOL b.to_double();                                                                        \
    }
FPGAPRUNE_COMPARE(<)
FPGAPRUNE_COMPARE(>)
FPGAPRUNE_COMPARE(<=)
FPGAPRUNE_COMPARE(>=)
FPGAPRUNE_COMPARE(==)
FPGAPRUNE_COMPARE(!=)

// An integer of C++ on one side is a number of its own width.
template <class T> constexpr auto numbered(T value) {
    return plain<native<T>::width, native<T>::width, native<T>::sign, true>(value);
}
#define FPGAPRUNE_MIXED(SYMBOL)                                                                                       \
    template <FPGAPRUNE_ONE(1), class T, if_native<T> = 0>                                                            \
    constexpr auto operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, T b) {                                                \
        return a SYMBOL numbered(b);                                                                                  \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), class T, if_native<T> = 0>                                                            \
    constexpr auto operator SYMBOL(T a, const FPGAPRUNE_TYPE(1) & b) {                                                \
        return numbered(a) SYMBOL b;                                                                                  \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), class OF>                                                                             \
    constexpr auto operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, const range_ref<OF> &b) {                             \
        return a SYMBOL ap_uint<OF::width>(b);                                                                        \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), class OF>                                                                             \
    constexpr auto operator SYMBOL(const range_ref<OF> &a, const FPGAPRUNE_TYPE(1) & b) {                             \
        return ap_uint<OF::width>(a) SYMBOL b;                                                                        \
    }
FPGAPRUNE_MIXED(+)
FPGAPRUNE_MIXED(-)
FPGAPRUNE_MIXED(*)
FPGAPRUNE_MIXED(/)
FPGAPRUNE_MIXED(%)
FPGAPRUNE_MIXED(&)
FPGAPRUNE_MIXED(|)
FPGAPRUNE_MIXED(^)
FPGAPRUNE_MIXED(<)
FPGAPRUNE_MIXED(>)
FPGAPRUNE_MIXED(<=)
FPGAPRUNE_MIXED(>=)
FPGAPRUNE_MIXED(==)
FPGAPRUNE_MIXED(!=)

// Shifts keep the type of what is shifted; a negative amount shifts the other way.
#define FPGAPRUNE_SHIFT(SYMBOL, NAME)                                                                                 \
    template <FPGAPRUNE_ONE(1), class T, if_native<T> = 0>                                                            \
    constexpr FPGAPRUNE_TYPE(1) operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, T by) {                                  \
        return a.NAME((int)by);                                                                                       \
    }                                                                                                                 \
    template <FPGAPRUNE_ONE(1), FPGAPRUNE_ONE(2)>                                                                     \
    constexpr FPGAPRUNE_TYPE(1) operator SYMBOL(const FPGAPRUNE_TYPE(1) & a, const FPGAPRUNE_TYPE(2) & by) {          \
        return a.NAME(by.to_int());                                                                                   \
    }
FPGAPRUNE_SHIFT(<<, shifted_left)
FPGAPRUNE_SHIFT(>>, shifted_right)

} // namespace fpgaprune_types

#define FPGAPRUNE_CONCRETE(BASE_W, BASE_I, SIGN, MODES, N, INTEGER, NAME)                                             \
    typedef fpgaprune_types::number<BASE_W, BASE_I, SIGN, MODES, N, INTEGER> base;                                     \
    using base::base;                                                                                                 \
    constexpr NAME() = default;                                                                                       \
    constexpr NAME(const base &value) : base(value) {}

#define FPGAPRUNE_MODES Q, O
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct ap_fixed : fpgaprune_types::number<W, I, true, Q, O, N, false> {
    FPGAPRUNE_CONCRETE(W, I, true, FPGAPRUNE_MODES, N, false, ap_fixed)
};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct ap_ufixed : fpgaprune_types::number<W, I, false, Q, O, N, false> {
    FPGAPRUNE_CONCRETE(W, I, false, FPGAPRUNE_MODES, N, false, ap_ufixed)
};
#undef FPGAPRUNE_MODES
#define FPGAPRUNE_MODES AP_TRN, AP_WRAP
template <int W> struct ap_int : fpgaprune_types::number<W, W, true, AP_TRN, AP_WRAP, 0, true> {
    FPGAPRUNE_CONCRETE(W, W, true, FPGAPRUNE_MODES, 0, true, ap_int)
    constexpr operator typename fpgaprune_types::smallest_native<base>::type() const {
        return (typename fpgaprune_types::smallest_native<base>::type)this->code;
    }
};
template <int W> struct ap_uint : fpgaprune_types::number<W, W, false, AP_TRN, AP_WRAP, 0, true> {
    FPGAPRUNE_CONCRETE(W, W, false, FPGAPRUNE_MODES, 0, true, ap_uint)
    constexpr operator typename fpgaprune_types::smallest_native<base>::type() const {
        return (typename fpgaprune_types::smallest_native<base>::type)this->code;
    }
};
#undef FPGAPRUNE_MODES
#undef FPGAPRUNE_CONCRETE
#undef FPGAPRUNE_SHIFT
#undef FPGAPRUNE_MIXED
#undef FPGAPRUNE_COMPARE
#undef FPGAPRUNE_LOGIC
#undef FPGAPRUNE_SUM
#undef FPGAPRUNE_TYPE
#undef FPGAPRUNE_ONE
