/* Checks for the C test programs: each names file, line, what was said and what was expected, and counts. */
#ifndef CHECK_H
#define CHECK_H

#include <ckafka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;

static void check_code(const char *file, int line, const char *call, ckafka_err_t found, ckafka_err_t expected)
{
    if (found == expected)
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s\n  found    %s\n  expected %s\n  message  %s\n", file, line, call,
            ckafka_strerror(found), ckafka_strerror(expected), ckafka_errmsg());
}

static void check_true(const char *file, int line, const char *claim, int holds)
{
    if (holds)
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, claim);
}

static void check_number(const char *file, int line, const char *what, int64_t found, int64_t expected)
{
    if (found == expected)
        return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s is %" PRId64 ", expected %" PRId64 "\n", file, line, what, found, expected);
}

#define GIVES(call, code) check_code(__FILE__, __LINE__, #call, (call), (code))
#define WORKS(call) GIVES(call, CKAFKA_OK)
#define HOLDS(claim) check_true(__FILE__, __LINE__, #claim, (claim) ? 1 : 0)
#define EQUALS(found, expected) check_number(__FILE__, __LINE__, #found, (int64_t)(found), (int64_t)(expected))

/* For what everything else rests on. */
#define NEEDS(call)                                                                                                    \
    do {                                                                                                               \
        WORKS(call);                                                                                                   \
        if (check_failures)                                                                                            \
            exit(1);                                                                                                   \
    } while (0)

static ckafka_slice_t text(const char *text)
{
    ckafka_slice_t slice = {text, text ? strlen(text) : 0};
    return slice;
}

static ckafka_record_t make_record(const char *key, const char *value, int64_t ts)
{
    ckafka_record_t record;
    memset(&record, 0, sizeof record);
    record.key = text(key);
    record.value = text(value);
    record.ts = ts;
    return record;
}

static int check_result(const char *name)
{
    if (check_failures)
        fprintf(stderr, "%s: %d checks failed\n", name, check_failures);
    else
        printf("%s: all checks passed\n", name);
    return check_failures != 0;
}

#endif
