/*
 * What dataset.h promises. The walk over a segment's bytes is written against Kafka's format (version 2, not compressed), not
 * with the library, so that the bare loops owe nothing to what they are compared with.
 */
#include "dataset.h"

#include <stdlib.h>

#define BATCH_HEADER 61
#define BATCH_LENGTH_AT 8
#define RECORD_COUNT_AT 57

static uint32_t big_endian_u32(const unsigned char *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static int64_t varint(const unsigned char **at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    }
}

static void fill(unsigned char *value, uint64_t size, uint64_t i)
{
    for (uint64_t at = 0; at < size; at++)
        value[at] = (unsigned char)(i >> 8 * (at % 8));
}

uint64_t dataset_value_sum(uint64_t i, uint64_t size)
{
    unsigned char value[64 * 1024];
    if (size > sizeof value)
        die("values of at most %zu bytes", sizeof value);
    fill(value, size, i);
    return sum_bytes(value, size);
}

void dataset_make(const char *folder, uint64_t records, uint64_t size, uint64_t batch)
{
    bench_log_t log = log_open(folder, NULL);
    unsigned char *values = malloc(batch * size);
    ckafka_record_t *given = calloc(batch, sizeof *given);
    for (uint64_t i = 0; i < records; i += batch) {
        uint64_t count = records - i < batch ? records - i : batch;
        for (uint64_t j = 0; j < count; j++) {
            fill(values + j * size, size, i + j);
            given[j] = (ckafka_record_t){.value = {values + j * size, size}, .ts = -1};
        }
        int64_t base;
        check(ckafka_append(log.log, given, count, &base), "ckafka_append");
        if (base != (int64_t)i)
            die("a base offset of %lld, expected %llu", (long long)base, (unsigned long long)i);
    }
    free(given);
    free(values);
    log_close(&log);
}

static const unsigned char *one_record(const unsigned char *at, positions_t *positions, const unsigned char *bytes)
{
    int64_t length = varint(&at);
    const unsigned char *end = at + length;
    at++; /* attributes */
    varint(&at); /* timestamp delta */
    varint(&at); /* offset delta */
    int64_t key = varint(&at);
    at += key > 0 ? key : 0;
    varint(&at); /* length of the value */
    positions->at[positions->count++] = (uint64_t)(at - bytes);
    return end;
}

positions_t dataset_positions(const mapped_t *segment)
{
    const unsigned char *bytes = segment->bytes;
    positions_t positions = {0};
    for (uint64_t at = 0; at < segment->size; at += 12 + big_endian_u32(bytes + at + BATCH_LENGTH_AT))
        positions.count += big_endian_u32(bytes + at + RECORD_COUNT_AT);
    positions.at = malloc(positions.count * sizeof *positions.at);
    positions.count = 0;
    for (uint64_t at = 0; at < segment->size; at += 12 + big_endian_u32(bytes + at + BATCH_LENGTH_AT)) {
        const unsigned char *record = bytes + at + BATCH_HEADER;
        for (uint32_t left = big_endian_u32(bytes + at + RECORD_COUNT_AT); left; left--)
            record = one_record(record, &positions, bytes);
    }
    return positions;
}
