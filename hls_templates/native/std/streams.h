// Text in and out for builds without the compiler's C++ library: what firmware, its bridge and its weights use of it.
#pragma once
#include "containers.h"
#include <stdio.h>

namespace std {

using ::fclose;
using ::fflush;
using ::FILE;
using ::fopen;
using ::fprintf;
using ::fread;
using ::fwrite;
using ::printf;
using ::puts;
using ::snprintf;

struct ios_base {
    enum mode { in = 1, out = 2, app = 4, binary = 8, trunc = 16 };
};
typedef ios_base ios;

class ostream {
  protected:
    FILE *file;
    string *text = nullptr;

  public:
    explicit ostream(FILE *file) : file(file) {}
    void write(const char *from, size_t size) {
        if (file)
            fwrite(from, 1, size, file);
        else if (text)
            *text += string(from, size);
    }
    void flush() {
        if (file)
            fflush(file);
    }
};
template <class... A> ostream &formatted(ostream &to, const char *format, A... values) {
    char line[64];
    to.write(line, snprintf(line, sizeof line, format, values...));
    return to;
}
FPGAPRUNE_APART inline ostream &operator<<(ostream &to, const char *text) { return to.write(text, strlen(text)), to; }
FPGAPRUNE_APART inline ostream &operator<<(ostream &to, const string &text) { return to.write(text.c_str(), text.size()), to; }
inline ostream &operator<<(ostream &to, char one) { return to.write(&one, 1), to; }
FPGAPRUNE_APART inline ostream &operator<<(ostream &to, double value) { return formatted(to, "%g", value); }
inline ostream &operator<<(ostream &to, float value) { return formatted(to, "%g", (double)value); }
inline ostream &operator<<(ostream &to, const void *address) { return formatted(to, "%p", address); }
template <class T> typename enable_if<__is_integral(T), ostream &>::type operator<<(ostream &to, T value) {
    return __is_signed(T) ? formatted(to, "%lld", (long long)value) : formatted(to, "%llu", (unsigned long long)value);
}
inline ostream &operator<<(ostream &to, ostream &(*change)(ostream &)) { return change(to); }
FPGAPRUNE_APART inline ostream &endl(ostream &to) {
    to.write("\n", 1);
    to.flush();
    return to;
}
inline ostream &flush(ostream &to) { return to.flush(), to; }

inline ostream cout(stdout), cerr(stderr);

class ostringstream : public ostream {
    string kept;

  public:
    FPGAPRUNE_APART ostringstream() : ostream(nullptr) { text = &kept; }
    ostringstream(const ostringstream &) = delete;
    FPGAPRUNE_APART ~ostringstream() {}
    const string &str() const { return kept; }
};

// A source of characters: a file, or a text.
class istream {
  protected:
    FILE *file = nullptr;
    string text;
    size_t place = 0;
    bool failed = false;

  public:
    int get() { return file ? getc(file) : place < text.size() ? (unsigned char)text[place++] : EOF; }
    void unget(int one) {
        if (one == EOF)
            return;
        if (file)
            ungetc(one, file);
        else
            place--;
    }
    void fail_now() { failed = true; }
    bool fail() const { return failed; }
    bool good() const { return !failed; }
    explicit operator bool() const { return !failed; }
    bool operator!() const { return failed; }
};
FPGAPRUNE_APART inline istream &operator>>(istream &from, string &word) {
    word.clear();
    int one = from.get();
    while (one == ' ' || (one >= '\t' && one <= '\r'))
        one = from.get();
    for (; one != EOF && one != ' ' && !(one >= '\t' && one <= '\r'); one = from.get())
        word.push_back(char(one));
    from.unget(one);
    if (word.empty())
        from.fail_now();
    return from;
}
FPGAPRUNE_APART inline istream &operator>>(istream &from, double &value) {
    string word;
    from >> word;
    char *end = nullptr;
    const double read = strtod(word.c_str(), &end);
    if (end == word.c_str())
        from.fail_now();
    else
        value = read;
    return from;
}
template <class T> typename enable_if<__is_integral(T) || __is_same(T, float), istream &>::type operator>>(istream &from,
                                                                                                           T &value) {
    double read = (double)value;
    from >> read;
    value = (T)read;
    return from;
}
template <class T> auto operator>>(istream &&from, T &value) -> decltype(from >> value) { return from >> value; }
FPGAPRUNE_APART inline istream &getline(istream &from, string &line, char end = '\n') {
    line.clear();
    int one = from.get();
    if (one == EOF)
        from.fail_now();
    for (; one != EOF && one != end; one = from.get())
        line.push_back(char(one));
    return from;
}

class istringstream : public istream {
  public:
    FPGAPRUNE_APART explicit istringstream(const string &given) { text = given; }
    FPGAPRUNE_APART ~istringstream() {}
};
typedef ostringstream stringstream;

class ifstream : public istream {
  public:
    FPGAPRUNE_APART explicit ifstream(const char *name, int = ios::in) {
        file = fopen(name, "rb");
        failed = !file;
    }
    FPGAPRUNE_APART explicit ifstream(const string &name, int mode = ios::in) : ifstream(name.c_str(), mode) {}
    ifstream(const ifstream &) = delete;
    FPGAPRUNE_APART ~ifstream() { close(); }
    bool is_open() const { return file; }
    void close() {
        if (file)
            fclose(file);
        file = nullptr;
    }
};

class ofstream : public ostream {
  public:
    ofstream() : ostream(nullptr) {}
    FPGAPRUNE_APART explicit ofstream(const string &name, int mode = ios::out) : ostream(nullptr) { open(name, mode); }
    ofstream(const ofstream &) = delete;
    FPGAPRUNE_APART ~ofstream() { close(); }
    void open(const string &name, int mode = ios::out) {
        close();
        file = fopen(name.c_str(), mode & ios::app ? "ab" : "wb");
    }
    bool is_open() const { return file; }
    void close() {
        if (file)
            fclose(file);
        file = nullptr;
    }
};
typedef ofstream fstream;

} // namespace std
