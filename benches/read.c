/*
 * Reads one log over and over, every byte of every value summed; or its records one by one at random.
 *
 * make            makes the log: records, size, batch
 * bare            sums the mapped segment from end to end
 * ckafka          fetches views and sums the values of their records; the library checks each CRC
 * ckafka-columns  the same by the columns of the view
 * bare-random     sums values at random whose positions are known before
 * ckafka-random   seeks to an offset, fetches, sums the value found there
 *
 * The pages were all touched before. passes, reads (random), size
 */
#include "dataset.h"
#include "loops.h"

#include <stdio.h>
#include <stdlib.h>

#define SEED 88172645463325252u

static void emit(uint64_t bytes, uint64_t count, uint64_t ns)
{
    emit_begin();
    emit_number("bytes", (double)bytes);
    emit_number("count", (double)count);
    emit_number("ns", (double)ns);
    emit_end();
}

static void run_bare(const args_t *args)
{
    mapped_t map = map_segment(args->folder);
    uint64_t passes = (uint64_t)args_number(args, "passes", 3);
    keep(sum_bytes(map.bytes, map.size));
    uint64_t begun = now_ns();
    for (uint64_t pass = 0; pass < passes; pass++)
        keep(sum_bytes(map.bytes, map.size));
    emit(map.size * passes, passes, now_ns() - begun);
    map_drop(&map);
}

static uint64_t open_reader(const args_t *args, bench_log_t *log, ckafka_reader_t **reader)
{
    int64_t low, end, durable;
    *log = log_open(args->folder, NULL);
    check(ckafka_watermarks(log->directory, TOPIC, 0, &low, &end, &durable), "ckafka_watermarks");
    check(ckafka_reader_open(log->log, CKAFKA_START_EARLIEST, NULL, reader), "ckafka_reader_open");
    return (uint64_t)end;
}

static void run_ckafka(const args_t *args)
{
    bench_log_t log;
    ckafka_reader_t *reader;
    void (*sum)(ckafka_view_t *, const unsigned char *, seen_t *) = args_is(args, "ckafka") ? sum_rows : sum_columns;
    uint64_t end = open_reader(args, &log, &reader), passes = (uint64_t)args_number(args, "passes", 3);
    seen_t seen = one_pass(reader, end, sum);
    uint64_t wanted = 0;
    for (uint64_t i = 0; i < end; i++)
        wanted += dataset_value_sum(i, (uint64_t)args_number(args, "size", 100));
    if (seen.sum != wanted)
        die("what was read does not add up to what was appended");
    uint64_t begun = now_ns();
    for (uint64_t pass = 0; pass < passes; pass++)
        keep(one_pass(reader, end, sum).sum);
    emit(seen.bytes * passes, seen.records * passes, now_ns() - begun);
    check(ckafka_reader_close(reader), "ckafka_reader_close");
    log_close(&log);
}

static void run_bare_random(const args_t *args)
{
    mapped_t map = map_segment(args->folder);
    positions_t positions = dataset_positions(&map);
    uint64_t reads = (uint64_t)args_number(args, "reads", 1000000), size = (uint64_t)args_number(args, "size", 100);
    uint64_t state = SEED, sum = 0;
    keep(sum_bytes(map.bytes, map.size));
    uint64_t begun = now_ns();
    for (uint64_t i = 0; i < reads; i++)
        sum += sum_bytes(map.bytes + positions.at[next_random(&state) % positions.count], size);
    keep(sum);
    emit(reads * size, reads, now_ns() - begun);
    map_drop(&map);
}

/* Sums the value of one record, read by its offset. */
static uint64_t read_one(ckafka_reader_t *reader, int64_t offset)
{
    ckafka_view_t *view;
    const ckafka_rec_t *records;
    const void *base;
    size_t count, size;
    check(ckafka_reader_seek(reader, offset), "ckafka_reader_seek");
    check(ckafka_reader_fetch(reader, 1, 0, &view), "ckafka_reader_fetch");
    check(ckafka_view_base(view, &base, &size), "ckafka_view_base");
    check(ckafka_view_records(view, &records, &count), "ckafka_view_records");
    if (count == 0 || records[0].offset != offset)
        die("offset %lld was not found", (long long)offset);
    uint64_t sum = sum_bytes((const unsigned char *)base + records[0].val_pos, (size_t)records[0].val_len);
    ckafka_view_release(view);
    return sum;
}

static void run_ckafka_random(const args_t *args)
{
    bench_log_t log;
    ckafka_reader_t *reader;
    uint64_t end = open_reader(args, &log, &reader), state = SEED;
    uint64_t reads = (uint64_t)args_number(args, "reads", 200000), size = (uint64_t)args_number(args, "size", 100);
    keep(one_pass(reader, end, sum_rows).sum);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t offset = next_random(&state) % end;
        if (read_one(reader, (int64_t)offset) != dataset_value_sum(offset, size))
            die("the record at %llu differs", (unsigned long long)offset);
    }
    uint64_t sum = 0, begun = now_ns();
    for (uint64_t i = 0; i < reads; i++)
        sum += read_one(reader, (int64_t)(next_random(&state) % end));
    keep(sum);
    emit(reads * size, reads, now_ns() - begun);
    check(ckafka_reader_close(reader), "ckafka_reader_close");
    log_close(&log);
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    pin(0);
    if (args_is(&args, "make"))
        dataset_make(args.folder, (uint64_t)args_number(&args, "records", 0), (uint64_t)args_number(&args, "size", 100),
                     (uint64_t)args_number(&args, "batch", 1));
    else if (args_is(&args, "bare"))
        run_bare(&args);
    else if (args_is(&args, "bare-random"))
        run_bare_random(&args);
    else if (args_is(&args, "ckafka-random"))
        run_ckafka_random(&args);
    else
        run_ckafka(&args);
    if (args_is(&args, "make"))
        puts("{}");
    return 0;
}
