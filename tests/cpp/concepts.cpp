/* What the types promise, said to the compiler: ranges, iterators, moves. From C++20 on by the concepts themselves. */
#include <ckafka.hpp>
#include <ckafka.hpp>

#include <array>
#include <type_traits>

template <class Handle> constexpr bool is_handle =
    std::is_default_constructible_v<Handle> && std::is_nothrow_move_constructible_v<Handle> &&
    std::is_nothrow_move_assignable_v<Handle> && std::is_nothrow_destructible_v<Handle>;

static_assert(is_handle<ckafka::directory> && is_handle<ckafka::log> && is_handle<ckafka::reader> &&
              is_handle<ckafka::sender> && is_handle<ckafka::batch> && is_handle<ckafka::view>);
static_assert(!std::is_copy_constructible_v<ckafka::log> && !std::is_copy_constructible_v<ckafka::reader> &&
              !std::is_copy_constructible_v<ckafka::sender> && !std::is_copy_constructible_v<ckafka::batch>);
static_assert(std::is_copy_constructible_v<ckafka::view> && std::is_copy_constructible_v<ckafka::config>);
static_assert(std::is_trivially_copyable_v<ckafka::record> && sizeof(ckafka::record) == 2 * sizeof(void *));
static_assert(std::is_trivially_copyable_v<ckafka::bytes>);

/* Bytes are made of whatever holds bytes, and of nothing else. */
static_assert(std::is_convertible_v<const char *, ckafka::bytes> && std::is_convertible_v<std::string, ckafka::bytes> &&
              std::is_convertible_v<std::string_view, ckafka::bytes> && std::is_convertible_v<std::nullptr_t, ckafka::bytes> &&
              std::is_convertible_v<std::vector<unsigned char>, ckafka::bytes> &&
              std::is_convertible_v<std::array<std::byte, 4>, ckafka::bytes> &&
              std::is_convertible_v<std::optional<std::string>, ckafka::bytes> &&
              std::is_convertible_v<ckafka::span<const std::byte>, ckafka::bytes>);
static_assert(!std::is_convertible_v<std::vector<int>, ckafka::bytes> && !std::is_convertible_v<int, ckafka::bytes>);
static_assert(std::is_convertible_v<std::vector<ckafka_record_t>, ckafka::span<const ckafka_record_t>>);
static_assert(!std::is_convertible_v<std::vector<int>, ckafka::span<const ckafka_record_t>>);

/* What would be left of a reader or a view that ends with its line is refused. */
template <class Of, class = void> constexpr bool gives_records = false;
template <class Of> constexpr bool gives_records<Of, std::void_t<decltype(std::declval<Of>().records())>> = true;
static_assert(gives_records<ckafka::reader &> && !gives_records<ckafka::reader>);
static_assert(gives_records<const ckafka::view &> && !gives_records<ckafka::view>);

/* A loop over records, without the rest of a program. */
std::size_t count(const ckafka::view &view);
std::size_t count(const ckafka::view &view)
{
    std::size_t sum = 0;
    for (const ckafka::record record : view)
        sum += record.value().size();
    return sum;
}

#if __cplusplus >= 202002L
#include <algorithm>
#include <ranges>

static_assert(std::ranges::random_access_range<ckafka::view> && std::ranges::sized_range<ckafka::view> &&
              std::ranges::common_range<ckafka::view> && std::ranges::view<ckafka::view>);
static_assert(std::ranges::random_access_range<ckafka::record_range> && std::ranges::borrowed_range<ckafka::record_range>);
static_assert(std::random_access_iterator<ckafka::record_range::iterator>);
static_assert(std::forward_iterator<ckafka::header_range::iterator> && std::ranges::forward_range<ckafka::header_range>);
static_assert(std::input_iterator<ckafka::record_stream::iterator> && std::ranges::input_range<ckafka::record_stream>);
static_assert(std::sentinel_for<ckafka::end_of_records, ckafka::record_stream::iterator>);
static_assert(std::is_same_v<ckafka::span<int>, std::span<int>>);

/* Algorithms take them. */
bool any_tombstone(const ckafka::view &view);
bool any_tombstone(const ckafka::view &view)
{
    return std::ranges::any_of(view, [](ckafka::record record) { return record.value().is_null(); });
}
#endif

int main()
{
    return 0;
}
