/*
 * How long until another process has what one process wrote: the writer takes the time, the reader takes it when it sees it.
 *
 * bare-spin, bare-futex      a shared page with a word that counts: the reader spins on it, or sleeps on it
 * ckafka-spin, ckafka-futex  ckafka_append of a 100-byte record; the reader calls ckafka_reader_fetch without a
 *                            time-out over and over, or with a long one
 *
 * Writer and reader are bound to a core each. What the writer had overtaken when the reader looked, because the reader was
 * off its core, is in no figure. messages, rate (a second)
 */
#include "common.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE_SIZE 100

/* What both processes map. */
typedef struct {
    uint32_t word __attribute__((aligned(64)));
    _Atomic uint64_t sent_ns;
    atomic_int ready __attribute__((aligned(64)));
    uint64_t count;
    uint64_t ns[];
} shared_t;

typedef struct {
    shared_t *shared;
    uint64_t messages, rate, warm_up;
    int sleeps;
} run_t;

static void note(const run_t *run, uint64_t number, uint64_t ns)
{
    if (number >= run->warm_up)
        run->shared->ns[run->shared->count++] = ns;
}

static void bare_read(const run_t *run)
{
    shared_t *shared = run->shared;
    atomic_store(&shared->ready, 1);
    for (uint32_t seen = 0, word; seen < run->messages; seen = word) {
        while ((word = __atomic_load_n(&shared->word, __ATOMIC_ACQUIRE)) == seen) {
            if (run->sleeps)
                futex_wait(&shared->word, seen);
            else
                cpu_relax();
        }
        uint64_t now = now_ns(), sent = atomic_load_explicit(&shared->sent_ns, memory_order_acquire);
        if (word == seen + 1 && sent <= now)
            note(run, seen, now - sent);
    }
}

static void bare_write(const run_t *run)
{
    shared_t *shared = run->shared;
    uint64_t begun = now_ns();
    for (uint64_t i = 0; i < run->messages; i++) {
        spin_until(begun + i * (1000000000 / run->rate));
        atomic_store_explicit(&shared->sent_ns, now_ns(), memory_order_release);
        __atomic_add_fetch(&shared->word, 1, __ATOMIC_SEQ_CST);
        if (run->sleeps)
            futex_wake(&shared->word, 1);
    }
}

static void ckafka_read(const run_t *run, const char *folder)
{
    bench_log_t log = log_open(folder, NULL);
    ckafka_reader_t *reader;
    check(ckafka_reader_open(log.log, CKAFKA_START_LATEST, NULL, &reader), "ckafka_reader_open");
    atomic_store(&run->shared->ready, 1);
    for (uint64_t seen = 0; seen < run->messages;) {
        ckafka_view_t *view;
        const ckafka_rec_t *records;
        const void *base;
        size_t count, size;
        ckafka_err_t err = ckafka_reader_fetch(reader, MIB, run->sleeps ? 1000 : 0, &view);
        if (err == CKAFKA_ERR__TIMED_OUT)
            continue;
        check(err, "ckafka_reader_fetch");
        check(ckafka_view_base(view, &base, &size), "ckafka_view_base");
        check(ckafka_view_records(view, &records, &count), "ckafka_view_records");
        uint64_t now = now_ns();
        if (count == 1)
            note(run, seen, now - load_u64((const char *)base + records[0].val_pos));
        seen += count;
        ckafka_view_release(view);
    }
    check(ckafka_reader_close(reader), "ckafka_reader_close");
    log_close(&log);
}

static void ckafka_write(const run_t *run, bench_log_t *log)
{
    unsigned char value[VALUE_SIZE] = {0};
    ckafka_record_t record = {.value = {value, sizeof value}, .ts = -1};
    uint64_t begun = now_ns();
    for (uint64_t i = 0; i < run->messages; i++) {
        int64_t base;
        spin_until(begun + i * (1000000000 / run->rate));
        store_u64(value, now_ns());
        check(ckafka_append(log->log, &record, 1, &base), "ckafka_append");
    }
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    int bare = strncmp(args.contestant, "bare", 4) == 0;
    run_t run = {.messages = (uint64_t)args_number(&args, "messages", 20000), .rate = (uint64_t)args_number(&args, "rate", 10000)};
    run.sleeps = strstr(args.contestant, "futex") != NULL;
    run.warm_up = run.messages / 10;
    size_t size = sizeof(shared_t) + run.messages * sizeof(uint64_t);
    run.shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (run.shared == MAP_FAILED)
        die("mmap");
    /* Both find it made. */
    bench_log_t log = {0};
    if (!bare) {
        log = log_open(args.folder, NULL);
        log_close(&log);
    }
    pid_t reader = start_child();
    if (reader == 0) {
        pin(1);
        if (bare)
            bare_read(&run);
        else
            ckafka_read(&run, args.folder);
        _exit(0);
    }
    pin(0);
    if (!bare)
        log = log_open(args.folder, NULL);
    int status = 0;
    while (!atomic_load(&run.shared->ready))
        if (waitpid(reader, &status, WNOHANG) > 0)
            die("the reading process ended early");
    usleep(20000);
    if (bare)
        bare_write(&run);
    else
        ckafka_write(&run, &log);
    check_sys(waitpid(reader, &status, 0), "waitpid");
    if (status != 0)
        die("the reading process failed");
    if (!bare)
        log_close(&log);
    emit_begin();
    emit_number("messages", (double)run.shared->count);
    emit_percentiles("ns_", run.shared->ns, run.shared->count);
    emit_end();
    return 0;
}
