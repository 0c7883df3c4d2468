/*
 * What the earthquake programs share: giving up with a reason, taking the few fields they need out of a line of
 * input, comparing a record with the event it was made from, and telling the time. None of it is needed to use
 * the library; ckafka.h is.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <ckafka.h>
#include <stddef.h>
#include <stdint.h>

#define QUAKES_TOPIC "quakes"    /* the topic that holds the events */
#define NETWORK_HEADER "network" /* the record header that names the reporting network */

/* One event of the input. The slices borrow from the text that was loaded. */
typedef struct {
    ckafka_slice_t line; /* the whole line, without its newline */
    ckafka_slice_t id, network, place, magnitude;
    int64_t time_ms;
} quake_t;

typedef struct {
    quake_t *events;
    size_t count;
    char *text;
} quake_list_t;

/* Prints the reason, as printf would, and exits with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Exits with what the library says about its last error, unless `err` is CKAFKA_OK. */
void check(ckafka_err_t err, const char *what);

/* The result of a system call; exits with the kernel's reason if it is negative. */
int check_sys(int result, const char *what);

/* Takes an event apart; exits if a field is missing. */
quake_t quake_parse(ckafka_slice_t line);

/* Loads a file of one event a line; exits if it cannot. */
quake_list_t quakes_load(const char *path);
void quakes_free(quake_list_t *list);

/* Exits, saying what differs, unless the record at `offset` is `want`, byte for byte: key, value, time, header. */
void quake_compare(const void *base, const ckafka_rec_t *record, int64_t offset, const quake_t *want);

/* "2018-02-02 22:00:19", UTC. */
#define TIME_TEXT_SIZE 20
void time_text(int64_t time_ms, char text[TIME_TEXT_SIZE]);

/* Seconds since some moment in the past, for measuring. */
double seconds_now(void);

/* Prints "<what> <n> records, <n> bytes, <n> MB/s", one line that a script can read. */
void print_rate(const char *what, int64_t record_count, uint64_t size, double seconds);

/* The number behind a name, given with its quotes and colon, in what ckafka_stats tells. */
uint64_t stats_number(const char *json, const char *name);

/* The core for the nth role of a program: one each while there are enough that it may use, then from the first. */
int32_t core_for(int role);

#endif
