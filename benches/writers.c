/*
 * Several processes append to one partition of one directory at once.
 *
 * shared    each process appends one record a call, until all of them together have appended `records`
 * durable   each process has `threads` that append durably, for some seconds
 * takeover  of two processes one is killed with the append word in its hands, again and again: how long the other one waits
 *
 * shared:   writers, records, size; populated (1: the segment is zeroed and in the page cache before anybody begins), timed (1: how long each call took)
 * durable:  writers, threads, seconds_tenths, size
 * takeover: rounds
 */
#include "common.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS_MAX = 64, THREADS_MAX = 64, SHARE = 64, VALUE_MAX = 4096, SAMPLES_MAX = 1 << 22 };

/* What the processes of one run share beside the log. */
typedef struct {
    atomic_int ready, go, stopping, counting;
    _Atomic uint64_t appended; /* claimed, in shares */
    struct {
        _Alignas(64) _Atomic uint64_t count, ended_ns, worst_ns, p999_ns;
    } of[WRITERS_MAX];
} board_t;

typedef struct {
    const char *folder;
    int writers, threads, timed;
    uint64_t records, size;
    board_t *board;
} run_t;

static board_t *board_new(void)
{
    board_t *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        die("mmap");
    return board;
}

static void append_one(const bench_log_t *log, const unsigned char *value, uint64_t size)
{
    int64_t base;
    ckafka_record_t record = {.value = {value, size}, .ts = -1};
    check(ckafka_append(log->log, &record, 1, &base), "ckafka_append");
}

