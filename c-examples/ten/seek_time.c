/*
 * seek_time DIRECTORY
 *
 * Finds records by time. A day of readings is appended, one a minute; then those of one hour are read. The answer is
 * exact: the first record whose time is not before the one asked for, found through the index, not by a scan.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_START_MS INT64_C(1700006400000) /* 2023-11-15 00:00 UTC */
#define READING_COUNT 1440

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static void append_day(ckafka_log_t *log)
{
    for (int minute = 0; minute < READING_COUNT; minute++) {
        char value[32];
        const int len = snprintf(value, sizeof value, "%d kW", 300 + minute % 97);
        const ckafka_record_t record = {.value = {value, (size_t)len}, .ts = DAY_START_MS + minute * MINUTE_MS};
        int64_t offset;
        must(ckafka_append(log, &record, 1, &offset), "appending");
    }
}

static void print_row(const void *base, const ckafka_rec_t *row)
{
    const time_t seconds = (time_t)(row->ts / 1000);
    char clock[16];
    strftime(clock, sizeof clock, "%H:%M", gmtime(&seconds));
    printf("%s  %.*s\n", clock, (int)row->val_len, (const char *)base + row->val_pos);
}

/* Prints the records of [from, to) and counts them. Times need not rise in a log, so each is looked at. */
static int print_span(ckafka_reader_t *reader, int64_t from, int64_t to)
{
    int count = 0;
    must(ckafka_reader_seek_time(reader, from), "seeking by time");
    for (bool is_over = false; !is_over;) {
        ckafka_view_t *view;
        const ckafka_rec_t *rows;
        const void *base;
        size_t size, n;
        const ckafka_err_t err = ckafka_reader_fetch(reader, 4096, 0, &view);
        if (err == CKAFKA_ERR__TIMED_OUT)
            break; /* the end of the log */
        must(err, "reading");
        must(ckafka_view_base(view, &base, &size), "the memory of the view");
        must(ckafka_view_records(view, &rows, &n), "the records of the view");
        for (size_t i = 0; i < n && !is_over; i++) {
            is_over = rows[i].ts >= to;
            if (!is_over && ++count % 15 == 1)
                print_row(base, &rows[i]);
        }
        ckafka_view_release(view);
    }
    return count;
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    int64_t offset, ts;

    if (argc != 2) {
        fprintf(stderr, "usage: seek_time DIRECTORY\n");
        return 2;
    }
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    must(ckafka_topic_create(dir, "power", 1, NULL), "making the topic");
    must(ckafka_log_open(dir, "power", 0, &log), "opening partition 0");
    append_day(log);

    /* Only the place, without a reader. Half a minute past noon lies between two records: the later one it is. */
    must(ckafka_offset_for_time(log, DAY_START_MS + 12 * HOUR_MS + MINUTE_MS / 2, &offset, &ts), "asking for a time");
    printf("first at or after 12:00:30: offset %" PRId64 "\n", offset);

    must(ckafka_reader_open(log, CKAFKA_START_EARLIEST, NULL, &reader), "opening a reader");
    const int count = print_span(reader, DAY_START_MS + 18 * HOUR_MS, DAY_START_MS + 19 * HOUR_MS);
    printf("%d readings from 18:00 to 19:00\n", count);
    must(ckafka_reader_close(reader), "closing the reader");
    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return count == 60 && offset == 721 ? 0 : 1;
}
