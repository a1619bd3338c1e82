// Stands where firmware includes AMD's header of this name: the ends of a type's range.
#pragma once
#include "../fixed_types.h"
#include <limits>

namespace hls {

template <class T, class = void> struct numeric_limits : std::numeric_limits<T> {};
template <class T> struct numeric_limits<T, typename std::enable_if<(T::width > 0)>::type> {
    static constexpr T max() { return end(true); }
    static constexpr T min() { return end(false); }
    static constexpr T lowest() { return end(false); }

  private:
    static constexpr T end(bool high) {
        T found;
        for (int i = 0; i < T::width; i++)
            found[i] = (i == T::width - 1 && T::sign_flag) != high;
        return found;
    }
};

} // namespace hls