static void wait_for_go(board_t *board)
{
    atomic_fetch_add(&board->ready, 1);
    while (!atomic_load(&board->go))
        usleep(100);
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* One writer of the pool: it takes shares of the records until there are none left. */
static void write_shares(const run_t *run, int number)
{
    static unsigned char value[VALUE_MAX];
    board_t *board = run->board;
    bench_log_t log = log_open(run->folder, NULL);
    uint32_t *times = run->timed ? calloc(SAMPLES_MAX, sizeof *times) : NULL;
    uint64_t count = 0, worst = 0;
    memset(value, 'v', sizeof value);
    wait_for_go(board);
    while (atomic_fetch_add(&board->appended, SHARE) < run->records) {
        for (int i = 0; i < SHARE; i++, count++) {
            uint64_t begun = run->timed ? now_ns() : 0;
            append_one(&log, value, run->size);
            if (run->timed) {
                uint64_t took = now_ns() - begun;
                worst = took > worst ? took : worst;
                times[count % SAMPLES_MAX] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
            }
        }
    }
    board->of[number].ended_ns = now_ns();
    board->of[number].count = count;
    board->of[number].worst_ns = worst;
    if (times) {
        size_t kept = count < SAMPLES_MAX ? count : SAMPLES_MAX;
        qsort(times, kept, sizeof *times, compare_times);
        board->of[number].p999_ns = kept ? times[(size_t)((double)kept * 0.999)] : 0;
    }
    log_close(&log);
}

static void wait_for_all(pid_t *children, int count)
{
    for (int i = 0; i < count; i++) {
        int status;
        check_sys(waitpid(children[i], &status, 0), "waitpid");
        if (status != 0)
            die("a writer ended with status %#x", status);
    }
}

static void wait_until_ready(board_t *board, int count)
{
    while (atomic_load(&board->ready) < count)
        usleep(100);
}

/* The append word of the partition, and with it its control page. */
static const _Atomic uint32_t *append_word(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" TOPIC "-0/ckafka.control", folder);
    int fd = check_sys(open(path, O_RDONLY | O_CLOEXEC), path);
    const unsigned char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        die("mmap of %s", path);
    close(fd);
    return (const _Atomic uint32_t *)(const void *)(page + 64);
}

/* A writer that appends for ever. */
static pid_t start_appender(const char *folder, int cpu, _Atomic uint64_t *count)
{
    pid_t child = start_child();
    if (child == 0) {
        static unsigned char value[100];
        pin(cpu);
        bench_log_t log = log_open(folder, NULL);
        for (;;) {
            append_one(&log, value, sizeof value);
            atomic_fetch_add_explicit(count, 1, memory_order_release);
        }
    }
    return child;
}

/* Stops the victim where it holds the word. Slots are taken from 0 on, so each process knows the others' numbers. */
static void stop_inside(pid_t victim, uint32_t slot, const _Atomic uint32_t *word)
{
    for (int tries = 0; tries < 100000; tries++) {
        usleep((useconds_t)(now_ns() % 300));
        check_sys(kill(victim, SIGSTOP), "SIGSTOP");
        check_sys(waitpid(victim, NULL, WUNTRACED), "waitpid");
        uint32_t held = atomic_load(word) & 0x7fffffff;
        if (held != 0 && (held & 0xff) == slot)
            return;
        check_sys(kill(victim, SIGCONT), "SIGCONT");
    }
    die("the victim was never found with the word in its hands");
}

/*
 * Zeroes the segment to its full size and leaves its pages in the cache. The log learns of it as it does after any death: who takes the append word from a dead
 * writer sets the prepared end from the length of the file.
 */
static void populate(const char *folder, uint64_t bytes)
{
    board_t *board = board_new();
    pid_t victim = start_appender(folder, 0, &board->of[0].count);
    while (atomic_load(&board->of[0].count) < 100)
        usleep(100);
    stop_inside(victim, 1, append_word(folder));
    char path[4096];
    snprintf(path, sizeof path, "%s/" TOPIC "-0/%020d.log", folder, 0);
    static const unsigned char zeroes[MIB];
    int fd = check_sys(open(path, O_RDWR | O_CLOEXEC), path);
    for (uint64_t at = (uint64_t)lseek(fd, 0, SEEK_END); at < bytes; at += MIB)
        if (pwrite(fd, zeroes, MIB, (off_t)at) != (ssize_t)MIB)
            die("pwrite");
    check_sys(fsync(fd), "fsync");
    close(fd);
    check_sys(kill(victim, SIGKILL), "SIGKILL");
    check_sys(waitpid(victim, NULL, 0), "waitpid");
}

static void run_shared(const args_t *args, run_t *run)
{
    pid_t children[WRITERS_MAX];
    board_t *board = run->board;
    uint64_t last = 0;
    bench_log_t keeper = log_open(args->folder, (const char *const[]){"segment.bytes", "1073741824", NULL});
    if (args_number(args, "populated", 0)) {
        populate(args->folder, 1u << 30);
        append_one(&keeper, (const unsigned char *)"x", 1);
    }
    uint64_t growths = log_stat(&keeper, "growths");
    for (int i = 0; i < run->writers; i++)
        if ((children[i] = start_child()) == 0) {
            pin(i);
            write_shares(run, i);
            exit(0);
        }
    wait_until_ready(board, run->writers);
    uint64_t begun = now_ns();
    atomic_store(&board->go, 1);
    wait_for_all(children, run->writers);
    uint64_t count = 0;
    for (int i = 0; i < run->writers; i++) {
        count += board->of[i].count;
        last = board->of[i].ended_ns > last ? board->of[i].ended_ns : last;
    }
    growths = log_stat(&keeper, "growths") - growths;
    log_close(&keeper);
    emit_begin();
    emit_number("records", (double)count);
    emit_number("ns", (double)(last - begun));
    emit_number("growths", (double)growths);
    for (int i = 0; i < run->writers; i++) {
        char name[32];
        snprintf(name, sizeof name, "share_%d", i);
        emit_number(name, (double)board->of[i].count / (double)count);
        snprintf(name, sizeof name, "worst_ns_%d", i);
        emit_number(name, (double)board->of[i].worst_ns);
        snprintf(name, sizeof name, "p999_ns_%d", i);
        emit_number(name, (double)board->of[i].p999_ns);
    }
    emit_end();
}

typedef struct {
    const bench_log_t *log;
    const run_t *run;
    uint64_t count;
} syncing_t;

static void *append_durably(void *given)
{
    syncing_t *self = given;
    static unsigned char value[VALUE_MAX];
    ckafka_record_t record = {.value = {value, self->run->size}, .ts = -1};
    int64_t base;
    while (!atomic_load_explicit(&self->run->board->stopping, memory_order_relaxed)) {
        check(ckafka_append_durable(self->log->log, &record, 1, -1, &base), "ckafka_append_durable");
        if (atomic_load_explicit(&self->run->board->counting, memory_order_relaxed))
            self->count++;
    }
    return NULL;
}

static void write_durably(const run_t *run, int number)
{
    pthread_t threads[THREADS_MAX];
    syncing_t syncing[THREADS_MAX];
    bench_log_t log = log_open(run->folder, NULL);
    wait_for_go(run->board);
    for (int i = 0; i < run->threads; i++) {
        syncing[i] = (syncing_t){&log, run, 0};
        if (pthread_create(&threads[i], NULL, append_durably, &syncing[i]))
            die("pthread_create");
    }
    for (int i = 0; i < run->threads; i++) {
        pthread_join(threads[i], NULL);
        run->board->of[number].count += syncing[i].count;
    }
    log_close(&log);
}

static void run_durable(const args_t *args, run_t *run)
{
    pid_t children[WRITERS_MAX];
    bench_log_t keeper = log_open(args->folder, NULL);
    for (int i = 0; i < run->writers; i++)
        if ((children[i] = start_child()) == 0) {
            write_durably(run, i);
            exit(0);
        }
    wait_until_ready(run->board, run->writers);
    atomic_store(&run->board->go, 1);
    usleep(400000);
    uint64_t begun = now_ns(), count = 0;
    atomic_store(&run->board->counting, 1);
    usleep((useconds_t)args_number(args, "seconds_tenths", 15) * 100000);
    atomic_store(&run->board->counting, 0);
    uint64_t ns = now_ns() - begun;
    atomic_store(&run->board->stopping, 1);
    wait_for_all(children, run->writers);
    for (int i = 0; i < run->writers; i++)
        count += run->board->of[i].count;
    log_close(&keeper);
    emit_begin();
    emit_number("records", (double)count);
    emit_number("ns", (double)ns);
    emit_end();
}

/* How long until the survivor appends again, counted from when the kernel has let go of the dead. */
static uint64_t one_takeover(const char *folder, const _Atomic uint32_t *word, board_t *board)
{
    _Atomic uint64_t *survivor_count = &board->of[0].count, *victim_count = &board->of[1].count;
    atomic_store(victim_count, 0);
    pid_t victim = start_appender(folder, 1, victim_count);
    while (atomic_load(victim_count) < 50)
        usleep(100);
    stop_inside(victim, 2, word);
    uint64_t before = atomic_load(survivor_count);
    check_sys(kill(victim, SIGKILL), "SIGKILL");
    check_sys(waitpid(victim, NULL, 0), "waitpid");
    uint64_t dead = now_ns();
    /* The first may be one that was over before the stop, and not yet counted. */
    while (atomic_load_explicit(survivor_count, memory_order_acquire) < before + 2)
        cpu_relax();
    return now_ns() - dead;
}

static void run_takeover(const args_t *args, run_t *run)
{
    enum { ROUNDS_MAX = 10000 };
    static uint64_t waits[ROUNDS_MAX];
    int rounds = (int)args_number(args, "rounds", 50);
    if (rounds < 1 || rounds > ROUNDS_MAX)
        die("rounds: 1 to %d", ROUNDS_MAX);
    bench_log_t keeper = log_open(args->folder, NULL);
    const _Atomic uint32_t *word = append_word(args->folder);
    pid_t survivor = start_appender(args->folder, 0, &run->board->of[0].count);
    while (atomic_load(&run->board->of[0].count) < 50)
        usleep(100);
    for (int i = 0; i < rounds; i++)
        waits[i] = one_takeover(args->folder, word, run->board);
    check_sys(kill(survivor, SIGKILL), "SIGKILL");
    check_sys(waitpid(survivor, NULL, 0), "waitpid");
    uint64_t takeovers = log_stat(&keeper, "takeovers");
    if (takeovers < (uint64_t)rounds)
        die("%d rounds, %llu takeovers", rounds, (unsigned long long)takeovers);
    static const uint64_t bounds_ms[] = {1, 2, 5, 10, 20, 50, 100, 1000};
    char text[512] = "[";
    for (size_t bound = 0, from = 0; bound < sizeof bounds_ms / sizeof *bounds_ms; bound++) {
        size_t within = 0;
        for (int i = 0; i < rounds; i++)
            within += waits[i] <= bounds_ms[bound] * 1000000;
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s[%llu,%zu]", bound ? "," : "", (unsigned long long)bounds_ms[bound], within - from);
        from = within;
    }
    strcat(text, "]");
    /* The word may have been the survivor's to free: that is closed like any other. */
    log_close(&keeper);
    emit_begin();
    emit_number("rounds", rounds);
    emit_percentiles("ns_", waits, (size_t)rounds);
    emit_text("histogram", text);
    emit_end();
}

int main(int argc, char **argv)
{
    args_t args = args_parse(argc, argv);
    run_t run = {
        .folder = args.folder,
        .writers = (int)args_number(&args, "writers", 2),
        .threads = (int)args_number(&args, "threads", 1),
        .timed = (int)args_number(&args, "timed", 0),
        .records = (uint64_t)args_number(&args, "records", 1000000),
        .size = (uint64_t)args_number(&args, "size", 100),
        .board = board_new(),
    };
    if (run.writers < 1 || run.writers > WRITERS_MAX || run.threads < 1 || run.threads > THREADS_MAX || run.size > VALUE_MAX)
        die("writers: 1 to %d, threads: 1 to %d, size: at most %d", WRITERS_MAX, THREADS_MAX, VALUE_MAX);
    touch_memory((uint64_t)args_number(&args, "touch_mib", 0) * MIB);
    if (args_is(&args, "durable"))
        run_durable(&args, &run);
    else if (args_is(&args, "takeover"))
        run_takeover(&args, &run);
    else
        run_shared(&args, &run);
    return 0;
}
