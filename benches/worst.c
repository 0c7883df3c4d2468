/*
 * The slowest append of a steady load, across rolls, and what this process can say about why it was slow.
 *
 * bare    the frames of the bare loop into a map that was populated before: what the machine itself does to a thread
 * ckafka  ckafka_append of one 100-byte record a call; pretouch=1 starts the thread that prepares pages
 *
 * Every call is timed by itself. Of the slowest, beside the time: CPU time of the thread, context switches and page
 * faults within the call, and its offset; with the segments' base offsets the caller tells a roll from a growth.
 * seconds, rate (a second), segment_mib, pretouch
 */
#include "common.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define VALUE_SIZE 100
#define FRAME_SIZE 170 /* of a batch of one such record in Kafka's format */
#define SLOWEST_COUNT 24
#define HEAD_START_MIB 64 /* freed before the first append */

typedef struct {
    uint64_t ns, cpu_ns, number, at_ns;
    long voluntary, involuntary, faults_minor, faults_major;
} slow_t;

typedef struct {
    uint64_t cpu_ns;
    struct rusage usage;
} moment_t;

static moment_t moment(void)
{
    moment_t now;
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    now.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
    getrusage(RUSAGE_THREAD, &now.usage);
    return now;
}

/* Keeps the slowest calls, slowest first. */
static void note(slow_t *slowest, slow_t call)
{
    for (int i = 0; i < SLOWEST_COUNT; i++) {
        if (call.ns > slowest[i].ns) {
            slow_t pushed = slowest[i];
            slowest[i] = call;
            call = pushed;
        }
    }
}

static slow_t slow_call(uint64_t ns, uint64_t number, uint64_t at_ns, const moment_t *before)
{
    moment_t after = moment();
    return (slow_t){
        .ns = ns,
        .cpu_ns = after.cpu_ns - before->cpu_ns,
        .number = number,
        .at_ns = at_ns,
        .voluntary = after.usage.ru_nvcsw - before->usage.ru_nvcsw,
        .involuntary = after.usage.ru_nivcsw - before->usage.ru_nivcsw,
        .faults_minor = after.usage.ru_minflt - before->usage.ru_minflt,
        .faults_major = after.usage.ru_majflt - before->usage.ru_majflt,
    };
}

static void emit_slowest(const slow_t *slowest)
{
    char text[SLOWEST_COUNT * 200], *at = text;
    *at++ = '[';
    for (int i = 0; i < SLOWEST_COUNT && slowest[i].ns; i++)
        at += snprintf(at, (size_t)(text + sizeof text - at),
                       "%s{\"ns\":%llu,\"cpu_ns\":%llu,\"offset\":%llu,\"at_ns\":%llu,\"voluntary\":%ld,\"involuntary\":%ld,"
                       "\"minor\":%ld,\"major\":%ld}",
                       i ? "," : "", (unsigned long long)slowest[i].ns, (unsigned long long)slowest[i].cpu_ns,
                       (unsigned long long)slowest[i].number, (unsigned long long)slowest[i].at_ns, slowest[i].voluntary,
                       slowest[i].involuntary, slowest[i].faults_minor, slowest[i].faults_major);
    snprintf(at, (size_t)(text + sizeof text - at), "]");
    emit_text("slowest", text);
}

/* The base offsets of the segments that are there now, as a JSON list. */
static void emit_segments(const char *folder)
{
    char path[4096], text[1 << 16] = "[";
    size_t length = 1;
    snprintf(path, sizeof path, "%s/" TOPIC "-0", folder);
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        if (strlen(entry->d_name) == 24 && strcmp(entry->d_name + 20, ".log") == 0 && length < sizeof text - 32)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%llu", length > 1 ? "," : "",
                                       strtoull(entry->d_name, NULL, 10));
    if (entries)
        closedir(entries);
    memcpy(text + length, "]", 2);
    emit_text("segments", text);
}

/*
 * A process that holds touched memory and frees it a little faster than the log takes it: over so many seconds the host of a
 * virtual machine would take back what was touched before, and each MiB of growth would cost milliseconds.
 */
