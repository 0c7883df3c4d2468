/*
 * The topic "deliveries": one thread appends and never waits for the disk, another reads what is durable.
 */
#include "deliveries.h"

#include "examples_common.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPIC "deliveries"
#define FETCH_SIZE (64 * 1024)
#define TIMEOUT_MS 30000
#define TEXT_SIZE 80

/* Fetches in a blocking way, as a thread of its own can afford to. It wakes within microseconds of an append. */
static void *consume(void *argument)
{
    const deliveries_t *deliveries = argument;
    ckafka_view_t *view;
    const ckafka_rec_t *records;
    const void *base;
    size_t size, count;

    check(ckafka_pin_thread(deliveries->consumer_core), "binding the consumer thread");
    for (int seen = 0; seen < deliveries->expected_count;) {
        check(ckafka_reader_fetch(deliveries->reader, FETCH_SIZE, TIMEOUT_MS, &view), "waiting for a delivery");
        check(ckafka_view_base(view, &base, &size), "asking for the view's memory");
        check(ckafka_view_records(view, &records, &count), "asking for the view's records");
        for (size_t i = 0; i < count; i++, seen++) {
            check(ckafka_wait_durable(deliveries->log, records[i].offset, TIMEOUT_MS), "waiting for the disk");
            printf("delivery %" PRId64 ", durable: %.*s\n", records[i].offset, (int)records[i].val_len,
                   (const char *)base + records[i].val_pos);
        }
        ckafka_view_release(view);
    }
    return NULL;
}

void deliveries_start(deliveries_t *deliveries, ckafka_t *directory, int expected_count, int32_t consumer_core)
{
    const ckafka_err_t err = ckafka_topic_create(directory, TOPIC, 1, NULL);
    if (err != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        check(err, "creating the topic " TOPIC);
    check(ckafka_log_open(directory, TOPIC, 0, &deliveries->log), "opening the topic " TOPIC);
    check(ckafka_reader_open(deliveries->log, CKAFKA_START_LATEST, NULL, &deliveries->reader), "opening a reader");

    deliveries->expected_count = expected_count;
    deliveries->consumer_core = consumer_core;
    const int error = pthread_create(&deliveries->consumer, NULL, consume, deliveries);
    if (error != 0)
        die("pthread_create: %s", strerror(error));
}

void deliveries_note(deliveries_t *deliveries, int client_number, uint64_t size)
{
    char text[TEXT_SIZE];
    const int len = snprintf(text, sizeof text, "client %d has %" PRIu64 " bytes", client_number, size);
    const ckafka_record_t record = {.value = {text, (size_t)len}, .ts = -1};
    int64_t offset;
    check(ckafka_append(deliveries->log, &record, 1, &offset), "noting a delivery");
    check(ckafka_sync_request(deliveries->log), "asking for a sync");
}

void deliveries_finish(deliveries_t *deliveries)
{
    const int error = pthread_join(deliveries->consumer, NULL);
    if (error != 0)
        die("pthread_join: %s", strerror(error));
    check(ckafka_reader_close(deliveries->reader), "closing the reader");
    check(ckafka_log_close(deliveries->log), "closing the topic " TOPIC);
}
