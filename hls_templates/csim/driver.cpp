// C simulation of one hls4ml project: raw float64 samples in, raw float64 results out.
// arguments: samples, weights folder, one file per input, one per output, one per recorded array
#include "recording.h"

${includes}
#include <pthread.h>

namespace {

int argument_count;
char **arguments;
const std::size_t input_sizes[] = {${input_sizes}};
const std::size_t output_sizes[] = {${output_sizes}};
const std::size_t n_inputs = ${n_inputs};
const std::size_t n_outputs = ${n_outputs};
const std::size_t n_recordings = ${n_recordings};

std::FILE *open_file(const char *name, const char *mode) {
    std::FILE *file = std::fopen(name, mode);
    if (!file)
        fpgaprune_csim::fail(std::string("cannot open ") + name);
    return file;
}

void *simulate(void *) {
    const unsigned long samples = std::strtoul(arguments[1], nullptr, 10);
    fpgaprune_csim::weights_folder = arguments[2];
    char **names = arguments + 3;
    std::vector<std::FILE *> in, out;
    std::vector<std::vector<double>> x, y;
    for (std::size_t i = 0; i < n_inputs; i++) {
        in.push_back(open_file(*names++, "rb"));
        x.emplace_back(input_sizes[i]);
    }
    for (std::size_t i = 0; i < n_outputs; i++) {
        out.push_back(open_file(*names++, "wb"));
        y.emplace_back(output_sizes[i]);
    }
    if (argument_count > int(3 + n_inputs + n_outputs))
        for (std::size_t i = 0; i < n_recordings; i++)
            fpgaprune_csim::recordings.push_back(open_file(*names++, "wb"));

    for (unsigned long sample = 0; sample < samples; sample++) {
        for (std::size_t i = 0; i < n_inputs; i++)
            if (std::fread(x[i].data(), sizeof(double), x[i].size(), in[i]) != x[i].size())
                fpgaprune_csim::fail("the input ends too early");
        ${call};
        for (std::size_t i = 0; i < n_outputs; i++)
            fpgaprune_csim::put(out[i], y[i].data(), y[i].size());
    }
    for (std::FILE *file : out)
        if (std::fclose(file))
            fpgaprune_csim::fail("cannot write results: is the disk full?");
    for (std::FILE *file : fpgaprune_csim::recordings)
        if (std::fclose(file))
            fpgaprune_csim::fail("cannot write results: is the disk full?");
    return nullptr;
}

} // namespace

int main(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    if (argc != int(3 + n_inputs + n_outputs) && argc != int(3 + n_inputs + n_outputs + n_recordings))
        fpgaprune_csim::fail("wrong number of arguments");
    // hls4ml keeps whole layers of products in local arrays, which outgrow the usual 8 MiB stack.
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_t thread;
    for (std::size_t stack = std::size_t(4) << 30; stack >= std::size_t(8) << 20; stack /= 2) {
        if (pthread_attr_setstacksize(&attributes, stack) || pthread_create(&thread, &attributes, simulate, nullptr))
            continue;
        pthread_join(thread, nullptr);
        return 0;
    }
    fpgaprune_csim::fail("cannot start a thread");
}
