// Support code of the C simulation: where the weights lie, and a place for intermediate arrays.
// Included before any file of the project, so it must not use the project's types.
#pragma once
#include <cassert>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#ifdef _LIBCPP_VERSION
// These two headers of ap_types declare std::complex anew, which only works where the standard library has no
// versioned namespace inside std. hls4ml uses no complex numbers, so with clang's own library they are left out.
#define __AP_INT_SPECIAL_H__
#define __AP_FIXED_SPECIAL_H__
#endif

namespace fpgaprune_csim {

// The project is moved and renamed after it is built, so the folder is a run-time argument.
inline const char *weights_folder = "";
inline std::vector<std::FILE *> recordings;

inline void fail(const std::string &what) {
    std::fprintf(stderr, "fpgaprune: %s\n", what.c_str());
    std::exit(3);
}

inline void put(std::FILE *file, const double *values, std::size_t count) {
    if (std::fwrite(values, sizeof(double), count, file) != count)
        fail("cannot write results: is the disk full?");
}

template <class T> void record(std::size_t slot, const T *values, std::size_t count) {
    if (slot >= recordings.size())
        return;
    std::vector<double> row(count);
    for (std::size_t i = 0; i < count; i++)
        row[i] = double(values[i]);
    put(recordings[slot], row.data(), count);
}

template <class T, std::size_t COUNT> void record(std::size_t slot, const T (&values)[COUNT]) {
    record(slot, &values[0], COUNT);
}

// A stream is read to its end and written back in the same order, so the layers after it see what they would have.
template <class Stream> auto record(std::size_t slot, Stream &stream) -> decltype(stream.size(), void()) {
    if (slot >= recordings.size())
        return;
    std::vector<double> row;
    const std::size_t packets = stream.size();
    for (std::size_t i = 0; i < packets; i++) {
        auto packet = stream.read();
        for (std::size_t j = 0; j < decltype(packet)::size; j++)
            row.push_back(double(packet[j]));
        stream.write(packet);
    }
    put(recordings[slot], row.data(), row.size());
}

template <class Stream> auto record(std::size_t slot, Stream &stream, std::size_t) -> decltype(stream.size(), void()) {
    record(slot, stream);
}

} // namespace fpgaprune_csim

#define WEIGHTS_DIR ::fpgaprune_csim::weights_folder
