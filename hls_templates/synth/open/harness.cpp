// Runs a Verilog module on recorded inputs (fpgaprune): harness IN OUT SAMPLES IN_WORDS OUT_WORDS MOST_CYCLES.
// Every sample is IN_WORDS words of 32 bits in IN; as many outputs of OUT_WORDS words go to OUT.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "Vharness.h"
#include "verilated.h"

static void tick(Vharness &top) {
    top.clk = 0;
    top.eval();
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    FILE *in = std::fopen(argv[1], "rb");
    FILE *out = std::fopen(argv[2], "wb");
    const long samples = std::atol(argv[3]), most = std::atol(argv[6]);
    const size_t in_words = std::atol(argv[4]), out_words = std::atol(argv[5]);
    if (in == nullptr || out == nullptr) return 3;
    VerilatedContext context;
    Vharness top(&context);
    std::vector<EData> words(in_words);
    for (long sample = 0; sample < samples; sample++) {
        if (std::fread(words.data(), sizeof(EData), in_words, in) != in_words) return 4;
        for (size_t i = 0; i < in_words; i++) top.x[i] = words[i];
        top.start = 1;
        tick(top);
        top.start = 0;
        top.eval();
        long cycles = 0;
        while (!top.done && cycles++ < most) tick(top);
        if (!top.done) {
            std::fprintf(stderr, "error: not done after %ld cycles\n", most);
            return 5;
        }
        for (size_t i = 0; i < out_words; i++) {
            const EData word = top.y[i];
            if (std::fwrite(&word, sizeof(EData), 1, out) != 1) return 6;
        }
    }
    return std::fclose(out) == 0 ? 0 : 6;
}
