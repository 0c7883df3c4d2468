/*
 * append DIRECTORY
 *
 * The smallest whole program: opens a data directory, makes a topic, appends records one by one and as one batch, and
 * closes. A record is a key, a value, header fields and a time, each of which may be left out.
 */
#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COUNT 100

/* Gives up with what the library says. */
static void must(ckafka_err_t err, const char *what)
{
    if (err == CKAFKA_OK)
        return;
    fprintf(stderr, "%s: %s\\n", what, ckafka_errmsg());
    exit(1);
}

static ckafka_slice_t text(const char *text)
{
    ckafka_slice_t slice = {text, strlen(text)};
    return slice;
}

int main(int argc, char **argv)
{
    ckafka_t *dir;
    ckafka_log_t *log;
    int64_t offset, low, end, durable;

    if (argc != 2) {
        fprintf(stderr, "usage: append DIRECTORY\n");
        return 2;
    }
    /* CREATE makes a directory that is missing; without it, that is an error. */
    must(ckafka_open(argv[1], NULL, CKAFKA_OPEN_CREATE, &dir), "opening the directory");
    const ckafka_err_t err = ckafka_topic_create(dir, "readings", 1, NULL);
    if (err != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        must(err, "making the topic");
    must(ckafka_log_open(dir, "readings", 0, &log), "opening partition 0");

    /* One record with a header. Its time is set by the library: -1 is now. */
    unsigned char fields[64];
    size_t fields_len = 0;
    must(ckafka_headers_append(fields, sizeof fields, "unit", "celsius", 7, &fields_len), "adding a header");
    ckafka_record_t record = {.key = text("sensor-7"), .value = text("21.5"), .ts = -1};
    record.headers = (ckafka_slice_t){fields, fields_len};
    must(ckafka_append(log, &record, 1, &offset), "appending");
    printf("one record at offset %" PRId64 "\n", offset);

    /* Many records in one call are one batch: all of them or none, and far cheaper than one call each. */
    ckafka_record_t records[BATCH_COUNT];
    char values[BATCH_COUNT][16];
    for (int i = 0; i < BATCH_COUNT; i++) {
        snprintf(values[i], sizeof values[i], "%d.%d", 20 + i / 10, i % 10);
        records[i] = (ckafka_record_t){.key = text("sensor-7"), .value = text(values[i]), .ts = -1};
    }
    must(ckafka_append(log, records, BATCH_COUNT, &offset), "appending a batch");
    printf("%d records from offset %" PRId64 " on\n", BATCH_COUNT, offset);

    /* Every process can read them now. On disk they are once they are durable: wait for it, or see durable.c. */
    must(ckafka_wait_durable(log, offset, -1), "waiting for the disk");
    must(ckafka_watermarks(dir, "readings", 0, &low, &end, &durable), "asking for the ends");
    printf("offsets %" PRId64 " to %" PRId64 ", durable below %" PRId64 "\n", low, end - 1, durable);

    must(ckafka_log_close(log), "closing the log");
    must(ckafka_close(dir), "closing the directory");
    return 0;
}
