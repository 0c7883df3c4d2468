/* Loops that read a log from its start and sum every byte of every value: what reading costs, in whatever language. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "common.h"

#define FETCH_BYTES MIB

typedef struct {
    uint64_t records, bytes, sum;
} seen_t;

/* What a view holds, added to what was seen. */
void sum_rows(ckafka_view_t *view, const unsigned char *base, seen_t *seen);
void sum_columns(ckafka_view_t *view, const unsigned char *base, seen_t *seen);

/* Fetches views from offset 0 on until `end` records were seen. */
seen_t one_pass(ckafka_reader_t *reader, uint64_t end, void (*sum)(ckafka_view_t *, const unsigned char *, seen_t *));

#endif
