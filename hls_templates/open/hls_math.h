// Stands where firmware includes AMD's header of this name: functions by way of double, as hls4ml's simulation has them.
#pragma once
#include "fixed_types.h"
#include <cmath>

namespace hls {

template <class T> T exp(const T x) { return (T)std::exp(x.to_double()); }
template <class T> T sin(T x) { return (T)std::sin(x.to_double()); }
template <class T> T cos(T x) { return (T)std::cos(x.to_double()); }
template <class T> T asin(T x) { return (T)std::asin(x.to_double()); }
template <class T> T acos(T x) { return (T)std::acos(x.to_double()); }
template <class T> T atan(T x) { return (T)std::atan(x.to_double()); }
template <class T> T atan2(T y, T x) { return (T)std::atan2(y.to_double(), x.to_double()); }

} // namespace hls
