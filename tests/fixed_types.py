"""One C++ program that prints what two sets of fixed-point headers compute, on types and values drawn by a seed."""

import random

_HEAD = r"""
#include <cstdio>
#include "ap_fixed.h"
#include "ap_int.h"
template <class T> void show(const T &x) {
    T copy = x;
    ap_uint<T::width> pattern = copy.range(T::width - 1, 0);
    std::printf(" %d:%llx", int(T::width), (unsigned long long)pattern.to_uint64());
}
template <class A, class B, class C> void of_fixed(unsigned long long i, unsigned long long j, int by) {
    A a; a.range(A::width - 1, 0) = i;
    B b; b.range(B::width - 1, 0) = j;
    show(a + b); show(a - b); show(a * b);
    if (b != 0) show(a / b);
    show(a & b); show(a | b); show(a ^ b); show(~a);
    show(C(a)); show(C(a * b)); show(C(a - b)); show(C(-a));
    show(A(b)); show(a << by); show(a >> by);
    show(a * by); show(a + (unsigned)by); show(by - a);
    C c = a; c += b; show(c); c -= a; show(c); c *= b; show(c);
    C d = a; d <<= 1; show(d); d >>= 2; show(d);
    std::printf(" %d%d%d%d%d%d", a < b, a > b, a <= b, a >= b, a == b, a != b);
    std::printf(" %d%d%d%d", a < by, a > by, a == by, a != by);
    std::printf(" %d %u %.17g %.17g %d", a.to_int(), a.to_uint(), a.to_double(), double(b), int(a));
    std::printf(" %d %d", bool(a[0]), bool(a[A::width - 1]));
    show(ap_int<20>(a)); show(ap_uint<9>(a));
    A e = 0; e(A::width - 1, A::width - 2) = i; show(e);
    A f = 0; f[A::width / 2] = 1; show(f);
    std::puts("");
}
template <class A, class B> void of_integers(unsigned long long i, unsigned long long j, int by) {
    A a; a.range(A::width - 1, 0) = i;
    B b; b.range(B::width - 1, 0) = j;
    show(a + b); show(a - b); show(a * b);
    if constexpr (B::width < A::width) // AMD's simulation cuts off wider divisors, and takes mixed signs for unsigned
        if (b != 0 && (A(-1) < 0) == (B(-1) < 0)) { show(a / b); show(a % b); }
    show(a & b); show(a | b); show(a ^ b); show(~a); show(-a);
    show(A(b)); show(a << by); show(a >> by); show(a * by); show(a - by);
    A c = a; c += b; show(c); c -= by; show(c); c++; show(c); --c; show(c);
    std::printf(" %d%d%d%d%d%d", a < b, a > b, a <= b, a >= b, a == b, a != b);
    std::printf(" %d %u %.17g", a.to_int(), a.to_uint(), a.to_double());
    show(ap_fixed<12, 5, AP_RND_CONV, AP_SAT>(a)); show(ap_fixed<12, 5>(a + b));
    std::puts("");
}
template <class C> void of_double(double x) {
    show(C(x)); show(C((float)x)); show(C((int)x));
    std::puts("");
}
int main() {
"""

ROUNDINGS = ("AP_RND", "AP_RND_ZERO", "AP_RND_MIN_INF", "AP_RND_INF", "AP_RND_CONV", "AP_TRN", "AP_TRN_ZERO")
OVERFLOWS = ("AP_SAT", "AP_SAT_ZERO", "AP_SAT_SYM", "AP_WRAP", "AP_WRAP_SM")


def _fixed(rng: random.Random, most: int = 20) -> str:
    width = rng.randint(2, most)
    integer = rng.randint(0, width)
    sign = rng.choice(("", "u"))
    overflow = rng.choice(OVERFLOWS[:-1] if sign else OVERFLOWS)  # AMD's unsigned types have no sign to wrap
    return f"ap_{sign}fixed<{width},{integer},{rng.choice(ROUNDINGS)},{overflow}>"


def _patterns(rng: random.Random) -> list[int]:
    return [rng.getrandbits(24) for _ in range(4)] + [0, 1, (1 << 24) - 1]


def program(seed: int, cases: int) -> str:
    """The program: `cases` of each kind."""
    rng = random.Random(seed)
    lines = []
    for _ in range(cases):
        a, b, c = _fixed(rng), _fixed(rng), _fixed(rng, 30)
        lines += [
            f"    of_fixed<{a},{b},{c}>({i}ull, {rng.choice(_patterns(rng))}ull, {rng.randint(0, 5)});"
            for i in _patterns(rng)
        ]
        a, b = (f"ap_{rng.choice(('', 'u'))}int<{rng.randint(1, 24)}>" for _ in range(2))
        lines += [
            f"    of_integers<{a},{b}>({i}ull, {rng.choice(_patterns(rng))}ull, {rng.randint(0, 5)});"
            for i in _patterns(rng)
        ]
        for _ in range(6):
            value = rng.choice(
                (rng.uniform(-2, 2), rng.uniform(-300, 300), rng.randint(-4000, 4000) / 64, 1e-7, -1e-7, 0.0)
            )
            lines.append(f"    of_double<{c}>({value!r});")
    return _HEAD + "\n".join(lines) + "\n    return 0;\n}\n"
