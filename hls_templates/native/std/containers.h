// Texts, vectors and maps for builds without the compiler's C++ library: what firmware and its bridge use of them.
#pragma once
#include "basics.h"

// Not inlined: texts are handled once, when weights are read, and their code would be most of what is compiled.
#define FPGAPRUNE_APART [[gnu::noinline]]

void *operator new(size_t bytes);
void *operator new[](size_t bytes);
inline void *operator new(size_t, void *place) noexcept { return place; }

namespace std {

template <class T> class vector {
    T *kept = nullptr;
    size_t count = 0, room = 0;

  public:
    typedef T value_type;
    typedef T *iterator;
    typedef const T *const_iterator;

    vector() {}
    explicit vector(size_t size, const T &value = T()) { resize(size, value); }
    vector(const T *from, const T *end) {
        for (; from != end; ++from)
            push_back(*from);
    }
    vector(const vector &other) : vector(other.begin(), other.end()) {}
    vector(vector &&other) { swap(other); }
    vector &operator=(vector other) { return swap(other), *this; }
    ~vector() {
        clear();
        free(kept);
    }
    void swap(vector &other) {
        std::swap(kept, other.kept);
        std::swap(count, other.count);
        std::swap(room, other.room);
    }
    FPGAPRUNE_APART void reserve(size_t size) {
        if (size <= room)
            return;
        T *place = (T *)malloc(size * sizeof(T));
        if (!place)
            abort();
        for (size_t i = 0; i < count; i++) {
            new (place + i) T(std::move(kept[i]));
            kept[i].~T();
        }
        free(kept);
        kept = place;
        room = size;
    }
    FPGAPRUNE_APART void resize(size_t size, const T &value = T()) {
        reserve(size);
        while (count > size)
            pop_back();
        while (count < size)
            new (kept + count++) T(value);
    }
    void push_back(const T &value) {
        if (count == room) {
            T copy = value; // it may be one of those that move
            reserve(room ? 2 * room : 8);
            new (kept + count++) T(std::move(copy));
        } else
            new (kept + count++) T(value);
    }
    template <class... A> void emplace_back(A &&...arguments) { push_back(T(std::forward<A>(arguments)...)); }
    void pop_back() { kept[--count].~T(); }
    void clear() {
        while (count)
            pop_back();
    }
    void erase(T *at) {
        for (; at + 1 != end(); ++at)
            *at = std::move(at[1]);
        pop_back();
    }
    void erase(T *from, T *to) {
        const size_t gone = to - from;
        for (; to != end(); ++from, ++to)
            *from = std::move(*to);
        for (size_t i = 0; i < gone; i++)
            pop_back();
    }
    T &operator[](size_t i) { return kept[i]; }
    const T &operator[](size_t i) const { return kept[i]; }
    T &at(size_t i) { return i < count ? kept[i] : (abort(), kept[0]); }
    T &front() { return kept[0]; }
    T &back() { return kept[count - 1]; }
    T *data() { return kept; }
    const T *data() const { return kept; }
    size_t size() const { return count; }
    bool empty() const { return count == 0; }
    T *begin() { return kept; }
    T *end() { return kept + count; }
    const T *begin() const { return kept; }
    const T *end() const { return kept + count; }
    const T *cbegin() const { return kept; }
    const T *cend() const { return kept + count; }
};

template <class T, size_t N> struct array {
    T kept[N ? N : 1];

    typedef T value_type;
    constexpr T &operator[](size_t i) { return kept[i]; }
    constexpr const T &operator[](size_t i) const { return kept[i]; }
    constexpr size_t size() const { return N; }
    T *data() { return kept; }
    T *begin() { return kept; }
    T *end() { return kept + N; }
    const T *begin() const { return kept; }
    const T *end() const { return kept + N; }
};

class string {
    vector<char> kept; // with the zero at its end

  public:
    static constexpr size_t npos = size_t(-1);

    FPGAPRUNE_APART string() : kept(1, '\0') {}
    FPGAPRUNE_APART string(const string &other) : kept(other.kept) {}
    FPGAPRUNE_APART string(string &&other) : string() { kept.swap(other.kept); }
    FPGAPRUNE_APART string(const char *text) : kept(text, text + strlen(text) + 1) {}
    FPGAPRUNE_APART string(const char *text, size_t size) : kept(text, text + size) { kept.push_back('\0'); }
    FPGAPRUNE_APART ~string() {}
    string &operator=(string other) { return kept.swap(other.kept), *this; }
    const char *c_str() const { return kept.data(); }
    const char *data() const { return kept.data(); }
    size_t size() const { return kept.size() - 1; }
    size_t length() const { return size(); }
    bool empty() const { return size() == 0; }
    void clear() { *this = string(); }
    FPGAPRUNE_APART void push_back(char one) {
        kept.back() = one;
        kept.push_back('\0');
    }
    string &operator+=(char one) { return push_back(one), *this; }
    FPGAPRUNE_APART string &operator+=(const string &other) {
        for (char one : other)
            push_back(one);
        return *this;
    }
    FPGAPRUNE_APART void erase(char *at) { kept.erase(at); }
    FPGAPRUNE_APART void erase(char *from, char *to) { kept.erase(from, to); }
    string substr(size_t from, size_t size = npos) const {
        const size_t most = this->size() - from;
        return string(c_str() + from, size < most ? size : most);
    }
    size_t find(const string &text, size_t from = 0) const {
        const char *found = from <= size() ? strstr(c_str() + from, text.c_str()) : nullptr;
        return found ? size_t(found - c_str()) : npos;
    }
    char &operator[](size_t i) { return kept[i]; }
    char operator[](size_t i) const { return kept[i]; }
    char &back() { return kept[size() - 1]; }
    char *begin() { return kept.begin(); }
    char *end() { return kept.end() - 1; }
    const char *begin() const { return kept.begin(); }
    const char *end() const { return kept.end() - 1; }
};
FPGAPRUNE_APART inline string operator+(string a, const string &b) { return a += b; }
inline bool operator==(const string &a, const string &b) { return strcmp(a.c_str(), b.c_str()) == 0; }
inline bool operator!=(const string &a, const string &b) { return !(a == b); }
inline bool operator<(const string &a, const string &b) { return strcmp(a.c_str(), b.c_str()) < 0; }

// In the order of keys; found one by one, as there are as many as a network has layers.
template <class K, class V> class map {
    vector<pair<K, V>> kept;

  public:
    typedef pair<K, V> value_type;
    typedef value_type *iterator;
    typedef const value_type *const_iterator;

    iterator begin() { return kept.begin(); }
    iterator end() { return kept.end(); }
    size_t size() const { return kept.size(); }
    bool empty() const { return kept.empty(); }
    void clear() { kept.clear(); }
    iterator find(const K &key) {
        for (iterator at = begin(); at != end(); ++at)
            if (!(at->first < key) && !(key < at->first))
                return at;
        return end();
    }
    size_t count(const K &key) { return find(key) != end(); }
    void insert(const value_type &entry) {
        if (count(entry.first))
            return;
        kept.push_back(entry);
        for (size_t i = kept.size() - 1; i > 0 && kept[i].first < kept[i - 1].first; i--)
            swap(kept[i], kept[i - 1]);
    }
    V &operator[](const K &key) {
        insert(value_type(key, V()));
        return find(key)->second;
    }
};

} // namespace std
