/* SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * ckafka.hpp - libckafka for C++: handles that close themselves, records in range-for, nothing between a loop and the
 * memory that ckafka.h hands out. Header only, C++17; from C++20 on the ranges are ranges and span is std::span. What
 * a call does, costs and guarantees is in ckafka.h, under the same name; this file adds:
 *
 * Errors. A call that fails throws ckafka::error, which has the code and the text. What a program meets every day is
 * a result and no error: a fetch that timed out is an empty view, a wait that timed out is false, a socket that takes
 * no more is part of what send returns. Exceptions are thrown by inline functions of this file only: none passes
 * through a frame of the library.
 *
 * Handles (directory, log, reader, sender, batch) move and do not copy. One that was moved from or closed may be
 * assigned to, closed again or destroyed; any other call throws CKAFKA_ERR__BAD_HANDLE. They may go in any order: a
 * directory is closed with the last of what was opened in it. A destructor swallows what close() would throw.
 *
 * Views copy by counting. A record, its bytes and its headers borrow from a view: they end with its last copy.
 *
 * Null and empty are different: bytes{} and bytes{nullptr} are Kafka's null, "" and an empty container are empty.
 */

#ifndef CKAFKA_HPP
#define CKAFKA_HPP

#include <ckafka.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus >= 202002L && __has_include(<span>)
#include <ranges>
#include <span>
#define CKAFKA_STD_SPAN 1
#endif

namespace ckafka {

/** A call that failed. what() is the library's message: which call, what, where, what was expected and found. */
class error : public std::runtime_error {
public:
    error(ckafka_err_t code, const std::string &text) : std::runtime_error(text), code_(code) {}

    /** One of CKAFKA_ERR_*. */
    ckafka_err_t code() const noexcept { return code_; }

    /** The code's symbol and meaning. Static. */
    const char *meaning() const noexcept { return ckafka_strerror(code_); }

private:
    ckafka_err_t code_;
};

/** A signal or a wake-up ended a wait. Nothing is lost: look at what the signal wants, and call again. */
class interrupted : public error {
public:
    using error::error;
};

/**
 * append_durable ended before the disk had the records. They ARE appended: go on with wait_durable(base()), never
 * append them again. code() says whether the time was over or a signal came.
 */
class not_durable : public error {
public:
    not_durable(ckafka_err_t code, const std::string &text, std::int64_t base) : error(code, text), base_(base) {}

