/* whole DIRECTORY: every part of ckafka.hpp, on a directory of its own: what goes in comes out, null as null. */
#include "check.hpp"

#include <array>
#include <numeric>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace std::chrono_literals;

static const ckafka::timestamp noon{std::chrono::milliseconds(1700000000000)};

/* Null and empty, text and bytes: what a record says is what was given. */
static void check_append(ckafka::log &log)
{
    const std::vector<unsigned char> raw = {0, 255, 128};
    ckafka::headers headers{{"trace", "abc"}, {"none", nullptr}};
    headers.add("empty", "").add(std::string(200, 'n'), raw);
    EQUALS(log.append("value", "key", headers, noon), 0);
    EQUALS(log.append({ckafka::make_record(nullptr, ""), ckafka::make_record("", nullptr), ckafka::make_record(raw)}), 1);
    const std::vector<ckafka_record_t> none;
    THROWS(log.append(none), CKAFKA_ERR__INVALID_ARG);
    THROWS(log.append("v", "k", {}, ckafka::timestamp(-5ms)), CKAFKA_ERR_INVALID_TIMESTAMP);
    THROWS(log.append("v", "k", "not header fields"), CKAFKA_ERR_CORRUPT_MESSAGE);

    ckafka::reader reader(log);
    const ckafka::view view = reader.fetch(0ms);
    HOLDS(bool(view) && view.size() == 1);
    const ckafka::record first = *view.begin();
    HOLDS(first.key() == "key" && first.value() == std::string("value") && first.value().text() == "value");
    HOLDS(first.time() == noon && first.offset() == 0 && first.flags() == 0);
    std::string seen;
    for (const auto [name, value] : first.headers())
        seen.append(name.substr(0, 5)).append(value.is_null() ? "~" : std::to_string(value.size())).append(" ");
    EQUALS(seen, "trace3 none~ empty0 nnnnn3 ");
    HOLDS(first.headers().begin()->value == "abc");

    const ckafka::view second = reader.fetch(0ms);
    EQUALS(second.size(), 3u);
    const ckafka::record_range records = second.records();
    HOLDS(records[0].value().is_null() && !records[0].key().is_null() && records[0].key().empty());
    HOLDS(!records[1].value().is_null() && records[1].value().empty() && records[1].key().is_null());
    HOLDS(records.back().value() == ckafka::bytes(raw) && records.back().value().span().size() == raw.size());
    HOLDS(records.front().headers().begin() == records.front().headers().end());
    HOLDS(ckafka::bytes() != "" && ckafka::bytes("") == "" && ckafka::bytes() == nullptr);
    HOLDS(!reader.fetch(0ms) && reader.fetch(5ms).empty());

    /* A record that was read goes in again as it was. */
    log.append({first, records[0]});
    const ckafka::view again = reader.fetch(0ms);
    HOLDS(again.records()[0].headers().fields() == first.headers().fields() && again.records()[1].value().is_null());
    HOLDS(again.records()[0].time() == noon);
}

static void check_durable(ckafka::directory &dir, ckafka::log &log)
{
    const std::int64_t base = log.append_durable("on disk", "k");
    HOLDS(dir.watermarks("all").durable > base);
    const std::int64_t next = log.append_durable({ckafka::make_record("a"), ckafka::make_record("b")}, 10s);
    HOLDS(log.wait_durable(next + 1) && log.wait_durable(next, 0ms));
    HOLDS(!log.wait_durable(next + 100, 1ms));

    struct pollfd poll_for = {log.durable_fd(), POLLIN, 0};
    EQUALS(poll(&poll_for, 1, 0), 0);
    try {
        static_cast<void>(log.append_durable({ckafka::make_record("late")}, 0ms));
    } catch (const ckafka::not_durable &late) {
        EQUALS(late.base(), next + 2);
        EQUALS(late.code(), CKAFKA_ERR__TIMED_OUT);
        HOLDS(log.wait_durable(late.base()));
    }
    HOLDS(log.wait_durable(next + 2));
    EQUALS(poll(&poll_for, 1, 5000), 1);
    THROWS(log.request_sync(), CKAFKA_ERR_INVALID_CONFIG);
    dir.start_io_threads(CKAFKA_IO_FLUSH);
    log.request_sync();
    log.pretouch();
    dir.sync();
}

