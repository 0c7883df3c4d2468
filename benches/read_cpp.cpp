/*
 * Reads one log over and over, every byte of every value summed: by the loops in C of loops.c, and by the same ones in
 * C++, turn by turn. What is told is the processor time of each turn, so that it matters little who else is at work.
 *
 * all: turns, size. The log is made by read.c.
 */
#include <ckafka.hpp>

#include <nmmintrin.h>
#include <string.h>
#include <time.h>

#define _Noreturn [[noreturn]]
extern "C" {
#include "dataset.h"
#include "loops.h"
}

using namespace std::chrono_literals;

namespace {

void add(seen_t &seen, ckafka::bytes value)
{
    seen.sum += sum_bytes(reinterpret_cast<const unsigned char *>(value.data()), value.size());
    seen.bytes += value.size();
}

seen_t by_views(ckafka::reader &reader, uint64_t end)
{
    seen_t seen{};
    while (seen.records < end) {
        const ckafka::view view = reader.fetch(0ms, FETCH_BYTES);
        for (const ckafka::record record : view)
            add(seen, record.value());
        seen.records += view.size();
    }
    return seen;
}

seen_t by_stream(ckafka::reader &reader, uint64_t end)
{
    seen_t seen{};
    for (const ckafka::record record : reader.records(0ms, FETCH_BYTES)) {
        add(seen, record.value());
        if (++seen.records == end)
            break;
    }
    return seen;
}

seen_t by_columns(ckafka::reader &reader, uint64_t end)
{
    seen_t seen{};
    while (seen.records < end) {
        const ckafka::view view = reader.fetch(0ms, FETCH_BYTES);
        const ckafka::columns columns = view.columns();
        for (std::size_t i = 0; i < columns.size(); i++)
            add(seen, columns.value(i));
        seen.records += columns.size();
    }
    return seen;
}

seen_t c_rows(ckafka::reader &reader, uint64_t end)
{
    return one_pass(reader.c_ptr(), end, sum_rows);
}

seen_t c_columns(ckafka::reader &reader, uint64_t end)
{
    return one_pass(reader.c_ptr(), end, sum_columns);
}

struct contestant_t {
    const char *name;
    seen_t (*pass)(ckafka::reader &, uint64_t);
    std::string turns;
};

uint64_t processor_ns()
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<uint64_t>(spent.tv_sec) * 1000000000 + static_cast<uint64_t>(spent.tv_nsec);
}

void run(const args_t &args)
{
    const int64_t turns = args_number(&args, "turns", 10);
    const uint64_t size = static_cast<uint64_t>(args_number(&args, "size", 100));
    ckafka::directory dir(args.folder);
    ckafka::log log(dir, TOPIC);
    ckafka::reader reader(log);
    const uint64_t end = static_cast<uint64_t>(dir.watermarks(TOPIC).end);
    uint64_t wanted = 0;
    for (uint64_t i = 0; i < end; i++)
        wanted += dataset_value_sum(i, size);
    contestant_t contestants[] = {
        {"rows", c_rows, ""}, {"views", by_views, ""}, {"stream", by_stream, ""}, {"c_columns", c_columns, ""}, {"columns", by_columns, ""},
    };
    /* The first turn touches all pages, and is not told. */
    for (int64_t turn = 0; turn <= turns; turn++)
        for (contestant_t &contestant : contestants) {
            reader.seek(0);
            const uint64_t begun = processor_ns();
            const seen_t seen = contestant.pass(reader, end);
            const uint64_t ns = processor_ns() - begun;
            if (seen.sum != wanted || seen.records != end)
                die("%s: what was read does not add up to what was appended", contestant.name);
            if (turn > 0)
                contestant.turns.append(turn > 1 ? "," : "").append(std::to_string(ns));
        }
    emit_begin();
    emit_number("records", static_cast<double>(end));
    for (const contestant_t &contestant : contestants)
        emit_text(contestant.name, ("[" + contestant.turns + "]").c_str());
    emit_end();
}

} // namespace

int main(int argc, char **argv)
try {
    const args_t args = args_parse(argc, argv);
    touch_memory(static_cast<uint64_t>(args_number(&args, "touch_mib", 0)) * MIB);
    pin(0);
    run(args);
    return 0;
} catch (const std::exception &failure) {
    die("%s", failure.what());
}