static pid_t start_reservoir(uint64_t bytes, uint64_t seconds)
{
    int ready[2];
    check_sys(pipe(ready), "pipe");
    pid_t keeper = start_child();
    if (keeper != 0) {
        char byte;
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            die("the reservoir was not filled");
        close(ready[0]);
        return keeper;
    }
    pin(1);
    uint64_t left = bytes / MIB * 3 / 2, steps = left, pause_us = seconds * 1000000 / steps;
    int fd = reservoir_fill((left + HEAD_START_MIB) * MIB);
    check_sys(ftruncate(fd, (off_t)(left * MIB)), "ftruncate");
    if (write(ready[1], "k", 1) != 1)
        die("write");
    while (left-- > 0) {
        usleep((useconds_t)pause_us);
        check_sys(ftruncate(fd, (off_t)(left * MIB)), "ftruncate");
    }
    _exit(0);
}

/* Makes one append, or what the bare loop does in its place. */
static inline void append_one(const bench_log_t *log, const mapped_t *map, unsigned char *value, uint64_t number)
{
    if (map->bytes) {
        uint32_t crc = crc32c(value, VALUE_SIZE);
        memcpy(value + VALUE_SIZE, &crc, sizeof crc);
        memcpy(map->bytes + number * FRAME_SIZE, value, FRAME_SIZE);
        return;
    }
    int64_t base;
    ckafka_record_t record = {.value = {value, VALUE_SIZE}, .ts = -1};
    check(ckafka_append(log->log, &record, 1, &base), "ckafka_append");
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    uint64_t rate = (uint64_t)args_number(&args, "rate", 100000), interval = 1000000000 / rate;
    uint64_t calls = (uint64_t)args_number(&args, "seconds", 30) * rate;
    int bare = args_is(&args, "bare");
    char segment_bytes[32];
    snprintf(segment_bytes, sizeof segment_bytes, "%lld", (long long)args_number(&args, "segment_mib", 64) << 20);
    pid_t keeper = start_reservoir(calls * FRAME_SIZE, calls / rate);
    pin(0);
    mapped_t map = {0};
    bench_log_t log = {0};
    if (bare)
        map = map_zeroed(args.folder, "frames", calls * FRAME_SIZE, calls * FRAME_SIZE);
    else
        log = log_open(args.folder, (const char *const[]){"segment.bytes", segment_bytes, "ckafka.pretouch.cpu", "1", NULL});
    if (!bare && args_number(&args, "pretouch", 0))
        check(ckafka_io_threads_start(log.directory, CKAFKA_IO_PRETOUCH), "ckafka_io_threads_start");
    uint64_t *ns = malloc(calls * sizeof *ns);
    memset(ns, 1, calls * sizeof *ns);
    slow_t slowest[SLOWEST_COUNT] = {{0}};
    unsigned char value[FRAME_SIZE] = {0};
    uint64_t begun = now_ns();
    for (uint64_t i = 0; i < calls; i++) {
        spin_until(begun + i * interval);
        store_u64(value, i);
        moment_t before = moment();
        uint64_t from = now_ns();
        append_one(&log, &map, value, i);
        ns[i] = now_ns() - from;
        if (ns[i] > slowest[SLOWEST_COUNT - 1].ns)
            note(slowest, slow_call(ns[i], i, from - begun, &before));
    }
    emit_begin();
    emit_number("calls", (double)calls);
    emit_number("seconds", (double)(now_ns() - begun) * 1e-9);
    emit_number("growths", bare ? 0 : (double)log_stat(&log, "growths"));
    emit_number("batch_bytes", bare ? FRAME_SIZE : (double)log_stat(&log, "bytes") / (double)calls);
    emit_number("rolls", bare ? 0 : (double)log_stat(&log, "rolls"));
    emit_slowest(slowest);
    emit_segments(args.folder);
    emit_percentiles("ns_", ns, calls);
    emit_end();
    kill(keeper, SIGKILL);
    if (!bare)
        log_close(&log);
    return 0;
}
