/*
 * quakes_append DIRECTORY EVENTS
 *
 * Shows how records get in: make a data directory and a topic, append events in batches, each of them on disk before
 * the next one starts, close, and open again to see that all are there.
 *
 * A batch is what one call of ckafka_append_durable gives: it appears as a whole or not at all, is checksummed as
 * one, and is one entry for the indexes. The library copies what it is given, so records may live on the stack.
 */
#include "examples_common.h"

#include <inttypes.h>
#include <stdio.h>

#define BATCH_RECORDS 100
#define HEADERS_SIZE 64
#define SYNC_TIMEOUT_MS 10000

/* Appends events[0..count] as one batch and waits until the disk has it; the offset of the first. */
static int64_t append_batch(ckafka_log_t *log, const quake_t *events, size_t count)
{
    ckafka_record_t records[BATCH_RECORDS];
    char headers[BATCH_RECORDS][HEADERS_SIZE];
    int64_t base;

    for (size_t i = 0; i < count; i++) {
        const quake_t *event = &events[i];
        size_t headers_len = 0;
        check(ckafka_headers_append(headers[i], HEADERS_SIZE, NETWORK_HEADER, event->network.data, event->network.len,
                                    &headers_len),
              "making a header");
        records[i] = (ckafka_record_t){
            .key = event->id,
            .value = event->line,
            .headers = {headers[i], headers_len},
            .ts = event->time_ms,
        };
    }

    /* A time-out would not undo the append: the batch is published, only not yet known to be on disk. */
    ckafka_err_t err = ckafka_append_durable(log, records, count, SYNC_TIMEOUT_MS, &base);
    if (err == CKAFKA_ERR__TIMED_OUT)
        err = ckafka_wait_durable(log, base, SYNC_TIMEOUT_MS);
    check(err, "appending a batch");
    return base;
}

static void append_all(ckafka_t *directory, const quake_list_t *quakes)
{
    ckafka_log_t *log;
    uint64_t size = 0;
    size_t batch_count = 0;

    check(ckafka_topic_create(directory, QUAKES_TOPIC, 1, NULL), "creating the topic " QUAKES_TOPIC);
    check(ckafka_log_open(directory, QUAKES_TOPIC, 0, &log), "opening partition 0");

    const double start = seconds_now();
    for (size_t i = 0; i < quakes->count; i += BATCH_RECORDS, batch_count++) {
        const size_t left = quakes->count - i;
        const int64_t base = append_batch(log, quakes->events + i, left < BATCH_RECORDS ? left : BATCH_RECORDS);
        if (base != (int64_t)i)
            die("the batch of event %zu got offset %" PRId64, i, base);
    }
    const double seconds = seconds_now() - start;

    for (size_t i = 0; i < quakes->count; i++)
        size += quakes->events[i].line.len;
    check(ckafka_log_close(log), "closing the log");
    printf("%zu batches, each on disk before the next began: %.1f ms a batch\n", batch_count,
           1e3 * seconds / (double)batch_count);
    print_rate("appended", (int64_t)quakes->count, size, seconds);
}

static void verify_ends(ckafka_t *directory, const quake_list_t *quakes)
{
    int64_t low, end, durable;
    check(ckafka_watermarks(directory, QUAKES_TOPIC, 0, &low, &end, &durable), "asking for the ends");
    if (low != 0 || end != (int64_t)quakes->count || durable != end)
        die("after opening again: offsets %" PRId64 " to %" PRId64 ", durable to %" PRId64 "; expected 0 to %zu", low,
            end, durable, quakes->count);
    printf("opened again: offsets %" PRId64 " to %" PRId64 ", all durable\n", low, end - 1);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: %s DIRECTORY EVENTS", argv[0]);
    quake_list_t quakes = quakes_load(argv[2]);
    ckafka_t *directory;

    check(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &directory), "creating the data directory");
    append_all(directory, &quakes);
    check(ckafka_close(directory), "closing the data directory");

    check(ckafka_open(argv[1], NULL, CKAFKA_OPEN_RDONLY, &directory), "opening the data directory again");
    verify_ends(directory, &quakes);
    check(ckafka_close(directory), "closing the data directory");

    quakes_free(&quakes);
    return 0;
}
