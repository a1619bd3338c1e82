// The part of the C++ standard library that generated firmware and its bridge use, for builds without the compiler's own
// (-nostdinc++): parsing that takes longer than compiling everything else. Types, limits and algorithms.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace std {

using ::abort;
using ::atof;
using ::atoi;
using ::exit;
using ::free;
using ::getenv;
using ::int16_t;
using ::int32_t;
using ::int64_t;
using ::int8_t;
using ::malloc;
using ::memcpy;
using ::memset;
using ::ptrdiff_t;
using ::size_t;
using ::strcmp;
using ::strlen;
using ::strtod;
using ::strtol;
using ::strtoul;
using ::uint16_t;
using ::uint32_t;
using ::uint64_t;
using ::uint8_t;
typedef decltype(nullptr) nullptr_t;

template <class T, T VALUE> struct integral_constant {
    static constexpr T value = VALUE;
    typedef T value_type;
    typedef integral_constant type;
    constexpr operator T() const { return VALUE; }
};
template <bool VALUE> using bool_constant = integral_constant<bool, VALUE>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;

template <bool YES, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> {
    typedef T type;
};
template <bool YES, class T = void> using enable_if_t = typename enable_if<YES, T>::type;
template <bool YES, class A, class B> struct conditional {
    typedef A type;
};
template <class A, class B> struct conditional<false, A, B> {
    typedef B type;
};
template <bool YES, class A, class B> using conditional_t = typename conditional<YES, A, B>::type;
template <class...> using void_t = void;

template <class T> struct remove_const {
    typedef T type;
};
template <class T> struct remove_const<const T> {
    typedef T type;
};
template <class T> struct remove_volatile {
    typedef T type;
};
template <class T> struct remove_volatile<volatile T> {
    typedef T type;
};
template <class T> struct remove_cv : remove_volatile<typename remove_const<T>::type> {};
template <class T> using remove_cv_t = typename remove_cv<T>::type;
template <class T> struct remove_reference {
    typedef T type;
};
template <class T> struct remove_reference<T &> {
    typedef T type;
};
template <class T> struct remove_reference<T &&> {
    typedef T type;
};
template <class T> using remove_reference_t = typename remove_reference<T>::type;
template <class T> struct decay : remove_cv<typename remove_reference<T>::type> {};
template <class T> using decay_t = typename decay<T>::type;

template <class A, class B> struct is_same : false_type {};
template <class A> struct is_same<A, A> : true_type {};
template <class A, class B> constexpr bool is_same_v = is_same<A, B>::value;
template <class T> struct is_const : false_type {};
template <class T> struct is_const<const T> : true_type {};
template <class T> struct is_enum : bool_constant<__is_enum(T)> {};
template <class T> struct is_class : bool_constant<__is_class(T)> {};
template <class T> struct is_integral : bool_constant<__is_integral(T)> {};
template <class T> struct is_floating_point : bool_constant<__is_floating_point(T)> {};
template <class T> struct is_arithmetic : bool_constant<__is_arithmetic(T)> {};
template <class T> struct is_signed : bool_constant<__is_signed(T)> {};
template <class T> struct is_unsigned : bool_constant<__is_unsigned(T)> {};
template <class T> struct is_pointer : bool_constant<__is_pointer(T)> {};
template <class A, class B> struct is_base_of : bool_constant<__is_base_of(A, B)> {};
template <class A, class B> struct is_convertible : bool_constant<__is_convertible_to(A, B)> {};
template <class T> constexpr bool is_integral_v = is_integral<T>::value;
template <class T> constexpr bool is_floating_point_v = is_floating_point<T>::value;
template <class T> constexpr bool is_arithmetic_v = is_arithmetic<T>::value;

template <class T> T &&declval();
template <class T> constexpr typename remove_reference<T>::type &&move(T &&value) {
    return static_cast<typename remove_reference<T>::type &&>(value);
}
template <class T> constexpr T &&forward(typename remove_reference<T>::type &value) { return static_cast<T &&>(value); }
template <class T> void swap(T &a, T &b) {
    T kept = a;
    a = b;
    b = kept;
}
template <class A, class B> struct pair {
    A first;
    B second;
    pair() : first(), second() {}
    pair(const A &a, const B &b) : first(a), second(b) {}
};
template <class A, class B> pair<A, B> make_pair(const A &a, const B &b) { return pair<A, B>(a, b); }

template <class T> constexpr const T &max(const T &a, const T &b) { return a < b ? b : a; }
template <class T> constexpr const T &min(const T &a, const T &b) { return b < a ? b : a; }
template <class FROM, class TO> TO copy(FROM from, FROM end, TO to) {
    for (; from != end; ++from, ++to)
        *to = *from;
    return to;
}
template <class TO, class T> void fill(TO to, TO end, const T &value) {
    for (; to != end; ++to)
        *to = value;
}
template <class TO, class N, class T> TO fill_n(TO to, N count, const T &value) {
    for (N i = 0; i < count; ++i, ++to)
        *to = value;
    return to;
}
template <class AT, class T> AT find(AT at, AT end, const T &value) {
    while (at != end && !(*at == value))
        ++at;
    return at;
}
template <class AT, class T> AT remove(AT at, AT end, const T &value) {
    AT to = at;
    for (; at != end; ++at)
        if (!(*at == value)) {
            *to = *at;
            ++to;
        }
    return to;
}
template <class AT, class T> void replace(AT at, AT end, const T &old, const T &value) {
    for (; at != end; ++at)
        if (*at == old)
            *at = value;
}
template <class AT> AT max_element(AT at, AT end) {
    AT most = at;
    for (; at != end; ++at)
        if (*most < *at)
            most = at;
    return most;
}

template <class T> struct numeric_limits {
    static constexpr bool is_signed = T(-1) < T(0);
    static constexpr int digits = int(sizeof(T) * 8) - is_signed;
    static constexpr T max() { return is_signed ? T((T(1) << (digits - 1)) - 1 + (T(1) << (digits - 1))) : T(~T(0)); }
    static constexpr T min() { return is_signed ? T(-max() - 1) : T(0); }
    static constexpr T lowest() { return min(); }
};
template <> struct numeric_limits<float> {
    static constexpr float max() { return __FLT_MAX__; }
    static constexpr float min() { return __FLT_MIN__; }
    static constexpr float lowest() { return -__FLT_MAX__; }
    static constexpr float infinity() { return __builtin_huge_valf(); }
};
template <> struct numeric_limits<double> {
    static constexpr double max() { return __DBL_MAX__; }
    static constexpr double min() { return __DBL_MIN__; }
    static constexpr double lowest() { return -__DBL_MAX__; }
    static constexpr double infinity() { return __builtin_huge_val(); }
};

} // namespace std