static void check_packed_and_batches(ckafka::log &log)
{
    const std::vector<std::int32_t> lens = {1, -1, 2};
    const std::int64_t base = log.append_packed("abc", lens, "k", std::array<std::int32_t, 3>{1, -1, 0}, noon);
    THROWS(log.append_packed("ab", lens), CKAFKA_ERR__INVALID_ARG);
    THROWS(log.append_packed("abc", lens, "k", std::array<std::int32_t, 1>{1}), CKAFKA_ERR__INVALID_ARG);

    ckafka::batch batch(log, 400);
    int added = 0;
    while (batch.add(std::string(50, 'x'), "key"))
        added++;
    HOLDS(added > 1 && batch.size() == static_cast<std::size_t>(added));
    EQUALS(batch.append(), base + 3);
    HOLDS(batch.empty());
    THROWS(batch.append(), CKAFKA_ERR__INVALID_ARG);
    THROWS(static_cast<void>(batch.add(std::string(500, 'x'))), CKAFKA_ERR_MESSAGE_TOO_LARGE);

    ckafka::reader reader(log, base);
    const ckafka::view view = reader.fetch(0ms, 1);
    const ckafka::columns columns = view.columns();
    HOLDS(columns.size() == 3 && columns.offsets[0] == base && columns.timestamps[2] == noon.time_since_epoch().count());
    HOLDS(columns.value(0) == "a" && columns.value(1).is_null() && columns.value(2) == "bc");
    HOLDS(columns.key(0) == "k" && columns.key(1).is_null() && columns.key(2) == "");

    /* The same bytes by another way: raw into another place, and decoded without a log. */
    const ckafka::bytes raw = view.raw();
    log.append_raw(raw);
    THROWS(log.append_raw("no batch"), CKAFKA_ERR_CORRUPT_MESSAGE);
    const ckafka::decoded part = ckafka::decode(raw.text().substr(0, 20), 1 << 20);
    HOLDS(!part.view && part.consumed == 0 && part.view.empty() && part.view.raw().is_null());
    const ckafka::decoded whole = ckafka::decode(raw, 1 << 20);
    HOLDS(whole.consumed == raw.size() && whole.view.records()[2].value() == "bc");
    THROWS(ckafka::decode(raw, 10), CKAFKA_ERR_MESSAGE_TOO_LARGE);
}

static void check_seek(ckafka::directory &dir)
{
    dir.create_topic("times");
    ckafka::log log(dir, "times");
    for (int i = 0; i < 100; i++)
        log.append(std::to_string(i), nullptr, nullptr, noon + std::chrono::minutes(i));
    ckafka::reader reader(log, ckafka::earliest);
    reader.seek(noon + 90min);
    EQUALS(reader.fetch(0ms).begin()->value(), "90");
    /* A time between two milliseconds is not before the first of them. */
    reader.seek(noon + 90min + 1ns);
    EQUALS(reader.fetch(0ms).begin()->value(), "91");
    const auto found = log.offset_for_time(noon + 50min);
    HOLDS(found && found->second == noon + 50min);
    HOLDS(!log.offset_for_time(noon + std::chrono::hours(24 * 365 * 200)));
    reader.seek(found->first);
    EQUALS(reader.position(), found->first);
    std::int64_t expected = found->first;
    for (const ckafka::record record : reader.records())
        EQUALS(record.offset(), expected++);
    EQUALS(expected, found->first + 50);
    for (const ckafka::record record : reader.records(1ms, 100))
        EQUALS(record.offset(), -1);
    THROWS(reader.seek(1000000), CKAFKA_ERR_OFFSET_OUT_OF_RANGE);
    reader.seek(ckafka::latest);
    struct pollfd poll_for = {reader.fd(), POLLIN, 0};
    EQUALS(poll(&poll_for, 1, 0), 0);
    log.append("something");
    EQUALS(poll(&poll_for, 1, 5000), 1);
    reader.wakeup();
    reader.seek(ckafka::latest);
    try {
        static_cast<void>(reader.fetch());
        HOLDS(false && "a fetch that was woken before ends");
    } catch (const ckafka::interrupted &woken) {
        EQUALS(woken.code(), CKAFKA_ERR__INTERRUPTED);
    }
}

