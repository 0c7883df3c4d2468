/*
 * What common.h promises.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

void check(ckafka_err_t err, const char *what)
{
    if (err != CKAFKA_OK) {
        const char *message = ckafka_errmsg();
        die("%s: %s: %s", what, ckafka_strerror(err), message ? message : "");
    }
}

int check_sys(int result, const char *what)
{
    if (result < 0)
        die("%s: %s", what, strerror(errno));
    return result;
}

args_t args_parse(int argc, char **argv)
{
    if (argc < 3)
        die("usage: %s CONTESTANT FOLDER [name=value]...", argv[0]);
    return (args_t){.contestant = argv[1], .folder = argv[2], .count = argc - 3, .given = argv + 3};
}

int args_is(const args_t *args, const char *contestant)
{
    return strcmp(args->contestant, contestant) == 0;
}

int64_t args_number(const args_t *args, const char *name, int64_t otherwise)
{
    size_t length = strlen(name);
    for (int i = 0; i < args->count; i++)
        if (strncmp(args->given[i], name, length) == 0 && args->given[i][length] == '=')
            return strtoll(args->given[i] + length + 1, NULL, 10);
    return otherwise;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void spin_until(uint64_t when_ns)
{
    while (now_ns() < when_ns)
        cpu_relax();
}

void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
    check_sys(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

int reservoir_fill(uint64_t size)
{
    static unsigned char piece[MIB];
    int fd = check_sys(memfd_create("reservoir", MFD_CLOEXEC), "memfd_create");
    for (uint64_t at = 0; at < size; at += MIB)
        if (pwrite(fd, piece, MIB, (off_t)at) != (ssize_t)MIB)
            die("memory of %llu bytes: %s", (unsigned long long)size, strerror(errno));
    return fd;
}

void touch_memory(uint64_t size)
{
    if (size > 0)
        close(reservoir_fill(size));
}

pid_t start_child(void)
{
    pid_t parent = getpid(), child = check_sys(fork(), "fork");
    if (child == 0) {
        check_sys(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
        if (getppid() != parent)
            _exit(1);
    }
    return child;
}

static int emitted;

void emit_begin(void)
{
    emitted = 0;
    putchar('{');
}

static void emit_name(const char *name)
{
    printf("%s\"%s\":", emitted++ ? "," : "", name);
}

void emit_number(const char *name, double value)
{
    emit_name(name);
    printf("%.15g", value);
}

void emit_text(const char *name, const char *json)
{
    emit_name(name);
    fputs(json, stdout);
}

void emit_end(void)
{
    puts("}");
    fflush(stdout);
}

static int compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

uint64_t median(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_u64);
    return count ? values[count / 2] : 0;
}

void emit_percentiles(const char *prefix, uint64_t *values, size_t count)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}, {"max", 1}};
    qsort(values, count, sizeof *values, compare_u64);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, points[i].name);
        size_t at = (size_t)((double)count * points[i].share);
        emit_number(name, count ? (double)values[at < count ? at : count - 1] : 0);
    }
}

bench_log_t log_open(const char *folder, const char *const *settings)
{
    bench_log_t opened;
    ckafka_conf_t *conf = ckafka_conf_new();
    for (; settings && settings[0]; settings += 2)
        check(ckafka_conf_set(conf, settings[0], settings[1]), settings[0]);
    check(ckafka_open(folder, conf, CKAFKA_OPEN_CREATE, &opened.directory), "ckafka_open");
    ckafka_err_t made = ckafka_topic_create(opened.directory, TOPIC, 1, conf);
    if (made != CKAFKA_ERR_TOPIC_ALREADY_EXISTS)
        check(made, "ckafka_topic_create");
    ckafka_conf_free(conf);
    check(ckafka_log_open(opened.directory, TOPIC, 0, &opened.log), "ckafka_log_open");
    return opened;
}

void log_close(bench_log_t *log)
{
    check(ckafka_log_close(log->log), "ckafka_log_close");
    check(ckafka_close(log->directory), "ckafka_close");
}

uint64_t log_stat(const bench_log_t *log, const char *name)
{
    char *json, quoted[64];
    check(ckafka_stats(log->directory, &json), "ckafka_stats");
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(json, quoted);
    if (!at)
        die("no %s in the statistics: %s", name, json);
    uint64_t value = strtoull(at + strlen(quoted), NULL, 10);
    ckafka_free(json);
    return value;
}

mapped_t map_zeroed(const char *folder, const char *name, uint64_t size, uint64_t prepared)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mapped_t map = {.size = (size + MIB - 1) / MIB * MIB};
    map.fd = check_sys(open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), path);
    unsigned char *zeroes = calloc(1, MIB);
    for (uint64_t at = 0; at < prepared; at += MIB)
        if (pwrite(map.fd, zeroes, MIB, (off_t)at) != (ssize_t)MIB)
            die("%s: %s", path, strerror(errno));
    free(zeroes);
    map.bytes = mmap(NULL, map.size, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
    if (map.bytes == MAP_FAILED)
        die("mmap of %s: %s", path, strerror(errno));
    check_sys(madvise(map.bytes, prepared, MADV_POPULATE_WRITE), "madvise");
    return map;
}

mapped_t map_segment(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" TOPIC "-0/%020d.log", folder, 0);
    mapped_t map = {.fd = check_sys(open(path, O_RDONLY | O_CLOEXEC), path)};
    struct stat stat;
    check_sys(fstat(map.fd, &stat), path);
    map.size = (uint64_t)stat.st_size;
    map.bytes = mmap(NULL, map.size, PROT_READ, MAP_SHARED, map.fd, 0);
    if (map.bytes == MAP_FAILED)
        die("mmap of %s: %s", path, strerror(errno));
    check_sys(madvise(map.bytes, map.size, MADV_POPULATE_READ), "madvise");
    return map;
}

void map_drop(mapped_t *map)
{
    munmap(map->bytes, map->size);
    close(map->fd);
}

void futex_wait(uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
}

void futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}
