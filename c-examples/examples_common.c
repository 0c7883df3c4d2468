/*
 * What the earthquake programs share; examples_common.h says what each function does.
 *
 * The field extraction knows these lines only: every name occurs once, and no string holds an escape. A program
 * that reads other people's JSON wants a parser.
 */
#include "examples_common.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

void check(ckafka_err_t err, const char *what)
{
    if (err != CKAFKA_OK)
        die("%s: %s (%s)", what, ckafka_errmsg(), ckafka_strerror(err));
}

int check_sys(int result, const char *what)
{
    if (result < 0)
        die("%s: %s", what, strerror(errno));
    return result;
}

/* The text between `before` and the next `after` in a line. */
static ckafka_slice_t between(ckafka_slice_t line, const char *before, char after)
{
    const char *end = (const char *)line.data + line.len;
    const char *start = memmem(line.data, line.len, before, strlen(before));
    if (start == NULL)
        die("no field %s in: %.*s", before, (int)line.len, (const char *)line.data);
    start += strlen(before);
    const char *stop = memchr(start, after, (size_t)(end - start));
    if (stop == NULL)
        die("field %s has no end in: %.*s", before, (int)line.len, (const char *)line.data);
    return (ckafka_slice_t){start, (size_t)(stop - start)};
}

static int64_t whole_number(ckafka_slice_t text)
{
    const char *digits = text.data;
    int64_t number = 0;
    if (text.len == 0 || text.len > 18)
        die("not a time in milliseconds: '%.*s'", (int)text.len, digits);
    for (size_t i = 0; i < text.len; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            die("not a time in milliseconds: '%.*s'", (int)text.len, digits);
        number = number * 10 + (digits[i] - '0');
    }
    return number;
}

quake_t quake_parse(ckafka_slice_t line)
{
    return (quake_t){
        .line = line,
        .id = between(line, "\"id\":\"", '"'),
        .network = between(line, "\"net\":\"", '"'),
        .place = between(line, "\"place\":\"", '"'),
        .magnitude = between(line, "\"mag\":", ','),
        .time_ms = whole_number(between(line, "\"time\":", ',')),
    };
}

static char *read_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    long end = -1;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0)
        die("%s: %s", path, strerror(errno));
    const size_t size = (size_t)end;
    char *text = malloc(size + 1);
    if (text == NULL)
        die("%s: not enough memory for %zu bytes", path, size);
    rewind(file);
    if (fread(text, 1, size, file) != size)
        die("%s: not read to its end", path);
    fclose(file);
    *size_out = size;
    return text;
}

quake_list_t quakes_load(const char *path)
{
    quake_list_t list = {0};
    size_t size, capacity = 0;
    list.text = read_file(path, &size);
    const char *rest = list.text, *end = list.text + size, *newline;
    while ((newline = memchr(rest, '\n', (size_t)(end - rest))) != NULL) {
        if (list.count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            list.events = realloc(list.events, capacity * sizeof *list.events);
            if (list.events == NULL)
                die("%s: not enough memory for %zu events", path, capacity);
        }
        list.events[list.count++] = quake_parse((ckafka_slice_t){rest, (size_t)(newline - rest)});
        rest = newline + 1;
    }
    if (list.count == 0)
        die("%s: no events", path);
    return list;
}

void quakes_free(quake_list_t *list)
{
    free(list->events);
    free(list->text);
    *list = (quake_list_t){0};
}

/* Exits unless a field of a record holds the bytes it should. A length of -1 is a null, and none is expected. */
static void compare_field(const char *name, int64_t offset, const char *found, int32_t found_len, ckafka_slice_t want)
{
    if (found_len >= 0 && (size_t)found_len == want.len && memcmp(found, want.data, want.len) == 0)
        return;
    die("record %" PRId64 ": the %s differs\n  found:    %.*s\n  expected: %.*s", offset, name,
        found_len < 0 ? 6 : (int)found_len, found_len < 0 ? "(null)" : found, (int)want.len, (const char *)want.data);
}

void quake_compare(const void *base, const ckafka_rec_t *record, int64_t offset, const quake_t *want)
{
    const char *bytes = base;
    if (record->offset != offset)
        die("record %" PRId64 " came where %" PRId64 " was expected", record->offset, offset);
    if (record->ts != want->time_ms)
        die("record %" PRId64 ": the time differs: found %" PRId64 ", expected %" PRId64, offset, record->ts,
            want->time_ms);
    compare_field("key", offset, bytes + record->key_pos, record->key_len, want->id);
    compare_field("value", offset, bytes + record->val_pos, record->val_len, want->line);

    size_t cursor = 0;
    ckafka_slice_t name, value;
    const size_t headers_size = record->hdr_len > 0 ? (size_t)record->hdr_len : 0;
    check(ckafka_header_next(bytes + record->hdr_pos, headers_size, &cursor, &name, &value), "reading a header");
    if (name.data == NULL || name.len != strlen(NETWORK_HEADER) || memcmp(name.data, NETWORK_HEADER, name.len) != 0)
        die("record %" PRId64 ": the header \"" NETWORK_HEADER "\" is missing", offset);
    compare_field("header \"" NETWORK_HEADER "\"", offset, value.data, (int32_t)value.len, want->network);
}

void time_text(int64_t time_ms, char text[TIME_TEXT_SIZE])
{
    const time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL || strftime(text, TIME_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &utc) == 0)
        die("not a time that a calendar knows: %" PRId64 " ms", time_ms);
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void print_rate(const char *what, int64_t record_count, uint64_t size, double seconds)
{
    printf("%s %" PRId64 " records, %" PRIu64 " bytes, %.1f MB/s\n", what, record_count, size,
           seconds > 0 ? (double)size / 1e6 / seconds : 0.0);
}

uint64_t stats_number(const char *json, const char *name)
{
    const char *at = strstr(json, name);
    if (at == NULL)
        die("the statistics do not tell %s: %s", name, json);
    return strtoull(at + strlen(name), NULL, 10);
}

int32_t core_for(int role)
{
    cpu_set_t allowed;
    check_sys(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
    int left = role % CPU_COUNT(&allowed);
    for (size_t core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &allowed) && left-- == 0)
            return (int32_t)core;
    die("no core for role %d", role);
}
