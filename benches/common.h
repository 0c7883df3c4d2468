/*
 * What every benchmark program shares: time, arguments, random numbers, checksums, percentiles, one line of JSON as the
 * result, and opening the one log that all of them use. Not here: what is measured.
 *
 * A program is called as `program CONTESTANT FOLDER [name=value]...` and measures that one contestant, so that each
 * runs in a process and a folder of its own. FOLDER is made by the caller.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <ckafka.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define _mm_crc32_u64 __crc32cd
#define _mm_crc32_u8 __crc32cb
#else
#error "the reference loops want CRC-32C in hardware, as the library has it"
#endif

#define MIB ((uint64_t)1 << 20)
#define TOPIC "bench"

/* How a program was called. */
typedef struct {
    const char *contestant, *folder;
    int count;
    char **given;
} args_t;

args_t args_parse(int argc, char **argv);
int args_is(const args_t *args, const char *contestant);
/* The number given as name=value, or what holds without it. */
int64_t args_number(const args_t *args, const char *name, int64_t otherwise);

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the program, saying why, unless the call went well. */
void check(ckafka_err_t err, const char *what);
int check_sys(int result, const char *what);

uint64_t now_ns(void);
/* As fork; the child ends with its parent, so that a failure leaves nobody spinning. */
pid_t start_child(void);
void spin_until(uint64_t when_ns);
/* Binds the calling thread to a core, counted around where there are fewer. */
void pin(int cpu);
/*
 * Takes memory from the host of a virtual machine and gives it back to the kernel, which hands it to whoever asks next: so
 * that no contestant pays for a first touch. What stays free for some seconds goes back to the host.
 */
void touch_memory(uint64_t size);
/* The same memory, kept: a file in memory of whole MiB, to be cut short as it is wanted. */
int reservoir_fill(uint64_t size);

/* One line of JSON on standard output. */
void emit_begin(void);
void emit_number(const char *name, double value);
void emit_text(const char *name, const char *json);
void emit_end(void);

/* Sorts, and emits p50, p90, p99, p999, p9999 and max under names that start with `prefix`. */
void emit_percentiles(const char *prefix, uint64_t *values, size_t count);
uint64_t median(uint64_t *values, size_t count);

/* A directory with one topic of one partition. */
typedef struct {
    ckafka_t *directory;
    ckafka_log_t *log;
} bench_log_t;

/* Opens it, making what is missing; settings are pairs of key and value, ended by NULL. */
bench_log_t log_open(const char *folder, const char *const *settings);
void log_close(bench_log_t *log);
/* The number behind a name, in what ckafka_stats tells. */
uint64_t log_stat(const bench_log_t *log, const char *name);

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A mapped file. */
typedef struct {
    int fd;
    unsigned char *bytes;
    uint64_t size;
} mapped_t;

/* Maps `size` bytes of a new file, of which the first `prepared` are written with zeroes and populated: whole MiB. */
mapped_t map_zeroed(const char *folder, const char *name, uint64_t size, uint64_t prepared);
/* The first segment of the log in `folder`, mapped for reading and populated. */
mapped_t map_segment(const char *folder);
void map_drop(mapped_t *map);

/* Calls the kernel's futex for a word shared between processes. */
void futex_wait(uint32_t *word, uint32_t expected);
void futex_wake(uint32_t *word, int count);

static inline uint64_t load_u64(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void store_u64(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline uint32_t crc32c(const unsigned char *bytes, size_t size)
{
    uint64_t crc = 0xffffffff;
    size_t done = 0;
    for (; done + 8 <= size; done += 8)
        crc = _mm_crc32_u64(crc, load_u64(bytes + done));
    for (; done < size; done++)
        crc = _mm_crc32_u8((uint32_t)crc, bytes[done]);
    return (uint32_t)crc ^ 0xffffffff;
}

/* The sum of all bytes, taken eight at a time. */
static inline uint64_t sum_bytes(const unsigned char *bytes, size_t size)
{
    uint64_t sum = 0;
    size_t done = 0;
    for (; done + 8 <= size; done += 8)
        sum += load_u64(bytes + done);
    for (; done < size; done++)
        sum += bytes[done];
    return sum;
}

static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Keeps a result that nobody looks at from being optimised away. */
static inline void keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value));
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

#endif
