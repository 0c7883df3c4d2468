/*
 * quakes_read DIRECTORY EVENTS
 *
 * Shows how records come out: all of them in order, a few from a given offset, and those of one hour, found by time.
 *
 * A fetch gives a view: a run of whole batches, lying where the kernel has the file, and beside it a table with one
 * row a record that says where in that memory its key, value and headers are. Nothing is copied. The memory stays
 * until the view is released, whatever happens to the reader or the log in the meantime.
 */
#include "examples_common.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define FETCH_SIZE (256 * 1024)
#define SAMPLE_OFFSET 1000
#define SAMPLE_COUNT 3
#define HOUR_MS INT64_C(3600000)
#define BUSIEST_HOUR_MS INT64_C(1517608800000) /* 2018-02-02 22:00 UTC */

/* A view and what it shows. */
typedef struct {
    ckafka_view_t *view;
    const void *base;
    const ckafka_rec_t *records;
    size_t count;
} page_t;

/* Fetches the next view; false at the end of the log. With a time-out above 0 it would wait there for more. */
static bool fetch(ckafka_reader_t *reader, page_t *page)
{
    size_t size;
    const ckafka_err_t err = ckafka_reader_fetch(reader, FETCH_SIZE, 0, &page->view);
    if (err == CKAFKA_ERR__TIMED_OUT)
        return false;
    check(err, "fetching");
    check(ckafka_view_base(page->view, &page->base, &size), "asking for the view's memory");
    check(ckafka_view_records(page->view, &page->records, &page->count), "asking for the view's records");
    return true;
}

/* Reads the log from its start and compares each record with the event it was made from. */
static void read_all(ckafka_reader_t *reader, const quake_list_t *quakes)
{
    page_t page;
    uint64_t size = 0;
    size_t next = 0, view_count = 0;

    const double start = seconds_now();
    for (; fetch(reader, &page); view_count++) {
        for (size_t i = 0; i < page.count; i++, next++) {
            if (next == quakes->count)
                die("the log holds more than the %zu events of the input", quakes->count);
            quake_compare(page.base, &page.records[i], (int64_t)next, &quakes->events[next]);
            size += quakes->events[next].line.len;
        }
        ckafka_view_release(page.view);
    }
    const double seconds = seconds_now() - start;
    if (next != quakes->count)
        die("the log ends at offset %zu; the input has %zu events", next, quakes->count);
    printf("%zu views, every record equal to its event byte for byte\n", view_count);
    print_rate("read", (int64_t)next, size, seconds);
}

static void print_row(const void *base, const ckafka_rec_t *record)
{
    char time[TIME_TEXT_SIZE];
    const ckafka_slice_t value = {(const char *)base + record->val_pos, (size_t)record->val_len};
    const quake_t quake = quake_parse(value);
    time_text(record->ts, time);
    printf("  %6" PRId64 "  %s  %5.*s  %.*s\n", record->offset, time, (int)quake.magnitude.len,
           (const char *)quake.magnitude.data, (int)quake.place.len, (const char *)quake.place.data);
}

/* Prints from where the reader stands, up to a time or a number of records; how many were printed. */
static size_t print_table(ckafka_reader_t *reader, int64_t before_ms, size_t count_max)
{
    page_t page;
    size_t count = 0;
    bool more = true;

    printf("  %6s  %-19s  %5s  %s\n", "offset", "time (UTC)", "mag", "place");
    while (more && fetch(reader, &page)) {
        for (size_t i = 0; more && i < page.count; i++) {
            more = count < count_max && page.records[i].ts < before_ms;
            if (more) {
                print_row(page.base, &page.records[i]);
                count++;
            }
        }
        ckafka_view_release(page.view);
    }
    return count;
}

static void read_by_offset(ckafka_reader_t *reader)
{
    printf("\nby offset: %d events from %d\n", SAMPLE_COUNT, SAMPLE_OFFSET);
    check(ckafka_reader_seek(reader, SAMPLE_OFFSET), "seeking by offset");
    const size_t count = print_table(reader, INT64_MAX, SAMPLE_COUNT);
    if (count != SAMPLE_COUNT)
        die("%zu records from offset %d; expected %d", count, SAMPLE_OFFSET, SAMPLE_COUNT);
}

static void read_by_time(ckafka_reader_t *reader, const quake_list_t *quakes)
{
    const int64_t from_ms = BUSIEST_HOUR_MS, before_ms = BUSIEST_HOUR_MS + HOUR_MS;
    char time[TIME_TEXT_SIZE];
    size_t expected = 0;

    for (size_t i = 0; i < quakes->count; i++)
        expected += quakes->events[i].time_ms >= from_ms && quakes->events[i].time_ms < before_ms;

    time_text(from_ms, time);
    printf("\nby time: the hour from %s\n", time);
    check(ckafka_reader_seek_time(reader, from_ms), "seeking by time");
    const size_t count = print_table(reader, before_ms, SIZE_MAX);
    if (count != expected)
        die("%zu records in that hour; the input has %zu", count, expected);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: %s DIRECTORY EVENTS", argv[0]);
    quake_list_t quakes = quakes_load(argv[2]);
    ckafka_t *directory;
    ckafka_log_t *log;
    ckafka_reader_t *reader;

    check(ckafka_open(argv[1], NULL, CKAFKA_OPEN_RDONLY, &directory), "opening the data directory");
    check(ckafka_log_open(directory, QUAKES_TOPIC, 0, &log), "opening partition 0");
    check(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");

    read_all(reader, &quakes);
    read_by_offset(reader);
    read_by_time(reader, &quakes);

    check(ckafka_reader_close(reader), "closing the reader");
    check(ckafka_log_close(log), "closing the log");
    check(ckafka_close(directory), "closing the data directory");
    quakes_free(&quakes);
    return 0;
}
