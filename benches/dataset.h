/*
 * The log that reading and sending are measured on: how it is made, and where its values lie.
 */
#ifndef BENCH_DATASET_H
#define BENCH_DATASET_H

#include "common.h"

/* Appends `records` records of `size` bytes, `batch` to a batch, and closes the log cleanly. The value of record i is i, repeated. */
void dataset_make(const char *folder, uint64_t records, uint64_t size, uint64_t batch);

/* Byte positions of the values of all records in a segment, in the order of their offsets. */
typedef struct {
    uint64_t *at, count;
} positions_t;

positions_t dataset_positions(const mapped_t *segment);

/* The sum that sum_bytes gives for the value of record i, of `size` bytes. */
uint64_t dataset_value_sum(uint64_t i, uint64_t size);

#endif
