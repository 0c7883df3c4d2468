/*
 * The topic "deliveries": whom the server has served. The network thread notes a delivery; a thread of our own, the
 * consumer, sleeps until one appears, waits until it is on disk, and prints it.
 */
#ifndef DELIVERIES_H
#define DELIVERIES_H

#include <ckafka.h>
#include <pthread.h>
#include <stdint.h>

typedef struct {
    ckafka_log_t *log;
    ckafka_reader_t *reader;
    pthread_t consumer;
    int32_t consumer_core;
    int expected_count;
} deliveries_t;

/* Opens the topic, making it if need be, and starts the consumer, which ends after `expected_count` deliveries. */
void deliveries_start(deliveries_t *deliveries, ckafka_t *directory, int expected_count, int32_t consumer_core);

/* Notes that a client has everything. Returns without waiting for the disk. */
void deliveries_note(deliveries_t *deliveries, int client_number, uint64_t size);

/* Waits for the consumer and closes the topic. */
void deliveries_finish(deliveries_t *deliveries);

#endif
