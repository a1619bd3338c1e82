// Stands where firmware includes AMD's header of this name: a first-in first-out queue that grows, and tells of reads that
// hang in hardware and of packets that nobody reads.
#pragma once
#include <iostream>
#include <vector>

namespace hls {

template <class T, int DEPTH = 0> class stream {
    std::vector<T> kept;
    std::size_t first = 0;
    const char *name = "without a name";

  public:
    typedef T value_type;

    stream() {}
    explicit stream(const char *name) : name(name) {}
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream() {
        if (!empty())
            std::cout << "WARNING: the stream " << name << " still holds packets when the network is done" << std::endl;
    }

    bool empty() const { return first == kept.size(); }
    bool full() const { return false; }
    std::size_t size() const { return kept.size() - first; }
    void write(const T &value) { kept.push_back(value); }
    T read() {
        if (empty()) {
            std::cout << "WARNING: the stream " << name << " is read while empty, which hangs in hardware" << std::endl;
            return T();
        }
        T value = kept[first++];
        if (empty()) {
            kept.clear();
            first = 0;
        }
        return value;
    }
    void read(T &value) { value = read(); }
    bool read_nb(T &value) { return empty() ? false : (value = read(), true); }
    bool write_nb(const T &value) { return write(value), true; }
    void operator>>(T &value) { value = read(); }
    void operator<<(const T &value) { write(value); }
};

} // namespace hls
