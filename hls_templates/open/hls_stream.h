// Stands where firmware includes AMD's header of this name: a first-in first-out queue of bounded length, without a heap.
#pragma once
#include <cstddef>

#ifndef FPGAPRUNE_STREAM_DEPTH
#define FPGAPRUNE_STREAM_DEPTH 4096
#endif

namespace hls {

template <class T, int DEPTH = 0> class stream {
    T kept[FPGAPRUNE_STREAM_DEPTH];
    unsigned first = 0, count = 0;

  public:
    typedef T value_type;

    stream() {}
    explicit stream(const char *) {}
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;

    bool empty() const { return count == 0; }
    bool full() const { return count == FPGAPRUNE_STREAM_DEPTH; }
    std::size_t size() const { return count; }
    void write(const T &value) {
        if (full())
            __builtin_trap();
        kept[(first + count) % FPGAPRUNE_STREAM_DEPTH] = value;
        count++;
    }
    T read() {
        if (empty())
            __builtin_trap();
        T value = kept[first];
        first = (first + 1) % FPGAPRUNE_STREAM_DEPTH;
        count--;
        return value;
    }
    void read(T &value) { value = read(); }
    bool read_nb(T &value) { return empty() ? false : (value = read(), true); }
    bool write_nb(const T &value) { return full() ? false : (write(value), true); }
    void operator>>(T &value) { value = read(); }
    void operator<<(const T &value) { write(value); }
};

} // namespace hls