static void check_send(ckafka::log &log)
{
    int sockets[2];
    EQUALS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    for (int i = 0; i < 20; i++)
        log.append(std::string(50000, 'x'));
    ckafka::sender sender(log);
    std::string arrived(8 << 20, '\0');
    std::size_t size = 0;
    bool was_full = false;
    for (;;) {
        const ckafka::sent sent = sender.send(sockets[0]);
        if (sent.code == CKAFKA_OK && sent.bytes == 0)
            break;
        was_full |= sent.code == CKAFKA_ERR__AGAIN;
        for (ssize_t n; (n = read(sockets[1], arrived.data() + size, arrived.size() - size)) > 0;)
            size += static_cast<std::size_t>(n);
    }
    for (ssize_t n; (n = read(sockets[1], arrived.data() + size, arrived.size() - size)) > 0;)
        size += static_cast<std::size_t>(n);
    HOLDS(was_full);
    std::int64_t offset = 0;
    for (ckafka::bytes rest(arrived.data(), size); !rest.empty();) {
        const ckafka::decoded next = ckafka::decode(rest, 1 << 20);
        HOLDS(bool(next.view));
        for (const ckafka::record record : next.view)
            EQUALS(record.offset(), offset++);
        rest = rest.text().substr(next.consumed);
    }
    EQUALS(sender.position().offset, offset);
    close(sockets[1]);
    sender = ckafka::sender(log, 0);
    THROWS(static_cast<void>(sender.send(sockets[0])), CKAFKA_ERR__CLOSED);
    close(sockets[0]);
}

static void check_directory(ckafka::directory &dir)
{
    HOLDS((dir.caps() & CKAFKA_CAP_WRITE) != 0);
    HOLDS(dir.topics().find("\"all\"") != std::string::npos);
    HOLDS(dir.stats().front() == '{' && !dir.recovery_report().empty());
    HOLDS(!dir.ensure_topic("all") && dir.ensure_topic("short", 3, {{"compression.type", "lz4"}}));
    THROWS(dir.create_topic("all"), CKAFKA_ERR_TOPIC_ALREADY_EXISTS);
    THROWS(dir.create_topic(std::string("all\0more", 8)), CKAFKA_ERR__INVALID_ARG);
    THROWS(dir.create_topic("bad/name"), CKAFKA_ERR_INVALID_TOPIC);
    ckafka::log compressed(dir, "short", 2);
    compressed.append({ckafka::make_record(std::string(1000, 'z')), ckafka::make_record("end")});
    const ckafka::view view = ckafka::reader(compressed).fetch(0ms);
    HOLDS(view.records()[1].value() == "end" && (view.records()[1].flags() & CKAFKA_REC_DECOMPRESSED) != 0);
    dir.delete_topic("short");
    THROWS(compressed.append("gone"), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    THROWS(dir.watermarks("short"), CKAFKA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
    HOLDS(view.records()[0].value().size() == 1000);

    ckafka::config conf{{"segment.bytes", "1048576"}};
    const ckafka::config copy = conf;
    conf.set("segment.bytes", "2097152");
    EQUALS(conf.get("segment.bytes"), "2097152");
    EQUALS(ckafka::config(copy).get("segment.bytes"), "1048576");
    EQUALS(ckafka::config().get("compression.type"), ckafka::config(ckafka::config()).get("compression.type"));
    THROWS(conf.set("no.such.key", "1"), CKAFKA_ERR_INVALID_CONFIG);
    EQUALS(ckafka::partition_for_key("key", 6), ckafka_partition_for_key("key", 3, 6));
    THROWS(ckafka::partition_for_key(nullptr, 6), CKAFKA_ERR__INVALID_ARG);
    THROWS(ckafka::pin_thread(-1), CKAFKA_ERR__INVALID_ARG);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    ckafka::directory dir(argv[1], ckafka::open_mode::create);
    dir.create_topic("all");
    ckafka::log log(dir, "all");
    check_append(log);
    check_durable(dir, log);
    check_packed_and_batches(log);
    check_seek(dir);
    check_send(log);
    check_directory(dir);
    THROWS(dir.close(), CKAFKA_ERR__BUSY);
    log.close();
    dir.close();
    return checks::result("whole");
}
