// Stands where firmware includes AMD's header of this name: a shift register that is read at any place.
#pragma once

template <class T, unsigned DEPTH = 32> class ap_shift_reg {
    T kept[DEPTH];

  public:
    ap_shift_reg() {}
    explicit ap_shift_reg(const char *) {}

    T shift(T value, unsigned place = DEPTH - 1, bool enable = true) {
        T found = kept[place];
        if (enable) {
            for (unsigned i = DEPTH - 1; i > 0; i--)
                kept[i] = kept[i - 1];
            kept[0] = value;
        }
        return found;
    }
    T read(unsigned place = DEPTH - 1) const { return kept[place]; }
};