    /** The offset of the first record. */
    std::int64_t base() const noexcept { return base_; }

private:
    std::int64_t base_;
};

/** Milliseconds since the epoch, as records carry them. */
using timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/** Wait without an end. */
inline constexpr std::chrono::milliseconds forever{-1};

/** Where a reader or sender starts, in place of an offset. */
inline constexpr std::int64_t earliest = CKAFKA_START_EARLIEST, latest = CKAFKA_START_LATEST,
                              durable_end = CKAFKA_START_DURABLE_END;

namespace detail {

[[noreturn]] inline void fail(ckafka_err_t code)
{
    const char *said = ckafka_errmsg();
    const std::string text = *said != '\0' ? said : ckafka_strerror(code);
    if (code == CKAFKA_ERR__INTERRUPTED)
        throw interrupted(code, text);
    throw error(code, text);
}

inline void check(ckafka_err_t code)
{
    if (code != CKAFKA_OK)
        fail(code);
}

/** Text for C, which ends at the first zero: one inside is refused, for it would cut the name short. */
inline const char *c_text(const std::string &text)
{
    if (text.find('\0') != std::string::npos)
        throw error(CKAFKA_ERR__INVALID_ARG, std::string("a zero byte behind \"").append(text.c_str()).append("\""));
    return text.c_str();
}

/** Below 0 and beyond what C can say is for ever. */
inline std::int32_t c_timeout(std::chrono::milliseconds timeout)
{
    const auto count = timeout.count();
    return count < 0 || count > std::numeric_limits<std::int32_t>::max() ? -1 : static_cast<std::int32_t>(count);
}

/** A time for C, where -1 is the time of the append: the millisecond before the epoch is refused as all before it. */
inline std::int64_t c_time(std::optional<timestamp> time) noexcept
{
    if (!time)
        return -1;
    const std::int64_t ms = time->time_since_epoch().count();
    return ms == -1 ? -2 : ms;
}

inline std::string take_text(char *owned)
{
    const std::unique_ptr<char, void (*)(void *)> text(owned, ckafka_free);
    return std::string(text.get());
}

/** Owns one handle; `Close` is its function of the C interface. */
template <class T, auto Close> class owner {
public:
    owner() = default;
    explicit owner(T *handle) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    owner &operator=(owner &&other) noexcept
    {
        owner moved(std::move(other));
        std::swap(handle_, moved.handle_);
        return *this;
    }
    ~owner()
    {
        if (handle_ != nullptr)
            static_cast<void>(Close(handle_));
    }

    T *get() const noexcept { return handle_; }

    /** Closes, and throws what went wrong. The handle is kept where it is still in use, and only there. */
    void close()
    {
        if (handle_ == nullptr)
            return;
        const ckafka_err_t code = Close(handle_);
        if (code != CKAFKA_ERR__BUSY)
            handle_ = nullptr;
        check(code);
    }

private:
    T *handle_ = nullptr;
};

using directory_owner = owner<ckafka_t, ckafka_close>;

/** Owns a handle and a share of its directory, which goes after it: a directory with open handles does not close. */
template <class T, auto Close> class child {
public:
    child() = default;
    child(std::shared_ptr<directory_owner> directory, T *handle) noexcept
        : directory_(std::move(directory)), owner_(handle)
    {
    }
    child(child &&) noexcept = default;
    child &operator=(child &&other) noexcept
    {
        owner_ = std::move(other.owner_);
        directory_ = std::move(other.directory_);
        return *this;
    }

    T *get() const noexcept { return owner_.get(); }
    const std::shared_ptr<directory_owner> &directory() const noexcept { return directory_; }
    void close()
    {
        owner_.close();
        directory_.reset();
    }

private:
    std::shared_ptr<directory_owner> directory_;
    owner<T, Close> owner_;
};

inline ckafka_err_t batch_close(ckafka_batch_t *batch)
{
    ckafka_batch_free(batch);
    return CKAFKA_OK;
}

/** The first whole millisecond that is not before a time. */
template <class Duration>
timestamp not_before(std::chrono::time_point<std::chrono::system_clock, Duration> time)
{
    return std::chrono::ceil<std::chrono::milliseconds>(time);
}

/** What operator-> of an iterator gives that makes its values as it goes. */
template <class T> struct arrow {
    T value;
    const T *operator->() const noexcept { return &value; }
};

/** The types of such an iterator. Before C++20 it is an input iterator, for it refers to nothing that stays. */
template <class T, class Concept> struct made_values {
    using iterator_concept = Concept;
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using reference = T;
    using pointer = arrow<T>;
    using difference_type = std::ptrdiff_t;
};

} // namespace detail

/* Programs may be put together from parts of different standards: what holds a span has a name for each kind. */
#ifdef CKAFKA_STD_SPAN
inline namespace std_span {
template <class T> using span = std::span<T>;
#else
inline namespace own_span {

/** The part of C++20's std::span that is needed here. */
template <class T> class span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using iterator = T *;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class C, class P = decltype(std::data(std::declval<C &>())), class = decltype(std::size(std::declval<C &>())),
              class = std::enable_if_t<std::is_convertible_v<std::remove_pointer_t<P> (*)[], T (*)[]>>>
    constexpr span(C &&from) noexcept : data_(std::data(from)), size_(std::size(from))
    {
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/** Bytes that somebody else owns, or Kafka's null. As parameter and as result, so that null stays null on its way. */
class bytes {
public:
    constexpr bytes() noexcept = default;
    constexpr bytes(std::nullptr_t) noexcept {}
    constexpr bytes(std::nullopt_t) noexcept {}
    constexpr bytes(std::string_view text) noexcept
        : data_(text.data() != nullptr ? text.data() : ""), size_(text.size())
    {
    }
    /** Up to the closing zero; a null pointer is null. */
    constexpr bytes(const char *text) noexcept
        : data_(text), size_(text != nullptr ? std::char_traits<char>::length(text) : 0)
    {
    }
    constexpr bytes(const void *data, std::size_t size) noexcept : data_(data), size_(data != nullptr ? size : 0) {}
    /** std::string, std::vector, std::array, span... of a type of one byte. */
    template <class C, class P = decltype(std::data(std::declval<const C &>())),
              class E = std::remove_cv_t<std::remove_pointer_t<P>>,
              class = std::enable_if_t<sizeof(E) == 1 && std::is_trivially_copyable_v<E> &&
                                       !std::is_convertible_v<const C &, const char *> &&
                                       !std::is_convertible_v<const C &, std::string_view>>>
    constexpr bytes(const C &from) noexcept
        : data_(std::data(from) != nullptr ? static_cast<const void *>(std::data(from)) : ""), size_(std::size(from))
    {
    }
    bytes(const std::string &text) noexcept : bytes(std::string_view(text)) {}
    template <class T> constexpr bytes(const std::optional<T> &maybe) noexcept : bytes(maybe ? bytes(*maybe) : bytes()) {}

    constexpr bool is_null() const noexcept { return data_ == nullptr; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr std::size_t size() const noexcept { return size_; }
    const char *data() const noexcept { return static_cast<const char *>(data_); }
    const char *begin() const noexcept { return data(); }
    const char *end() const noexcept { return data() + size_; }

    /** Null is the empty text. */
    std::string_view text() const noexcept { return std::string_view(data(), size_); }
    operator std::string_view() const noexcept { return text(); }
    ckafka::span<const std::byte> span() const noexcept { return {static_cast<const std::byte *>(data_), size_}; }
    constexpr operator ckafka_slice_t() const noexcept { return {data_, size_}; }

    friend bool operator==(bytes a, bytes b) noexcept { return a.is_null() == b.is_null() && a.text() == b.text(); }
    friend bool operator!=(bytes a, bytes b) noexcept { return !(a == b); }
    /* Templates, for what is to be converted is a matter of the two above. */
    template <class T> using if_text = std::enable_if_t<std::is_same_v<T, std::string_view>, bool>;
    template <class T> friend if_text<T> operator==(bytes a, T b) noexcept { return a == bytes(b); }
    template <class T> friend if_text<T> operator!=(bytes a, T b) noexcept { return a != bytes(b); }
    template <class T> friend if_text<T> operator==(T a, bytes b) noexcept { return bytes(a) == b; }
    template <class T> friend if_text<T> operator!=(T a, bytes b) noexcept { return bytes(a) != b; }
    template <class Traits>
    friend std::basic_ostream<char, Traits> &operator<<(std::basic_ostream<char, Traits> &out, bytes b)
    {
        return out << b.text();
    }

private:
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/** Values by key, for a directory, a topic or a reader; each call takes those that concern it. */
class config {
public:
    /** Every key at its default. */
    config() = default;
    config(std::initializer_list<std::pair<std::string, std::string>> values)
    {
        for (const auto &[key, value] : values)
            set(key, value);
    }
    config(const config &other) : conf_(copy(other.conf_.get())) {}
    config(config &&) noexcept = default;
    config &operator=(const config &other) { return *this = config(other); }
    config &operator=(config &&) noexcept = default;

    config &set(const std::string &key, const std::string &value)
    {
        detail::check(ckafka_conf_set(made(), detail::c_text(key), detail::c_text(value)));
        return *this;
    }

    /** The value, or the default. */
    std::string get(const std::string &key)
    {
        std::size_t size = 0;
        ckafka_err_t code = ckafka_conf_get(made(), detail::c_text(key), nullptr, &size);
        std::string value(size, '\0');
        if (code == CKAFKA_ERR__TRUNCATED)
            code = ckafka_conf_get(made(), key.c_str(), value.data(), &size);
        detail::check(code);
        value.resize(size - 1);
        return value;
    }

    /** NULL where nothing was set. */
    const ckafka_conf_t *c_ptr() const noexcept { return conf_.get(); }

private:
    struct freed {
        void operator()(ckafka_conf_t *conf) const noexcept { ckafka_conf_free(conf); }
    };

    static ckafka_conf_t *held(ckafka_conf_t *conf)
    {
        if (conf == nullptr)
            throw error(CKAFKA_ERR__NO_MEMORY, ckafka_strerror(CKAFKA_ERR__NO_MEMORY));
        return conf;
    }
    static ckafka_conf_t *copy(const ckafka_conf_t *conf)
    {
        return conf != nullptr ? held(ckafka_conf_dup(conf)) : nullptr;
    }
    ckafka_conf_t *made()
    {
        if (!conf_)
            conf_.reset(held(ckafka_conf_new()));
        return conf_.get();
    }

    std::unique_ptr<ckafka_conf_t, freed> conf_;
};

/** One header of a record. */
struct header {
    std::string_view name;
    bytes value;
};

/** The headers of a record that was read, in their order: a forward range. Throws where they do not parse. */
class header_range {
public:
    class iterator : public detail::made_values<header, std::forward_iterator_tag> {
    public:
        iterator() = default;
        explicit iterator(bytes fields) : fields_(fields) { next(); }

        header operator*() const noexcept { return now_; }
        pointer operator->() const noexcept { return {now_}; }
        iterator &operator++()
        {
            next();
            return *this;
        }
        iterator operator++(int)
        {
            iterator before = *this;
            next();
            return before;
        }
        friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.place() == b.place(); }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

    private:
        void next()
        {
            ckafka_slice_t name{}, value{};
            detail::check(ckafka_header_next(fields_.data(), fields_.size(), &cursor_, &name, &value));
            now_ = {name.data != nullptr ? std::string_view(static_cast<const char *>(name.data), name.len) : std::string_view(),
                    bytes(value.data, value.len)};
        }
        /** The end is where there is no name. */
        const char *place() const noexcept { return now_.name.data(); }

        bytes fields_;
        std::size_t cursor_ = 0;
        header now_;
    };

    header_range() = default;
    explicit header_range(bytes fields) noexcept : fields_(fields) {}

    iterator begin() const { return fields_.empty() ? iterator() : iterator(fields_); }
    iterator end() const noexcept { return iterator(); }
    bool empty() const noexcept { return fields_.empty(); }
    /** As they are stored, and as make_record takes them. */
    bytes fields() const noexcept { return fields_; }

private:
    bytes fields_;
};

/** Headers for records to append; keep it until the append has returned. */
class headers {
public:
    headers() = default;
    headers(std::initializer_list<std::pair<std::string, bytes>> all)
    {
        for (const auto &[name, value] : all)
            add(name, value);
    }

    headers &add(const std::string &name, bytes value)
    {
        const char *c_name = detail::c_text(name);
        std::size_t size = fields_.size();
        const std::size_t before = size;
        ckafka_err_t code = ckafka_headers_append(fields_.data(), before, c_name, value.data(), value.size(), &size);
        if (code == CKAFKA_ERR__TRUNCATED) {
            fields_.resize(size);
            size = before;
            code = ckafka_headers_append(fields_.data(), fields_.size(), c_name, value.data(), value.size(), &size);
            fields_.resize(code == CKAFKA_OK ? size : before);
        }
        detail::check(code);
        return *this;
    }

    void clear() noexcept { fields_.clear(); }
    operator bytes() const noexcept { return fields_.empty() ? bytes() : bytes(fields_.data(), fields_.size()); }

private:
    std::vector<unsigned char> fields_;
};

/** A record to append; its bytes are borrowed until the append returns. Without a time it gets that of the append. */
inline ckafka_record_t make_record(bytes value, bytes key = {}, bytes header_fields = {},
                                   std::optional<timestamp> time = std::nullopt) noexcept
{
    return {key, value, header_fields, detail::c_time(time)};
}

/** Bytes at a position that a table of a view gives; a length of -1 is null. */
inline bytes bytes_at(const char *base, std::uint64_t position, std::int32_t length) noexcept
{
    return length < 0 ? bytes() : bytes(base + position, static_cast<std::size_t>(length));
}

/** One record that was read; borrows from its view. */
class record {
public:
    record() = default;
    record(const char *base, const ckafka_rec_t *row) noexcept : base_(base), row_(row) {}

    std::int64_t offset() const noexcept { return row_->offset; }
    std::int64_t timestamp_ms() const noexcept { return row_->ts; }
    timestamp time() const noexcept { return timestamp(std::chrono::milliseconds(row_->ts)); }
    bytes key() const noexcept { return bytes_at(base_, row_->key_pos, row_->key_len); }
    bytes value() const noexcept { return bytes_at(base_, row_->val_pos, row_->val_len); }
    header_range headers() const noexcept { return header_range(bytes_at(base_, row_->hdr_pos, row_->hdr_len)); }
    /** CKAFKA_REC_* bits. */
    std::uint32_t flags() const noexcept { return row_->flags; }
    const ckafka_rec_t &row() const noexcept { return *row_; }

    /** The same again, to append elsewhere. */
    operator ckafka_record_t() const noexcept { return {key(), value(), headers().fields(), row_->ts}; }

private:
    const char *base_ = nullptr;
    const ckafka_rec_t *row_ = nullptr;
};

/** Records in memory: a random access range. Borrows from a view. */
class record_range {
public:
    class iterator : public detail::made_values<record, std::random_access_iterator_tag> {
    public:
        iterator() = default;
        iterator(const char *base, const ckafka_rec_t *row) noexcept : base_(base), row_(row) {}

        record operator*() const noexcept { return {base_, row_}; }
        pointer operator->() const noexcept { return {**this}; }
        record operator[](difference_type n) const noexcept { return {base_, row_ + n}; }
        iterator &operator++() noexcept { return *this += 1; }
        iterator &operator--() noexcept { return *this -= 1; }
        iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
        iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
        iterator &operator+=(difference_type n) noexcept
        {
            row_ += n;
            return *this;
        }
        iterator &operator-=(difference_type n) noexcept { return *this += -n; }
        friend iterator operator+(iterator at, difference_type n) noexcept { return at += n; }
        friend iterator operator+(difference_type n, iterator at) noexcept { return at += n; }
        friend iterator operator-(iterator at, difference_type n) noexcept { return at -= n; }
        friend difference_type operator-(iterator a, iterator b) noexcept { return a.row_ - b.row_; }
        friend bool operator==(iterator a, iterator b) noexcept { return a.row_ == b.row_; }
        friend bool operator!=(iterator a, iterator b) noexcept { return a.row_ != b.row_; }
        friend bool operator<(iterator a, iterator b) noexcept { return a.row_ < b.row_; }
        friend bool operator>(iterator a, iterator b) noexcept { return a.row_ > b.row_; }
        friend bool operator<=(iterator a, iterator b) noexcept { return a.row_ <= b.row_; }
        friend bool operator>=(iterator a, iterator b) noexcept { return a.row_ >= b.row_; }

    private:
        const char *base_ = nullptr;
        const ckafka_rec_t *row_ = nullptr;
    };

    record_range() = default;
    record_range(const char *base, const ckafka_rec_t *rows, std::size_t size) noexcept
        : base_(base), rows_(rows), size_(size)
    {
    }

    iterator begin() const noexcept { return {base_, rows_}; }
    iterator end() const noexcept { return {base_, rows_ + size_}; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    record operator[](std::size_t index) const noexcept { return {base_, rows_ + index}; }
    record front() const noexcept { return (*this)[0]; }
    record back() const noexcept { return (*this)[size_ - 1]; }
    span<const ckafka_rec_t> rows() const noexcept { return {rows_, size_}; }

private:
    const char *base_ = nullptr;
    const ckafka_rec_t *rows_ = nullptr;
    std::size_t size_ = 0;
};

/** The records of a view by columns; borrows from it. Positions count from `base`; a length of -1 is null. */
struct columns {
    bytes base;
    span<const std::int64_t> offsets, timestamps;
    span<const std::uint64_t> key_pos, val_pos, hdr_pos;
    span<const std::int32_t> key_len, val_len, hdr_len;

    std::size_t size() const noexcept { return offsets.size(); }
    bytes key(std::size_t index) const noexcept { return bytes_at(base.data(), key_pos[index], key_len[index]); }
    bytes value(std::size_t index) const noexcept { return bytes_at(base.data(), val_pos[index], val_len[index]); }
};

struct decoded;

/** Records that were read, pinned in memory; counted copies, for any thread. One that holds none is false, and empty. */
class view {
public:
    view() = default;
    /** Takes over what came from ckafka.h. */
    explicit view(ckafka_view_t *owned) noexcept : view_(owned) {}
    view(const view &other) : view_(other.view_)
    {
        if (view_ != nullptr)
            detail::check(ckafka_view_retain(view_));
    }
    view(view &&other) noexcept : view_(std::exchange(other.view_, nullptr)) {}
    view &operator=(view other) noexcept
    {
        std::swap(view_, other.view_);
        return *this;
    }
    ~view() { ckafka_view_release(view_); }

    /** Whether there is something in it: of a fetch, that it did not time out. */
    explicit operator bool() const noexcept { return view_ != nullptr; }

    record_range records() const &
    {
        if (view_ == nullptr)
            return {};
        const ckafka_rec_t *rows = nullptr;
        std::size_t count = 0;
        detail::check(ckafka_view_records(view_, &rows, &count));
        return {base().data(), rows, count};
    }
    record_range records() const && = delete; /* it would outlive the view */

    record_range::iterator begin() const { return records().begin(); }
    record_range::iterator end() const { return records().end(); }
    std::size_t size() const { return records().size(); }
    bool empty() const { return size() == 0; }

    ckafka::columns columns() const &
    {
        if (view_ == nullptr)
            return {};
        ckafka_columns_t c{};
        c.struct_size = sizeof c;
        detail::check(ckafka_view_columns(view_, &c));
        const std::size_t n = c.count;
        return {base(), {c.offsets, n}, {c.timestamps, n}, {c.key_pos, n}, {c.val_pos, n},
                {c.hdr_pos, n}, {c.key_len, n}, {c.val_len, n}, {c.hdr_len, n}};
    }
    ckafka::columns columns() const && = delete; /* they would outlive the view */

    /** The memory that all positions count from. */
    bytes base() const
    {
        const void *data = nullptr;
        std::size_t size = 0;
        if (view_ != nullptr)
            detail::check(ckafka_view_base(view_, &data, &size));
        return {data, size};
    }

    /** The batches as they lie on disk. */
    bytes raw() const
    {
        const void *data = nullptr;
        std::size_t size = 0;
        if (view_ != nullptr)
            detail::check(ckafka_view_raw(view_, &data, &size));
        return {data, size};
    }

    ckafka_view_t *c_ptr() const noexcept { return view_; }

private:
    ckafka_view_t *view_ = nullptr;
};

/** A view made of bytes that arrived, and how many of them it took; 0 where they hold no whole batch yet. */
struct decoded {
    ckafka::view view;
    std::size_t consumed;
};

/** Makes a view of batches that arrived from elsewhere; `max_out` limits its memory, whatever they claim. */
inline decoded decode(bytes arrived, std::size_t max_out)
{
    ckafka_view_t *out = nullptr;
    std::size_t consumed = 0;
    detail::check(ckafka_view_decode(arrived.data(), arrived.size(), max_out, &out, &consumed));
    return {view(out), consumed};
}

/** Three offsets of a partition: the first, one past the last published, one past the last that is on disk. */
struct watermarks {
    std::int64_t low, end, durable;
};

enum class open_mode : std::uint32_t { existing = 0, read_only = CKAFKA_OPEN_RDONLY, create = CKAFKA_OPEN_CREATE };

/** An open data directory. Any thread. */
class directory {
public:
    directory() = default;
    explicit directory(const std::string &path, open_mode mode = open_mode::existing, const config &conf = {})
    {
        constexpr std::int32_t wanted = CKAFKA_VERSION_MAJOR * 1000 + CKAFKA_VERSION_MINOR;
        const std::int32_t found = ckafka_abi_version();
        const bool fits = found / 1000 == wanted / 1000 && (wanted < 1000 ? found == wanted : found >= wanted);
        if (!fits)
            throw error(CKAFKA_ERR__VERSION, std::string("built for libckafka " CKAFKA_VERSION_STRING ", running with ")
                                                 .append(ckafka_version_str()));
        /* Its owner first: once it is open, nothing may throw. */
        auto owner = std::make_shared<detail::directory_owner>();
        ckafka_t *handle = nullptr;
        detail::check(ckafka_open(detail::c_text(path), conf.c_ptr(), static_cast<std::uint32_t>(mode), &handle));
        *owner = detail::directory_owner(handle);
        shared_ = std::move(owner);
    }

    /** Makes all durable and closes. Throws CKAFKA_ERR__BUSY, and stays open, while something opened in it is. */
    void close()
    {
        if (shared_)
            shared_->close();
    }

    void sync() { detail::check(ckafka_sync(c_ptr())); }
    /** JSON, as the next two. */
    std::string recovery_report() const { return text(ckafka_recovery_report); }
    std::string stats() const { return text(ckafka_stats); }
    std::string topics() const { return text(ckafka_topic_list); }
    /** CKAFKA_CAP_* bits. */
    std::uint64_t caps() const
    {
        std::uint64_t bits = 0;
        detail::check(ckafka_caps(c_ptr(), &bits));
        return bits;
    }

    void create_topic(const std::string &name, std::int32_t partition_count = 1, const config &conf = {})
    {
        detail::check(ckafka_topic_create(c_ptr(), detail::c_text(name), partition_count, conf.c_ptr()));
    }
    /** Makes a topic unless it is there; whether it was made. One that is there stays as it is. */
    bool ensure_topic(const std::string &name, std::int32_t partition_count = 1, const config &conf = {})
    {
        const ckafka_err_t code = ckafka_topic_create(c_ptr(), detail::c_text(name), partition_count, conf.c_ptr());
        if (code != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
            detail::check(code);
        return code == CKAFKA_OK;
    }
    void delete_topic(const std::string &name) { detail::check(ckafka_topic_delete(c_ptr(), detail::c_text(name))); }

    ckafka::watermarks watermarks(const std::string &topic, std::int32_t partition = 0) const
    {
        ckafka::watermarks ends{};
        detail::check(ckafka_watermarks(c_ptr(), detail::c_text(topic), partition, &ends.low, &ends.end, &ends.durable));
        return ends;
    }

    /** CKAFKA_IO_* bits. */
    void start_io_threads(std::uint32_t roles) { detail::check(ckafka_io_threads_start(c_ptr(), roles)); }

    ckafka_t *c_ptr() const noexcept { return shared_ ? shared_->get() : nullptr; }

private:
    friend class log;

    std::string text(ckafka_err_t (*ask)(const ckafka_t *, char **)) const
    {
        char *json = nullptr;
        detail::check(ask(c_ptr(), &json));
        return detail::take_text(json);
    }

    std::shared_ptr<detail::directory_owner> shared_;
};

/** The log of a partition. Any thread. */
class log {
public:
    log() = default;
    log(const directory &dir, const std::string &topic, std::int32_t partition = 0)
    {
        ckafka_log_t *handle = nullptr;
        detail::check(ckafka_log_open(dir.c_ptr(), detail::c_text(topic), partition, &handle));
        owner_ = {dir.shared_, handle};
    }

    void close() { owner_.close(); }

    /** Appends records as one batch, all or none; the offset of the first. Published when it returns. */
    std::int64_t append(span<const ckafka_record_t> records)
    {
        std::int64_t base = -1;
        detail::check(ckafka_append(c_ptr(), records.data(), records.size(), &base));
        return base;
    }
    std::int64_t append(std::initializer_list<ckafka_record_t> records)
    {
        return append(span<const ckafka_record_t>(records.begin(), records.size()));
    }
    std::int64_t append(bytes value, bytes key = {}, bytes header_fields = {}, std::optional<timestamp> time = {})
    {
        return append({make_record(value, key, header_fields, time)});
    }

    /** The same, and on disk when it returns; else not_durable is thrown, and the records are appended all the same. */
    std::int64_t append_durable(span<const ckafka_record_t> records, std::chrono::milliseconds timeout = forever)
    {
        std::int64_t base = -1;
        const ckafka_err_t code =
            ckafka_append_durable(c_ptr(), records.data(), records.size(), detail::c_timeout(timeout), &base);
        if (code == CKAFKA_ERR__TIMED_OUT || code == CKAFKA_ERR__INTERRUPTED)
            throw not_durable(code, ckafka_errmsg(), base);
        detail::check(code);
        return base;
    }
    std::int64_t append_durable(std::initializer_list<ckafka_record_t> records,
                                std::chrono::milliseconds timeout = forever)
    {
        return append_durable(span<const ckafka_record_t>(records.begin(), records.size()), timeout);
    }
    std::int64_t append_durable(bytes value, bytes key = {}, bytes header_fields = {},
                                std::optional<timestamp> time = {})
    {
        return append_durable({make_record(value, key, header_fields, time)});
    }

    /** A ready batch of Kafka's format v2. */
    std::int64_t append_raw(bytes batch)
    {
        std::int64_t base = -1;
        detail::check(ckafka_append_raw(c_ptr(), batch.data(), batch.size(), &base));
        return base;
    }

    /** Values, and keys if there are any, one behind the other with their lengths; -1 is null. */
    std::int64_t append_packed(bytes values, span<const std::int32_t> value_lens, bytes keys = {},
                               span<const std::int32_t> key_lens = {}, std::optional<timestamp> time = {})
    {
        std::int64_t base = -1;
        require_bytes(values, value_lens, "values");
        require_bytes(keys, key_lens, "keys");
        if (!key_lens.empty() && key_lens.size() != value_lens.size())
            throw error(CKAFKA_ERR__INVALID_ARG, "append_packed: as many keys as values, or none");
        detail::check(ckafka_append_packed(c_ptr(), values.data(), value_lens.data(), keys.data(),
                                           key_lens.empty() ? nullptr : key_lens.data(), value_lens.size(),
                                           detail::c_time(time), &base));
        return base;
    }

    /** Whether the record at `offset` became durable before the time was over. */
    [[nodiscard]] bool wait_durable(std::int64_t offset, std::chrono::milliseconds timeout = forever)
    {
        const ckafka_err_t code = ckafka_wait_durable(c_ptr(), offset, detail::c_timeout(timeout));
        if (code != CKAFKA_ERR__TIMED_OUT)
            detail::check(code);
        return code == CKAFKA_OK;
    }
    /** Asks the flush thread for a sync, and does not wait. */
    void request_sync() { detail::check(ckafka_sync_request(c_ptr())); }
    /** Borrowed: polls readable when the durable end has moved since the last call; never read or close it. */
    int durable_fd()
    {
        int fd = -1;
        detail::check(ckafka_durable_fd(c_ptr(), &fd));
        return fd;
    }
    void pretouch() { detail::check(ckafka_pretouch(c_ptr())); }

    /** The first record of that time or later, exactly: its offset and its own time. Nothing where there is none. */
    template <class Duration>
    std::optional<std::pair<std::int64_t, timestamp>>
    offset_for_time(std::chrono::time_point<std::chrono::system_clock, Duration> time) const
    {
        const timestamp from = detail::not_before(time);
        std::int64_t offset = -1, found = -1;
        detail::check(ckafka_offset_for_time(c_ptr(), from.time_since_epoch().count(), &offset, &found));
        if (offset < 0)
            return std::nullopt;
        return std::pair(offset, timestamp(std::chrono::milliseconds(found)));
    }

    ckafka_log_t *c_ptr() const noexcept { return owner_.get(); }

private:
    friend class batch;
    friend class reader;
    friend class sender;

    /** C believes the lengths; here the size is known, and has to be what they say. */
    static void require_bytes(bytes given, span<const std::int32_t> lens, const char *what)
    {
        std::uint64_t wanted = 0;
        for (const std::int32_t len : lens)
            wanted += len > 0 ? static_cast<std::uint64_t>(len) : 0;
        if (wanted != given.size())
            throw error(CKAFKA_ERR__INVALID_ARG, std::string("append_packed: ")
                                                     .append(std::to_string(given.size()))
                                                     .append(" bytes of ")
                                                     .append(what)
                                                     .append(", but their lengths add up to ")
                                                     .append(std::to_string(wanted)));
    }

    detail::child<ckafka_log_t, ckafka_log_close> owner_;
};

/** A batch in the making: encodes, compresses and checksums before the log is asked for. One thread at a time. */
class batch {
public:
    batch() = default;
    /** `max_bytes` limits it before compression; 0 is the log's max.message.bytes. */
    explicit batch(const log &to, std::size_t max_bytes = 0)
    {
        ckafka_batch_t *made = nullptr;
        detail::check(ckafka_batch_new(to.c_ptr(), max_bytes, &made));
        owner_ = {to.owner_.directory(), made};
    }
    batch(batch &&other) noexcept : owner_(std::move(other.owner_)), count_(std::exchange(other.count_, 0)) {}
    batch &operator=(batch &&other) noexcept
    {
        owner_ = std::move(other.owner_);
        count_ = std::exchange(other.count_, 0);
        return *this;
    }

    /** Copies a record into it; false where it is full: append it, then add again. Too large for any batch: throws. */
    [[nodiscard]] bool add(const ckafka_record_t &record)
    {
        const ckafka_err_t code = ckafka_batch_add(owner_.get(), &record);
        if (code == CKAFKA_ERR_MESSAGE_TOO_LARGE && count_ > 0)
            return false;
        detail::check(code);
        count_++;
        return true;
    }
    [[nodiscard]] bool add(bytes value, bytes key = {}, bytes header_fields = {}, std::optional<timestamp> time = {})
    {
        return add(make_record(value, key, header_fields, time));
    }

    /** Appends what it holds, and empties it; the offset of the first record. Where it throws, it keeps them. */
    std::int64_t append()
    {
        std::int64_t base = -1;
        detail::check(ckafka_batch_append(owner_.get(), &base));
        count_ = 0;
        return base;
    }

    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    ckafka_batch_t *c_ptr() const noexcept { return owner_.get(); }

private:
    detail::child<ckafka_batch_t, detail::batch_close> owner_;
    std::size_t count_ = 0;
};

/** Where the records of a record_stream end. */
struct end_of_records {
    friend bool operator==(end_of_records, end_of_records) noexcept { return true; }
    friend bool operator!=(end_of_records, end_of_records) noexcept { return false; }
};

class record_stream;

/** A reading position in a log. One thread at a time, but for wakeup. */
class reader {
public:
    /** How much a fetch takes where it is not told. */
    static constexpr std::size_t fetch_bytes = std::size_t{1} << 20;

    reader() = default;
    explicit reader(const log &of, std::int64_t start = earliest, const config &conf = {})
    {
        ckafka_reader_t *handle = nullptr;
        detail::check(ckafka_reader_open(of.c_ptr(), start, conf.c_ptr(), &handle));
        owner_ = {of.owner_.directory(), handle};
    }

    void close() { owner_.close(); }

    /** The next records; waits for them at the end of the log. An empty view (false) where the time was over. */
    view fetch(std::chrono::milliseconds timeout = forever, std::size_t max_bytes = fetch_bytes)
    {
        ckafka_view_t *out = nullptr;
        const ckafka_err_t code = ckafka_reader_fetch(c_ptr(), max_bytes, detail::c_timeout(timeout), &out);
        if (code != CKAFKA_ERR__TIMED_OUT)
            detail::check(code);
        return view(out);
    }

    /** All records from here on, until none came for `timeout`: for (auto record : reader.records()). */
    record_stream records(std::chrono::milliseconds timeout = std::chrono::milliseconds(0),
                          std::size_t max_bytes = fetch_bytes) &;
    record_stream records(std::chrono::milliseconds timeout = std::chrono::milliseconds(0),
                          std::size_t max_bytes = fetch_bytes) && = delete; /* it would outlive the reader */

    /** To an offset, or to earliest, latest or durable_end. */
    void seek(std::int64_t offset) { detail::check(ckafka_reader_seek(c_ptr(), offset)); }
    /** To the first record of that time or later, exactly; to the end where there is none. */
    template <class Duration> void seek(std::chrono::time_point<std::chrono::system_clock, Duration> time)
    {
        detail::check(ckafka_reader_seek_time(c_ptr(), detail::not_before(time).time_since_epoch().count()));
    }
    std::int64_t position() const
    {
        std::int64_t offset = -1;
        detail::check(ckafka_reader_position(c_ptr(), &offset));
        return offset;
    }

    /** Borrowed: polls readable while there is something to fetch; never read or close it. */
    int fd()
    {
        int fd = -1;
        detail::check(ckafka_reader_fd(c_ptr(), &fd));
        return fd;
    }
    /** Ends a waiting fetch, which throws interrupted. From any thread and from a signal handler. */
    ckafka_err_t wakeup() const noexcept { return ckafka_wakeup(c_ptr()); }

    ckafka_reader_t *c_ptr() const noexcept { return owner_.get(); }

private:
    detail::child<ckafka_reader_t, ckafka_reader_close> owner_;
};

/** Records over fetches: an input range. Each record lives until the stream goes on to another view. */
class record_stream {
public:
    class iterator : public detail::made_values<record, std::input_iterator_tag> {
    public:
        iterator() = default;
        explicit iterator(record_stream *stream) : stream_(stream) { refill(); }

        record operator*() const noexcept { return *at_; }
        pointer operator->() const noexcept { return {*at_}; }
        iterator &operator++()
        {
            if (++at_ == end_)
                refill();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator &a, end_of_records) noexcept { return a.at_ == a.end_; }
        friend bool operator!=(const iterator &a, end_of_records) noexcept { return a.at_ != a.end_; }
        friend bool operator==(end_of_records, const iterator &a) noexcept { return a.at_ == a.end_; }
        friend bool operator!=(end_of_records, const iterator &a) noexcept { return a.at_ != a.end_; }

    private:
        void refill()
        {
            const record_range records = stream_->next();
            at_ = records.begin();
            end_ = records.end();
        }

        record_stream *stream_ = nullptr;
        record_range::iterator at_, end_;
    };

    record_stream(reader &from, std::chrono::milliseconds timeout, std::size_t max_bytes) noexcept
        : reader_(&from), timeout_(timeout), max_bytes_(max_bytes)
    {
    }

    iterator begin() { return iterator(this); }
    end_of_records end() const noexcept { return {}; }

private:
    /** A view may hold no record, where there were control batches only: the next one then. */
    record_range next()
    {
        do {
            view_ = view();
            view_ = reader_->fetch(timeout_, max_bytes_);
        } while (view_ && view_.empty());
        return view_.records();
    }

    reader *reader_;
    std::chrono::milliseconds timeout_;
    std::size_t max_bytes_;
    view view_;
};

inline record_stream reader::records(std::chrono::milliseconds timeout, std::size_t max_bytes) &
{
    return record_stream(*this, timeout, max_bytes);
}

/** What a send did: the bytes that went, and CKAFKA_OK, __AGAIN (poll for writing) or __INTERRUPTED (call again). */
struct sent {
    std::uint64_t bytes;
    ckafka_err_t code;
};

/** Where a sender is: the batch of the next byte, and how many bytes of it have gone. */
struct sender_position {
    std::int64_t offset;
    std::uint64_t bytes_into_batch;
};

/** A sending position in a log, counted in bytes. One thread at a time. */
class sender {
public:
    sender() = default;
    explicit sender(const log &of, std::int64_t start = earliest)
    {
        ckafka_sender_t *handle = nullptr;
        detail::check(ckafka_sender_open(of.c_ptr(), start, &handle));
        owner_ = {of.owner_.directory(), handle};
    }

    void close() { owner_.close(); }

    /** Sends whole batches to a socket, pipe or file, inside the kernel where it can. 0 bytes: the end of the log. */
    [[nodiscard]] sent send(int fd, std::uint64_t max_bytes = reader::fetch_bytes)
    {
        std::uint64_t gone = 0;
        const ckafka_err_t code = ckafka_send(c_ptr(), fd, max_bytes, 0, &gone);
        if (code != CKAFKA_ERR__AGAIN && code != CKAFKA_ERR__INTERRUPTED)
            detail::check(code);
        return {gone, code};
    }

    sender_position position() const
    {
        sender_position at{};
        detail::check(ckafka_sender_position(c_ptr(), &at.offset, &at.bytes_into_batch));
        return at;
    }

    ckafka_sender_t *c_ptr() const noexcept { return owner_.get(); }

private:
    detail::child<ckafka_sender_t, ckafka_sender_close> owner_;
};

/** The partition of a key, of `count`, as Kafka's Java client picks it. */
inline std::int32_t partition_for_key(bytes key, std::int32_t count)
{
    const std::int32_t partition = ckafka_partition_for_key(key.data(), key.size(), count);
    if (partition < 0)
        detail::fail(partition);
    return partition;
}

/** Binds the calling thread to one core. */
inline void pin_thread(std::int32_t cpu) { detail::check(ckafka_pin_thread(cpu)); }

} // inline namespace

} // namespace ckafka

#ifdef CKAFKA_STD_SPAN
/* Copies count, so a view may be given to adaptors by value; the other ranges borrow and own nothing. */
template <> inline constexpr bool std::ranges::enable_view<ckafka::view> = true;
template <> inline constexpr bool std::ranges::enable_view<ckafka::record_range> = true;
template <> inline constexpr bool std::ranges::enable_view<ckafka::header_range> = true;
template <> inline constexpr bool std::ranges::enable_borrowed_range<ckafka::record_range> = true;
template <> inline constexpr bool std::ranges::enable_borrowed_range<ckafka::header_range> = true;
#endif

#endif /* CKAFKA_HPP */
